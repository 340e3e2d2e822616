"""YOLO labels: a text file for each film, in labels/ beside images/ or beside the film, as Roboflow and CVAT export."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from lucency.datasets.audit.findings import counted
from lucency.datasets.film_index import FilmIndex, stem_of
from lucency.datasets.film_tree import FilmTree
from lucency.datasets.label_files import read_list, refuse_broken, refuse_two_splits
from lucency.datasets.manifest import Manifest
from lucency.datasets.marked_films import SHARES, Mark, MarkedFilm, manifest_of
from lucency.datasets.vocabulary import split_of_folders
from lucency.datasets.yolo_names import ClassNames, find_names, is_names_file
from lucency.datasets.yolo_rows import RowError, read_rows
from lucency.errors import DatasetError

Parts = tuple[str, ...]

_READ = (".txt", ".yaml", ".yml", ".names", ".labels")


def recognise(tree: FilmTree) -> bool:
    """Whether films have label files in labels/ beside images/, or beside themselves with a file of class names."""
    if not any(text[-1].casefold().endswith(".txt") for text in tree.texts):
        return False
    label_files = _LabelFiles(tree)
    if any(label_files.mirrored(film) for film in tree.films):
        return True
    named = any(is_names_file(text[-1]) or text[-1].casefold().endswith((".yaml", ".yml")) for text in tree.texts)
    return named and any(label_files.of(film) for film in tree.films)


def read(tree: FilmTree, labels: Mapping[str, int]) -> Manifest:
    """Reads YOLO labels: a film is fractured where an object of a fracture class is marked.

    An empty label file says that there is none. A film without label file was perhaps never looked at: it is left out
    and said.

    Args:
        tree: The folder, of which `recognise` is true.
        labels: Further names of classes; `{"0": 1}` names a class by its number where nothing else does.

    Raises:
        DatasetError: A row cannot be understood, a film is in two splits, a class has no name, or its meaning is not
            known.
    """
    names = find_names(tree)
    label_files = _LabelFiles(tree)
    films, problems = [], []
    nameless: set[int] = set()
    for film in tree.films:
        text = label_files.of(film)
        if text is None:
            continue
        known = _names_for(names, film, text)
        try:
            rows = read_rows(Path(tree.path(text)), keypoints=known is not None and known.keypoints)
            if known is None:
                nameless |= {row.number for row in rows if str(row.number) not in labels}
            marks = tuple(Mark(_name(row.number, known), row.box) for row in rows)
        except RowError as bad:
            problems.append(f"{'/'.join(text)}: {bad}")
            continue
        films.append(MarkedFilm(film, marks, SHARES))
    refuse_broken(
        problems, "label file", "Mend or remove them; an empty label file says that there is no fracture", tree.root
    )
    if nameless:
        raise DatasetError(
            f"there is no data.yaml or classes.txt that names the classes {', '.join(map(str, sorted(nameless)))}",
            where=tree.root,
            hint=f"Bring it, or say what they mark: --label {min(nameless)}=1 for a fracture, =0 for something else",
        )
    splits, split_notes = _listed_splits(tree, names)
    films = [MarkedFilm(one.film, one.marks, SHARES, splits.get(one.film, "")) for one in films]
    notes = (*tree.notes(read=_READ), *split_notes)
    spare = label_files.without_film({one.film for one in films})
    if spare:
        notes = (*notes, f"{counted(spare, 'label file')} without a film")
    return manifest_of(tree, films, labels, unlabelled="without a label file", notes=notes)


class _LabelFiles:
    """The label file of each film, and which label files have none."""

    def __init__(self, tree: FilmTree):
        texts = [text for text in tree.texts if text[-1].casefold().endswith(".txt") and not is_names_file(text[-1])]
        self._by_place = {(_lower(text[:-1]), stem_of(text[-1])): text for text in texts}
        self._in_labels: dict[str, list[Parts]] = {}
        for text in texts:
            if "labels" in _lower(text[:-1]):
                self._in_labels.setdefault(stem_of(text[-1]), []).append(text)
        self._text_folders = {_lower(text[:-1]) for text in texts}
        self._film_folders = {_lower(film[:-1]) for film in tree.films}
        self._alone = _once([stem_of(film[-1]) for film in tree.films])

    def mirrored(self, film: Parts) -> Parts | None:
        """The text in labels/ where the film lies in images/; a split may stand above or below either."""
        found = (self._by_place.get((key, stem_of(film[-1]))) for key in _swapped(film[:-1], "images", "labels"))
        return next((text for text in found if text is not None), None)

    def of(self, film: Parts) -> Parts | None:
        """The label file of a film: mirrored, beside it, or the one of its stem in any folder called labels."""
        found = self.mirrored(film) or self._by_place.get((_lower(film[:-1]), stem_of(film[-1])))
        if found is None and stem_of(film[-1]) in self._alone:
            candidates = self._in_labels.get(stem_of(film[-1]), [])
            found = candidates[0] if len(candidates) == 1 and self._may_serve(film, candidates[0]) else None
        return found

    def _may_serve(self, film: Parts, text: Parts) -> bool:
        # Where either has a counterpart of its own folder, it belongs there: a film of another site may bear its name.
        paired = "images" in _lower(film[:-1]) and (
            self._text_folders & set(_swapped(film[:-1], "images", "labels"))
            or self._film_folders & set(_swapped(text[:-1], "labels", "images")[:1])
        )
        return not paired and _same_split(film, text)

    def without_film(self, films: set[Parts]) -> int:
        """How many texts in labels folders belong to none of these films."""
        used = {self.of(film) for film in films}
        return sum(text not in used for texts in self._in_labels.values() for text in texts)


def _once(stems: list[str]) -> set[str]:
    seen: set[str] = set()
    twice: set[str] = set()
    for stem in stems:
        (twice if stem in seen else seen).add(stem)
    return seen - twice


def _swapped(folders: Parts, one: str, other: str) -> list[Parts]:
    """The folders with one of those called `one` called `other`, the innermost first."""
    lower = _lower(folders)
    places = [place for place in reversed(range(len(lower))) if lower[place] == one]
    return [(*lower[:place], other, *lower[place + 1 :]) for place in places]


def _lower(parts: Parts) -> Parts:
    return tuple(part.casefold() for part in parts)


def _same_split(film: Parts, text: Parts) -> bool:
    sides = {split_of_folders(film[:-1]), split_of_folders(text[:-1])} - {""}
    return len(sides) < 2


def _names_for(names: list[ClassNames], film: Parts, text: Parts) -> ClassNames | None:
    """The nearest file of names above the film, else above its label file, else the only one there is."""
    for parts in (film, text):
        above = next((one for one in names if parts[: len(one.folder)] == one.folder), None)
        if above is not None:
            return above
    return names[0] if len(names) == 1 else None


def _name(number: int, known: ClassNames | None) -> str:
    if known is None:
        return str(number)
    if number not in known.names:
        raise RowError(
            f"class {number} has no name in {known.path.name}, which names {min(known.names)} to {max(known.names)}"
        )
    return known.names[number]


def _listed_splits(tree: FilmTree, names: list[ClassNames]) -> tuple[dict[Parts, str], list[str]]:
    """Splits of films that data.yaml gives by a folder or a list of paths, where no folder is named like a split."""
    index = FilmIndex(tree)
    splits: dict[Parts, str] = {}
    sources: dict[str, dict[str, str]] = {}
    notes = []
    for one in names:
        for parts, split in one.splits:
            listing = Path(tree.path((*one.folder, *parts)))
            source = f"{one.path.name}, {'/'.join(parts)}"
            if parts[-1].casefold().endswith(".txt") and listing.is_file():
                found = index.find(read_list(listing), one.folder, split=split)
                films = [film for film in found.films if film is not None]
                if absent := found.films.count(None):
                    notes.append(f"{counted(absent, 'film')} of {parts[-1]} not here, or not to be told from others")
            else:
                films = [film for film in tree.films if film[: len(one.folder) + len(parts)] == (*one.folder, *parts)]
            for film in films:
                if not split_of_folders(film[:-1]):
                    splits.setdefault(film, split)
                    sources.setdefault("/".join(film), {}).setdefault(split, source)
    refuse_two_splits(sources, tree.root)
    return splits, notes
