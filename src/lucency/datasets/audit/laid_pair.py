"""A pair of films that are laid on each other: what speaks for a copy on the way, and the answer."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lucency.datasets.audit.alignment import Matrix
from lucency.datasets.audit.candidates import Candidate
from lucency.datasets.audit.copies import CopyLink

USUAL_LIKENESS = 0.6
LIKENESS_COUNTS, LIKENESS_HOPES = (0.4, 0.4), (0.6, 0.2)
"""Fingerprints that are more alike than usual speak for a copy too, by so much of the difference; and by so much,
before the films are compared at their full size, for a closer look. The second numbers hold where they are less alike,
as burned-in words make them."""
RARE_LIKENESS = 0.87
RARE_COUNTS = 3.0
"""So alike are hardly any but copies, noisy ones among them, whose finest detail is gone: that counts besides."""


@dataclass(frozen=True)
class PairCheck:
    """What comparing two films gave.

    Attributes:
        score: Agreement, -1..1, of the closest look at the thumbnails; where the films themselves agree better, theirs;
            0 where the pair was given up before.
        copies: Whether they show one radiograph.
        onto: float64 (2, 3), place on the searcher -> place on the found film.
        inverted: Whether black and white are exchanged.
        thorough: Whether the thumbnails' finest detail was compared to the end.
    """

    score: float
    copies: bool
    onto: Matrix
    inverted: bool
    thorough: bool = False

    def link(self, searcher: int, found: int, before: Matrix, after: Matrix) -> CopyLink:
        """The link of the two films.

        Args:
            searcher: Row of the searcher in the manifest.
            found: Row of the found film.
            before: float64 (2, 2), `FilmFrame.linear` of the searcher.
            after: float64 (2, 2), `FilmFrame.linear` of the found film.
        """
        across = np.linalg.inv(after) @ self.onto[:, :2] @ before
        linear: Matrix = np.asarray(across if searcher < found else np.linalg.inv(across), dtype=np.float64)
        mirrored = bool(np.linalg.det(linear) < 0)
        turn = linear @ np.diag([-1, 1]) if mirrored else linear
        # Rows run downwards, so the angle is counted against the clock by its negative.
        degrees = float(np.degrees(np.arctan2(turn[0, 1] - turn[1, 0], turn[0, 0] + turn[1, 1]))) % 360
        return CopyLink(
            min(searcher, found),
            max(searcher, found),
            "near",
            score=min(1.0, self.score),
            turned=degrees,
            mirrored=mirrored,
            inverted=self.inverted,
            scale=float(np.sqrt(abs(np.linalg.det(linear)))),
        )


@dataclass(frozen=True, eq=False)
class Laid:
    """Two films laid on each other.

    Attributes:
        candidate: The pair.
        inverted: Whether black and white are exchanged.
        onto: float64 (2, 3), place on the searcher -> place on the found film.
    """

    candidate: Candidate
    inverted: bool
    onto: Matrix

    @property
    def sign(self) -> np.float32:
        """-1 where black and white are exchanged, else 1."""
        return np.float32(-1 if self.inverted else 1)

    @property
    def hopes(self) -> float:
        """What likeness adds before the films are compared at their full size."""
        return credit(self.candidate.likeness, LIKENESS_HOPES)

    @property
    def given_up(self) -> PairCheck:
        """The answer where a map led nowhere."""
        return PairCheck(0.0, False, self.onto, self.inverted)


def credit(likeness: float, counts: tuple[float, float]) -> float:
    """What the likeness of two films' fingerprints adds to their agreement, where it counts so much."""
    more, (above, below) = likeness - USUAL_LIKENESS, counts
    return (above if more > 0 else below) * more + RARE_COUNTS * max(0.0, likeness - RARE_LIKENESS)
