"""MURA (Rajpurkar et al. 2017, arXiv 1712.06957) in its own layout: a folder for each study, named by its label."""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from lucency.datasets.audit.findings import counted
from lucency.datasets.film_index import parts_of
from lucency.datasets.film_tree import FilmTree
from lucency.datasets.manifest import Manifest
from lucency.datasets.manifest_file import complete
from lucency.datasets.vocabulary import split_of_folders
from lucency.errors import DatasetError

_STUDY = re.compile(r"(study\d+)_(positive|negative)", re.IGNORECASE)
_PATIENT = re.compile(r"patient\d+", re.IGNORECASE)
_PART = re.compile(r"XR_([A-Z_]+)", re.IGNORECASE)

ABNORMAL = (
    "MURA calls a study positive where it is abnormal for any reason (hardware, arthrosis, lesions): not every positive"
    " film shows a fracture"
)


def recognise(tree: FilmTree) -> bool:
    """Whether films lie in `patient00001/study1_positive` folders."""
    return any(_is_study(film[:-1]) for film in tree.films)


def read(tree: FilmTree, labels: Mapping[str, int]) -> Manifest:
    """Reads MURA: label, study, patient and body part come from the folders.

    `*_image_paths.csv` and `*_labeled_studies.csv`, where they are there, are compared: films that they name and that
    are not there are no error, since parts of the data set are passed around, and a label that differs from the
    folder's is kept in the column second_label.

    Args:
        tree: The folder, of which `recognise` is true.
        labels: Not used: MURA names its own.

    Raises:
        DatasetError: One of the tables cannot be read.
    """
    del labels
    films = [film for film in tree.films if _is_study(film[:-1])]
    listed, second = _tables(tree)
    notes = [ABNORMAL]
    here = Counter(_key(film) for film in films)
    absent = len(listed.keys() - here.keys())
    if listed and absent:
        notes.append(f"{counted(absent, 'film of the tables is', 'films of the tables are')} not here")
    # A table of one split says nothing of the films of the others.
    listed_splits = {split_of_folders(parts) for parts in listed.values()}
    unlisted = sum(_key(film) not in listed for film in films if split_of_folders(film[:-1]) in listed_splits)
    if listed and unlisted:
        notes.append(f"{counted(unlisted, 'film is', 'films are')} not in the tables of paths")
    elsewhere = len(tree.films) - len(films)
    if elsewhere:
        notes.append(f"{counted(elsewhere, 'image')} outside of study folders ignored")
    columns: dict[str, list[str] | list[int]] = {
        "image_id": ["/".join(film) for film in films],
        "path": [tree.path(film) for film in films],
        "label": [int(_label(film)) for film in films],
        "patient_id": [film[-3].casefold() for film in films],
        "study_id": ["/".join(_study(film)) for film in films],
        "body_part": [_part(film) for film in films],
        "split": [split_of_folders(film[:-1]) for film in films],
    }
    if second:
        columns["second_label"] = [second.get(_study(film), "") for film in films]
    return Manifest(complete(columns), source=str(tree.root), notes=tuple(notes))


def _is_study(folders: tuple[str, ...]) -> bool:
    return bool(len(folders) >= 2 and _STUDY.fullmatch(folders[-1]) and _PATIENT.fullmatch(folders[-2]))


def _label(film: tuple[str, ...]) -> bool:
    return film[-2].casefold().endswith("_positive")


def _part(film: tuple[str, ...]) -> str:
    found = next((found for part in reversed(film[:-3]) if (found := _PART.fullmatch(part))), None)
    return found[1].casefold() if found else ""


def _study(film: tuple[str, ...]) -> tuple[str, ...]:
    # Studies are counted anew for each body part of a patient.
    found = _STUDY.fullmatch(film[-2])
    return (_part(film) or "study", film[-3].casefold(), found[1].casefold() if found else film[-2])


def _key(film: tuple[str, ...]) -> tuple[str, ...]:
    return (*_study(film), film[-1].casefold())


def _tables(tree: FilmTree) -> tuple[dict[tuple[str, ...], tuple[str, ...]], dict[tuple[str, ...], str]]:
    """Paths that the tables of paths name, by film, and the label of each study that the tables of studies name."""
    listed: dict[tuple[str, ...], tuple[str, ...]] = {}
    second: dict[tuple[str, ...], str] = {}
    for text in tree.texts:
        name, path = text[-1].casefold(), Path(tree.path(text))
        if name.endswith("_image_paths.csv"):
            for row, cells in _rows(path):
                parts = parts_of(cells[0])
                if len(parts) < 3 or not _is_study(parts[:-1]):
                    raise DatasetError(f"row {row} is no path of a film of MURA: {cells[0][:80]!r}", where=path)
                listed[_key(parts)] = parts
        elif name.endswith("_labeled_studies.csv"):
            for row, cells in _rows(path):
                parts = parts_of(cells[0])
                if not _is_study(parts) or len(cells) != 2 or cells[1].strip() not in ("0", "1"):
                    raise DatasetError(
                        f"row {row} is no study of MURA with its label: {','.join(cells)[:80]!r}",
                        where=path,
                        hint="Rows read MURA-v1.1/train/XR_WRIST/patient00001/study1_positive/,1",
                    )
                second[_study((*parts, ""))] = cells[1].strip()
    return listed, second


def _rows(path: Path) -> list[tuple[int, list[str]]]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            return [(number, cells) for number, cells in enumerate(csv.reader(file), start=1) if any(cells)]
    except (OSError, UnicodeDecodeError, csv.Error) as bad:
        raise DatasetError(f"the table cannot be read ({bad})", where=path) from None
