"""Decision curve: what calling films by a threshold is worth, against calling all of them or none.

Vickers and Elkin 2006, "Decision curve analysis: a novel method for evaluating prediction models", Medical Decision
Making 26. Whoever would rather see nine films in vain than miss one fracture has a threshold of 0.1, and counts a false
alarm as a ninth of a find. The net benefit is the share of finds less the share of false alarms at that price.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from lucency.evaluation.figures import figure
from lucency.evaluation.intervals import Draws, Interval, percentile_interval
from lucency.evaluation.scores import FloatArray, ScoredFilms

THRESHOLDS: tuple[float, ...] = tuple(round(0.01 * step, 2) for step in range(1, 100))
"""Of the calibrated probability."""

_LEAST_SHOWN = 0.1
_FEWEST_CALLED = 10


def net_benefit(films: ScoredFilms, weights: FloatArray, thresholds: Sequence[float]) -> FloatArray:
    """Net benefit of calling every film fractured whose probability is at or above a threshold.

    Args:
        films: N sorted films.
        weights: (R, N) non-negative float64 in their order, each row with at least one film.
        thresholds: T numbers between 0 and 1.

    Returns:
        (R, T) float64, at most 1 and without lower bound: finds per film, less false alarms at the price of the
        threshold.
    """
    cuts = np.asarray(thresholds, dtype=np.float64)
    # Films fall in probability, so those called are the first ones; each cut takes the next few films in.
    called = len(films) - np.searchsorted(films.probabilities[::-1], cuts, side="left")
    order = np.argsort(called, kind="stable")
    price = cuts / (1 - cuts)
    edges = np.unique(called[called > 0])
    total = weights.sum(axis=1, keepdims=True)
    benefit = np.zeros((len(weights), len(cuts)))
    if len(edges):
        fractured = weights[:, : edges[-1]] * films.labels[: edges[-1]]
        starts = np.r_[0, edges[:-1]]
        all_called = np.cumsum(np.add.reduceat(weights[:, : edges[-1]], starts, axis=1), axis=1)
        found = np.cumsum(np.add.reduceat(fractured, starts, axis=1), axis=1)
        some = order[called[order] > 0]
        place = np.searchsorted(edges, called[some])
        benefit[:, some] = found[:, place] - (all_called[:, place] - found[:, place]) * price[some]
    benefit /= total
    return benefit


def decision_curve_section(
    films: ScoredFilms, draws: Draws, values: FloatArray | None, *, threshold: float, name: str
) -> dict[str, Any]:
    """The section "decision_curve" of a report's evidence.

    Args:
        films: N sorted films.
        draws: How they were drawn.
        values: (R, T + 1) net benefits of the resamples at `THRESHOLDS` and, last, at the operating point; None where
            they were not drawn.
        threshold: Of the operating point, 0..1.
        name: Of the operating point.

    Returns:
        "reason", why there is no curve, or None; "thresholds" and, for each of them, "model", "treat_all",
        "treat_none", and "low" and "high", the band around the model (empty where there is none, see "band_reason");
        "shown", the lowest and highest threshold worth drawing; and "operating_point" with "name", "threshold", the
        figure "model", "treat_all", and "finds_per_100", how many more finds at no more false alarms a hundred films
        bring than the better of treating all and none; and "sentence".
    """
    fractured = int(films.labels.sum())
    if fractured in (0, len(films)):
        return {"reason": "a decision curve needs films of both classes", "thresholds": []}
    cuts = np.array([*THRESHOLDS, np.clip(threshold, 1e-6, 1 - 1e-6)])
    point = net_benefit(films, np.ones((1, len(films))), list(cuts))[0]
    share = fractured / len(films)
    treat_all = share - (1 - share) * cuts / (1 - cuts)
    refused = draws.refusal if values is None else None
    band = None
    if values is not None:
        band = np.quantile(values[:, :-1], [(1 - draws.level) / 2, (1 + draws.level) / 2], axis=0)
    used = Interval(None, None, refused) if values is None else percentile_interval(values[:, -1], draws.level)
    gain = 100 * float(point[-1] - max(treat_all[-1], 0.0))
    rival = "calling every film fractured" if treat_all[-1] > 0 else "calling none"
    compared = (
        f"{abs(gain):.1f} {'more' if gain > 0 else 'fewer'} finds than" if abs(gain) >= 0.05 else "as many finds as"
    )
    sentence = f"At a threshold of {threshold:.2f} a hundred films bring {compared} {rival}, false alarms set off."
    return {
        "reason": None,
        "sentence": sentence,
        "band_reason": refused,
        "thresholds": list(THRESHOLDS),
        "model": point[:-1].tolist(),
        "low": [] if band is None else band[0].tolist(),
        "high": [] if band is None else band[1].tolist(),
        "treat_all": treat_all[:-1].tolist(),
        "treat_none": [0.0] * len(THRESHOLDS),
        "shown": _shown(films, share),
        "operating_point": {
            "name": name,
            "threshold": float(threshold),
            "model": figure(point[-1], used),
            "treat_all": float(treat_all[-1]),
            "finds_per_100": gain,
        },
    }


def _shown(films: ScoredFilms, share: float) -> list[float]:
    # Above the tenth highest probability a handful of films draw the curve.
    few = float(films.probabilities[min(_FEWEST_CALLED, len(films)) - 1])
    highest = min(max(few, 2 * share, _LEAST_SHOWN), THRESHOLDS[-1])
    return [THRESHOLDS[0], float(np.ceil(100 * highest) / 100)]
