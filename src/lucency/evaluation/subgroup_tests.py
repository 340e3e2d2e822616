"""A subgroup of films against all the others: a difference is called real only where chance is ruled out twice."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.stats import norm

from lucency.evaluation.intervals import Draws, Interval, group_numbers, percentile_interval
from lucency.evaluation.metrics import METRICS
from lucency.evaluation.paired_tests import holm
from lucency.evaluation.scores import FloatArray, IntArray, ScoredFilms
from lucency.evaluation.weighted import WeightedFilms

BoolArray = npt.NDArray[np.bool_]

SIGNIFICANCE = 0.05

_FEWEST_DEALS = 1999
_DEALS_PER_COMPARISON = 100
# Weights held at once; 16 MB in float64, whatever the number of films.
_CELLS = 2_000_000


@dataclass(frozen=True, eq=False)
class Candidate:
    """A subgroup that is held against the rest.

    Attributes:
        metric: Row of `METRICS` that is compared.
        inside: (N,) bool, the films of the subgroup.
        outside: (N,) bool, the films it is held against; none of them is inside.
    """

    metric: str
    inside: BoolArray
    outside: BoolArray


@dataclass(frozen=True)
class Contrast:
    """A metric of a subgroup less that of the rest.

    Attributes:
        metric: What is compared.
        value: The difference.
        low: Lower end of its bootstrap interval, or None.
        high: Upper end, or None.
        rest: Metric of the rest.
        rest_low: Lower end of its interval, or None.
        rest_high: Upper end, or None.
        p: Two-sided p-value, or None.
        p_adjusted: The same after Holm's correction over all comparisons.
        reason: Why there is no p-value, as a sentence without full stop; None where there is one.
        dropped: Resamples in which the difference was undefined.
    """

    metric: str
    value: float
    low: float | None
    high: float | None
    rest: float
    rest_low: float | None
    rest_high: float | None
    p: float | None
    p_adjusted: float | None = None
    reason: str | None = None
    dropped: int = 0

    def to_json(self) -> dict[str, Any]:
        """The fields as a dictionary."""
        return asdict(self)


def against_rest(
    labels: IntArray,
    probabilities: FloatArray,
    decisions: BoolArray,
    groups: Sequence[str] | None,
    candidates: Sequence[Candidate],
    *,
    resamples: int = 1000,
    level: float = 0.95,
    seed: int = 0,
) -> tuple[list[Contrast], int]:
    """Holds each subgroup against the rest.

    A p-value is the larger of two. The first takes the standard error of the difference from a bootstrap of whole
    groups (Efron 1979), so that films of one patient stay together, and the difference as normal. That is too sure of
    itself where few films are nearly all told apart, since one bad film in ten then makes a large difference. So where
    the first is small, films are dealt to subgroup and rest anew, class by class, as if the subgroup meant nothing
    (permutation test, Fisher 1935; Good 2005): the second is twice the share of deals on the rarer side of the
    difference found. Holm (1979) corrects for all comparisons; a subgroup and the very films that it is held against
    are one comparison, however often they come up.

    Args:
        labels: (N,) int64, 1 = fractured, 0 = not fractured.
        probabilities: (N,) calibrated probabilities, 0..1.
        decisions: (N,) bool, true where the film is called fractured.
        groups: N names of groups, see `group_numbers`.
        candidates: Subgroups; the metric of each is defined inside and outside.
        resamples: Of the bootstrap.
        level: Of the intervals, 0..1.
        seed: Of all draws.

    Returns:
        A Contrast for each candidate, and the number of different comparisons.

    Raises:
        DatasetError: Not as many groups as films, or films that cannot be evaluated.
    """
    sides = [
        tuple(_Side(labels, probabilities, decisions, mask, one.metric) for mask in (one.inside, one.outside))
        for one in candidates
    ]
    draws = Draws(*group_numbers(groups, len(labels)), resamples, level, seed)
    drawn = draws.values(
        lambda weights: {
            (place, side): films.values(weights) for place, pair in enumerate(sides) for side, films in enumerate(pair)
        }
    )
    keys = [_key(one) for one in candidates]
    comparisons = len(set(keys))
    p_of: dict[tuple[str, bytes], float | None] = {}
    found = []
    for place, (one, key, (inside, outside)) in enumerate(zip(candidates, keys, sides, strict=True)):
        value, rest = inside.value - outside.value, outside.value
        if draws.refusal is not None:
            p_of[key] = None
            found.append(Contrast(one.metric, value, None, None, rest, None, None, None, reason=draws.refusal))
            continue
        of_inside, of_outside = drawn[place, 0], drawn[place, 1]
        of_rest = percentile_interval(of_outside, level)
        interval = percentile_interval(of_inside - of_outside, level)
        if interval.low is not None and key not in p_of:
            p = _normal_p(value, of_inside - of_outside)
            if p < SIGNIFICANCE:
                deals = max(_FEWEST_DEALS, _DEALS_PER_COMPARISON * comparisons)
                p = max(p, _dealt_p(labels, probabilities, decisions, one, value, deals, seed))
            p_of[key] = p
        found.append(_contrast(one.metric, value, rest, interval, of_rest, p_of.get(key)))
    adjusted = dict(zip(p_of, holm(list(p_of.values())), strict=True))
    return [
        replace(contrast, p_adjusted=adjusted.get(key)) for contrast, key in zip(found, keys, strict=True)
    ], comparisons


class _Side:
    """The films of one side, sorted once, with their metric under any weights of all films."""

    def __init__(self, labels: IntArray, probabilities: FloatArray, decisions: BoolArray, mask: BoolArray, metric: str):
        self._films = ScoredFilms.sort(labels[mask], probabilities[mask], decisions[mask])
        self._places = np.flatnonzero(mask)[self._films.order]
        self._metric = METRICS[metric]
        self.value = float(self.values(np.ones((1, len(labels))))[0])

    def values(self, weights: FloatArray) -> FloatArray:
        return self._metric.compute(WeightedFilms(self._films, weights[:, self._places]))


def _key(one: Candidate) -> tuple[str, bytes]:
    # With metal against without, and without against with, is one comparison.
    return one.metric, b"".join(sorted((one.inside.tobytes(), one.outside.tobytes())))


def _contrast(
    metric: str, value: float, rest: float, interval: Interval, of_rest: Interval, p: float | None
) -> Contrast:
    return Contrast(
        metric,
        value,
        interval.low,
        interval.high,
        rest,
        of_rest.low,
        of_rest.high,
        p,
        reason=interval.reason,
        dropped=interval.dropped,
    )


def _normal_p(value: float, differences: FloatArray) -> float:
    error = float(np.nanstd(differences, ddof=1))
    return float(2 * norm.sf(abs(value) / error))


def _dealt_p(
    labels: IntArray,
    probabilities: FloatArray,
    decisions: BoolArray,
    one: Candidate,
    value: float,
    deals: int,
    seed: int,
) -> float:
    both = one.inside | one.outside
    films = ScoredFilms.sort(labels[both], probabilities[both], decisions[both])
    inside = one.inside[both][films.order]
    compute = METRICS[one.metric].compute
    below = above = 0
    for dealt in _deals(films.labels, inside, deals, seed):
        difference = compute(WeightedFilms(films, dealt)) - compute(WeightedFilms(films, 1.0 - dealt))
        # Sums run in another order here, so that the very same deal may come out a hair apart.
        below += int((difference <= value + 1e-9).sum())
        above += int((difference >= value - 1e-9).sum())
    return min(1.0, 2 * (1 + min(below, above)) / (1 + deals))


def _deals(labels: IntArray, inside: BoolArray, deals: int, seed: int) -> Iterator[FloatArray]:
    """(R, N) float64 of 1 inside and 0 outside, with as many films of each class inside as there are."""
    random = np.random.default_rng(seed)
    classes = [places for label in (0, 1) if len(places := np.flatnonzero(labels == label))]
    rows = max(1, _CELLS // len(labels))
    for start in range(0, deals, rows):
        dealt = np.zeros((min(rows, deals - start), len(labels)))
        for places in classes:
            dealt[:, places] = random.permuted(np.tile(inside[places].astype(np.float64), (len(dealt), 1)), axis=1)
        yield dealt
