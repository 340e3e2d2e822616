"""Films counted by many sets of weights at once: the sums that metrics share."""

from __future__ import annotations

from functools import cached_property

import numpy as np

from lucency.evaluation.scores import FloatArray, ScoredFilms

_TINY = float(np.finfo(np.float64).eps)


class WeightedFilms:
    """Films under R sets of weights: the sums that the metrics share, each taken once and only if asked for.

    Args:
        films: N sorted films.
        weights: (R, N) non-negative float64, in the sorted order of `films`: how often each film counts.
    """

    def __init__(self, films: ScoredFilms, weights: FloatArray):
        self.films = films
        self.weights = weights

    @cached_property
    def _sums(self) -> FloatArray:
        labels, decisions = self.films.labels, self.films.decisions
        probabilities = self.films.probabilities
        of_truth = np.where(labels == 1, probabilities, 1.0 - probabilities)
        columns = [
            np.ones(len(labels)),
            labels,
            decisions,
            labels * decisions,
            -np.log(np.clip(of_truth, _TINY, 1.0)),
            (probabilities - labels) ** 2,
        ]
        # (R, 6) in one product; sums of whole numbers are exact in float64.
        sums: FloatArray = self.weights @ np.stack(columns, axis=1)
        return sums

    @property
    def total(self) -> FloatArray:
        """(R,) weight of all films."""
        return self._sums[:, 0]

    @property
    def positives(self) -> FloatArray:
        """(R,) weight of the fractured films."""
        return self._sums[:, 1]

    @property
    def negatives(self) -> FloatArray:
        """(R,) weight of the films without fracture."""
        return self.total - self.positives

    @property
    def tp(self) -> FloatArray:
        """(R,) fractured and called fractured."""
        return self._sums[:, 3]

    @property
    def fp(self) -> FloatArray:
        """(R,) not fractured but called fractured."""
        return self._sums[:, 2] - self.tp

    @property
    def fn(self) -> FloatArray:
        """(R,) fractured but not called so."""
        return self.positives - self.tp

    @property
    def tn(self) -> FloatArray:
        """(R,) not fractured and not called so."""
        return self.negatives - self.fp

    @property
    def log_loss(self) -> FloatArray:
        """(R,) sum of the log losses."""
        return self._sums[:, 4]

    @property
    def squared_error(self) -> FloatArray:
        """(R,) sum of the squared differences of probability and label."""
        return self._sums[:, 5]

    @cached_property
    def ranked(self) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
        """(R, K) by falling distinct probability: fractured, not, and the sums of both from the top."""
        fractured = self.weights * self.films.labels
        rest = self.weights - fractured
        if len(self.films.tie_starts) < len(self.films):
            fractured = np.add.reduceat(fractured, self.films.tie_starts, axis=1)
            rest = np.add.reduceat(rest, self.films.tie_starts, axis=1)
        return fractured, rest, np.cumsum(fractured, axis=1), np.cumsum(rest, axis=1)
