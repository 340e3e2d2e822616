"""Shares of films with their intervals."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from lucency.evaluation.intervals import Draws, Interval, group_numbers, percentile_interval
from lucency.evaluation.proportions import wilson
from lucency.evaluation.scores import FloatArray

BoolArray = npt.NDArray[np.bool_]


def share_figures(
    shares: Mapping[str, tuple[BoolArray, BoolArray]],
    groups: Sequence[str] | None,
    *,
    empty: str,
    resamples: int = 1000,
    level: float = 0.95,
    seed: int = 0,
) -> dict[str, dict[str, Any]]:
    """Each share as a figure: by Wilson where every film stands alone, by a bootstrap of whole groups where not.

    Args:
        shares: By name, films that count as hits (N,) and films among which they are counted (N,).
        groups: N names of groups, "" or None: each film alone.
        empty: Why a share can be undefined, as a sentence without full stop: there is no film to count among.
        resamples: Of the bootstrap.
        level: Of the intervals, 0..1.
        seed: Of the bootstrap.

    Returns:
        For each name {"value", "low", "high", "reason", "dropped", "method"}.

    Raises:
        DatasetError: Not as many groups as films.
    """
    films = len(next(iter(shares.values()))[1])
    group_of_film, group_count = group_numbers(groups, films)
    hits = np.stack([hit & among for hit, among in shares.values()], axis=1).astype(np.float64)
    tries = np.stack([among for _, among in shares.values()], axis=1).astype(np.float64)
    draws = Draws(group_of_film, group_count, resamples, level, seed)
    drawn: dict[str, FloatArray] = {}
    if not draws.films_stand_alone:
        drawn = draws.values(lambda weights: {"shares": _ratios(weights @ hits, weights @ tries)})
    found = {}
    for place, name in enumerate(shares):
        hit, tried = float(hits[:, place].sum()), float(tries[:, place].sum())
        if tried == 0:
            interval = Interval(None, None, empty)
        elif draws.films_stand_alone:
            interval = Interval(*wilson(hit, tried, level=level), method="wilson")
        elif not drawn:
            interval = Interval(None, None, draws.refusal)
        else:
            interval = percentile_interval(drawn["shares"][:, place], level)
        found[name] = {"value": hit / tried if tried else None} | dataclasses.asdict(interval)
    return found


def _ratios(above: FloatArray, below: FloatArray) -> FloatArray:
    ratios = np.full(above.shape, np.nan)
    np.divide(above, below, out=ratios, where=below > 0)
    return ratios
