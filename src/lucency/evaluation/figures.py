"""Metrics with their intervals, each by the method that covers best, as reports hold them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

import numpy as np

from lucency.evaluation.intervals import Draws, Interval, computed, drawn_interval, point_values
from lucency.evaluation.metrics import METRICS
from lucency.evaluation.paired_tests import delong_interval
from lucency.evaluation.proportions import wilson
from lucency.evaluation.scores import FloatArray, ScoredFilms
from lucency.evaluation.weighted import WeightedFilms

Figure = dict[str, Any]
"""{"value", "low", "high", "reason", "dropped", "method"}: plain numbers and words, None where there is none."""


def figure(value: float, interval: Interval) -> Figure:
    """A value with its interval.

    Args:
        value: NaN or infinite where it cannot be given; the interval then says why.
        interval: Around it.
    """
    return {"value": float(value) if math.isfinite(value) else None} | asdict(interval)


def by_formula(name: str, draws: Draws) -> bool:
    """Whether the interval of a metric needs no resamples: plain shares and AUROC of films that stand alone."""
    return draws.films_stand_alone and (name == "auroc" or METRICS[name].counts is not None)


def metric_intervals(
    films: ScoredFilms,
    groups: Sequence[str] | None,
    *,
    names: Sequence[str],
    resamples: int = 1000,
    level: float = 0.95,
    seed: int = 0,
) -> dict[str, Interval]:
    """The interval of each metric by the method that covers best; see `metric_figures`.

    Args:
        films: N sorted films.
        groups: N names in the order in which the films were given to `ScoredFilms.sort`; see `group_numbers`.
        names: Rows of `METRICS`.
        resamples: How many times the groups are drawn where that is needed.
        level: Of the intervals, 0..1.
        seed: Of the draws.

    Raises:
        DatasetError: Not as many groups as films.
    """
    draws = Draws.plan(films, groups, resamples=resamples, level=level, seed=seed)
    drawn = [name for name in names if METRICS[name].interval and not by_formula(name, draws)]
    values = draws.values(lambda weights: computed(films, weights, drawn)) if drawn else {}
    point = point_values(films, names)
    return {name: _interval(films, draws, name, point[name], values.get(name)) for name in names}


def metric_figures(
    films: ScoredFilms, draws: Draws, names: Sequence[str], values: Mapping[str, FloatArray]
) -> dict[str, Figure]:
    """Metrics with intervals.

    Where every film stands alone: DeLong for AUROC, Wilson for plain shares. Everywhere else the bootstrap.
    docs/explanation/metrics.md shows how often each covers the truth.

    Args:
        films: N sorted films.
        draws: How they are drawn.
        names: Rows of `METRICS`.
        values: (R,) resampled values of the metrics; those that `by_formula` tells need none.
    """
    point = point_values(films, names)
    return {name: figure(point[name], _interval(films, draws, name, point[name], values.get(name))) for name in names}


def _interval(films: ScoredFilms, draws: Draws, name: str, point: float, values: FloatArray | None) -> Interval:
    if not by_formula(name, draws) or not math.isfinite(point):
        return drawn_interval(films, name, point, values, draws)
    counts = METRICS[name].counts
    if counts is None:
        return _delong(films, draws)
    hits, tries = counts(WeightedFilms(films, np.ones((1, len(films)))))
    low, high = wilson(float(hits[0]), float(tries[0]), level=draws.level)
    return Interval(low, high, method="wilson")


def _delong(films: ScoredFilms, draws: Draws) -> Interval:
    # It needs no resamples, but as many films of each class as they would: with 5 it holds the truth in 83 of 100.
    refusal = replace(draws, resamples=1).refusal_for(films.labels, METRICS["auroc"].classes)
    if refusal is not None:
        return Interval(None, None, refusal)
    ends = delong_interval(films.labels, films.probabilities, level=draws.level)
    if ends is None:
        why = "all films have the same score" if len(films.tie_starts) == 1 else "no film stands on the wrong side"
        return Interval(None, None, f"{why}, so an interval cannot be estimated")
    return Interval(*ends, method="delong")
