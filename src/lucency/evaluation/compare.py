"""Differences of several models on the same films: intervals, p-values, and a sentence on each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from lucency.evaluation.intervals import FEWEST_GROUPS, Draws, group_numbers, percentile_interval, resampled_weights
from lucency.evaluation.metrics import METRICS
from lucency.evaluation.paired_tests import delong_difference, holm, mcnemar
from lucency.evaluation.scores import FloatArray, IntArray, ScoredFilms
from lucency.evaluation.weighted import WeightedFilms

SIGNIFICANCE = 0.05

_DECISIONS_ON: Mapping[str, tuple[int, ...]] = {"accuracy": (0, 1), "sensitivity": (1,), "specificity": (0,)}
"""Metrics that are a share of right decisions, with the labels of the films they are taken over."""


@dataclass(frozen=True, eq=False)
class ModelScores:
    """What one model says of N films.

    Attributes:
        name: How it is called in sentences; unique.
        probabilities: (N,) calibrated probabilities of a fracture, 0..1.
        decisions: (N,) bool, at the model's own operating point: true where a film is called fractured.
    """

    name: str
    probabilities: FloatArray
    decisions: npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Difference:
    """A metric of one model less that of the baseline, on the same films.

    Attributes:
        value: The difference, or None where the metric is undefined for one of them.
        low: Lower end of its 95 % interval, or None.
        high: Upper end, or None.
        p: Two-sided p-value, or None.
        p_adjusted: The same after Holm's correction over all models compared with the baseline.
        interval_by: "bootstrap" of whole groups, or "delong"; None where there is no interval.
        p_by: "bootstrap", "delong" or "mcnemar"; None where there is no p-value.
        reason: Why value or interval is missing, as a sentence without full stop, or None.
        dropped: Resamples in which the difference was undefined.
    """

    value: float | None
    low: float | None = None
    high: float | None = None
    p: float | None = None
    p_adjusted: float | None = None
    interval_by: str | None = None
    p_by: str | None = None
    reason: str | None = None
    dropped: int = 0

    def to_json(self) -> dict[str, Any]:
        """The fields as a dictionary."""
        return asdict(self)


def compare_models(
    labels: npt.ArrayLike,
    models: Sequence[ModelScores],
    *,
    groups: Sequence[str] | None,
    resamples: int = 2000,
    level: float = 0.95,
    seed: int = 0,
) -> dict[str, dict[str, Difference]]:
    """Differences of each model to the first in every row of `METRICS`.

    Intervals and p-values come from one percentile bootstrap (Efron 1979) that draws whole groups, the same for all
    models, so that what makes a film hard for both falls out. The p-value is twice the share of resamples on the
    rarer side of no difference, so it cannot be smaller than 2 / (resamples + 1). Where every film is a group of its
    own, DeLong's test serves AUROC, and McNemar's exact test gives the p-value of accuracy, sensitivity and
    specificity.

    Args:
        labels: (N,) integers, 1 = fractured, 0 = not fractured.
        models: At least two; the first is the baseline.
        groups: N names of groups that belong together; "" or None: each film alone.
        resamples: How many times the groups are drawn.
        level: Share of the resamples inside an interval, 0..1.
        seed: Of the draws.

    Returns:
        For the name of each model but the first, a Difference for each metric.

    Raises:
        DatasetError: The films cannot be evaluated.
    """
    truth = np.asarray(labels).astype(np.int64)
    films = [ScoredFilms.sort(truth, model.probabilities, model.decisions) for model in models]
    group_of_film, group_count = group_numbers(groups, len(truth))
    points = [_metrics(sample, np.ones((1, len(truth)))) for sample in films]
    values: list[dict[str, list[FloatArray]]] = [{name: [] for name in METRICS} for _ in films]
    draws = Draws(group_of_film, group_count, resamples, level, seed)
    if draws.refusal is None:
        for weights in resampled_weights(group_of_film, group_count, resamples, seed):
            for sample, kept in zip(films, values, strict=True):
                for name, drawn in _metrics(sample, weights).items():
                    kept[name].append(drawn)
    found: dict[str, dict[str, Difference]] = {}
    for place in range(1, len(models)):
        row = {}
        for name in METRICS:
            pair = points[0][name][0], points[place][name][0]
            drawn_pair = values[0][name], values[place][name]
            refusal = draws.refusal_for(truth, METRICS[name].classes)
            row[name] = _bootstrapped(name, pair, drawn_pair, refusal, level)
        if group_count == len(truth):
            row |= _tested(truth, models[0], models[place], row, level)
        found[models[place].name] = row
    return _corrected(found)


def _metrics(films: ScoredFilms, weights: FloatArray) -> dict[str, FloatArray]:
    weighted = WeightedFilms(films, weights[:, films.order])
    values = {name: metric.compute(weighted) for name, metric in METRICS.items()}
    # Two values without bound have no difference.
    return {name: np.where(np.isfinite(drawn), drawn, np.nan) for name, drawn in values.items()}


def _bootstrapped(
    name: str,
    pair: tuple[float, float],
    drawn: tuple[list[FloatArray], list[FloatArray]],
    refusal: str | None,
    level: float,
) -> Difference:
    if np.isnan(pair).any():
        return Difference(None, reason=METRICS[name].undefined)
    value = float(pair[1] - pair[0])
    if not METRICS[name].interval:
        return Difference(value, reason="no interval is given for it")
    if refusal is not None:
        return Difference(value, reason=refusal)
    differences = np.concatenate(drawn[1]) - np.concatenate(drawn[0])
    interval = percentile_interval(differences, level)
    if interval.low is None:
        return Difference(value, reason=interval.reason, dropped=interval.dropped)
    defined = differences[~np.isnan(differences)]
    sides = min((defined <= 0).sum(), (defined >= 0).sum())
    p = min(1.0, 2 * (1 + int(sides)) / (1 + len(defined)))
    return Difference(
        value,
        interval.low,
        interval.high,
        p,
        interval_by="bootstrap",
        p_by="bootstrap",
        dropped=interval.dropped,
    )


def _tested(
    labels: IntArray, first: ModelScores, second: ModelScores, row: Mapping[str, Difference], level: float
) -> dict[str, Difference]:
    found = {}
    if min(labels.sum(), (1 - labels).sum()) >= FEWEST_GROUPS:
        test = delong_difference(labels, first.probabilities, second.probabilities, level=level)
        if test.p is not None:
            found["auroc"] = Difference(
                test.value, test.low, test.high, test.p, interval_by="delong", p_by="delong", reason=None
            )
    for name, classes in _DECISIONS_ON.items():
        chosen = np.isin(labels, classes)
        if chosen.any():
            right = [(model.decisions == (labels == 1))[chosen] for model in (first, second)]
            found[name] = replace(row[name], p=mcnemar(*right)[2], p_by="mcnemar")
    return found


def _corrected(found: Mapping[str, Mapping[str, Difference]]) -> dict[str, dict[str, Difference]]:
    corrected: dict[str, dict[str, Difference]] = {name: {} for name in found}
    for metric in METRICS:
        adjusted = holm([row[metric].p for row in found.values()])
        for (name, row), p in zip(found.items(), adjusted, strict=True):
            corrected[name][metric] = replace(row[metric], p_adjusted=p)
    return corrected


_TESTS = {
    "bootstrap": "bootstrap of whole groups",
    "delong": "DeLong's test",
    "mcnemar": "McNemar's exact test",
}


def difference_sentence(
    baseline: str,
    model: str,
    figures: Mapping[str, tuple[float | None, float | None]],
    differences: Mapping[str, Difference],
    *,
    films: int,
    comparisons: int = 1,
) -> str:
    """What the difference of two models comes to, in plain words.

    Args:
        baseline: Name of the first model.
        model: Name of the second.
        figures: For each metric its values for the two.
        differences: For each metric the second less the first.
        films: Number of films.
        comparisons: How many models are compared with the baseline.

    Returns:
        A sentence about AUROC, or about accuracy where the films are all of one class; and one about the decisions
        where they differ.
    """
    metric, words = ("auroc", "AUROC") if differences["auroc"].value is not None else ("accuracy", "accuracy")
    found = differences[metric]
    these = f"these {films} film{'s' if films != 1 else ''}"
    if found.value is None:
        return f"{model} and {baseline} cannot be compared on {these}: {found.reason}."
    if found.low is None or found.high is None or found.p_adjusted is None or found.p_by is None:
        return (
            f"Whether {model} and {baseline} differ cannot be said from {these}: difference in {words} "
            f"{found.value:.3f}, without an interval, since {found.reason}."
        )
    several = f" after Holm's correction for {comparisons} comparisons" if comparisons > 1 else ""
    test = f"{p_words(found.p_adjusted)} by {_TESTS[found.p_by]}{several}"
    decisions = _decisions_sentence(figures, differences)
    if found.p_adjusted >= SIGNIFICANCE:
        said = f"difference in {words} {found.value:.3f} ({found.low:.3f} to {found.high:.3f})"
        return f"{model} and {baseline} cannot be told apart on {these}: {said}, {test}.{decisions}"
    # The better model is named first, so the difference is given the way round that makes it positive.
    names, ends = ((model, baseline), (found.low, found.high))
    if found.value < 0:
        names, ends = (baseline, model), (-found.high, -found.low)
    verb = "tells fractured from other films better than" if metric == "auroc" else "is more often right than"
    values = sorted((value for value in figures[metric] if value is not None), reverse=True)
    said = f"{words} {values[0]:.3f} against {values[1]:.3f}, difference {abs(found.value):.3f}"
    return f"{names[0]} {verb} {names[1]} on {these}: {said} ({ends[0]:.3f} to {ends[1]:.3f}), {test}.{decisions}"


def _decisions_sentence(
    figures: Mapping[str, tuple[float | None, float | None]], differences: Mapping[str, Difference]
) -> str:
    told = [
        f"{name} {second:.3f} against {first:.3f}"
        for name in ("sensitivity", "specificity")
        if (p := differences[name].p_adjusted) is not None and p < SIGNIFICANCE
        for first, second in [figures[name]]
        if first is not None and second is not None
    ]
    return f" At their own operating points they decide differently: {', '.join(told)}." if told else ""


def p_words(p: float) -> str:
    """A p-value as readers expect it: "p = 0.048", "p < 0.001"."""
    return "p < 0.001" if p < 0.001 else f"p = {p:.2g}" if p < 0.01 else f"p = {p:.3f}" if p < 0.1 else f"p = {p:.2f}"
