"""Decision curve: what calling films by a threshold is worth, against calling all of them or none.

Vickers and Elkin 2006, "Decision curve analysis: a novel method for evaluating prediction models", Medical Decision
Making 26. Whoever would rather see nine films in vain than miss one fracture has a threshold of 0.1, and counts a false
alarm as a ninth of a find. The net benefit is the share of finds less the share of false alarms at that price.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from lucency.evaluation.figures import Figure, figure
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


def decided_benefit(films: ScoredFilms, weights: FloatArray, threshold: float) -> FloatArray:
    """Net benefit of the films' own decisions, and how much that is above the better of calling all films and none.

    Where several thresholds decided, as out of fold, the decisions are theirs, and `threshold` is only the price.

    Args:
        films: N sorted films.
        weights: (R, N) non-negative float64 in their order, each row with at least one film.
        threshold: Between 0 and 1.

    Returns:
        (R, 2) float64.
    """
    price = threshold / (1 - threshold)
    columns = np.stack([films.labels, films.decisions, films.labels * films.decisions], axis=1).astype(np.float64)
    fractured, called, found = ((weights @ columns) / weights.sum(axis=1, keepdims=True)).T
    benefit = found - (called - found) * price
    return np.stack([benefit, benefit - np.maximum(fractured - (1 - fractured) * price, 0.0)], axis=1)


def curve_values(films: ScoredFilms, weights: FloatArray, threshold: float) -> FloatArray:
    """(R, T + 2): `net_benefit` at `THRESHOLDS`, then `decided_benefit`; arguments as there."""
    return np.hstack([net_benefit(films, weights, THRESHOLDS), decided_benefit(films, weights, threshold)])


def decision_curve_section(
    films: ScoredFilms, draws: Draws, values: FloatArray | None, *, threshold: float, name: str
) -> dict[str, Any]:
    """The section "decision_curve" of a report's evidence.

    Args:
        films: N sorted films.
        draws: How they were drawn.
        values: (R, T + 2) `curve_values` of the resamples; None where they were not drawn.
        threshold: Of the operating point, 0..1; the mean where several decided.
        name: Of the operating point.

    Returns:
        "reason", why there is no curve, or None; "thresholds" and, for each of them, "model", "treat_all",
        "treat_none", and "low" and "high", the band around the model (empty where there is none, see "band_reason");
        "shown", the lowest and highest threshold worth drawing; and "operating_point" with "name", "threshold", the
        figures "model" (of the films' decisions) and "finds_per_100", how many more finds at no more false alarms a
        hundred films bring than the better of treating all and none, and "treat_all"; and "sentence".
    """
    fractured = int(films.labels.sum())
    if fractured in (0, len(films)):
        return {"reason": "a decision curve needs films of both classes", "thresholds": []}
    price = float(np.clip(threshold, 1e-6, 1 - 1e-6))
    cuts = np.array([*THRESHOLDS, price])
    point = curve_values(films, np.ones((1, len(films))), price)[0]
    share = fractured / len(films)
    treat_all = share - (1 - share) * cuts / (1 - cuts)
    refused = draws.refusal_for(films.labels, (0, 1))
    band, used, gained = None, Interval(None, None, refused), Interval(None, None, refused)
    if values is not None and refused is None:
        band = np.quantile(values[:, :-2], [(1 - draws.level) / 2, (1 + draws.level) / 2], axis=0)
        used = percentile_interval(values[:, -2], draws.level)
        gained = percentile_interval(100 * values[:, -1], draws.level)
    gain = figure(100 * point[-1], gained)
    all_better = bool(treat_all[-1] > 0)
    return {
        "reason": None,
        "sentence": _sentence(films, gain, threshold, all_better=all_better),
        "band_reason": refused,
        "thresholds": list(THRESHOLDS),
        "model": point[:-2].tolist(),
        "low": [] if band is None else band[0].tolist(),
        "high": [] if band is None else band[1].tolist(),
        "treat_all": treat_all[:-1].tolist(),
        "treat_none": [0.0] * len(THRESHOLDS),
        "shown": _shown(films, share),
        "operating_point": {
            "name": name,
            "threshold": float(threshold),
            "model": figure(point[-2], used),
            "treat_all": float(treat_all[-1]),
            "finds_per_100": gain,
        },
    }


def _sentence(films: ScoredFilms, gain: Figure, threshold: float, *, all_better: bool) -> str:
    place = f"At a threshold of {threshold:.2f}"
    rival = "calling every film fractured" if all_better else "calling none"
    if (films.decisions == all_better).all():
        return f"{place} a hundred films bring as many finds as {rival}: that is what the model does."
    value, low, high = gain["value"], gain["low"], gain["high"]
    finds = f"{abs(value):.1f} {'more' if value > 0 else 'fewer'} finds"
    if low is None:
        said = f"{finds} in a hundred films, false alarms set off, without an interval, since {gain['reason']}"
        return f"{place} the decisions cannot be told from {rival}: {said}."
    ends = f"95 % interval of the difference {low:.1f} to {high:.1f}"
    if low <= 0 <= high:
        said = f"{finds} in a hundred films, false alarms set off ({ends})"
        return f"{place} the decisions cannot be told from {rival}: {said}."
    return f"{place} a hundred films bring {finds} than {rival}, false alarms set off ({ends})."


def _shown(films: ScoredFilms, share: float) -> list[float]:
    # Above the tenth highest probability a handful of films draw the curve.
    few = float(films.probabilities[min(_FEWEST_CALLED, len(films)) - 1])
    highest = min(max(few, 2 * share, _LEAST_SHOWN), THRESHOLDS[-1])
    return [THRESHOLDS[0], float(np.ceil(100 * highest) / 100)]
