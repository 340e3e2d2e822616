"""One report of films that several models answered, each with its own calibration and thresholds."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from lucency.decision import Calibration, OperatingPoint
from lucency.errors import DatasetError
from lucency.evaluation.baselines import Baseline
from lucency.evaluation.intervals import bootstrap_intervals
from lucency.evaluation.metrics import METRICS, WeightedFilms
from lucency.evaluation.report import EvaluationReport, evaluate_scores
from lucency.evaluation.scores import ScoredFilms

_COMPARED = ("sensitivity", "specificity", "ppv", "npv")


@dataclass(frozen=True, eq=False)
class ModelAnswers:
    """What one model said of films that were new to it.

    Attributes:
        labels: (N,) integers, 1 = fractured, 0 = not fractured.
        logits: (N,) outputs of the model, unbounded.
        groups: N names of groups that stay together; "" where none is known.
        calibration: Fitted on other films.
        operating_points: Fixed on other films; the same names for all models, the one that decides first.
    """

    labels: npt.NDArray[np.int64]
    logits: npt.NDArray[np.float64]
    groups: Sequence[str]
    calibration: Calibration
    operating_points: Sequence[OperatingPoint]


def evaluate_pooled(
    answers: Sequence[ModelAnswers],
    *,
    baselines: Sequence[Baseline] = (),
    findings: Sequence[Mapping[str, Any]] = (),
    split: str = "out-of-fold",
    resamples: int = 1000,
    seed: int = 0,
) -> EvaluationReport:
    """Evaluates the films of all models together: calibrated probabilities on one scale, decisions by each model.

    The report's thresholds and validation figures are means over the models; its temperature is 1, since each model's
    own has been applied.

    Args:
        answers: Of each model.
        baselines: To be shown beside the accuracy.
        findings: What the audit found, as plain dictionaries.
        split: What the films are called.
        resamples: Of the bootstrap.
        seed: Of the bootstrap and of the calibration floor.

    Raises:
        DatasetError: No model, or films that cannot be evaluated: see `evaluate_scores`.
    """
    if not answers:
        raise DatasetError("there is no model to evaluate")
    labels = np.concatenate([model.labels for model in answers])
    scaled = np.concatenate([model.logits / model.calibration.temperature for model in answers])
    groups = [group for model in answers for group in model.groups]
    known = groups if any(groups) else None
    points = [_mean_point(place, answers) for place in range(len(answers[0].operating_points))]
    report = evaluate_scores(
        labels,
        scaled,
        groups=known,
        calibration=Calibration(1.0),
        operating_point=points[0],
        other_points=points[1:],
        baselines=baselines,
        findings=findings,
        split=split,
        resamples=resamples,
        seed=seed,
    )
    probabilities = Calibration(1.0).probability(scaled)
    rows, decided = [], None
    for place, point in enumerate(points):
        called = np.concatenate(
            [
                model.calibration.probability(model.logits) >= model.operating_points[place].threshold
                for model in answers
            ]
        )
        films = ScoredFilms.sort(labels, probabilities, called)
        names = tuple(METRICS) if place == 0 else _COMPARED
        figures = _figures(films, known, names, resamples, seed)
        validation = {"sensitivity": point.sensitivity, "specificity": point.specificity}
        row = {"name": point.name, "threshold": point.threshold, "validation": validation}
        rows.append(row | {name: figures[name] for name in _COMPARED})
        decided = decided or (films, figures)
    assert decided is not None
    confusion = _confusion(decided[0])
    # In the order of `evaluate_scores`, which puts the point that decides last.
    return dataclasses.replace(
        report,
        metrics=decided[1],
        confusion=confusion,
        class_report=_class_report(confusion),
        operating_points=[*rows[1:], rows[0]],
    )


def _mean_point(place: int, answers: Sequence[ModelAnswers]) -> OperatingPoint:
    found = [model.operating_points[place] for model in answers]
    if len({point.name for point in found}) > 1:
        raise DatasetError("the models have different operating points", hint="Pool models of one recipe")

    def mean(values: Sequence[float | None]) -> float | None:
        known = [value for value in values if value is not None]
        return float(np.mean(known)) if known else None

    return OperatingPoint(
        found[0].name,
        float(np.mean([point.threshold for point in found])),
        mean([point.sensitivity for point in found]),
        mean([point.specificity for point in found]),
    )


def _figures(
    films: ScoredFilms, groups: Sequence[str] | None, names: Sequence[str], resamples: int, seed: int
) -> dict[str, dict[str, Any]]:
    intervals = bootstrap_intervals(films, groups, names=names, resamples=resamples, seed=seed)
    point = WeightedFilms(films, np.ones((1, len(films))))
    values = {name: float(METRICS[name].compute(point)[0]) for name in names}
    return {
        name: {"value": None if np.isnan(values[name]) else values[name]} | dataclasses.asdict(intervals[name])
        for name in names
    }


def _confusion(films: ScoredFilms) -> dict[str, int]:
    counts = np.bincount(2 * films.labels + films.decisions, minlength=4)
    return {name: int(counts[place]) for place, name in enumerate(("tn", "fp", "fn", "tp"))}


def _class_report(confusion: Mapping[str, int]) -> dict[str, dict[str, Any]]:
    tp, fp, tn, fn = (confusion[name] for name in ("tp", "fp", "tn", "fn"))
    report: dict[str, dict[str, Any]] = {}
    for name, hits, wrongly_called, missed in (("fractured", tp, fp, fn), ("not_fractured", tn, fn, fp)):
        called, support = hits + wrongly_called, hits + missed
        report[name] = {
            "precision": hits / called if called else None,
            "recall": hits / support if support else None,
            "f1": 2 * hits / (called + support) if called + support else None,
            "support": support,
        }
    return report


def pooled_baselines(of_models: Sequence[Sequence[Mapping[str, Any]]], films: Sequence[int]) -> list[Baseline]:
    """Baselines over the films of all models.

    Args:
        of_models: Of each model, baselines as in `report.json`.
        films: Number of films of each model; accuracies are weighted by it, and so are AUROCs where all have one.
    """
    names = [row["name"] for row in of_models[0]]
    pooled = []
    for name in names:
        rows = [next((row for row in model if row["name"] == name), None) for model in of_models]
        found = [row for row in rows if row is not None]
        if len(found) < len(rows):
            continue
        ranked = [row["auroc"] for row in found if row["auroc"] is not None]
        answers = {row["detail"].get("answer") for row in found} - {None}
        pooled.append(
            Baseline(
                name=name,
                accuracy=float(np.average([row["accuracy"] for row in found], weights=films)),
                auroc=float(np.average(ranked, weights=films)) if len(ranked) == len(found) else None,
                detail={"models": len(found)} | ({"answer": answers.pop()} if len(answers) == 1 else {}),
            )
        )
    return pooled
