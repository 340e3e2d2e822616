"""Pascal VOC annotations (Everingham et al. 2010, doi 10.1007/s11263-009-0275-4): an XML file for each film."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

from lucency.datasets.audit.findings import counted
from lucency.datasets.film_index import FilmIndex, parts_of, shared_parts, stem_of
from lucency.datasets.film_tree import FilmTree
from lucency.datasets.label_files import read_list, refuse_broken, refuse_two_splits
from lucency.datasets.manifest import Manifest
from lucency.datasets.marked_films import Box, Mark, MarkedFilm, manifest_of
from lucency.datasets.vocabulary import SPLIT_WORDS, split_of_folders

Parts = tuple[str, ...]

_HEAD = 2048
_FOLDERS = frozenset(("annotations", "pascalvoc", "xml", "xmls"))


class _AnnotationError(ValueError):
    """An XML file that cannot be understood."""


class _NoDocumentType(ElementTree.TreeBuilder):
    """Refuses a document type before anything that it declares is read.

    Annotations have none; one that declares entities is made to do harm, in whatever encoding.
    """

    def doctype(self, name: str, public: str | None, system: str | None) -> None:
        """Heard at <!DOCTYPE."""
        raise _AnnotationError("it declares a document type, which annotations never need")


@dataclass(frozen=True)
class _Annotation:
    """One file: where it lies, the film that it names, the frame and the objects."""

    text: Parts
    name: str
    frame: tuple[float, float] | None
    marks: tuple[Mark, ...]


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
        DatasetError: A file is broken, a film is in two splits, or the meaning of a class is not known.
    """
    annotations, problems = [], []
    for text in _files(tree):
        try:
            annotations.append(_Annotation(text, *_read_file(Path(tree.path(text)))))
        except _AnnotationError as bad:
            problems.append(f"{'/'.join(text)}: {bad}")
    refuse_broken(
        problems,
        "annotation file",
        "Mend or remove them; a file without objects says that there is no fracture",
        tree.root,
    )
    splits = _image_sets(tree)
    marked: dict[Parts, MarkedFilm] = {}
    split_of: dict[str, dict[str, str]] = {}
    absent, twice = 0, 0
    for one, film in _claims(tree, annotations):
        if film is None:
            absent += 1
        elif film in marked:
            twice += 1
        else:
            found = _splits_of(one.text, splits)
            if not split_of_folders(film[:-1]):
                split_of["/".join(film)] = found
            marked[film] = MarkedFilm(film, one.marks, one.frame, next(iter(found), ""))
    refuse_two_splits(split_of, tree.root)
    notes = list(tree.notes(read=(".xml", *([".txt"] if splits else []))))
    if absent:
        notes.append(f"{counted(absent, 'annotation file')} without a film here")
    if twice:
        notes.append(f"{counted(twice, 'annotation file')} of a film that has one already, ignored")
    return manifest_of(tree, list(marked.values()), labels, unlabelled="without an annotation file", notes=notes)


def _claims(tree: FilmTree, annotations: list[_Annotation]) -> list[tuple[_Annotation, Parts | None]]:
    """The film of each file, those first that lie nearest to theirs.

    A file's own name counts before the <filename> in it, which is not changed when films are renamed.
    """
    index = FilmIndex(tree)
    by_folder: dict[Parts, list[_Annotation]] = defaultdict(list)
    for one in annotations:
        by_folder[one.text[:-1]].append(one)
    claims: list[tuple[tuple[bool, int], _Annotation, Parts | None]] = []
    for folder, group in by_folder.items():
        stems = index.find([stem_of(one.text[-1]) for one in group], folder)
        names = index.find([one.name for one in group], folder, nearness=stems.nearness)
        for one, by_stem, by_name in zip(group, stems.films, names.films, strict=True):
            film = by_stem or by_name
            apart = len(folder) - shared_parts(folder, film[:-1]) if film else 0
            claims.append(((by_stem is None, apart), one, film))
    return [(one, film) for _, one, film in sorted(claims, key=lambda claim: claim[0])]


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
        root = ElementTree.fromstring(path.read_bytes(), ElementTree.XMLParser(target=_NoDocumentType()))
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


def _image_sets(tree: FilmTree) -> dict[Parts, dict[str, dict[str, str]]]:
    """Folder of an ImageSets -> stem of a film -> split -> list; lists of one class (wrist_train.txt) are not asked."""
    sets: dict[Parts, dict[str, dict[str, str]]] = defaultdict(lambda: defaultdict(dict))
    for text in tree.texts:
        split = SPLIT_WORDS.get(stem_of(text[-1]).casefold())
        folders = [part.casefold() for part in text[:-1]]
        if split and text[-1].casefold().endswith(".txt") and "imagesets" in folders:
            for line in read_list(Path(tree.path(text))):
                named = parts_of(line.split()[0])
                if named:
                    sets[text[: folders.index("imagesets")]][stem_of(named[-1])].setdefault(split, "/".join(text))
    return sets


def _splits_of(text: Parts, sets: Mapping[Parts, Mapping[str, dict[str, str]]]) -> dict[str, str]:
    """Split -> list of the film of an annotation file, by the innermost folder that holds both it and lists."""
    holding = [base for base in sets if text[: len(base)] == base] or (list(sets) if len(sets) == 1 else [])
    return sets[max(holding, key=len)].get(stem_of(text[-1]), {}) if holding else {}
