"""COCO annotations (Lin et al. 2014, arXiv 1405.0312): JSON with images, annotations and categories."""

from __future__ import annotations

import json
import os
import re
import sys
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lucency.datasets.audit.findings import counted
from lucency.datasets.film_index import FilmIndex
from lucency.datasets.film_tree import FilmTree
from lucency.datasets.label_files import refuse_two_splits
from lucency.datasets.manifest import Manifest
from lucency.datasets.marked_films import Box, Mark, MarkedFilm, manifest_of
from lucency.datasets.vocabulary import SPLIT_WORDS, split_of_folders, squeeze
from lucency.errors import DatasetError

Parts = tuple[str, ...]

_NAMES = re.compile(r"coco|annotation|instances", re.IGNORECASE)
_KEYS = (b'"images"', b'"annotations"', b'"categories"')
_ENDS = 65_536


def recognise(tree: FilmTree) -> bool:
    """Whether a JSON file of the tree is, or is called like, COCO annotations."""
    return bool(tree.films) and bool(_files(tree))


def read(tree: FilmTree, labels: Mapping[str, int]) -> Manifest:
    """Reads COCO annotations: a film is fractured where an object of a fracture category is annotated.

    A film that is listed without annotation is not fractured; one that is not listed is left out and said. What
    several files say of one film is put together, and what they repeat counts once.

    Args:
        tree: The folder, of which `recognise` is true.
        labels: Further names of categories.

    Raises:
        DatasetError: A file is broken, two put a film into different splits, or the meaning of a category is not known.
    """
    index = FilmIndex(tree)
    frames: dict[Parts, tuple[float, float] | None] = {}
    marks: dict[Parts, list[Mark]] = defaultdict(list)
    files_of: dict[Parts, dict[Parts, None]] = defaultdict(dict)
    split_of: dict[Parts, dict[str, str]] = defaultdict(dict)
    notes = list(tree.notes(read=(".json",)))
    for text in _files(tree):
        path = Path(tree.path(text))
        split = split_of_folders(text[:-1]) or _split_of_name(text[-1])
        listed = _Listed(path)
        found = index.find([image["file_name"] for image in listed.images.values()], text[:-1], split=split)
        for (number, image), film in zip(listed.images.items(), found.films, strict=True):
            if film is None:
                continue
            frame = listed.frame(image)
            frames[film] = frames.get(film) or frame
            files_of[film][text] = None
            if split and not split_of_folders(film[:-1]):
                split_of[film].setdefault(split, "/".join(text))
            drawn = [_rescaled(mark, frame, frames[film]) for mark in listed.marks.get(number, [])]
            marks[film] += [mark for mark in drawn if mark not in marks[film]]
        if absent := found.films.count(None):
            notes.append(f"{counted(absent, 'film')} of {text[-1]} not here, or not to be told from others by name")
        if found.moved:
            notes.append(f"{counted(found.moved, 'film')} in other folders than {text[-1]} says, found by file name")
    refuse_two_splits({"/".join(film): places for film, places in split_of.items()}, tree.root)
    if several := sum(len(files) > 1 for files in files_of.values()):
        notes.append(f"{counted(several, 'film')} in more than one JSON file: annotations that they repeat count once")
    films = [MarkedFilm(film, tuple(marks[film]), frame, "".join(split_of[film])) for film, frame in frames.items()]
    return manifest_of(tree, films, labels, unlabelled="not listed in the annotations", notes=notes)


def _rescaled(mark: Mark, drawn_on: tuple[float, float] | None, frame: tuple[float, float] | None) -> Mark:
    """A mark in the frame that another file gave first."""
    if mark.box is None or drawn_on is None or frame is None or drawn_on == frame:
        return mark
    x, y, width, height = mark.box
    across, down = frame[0] / drawn_on[0], frame[1] / drawn_on[1]
    return Mark(mark.name, (x * across, y * down, width * across, height * down))


