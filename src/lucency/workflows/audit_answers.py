"""What classifiers tell in an audit: the nearest-neighbour look-up, shortcuts, doubted labels; kept by content."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lucency.errors import MissingExtraError, RunError
from lucency.workflows.kept_copies import audit_version
from lucency.workflows.run_folder import read_rows, write_text
from lucency.workflows.teller import Teller

if TYPE_CHECKING:
    from lucency.datasets.audit.evidence import Evidence
    from lucency.datasets.audit.findings import Finding
    from lucency.datasets.manifest import Manifest

OUT_OF_FOLD = "out_of_fold.csv"


@dataclass(frozen=True)
class Answers:
    """What classifiers told of some films, as plain JSON values.

    Attributes:
        look_up: For "val" and "test" what copying the nearest film's label scores, or None.
        shortcuts: One entry for each probe.
        label_errors: What a cross-validation says of the labels, or None.
        findings: Findings on shortcuts and labels, as JSON.
    """

    look_up: Mapping[str, Any]
    shortcuts: Sequence[Mapping[str, Any]]
    label_errors: Mapping[str, Any] | None
    findings: Sequence[Mapping[str, Any]]

    def as_findings(self) -> list[Finding]:
        """The findings, as the other checks give theirs."""
        from lucency.datasets.audit.findings import Finding

        return [Finding(**{**found, "image_ids": tuple(found["image_ids"])}) for found in self.findings]


def ask_classifiers(
    evidence: Evidence, prepared: Path, *, shortcuts: bool, scores: list[dict[str, Any]] | None, teller: Teller
) -> Answers:
    """Asks classifiers, or looks up what they said of the same films before.

    Args:
        evidence: Films with splits, survey and copies.
        prepared: Home of prepared films.
        shortcuts: Look for shortcuts too.
        scores: Of `out_of_fold`, by which labels are doubted; None for none.
        teller: Hears of progress.

    Raises:
        MissingExtraError: scikit-learn or cleanlab is not installed.
    """
    from lucency.datasets.audit.film_sides import kept_together

    assert evidence.survey is not None
    assert evidence.copies is not None
    blocks = kept_together(evidence.manifest, evidence.copies)
    file = prepared / "audits" / f"answers-{_key(evidence, blocks, shortcuts, scores)}.json"
    try:
        return Answers(**json.loads(file.read_text("utf-8")))
    except (OSError, ValueError, TypeError):
        pass
    try:
        answers = _ask(evidence, blocks, shortcuts, scores, teller)
    except ModuleNotFoundError as missing:
        raise MissingExtraError(str(missing.name), extra="audit", need="An audit") from None
    write_text(file, json.dumps(answers.__dict__, allow_nan=False))
    return answers


def _ask(
    evidence: Evidence,
    blocks: list[str],
    shortcuts: bool,
    scores: list[dict[str, Any]] | None,
    teller: Teller,
) -> Answers:
    from lucency.evaluation.label_errors import find_label_errors, label_error_findings
    from lucency.evaluation.look_up import look_up
    from lucency.evaluation.shortcuts import find_shortcuts, shortcut_findings

    survey, table = evidence.survey, evidence.manifest.table
    assert survey is not None
    teller.progress("looking films up", 0, 1)
    found = look_up(survey.thumbs, survey.rows, table["label"].to_numpy(), list(table["split"]), blocks)
    teller.progress("looking films up", 1, 1)
    findings: list[Finding] = []
    probes: list[dict[str, Any]] = []
    if shortcuts:
        told = find_shortcuts(
            evidence.manifest,
            survey,
            blocks,
            progress=lambda done, total: teller.progress("looking for shortcuts", done, total),
        )
        probes = [probe.to_json() for probe in told.probes]
        findings += shortcut_findings(told)
    errors = None
    if scores is not None:
        errors = find_label_errors(
            [row["label"] for row in scores],
            [row["probability"] for row in scores],
            [row["image_id"] for row in scores],
            [row["group"] for row in scores],
        )
        findings += label_error_findings(errors)
    return Answers(
        look_up={split: None if one is None else one.to_json() for split, one in found.items()},
        shortcuts=probes,
        label_errors=None if errors is None else errors.to_json(),
        findings=[finding.to_json() for finding in findings],
    )


def _key(evidence: Evidence, blocks: list[str], shortcuts: bool, scores: list[dict[str, Any]] | None) -> str:
    survey, table = evidence.survey, evidence.manifest.table
    assert survey is not None
    digest = hashlib.sha256(audit_version().encode())
    # A film may become readable though no byte of it changed: by another decoder, or by rights to its file.
    digest.update((survey.rows >= 0).tobytes())
    for name in sorted(table.columns):
        digest.update(f"\0{name}\0".encode() + "\n".join(map(str, table[name])).encode("utf-8", "surrogateescape"))
    digest.update(json.dumps([blocks, shortcuts, scores]).encode("utf-8", "surrogateescape"))
    return digest.hexdigest()[:24]


def out_of_fold(run: str | os.PathLike[str], films: Manifest) -> list[dict[str, Any]]:
    """What a cross-validation said of films that its models did not see, with the labels that are audited.

    Args:
        run: Its folder.
        films: Those that are audited.

    Raises:
        RunError: It is none, is not finished, or answered none of these films.
    """
    run = Path(run)
    place = run / OUT_OF_FOLD
    if not place.is_file():
        problem = f"holds no {OUT_OF_FOLD}" if run.is_dir() else "does not exist"
        raise RunError(problem, where=run, hint="Give a folder that `lucency cross-validate` wrote and finished")
    table = films.table
    label_of = {image_id: int(label) for image_id, label in zip(table["image_id"], table["label"], strict=True)}
    try:
        rows = [
            {
                "image_id": row["image_id"],
                "label": label_of[row["image_id"]],
                "probability": float(row["probability"]),
                "group": row["group"],
            }
            for row in read_rows(place)
            if row["image_id"] in label_of
        ]
    except (OSError, KeyError, ValueError, TypeError) as failed:
        raise RunError(f"{OUT_OF_FOLD} cannot be read ({failed})", where=run) from None
    if not rows:
        raise RunError("answered none of these films", where=run, hint="Give a cross-validation of the same data")
    return rows
