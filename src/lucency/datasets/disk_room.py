"""Room on the disk: asked for before it is needed, and its lack said in one line."""

from __future__ import annotations

import errno
import os
import shutil
from pathlib import Path

from lucency.errors import DatasetError, LucencyError, ResourceError

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_NAME = (errno.ENAMETOOLONG, errno.EILSEQ, errno.EINVAL)


def require_room(folder: Path, needed: int, *, hint: str = "Free some space, or choose another folder") -> None:
    """Makes sure that so many bytes can still be written.

    Args:
        folder: An existing folder on the disk in question.
        needed: Bytes.
        hint: What to do where there is no room.

    Raises:
        ResourceError: There is less room.
    """
    try:
        free = shutil.disk_usage(folder).free
    except OSError:
        return
    if needed > free:
        raise ResourceError(
            f"there is too little room on the disk: {size_text(needed)} are needed, {size_text(free)} are free",
            where=folder,
            hint=hint,
        )


def write_error(failed: OSError, place: str | os.PathLike[str], *, hint: str) -> LucencyError:
    """The error of a user for one of the system that came while something was written.

    Args:
        failed: What the system said.
        place: What was written.
        hint: What to do where the disk is full.
    """
    if failed.errno in _FULL:
        return ResourceError("the disk is full", where=place, hint=hint)
    if failed.errno in _NAME:
        return DatasetError(f"no file can have this name here: {failed.strerror}", where=place)
    return ResourceError(f"cannot write here: {failed.strerror or failed}", where=place, hint="Choose another folder")


def size_text(count: int) -> str:
    """A number of bytes for a person: "338.4 MB" (decimal units, as download pages give them)."""
    if count < 1000:
        return f"{count} bytes"
    power = 1
    while power < 4 and count >= 999.95 * 1000**power:
        power += 1
    return f"{count / 1000**power:.1f} {('kB', 'MB', 'GB', 'TB')[power - 1]}"
