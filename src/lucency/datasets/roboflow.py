"""Names of films that Roboflow exported: copies of one original share what stands before the hash."""

from __future__ import annotations

import re
from collections.abc import Sequence

_EXPORTED = re.compile(r"(?P<original>.+)\.rf\.[0-9A-Za-z]{8,}\.[^.]+")


def roboflow_original(name: str) -> str:
    """The original of an exported film, or "" where the name is not one of Roboflow's.

    Roboflow names each augmented copy `<stem>_<suffix>.rf.<hash>.<suffix>`, so copies differ in the hash alone.

    Args:
        name: Name of a file, such as "wrist12_jpg.rf.2f3c9d0e1a.jpg".
    """
    found = _EXPORTED.fullmatch(name)
    return found["original"] if found else ""


def copies_note(groups: Sequence[str]) -> tuple[str, ...]:
    """What the names told, in words, where they told anything.

    Args:
        groups: The original of each film, "" where it is not known.
    """
    named = [group for group in groups if group]
    if not named:
        return ()
    return (
        f"{len(named)} films exported by Roboflow come from {len(set(named))} originals; copies of one are a group",
    )
