"""External validation: what is otherwise on these films than where the bundle was measured."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.stats import norm

from lucency.evaluation.curves import score_histogram
from lucency.evaluation.figures import figure
from lucency.evaluation.intervals import Draws, group_numbers, percentile_interval
from lucency.evaluation.metrics import METRICS
from lucency.evaluation.paired_tests import holm
from lucency.evaluation.proportions import wilson
from lucency.evaluation.score_shift import score_shift
from lucency.evaluation.scores import FloatArray, IntArray, ScoredFilms
from lucency.evaluation.shares import share_figures
from lucency.evaluation.shift_words import (
    auroc_sentence,
    calibration_sentence,
    limits_sentences,
    prevalence_sentence,
    scores_sentence,
)

SHOWN = (
    "auroc",
    "average_precision",
    "sensitivity",
    "specificity",
    "ppv",
    "npv",
    "brier",
    "ece",
    "calibration_slope",
    "calibration_intercept",
)
"""Metrics that are compared. The predictive values, the average precision and the Brier score change with the share of
fractures alone."""

_THERE = "in the bundle's card"


def measure_shift(
    reference: Mapping[str, Any],
    labels: npt.ArrayLike,
    probabilities: npt.ArrayLike,
    groups: Sequence[str] | None,
    metrics: Mapping[str, Mapping[str, Any]],
    *,
    resamples: int = 1000,
    level: float = 0.95,
    seed: int = 0,
) -> dict[str, Any]:
    """Compares films of another site with what a bundle knows of its own.

    The two sets of films are independent, and of the reference only figures and their intervals are left. So the
    standard error of each figure is taken as the width of its interval divided by twice the normal quantile, and the
    difference as normal: approximate, and rough for figures near 0 or 1 and for few films.

    Args:
        reference: Of the bundle's card: "metrics" ("figures", "films", "fractured", "split", "optimistic_reason") and
            "scores" ("edges", "fractured", "not_fractured", "split", as `score_histogram` counts). What is missing is
            said to be unknown.
        labels: (N,) integers, 1 = fractured, 0 = not fractured.
        probabilities: (N,) calibrated probabilities, 0..1.
        groups: N names of groups that belong together; "" or None: each film alone.
        metrics: The figures of these films, as in report.json.
        resamples: Of the bootstrap.
        level: Of all intervals, those of the reference among them, 0..1.
        seed: Of the bootstrap.

    Returns:
        Plain values only:

        - "sentences": a summary in plain words, and "notes": what cannot be told;
        - "differences": for each of `SHOWN` "name", "here" and "reference" (figures, or None), "difference" (a figure
          with "p" and "p_adjusted": Holm's for all but AUROC), "overlap" (of the two intervals, or None), and "worse"
          (whether it is told to be worse here);
        - "prevalence": "here" and "reference" (figures of the share of fractures, or None), "difference" and "overlap";
        - "scores": see `score_shift`; "histogram" and "reference_histogram": counts by class (the latter may be None);
        - "calibration": "said" (mean probability), "found" (share of fractures), "excess" (a figure: said less found);
        - "films", "fractured", "groups", and "reference": its "split", "films" and "fractured", where known.

    Raises:
        DatasetError: The films cannot be evaluated.
    """
    truth = np.asarray(labels).astype(np.int64)
    said = np.asarray(probabilities, dtype=np.float64)
    films = ScoredFilms.sort(labels, said, said >= 0.5)
    group_of_film, group_count = group_numbers(groups, len(truth))
    kept = dict(reference.get("metrics") or {})
    scores = _histogram(reference.get("scores"))
    histogram = score_histogram(films)
    counts = _counts(kept, scores)
    differences = _differences(metrics, kept.get("figures") or {}, level)
    prevalence = _prevalence(truth, groups, counts, resamples, level, seed)
    moved = score_shift(
        {name: [int(count) for count in histogram[name]] for name in ("fractured", "not_fractured")},
        scores,
        {
            name: len(np.unique(group_of_film[truth == label]))
            for name, label in (("fractured", 1), ("not_fractured", 0))
        },
        level=level,
    )
    calibration = {
        "said": float(said.mean()),
        "found": float(truth.mean()),
        "excess": _excess(truth, said, Draws(group_of_film, group_count, resamples, level, seed)),
    }
    return {
        "films": len(truth),
        "fractured": int(truth.sum()),
        "groups": group_count,
        "reference": {
            "split": kept.get("split"),
            "scores_split": (reference.get("scores") or {}).get("split"),
            **counts,
        },
        "sentences": [
            auroc_sentence(differences[0], kept.get("split")),
            prevalence_sentence(prevalence),
            *scores_sentence(moved),
            *calibration_sentence(calibration, metrics, truth),
        ],
        "notes": limits_sentences(
            truth,
            kept,
            groups_known=groups is not None and any(groups),
            reference_share=prevalence["reference"],
            histogram_split=None if scores is None else (reference.get("scores") or {}).get("split"),
        ),
        "differences": differences,
        "prevalence": prevalence,
        "scores": moved,
        "histogram": histogram,
        "reference_histogram": scores,
        "calibration": calibration,
        "bootstrap": {"resamples": resamples, "level": level, "seed": seed},
    }


def difference(
    here: Mapping[str, Any] | None, there: Mapping[str, Any] | None, *, level: float = 0.95
) -> tuple[dict[str, Any], bool | None]:
    """The difference of two independent figures, by the standard errors that their intervals imply.

    Args:
        here: A figure, or None.
        there: The figure that it is held against, or None.
        level: Of both intervals, 0..1.

    Returns:
        {"value", "low", "high", "p", "reason"}, here less there; and whether the two intervals overlap, None where one
        of them is missing.
    """
    found: dict[str, Any] = {"value": None, "low": None, "high": None, "p": None, "reason": None}
    if here is None or there is None:
        found["reason"] = f"it is unknown {'here' if here is None else _THERE}"
        return found, None
    sides = ((here, "here"), (there, _THERE))
    for side, place in sides:
        if side["value"] is None:
            found["reason"] = f"it is not defined {place}: {side['reason']}"
            return found, None
    found["value"] = here["value"] - there["value"]
    for side, place in sides:
        if side["low"] is None or side["high"] is None:
            found["reason"] = f"it has no interval {place}: {side['reason']}"
            return found, None
    overlap = bool(here["low"] <= there["high"] and there["low"] <= here["high"])
    quantile = float(norm.ppf((1 + level) / 2))
    error = math.hypot(here["high"] - here["low"], there["high"] - there["low"]) / (2 * quantile)
    if error == 0:
        found["reason"] = "its intervals have no width"
        return found, overlap
    found |= {
        "low": found["value"] - quantile * error,
        "high": found["value"] + quantile * error,
        "p": float(2 * norm.sf(abs(found["value"]) / error)),
    }
    return found, overlap


def _differences(
    here: Mapping[str, Mapping[str, Any]], there: Mapping[str, Mapping[str, Any]], level: float
) -> list[dict[str, Any]]:
    sides = {"here": here, "reference": there}
    rows: list[dict[str, Any]] = []
    for name in SHOWN:
        found, overlap = difference(here.get(name), there.get(name), level=level)
        pair = {side: dict(held[name]) if name in held else None for side, held in sides.items()}
        rows.append({"name": name, **pair, "difference": found, "overlap": overlap})
    # AUROC is the question that was asked; the others are looked at beside it.
    adjusted = [rows[0]["difference"]["p"], *holm([row["difference"]["p"] for row in rows[1:]])]
    for row, p in zip(rows, adjusted, strict=True):
        row["difference"]["p_adjusted"] = p
        row["worse"] = None if p is None else p < 1 - level and _is_worse(METRICS[row["name"]].better, row)
    return rows


def _is_worse(better: str, row: Mapping[str, Any]) -> bool:
    here, there = row["here"]["value"], row["reference"]["value"]
    if better in ("higher", "lower"):
        return bool((here < there) == (better == "higher"))
    goal = {"one": 1.0, "zero": 0.0}[better]
    return bool(abs(here - goal) > abs(there - goal))


def _histogram(scores: Mapping[str, Any] | None) -> dict[str, list[float]] | None:
    names = ("edges", "fractured", "not_fractured")
    if not scores or any(not isinstance(scores.get(name), Sequence) for name in names):
        return None
    return {name: list(scores[name]) for name in names}


def _counts(kept: Mapping[str, Any], scores: Mapping[str, Sequence[float]] | None) -> dict[str, int | None]:
    if kept.get("films") and kept.get("fractured") is not None:
        return {"films": int(kept["films"]), "fractured": int(kept["fractured"])}
    if scores is None:
        return {"films": None, "fractured": None}
    fractured = int(sum(scores["fractured"]))
    return {"films": fractured + int(sum(scores["not_fractured"])), "fractured": fractured}


def _prevalence(
    truth: IntArray,
    groups: Sequence[str] | None,
    counts: Mapping[str, int | None],
    resamples: int,
    level: float,
    seed: int,
) -> dict[str, Any]:
    here = share_figures(
        {"share": (truth == 1, np.ones(len(truth), dtype=bool))},
        groups,
        empty="there is no film",
        resamples=resamples,
        level=level,
        seed=seed,
    )["share"]
    there = None
    films, fractured = counts["films"], counts["fractured"]
    if films and fractured is not None:
        low, high = wilson(fractured, films, level=level)
        there = {"value": fractured / films, "low": low, "high": high, "reason": None, "dropped": 0, "method": "wilson"}
    found, overlap = difference(here, there, level=level)
    return {"here": here, "reference": there, "difference": found, "overlap": overlap}


def _excess(truth: IntArray, said: FloatArray, draws: Draws) -> dict[str, Any]:
    errors = said - truth
    drawn = draws.values(lambda weights: {"excess": (weights @ errors) / weights.sum(axis=1)})
    if not drawn:
        value = float(errors.mean())
        return {"value": value, "low": None, "high": None, "reason": draws.refusal, "dropped": 0, "method": None}
    return figure(float(errors.mean()), percentile_interval(drawn["excess"], draws.level))
