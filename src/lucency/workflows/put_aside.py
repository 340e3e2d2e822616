"""Damaged films of an audit -> quarantine."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from lucency.datasets.audit.evidence import Evidence
    from lucency.workflows.quarantine import Quarantined

DAMAGED: Final = frozenset({"truncated", "corrupt", "empty_file", "too_small", "not_an_image"})
"""Codes of films that nobody can use. Others, such as "lfs_pointer", say that Lucency cannot, or not now."""


def put_aside(
    data: str | os.PathLike[str], evidence: Evidence, folder: str | os.PathLike[str]
) -> tuple[Quarantined | None, list[str]]:
    """Moves the films that are damaged into a folder, from which `restore` brings them back.

    Other unreadable films stay where they are: another program, package or day may read them.

    Args:
        data: The folder or table that was audited.
        evidence: What is known of its films.
        folder: The quarantine.

    Returns:
        What was moved, None where no film is damaged; and image_ids of unreadable films that stay, but for those
        that are not there at all.

    Raises:
        DatasetError: The folder lies among the films, or holds a broken record.
        ResourceError: It cannot be written.
    """
    from lucency.workflows.quarantine import quarantine

    table, survey = evidence.manifest.table, evidence.survey
    assert survey is not None
    damaged, stay = [], []
    for image_id, path, facts in zip(table["image_id"], table["path"], survey.facts, strict=True):
        if facts.code in DAMAGED:
            damaged.append((image_id, path, f"{facts.code}: {facts.what}"))
        elif not facts.readable and facts.code != "not_found":
            stay.append(image_id)
    if not damaged:
        return None, stay
    root = Path(data) if Path(data).is_dir() else None
    return quarantine(damaged, folder, root=root), stay
