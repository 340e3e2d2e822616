"""Finds the films that a label file means, by what it calls them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from lucency.datasets.film_tree import TEXT_SUFFIXES, FilmTree
from lucency.datasets.vocabulary import split_of_folders
from lucency.imaging.readers import IMAGE_SUFFIXES

Parts = tuple[str, ...]

_SUFFIXES = frozenset((*IMAGE_SUFFIXES, *TEXT_SUFFIXES))

_NAME, _LAST_FOLDER, _WHOLE = range(3)


@dataclass(frozen=True)
class FoundFilms:
    """What the names in one label file mean.

    Attributes:
        films: For each name its film, or None where there is none, or no telling which.
        moved: How many of them lie in other folders than the label file says.
        nearness: Number of folders that the label file and all films found by bare name have in common at least.
    """

    films: tuple[Parts | None, ...]
    moved: int
    nearness: int


@dataclass(frozen=True)
class _Fit:
    """A film that a name may mean.

    Attributes:
        film: The film.
        folders: Folders that the name gives, folded.
        exact: Whether that is its path from the top of the tree or from the folder of the label file.
        agreeing: How many folders, counted from the film, agree.
        shared: How many folders, counted from the top, the film shares with the label file.
    """

    film: Parts
    folders: Parts
    exact: bool
    agreeing: int
    shared: int

    @property
    def grade(self) -> int:
        """How far the path in the label file agrees."""
        if self.agreeing == min(len(self.folders), len(self.film) - 1):
            return _WHOLE
        return _LAST_FOLDER if self.agreeing else _NAME

    @property
    def by_place(self) -> bool:
        """Whether only the place of the label file tells that this folder is meant."""
        return not self.exact and (not self.folders or self.agreeing < len(self.film) - 1)

    @property
    def root(self) -> Parts:
        """What the name gives above the top of the tree."""
        return self.folders[: len(self.folders) - self.agreeing]


class FilmIndex:
    """The films of a tree by name.

    Args:
        tree: The folder.
    """

    def __init__(self, tree: FilmTree):
        self._top = tree.root.name.casefold()
        self._films = set(tree.films)
        self._named: dict[str, list[Parts]] = defaultdict(list)
        self._stems: dict[str, list[Parts]] = defaultdict(list)
        for film in tree.films:
            self._named[film[-1].casefold()].append(film)
            self._stems[stem_of(film[-1]).casefold()].append(film)

    def find(self, names: Sequence[str], near: Parts = (), *, split: str = "", nearness: int = 0) -> FoundFilms:
        """The films that one label file means.

        Paths of another machine are understood by their end. All names of a file are judged together, since parts of
        data sets are passed around and the same file name stands in many folders: where the folders of some names
        agree with those of their films, those of all must; and where some films lie near the label file, those that
        it calls by their bare names all do. A film of another split than that of the label file, or of the path in
        it, is never meant.

        Args:
            names: Paths or names of films, as the label file gives them; they may lack a suffix.
            near: Folder of the label file.
            split: Split that the label file is about, "" where it does not say.
            nearness: `FoundFilms.nearness` of other names in the same label file.
        """
        fits = [self._fit(name, near, split) for name in names]
        nearness = max([nearness, *(fit.shared for fit in fits if fit and (fit.by_place or fit.shared == len(near)))])
        fits = [None if fit and fit.by_place and fit.shared < nearness else fit for fit in fits]
        inside = [fit for fit in fits if fit and fit.folders and len(fit.film) > 1]
        needed = max((_WHOLE if fit.exact else fit.grade for fit in inside), default=_NAME)
        roots = {fit.root for fit in inside if fit.exact or fit.grade == _WHOLE}
        fits = [fit if fit and self._agrees(fit, needed, roots) else None for fit in fits]
        fits = _once(fits)
        moved = sum(bool(fit and fit.folders and not fit.exact and fit.grade < _WHOLE) for fit in fits)
        return FoundFilms(tuple(fit.film if fit else None for fit in fits), moved, nearness)

    def _fit(self, name: str, near: Parts, split: str) -> _Fit | None:
        wanted = parts_of(name)
        if not wanted:
            return None
        folders = _folded(wanted[:-1])

        def fit(film: Parts, exact: bool = False) -> _Fit:
            agreeing = shared_parts(_folded(film[-2::-1]), folders[::-1])
            return _Fit(film, folders, exact or film == wanted, agreeing, shared_parts(film[:-1], near))

        if (*near, *wanted) in self._films:
            return fit((*near, *wanted), exact=True)
        split = split_of_folders(wanted[:-1]) or split_of_folders(near) or split
        key = wanted[-1].casefold()
        # What follows the last dot of a UID is no suffix, so the whole name is tried first.
        named = self._named.get(key) or self._stems.get(key) or self._stems.get(stem_of(key), [])
        fitting = [fit(film) for film in named if not split or split_of_folders(film[:-1]) in ("", split)]
        best = max(((one.agreeing, one.shared) for one in fitting), default=None)
        fitting = [one for one in fitting if (one.agreeing, one.shared) == best]
        return fitting[0] if len(fitting) == 1 else None

    def _agrees(self, fit: _Fit, needed: int, roots: set[Parts]) -> bool:
        if fit.exact or not fit.folders:
            return True
        if len(fit.film) == 1:
            # A film at the top has no folder to agree with: what the others have above the top must be what it has.
            return not roots or fit.folders in roots or fit.folders[-1] == self._top
        return fit.grade >= needed


def parts_of(name: str) -> Parts:
    """A path in a label file as parts, whatever system wrote it."""
    parts = PurePosixPath(name.strip().replace("\\", "/")).parts
    return tuple(part for part in parts if part not in (".", "..", "/"))


def stem_of(name: str) -> str:
    """The name of a film or label file without its suffix; the last number of a UID is none."""
    path = PurePosixPath(name)
    return path.stem if path.suffix.casefold() in _SUFFIXES else path.name


def _once(fits: Sequence[_Fit | None]) -> list[_Fit | None]:
    """Two paths are two films: where they fit the same one, it is the one that bears the path exactly, or neither."""
    paths: dict[Parts, set[Parts]] = defaultdict(set)
    for fit in fits:
        if fit and fit.folders:
            paths[fit.film].add(fit.folders)
    return [None if fit and fit.folders and not fit.exact and len(paths[fit.film]) > 1 else fit for fit in fits]


def _folded(parts: Parts) -> Parts:
    return tuple(part.casefold() for part in parts)


def shared_parts(one: Parts, other: Parts) -> int:
    """How many parts two paths have in common, from the first."""
    count = 0
    for left, right in zip(one, other, strict=False):
        if left != right:
            break
        count += 1
    return count
