"""Patient and exam of DICOM films, by their headers, under names that nobody can turn back."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Sequence

import pandas as pd

from lucency.datasets.audit.findings import counted
from lucency.datasets.dicom_header import element, is_dicom, read_header
from lucency.datasets.manifest_file import known
from lucency.errors import MissingExtraError


def pseudonyms(identifiers: Sequence[str], hashes: Sequence[str], word: str) -> list[str]:
    """A name for each identifier, made from the hashes of its films, so that it says nothing of the identifier.

    A hash of the identifier itself could be turned back by trying all numbers.

    Args:
        identifiers: One for each film, "" where it is not known.
        hashes: SHA-256 of each film.
        word: What the names begin with.

    Returns:
        For each film a name such as "patient-3f2a9c01d4e5", or "".
    """
    films: dict[str, list[str]] = defaultdict(list)
    for identifier, sha in zip(identifiers, hashes, strict=True):
        films[identifier].append(sha)
    digest = {name: hashlib.sha256("\n".join(sorted(held)).encode()).hexdigest()[:12] for name, held in films.items()}
    return [f"{word}-{digest[name]}" if name else "" for name in identifiers]


def link_dicom(table: pd.DataFrame) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """Fills patient_id, study_id and group of DICOM films where the layout of the folder says neither patient nor exam.

    Args:
        table: Rows of a manifest.

    Returns:
        The rows, and a note where something was learnt.
    """
    rows = [
        row
        for row, (path, patient, study) in enumerate(
            zip(table["path"], table["patient_id"], table["study_id"], strict=True)
        )
        if not patient and not study and is_dicom(path)
    ]
    try:
        headers = [read_header(table["path"][row], ("PatientID", "StudyInstanceUID")) for row in rows]
    except MissingExtraError as missing:
        return table, (f"patients and exams of the DICOM films stay unknown: {missing}",)
    hashes = [str(table["sha256"][row]) for row in rows]
    columns = {name: list(table[name]) for name in ("patient_id", "study_id", "group")}
    for name, keyword, word in (("patient_id", "PatientID", "patient"), ("study_id", "StudyInstanceUID", "exam")):
        names = pseudonyms([known(element(header, keyword)) for header in headers], hashes, word)
        for row, value in zip(rows, names, strict=True):
            columns[name][row] = value
            columns["group"][row] = columns["group"][row] or value
    patients, exams = ({columns[name][row] for row in rows} - {""} for name in ("patient_id", "study_id"))
    if not patients and not exams:
        return table, ()
    note = (
        f"{counted(len(rows), 'DICOM film is', 'DICOM films are')} of {counted(len(patients), 'patient')} and"
        f" {counted(len(exams), 'exam')}, by their headers; the names that stand for them are made from the films"
    )
    return table.assign(**{name: pd.Series(cells, dtype="str") for name, cells in columns.items()}), (note,)
