"""Bootstrap intervals over groups of films."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from lucency.errors import DatasetError
from lucency.evaluation.metrics import METRICS
from lucency.evaluation.scores import FloatArray, IntArray, ScoredFilms
from lucency.evaluation.weighted import WeightedFilms

FEWEST_GROUPS = 10
"""With fewer groups a bootstrap draws the same few again and again, and its interval is far too narrow. The same holds
of the groups with a film of a class that a figure needs: docs/explanation/metrics.md shows how much."""

_HELD = {1: ("a fractured film", "fractured"), 0: ("a film without fracture", "without fracture")}

# Weights held at once; 8 MB in float64, whatever the number of films.
_CELLS = 1_000_000

Name = TypeVar("Name", bound=Hashable)


@dataclass(frozen=True)
class Interval:
    """An interval, or the reason why there is none.

    Attributes:
        low: Lower end, or None.
        high: Upper end, or None.
        reason: Why there is no interval, as a sentence without full stop; None where there is one.
        dropped: Resamples left out because the metric was undefined in them.
        method: "bootstrap", "delong", "wilson" or "logit"; None where there is no interval.
    """

    low: float | None
    high: float | None
    reason: str | None = None
    dropped: int = 0
    method: str | None = None


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


@dataclass(frozen=True, eq=False)
class Draws:
    """How films are drawn again: whole groups, so that films of one patient stay together (Efron 1979).

    The films of a group are alike; drawn one by one they would make an interval too narrow. Build with `Draws.plan`.

    Attributes:
        group_of_film: (N,) int64, 0..G-1, in the sorted order of the films.
        group_count: G.
        resamples: How many times G groups are drawn.
        level: Share of the resamples inside an interval, 0..1.
        seed: Of the draws.
    """

    group_of_film: IntArray
    group_count: int
    resamples: int
    level: float
    seed: int

    @classmethod
    def plan(
        cls,
        films: ScoredFilms,
        groups: Sequence[str] | None,
        *,
        resamples: int = 1000,
        level: float = 0.95,
        seed: int = 0,
    ) -> Draws:
        """How the groups of these films are to be drawn.

        Args:
            films: N sorted films.
            groups: N names in the order in which the films were given to `ScoredFilms.sort`; see `group_numbers`.
            resamples: How many times the groups are drawn.
            level: Share of the resamples inside an interval, 0..1.
            seed: Of the draws.

        Raises:
            DatasetError: Not as many groups as films.
        """
        group_of_film, group_count = group_numbers(groups, len(films))
        return cls(group_of_film[films.order], group_count, resamples, level, seed)

    @property
    def films_stand_alone(self) -> bool:
        """Whether every film is a group of its own."""
        return self.group_count == len(self.group_of_film)

    @property
    def refusal(self) -> str | None:
        """Why a bootstrap of these groups would mislead, as a sentence without full stop; None where it would not."""
        if self.group_count == 1:
            return "all films are of one group, so an interval cannot be estimated"
        if self.group_count < FEWEST_GROUPS:
            what = "films" if self.films_stand_alone else "groups of films"
            return f"there are only {self.group_count} {what}, and an interval needs {FEWEST_GROUPS}"
        return None if self.resamples > 0 else "no resamples were asked for"

    def refusal_for(self, labels: IntArray, classes: Sequence[int]) -> str | None:
        """Why a figure that needs films of certain classes has no interval; None where nothing speaks against it.

        Args:
            labels: (N,) int64, 1 = fractured, in the order of `group_of_film`.
            classes: The labels it needs.
        """
        if self.refusal is not None:
            return self.refusal
        for label in classes:
            held = len(np.unique(self.group_of_film[labels == label]))
            if held < FEWEST_GROUPS:
                number, (film, films) = f"only {held}" if held else "no", _HELD[label]
                if self.films_stand_alone:
                    what = f"film{'s are' if held > 1 else ' is'} {films}"
                else:
                    what = f"group{'s hold' if held > 1 else ' holds'} {film}"
                return f"{number} {what}, and an interval needs {FEWEST_GROUPS}"
        return None

    def values(self, measured: Callable[[FloatArray], Mapping[Name, FloatArray]]) -> dict[Name, FloatArray]:
        """What is measured in every resample, with a few resamples in memory at a time.

        Args:
            measured: From weights (r, N) of the sorted films to named arrays whose first axis is r.

        Returns:
            The arrays of all resamples, (R, ...); empty where the groups are not to be drawn, see `refusal`.
        """
        if self.refusal is not None:
            return {}
        parts: dict[Name, list[FloatArray]] = {}
        for weights in resampled_weights(self.group_of_film, self.group_count, self.resamples, self.seed):
            for name, drawn in measured(weights).items():
                parts.setdefault(name, []).append(drawn)
        return {name: np.concatenate(drawn) for name, drawn in parts.items()}


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
        values: (R,) float64, NaN where undefined, infinite where without bound.
        level: Share of the values inside, 0..1.
    """
    defined = values[~np.isnan(values)]
    dropped = len(values) - len(defined)
    # Where more resamples fall out than lie outside the interval, it would be one of the lucky draws only.
    if dropped > (1 - level) * len(values):
        return Interval(
            None,
            None,
            f"it is undefined in {dropped} of {len(values)} resamples: there are too few films",
            dropped,
        )
    if defined.min() == defined.max():
        # Twenty fractures found of twenty would give 1.00 to 1.00, which claims a certainty nobody has.
        return Interval(None, None, "every resample gave the same value, so an interval cannot be estimated", dropped)
    endless = int(np.isinf(defined).sum())
    if endless > (1 - level) / 2 * len(defined):
        reason = f"it is without bound in {endless} of {len(values)} resamples: there are too few films"
        return Interval(None, None, reason, dropped)
    # Between a number and infinity there is nothing to interpolate; the outermost number is as good an end.
    numbers = defined[np.isfinite(defined)] if endless else defined
    bounded = np.clip(defined, numbers.min(), numbers.max())
    low, high = np.quantile(bounded, [(1 - level) / 2, (1 + level) / 2])
    return Interval(float(low), float(high), None, dropped, "bootstrap")


