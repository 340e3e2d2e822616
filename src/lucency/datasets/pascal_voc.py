"""Pascal VOC annotations (Everingham et al. 2010, doi 10.1007/s11263-009-0275-4): an XML file for each film."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from xml.etree import ElementTree

from lucency.datasets.audit.findings import counted
from lucency.datasets.film_index import FilmIndex, stem_of
from lucency.datasets.film_tree import FilmTree
from lucency.datasets.manifest import Manifest
from lucency.datasets.marked_films import Box, Mark, MarkedFilm, manifest_of
from lucency.datasets.vocabulary import SPLIT_WORDS
from lucency.errors import DatasetError

Parts = tuple[str, ...]

_HEAD = 2048
_FOLDERS = frozenset(("annotations", "pascalvoc", "xml", "xmls"))


class _AnnotationError(ValueError):
    """An XML file that cannot be understood."""


def recognise(tree: FilmTree) -> bool:
    """Whether XML files of the tree begin with an annotation."""
    return bool(tree.films) and bool(_files(tree))


def read(tree: FilmTree, labels: Mapping[str, int]) -> Manifest:
    """Reads Pascal VOC annotations: a film is fractured where an object of a fracture class is annotated.

    A file without objects says that there is none. A film without a file is left out and said. Splits come from
    folders or from `ImageSets/Main/train.txt` and its like.

    Args:
        tree: The folder, of which `recognise` is true.
        labels: Further names of classes.

    Raises:
        DatasetError: A file is broken, or the meaning of a class is not known.
    """
    index = FilmIndex(tree)
    beside = {(film[:-1], stem_of(film[-1])): film for film in tree.films}
    splits = _image_sets(tree)
    marked: dict[Parts, MarkedFilm] = {}
    problems, absent, twice = [], 0, 0
    for text in _files(tree):
        try:
            name, frame, marks = _read_file(Path(tree.path(text)))
        except _AnnotationError as bad:
            problems.append(f"{'/'.join(text)}: {bad}")
            continue
        stem = stem_of(text[-1])
        # The file's own name counts before the <filename> in it, which is not changed when films are renamed.
        film = beside.get((text[:-1], stem)) or index.find(stem, text[:-1]) or index.find(name, text[:-1])
        if film is None:
            absent += 1
        elif film in marked:
            twice += 1
        else:
            marked[film] = MarkedFilm(film, marks, frame, splits.get(stem, ""))
    if problems:
        more = f" and {len(problems) - 3} more" if len(problems) > 3 else ""
        raise DatasetError(
            f"{counted(len(problems), 'annotation file')} cannot be understood: {'; '.join(problems[:3])}{more}",
            where=tree.root,
            hint="Mend or remove them; a file without objects says that there is no fracture",
        )
    notes = list(tree.notes(read=(".xml", *([".txt"] if splits else []))))
    if absent:
        notes.append(f"{counted(absent, 'annotation file')} without a film here")
    if twice:
        notes.append(f"{counted(twice, 'annotation file')} of a film that has one already, ignored")
    return manifest_of(tree, list(marked.values()), labels, unlabelled="without an annotation file", notes=notes)


def _files(tree: FilmTree) -> list[Parts]:
    return [
        text
        for text in tree.texts
        if text[-1].casefold().endswith(".xml")
        and (_begins_like_voc(tree.path(text)) or (len(text) > 1 and text[-2].casefold() in _FOLDERS))
    ]


def _begins_like_voc(path: str) -> bool:
    try:
        with open(path, "rb") as file:
            return b"<annotation" in file.read(_HEAD)
    except OSError:
        return False


def _read_file(path: Path) -> tuple[str, tuple[float, float] | None, tuple[Mark, ...]]:
    """Name of the film, width and height of the frame, and objects."""
    try:
        data = path.read_bytes()
        # Annotations have no document type; one that declares entities is made to do harm.
        if b"<!ENTITY" in data:
            raise _AnnotationError("it declares entities, which annotations never need")
        root = ElementTree.fromstring(data)
    except OSError as bad:
        raise _AnnotationError(f"cannot be read ({bad.strerror})") from None
    except (ElementTree.ParseError, ValueError) as bad:
        raise bad if isinstance(bad, _AnnotationError) else _AnnotationError(f"this is not XML ({bad})") from None
    if root.tag != "annotation":
        raise _AnnotationError(f"it begins with <{root.tag}>, not with <annotation>")
    size = root.find("size")
    width, height = (_number(size, side) for side in ("width", "height")) if size is not None else (0.0, 0.0)
    marks = []
    for place, one in enumerate(root.findall("object"), start=1):
        name = (one.findtext("name") or "").strip()
        if not name:
            raise _AnnotationError(f"object {place} has no name")
        marks.append(Mark(name, _box(one, place)))
    frame = (width, height) if width > 0 and height > 0 else None
    return (root.findtext("filename") or "").strip(), frame, tuple(marks)


def _box(one: ElementTree.Element, place: int) -> Box | None:
    box = one.find("bndbox")
    if box is None:
        return None
    left, top, right, bottom = (_number(box, side, place) for side in ("xmin", "ymin", "xmax", "ymax"))
    if right < left or bottom < top:
        raise _AnnotationError(f"object {place}: xmax or ymax lies before xmin or ymin")
    return (left, top, right - left, bottom - top)


def _number(element: ElementTree.Element, name: str, place: int = 0) -> float:
    text = (element.findtext(name) or "").strip()
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise _AnnotationError(f"{f'object {place}: ' if place else ''}{name} is {text!r}, which is no number")
    return value


def _image_sets(tree: FilmTree) -> dict[str, str]:
    """Split of a film by its stem, from ImageSets/Main; lists of one class (wrist_train.txt) are not asked."""
    splits: dict[str, str] = {}
    for text in tree.texts:
        split = SPLIT_WORDS.get(stem_of(text[-1]).casefold())
        if split and text[-1].casefold().endswith(".txt") and "imagesets" in (part.casefold() for part in text[:-1]):
            path = Path(tree.path(text))
            try:
                lines = path.read_text("utf-8-sig").splitlines()
            except (OSError, UnicodeDecodeError):
                raise DatasetError("the list of films cannot be read", where=path) from None
            for line in lines:
                if words := line.split():
                    splits.setdefault(words[0], split)
    return splits
