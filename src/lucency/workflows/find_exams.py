"""Which of the films that were given make up an exam."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass

from lucency.errors import MissingExtraError
from lucency.workflows.predict import named_films

MANY_FILMS = 12
"""An exam of one folder with more films than this is doubted aloud."""


@dataclass(frozen=True)
class Exam:
    """Films of one visit.

    Attributes:
        name: study_id of the table that named the films, the folder that they lie in, or "dicom-1", "dicom-2" ... for
            a StudyInstanceUID, which is never shown.
        paths: Its films.
        doubt: Why this may not be one exam, as a sentence; "" otherwise.
    """

    name: str
    paths: tuple[str, ...]
    doubt: str = ""


def find_exams(inputs: Sequence[str | os.PathLike[str]]) -> list[Exam]:
    """The exams that files, folders, patterns and tables name, in the order of their first films.

    A table says the exam of a film by study_id. Other DICOM films are of one exam where they have the same
    StudyInstanceUID, and all that is left where it lies in the same folder.

    Args:
        inputs: As for `find_films`.

    Raises:
        DatasetError: A folder, pattern or table holds no film.
    """
    films: dict[tuple[str, str], list[str]] = {}
    for path, study in named_films(inputs):
        key = ("table", study) if study else _key(path)
        films.setdefault(key, []).append(path)
    exams, numbered = [], 0
    for (kind, name), paths in films.items():
        doubt = ""
        if kind == "dicom":
            numbered += 1
            name = f"dicom-{numbered}"
        elif kind == "folder" and len(paths) > MANY_FILMS:
            doubt = f"{len(paths)} films of one folder count as one exam; a table with path and study_id says it better"
        exams.append(Exam(name, tuple(paths), doubt))
    return exams


def _key(path: str) -> tuple[str, str]:
    from lucency.datasets.dicom_header import element, is_dicom, read_header

    if is_dicom(path):
        try:
            study = element(read_header(path, ("StudyInstanceUID",)), "StudyInstanceUID")
        except MissingExtraError:
            study = ""
        if study:
            return "dicom", study
    return "folder", os.path.dirname(path) or "."
