"""Which films belong together: one group id, one patient, one study, or the same bytes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from lucency.datasets.manifest import Manifest

LINKS = ("group", "patient_id", "study_id", "sha256")
"""Columns of the manifest; films that share a value of one of them, "" aside, belong together."""


def film_groups(manifest: Manifest) -> list[str]:
    """Name of the group of each film, for splits, folds and bootstraps over groups.

    Films linked by a chain (A and B are one patient, B and C the same bytes) are one group.

    Returns:
        One name per row, never "". It is the first image_id of the group in alphabetical order, so that it
        does not depend on the order of rows.
    """
    return linked(list(manifest.table["image_id"]), [list(manifest.table[name]) for name in LINKS])


def linked(names: list[str], columns: Iterable[list[str]]) -> list[str]:
    """Smallest name among all rows that are linked with a row, for each row (union-find).

    Args:
        names: Unique name of each row.
        columns: Columns of link values; rows with equal values, "" aside, are linked.
    """
    parent = list(range(len(names)))

    def root(i: int) -> int:
        while parent[i] != i:
            parent[i] = parent[parent[i]]
            i = parent[i]
        return i

    for column in columns:
        first: dict[str, int] = {}
        for i, value in enumerate(column):
            if value:
                parent[root(i)] = root(first.setdefault(value, i))
    members: dict[int, list[str]] = defaultdict(list)
    for i, name in enumerate(names):
        members[root(i)].append(name)
    smallest = {i: min(group) for i, group in members.items()}
    return [smallest[root(i)] for i in range(len(names))]
