"""Means over films, with intervals that draw whole groups."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from lucency.evaluation.intervals import Draws, Interval, group_numbers, percentile_interval
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
        For each name a figure {"value", "low", "high", "reason", "dropped", "method"}; no interval where fewer than
        `FEWEST_GROUPS` groups have a film with the value.
    """
    names = list(values)
    if not names:
        return {}
    table = np.stack([np.asarray(values[name], dtype=np.float64) for name in names])
    defined = ~np.isnan(table)
    known = np.where(defined, table, 0.0)
    numbers, count = group_numbers(groups, table.shape[1])

    def means(weights: FloatArray) -> dict[str, FloatArray]:
        total = weights @ defined.T.astype(np.float64)
        return {"means": np.divide(weights @ known.T, total, out=np.full(total.shape, np.nan), where=total > 0)}

    resampled = Draws(numbers, count, resamples, LEVEL, seed).values(means).get("means")
    figures = {}
    for place, name in enumerate(names):
        films = int(defined[place].sum())
        value = float(known[place].sum() / films) if films else None
        # Films without the value say nothing of it, so their groups do not count.
        of_films = numbers[defined[place]]
        own = Draws(of_films, len(np.unique(of_films)), resamples, LEVEL, seed)
        refusal = own.refusal if films else "no film has it"
        if refusal is not None or resampled is None:
            interval = Interval(None, None, refusal)
        else:
            interval = percentile_interval(resampled[:, place], LEVEL)
        figures[name] = {"value": value} | dataclasses.asdict(interval)
    return figures
