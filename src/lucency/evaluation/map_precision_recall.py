"""Precision and recall of heat against boxes, over the area of all films together."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy.sparse import csr_array

from lucency.evaluation.box_cells import FilmCells
from lucency.evaluation.film_means import LEVEL
from lucency.evaluation.intervals import Draws, Interval, group_numbers, percentile_interval, resampled_weights
from lucency.evaluation.localisation import Heat
from lucency.evaluation.scores import FloatArray, IntArray

_CURVE_POINTS = 200
_CHUNK = 1_000_000


def pooled_precision_recall(
    heats: Sequence[Heat],
    cells: Sequence[FilmCells],
    groups: Sequence[str] | None,
    *,
    resamples: int,
    seed: int,
) -> dict[str, Any]:
    """One threshold of heat for all films: how much of what is hot lies in a box, and how much of the boxes is hot.

    Maps are in logits, one scale for all films of a model. Each film counts as one, whatever its size. Films are drawn
    anew by whole groups for the interval.

    Args:
        heats: Of N films, float (h, w), finite.
        cells: Of the same films; each with a box.
        groups: N names, as for `group_numbers`.
        resamples: How many times the groups are drawn.
        seed: Of the draws.

    Returns:
        "average_precision": a figure; "base_rate": the share of the films that boxes cover, which a flat map would
        give; "curve": {"recall", "precision", "heat"}, equally long lists, from the hottest threshold down.
    """
    film_of = np.repeat(np.arange(len(heats)), [heat.size for heat in heats])
    heat = np.concatenate([values.ravel() for values in heats])
    boxed = np.concatenate([(one.boxed / one.film.sum()).ravel() for one in cells])
    film = np.concatenate([(one.film / one.film.sum()).ravel() for one in cells])
    order = np.argsort(-heat, kind="stable")
    order = order[film[order] > 0]
    heat, boxed, film, film_of = heat[order], boxed[order], film[order], film_of[order]
    ends = np.append(np.flatnonzero(np.diff(heat)), len(heat) - 1)

    found, seen = np.cumsum(boxed)[ends], np.cumsum(film)[ends]
    precision, recall = found / seen, found / found[-1]
    value = float((np.diff(found, prepend=0.0) * precision).sum() / found[-1])
    figure = {"value": value} | _interval(boxed, film, film_of, ends, groups, len(heats), resamples, seed)
    shown = np.unique(np.linspace(0, len(ends) - 1, min(_CURVE_POINTS, len(ends))).round().astype(np.int64))
    return {
        "average_precision": figure,
        "base_rate": float(found[-1] / seen[-1]),
        "curve": {
            "recall": recall[shown].tolist(),
            "precision": precision[shown].tolist(),
            "heat": heat[ends][shown].astype(np.float64).tolist(),
        },
    }


def _interval(
    boxed: FloatArray,
    film: FloatArray,
    film_of: IntArray,
    ends: IntArray,
    groups: Sequence[str] | None,
    films: int,
    resamples: int,
    seed: int,
) -> dict[str, Any]:
    numbers, count = group_numbers(groups, films)
    refusal = Draws(numbers, count, resamples, LEVEL, seed).refusal
    if refusal is not None:
        return dataclasses.asdict(Interval(None, None, refusal))
    # Only where boxes lie does recall grow, so that what is seen is summed from one such threshold to the next.
    of_end = np.searchsorted(ends, np.arange(len(boxed)))
    growing = np.unique(of_end[boxed > 0])
    step = np.searchsorted(growing, of_end)
    counted = step < len(growing)
    where, shape = (step[counted], film_of[counted]), (len(growing), films)
    boxed_steps, film_steps = (csr_array((part[counted], where), shape=shape) for part in (boxed, film))
    rows = max(1, _CHUNK // len(growing))
    values = []
    for weights in resampled_weights(numbers, count, resamples, seed):
        for start in range(0, len(weights), rows):
            drawn = np.ascontiguousarray(weights[start : start + rows].T)
            gained = boxed_steps @ drawn
            found, seen = np.cumsum(gained, axis=0), np.cumsum(film_steps @ drawn, axis=0)
            precision = np.divide(found, seen, out=np.zeros_like(found), where=seen > 0)
            values.append(np.einsum("kr,kr->r", gained, precision) / found[-1])
    return dataclasses.asdict(percentile_interval(np.concatenate(values), LEVEL))
