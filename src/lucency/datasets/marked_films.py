"""Films with objects marked on them -> rows of a manifest: what YOLO, COCO and Pascal VOC have in common."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from lucency.datasets.audit.findings import counted
from lucency.datasets.film_size import film_size
from lucency.datasets.film_tree import FilmTree
from lucency.datasets.manifest import Manifest
from lucency.datasets.manifest_file import complete
from lucency.datasets.marked_boxes import SHARES, BoxFit, fit_boxes
from lucency.datasets.roboflow import copies_note, roboflow_original
from lucency.datasets.vocabulary import LabelNames, split_of_folders
from lucency.errors import DatasetError

Box = tuple[float, float, float, float]

UNLABELLED = "no label"
"""What `--label` calls a film without labels: `--label "no label=0"` takes such films for not fractured."""


@dataclass(frozen=True)
class Mark:
    """One object on a film.

    Attributes:
        name: Of its class.
        box: x, y, width, height in the units of `MarkedFilm.frame`; None where only the class is known.
    """

    name: str
    box: Box | None


@dataclass(frozen=True)
class MarkedFilm:
    """A film that somebody looked at.

    Attributes:
        film: Parts of its path in the tree.
        marks: What was marked; nothing means that there is nothing.
        frame: Width and height of the picture that the boxes were drawn on; `SHARES` where they are shares of the
            upright film, None where it is not said.
        split: Where the label file says it; the folders are asked otherwise.
    """

    film: tuple[str, ...]
    marks: tuple[Mark, ...] = ()
    frame: tuple[float, float] | None = None
    split: str = ""


def manifest_of(
    tree: FilmTree,
    films: Sequence[MarkedFilm],
    labels: Mapping[str, int],
    *,
    unlabelled: str,
    notes: Sequence[str] = (),
) -> Manifest:
    """One row per film: fractured where an object of a fracture class is marked.

    Films of the tree that are not among `films` are left out and said, unless `labels` has a word for
    `UNLABELLED`. The classes of the fractures become the column kind, copies that Roboflow made become a group.

    Args:
        tree: The folder.
        films: Films that were looked at.
        labels: Further names of classes.
        unlabelled: Why a film is not among them, such as "without a label file".
        notes: What was noticed so far.

    Raises:
        DatasetError: A class whose meaning is not known, or no film was looked at.
    """
    names = LabelNames(labels)
    meaning = _meanings(tree, films, names)
    said = list(notes)
    left = sorted(set(tree.films) - {one.film for one in films})
    label_of_left = names.of_object(UNLABELLED)
    if left:
        what = f"{counted(len(left), 'film')} {unlabelled} ({_some(left)})"
        if label_of_left is None:
            said.append(f'{what} left out; --label "{UNLABELLED}=0" takes them for not fractured')
        else:
            said.append(f"{what} taken for {'fractured' if label_of_left else 'not fractured'}, as --label says")
    if not films:
        raise DatasetError(f"all {counted(len(left), 'film')} are {unlabelled}", where=tree.root)
    rows = sorted([*films, *([] if label_of_left is None else (MarkedFilm(film) for film in left))], key=_film_of)
    looked_at = {one.film for one in films}

    fit = BoxFit()
    label, boxes, kind = [], [], []
    for one in rows:
        marks = [mark for mark in one.marks if meaning[mark.name]]
        known = one.film in looked_at
        label.append(int(bool(marks)) if known else int(label_of_left or 0))
        kind.append("+".join(sorted({mark.name for mark in marks})))
        if not known or any(mark.box is None for mark in marks):
            boxes.append("")
        elif not marks:
            boxes.append("[]")
        else:
            drawn = [mark.box for mark in marks if mark.box is not None]
            boxes.append(_cell(fit_boxes(drawn, one.frame, film_size(tree.path(one.film)), "/".join(one.film), fit)))
    groups = [roboflow_original(one.film[-1]) for one in rows]
    table = complete(
        {
            "image_id": ["/".join(one.film) for one in rows],
            "path": [tree.path(one.film) for one in rows],
            "label": label,
            "group": groups,
            "split": [split_of_folders(one.film[:-1]) or one.split for one in rows],
            "boxes": boxes,
            "kind": kind,
        }
    )
    return Manifest(table, source=str(tree.root), notes=(*said, *fit.notes(), *copies_note(groups)))


def _film_of(one: MarkedFilm) -> tuple[str, ...]:
    return one.film


def _meanings(tree: FilmTree, films: Sequence[MarkedFilm], names: LabelNames) -> dict[str, int]:
    used = Counter(name for one in films for name in {mark.name for mark in one.marks})
    meaning = {name: names.of_object(name) for name in used}
    unknown = sorted(name for name, label in meaning.items() if label is None)
    if unknown:
        known = sorted(f"{name} = {label}" for name, label in meaning.items() if label is not None)
        raise DatasetError(
            f"{'a class' if len(unknown) == 1 else 'classes'} of marked objects whose meaning is not known: "
            + ", ".join(f"{name} ({counted(used[name], 'film')})" for name in unknown)
            + (f" (known: {', '.join(known)})" if known else ""),
            where=tree.root,
            hint="Say what they mark: "
            + " ".join(f'--label "{name}=1"' for name in unknown[:4])
            + " for a fracture, =0 for something else",
        )
    return {name: int(label or 0) for name, label in meaning.items()}


def _cell(boxes: list[Box] | None) -> str:
    if boxes is None:
        return ""
    return json.dumps([[round(value, 2) for value in box] for box in boxes], separators=(",", ":"))


def _some(films: Sequence[tuple[str, ...]]) -> str:
    return ", ".join("/".join(film) for film in films[:3]) + (" ..." if len(films) > 3 else "")


__all__ = ["SHARES", "UNLABELLED", "Box", "Mark", "MarkedFilm", "manifest_of"]
