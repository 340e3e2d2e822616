"""What a bundle answered for the films of a split, or for the exams that they make up."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from lucency.calibration import Calibration
from lucency.decision import ExamRule, OperatingPoint
from lucency.workflows.split_films import SplitFilms

if TYPE_CHECKING:
    from lucency.bundle import Card
    from lucency.evaluation.baselines import Baseline


@dataclass(frozen=True, eq=False)
class Answered:
    """N films or exams with their labels and scores.

    Attributes:
        unit: "film" or "exam".
        names: Unique; of an exam, the image_id of its first film, so that no number of an exam spreads.
        labels: int64 (N,), 1 = fractured.
        logits: float64 (N,), what `calibration` takes.
        groups: Names of groups, or None.
        shown: Place among the films of the film to show: the film itself, or the highest of the exam.
        sizes: Films of each.
        calibration: From the logits to probabilities.
        operating_point: Makes the decisions.
        other_points: To compare it with.
        notes: What a reader of the figures must know.
    """

    unit: str
    names: list[str]
    labels: npt.NDArray[np.int64]
    logits: npt.NDArray[np.float64]
    groups: list[str] | None
    shown: list[int]
    sizes: list[int]
    calibration: Calibration
    operating_point: OperatingPoint
    other_points: tuple[OperatingPoint, ...]
    notes: tuple[str, ...] = ()


def answered_films(
    films: SplitFilms, logits: npt.NDArray[np.float64], card: Card, operating_point: OperatingPoint
) -> Answered:
    """Each film answers for itself."""
    return Answered(
        unit="film",
        names=films.image_ids,
        labels=films.labels,
        logits=logits,
        groups=films.groups,
        shown=list(range(len(logits))),
        sizes=[1] * len(logits),
        calibration=card.calibration,
        operating_point=operating_point,
        other_points=_others(card.operating_points, operating_point),
    )


def answered_exams(
    films: SplitFilms, logits: npt.NDArray[np.float64], card: Card, operating_point: OperatingPoint, rule: ExamRule
) -> Answered:
    """The films of an exam answer together; it is fractured where one of them is.

    Args:
        films: N films.
        logits: (N,) of the films.
        card: Of the bundle.
        operating_point: Of single films; the one of its name decides for exams where the rule has it.
        rule: Combines the films of an exam.
    """
    from lucency.evaluation.exams import gather_exams

    exams = gather_exams(films.labels, logits, films.exams, rule=rule, calibration=card.calibration)
    point = rule.operating_point(operating_point)
    alone = sum(not name for name in films.exams)
    notes = [
        f"{len(logits)} films make up {len(exams.films)} exams, {exams.several} of them with several films; an exam is"
        " fractured where any of its films is.",
        rule_sentence(rule),
    ]
    if alone:
        notes.append(f"{alone} of {len(logits)} films name no exam (study_id): each counts as an exam of its own.")
    return Answered(
        unit="exam",
        names=[films.image_ids[held[0]] for held in exams.films],
        labels=exams.labels,
        logits=exams.logits,
        groups=None if films.groups is None else [films.groups[held[0]] for held in exams.films],
        shown=exams.highest.tolist(),
        sizes=[len(held) for held in exams.films],
        calibration=rule.calibration,
        operating_point=point,
        other_points=_others([rule.operating_point(other) for other in card.operating_points], point),
        notes=tuple(notes),
    )


def exam_names(films: SplitFilms) -> list[str]:
    """For each film the name of its exam, as in `Answered.names`."""
    first: dict[str, str] = {}
    return [
        first.setdefault(name, image_id) if name else image_id
        for name, image_id in zip(films.exams, films.image_ids, strict=True)
    ]


def exam_majority(train: SplitFilms, answered: Answered) -> Baseline | None:
    """Always the commoner class of the training exams; None where there are none."""
    from lucency.evaluation.baselines import majority

    fractured: dict[str, int] = {}
    for name, label in zip(exam_names(train), train.labels.tolist(), strict=True):
        fractured[name] = max(label, fractured.get(name, 0))
    return majority(np.array(list(fractured.values())), answered.labels) if fractured else None


def rule_sentence(rule: ExamRule) -> str:
    """How exams answer, in words."""
    how = {
        "highest": "the highest probability of its films",
        "mean": "the mean log-odds of its films",
        "noisy_or": "the noisy-or of its films (the chance that at least one shows a fracture)",
    }[rule.combination]
    if not rule.fitted:
        return f"An exam answers with {how}; the thresholds were fixed on single films."
    return (
        f"An exam answers with {how}, chosen by the log loss on {rule.validation.get('exams', 'the')} validation exams,"
        " on which its temperature and thresholds were fixed too."
    )


def _others(
    points: tuple[OperatingPoint, ...] | list[OperatingPoint], used: OperatingPoint
) -> tuple[OperatingPoint, ...]:
    return tuple(point for point in points if point.name != used.name)
