"""Copies: which films of a manifest show one and the same radiograph."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

CopyKind = Literal["bytes", "pixels", "near"]


@dataclass(frozen=True)
class CopyLink:
    """Two films that show one radiograph, and how that is known.

    Attributes:
        first: Row of the manifest.
        second: Row of the manifest, larger than `first`.
        kind: "bytes": equal files. "pixels": equal grey levels. "near": alike once laid over each other.
        score: Correlation of the aligned films, 0..1; 1 for "bytes" and "pixels".
        turned: Degrees, anticlockwise, 0..360, by which the first is turned to lie on the second.
        mirrored: Whether it is mirrored, left to right, before it is turned.
        inverted: Whether black and white are exchanged.
        scale: Size of the second's content over that of the first, in pixels of the thumbnails.
    """

    first: int
    second: int
    kind: CopyKind
    score: float = 1.0
    turned: float = 0.0
    mirrored: bool = False
    inverted: bool = False
    scale: float = 1.0

    def to_json(self) -> dict[str, Any]:
        """The link as plain JSON values."""
        plain = {"kind": self.kind, "score": round(self.score, 4)}
        if self.kind == "near":
            plain |= {
                "turned": round(self.turned, 1),
                "mirrored": self.mirrored,
                "inverted": self.inverted,
                "scale": round(self.scale, 3),
            }
        return plain


@dataclass(frozen=True, eq=False)
class Copies:
    """Which of N films show the same radiograph.

    Attributes:
        cluster: int64 (N,): the smallest row with the same radiograph; its own row where a film stands alone.
        links: Why films were put together; enough of them to join every cluster, not every pair.
    """

    cluster: npt.NDArray[np.int64]
    links: tuple[CopyLink, ...] = field(default=())

    def sets(self) -> list[list[int]]:
        """Rows of each cluster of two films or more, in the order of their first rows."""
        members: dict[int, list[int]] = defaultdict(list)
        for row, head in enumerate(self.cluster.tolist()):
            members[head].append(row)
        return [rows for rows in members.values() if len(rows) > 1]

    @property
    def distinct(self) -> int:
        """How many different radiographs there are."""
        return len(set(self.cluster.tolist()))
