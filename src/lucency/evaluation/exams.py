"""Exams of several films: their labels, their scores, and a rule for their answer, fitted on validation exams."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from lucency.calibration import Calibration
from lucency.decision import COMBINATIONS, ExamRule
from lucency.errors import DatasetError
from lucency.evaluation.calibrate import fit_temperature, operating_points
from lucency.evaluation.scores import FloatArray, IntArray, checked_scores


@dataclass(frozen=True, eq=False)
class Exams:
    """E exams, in the order of their first films.

    Attributes:
        films: Of each exam, places of its films among those given.
        labels: int64 (E,), 1 where any of its films is fractured.
        logits: float64 (E,), combined log-odds before the calibration of the rule.
        highest: int64 (E,), place of the film with the highest logit.
    """

    films: list[list[int]]
    labels: IntArray
    logits: FloatArray
    highest: IntArray

    @property
    def several(self) -> int:
        """Exams with more than one film."""
        return sum(len(films) > 1 for films in self.films)


def gather_exams(
    labels: npt.ArrayLike, logits: npt.ArrayLike, exams: Sequence[str], *, rule: ExamRule, calibration: Calibration
) -> Exams:
    """Films -> exams.

    Args:
        labels: (N,) integers, 1 = fractured, 0 = not fractured.
        logits: (N,) outputs of the model, unbounded.
        exams: N names of exams; a film without one ("") is an exam of its own.
        rule: Combines the views of an exam.
        calibration: Of single films.

    Raises:
        DatasetError: The films cannot be used, see `checked_scores`, or there are not as many names as films.
    """
    label_array, logit_array = checked_scores(labels, logits)
    if len(exams) != len(label_array):
        raise DatasetError(f"{len(exams)} exams were given for {len(label_array)} films")
    places: dict[str, list[int]] = {}
    for place, name in enumerate(exams):
        places.setdefault(f"exam {name}" if name else f"film {place}", []).append(place)
    films = list(places.values())
    return Exams(
        films=films,
        labels=np.array([label_array[held].max() for held in films], dtype=np.int64),
        logits=np.array([rule.logit(logit_array[held], calibration) for held in films], dtype=np.float64),
        highest=np.array([held[int(logit_array[held].argmax())] for held in films], dtype=np.int64),
    )


def fit_exam_rule(
    labels: npt.ArrayLike,
    logits: npt.ArrayLike,
    exams: Sequence[str],
    *,
    calibration: Calibration,
    sensitivity: float = 0.9,
    specificity: float = 0.95,
    default: str = "youden",
) -> ExamRule:
    """Chooses among `COMBINATIONS` by the log loss on validation exams, and fixes temperature and thresholds on them.

    Each combination gets a temperature of its own before they are compared; among equals the first of the table wins.

    Args:
        labels: (N,) integers of the validation films, 1 = fractured, 0 = not fractured.
        logits: (N,) outputs of the model for them, unbounded.
        exams: N names of exams, "" where unknown.
        calibration: Of single films.
        sensitivity: That `screening` reaches, above 0 and at most 1.
        specificity: That `confirm` reaches, above 0 and at most 1.
        default: Name of the operating point that decides unless another is asked for.

    Raises:
        DatasetError: No exam has several films, or all exams are of one class.
    """
    best: tuple[float, ExamRule, Exams] | None = None
    losses = {}
    for combination in COMBINATIONS:
        rule = ExamRule(combination)
        gathered = gather_exams(labels, logits, exams, rule=rule, calibration=calibration)
        if not gathered.several:
            raise DatasetError(
                f"none of the {len(gathered.films)} validation exams has several films, so no rule can be fitted",
                hint="Give the exam of each film as study_id, or ask for --exam-rule highest",
            )
        fitted = fit_temperature(gathered.logits, gathered.labels)
        loss = _log_loss(gathered, fitted)
        losses[combination] = loss
        if best is None or loss < best[0]:
            best = (loss, replace(rule, calibration=fitted), gathered)
    assert best is not None
    _, rule, gathered = best
    probabilities = rule.calibration.probability(gathered.logits)
    points = operating_points(gathered.labels, probabilities, sensitivity=sensitivity, specificity=specificity)
    return replace(
        rule,
        operating_points=points,
        default_operating_point=default,
        validation={
            "exams": len(gathered.films),
            "fractured": int(gathered.labels.sum()),
            "several_films": gathered.several,
            "log_loss": losses,
        },
    )


def _log_loss(exams: Exams, calibration: Calibration) -> float:
    log_odds = calibration.log_odds(exams.logits)
    signed = np.where(exams.labels == 1, -log_odds, log_odds)
    return float(np.logaddexp(0.0, signed).mean())
