"""Gathers what is known of a bundle: its card, its run folder, and the files that the user gives."""

from __future__ import annotations

import json
import os
import re
import shlex
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lucency.bundle import Bundle
from lucency.errors import RunError
from lucency.workflows.run_folder import RunFolder, read_rows

if TYPE_CHECKING:
    from lucency.reporting.card_sources import CardSources

_KNOWN = ("patient_id", "study_id", "group", "body_part", "view", "sha256", "boxes")
_SIDES = ("patient_id", "study_id", "group", "sha256")
_IN_A_RUN = ("report.json", "audit.json", "stress.json", "stress/stress.json")
_COMMANDS = {"report": "evaluate", "stress": "stress"}
_REPORT = ("split", "films", "fractured", "metrics")


def gather(bundle: Bundle, given: Sequence[str | os.PathLike[str]]) -> tuple[CardSources, RunFolder | None]:
    """All sources of a card, and the run folder where there is one.

    Args:
        bundle: The opened bundle.
        given: Files of this bundle: report.json of evaluations, audit.json, stress.json.

    Raises:
        RunError: A file is broken, of another bundle, or none of these.
    """
    from lucency.reporting.card_sources import CardSources

    run = _run_of(bundle)
    found: dict[str, list[Mapping[str, Any]]] = {"report": [], "audit": [], "stress": []}
    names = [run.path / name for name in _IN_A_RUN] if run else []
    paths = [path for path in names if path.is_file()]
    paths += [Path(path) for path in given if not any(_same(Path(path), path_of_run) for path_of_run in paths)]
    for path in paths:
        kind, content = _read(path, bundle.identity)
        found[kind].append(content)
    for kind in ("audit", "stress"):
        if len(found[kind]) > 1:
            raise RunError(f"two files of the kind {kind}.json were given", hint="Give one of them")
    facts: dict[str, Any] = {} if run is None else _of_run(run)
    for audit in found["audit"]:
        # An audit names no bundle; that it is of the same films shows in their number.
        if "films" in facts and audit.get("readable") != facts["films"]["films"]:
            raise RunError(
                f"the audit is of other films: it has {audit.get('readable')} that can be read,"
                f" the run {facts['films']['films']}",
                hint="Give the audit of the films that the run was made with",
            )
    return (
        CardSources(
            card=bundle.card.to_json(),
            identity=bundle.identity,
            reports=tuple(found["report"]),
            measured_in_run=run is not None and run.path / "report.json" in paths,
            audit=next(iter(found["audit"]), None),
            stress=next(iter(found["stress"]), None),
            **facts,
        ),
        run,
    )


def started_with(run: Mapping[str, Any] | None) -> str:
    """The command that began a run, with the names of files but not their folders; "" where it is not known."""
    command = (run or {}).get("command")
    if not isinstance(command, list) or not command:
        return ""
    # A path says who worked where, which is nobody's business.
    words = (re.sub(r"[^=]*[\\/](?=[^\\/])", "", word.rstrip("/\\")) for word in map(str, command[1:]))
    # The first word is the program, by whichever path or way Python was told to run it.
    return shlex.join(["lucency", *words])


def film_counts(rows: Iterable[Mapping[str, str]]) -> dict[str, Any]:
    """What a manifest says of its films, in numbers.

    Args:
        rows: Of `manifest.csv`.

    Returns:
        See `CardSources.films`.
    """
    splits: dict[str, Any] = {}
    known: Counter[str] = Counter()
    sides: dict[str, dict[str, set[str]]] = {column: defaultdict(set) for column in _SIDES}
    films = boxed = 0
    for row in rows:
        films += 1
        counts = splits.setdefault(
            row["split"], {"films": 0, "fractured": 0, "body_part": Counter(), "view": Counter()}
        )
        counts["films"] += 1
        counts["fractured"] += int(row["label"])
        for column in ("body_part", "view"):
            counts[column][row.get(column) or ""] += 1
        known.update(column for column in _KNOWN if row.get(column))
        boxed += row.get("boxes") not in (None, "", "[]")
        for column, names in sides.items():
            if row.get(column):
                names[row[column]].add(row["split"])
    return {
        "films": films,
        "splits": {
            split: {**splits[split], "body_part": dict(splits[split]["body_part"]), "view": dict(splits[split]["view"])}
            for split in ("train", "val", "test")
            if split in splits
        },
        "with_boxes": boxed,
        "known": {column: known[column] for column in _KNOWN},
        "on_two_sides": {column: sum(len(on) > 1 for on in names.values()) for column, names in sides.items()},
    }


