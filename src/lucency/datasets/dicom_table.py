"""A folder of DICOM with a table of labels, whose rows name films, studies or accession numbers."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from lucency.datasets.audit.findings import counted
from lucency.datasets.content_hash import files_sha256
from lucency.datasets.dicom_header import element, is_dicom, read_header
from lucency.datasets.dicom_links import pseudonyms
from lucency.datasets.film_index import FilmIndex, parts_of
from lucency.datasets.film_tree import FilmTree, list_films
from lucency.datasets.manifest import Manifest
from lucency.datasets.manifest_file import complete, known, parse_boxes
from lucency.datasets.table_cells import TABLE_SUFFIXES, read_cells
from lucency.datasets.vocabulary import COLUMN_ALIASES, SPLIT_WORDS, LabelNames, split_of_folders, squeeze
from lucency.errors import DatasetError
from lucency.imaging.dicom_facts import harmless_facts

Parts = tuple[str, ...]

IDENTIFIER_COLUMNS: dict[str, tuple[str, ...]] = {
    "SOPInstanceUID": ("sopinstanceuid", "sopuid", "instanceuid", "imageuid"),
    "StudyInstanceUID": ("studyinstanceuid", "studyuid"),
    "AccessionNumber": ("accessionnumber", "accession", "accessionno"),
}
"""DICOM keyword -> how columns call it, without case, spaces, underscores and hyphens. The first that a table has,
after a column with file names, says which films a row is about."""

STEM_COLUMNS = ("image_id", "filestem", "dicom_id", "file_id")
"""Columns that often hold the name of a file without its suffix; asked after those of paths."""

PATIENT_COLUMNS = ("patientid", "patient", "mrn")

_KEYWORDS = (*IDENTIFIER_COLUMNS, "PatientID", "Modality", "BodyPartExamined", "ViewPosition")


def recognise(tree: FilmTree) -> bool:
    """Whether most films are DICOM, and a table at the top names films or studies and their labels."""
    tables = [text for text in tree.texts if len(text) == 1 and _suffix(text) in TABLE_SUFFIXES]
    return bool(tables and _mostly_dicom(tree) and _tables(tree))


def names_dicom(table: Path) -> bool:
    """Whether a table has a column of labels, and one that is called like an identifier of DICOM.

    One with bare names of files counts too where DICOM films lie in folders below it.
    """
    cells = read_cells(table)
    columns = _columns(cells)
    if {"label", "path"} <= set(columns) and len(cells):
        first = parts_of(str(cells[columns["path"]].iloc[0]))
        if len(first) == 1 and not (table.parent / first[0]).is_file() and _mostly_dicom(list_films(table.parent)):
            return True
    # A column patient_id is one of ours and holds what its author meant to show; PatientID is DICOM's.
    verbatim = any(str(name).strip().casefold() == "patientid" for name in cells.columns)
    named = set(columns) & set(IDENTIFIER_COLUMNS)
    return "label" in columns and bool(named or (verbatim and "path" in columns))


def read(tree: FilmTree, labels: Mapping[str, int], table: Path | None = None) -> Manifest:
    """Reads the table, and of each DICOM the study and the patient; neither leaves as it is.

    Instead of StudyInstanceUID and PatientID stand names made from the content of the films, which nobody can turn
    back. Films that no row names are left out and said.

    Args:
        tree: The folder.
        labels: Further words for labels.
        table: The table; the one at the top of the folder where None.

    Raises:
        DatasetError: The table cannot be understood, contradicts itself, or names no film of the folder.
        MissingExtraError: pydicom is not installed.
    """
    path = table or _the_table(tree)
    cells = read_cells(path)
    columns = _columns(cells)
    if "label" not in columns or not set(columns) & {"path", *IDENTIFIER_COLUMNS}:
        raise DatasetError(
            f"a table of labels needs a column with labels and one that names films; found {', '.join(cells.columns)}",
            where=path,
            hint=f"Name them label, and path or {' or '.join(IDENTIFIER_COLUMNS)}",
        )
    if not len(cells):
        raise DatasetError("the table has no rows", where=path)
    values = {name: [str(cell).strip() for cell in cells[column]] for name, column in columns.items()}
    label_of_row = _labels(values["label"], LabelNames(labels), path, columns["label"])
    headers = {film: read_header(tree.path(film), _KEYWORDS) for film in tree.films if is_dicom(tree.path(film))}
    keys = [name for name in ("path", *IDENTIFIER_COLUMNS) if name in columns]
    for key in keys:
        row_of, absent = _matched(tree, headers, key, values[key], label_of_row, path)
        if row_of:
            break
    else:
        raise DatasetError(
            f"none of its {counted(len(cells), 'row')} names a film of the folder by"
            f" {' or '.join(columns[key] for key in keys)}",
            where=path,
            hint="Cells are paths or names of films in the folder of the table, or identifiers of their headers",
        )
    films = sorted(row_of)

    def carried(name: str, film: Parts) -> str:
        return values[name][row_of[film]] if name in values else ""

    studies = [known(element(headers.get(f), "StudyInstanceUID") or carried("StudyInstanceUID", f)) for f in films]
    patients = [known(carried("patient", f) or element(headers.get(f), "PatientID")) for f in films]
    hashes = files_sha256([tree.path(film) for film in films])
    facts = {film: _facts(headers.get(film)) for film in films}
    manifest = complete(
        {
            "image_id": ["/".join(film) for film in films],
            "path": [tree.path(film) for film in films],
            "sha256": hashes,
            "label": [label_of_row[row_of[film]] for film in films],
            "patient_id": pseudonyms(patients, hashes, "patient"),
            "study_id": pseudonyms(studies, hashes, "exam"),
            "group": [known(carried("group", film)) for film in films],
            "body_part": [carried("body_part", film) or facts[film][0] for film in films],
            "view": [carried("view", film) or facts[film][1] for film in films],
            "boxes": [_boxes(carried("boxes", film), path, row_of[film]) for film in films],
            "split": [
                _split(carried("split", film), path, row_of[film]) or split_of_folders(film[:-1]) for film in films
            ],
        }
    )
    return Manifest(manifest, source=str(path), notes=_notes(tree, path, key, absent, len(films), headers))


def _mostly_dicom(tree: FilmTree) -> bool:
    shown = tree.films[:: max(1, len(tree.films) // 64)]
    return bool(shown) and 2 * sum(is_dicom(tree.path(film)) for film in shown) >= len(shown)


def _columns(cells: pd.DataFrame) -> dict[str, str]:
    """What a column is for -> its name in the table."""
    by_name = {squeeze(str(name)): str(name) for name in reversed(list(cells.columns))}
    wanted: dict[str, tuple[str, ...]] = {
        **{name: COLUMN_ALIASES[name] for name in ("label", "group", "body_part", "view", "split", "boxes")},
        "path": (*COLUMN_ALIASES["path"], *STEM_COLUMNS),
        **IDENTIFIER_COLUMNS,
        "patient": PATIENT_COLUMNS,
    }
    found = {
        name: next((by_name[squeeze(a)] for a in aliases if squeeze(a) in by_name), None)
        for name, aliases in wanted.items()
    }
    return {name: column for name, column in found.items() if column is not None}


def _tables(tree: FilmTree) -> list[Path]:
    found = []
    for text in tree.texts:
        if len(text) == 1 and _suffix(text) in TABLE_SUFFIXES:
            path = Path(tree.path(text))
            try:
                columns = _columns(read_cells(path))
            except DatasetError:
                # Whoever calls a table so means it to be read: the error comes when it is.
                columns = {"label": "", "path": ""} if squeeze(path.stem) in ("labels", "dataset", "manifest") else {}
            if "label" in columns and set(columns) & {"path", *IDENTIFIER_COLUMNS}:
                found.append(path)
    return found


def _the_table(tree: FilmTree) -> Path:
    tables = _tables(tree)
    if len(tables) != 1:
        raise DatasetError(
            f"{len(tables)} tables name films and labels: {', '.join(path.name for path in tables)}",
            where=tree.root,
            hint="Give the one that counts instead of the folder",
        )
    return tables[0]


def _suffix(text: Parts) -> str:
    return Path(text[-1]).suffix.casefold()


def _labels(cells: Sequence[str], names: LabelNames, path: Path, column: str) -> list[int]:
    found = [names.of_cell(cell) for cell in cells]
    bad = [row for row, label in enumerate(found) if label is None]
    if bad:
        # Rows are named by their number alone, here and below: what stands in them may identify a person.
        raise DatasetError(
            f"column {column}: {counted(len(bad), 'cell is no label', 'cells are no labels')} ({_rows(bad)})",
            where=path,
            hint="Labels are 1 (fractured) and 0, or --label NAME=1",
        )
    return [int(label or 0) for label in found]


def _matched(
    tree: FilmTree,
    headers: Mapping[Parts, object],
    key: str,
    cells: Sequence[str],
    labels: Sequence[int],
    path: Path,
) -> tuple[dict[Parts, int], list[int]]:
    """Row of each film that the table names, and the rows that name none."""
    films_of: dict[str, list[Parts]] = defaultdict(list)
    if key == "path":
        named = FilmIndex(tree).find(cells).films
        films_of |= {cell: [film] for cell, film in zip(cells, named, strict=True) if film}
    else:
        for film, header in headers.items():
            films_of[element(header, key)].append(film)
    row_of: dict[Parts, int] = {}
    absent = []
    for row, cell in enumerate(cells):
        films = films_of.get(cell, []) if cell else []
        if not films:
            absent.append(row)
        for film in films:
            if labels[row_of.setdefault(film, row)] != labels[row]:
                raise DatasetError(
                    f"rows {row_of[film] + 2} and {row + 2} give both labels for the same {key}",
                    where=path,
                    hint="Keep one of them",
                )
    return row_of, absent


def _rows(rows: Sequence[int]) -> str:
    return f"row {', '.join(str(row + 2) for row in rows[:5])}{' ...' if len(rows) > 5 else ''}"


def _facts(header: object) -> tuple[str, str]:
    try:
        facts = harmless_facts(header)
    except Exception:
        return "", ""
    return str(facts.get("body_part", "")).lower(), str(facts.get("view_position", "")).lower()


def _split(cell: str, path: Path, row: int) -> str:
    if cell and squeeze(cell) not in SPLIT_WORDS:
        raise DatasetError(
            f"column split: no split ({_rows([row])})", where=path, hint="Splits are train, val and test, or empty"
        )
    return SPLIT_WORDS.get(squeeze(cell), "")


def _boxes(cell: str, path: Path, row: int) -> str:
    boxes = parse_boxes(cell)
    if boxes is None:
        raise DatasetError(
            f"column boxes: not a JSON list of [x, y, width, height] ({_rows([row])})",
            where=path,
            hint="[[10, 20, 30, 40]]",
        )
    return boxes


def _notes(
    tree: FilmTree, path: Path, key: str, absent: Sequence[int], films: int, headers: Mapping[Parts, object]
) -> tuple[str, ...]:
    notes = list(tree.notes(read=TABLE_SUFFIXES))
    if absent:
        notes.append(f"{counted(len(absent), 'row')} of {path.name} without a film here ({_rows(absent)})")
    left = len(tree.films) - films
    if left:
        notes.append(f"{counted(left, 'film is', 'films are')} not in {path.name} and left out")
    unread = sum(header is None for header in headers.values())
    if unread:
        notes.append(f"{counted(unread, 'film')} whose DICOM header cannot be read")
    if key in ("StudyInstanceUID", "AccessionNumber"):
        several = Counter(element(header, key) for header in headers.values())
        if max((count for name, count in several.items() if name), default=0) > 1:
            notes.append("labels are of whole exams: a view that does not show the fracture is called fractured too")
    return tuple(notes)