def bootstrap_intervals(
    films: ScoredFilms,
    groups: Sequence[str] | None,
    *,
    names: Iterable[str] | None = None,
    resamples: int = 1000,
    level: float = 0.95,
    seed: int = 0,
) -> dict[str, Interval]:
    """Percentile bootstrap (Efron 1979) of whole groups, whatever the groups; see `metric_figures` for the best way.

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
    draws = Draws.plan(films, groups, resamples=resamples, level=level, seed=seed)
    point = point_values(films, wanted)
    asked = [name for name in wanted if METRICS[name].interval and np.isfinite(point[name])]
    values = draws.values(lambda weights: computed(films, weights, asked)) if asked else {}
    return {name: drawn_interval(films, name, point[name], values.get(name), draws) for name in wanted}


def drawn_interval(films: ScoredFilms, name: str, point: float, values: FloatArray | None, draws: Draws) -> Interval:
    """The percentile interval of one metric, or why there is none.

    Args:
        films: N sorted films.
        name: Row of `METRICS`.
        point: Its value on the films themselves.
        values: (R,) its values in the resamples; None where it was not drawn.
        draws: How the films were drawn.
    """
    if not METRICS[name].interval:
        return Interval(None, None, "no interval is given for it: read it beside its floor")
    if not np.isfinite(point):
        return Interval(None, None, METRICS[name].undefined)
    refusal = draws.refusal_for(films.labels, METRICS[name].classes)
    if values is None or refusal is not None:
        return Interval(None, None, refusal)
    return percentile_interval(values, draws.level)


def point_values(films: ScoredFilms, names: Iterable[str]) -> dict[str, float]:
    """Metrics of the films themselves, each counted once; NaN or infinite where not defined or without bound."""
    once = WeightedFilms(films, np.ones((1, len(films))))
    return {name: float(METRICS[name].compute(once)[0]) for name in names}


def computed(films: ScoredFilms, weights: FloatArray, names: Iterable[str]) -> dict[str, FloatArray]:
    """Metrics of sorted films under weights (R, N) in their order: (R,) float64 for each name."""
    weighted = WeightedFilms(films, weights)
    return {name: METRICS[name].compute(weighted) for name in names}
