"""`lucency audit` and `restore`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lucency.cli.data import SHOWN, GroupsOption, LabelOption, labels_of
from lucency.cli.printing import PrintingTeller, table

if TYPE_CHECKING:
    from lucency.workflows.audit import Audited

_CLASSES = ("fractured", "not_fractured")


def register(app: typer.Typer) -> None:
    """Adds the commands of this file."""
    app.command()(audit)
    app.command()(restore)


def audit(
    data: Annotated[Path, typer.Argument(help="Folder of films, or a CSV or Parquet table.", show_default=False)],
    out: Annotated[
        Path | None, typer.Option(help="Folder to write; runs/audit/DATA otherwise.", show_default=False)
    ] = None,
    html: Annotated[bool, typer.Option("--html", help="Write audit.html too: one page that opens offline.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print audit.json, and nothing else.")] = False,
    fail_on: Annotated[
        str | None,
        typer.Option(
            metavar="error|warning",
            help="Exit with code 10 where there is a finding so severe, or worse.",
            show_default=False,
        ),
    ] = None,
    label: LabelOption = None,
    groups: GroupsOption = None,
    run: Annotated[
        Path | None,
        typer.Option(
            help="Folder of a cross-validation of these films: labels that its models doubt are named.",
            show_default=False,
        ),
    ] = None,
    shortcuts: Annotated[
        bool, typer.Option("--shortcuts/--no-shortcuts", help="Try to tell the label without looking at bone.")
    ] = True,
    fix: Annotated[
        bool,
        typer.Option(
            "--fix", help="Write cleaned.csv, a table to train on, and cleaned.json, which says what was done."
        ),
    ] = False,
    quarantine: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", help="Move damaged films into this folder; `restore` undoes it.", show_default=False
        ),
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option(min=1, help="Threads that decode films, and processes that compare them.", show_default=False),
    ] = None,
) -> None:
    """Say what is wrong with a data set: bad files, copies, leakage, labels, shortcuts, balance.

    Decodes every film and compares it with all others. What was found out is kept: the next audit of the same films
    takes seconds, and one that was interrupted goes on.
    """
    if fail_on not in ("error", "warning", None):
        raise typer.BadParameter("--fail-on is error or warning")
    from lucency.errors import DatasetError
    from lucency.workflows.audit import audit_films

    with PrintingTeller() as teller:
        audited = audit_films(
            data,
            labels=labels_of(label),
            groups=groups,
            out=out,
            html=html,
            shortcuts=shortcuts,
            run=run,
            quarantine=quarantine,
            workers=workers,
            teller=teller,
        )
        content = audited.report.to_json()
        if as_json:
            print(json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False))
        else:
            _print_audit(content)
            print("Written: " + ", ".join(str(path) for path in audited.files))
        # With --json, what else was done is said where progress is.
        say = teller.say if as_json else print
        not_moved = 0
        # Before --fix, which fails where too few films are left.
        if quarantine is not None:
            lines, not_moved = _quarantine(data, audited, quarantine, fix)
            for line in lines:
                say(line)
        if fix:
            for line in _fix(audited, workers, teller):
                say(line)
    if fail_on is not None:
        audited.refuse(fail_on)
    if not_moved:
        raise DatasetError(
            f"damaged films that could not be moved: {not_moved}",
            where=quarantine,
            hint="The lines above say why; the same command tries again",
        )


def restore(
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", help="Folder that `audit --quarantine` wrote.", show_default=False)
    ],
    root: Annotated[
        Path | None,
        typer.Option(
            help="Where the data set is now, if it was moved; where the films were otherwise.", show_default=False
        ),
    ] = None,
) -> None:
    """Bring films back from quarantine, byte for byte; nothing is overwritten."""
    from lucency.errors import DatasetError
    from lucency.workflows.quarantine import restore as bring_back

    outcomes = bring_back(folder, root=root)
    for outcome in outcomes:
        print(f"{outcome.outcome}: {outcome.path}" + (f": {outcome.what}" if outcome.what else ""))
    lost = [outcome for outcome in outcomes if not outcome.back]
    print(f"Films that are back: {len(outcomes) - len(lost)}" if outcomes else "No film is in quarantine here")
    if lost:
        raise DatasetError(
            f"{len(lost)} of {len(outcomes)} films are not back",
            where=folder,
            hint="The lines above say why; the same command tries again",
        )


def _print_audit(content: dict[str, Any]) -> None:
    print(content["verdict"])
    print()
    print(_counts(content))
    print()
    for finding in content["findings"]:
        _print_finding(finding)
    print()


def _counts(content: dict[str, Any]) -> str:
    columns = ("", "films", "distinct", "fractured", "distinct", "not fractured", "distinct")
    classes = content["classes"]
    rows: list[tuple[object, ...]] = [
        (
            "all",
            content["films"],
            content["distinct_radiographs"],
            *(classes[name][key] for name in _CLASSES for key in ("films", "distinct_radiographs")),
        )
    ]
    for split, counts in content["splits"].items():
        if counts is not None:
            pairs = [counts[key] for name in _CLASSES for key in (name, f"distinct_{name}")]
            name = f"{split} (random)" if content["splits_are"] == "random" else split
            rows.append((name, counts["films"], counts["distinct_radiographs"], *pairs))
    return table(columns, rows, right=columns[1:])


def _print_finding(finding: dict[str, Any]) -> None:
    action = f" {finding['action']}." if finding["action"] and finding["severity"] != "note" else ""
    print(f"{finding['severity']}: {finding['message']}{action}")
    ids = finding["image_ids"]
    if finding["severity"] != "note" and ids:
        more = len(ids) - SHOWN
        print("  " + ", ".join(ids[:SHOWN]) + (f" and {more} more" if more > 0 else ""))


def _fix(audited: Audited, workers: int | None, teller: PrintingTeller) -> list[str]:
    from lucency.workflows.clean_films import RECORD, clean_films

    cleaned = clean_films(audited.given, audited.evidence, audited.folder, workers=workers, teller=teller)
    reasons = [film.reason for film in cleaned.left]
    told = ", ".join(f"{reasons.count(reason)} {reason}" for reason in dict.fromkeys(reasons))
    kept = len(audited.given) - len(cleaned.left)
    return [
        f"Cleaned: {kept} of {len(audited.given)} films are kept" + (f" (left out: {told})" if told else ""),
        *(f"{finding.severity}: {finding.message} {finding.action}." for finding in cleaned.findings),
        f"{audited.folder / RECORD} says why; train on it with: lucency train {cleaned.table}",
    ]


def _quarantine(data: Path, audited: Audited, folder: Path, fixed: bool) -> tuple[list[str], int]:
    """What to say, and how many films could not be moved."""
    from lucency.datasets.audit.findings import counted
    from lucency.workflows.audit_films import names_films
    from lucency.workflows.put_aside import put_aside

    done, stay = put_aside(data, audited.evidence, folder)
    lines = []
    if stay:
        films = counted(len(stay), "unreadable film")
        lines.append(f"{films} left in place: not damaged, so that another program, package or day may read it")
    if done is None:
        return [*lines, "No film is damaged: nothing was moved"], 0
    lines.append(
        f"Moved {counted(len(done.moved), 'film')} into {folder}; bring them back with: lucency restore {folder}"
    )
    lines += [f"not moved: {image_id}: {what}" for image_id, what in done.left]
    if done.moved and names_films(audited.given) and not fixed:
        lines.append("The table still names them: --fix writes one that does not")
    return lines, len(done.left)
