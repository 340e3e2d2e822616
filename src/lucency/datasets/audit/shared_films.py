"""How many films of one side of a split are known from another side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lucency.datasets.audit.duplicates import known_copies, usable
from lucency.datasets.audit.evidence import Evidence

CLASS_KEYS = {1: "fractured", 0: "not_fractured"}
"""How a class is called in JSON."""


@dataclass(frozen=True)
class Shared:
    """Films of one side that share a block with a film of another side.

    Attributes:
        films: Readable films of the side.
        rows: Rows of the manifest of those that share.
        by_class: For "fractured" and "not_fractured": "films", "shared" and "share" (None without films).
    """

    films: int
    rows: list[int]
    by_class: dict[str, dict[str, float | int | None]]

    @property
    def share(self) -> float:
        """Of the films of the side, 0..1; 0 where there are none."""
        return len(self.rows) / self.films if self.films else 0.0


def shared_films(evidence: Evidence, blocks: Sequence[str | int], side: str, other: str) -> Shared:
    """Readable films of `side` whose block has a readable film in `other`.

    Args:
        evidence: N films with their splits.
        blocks: N names; a film with the name "" is in no block.
        side: "val" or "test".
        other: "train" or "val".
    """
    table = evidence.manifest.table
    readable = usable(evidence)
    splits = table["split"].to_numpy(dtype=object)
    known = {blocks[row] for row in np.flatnonzero(readable & (splits == other)).tolist()} - {""}
    films: list[int] = np.flatnonzero(readable & (splits == side)).tolist()
    rows = [row for row in films if blocks[row] in known]
    labels = table["label"].to_numpy()
    by_class: dict[str, dict[str, float | int | None]] = {}
    for label, key in CLASS_KEYS.items():
        of_class = int((labels[films] == label).sum())
        shared = int((labels[rows] == label).sum())
        by_class[key] = {
            "films": of_class,
            "shared": shared,
            "share": shared / of_class if of_class else None,
        }
    return Shared(len(films), rows, by_class)


def copies_shared(evidence: Evidence, side: str, other: str) -> Shared:
    """Readable films of `side` of which a copy is in `other`."""
    return shared_films(evidence, known_copies(evidence).cluster.tolist(), side, other)