def _run_of(bundle: Bundle) -> RunFolder | None:
    # A bundle that lies where training put it belongs to the run around it.
    folder = bundle.folder.resolve().parent
    if bundle.folder.resolve().name != "bundle" or not (folder / "run.json").is_file():
        return None
    return RunFolder.open(folder)


def _of_run(run: RunFolder) -> dict[str, Any]:
    facts: dict[str, Any] = {"run": run.details()}
    if (run.path / "findings.json").is_file():
        findings = run.read_json("findings.json")
        if not isinstance(findings, list):
            raise RunError("findings.json is damaged", where=run.path)
        facts["findings"] = findings
    try:
        if (run.path / "manifest.csv").is_file():
            rows = read_rows(run.path / "manifest.csv")
            facts["films"] = film_counts(rows)
            facts["origin"] = _origin(run.path, rows)
        if (run.path / "history.csv").is_file():
            facts["history"] = _history(read_rows(run.path / "history.csv"))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise RunError(
            f"manifest.csv or history.csv is damaged ({type(error).__name__} {error})", where=run.path
        ) from None
    return facts


def _history(rows: Sequence[Mapping[str, str]]) -> dict[str, Any]:
    seconds = [row.get("seconds") for row in rows]
    return {"epochs": len(rows), "seconds": sum(float(one) for one in seconds if one) if all(seconds) else None}


def _origin(run: Path, rows: Sequence[Mapping[str, str]]) -> dict[str, str]:
    """The SOURCE note in the folder that all films share, or in one of the three above it."""
    from lucency.datasets.source_note import read_note

    if not rows:
        return {}
    shared = Path(os.path.commonpath([os.path.abspath(os.path.join(run, row["path"])) for row in rows]))
    for folder in (shared, *shared.parents[:3]):
        note = read_note(folder)
        if note:
            return note
    return {}


def _read(path: Path, identity: str) -> tuple[str, Mapping[str, Any]]:
    """What kind of file it is, and its content; refused where it is of another bundle."""
    try:
        content = json.loads(path.read_text("utf-8"))
    except OSError as error:
        raise RunError(f"the report cannot be read ({error.strerror})", where=path) from None
    except ValueError as error:
        raise RunError(f"the report is no JSON ({error})", where=path, hint="Evaluate again") from None
    kind = _kind(content, path)
    if kind != "audit" and content.get("bundle") != identity:
        of = content.get("bundle") or "a bundle that it does not name"
        raise RunError(
            f"is of another bundle: {of}, not {identity}",
            where=path,
            hint=f"Give reports of this bundle, or measure it again with `lucency {_COMMANDS[kind]}`",
        )
    return kind, content


def _kind(content: Any, path: Path) -> str:
    if isinstance(content, dict):
        if "schema" in content and "distinct_radiographs" in content:
            return "audit"
        if all(key in content for key in _REPORT):
            whole = isinstance(content["films"], int) and isinstance(content["fractured"], int)
            figures = content["metrics"]
            if (
                whole
                and isinstance(figures, dict)
                and all(isinstance(one, dict) and "value" in one for one in figures.values())
            ):
                return "report"
            raise RunError("the report is damaged: its counts or figures are not what they should be", where=path)
        if "stress" in path.name and "bundle" in content:
            return "stress"
    raise RunError(
        "is no report of Lucency",
        where=path,
        hint="Give report.json of an evaluation, audit.json or stress.json",
    )


def _same(first: Path, second: Path) -> bool:
    return os.path.realpath(first) == os.path.realpath(second)
