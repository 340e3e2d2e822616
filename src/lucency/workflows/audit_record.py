"""Writes what an audit gave: audit.json, films.csv, clusters.csv, findings.csv, and audit.html where it is wanted."""

from __future__ import annotations

import csv
import io
import json
import os
import shlex
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lucency.errors import DatasetError, MissingExtraError, ResourceError
from lucency.workflows.quarantine_place import among_films, holds_anything
from lucency.workflows.run_folder import RunFolder, now, versions, write_text

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pandas as pd

    from lucency.datasets.audit.evidence import Evidence
    from lucency.datasets.audit.report import AuditReport

JSON, PAGE = "audit.json", "audit.html"

_PACKAGES = (
    "lucency", "numpy", "pandas", "pillow", "opencv-python-headless", "opencv-python", "faiss-cpu", "scikit-learn",
    "matplotlib",
)  # fmt: skip
"""What every audit with a page uses."""


def refuse_among(folder: Path, root: Path) -> None:
    """Refuses to write among the films, where the next scan would come upon it.

    Args:
        folder: Of an audit, or of what is kept beside it.
        root: Of the films.

    Raises:
        DatasetError: The folder lies in the other.
    """
    if root.is_dir() and among_films(Path(os.path.abspath(folder)), Path(os.path.abspath(root))):
        raise DatasetError(
            "an audit is not written among the films", where=folder, hint="Give --out a folder beside the films"
        )


def refuse_folder(folder: Path) -> None:
    """Makes the folder, or says at once why an audit cannot be written there.

    Raises:
        RunError: A run lies there.
        DatasetError: It holds other things than an audit, which may be somebody's films.
        ResourceError: It cannot be written.
    """
    RunFolder.refuse_run(folder)
    if not (folder / JSON).exists() and holds_anything(folder):
        raise DatasetError("this folder holds other things than an audit", where=folder, hint="Give --out a new folder")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as failed:
        raise ResourceError(f"cannot be made ({failed.strerror})", where=folder, hint="Give another --out") from None
    if not os.access(folder, os.W_OK):
        raise ResourceError("cannot be written", where=folder, hint="Give another --out")


def _keep_apart(folder: Path, films: pd.DataFrame) -> None:
    """Renames what `--fix` wrote for other data, so that nobody trains on it by mistake."""
    before = _text(folder / "films.csv")
    with suppress(csv.Error, KeyError, OSError):
        # A folder may be named in many ways, and two may have one name: what tells data apart is the films.
        if before and {row["path"] for row in csv.DictReader(io.StringIO(before))}.isdisjoint(films["path"]):
            for name in ("cleaned.csv", "cleaned.json"):
                if (folder / name).exists():
                    (folder / name).rename(folder / f"earlier-{name}")


def write_audit(folder: Path, report: AuditReport, evidence: Evidence, *, html: bool) -> list[Path]:
    """Writes the folder, each file whole or not at all.

    Args:
        folder: Where.
        report: What was found.
        evidence: The films, for the pictures of the page.
        html: Write the page too.

    Returns:
        What was written.

    Raises:
        ResourceError: Something cannot be written.
        MissingExtraError: A package that draws the page is not installed.
    """
    _keep_apart(folder, report.films)
    content = json.dumps(report.to_json(), indent=1, ensure_ascii=False, allow_nan=False) + "\n"
    page = _page(report, evidence) if html else None
    if page is None and _text(folder / JSON) != content:
        # A page of films that are no longer these would mislead.
        (folder / PAGE).unlink(missing_ok=True)
    write_text(folder / JSON, content)
    _write_table(folder / "films.csv", report.films)
    _write_table(folder / "clusters.csv", report.clusters)
    findings = report.findings_table
    as_json = {
        name: [json.dumps(cell, ensure_ascii=False) for cell in findings[name]] for name in ("image_ids", "evidence")
    }
    _write_table(folder / "findings.csv", findings.assign(**as_json))
    if page is not None:
        write_text(folder / PAGE, page)
    names = (JSON, "films.csv", "clusters.csv", "findings.csv", *([PAGE] if html else []))
    return [folder / name for name in names]


def _page(report: AuditReport, evidence: Evidence) -> str:
    try:
        from lucency.reporting.audit_page import render_audit
    except ModuleNotFoundError as missing:
        raise MissingExtraError(str(missing.name), extra="audit", need="The page of an audit") from None
    return render_audit(
        report.to_json(),
        _rows(report.films),
        _rows(report.clusters),
        lambda names: _pictures(evidence, names),
        made={
            "command": shlex.join([Path(sys.argv[0]).name, *sys.argv[1:]]),
            "made": now(),
            "versions": versions(_packages(report)),
        },
    )


def _packages(report: AuditReport) -> tuple[str, ...]:
    """The packages that had a part in an audit."""
    cleanlab = ("cleanlab",) if report.label_errors is not None else ()
    dicom = ("pydicom",) if (report.films["format"] == "DICOM").any() else ()
    return (*_PACKAGES, *cleanlab, *dicom)


def _pictures(evidence: Evidence, names: Sequence[str]) -> Mapping[str, npt.NDArray[np.uint8]]:
    """The thumbnails of films without their black edges."""
    from lucency.datasets.audit.survey import THUMB
    from lucency.imaging.geometry import place

    survey = evidence.survey
    assert survey is not None
    row_of = {image_id: row for row, image_id in enumerate(evidence.manifest.table["image_id"])}
    found: dict[str, Any] = {}
    for name in names:
        row = row_of[name]
        if survey.rows[row] >= 0:
            facts = survey.facts[row]
            at = place(facts.height, facts.width, THUMB)
            thumb = survey.thumbs[survey.rows[row]]
            found[name] = thumb[at.top : at.top + at.height, at.left : at.left + at.width]
    return found


def _rows(table: pd.DataFrame) -> list[dict[str, Any]]:
    return [{str(name): cell for name, cell in row.items()} for row in table.to_dict("records")]


def _write_table(path: Path, table: pd.DataFrame) -> None:
    write_text(path, table.to_csv(index=False, lineterminator="\n"))


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except (OSError, ValueError):
        return ""