class _Listed:
    """The content of one file, checked: images by id, and what is marked on each."""

    def __init__(self, path: Path):
        self.path = path
        content = self._content()
        self.images: dict[Any, dict[str, Any]] = {}
        for image in self._entries(content, "images"):
            if not isinstance(image.get("file_name"), str) or not _is_id(image.get("id")):
                raise self._bad("an image has no id or no file_name", image)
            if image["id"] in self.images:
                raise self._bad(f"two images have the id {image['id']}", image)
            self.images[image["id"]] = image
        names = {}
        for category in self._entries(content, "categories"):
            if not isinstance(category.get("name"), str) or not _is_id(category.get("id")):
                raise self._bad("a category has no id or no name", category)
            names[category["id"]] = category["name"]
        self.marks: dict[Any, list[Mark]] = defaultdict(list)
        for annotation in self._entries(content, "annotations"):
            number, kind = annotation.get("image_id"), annotation.get("category_id")
            if not _is_id(number) or number not in self.images:
                raise self._bad(f"an annotation is of image {number!r}, which is not listed", annotation)
            if not _is_id(kind) or kind not in names:
                raise self._bad(f"an annotation is of category {kind!r}, which is not listed", annotation)
            self.marks[number].append(Mark(names[kind], self._box(annotation)))

    def frame(self, image: Mapping[str, Any]) -> tuple[float, float] | None:
        """Width and height that the file gives for an image."""
        width, height = image.get("width"), image.get("height")
        return (float(width), float(height)) if _is_number(width) and _is_number(height) and width and height else None

    def _content(self) -> dict[str, Any]:
        try:
            content = json.loads(self.path.read_text("utf-8-sig"))
        except (OSError, ValueError, RecursionError) as bad:
            raise DatasetError(f"these are not COCO annotations ({bad})", where=self.path) from None
        if not isinstance(content, dict):
            raise DatasetError("these are not COCO annotations (no object at the top)", where=self.path)
        return content

    def _entries(self, content: Mapping[str, Any], key: str) -> list[dict[str, Any]]:
        entries = content.get(key)
        if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
            raise DatasetError(f"these are not COCO annotations: '{key}' is missing or no list", where=self.path)
        return entries

    def _box(self, annotation: Mapping[str, Any]) -> Box | None:
        box = annotation.get("bbox")
        if box:
            if not isinstance(box, list) or len(box) != 4 or not all(map(_is_number, box)):
                raise self._bad("a bbox is not [x, y, width, height]", annotation)
            return (float(box[0]), float(box[1]), float(box[2]), float(box[3]))
        outlines = annotation.get("segmentation")
        if not isinstance(outlines, list) or not outlines:
            return None
        points = [value for outline in outlines if isinstance(outline, list) for value in outline]
        if len(points) < 6 or not all(map(_is_number, points)):
            raise self._bad("a segmentation is no list of polygons", annotation)
        across, down = points[::2], points[1::2]
        return (min(across), min(down), max(across) - min(across), max(down) - min(down))

    def _bad(self, what: str, entry: Mapping[str, Any]) -> DatasetError:
        return DatasetError(f"these COCO annotations are broken: {what} (id {entry.get('id')!r})", where=self.path)


def _files(tree: FilmTree) -> list[Parts]:
    """JSON files that hold the keys of COCO, or are called so that they should."""
    return [text for text in tree.texts if text[-1].casefold().endswith(".json") and _is_meant(tree, text)]


def _is_meant(tree: FilmTree, text: Parts) -> bool:
    name, path = text[-1], tree.path(text)
    if "coco" in name.casefold():
        return True
    if _NAMES.search(name):
        return _keys(path) > 0 or _is_broken(path)
    # Elsewhere a JSON file may be about anything.
    return (len(text) == 1 or bool(_split_of_name(name))) and _keys(path) > 1


def _keys(path: str) -> int:
    """How many of the keys of COCO stand near the beginning or the end of a file."""
    try:
        with open(path, "rb") as file:
            ends = file.read(_ENDS)
            file.seek(max(len(ends), os.fstat(file.fileno()).st_size - _ENDS))
            ends += file.read()
    except OSError:
        return 0
    return sum(key in ends for key in _KEYS)


def _is_broken(path: str) -> bool:
    try:
        json.loads(Path(path).read_bytes())
    except (OSError, ValueError, RecursionError):
        return True
    return False


def _split_of_name(name: str) -> str:
    """Split in the name of a file, such as instances_val2017.json."""
    words = re.findall(r"[a-z]+", name.casefold())
    return next((SPLIT_WORDS[squeeze(word)] for word in words if squeeze(word) in SPLIT_WORDS), "")


def _is_id(value: object) -> bool:
    return isinstance(value, (int, str)) and not isinstance(value, bool)


def _is_number(value: object) -> bool:
    # NaN is not below anything; JSON has integers that no float holds.
    return isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) <= sys.float_info.max
