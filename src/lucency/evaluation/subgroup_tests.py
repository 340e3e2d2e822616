"""A subgroup of films against all the others: a difference is called real only where chance is ruled out twice."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.stats import norm

from lucency.evaluation.areas_of_parts import AreasOfDeals, AreasOfParts
from lucency.evaluation.intervals import Draws, Interval, group_numbers, percentile_interval
from lucency.evaluation.metrics import METRICS
from lucency.evaluation.paired_tests import holm
from lucency.evaluation.scores import FloatArray, IntArray, ScoredFilms
from lucency.evaluation.weighted import WeightedFilms

BoolArray = npt.NDArray[np.bool_]

SIGNIFICANCE = 0.05

_FEWEST_DEALS = 1999
_DEALS_PER_COMPARISON = 100
# Deals held at once, whatever the number of films.
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
        A Contrast for each candidate, and the number of different comparisons with a p-value, which Holm's correction
        is for.

    Raises:
        DatasetError: Not as many groups as films, or films that cannot be evaluated.
    """
    sides = _Sides(labels, probabilities, decisions, candidates)
    draws = Draws(*group_numbers(groups, len(labels)), resamples, level, seed)
    once = sides.values(np.ones((1, len(labels))))
    drawn = draws.values(sides.values)
    keys = [_key(one) for one in candidates]
    p_of: dict[tuple[str, bytes], float | None] = {}
    found = []
    for one, key in zip(candidates, keys, strict=True):
        inside, outside = (_side(one.metric, mask) for mask in (one.inside, one.outside))
        rest = float(once[outside][0])
        value = float(once[inside][0]) - rest
        if draws.refusal is not None:
            p_of[key] = None
            found.append(Contrast(one.metric, value, None, None, rest, None, None, None, reason=draws.refusal))
            continue
        of_rest = percentile_interval(drawn[outside], level)
        interval = percentile_interval(drawn[inside] - drawn[outside], level)
        if interval.low is not None and key not in p_of:
            p = _normal_p(value, drawn[inside] - drawn[outside])
            if p < SIGNIFICANCE:
                deals = max(_FEWEST_DEALS, _DEALS_PER_COMPARISON * len(set(keys)))
                p = max(p, _dealt_p(labels, probabilities, decisions, one, value, deals, seed))
            p_of[key] = p
        found.append(_contrast(one.metric, value, rest, interval, of_rest, p_of.get(key)))
    adjusted = dict(zip(p_of, holm(list(p_of.values())), strict=True))
    comparisons = sum(p is not None for p in p_of.values())
    return [
        replace(contrast, p_adjusted=adjusted.get(key)) for contrast, key in zip(found, keys, strict=True)
    ], comparisons


_SideName = tuple[str, bytes]


def _side(metric: str, mask: BoolArray) -> _SideName:
    return metric, mask.tobytes()


def _key(one: Candidate) -> tuple[str, bytes]:
    # With metal against without, and without against with, is one comparison.
    return one.metric, b"".join(sorted((one.inside.tobytes(), one.outside.tobytes())))


class _Sides:
    """Both sides of all candidates, each measured once under any weights of all films."""

    def __init__(
        self, labels: IntArray, probabilities: FloatArray, decisions: BoolArray, candidates: Sequence[Candidate]
    ):
        self._plain: dict[_SideName, _Side] = {}
        self._areas: list[tuple[AreasOfParts, list[tuple[_SideName, _SideName]]]] = []
        of_areas: dict[bytes, dict[tuple[str, bytes], Candidate]] = {}
        for one in candidates:
            if one.metric == "auroc":
                of_areas.setdefault((one.inside | one.outside).tobytes(), {}).setdefault(_key(one), one)
                continue
            for mask in (one.inside, one.outside):
                name = _side(one.metric, mask)
                if name not in self._plain:
                    self._plain[name] = _Side(labels, probabilities, decisions, mask, one.metric)
        for parted in of_areas.values():
            # The larger side is found from the smaller, and from what all films have in common.
            pairs = [sorted((one.inside, one.outside), key=np.count_nonzero) for one in parted.values()]
            both = pairs[0][0] | pairs[0][1]
            areas = AreasOfParts(labels, probabilities, both, [smaller for smaller, _ in pairs])
            self._areas.append((areas, [(_side("auroc", one), _side("auroc", other)) for one, other in pairs]))

    def values(self, weights: FloatArray) -> dict[_SideName, FloatArray]:
        found = {name: films.values(weights) for name, films in self._plain.items()}
        for areas, names in self._areas:
            for (one, other), (of_part, of_rest) in zip(names, areas.values(weights), strict=True):
                found[one], found[other] = of_part, of_rest
        return found


class _Side:
    """The films of one side, sorted once, with their metric under any weights of all films."""

    def __init__(self, labels: IntArray, probabilities: FloatArray, decisions: BoolArray, mask: BoolArray, metric: str):
        self._films = ScoredFilms.sort(labels[mask], probabilities[mask], decisions[mask])
        self._places = np.flatnonzero(mask)[self._films.order]
        self._metric = METRICS[metric]

    def values(self, weights: FloatArray) -> FloatArray:
        return self._metric.compute(WeightedFilms(self._films, weights[:, self._places]))


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
    classes = [np.flatnonzero(films.labels == label) for label in (0, 1)]
    compute = METRICS[one.metric].compute
    areas = AreasOfDeals(films.labels, films.probabilities) if one.metric == "auroc" else None
    below = above = 0
    for others, fractured in _deals(inside, classes, deals, seed):
        if areas is not None:
            difference = areas.difference(fractured, others)
        else:
            dealt = np.zeros((len(others), len(films)))
            dealt[:, classes[0]], dealt[:, classes[1]] = others, fractured
            difference = compute(WeightedFilms(films, dealt)) - compute(WeightedFilms(films, 1.0 - dealt))
        # Sums run in another order here, so that the very same deal may come out a hair apart.
        below += int((difference <= value + 1e-9).sum())
        above += int((difference >= value - 1e-9).sum())
    return min(1.0, 2 * (1 + min(below, above)) / (1 + deals))


def _deals(
    inside: BoolArray, classes: Sequence[IntArray], deals: int, seed: int
) -> Iterator[tuple[npt.NDArray[np.uint8], ...]]:
    """For each class (R, films) uint8 of 1 inside and 0 outside, with as many films of it inside as there are."""
    random = np.random.default_rng(seed)
    rows = max(1, _CELLS // len(inside))
    for start in range(0, deals, rows):
        count = min(rows, deals - start)
        yield tuple(random.permuted(np.tile(inside[places].view(np.uint8), (count, 1)), axis=1) for places in classes)
