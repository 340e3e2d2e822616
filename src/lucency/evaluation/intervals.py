"""Bootstrap intervals over groups of films."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from lucency.errors import DatasetError
from lucency.evaluation.metrics import METRICS, WeightedFilms
from lucency.evaluation.scores import FloatArray, IntArray, ScoredFilms

# Weights held at once; 16 MB in float64, whatever the number of films.
_CELLS = 2_000_000


@dataclass(frozen=True)
class Interval:
    """A percentile interval, or the reason why there is none.

    Attributes:
        low: Lower end, or None.
        high: Upper end, or None.
        reason: Why there is no interval, as a sentence without full stop; None where there is one.
        dropped: Resamples left out because the metric was undefined in them.
    """

    low: float | None
    high: float | None
    reason: str | None = None
    dropped: int = 0


def group_numbers(groups: Sequence[str] | None, films: int) -> tuple[IntArray, int]:
    """Number the groups.

    Args:
        groups: N names, such as patients. A film without one ("") stands alone, as do all films if None.
        films: N.

    Returns:
        (N,) int64 group of each film, 0..G-1, and G.

    Raises:
        DatasetError: Not as many names as films.
    """
    if groups is None:
        return np.arange(films), films
    if len(groups) != films:
        raise DatasetError(
            f"{len(groups)} groups were given for {films} films",
            hint="Give one group (patient or exam) a film, or none at all",
        )
    numbers: dict[str, int] = {}
    keys = (f"group {name}" if name else f"film {place}" for place, name in enumerate(groups))
    inverse = np.fromiter((numbers.setdefault(key, len(numbers)) for key in keys), dtype=np.int64, count=films)
    return inverse, len(numbers)


def bootstrap_intervals(
    films: ScoredFilms,
    groups: Sequence[str] | None,
    *,
    names: Iterable[str] | None = None,
    resamples: int = 1000,
    level: float = 0.95,
    seed: int = 0,
) -> dict[str, Interval]:
    """Percentile bootstrap (Efron 1979) that draws whole groups, so that films of one patient stay together.

    The films of a group are alike; drawn one by one they would make the interval too narrow.

    Args:
        films: N sorted films.
        groups: N names in the order in which the films were given to `ScoredFilms.sort`; see `group_numbers`.
        names: Rows of `METRICS`; all of them if left out.
        resamples: How many times the groups are drawn.
        level: Share of the resamples inside the interval, 0..1.
        seed: Of the draws.

    Returns:
        For each name an Interval.

    Raises:
        DatasetError: Not as many groups as films.
    """
    wanted = list(METRICS if names is None else names)
    group_of_film, group_count = group_numbers(groups, len(films))
    group_of_film = group_of_film[films.order]

    point = WeightedFilms(films, np.ones((1, len(films))))
    refused: dict[str, str] = {}
    for name in wanted:
        if not METRICS[name].interval:
            refused[name] = "no interval is given for it: read it beside its floor"
        elif np.isnan(METRICS[name].compute(point)[0]):
            refused[name] = METRICS[name].undefined
        elif group_count < 2:
            refused[name] = "all films are of one group, so an interval cannot be estimated"
        elif resamples < 1:
            refused[name] = "no resamples were asked for"

    open_names = [name for name in wanted if name not in refused]
    values: dict[str, list[FloatArray]] = {name: [] for name in open_names}
    for weights in resampled_weights(group_of_film, group_count, resamples if open_names else 0, seed):
        drawn = WeightedFilms(films, weights)
        for name in open_names:
            values[name].append(METRICS[name].compute(drawn))
    return {
        name: Interval(None, None, refused[name])
        if name in refused
        else percentile_interval(np.concatenate(values[name]), level)
        for name in wanted
    }


def resampled_weights(group_of_film: IntArray, group_count: int, resamples: int, seed: int) -> Iterator[FloatArray]:
    """How often each film counts when whole groups are drawn with replacement.

    Args:
        group_of_film: (N,) int64, 0..G-1.
        group_count: G.
        resamples: How many times G groups are drawn.
        seed: Of the draws.

    Yields:
        (R, N) float64, in chunks that add up to `resamples`.
    """
    random = np.random.default_rng(seed)
    rows = max(1, _CELLS // len(group_of_film))
    for start in range(0, resamples, rows):
        count = min(rows, resamples - start)
        drawn = random.integers(0, group_count, size=(count, group_count))
        drawn += np.arange(count)[:, None] * group_count
        multiplicity = np.bincount(drawn.ravel(), minlength=count * group_count).reshape(count, group_count)
        yield multiplicity.astype(np.float64)[:, group_of_film]


def percentile_interval(values: FloatArray, level: float) -> Interval:
    """The interval between two percentiles of resampled values.

    Args:
        values: (R,) float64, NaN where undefined.
        level: Share of the values inside, 0..1.
    """
    defined = values[~np.isnan(values)]
    dropped = len(values) - len(defined)
    if 2 * len(defined) < len(values):
        return Interval(
            None,
            None,
            f"it is undefined in {dropped} of {len(values)} resamples: there are too few films",
            dropped,
        )
    if np.ptp(defined) == 0:
        # Twenty fractures found of twenty would give 1.00 to 1.00, which claims a certainty nobody has.
        return Interval(None, None, "every resample gave the same value, so an interval cannot be estimated", dropped)
    low, high = np.quantile(defined, [(1 - level) / 2, (1 + level) / 2])
    return Interval(float(low), float(high), None, dropped)
