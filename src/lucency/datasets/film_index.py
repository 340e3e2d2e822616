"""Finds the film that a label file means, by what it calls it."""

from __future__ import annotations

from collections import defaultdict
from pathlib import PurePosixPath

from lucency.datasets.film_tree import FilmTree
from lucency.datasets.vocabulary import split_of_folders

Parts = tuple[str, ...]


class FilmIndex:
    """The films of a tree by name.

    Args:
        tree: The folder.
    """

    def __init__(self, tree: FilmTree):
        self._films = set(tree.films)
        self._named: dict[str, list[Parts]] = defaultdict(list)
        self._stems: dict[str, list[Parts]] = defaultdict(list)
        for film in tree.films:
            self._named[film[-1].casefold()].append(film)
            self._stems[stem_of(film[-1]).casefold()].append(film)

    def find(self, name: str, near: Parts = (), *, split: str = "") -> Parts | None:
        """The one film that a label file means, or None where there is none, or no telling which.

        Paths of another machine are understood by their end. A film of another split than that of the label file, or
        of the path in it, is never meant.

        Args:
            name: Path or name of a film, as the label file gives it; it may lack a suffix.
            near: Folder of the label file.
            split: Split that the label file is about, "" where it does not say.
        """
        wanted = parts_of(name)
        if not wanted:
            return None
        if (*near, *wanted) in self._films:
            return (*near, *wanted)
        split = split_of_folders(wanted[:-1]) or split_of_folders(near) or split
        named = self._named.get(wanted[-1].casefold()) or self._stems.get(stem_of(wanted[-1]).casefold(), [])
        fitting = [film for film in named if not split or split_of_folders(film[:-1]) in ("", split)]
        if len(fitting) > 1:
            fitting = _best(fitting, [_shared(film[-2::-1], wanted[-2::-1]) for film in fitting])
        if len(fitting) > 1:
            fitting = _best(fitting, [_shared(film, near) for film in fitting])
        return fitting[0] if len(fitting) == 1 else None


def parts_of(name: str) -> Parts:
    """A path in a label file as parts, whatever system wrote it."""
    parts = PurePosixPath(name.strip().replace("\\", "/")).parts
    return tuple(part for part in parts if part not in (".", "..", "/"))


def stem_of(name: str) -> str:
    """The name of a file without its suffix."""
    return PurePosixPath(name).stem


def _best(films: list[Parts], scores: list[int]) -> list[Parts]:
    return [film for film, score in zip(films, scores, strict=True) if score == max(scores)]


def _shared(one: Parts, other: Parts) -> int:
    count = 0
    for left, right in zip(one, other, strict=False):
        if left != right:
            break
        count += 1
    return count
