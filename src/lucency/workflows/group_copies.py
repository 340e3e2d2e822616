"""Copies, and exams that can be inferred, written into the groups of a manifest, so that they stay on one side."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lucency.datasets.audit.copies import Copies
    from lucency.datasets.manifest import Manifest

PREFIX = "with "
"""Begins the name of a group that nobody gave; the name of its first film follows."""


def group_copies(manifest: Manifest, copies: Copies) -> tuple[Manifest, str]:
    """Writes into `group` what copies, and exams that can be inferred, add to what the data set tells.

    Where groups, patients or studies are given they stay, and are joined where copies link them. Films that stand
    alone keep an empty cell.

    Args:
        manifest: N films.
        copies: Which of them show one radiograph.

    Returns:
        The manifest, and a sentence on what was added; "" where nothing was.
    """
    from lucency.datasets.audit.exam_runs import number_runs
    from lucency.datasets.audit.film_sides import given_groups, kept_together
    from lucency.datasets.audit.findings import counted
    from lucency.datasets.film_groups import film_groups

    table = manifest.table
    blocks, known = kept_together(manifest, copies), film_groups(manifest)
    parts: dict[str, set[str]] = {}
    for block, name in zip(blocks, known, strict=True):
        parts.setdefault(block, set()).add(name)
    added = [len(parts[block]) > 1 for block in blocks]
    if not any(added):
        return manifest, ""
    groups = [
        f"{PREFIX}{block}" if new else group for block, new, group in zip(blocks, added, table["group"], strict=True)
    ]
    joined = len({block for block, new in zip(blocks, added, strict=True) if new})
    films = f"{sum(added)} films are kept together"
    if given_groups(manifest) is not None:
        note = f"copies link films beyond the groups that are given: {films} in {counted(joined, 'group')}"
    elif any(number_runs(manifest)):
        note = (
            f"no patient, study or group is known: {films} in {counted(joined, 'exam')}, inferred from copies and"
            " neighbouring image numbers of one body part"
        )
    else:
        note = f"no patient, study or group is known: {films} in {counted(joined, 'group')} of copies"
    grown = replace(manifest, table=table.assign(group=groups).astype({"group": "str"}))
    return grown.noting(note), note
