"""Means over films, with intervals that draw whole groups."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from lucency.evaluation.intervals import Interval, group_numbers, percentile_interval, resampled_weights
from lucency.evaluation.scores import FloatArray

LEVEL = 0.95
"""Share of the resamples inside an interval."""


def film_means(
    values: Mapping[str, FloatArray], groups: Sequence[str] | None, *, resamples: int, seed: int
) -> dict[str, dict[str, Any]]:
    """The mean over films of several values, each with a percentile bootstrap of whole groups (Efron 1979).

    Args:
        values: By name, float64 (N,), NaN where undefined for a film.
        groups: N names, as for `group_numbers`.
        resamples: How many times the groups are drawn.
        seed: Of the draws; the same for all values.

    Returns:
        For each name a figure {"value", "low", "high", "reason", "dropped"}.
    """
    names = list(values)
    if not names:
        return {}
    table = np.stack([np.asarray(values[name], dtype=np.float64) for name in names])
    defined = ~np.isnan(table)
    known = np.where(defined, table, 0.0)
    numbers, count = group_numbers(groups, table.shape[1])
    drawn: list[FloatArray] = []
    if count >= 2:
        for weights in resampled_weights(numbers, count, resamples, seed):
            total = weights @ defined.T.astype(np.float64)
            drawn.append(np.divide(weights @ known.T, total, out=np.full(total.shape, np.nan), where=total > 0))
    resampled = np.concatenate(drawn) if drawn else np.zeros((0, len(names)))
    figures = {}
    for place, name in enumerate(names):
        films = int(defined[place].sum())
        value = float(known[place].sum() / films) if films else None
        interval = _interval(resampled[:, place], films=films, groups=count, resamples=resamples)
        figures[name] = {"value": value} | dataclasses.asdict(interval)
    return figures


def _interval(resampled: FloatArray, *, films: int, groups: int, resamples: int) -> Interval:
    if not films:
        return Interval(None, None, "no film has it")
    if groups < 2:
        return Interval(None, None, "all films are of one group, so an interval cannot be estimated")
    if resamples < 1:
        return Interval(None, None, "no resamples were asked for")
    return percentile_interval(resampled, LEVEL)
