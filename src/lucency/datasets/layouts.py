"""How known data sets lay out their folders, and `scan`, which reads any of them."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from lucency.datasets import coco, dicom_table, fracatlas, mura, pascal_voc, yolo
from lucency.datasets.audit.findings import counted
from lucency.datasets.dicom_links import link_dicom
from lucency.datasets.file_names import misnamed_films, refuse_name
from lucency.datasets.film_tree import FilmTree, list_films
from lucency.datasets.group_file import apply_groups
from lucency.datasets.manifest import Manifest
from lucency.datasets.manifest_file import check_present, complete, describes_films, read_table
from lucency.datasets.roboflow import copies_note, roboflow_original
from lucency.datasets.table_cells import TABLE_SUFFIXES
from lucency.datasets.vocabulary import (
    CLASS_NAMES,
    SPLIT_WORDS,
    LabelNames,
    split_of_folders,
    squeeze,
)
from lucency.errors import DatasetError
from lucency.imaging.readers import IMAGE_SUFFIXES

TABLE_NAMES = ("manifest.csv", "manifest.parquet", "dataset.csv", "dataset.parquet")
"""Tables that, lying at the top of a folder, describe it."""


@dataclass(frozen=True)
class Layout:
    """One way to lay out films.

    Attributes:
        name: Shown to the user, and kept in `Manifest.source`.
        looks_like: What it is known by, in words for an error.
        recognise: Whether a folder is laid out so.
        read: Reads such a folder, with further names of labels.
    """

    name: str
    looks_like: str
    recognise: Callable[[FilmTree], bool]
    read: Callable[[FilmTree, Mapping[str, int]], Manifest]


def scan(
    folder_or_table: str | os.PathLike[str],
    *,
    labels: Mapping[str, int] | None = None,
    groups: str | os.PathLike[str] | None = None,
    trainable: bool = True,
) -> Manifest:
    """Finds the films of a data set and what is known about each; decodes none of them.

    Args:
        folder_or_table: A folder in one of `LAYOUTS`, or a CSV or Parquet table of films.
        labels: Names of folders or cells -> label, beside those of the field, such as `{"bruch": 1, "heil":
            0}`.
        groups: CSV with image_id and group: films of one group never stand on two sides of a split. FracAtlas
            brings its own where `groups.csv` lies beside `dataset.csv`.
        trainable: Refuse films that nothing can be trained on: of one class, or named by a table and not there.
            Otherwise they are kept; films of one class are noted.

    Returns:
        One row per film, in sorted order, with what was noticed in `notes`.

    Raises:
        DatasetError: Nothing to find, a folder or cell whose meaning is not known, or a class without films.
    """
    given = os.fspath(folder_or_table)
    place = Path(os.path.abspath(given))
    refuse_name(place)
    if place.is_file() and place.suffix.lower() in TABLE_SUFFIXES:
        if dicom_table.names_dicom(place):
            tree = list_films(place.parent).named_in_text()
            manifest = dicom_table.read(tree, labels or {}, place)
            manifest = _naming(replace(manifest, source=f"{given} (DICOM with a table)"), tree)
        else:
            manifest = Manifest(read_table(place, labels, present=trainable), source=f"{given} (table)")
    else:
        tree = list_films(place).named_in_text()
        layout = next((layout for layout in LAYOUTS if layout.recognise(tree)), None)
        if layout is None:
            raise _no_films(tree)
        read = layout.read(tree, labels or {})
        if trainable and layout.read is _read_table_folder:
            check_present(list(read.table["path"]), Path(read.source))
        linked, notes = link_dicom(read.table)
        manifest = _naming(Manifest(linked, f"{given} ({layout.name})", (*read.notes, *notes)), tree)
    if groups is not None:
        table, note = apply_groups(manifest.table, Path(groups))
        manifest = replace(manifest, table=table).noting(note)
    for label, name in CLASS_NAMES.items():
        if not (manifest.table["label"] == label).any():
            missing = f"no films of the class {name} among {counted(len(manifest), 'film')}"
            if not trainable and len(manifest):
                return manifest.noting(f"{missing}: nothing could be trained on these films")
            left_out = [note for note in manifest.notes if "--label" in note]
            raise DatasetError(
                missing,
                where=place,
                hint="Both classes are needed; --label NAME=0 or NAME=1 says what a folder, cell or class means"
                + "".join(f". {note[0].upper()}{note[1:]}" for note in left_out),
            )
    return manifest


def _naming(manifest: Manifest, tree: FilmTree) -> Manifest:
    """The manifest with the films that no table can name."""
    return replace(manifest, misnamed=tree.misnamed).noting(*_misnamed(tree))


def _misnamed(tree: FilmTree) -> tuple[str, ...]:
    return (misnamed_films(tree.misnamed),) if tree.misnamed else ()


def _table_of(tree: FilmTree) -> Path | None:
    tables = (tree.root / name for name in TABLE_NAMES)
    found = next((table for table in tables if table.is_file() and describes_films(table)), None)
    return None if found is not None and dicom_table.names_dicom(found) else found


def _read_table_folder(tree: FilmTree, labels: Mapping[str, int]) -> Manifest:
    table = _table_of(tree)
    if table is None:
        raise DatasetError("the table of the folder is gone", where=tree.root)
    rows = read_table(table, labels, present=False)
    unnamed = len({tree.path(film) for film in tree.films} - set(rows["path"]))
    note = f"{counted(unnamed, 'film')} of the folder not in {table.name}, ignored"
    return Manifest(rows, source=str(table), notes=(note,) if unnamed else ())


def _read_folders(tree: FilmTree, labels: Mapping[str, int]) -> Manifest:
    names = LabelNames(labels)
    of_folder = {parts: names.of_folders(parts) for parts in {film[:-1] for film in tree.films}}
    unknown = Counter(_naming_part(film[:-1]) for film in tree.films if of_folder[film[:-1]] is None)
    if unknown:
        known = Counter(
            f"{_naming_part(film[:-1])} = {of_folder[film[:-1]]}"
            for film in tree.films
            if of_folder[film[:-1]] is not None
        )
        example = min(name for name, count in unknown.items() if count == max(unknown.values()))
        raise DatasetError(
            f"{'a folder' if len(unknown) == 1 else 'folders'} whose label is not known: {_counted(unknown)}"
            + (f" (known: {_counted(known)})" if known else ""),
            where=tree.root,
            hint="Put the films in a folder for each class, or give a table with path and label"
            if example == "."
            else f'Say what they hold: --label "{example}=1" for fractured, "{example}=0" for not fractured',
        )
    groups = [roboflow_original(film[-1]) for film in tree.films]
    return Manifest(
        complete(
            {
                "image_id": ["/".join(film) for film in tree.films],
                "path": [tree.path(film) for film in tree.films],
                "label": [int(of_folder[film[:-1]] or 0) for film in tree.films],
                "group": groups,
                "split": [split_of_folders(film[:-1]) for film in tree.films],
            }
        ),
        source=str(tree.root),
        notes=(*tree.notes(), *copies_note(groups)),
    )


def _naming_part(parts: tuple[str, ...]) -> str:
    """The folder that should have named the label: the innermost that is not the name of a split."""
    return next((part for part in reversed(parts) if squeeze(part) not in SPLIT_WORDS), "/".join(parts) or ".")


def _counted(names: Counter[str]) -> str:
    shown = [f"{name} ({counted(count, 'film')})" for name, count in sorted(names.items())]
    return ", ".join(shown[:12]) + (f" and {len(shown) - 12} more" if len(shown) > 12 else "")


def _no_films(tree: FilmTree) -> DatasetError:
    ignored = "".join(f"; {note}" for note in (*tree.notes(), *_misnamed(tree)))
    return DatasetError(
        f"no films found: no file ends in {', '.join(IMAGE_SUFFIXES)} or begins like DICOM{ignored}",
        where=tree.root,
        hint="Known layouts: " + "; ".join(f"{layout.name} ({layout.looks_like})" for layout in LAYOUTS),
    )


LAYOUTS: tuple[Layout, ...] = (
    Layout(
        "FracAtlas",
        "images/Fractured, images/Non_fractured and dataset.csv",
        lambda tree: fracatlas.base_of(tree) is not None,
        fracatlas.read,
    ),
    Layout(
        "folder with a table",
        f"{' or '.join(TABLE_NAMES[::2])} with paths and labels",
        lambda tree: _table_of(tree) is not None,
        _read_table_folder,
    ),
    Layout(
        "DICOM with a table",
        "DICOM films, and at the top a table with labels and file names, SOPInstanceUID, StudyInstanceUID or"
        " AccessionNumber",
        dicom_table.recognise,
        dicom_table.read,
    ),
    Layout("MURA", "XR_WRIST/patient00001/study1_positive", mura.recognise, mura.read),
    Layout("YOLO", "images and labels/*.txt, with data.yaml or classes.txt", yolo.recognise, yolo.read),
    Layout("COCO", "a JSON file with images, annotations and categories", coco.recognise, coco.read),
    Layout("Pascal VOC", "an XML file with an annotation for each film", pascal_voc.recognise, pascal_voc.read),
    Layout(
        "split folders",
        "train, val and test, each with a folder per class",
        lambda tree: any(split_of_folders(film[:-1]) for film in tree.films),
        _read_folders,
    ),
    Layout(
        "class folders",
        "one folder per class, such as fractured and not_fractured",
        lambda tree: bool(tree.films),
        _read_folders,
    ),
)
"""Tried in this order; the first that recognises the folder reads it."""
