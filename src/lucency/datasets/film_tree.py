"""What lies in a folder: its films by suffix, in a fixed order, and what was passed over."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass, field, replace
from pathlib import Path

from lucency.datasets.file_names import is_text, printable
from lucency.errors import DatasetError
from lucency.imaging.readers import IMAGE_SUFFIXES

SKIPPED_FOLDERS = frozenset({"__macosx", "@eadir", "$recycle.bin"})
SKIPPED_FILES = frozenset({"thumbs.db", "desktop.ini", "dicomdir"})
TEXT_SUFFIXES = frozenset({".csv", ".json", ".labels", ".names", ".parquet", ".txt", ".xml", ".yaml", ".yml"})
"""Suffixes of files that may say something of the films beside them."""


@dataclass(frozen=True)
class FilmTree:
    """The files of a folder, however deep.

    Attributes:
        root: The folder, absolute.
        films: Films as parts of the path from `root`, the last one the file's name; sorted.
        folders: Every folder that was entered, as parts; sorted.
        ignored: Suffix (or "hidden", "broken link") -> number of files passed over.
        texts: Files with one of `TEXT_SUFFIXES`, as parts; sorted. They are counted in `ignored` too.
        misnamed: Films that `named_in_text` left out, printable.
    """

    root: Path
    films: tuple[tuple[str, ...], ...]
    folders: tuple[tuple[str, ...], ...] = ()
    ignored: Counter[str] = field(default_factory=Counter)
    texts: tuple[tuple[str, ...], ...] = ()
    misnamed: tuple[str, ...] = ()

    def path(self, parts: tuple[str, ...]) -> str:
        """Absolute path of a film or folder of the tree."""
        return os.path.join(self.root, *parts)

    def named_in_text(self) -> FilmTree:
        """The tree without what no table can name: paths that are not valid UTF-8, of films, folders and texts."""

        def told(paths: tuple[tuple[str, ...], ...]) -> tuple[tuple[str, ...], ...]:
            return tuple(parts for parts in paths if is_text("/".join(parts)))

        names = ("/".join(film) for film in self.films)
        misnamed = tuple(printable(name) for name in names if not is_text(name))
        return replace(
            self, films=told(self.films), folders=told(self.folders), texts=told(self.texts), misnamed=misnamed
        )

    def notes(self, read: Collection[str] = ()) -> tuple[str, ...]:
        """What was passed over, in words.

        Args:
            read: Suffixes of the files that were read, and so not passed over.
        """
        ignored = {kind: count for kind, count in self.ignored.items() if kind not in read}
        if not ignored:
            return ()
        kinds = ", ".join(f"{count} {kind}" for kind, count in sorted(ignored.items()))
        total = sum(ignored.values())
        return (f"{total} {'file that is no film' if total == 1 else 'files that are no films'} ignored: {kinds}",)


def list_films(root: Path) -> FilmTree:
    """Lists the films under a folder: files with the suffix of an image, and others that begin like DICOM.

    Links to folders are followed, but never into a folder that encloses them.

    Args:
        root: The folder.

    Raises:
        DatasetError: It is not there, is no folder, or cannot be read.
    """
    root = Path(os.path.abspath(root))
    films: list[tuple[str, ...]] = []
    folders: list[tuple[str, ...]] = []
    ignored: Counter[str] = Counter()
    texts: list[tuple[str, ...]] = []
    # A stack of our own: a deep tree must not meet the recursion limit.
    waiting: list[tuple[tuple[str, ...], frozenset[tuple[int, int]]]] = [((), frozenset())]
    while waiting:
        parts, enclosing = waiting.pop()
        here = os.path.join(root, *parts)
        try:
            state = os.stat(here)
            if (state.st_dev, state.st_ino) in enclosing:
                continue
            entries = list(os.scandir(here))
        except NotADirectoryError:
            raise DatasetError("not a folder, nor a .csv or .parquet table", where=here) from None
        except FileNotFoundError:
            raise DatasetError("no such folder or table", where=here) from None
        except OSError as failed:
            raise DatasetError(f"the folder cannot be read: {failed.strerror}", where=here) from failed
        folders.append(parts)
        for entry in entries:
            name = entry.name.casefold()
            if entry.is_dir():
                if not name.startswith(".") and name not in SKIPPED_FOLDERS:
                    waiting.append(((*parts, entry.name), enclosing | {(state.st_dev, state.st_ino)}))
            elif reason := _why_no_film(entry):
                ignored[reason] += 1
                if reason in TEXT_SUFFIXES:
                    texts.append((*parts, entry.name))
            else:
                films.append((*parts, entry.name))
    return FilmTree(root, tuple(sorted(films)), tuple(sorted(folders)), ignored, tuple(sorted(texts)))


def _why_no_film(entry: os.DirEntry[str]) -> str:
    name = entry.name.casefold()
    if name.startswith("."):
        return "hidden"
    if name in SKIPPED_FILES:
        return name
    if not entry.is_file():
        return "broken link" if entry.is_symlink() else "special file"
    suffix = os.path.splitext(name)[1]
    if suffix in IMAGE_SUFFIXES or (_numeric(suffix) and _begins_like_dicom(entry.path)):
        return ""
    return suffix or "without suffix"


def _numeric(suffix: str) -> bool:
    # Archives name DICOM files by UID, so that what follows the last dot is a number.
    return not suffix or suffix[1:].isdigit()


def _begins_like_dicom(path: str) -> bool:
    try:
        with open(path, "rb", buffering=0) as file:
            return file.read(132)[128:] == b"DICM"
    except OSError:
        return False
