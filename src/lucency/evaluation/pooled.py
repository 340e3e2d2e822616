"""One report of films that several models answered, each with its own calibration and thresholds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from lucency.calibration import Calibration
from lucency.decision import OperatingPoint
from lucency.errors import DatasetError
from lucency.evaluation.baselines import Baseline
from lucency.evaluation.decided import Decided
from lucency.evaluation.report import EvaluationReport, report_decided
from lucency.evaluation.scores import checked_scores


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
    prevalences: Sequence[float] = (),
) -> EvaluationReport:
    """Evaluates the films of all models together: calibrated probabilities on one scale, decisions by each model.

    The report's thresholds and validation figures are means over the models; its temperature is 1, since each model's
    own has been applied. The pooled AUROC depends on how the models are calibrated: a temperature cannot shift a model
    whose logits all lie higher.

    Args:
        answers: Of each model.
        baselines: To be shown beside the accuracy.
        findings: What the audit found, as plain dictionaries.
        split: What the films are called.
        resamples: Of the bootstrap.
        seed: Of the bootstrap and of the calibration floor.
        prevalences: Shares of fractures at which predictive values are wanted, each between 0 and 1.

    Raises:
        DatasetError: No model, or films that cannot be evaluated: see `evaluate_scores`.
    """
    if not answers:
        raise DatasetError("there is no model to evaluate")
    labels = np.concatenate([model.labels for model in answers])
    log_odds = np.concatenate([model.calibration.log_odds(model.logits) for model in answers])
    label_array, log_odds_array = checked_scores(labels, log_odds)
    groups = [group for model in answers for group in model.groups]
    points = [_mean_point(place, answers) for place in range(len(answers[0].operating_points))]
    decided = [Decided(point, _called(place, answers)) for place, point in enumerate(points)]
    return report_decided(
        label_array,
        Calibration().probability(log_odds_array),
        decided[0],
        decided[1:],
        groups=groups if any(groups) else None,
        temperature=1.0,
        calibration={"method": " and ".join(sorted({model.calibration.method for model in answers}))},
        baselines=baselines,
        findings=findings,
        split=split,
        resamples=resamples,
        seed=seed,
        prevalences=prevalences,
    )


def _called(place: int, answers: Sequence[ModelAnswers]) -> npt.NDArray[np.bool_]:
    return np.concatenate(
        [model.calibration.probability(model.logits) >= model.operating_points[place].threshold for model in answers]
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
