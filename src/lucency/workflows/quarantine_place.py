"""Where a quarantine may lie: beside the films, never among them, and where it can be written."""

from __future__ import annotations

import os
from collections.abc import Container, Iterable
from pathlib import Path

from lucency.errors import DatasetError, ResourceError
from lucency.workflows.quarantine_record import RECORD, read_record

FILMS = "films"
"""Folder in the quarantine under which films lie by their relative paths."""
_OWN = (FILMS, "lock")
"""What may lie there before the first record is written, if that was cut short."""


def refuse_quarantine(
    folder: str | os.PathLike[str], films: Iterable[Path], *, root: str | os.PathLike[str] | None = None
) -> None:
    """Says why films could not be put aside in a folder; makes nothing.

    Args:
        folder: The quarantine, which may not be there yet.
        films: Paths of films, of which some may be moved.
        root: Folder that was searched for them.

    Raises:
        DatasetError: The folder lies among the films, or they lie where it keeps its own; or it has a record that
            cannot be read.
        ResourceError: It cannot be written.
    """
    home = Path(os.path.abspath(folder))
    if root is not None:
        _refuse_inside(home, Path(os.path.abspath(root)))
    # Films of a table too must not lie where the quarantine keeps its own.
    if any(within(one, home / FILMS) for one in {path.parent for path in films}):
        raise _kept_there(home)
    if os.path.exists(home / RECORD):
        read_record(home)
    elif holds_anything(home, but=_OWN):
        raise DatasetError(
            "this folder holds other things than a quarantine", where=home, hint="Give --quarantine a new folder"
        )
    there = next((place for place in (home, *home.parents) if os.path.lexists(place)), None)
    if there is None or not there.is_dir() or not os.access(there, os.W_OK):
        why = "no permission" if there is not None and there.is_dir() else "no folder, or a file in the way"
        raise ResourceError(f"cannot write here: {why}", where=home, hint="Choose another folder")


def holds_anything(folder: Path, *, but: Container[str] = ()) -> bool:
    """Whether a folder is there, can be listed and has files or folders that are not hidden.

    Args:
        folder: Which need not be there.
        but: Names that do not count.
    """
    try:
        return any(not name.startswith(".") and name not in but for name in os.listdir(folder))
    except OSError:
        return False


def among_films(folder: Path, root: Path) -> bool:
    """Whether a folder lies where a scan of `root` would look for films; hidden folders are not searched.

    Args:
        folder: Absolute.
        root: Absolute.
    """
    return any(
        inside.is_relative_to(top) and not any(part.startswith(".") for part in inside.relative_to(top).parts)
        for inside, top in ((folder, root), (_real(folder), _real(root)))
    )


def within(path: Path, folder: Path) -> bool:
    """Whether a path lies in a folder, by its name or once links are followed."""
    return path.is_relative_to(folder) or _real(path).is_relative_to(_real(folder))


def _refuse_inside(home: Path, root: Path) -> None:
    if among_films(home, root) or among_films(home / FILMS, root):
        raise DatasetError(
            "the quarantine would lie among the films, which would be found there again",
            where=home,
            hint="Choose a folder beside them",
        )
    if within(root, home / FILMS):
        raise _kept_there(home)


def _kept_there(home: Path) -> DatasetError:
    return DatasetError(
        f"the films lie in the folder {FILMS!r} of the quarantine, where it keeps what is put aside",
        where=home,
        hint="Choose a new folder beside them",
    )


def _real(path: Path) -> Path:
    return Path(os.path.realpath(path))
