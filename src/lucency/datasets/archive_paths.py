"""Where a member of an archive may be written: below the target, and nowhere else."""

from __future__ import annotations

import os
import re
from pathlib import Path

from lucency.errors import DatasetError

_DRIVE = re.compile(r"[A-Za-z]:")


def target_parts(archive: Path, name: str) -> tuple[str, ...]:
    r"""The parts of a member's path below the target, without "." parts; a backslash separates as well.

    Raises:
        DatasetError: The name would lead out: an absolute path, a drive letter, or a "..".
    """
    plain = name.replace("\\", "/")
    parts = tuple(part for part in plain.split("/") if part not in ("", "."))
    if plain.startswith("/"):
        why = "its path is absolute"
    elif _DRIVE.match(plain) or (os.name == "nt" and ":" in plain):
        why = "its path names a drive"
    elif ".." in parts:
        why = "its path leads out of the folder"
    else:
        return parts
    raise DatasetError(
        f"the archive is refused because of {shown(name)}: {why}", where=archive, hint="Nothing of it was kept"
    )


def shown(name: str) -> str:
    """A member's name as an error may show it: one line, no control characters, not too long."""
    clean = "".join(letter if letter.isprintable() else "?" for letter in name)
    return clean if len(clean) <= 120 else f"{clean[:60]}...{clean[-50:]}"
