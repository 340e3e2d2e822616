"""Films -> what is wrong with them: decoded, compared, looked up, probed, and written down."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from lucency._version import __version__
from lucency.errors import StrictError
from lucency.workflows.audit_answers import ask_classifiers, out_of_fold
from lucency.workflows.audit_films import (
    audit_folder,
    compare_films,
    decode_once,
    films_to_audit,
    prepared_beside,
)
from lucency.workflows.audit_record import JSON, refuse_among, refuse_folder, write_audit
from lucency.workflows.quarantine_place import refuse_quarantine
from lucency.workflows.teller import Teller

if TYPE_CHECKING:
    from lucency.datasets.audit.evidence import Evidence
    from lucency.datasets.audit.report import AuditReport
    from lucency.datasets.manifest import Manifest


@dataclass(frozen=True)
class Audited:
    """An audit, and what it was made of.

    Attributes:
        report: What was found.
        evidence: The films with the splits that were looked at, what decoding told, and which are copies.
        given: The films with the splits that the data set gives.
        folder: Where it was written.
        files: What was written there.
    """

    report: AuditReport
    evidence: Evidence
    given: Manifest
    folder: Path
    files: tuple[Path, ...]

    def refuse(self, severity: str) -> None:
        """Stops a program that wants no findings of a severity, or of a worse one.

        Args:
            severity: "error" or "warning".

        Raises:
            StrictError: There is one.
        """
        refused = ("error",) if severity == "error" else ("error", "warning")
        severe = sum(finding.severity in refused for finding in self.report.findings)
        if severe:
            raise StrictError(
                f"{severe} finding{'s' if severe > 1 else ''} that --fail-on {severity} does not let pass",
                where=self.folder / JSON,
                hint="Mend the data, or see what --fix can do",
            )


def audit(
    data: str | os.PathLike[str] | Manifest,
    *,
    labels: Mapping[str, int] | None = None,
    groups: str | os.PathLike[str] | None = None,
    out: str | os.PathLike[str] | None = None,
    html: bool = False,
    shortcuts: bool = True,
    run: str | os.PathLike[str] | None = None,
    workers: int | None = None,
    teller: Teller | None = None,
) -> AuditReport:
    """Says what is wrong with a data set, before anybody believes an accuracy.

    Every film is decoded and compared with all others; the splits that are given, or a random one where there are
    none, are looked at for leakage; classifiers try to tell the label from what is not bone. What was found out is
    kept by content beside the prepared films: a second audit of unchanged films takes seconds, and one that was
    interrupted goes on where it stopped.

    Args:
        data: Folder of films, a CSV or Parquet table, or a manifest of `read_films`.
        labels: Further names of classes, such as {"bruch": 1, "heil": 0}.
        groups: CSV with image_id and group.
        out: Folder for audit.json, films.csv, clusters.csv and findings.csv; `runs/audit/<name of the data>` where
            None.
        html: Write audit.html too, one page that opens offline.
        shortcuts: Look for shortcuts too, which takes a good part of the time.
        run: Folder of a cross-validation of these films, by which labels are doubted.
        workers: Threads that decode films.
        teller: Hears of progress.

    Returns:
        What was found: a verdict, tables as DataFrames, findings, counts.

    Raises:
        DatasetError: Nothing usable is there, or `out` lies among the films.
        LucencyError: Another of its kinds; what was found out until then is kept.
        KeyboardInterrupt: Likewise; the same call goes on.
    """
    return audit_films(
        data, labels=labels, groups=groups, out=out, html=html, shortcuts=shortcuts, run=run, workers=workers,
        teller=teller,
    ).report  # fmt: skip


def audit_films(
    data: str | os.PathLike[str] | Manifest,
    *,
    labels: Mapping[str, int] | None = None,
    groups: str | os.PathLike[str] | None = None,
    out: str | os.PathLike[str] | None = None,
    html: bool = False,
    shortcuts: bool = True,
    run: str | os.PathLike[str] | None = None,
    quarantine: str | os.PathLike[str] | None = None,
    workers: int | None = None,
    teller: Teller | None = None,
) -> Audited:
    """As `audit`, for those who go on with what it was made of.

    Where damaged films could not be put aside in the folder `quarantine` afterwards, it is refused before the work.
    """
    teller = teller or Teller()
    folder = audit_folder(data, out)
    root = Path(data) if isinstance(data, str | os.PathLike) and Path(data).is_dir() else None
    if root is not None:
        refuse_among(folder, root)
        refuse_among(prepared_beside(folder), root)
    given = films_to_audit(data, labels=labels, groups=groups)
    if quarantine is not None:
        refuse_quarantine(quarantine, map(Path, given.table["path"]), root=root)
    from lucency.datasets.audit import Evidence, in_order
    from lucency.datasets.audit import audit as run_checks
    from lucency.datasets.audit.random_split import has_split, split_at_random
    from lucency.datasets.audit.report import build_report

    for note in given.notes:
        teller.say(note)
    refuse_folder(folder)
    scores = None if run is None else out_of_fold(run, given)
    prepared = prepared_beside(folder)
    split = has_split(given)
    shown = given if split else split_at_random(given)
    try:
        survey = decode_once(given, prepared, workers=workers, teller=teller)
        copies = compare_films(given, survey, prepared, workers=workers, teller=teller)
        evidence = Evidence(shown, survey, copies)
        answers = ask_classifiers(evidence, prepared, shortcuts=shortcuts, scores=scores, teller=teller)
    except KeyboardInterrupt:
        teller.say("Stopped. What was found out is kept; the same command goes on.")
        raise
    report = build_report(
        evidence,
        splits_are="given" if split else "random",
        look_up=answers.look_up,
        shortcuts=answers.shortcuts if shortcuts else None,
        label_errors=answers.label_errors,
        findings=in_order([*run_checks(shown, survey, copies), *answers.as_findings()]),
        version=__version__,
    )
    files = write_audit(folder, report, evidence, html=html)
    return Audited(report, evidence, given, folder, tuple(files))
