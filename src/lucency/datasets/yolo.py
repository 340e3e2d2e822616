"""YOLO labels: a text file for each film, in labels/ beside images/ or beside the film, as Roboflow and CVAT export."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from lucency.datasets.audit.findings import counted
from lucency.datasets.film_index import parts_of, stem_of
from lucency.datasets.film_tree import FilmTree
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
        DatasetError: A row cannot be understood, a class has no name, or its meaning is not known.
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
    if problems:
        more = f" and {len(problems) - 3} more" if len(problems) > 3 else ""
        raise DatasetError(
            f"{counted(len(problems), 'label file')} cannot be understood: {'; '.join(problems[:3])}{more}",
            where=tree.root,
            hint="Mend or remove them; an empty label file says that there is no fracture",
        )
    if nameless:
        raise DatasetError(
            f"there is no data.yaml or classes.txt that names the classes {', '.join(map(str, sorted(nameless)))}",
            where=tree.root,
            hint=f"Bring it, or say what they mark: --label {min(nameless)}=1 for a fracture, =0 for something else",
        )
    splits = _listed_splits(tree, names)
    films = [MarkedFilm(one.film, one.marks, SHARES, splits.get(one.film, "")) for one in films]
    notes = tree.notes(read=_READ)
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
        self._alone = _once([stem_of(film[-1]) for film in tree.films])

    def mirrored(self, film: Parts) -> Parts | None:
        """The text in labels/ where the film lies in images/; a split may stand above or below either."""
        folders = _lower(film[:-1])
        for place in range(len(folders) - 1, -1, -1):
            if folders[place] == "images":
                key = (*folders[:place], "labels", *folders[place + 1 :])
                if (found := self._by_place.get((key, stem_of(film[-1])))) is not None:
                    return found
        return None

    def of(self, film: Parts) -> Parts | None:
        """The label file of a film: mirrored, beside it, or the one of its stem in any folder called labels."""
        found = self.mirrored(film) or self._by_place.get((_lower(film[:-1]), stem_of(film[-1])))
        if found is None and stem_of(film[-1]) in self._alone:
            candidates = self._in_labels.get(stem_of(film[-1]), [])
            found = candidates[0] if len(candidates) == 1 and _same_split(film, candidates[0]) else None
        return found

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


def _listed_splits(tree: FilmTree, names: list[ClassNames]) -> dict[Parts, str]:
    """Splits of films that data.yaml gives by a folder or a list of paths, where no folder is named like a split."""
    splits: dict[Parts, str] = {}
    for one in names:
        for parts, split in one.splits.items():
            listing = Path(tree.path((*one.folder, *parts)))
            if parts[-1].casefold().endswith(".txt") and listing.is_file():
                try:
                    lines = listing.read_text("utf-8-sig").splitlines()
                except (OSError, UnicodeDecodeError):
                    raise DatasetError("the list of films cannot be read", where=listing) from None
                ends = {parts_of(line)[-2:] for line in lines if line.strip()}
                found = [film for film in tree.films if film[-2:] in ends or film[-1:] in ends]
            else:
                found = [film for film in tree.films if film[: len(one.folder) + len(parts)] == (*one.folder, *parts)]
            splits.update((film, split) for film in found if film not in splits)
    return splits
