"""AUROC of many parts of the same films, and of what is left of the films without them.

A win is a fractured film above one without fracture, half a win where both stand equal. All wins of a rest are those of
all films, less those in which a film of the part takes part: what the films have in common is counted once for all
parts. Weights are whole numbers, so that the sums are exact and come out as if each part were measured alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from lucency.evaluation.scores import FloatArray, IntArray, ScoredFilms

BoolArray = npt.NDArray[np.bool_]
Counts = npt.NDArray[Any]


class AreasOfParts:
    """AUROC of parts and rests under any weights of all films.

    Args:
        labels: (N,) int64, 1 = fractured, 0 = not fractured.
        probabilities: (N,) calibrated probabilities, 0..1.
        among: (N,) bool, the films that part and rest make up.
        parts: Each (N,) bool, inside `among`.

    Raises:
        DatasetError: The films cannot be evaluated, see `ScoredFilms.sort`.
    """

    def __init__(self, labels: IntArray, probabilities: FloatArray, among: BoolArray, parts: Sequence[BoolArray]):
        chosen = probabilities[among]
        order = np.flatnonzero(among)[ScoredFilms.sort(labels[among], chosen, np.zeros(len(chosen))).order]
        self._fractured, self._others = order[labels[order] == 1], order[labels[order] == 0]
        falling = probabilities[self._fractured], probabilities[self._others]
        self._others_above, self._fractured_above = _Above(*falling), _Above(*falling[::-1])
        self._of_fractured = np.stack([part[self._fractured] for part in parts], axis=1).astype(np.float64)
        self._of_others = np.stack([part[self._others] for part in parts], axis=1).astype(np.float64)
        self._inside = []
        for part in parts:
            inside = part[self._fractured], part[self._others]
            above = _Above(falling[0][inside[0]], falling[1][inside[1]])
            self._inside.append((np.flatnonzero(inside[0]), np.flatnonzero(inside[1]), above))

    def values(self, weights: FloatArray) -> Iterator[tuple[FloatArray, FloatArray]]:
        """For each part (R,) float64 of the part and of the rest; NaN where a class is missing.

        Args:
            weights: (R, N) whole numbers as float64: how often each film counts.
        """
        fractured, others = weights[:, self._fractured], weights[:, self._others]
        lost = fractured * self._others_above.sums(others)
        lost_by_part = lost @ self._of_fractured
        lost_to_part = (others * self._fractured_below(fractured)) @ self._of_others
        lost_in_all = lost.sum(axis=1)
        positives, negatives = fractured.sum(axis=1), others.sum(axis=1)
        inside, outside = fractured @ self._of_fractured, others @ self._of_others
        for part, (rows, columns, above) in enumerate(self._inside):
            lost_inside = np.einsum("rk,rk->r", fractured[:, rows], above.sums(others[:, columns]))
            lost_outside = lost_in_all - lost_by_part[:, part] - lost_to_part[:, part] + lost_inside
            a, b = inside[:, part], outside[:, part]
            yield _area(lost_inside, a * b), _area(lost_outside, (positives - a) * (negatives - b))

    def _fractured_below(self, fractured: FloatArray) -> FloatArray:
        below: FloatArray = fractured.sum(axis=1)[:, None] - self._fractured_above.sums(fractured)
        return below


class AreasOfDeals:
    """AUROC inside less AUROC outside where films are dealt to the two.

    Args:
        labels: (N,) int64 of films by falling probability.
        probabilities: (N,) float64, falling.
    """

    def __init__(self, labels: IntArray, probabilities: FloatArray):
        falling = probabilities[labels == 1], probabilities[labels == 0]
        self._above = _Above(*falling)
        fractured, others = (np.ones((1, len(part))) for part in falling)
        # Of each film, how many films of the other class it loses to, or wins against.
        self._lost_by = self._above.sums(others)[0]
        self._lost_to = len(falling[0]) - _Above(*falling[::-1]).sums(fractured)[0]

    def difference(self, fractured: Counts, others: Counts) -> FloatArray:
        """(R,) float64; NaN where a side has no film of a class.

        Args:
            fractured: (R, fractured films) 1 inside and 0 outside, by falling probability.
            others: (R, other films), likewise.
        """
        of_fractured = fractured.astype(np.float64)
        inside = np.einsum("rk,rk->r", of_fractured, self._above.sums(others))
        by, to = of_fractured @ self._lost_by, others @ self._lost_to
        outside = self._lost_by.sum() - by - to + inside
        a, b = of_fractured.sum(axis=1), others.sum(axis=1, dtype=np.float64)
        return _area(inside, a * b) - _area(outside, (fractured.shape[1] - a) * (others.shape[1] - b))


class _Above:
    """How much of one class stands above each film of the other, equals counted half; both by falling probability."""

    def __init__(self, these: FloatArray, those: FloatArray):
        self._above = np.searchsorted(-those, -these, side="left")
        self._or_equal = np.searchsorted(-those, -these, side="right")
        self._ties = bool((self._above < self._or_equal).any())

    def sums(self, those: Counts) -> FloatArray:
        """(R, these) float64 from weights (R, those)."""
        summed = np.zeros((len(those), those.shape[1] + 1))
        np.cumsum(those, axis=1, out=summed[:, 1:])
        above: FloatArray = np.take(summed, self._above, axis=1)
        if self._ties:
            above += np.take(summed, self._or_equal, axis=1)
            above /= 2
        return above


def _area(lost: FloatArray, pairs: FloatArray) -> FloatArray:
    found = np.full(len(lost), np.nan)
    np.divide(pairs - lost, pairs, out=found, where=pairs > 0)
    return found
