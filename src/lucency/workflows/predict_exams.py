"""Exams -> predictions: the films of one exam answer together."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from lucency.decision import Decision, ExamRule, OperatingPoint
from lucency.predictor import Predictor
from lucency.workflows.find_exams import Exam
from lucency.workflows.predict import FilmAnswer, predict_films


@dataclass(frozen=True)
class ExamAnswer:
    """What became of one exam.

    Attributes:
        exam: Its name and films.
        films: The answer for each film.
        rule: Combined them.
        operating_point: Made the decision.
        bundle: `name@hash` of the bundle that answered.
        probability: Calibrated probability of a fracture, 0..1; None where no film can be used. Films that the gate
            refused are left out like those that cannot be read.
    """

    exam: Exam
    films: tuple[FilmAnswer, ...]
    rule: ExamRule
    operating_point: OperatingPoint
    bundle: str
    probability: float | None

    @property
    def decision(self) -> Decision | None:
        """The decision; that of the gate where it refused every film that can be read, None where there is none."""
        if self.probability is not None:
            return self.operating_point.decide(self.probability)
        return next((film.prediction.decision for film in self.films if film.prediction is not None), None)

    @property
    def highest(self) -> FilmAnswer | None:
        """The film with the highest probability, or None where no film can be used."""
        return max(filter(_usable, self.films), key=_logit, default=None)

    @property
    def warnings(self) -> list[str]:
        """What may make the answer wrong."""
        found = [self.exam.doubt] if self.exam.doubt else []
        unread = sum(film.prediction is None for film in self.films)
        refused = sum(film.prediction is not None and film.prediction.refused for film in self.films)
        if unread and self.decision is not None:
            found.append(f"{unread} of {len(self.films)} films cannot be used")
        if refused:
            found.append(f"{refused} of {len(self.films)} films were refused by the gate and left out")
        return found

    def to_json(self) -> dict[str, Any]:
        """One entry of `predict --per-exam --json`; its keys are a stable contract (see docs/reference/json.md)."""
        entry: dict[str, Any] = {"exam": self.exam.name}
        if self.decision is None:
            error = next(film.error for film in self.films if film.error is not None)
            entry["error"] = {"code": error.code, "message": f"None of {len(self.films)} films can be used. {error}"}
        else:
            entry |= {
                "probability": self.probability,
                "decision": self.decision,
                "highest_film": None if self.highest is None else self.highest.path,
                "rule": self.rule.combination,
                "threshold": self.operating_point.threshold,
                "bundle": self.bundle,
            }
        if self.warnings:
            entry["warnings"] = self.warnings
        return {**entry, "films": [film.to_json() for film in self.films]}


def predict_exams(
    predictor: Predictor,
    exams: Sequence[Exam],
    rule: ExamRule,
    *,
    overlays: str | os.PathLike[str] | None = None,
    workers: int | None = None,
) -> Iterator[ExamAnswer]:
    """Answers for exams in their order.

    Args:
        predictor: Bundle to ask.
        exams: As `find_exams` lists them.
        rule: Combines the films of an exam.
        overlays: Folder for a picture of each film.
        workers: Threads that decode films.
    """
    paths = [path for exam in exams for path in exam.paths]
    answers = predict_films(predictor, paths, overlays=overlays, workers=workers)
    point = rule.operating_point(predictor.operating_point)
    calibration = predictor.bundle.card.calibration
    for exam in exams:
        films = tuple(next(answers) for _ in exam.paths)
        logits = [_logit(film) for film in films if _usable(film)]
        probability = None
        if logits:
            probability = float(rule.calibration.probability(rule.logit(logits, calibration)))
        yield ExamAnswer(exam, films, rule, point, predictor.bundle.identity, probability)


def _usable(film: FilmAnswer) -> bool:
    return film.prediction is not None and not film.prediction.refused


def _logit(film: FilmAnswer) -> float:
    assert film.prediction is not None
    return film.prediction.logit
