"""DeLong's variance of AUROC; tests of two models on the same films: DeLong, McNemar, Holm's correction."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import expit
from scipy.stats import binomtest, norm, rankdata

from lucency.evaluation.scores import FloatArray


def delong(labels: npt.ArrayLike, scores: npt.ArrayLike) -> tuple[FloatArray, FloatArray]:
    """Areas under the ROC curves of K models on the same films, and their covariance.

    DeLong, DeLong and Clarke-Pearson 1988, in the fast form of Sun and Xu 2014 (IEEE Signal Processing Letters 21):
    midranks instead of all pairs of films. Films must be independent: where several show one patient, the
    covariance comes out too small.

    Args:
        labels: (N,) integers, 1 = fractured, 0 = not fractured; at least two of each.
        scores: (K, N) float, any scale on which a higher score speaks for a fracture.

    Returns:
        areas (K,) float64, 0..1, and covariance (K, K) float64.

    Raises:
        ValueError: Fewer than two films of a class.
    """
    fractured = np.asarray(labels) == 1
    table = np.atleast_2d(np.asarray(scores, dtype=np.float64))
    above, below = table[:, fractured], table[:, ~fractured]
    m, n = above.shape[1], below.shape[1]
    if m < 2 or n < 2:
        raise ValueError(f"DeLong needs two films of each class, not {m} and {n}")
    ranks = rankdata(np.concatenate([above, below], axis=1), axis=1)
    # For each fractured film the share of the others that stand below it, and the other way round.
    of_fractured = (ranks[:, :m] - rankdata(above, axis=1)) / n
    of_others = 1 - (ranks[:, m:] - rankdata(below, axis=1)) / m
    covariance = np.cov(of_fractured) / m + np.cov(of_others) / n
    return of_fractured.mean(axis=1), np.atleast_2d(covariance)


def delong_interval(labels: npt.ArrayLike, scores: npt.ArrayLike, *, level: float = 0.95) -> tuple[float, float] | None:
    """Interval of one AUROC on independent films; see `delong`.

    Taken as normal on the scale of log(A / (1 - A)), so that it stays inside 0..1 and is wider towards 0.5 (Pepe 2003,
    "The Statistical Evaluation of Medical Tests for Classification and Prediction", section 5.2).

    Args:
        labels: (N,) integers, 1 = fractured, 0 = not fractured; at least two of each.
        scores: (N,) float, any scale on which a higher score speaks for a fracture.
        level: Of the interval, 0..1.

    Returns:
        Lower and upper end; None where the areas have no spread, as with classes fully apart or equal scores.

    Raises:
        ValueError: Fewer than two films of a class.
    """
    areas, covariance = delong(labels, np.asarray(scores, dtype=np.float64)[None])
    area, variance = float(areas[0]), float(covariance[0, 0])
    if variance <= 1e-18 or not 0 < area < 1:
        return None
    reach = float(norm.ppf((1 + level) / 2)) * math.sqrt(variance) / (area * (1 - area))
    middle = math.log(area / (1 - area))
    return float(expit(middle - reach)), float(expit(middle + reach))


@dataclass(frozen=True)
class NormalDifference:
    """A difference whose error is taken as normal.

    Attributes:
        value: Second less first.
        low: Lower end of the interval, or None where the difference has no spread.
        high: Upper end, likewise.
        p: Two-sided probability of a difference as large if there is none; None likewise.
    """

    value: float
    low: float | None
    high: float | None
    p: float | None


def delong_difference(
    labels: npt.ArrayLike, first: npt.ArrayLike, second: npt.ArrayLike, *, level: float = 0.95
) -> NormalDifference:
    """Difference in AUROC of two models on the same, independent films; see `delong`.

    Args:
        labels: (N,) integers, 1 = fractured, 0 = not fractured; at least two of each.
        first: (N,) scores of the first model.
        second: (N,) scores of the second model.
        level: Of the interval, 0..1.

    Raises:
        ValueError: Fewer than two films of a class.
    """
    areas, covariance = delong(labels, np.stack([np.asarray(first), np.asarray(second)]))
    value = float(areas[1] - areas[0])
    variance = float(covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1])
    if variance <= 1e-18:
        return NormalDifference(value, None, None, None)
    error = math.sqrt(variance)
    reach = float(norm.ppf((1 + level) / 2)) * error
    return NormalDifference(value, value - reach, value + reach, float(2 * norm.sf(abs(value) / error)))


def mcnemar(first: npt.ArrayLike, second: npt.ArrayLike) -> tuple[int, int, float]:
    """McNemar's test in its exact form: of the films that only one model calls rightly, is it half and half?

    Args:
        first: (N,) bool, whether the first model is right about a film; films are independent.
        second: (N,) bool, likewise for the second.

    Returns:
        How many films only the first is right about, how many only the second, and the two-sided p (1 where there
        is no such film).
    """
    one, two = np.asarray(first, dtype=bool), np.asarray(second, dtype=bool)
    only_first, only_second = int((one & ~two).sum()), int((two & ~one).sum())
    if only_first + only_second == 0:
        return 0, 0, 1.0
    return only_first, only_second, float(binomtest(only_first, only_first + only_second).pvalue)


def holm(p_values: Sequence[float | None]) -> list[float | None]:
    """Holm 1979: p-values of several comparisons, raised so that together they err in 5 % of cases at most.

    Args:
        p_values: One a comparison; None where there is none, which counts as no comparison.

    Returns:
        The adjusted values in the same order, at most 1; None stays None.
    """
    places = sorted((p, place) for place, p in enumerate(p_values) if p is not None)
    adjusted: list[float | None] = [None] * len(p_values)
    largest = 0.0
    for rank, (p, place) in enumerate(places):
        largest = max(largest, min(1.0, p * (len(places) - rank)))
        adjusted[place] = largest
    return adjusted
