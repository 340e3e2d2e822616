"""What is said of a film, and of an exam with several: probability, decision, and by which rule."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from lucency.abstention import FilmClass
from lucency.calibration import Calibration
from lucency.gate import GateAnswer

Decision = Literal["fractured", "not_fractured", "uncertain", "not_a_radiograph", "unlike_training_films"]

FloatArray = npt.NDArray[np.floating[Any]]


@dataclass(frozen=True)
class OperatingPoint:
    """A named threshold on the calibrated probability, fixed on validation films.

    Attributes:
        name: "youden", "screening" or "confirm".
        threshold: Films at or above this probability are called fractured; 0..1.
        sensitivity: What it gave on the validation films, 0..1, or None if unknown.
        specificity: Likewise.
    """

    name: str
    threshold: float
    sensitivity: float | None = None
    specificity: float | None = None

    def decide(self, probability: float) -> Decision:
        """The decision for one calibrated probability (0..1)."""
        return "fractured" if probability >= self.threshold else "not_fractured"


def shown_probability(probability: float) -> str:
    """A probability (0..1) for a person, with two places; "> 0.99" and "< 0.01" where these would be 1.00 and 0.00."""
    if probability >= 0.995:
        return "> 0.99"
    return "< 0.01" if probability <= 0.005 else f"{probability:.2f}"


@dataclass(frozen=True, eq=False)
class Prediction:
    """What a bundle says of one radiograph. Research output, not a diagnosis.

    The order of the rules is fixed. First the gate: what is no radiograph, or unlike the training films, gets no
    probability. Then abstention, where an error rate is stated: an answer of one class is the decision, of both or of
    none "uncertain". Where no error rate is stated, the operating point decides.

    Attributes:
        logit: The model's raw output, unbounded.
        probability: Calibrated probability of a fracture, 0..1; None where the gate refused the film.
        decision: By the rules above.
        operating_point: The threshold that decides where no error rate is stated.
        bundle: `name@hash` of the bundle that answered.
        sha256: Hash of the film's bytes, hexadecimal.
        heatmap: float32 (h, w) in the geometry of the network input, in logits: cells whose evidence speaks for a
            fracture are positive, and the mean of the map plus a constant is the logit. None where the model has none,
            and where the gate refused the film.
        warnings: What was noticed while the film was read.
        error_rate: The stated error rate, or None.
        possible: The classes that the film may be of at that error rate; None where none is stated.
        gate: What the gate measured; None where the bundle has none, or it was switched off.
    """

    logit: float
    probability: float | None
    decision: Decision
    operating_point: OperatingPoint
    bundle: str
    sha256: str
    heatmap: npt.NDArray[np.float32] | None = None
    warnings: tuple[str, ...] = ()
    error_rate: float | None = None
    possible: tuple[FilmClass, ...] | None = None
    gate: GateAnswer | None = None

    @property
    def refused(self) -> bool:
        """Whether the gate refused the film."""
        return self.probability is None


def _noisy_or(log_odds: FloatArray) -> float:
    # 1 - prod(1 - p) is 1 - exp(-s) with s the sum of log(1 + exp(z)), and its odds are exp(s) - 1.
    total = float(np.logaddexp(0.0, log_odds).sum())
    if total > 1e-6:
        return total + float(np.log(-np.expm1(-total)))
    return float(np.logaddexp.reduce(log_odds))


COMBINATIONS: dict[str, Callable[[FloatArray], float]] = {
    "highest": lambda log_odds: float(log_odds.max()),
    "mean": lambda log_odds: float(log_odds.mean()),
    "noisy_or": _noisy_or,
}
"""How the log-odds of the films of an exam, float64 (N,), become one number: the highest; their mean; or "noisy or"
(Pearl 1988, "Probabilistic Reasoning in Intelligent Systems"), the chance that at least one film shows a fracture if
each says so on its own."""


@dataclass(frozen=True)
class ExamRule:
    """How the films of one exam answer together.

    Attributes:
        combination: Row of `COMBINATIONS`.
        calibration: A temperature, from the combined log-odds to the probability of the exam.
        operating_points: Thresholds on that probability, fixed on validation exams; empty where those of single films
            are used.
        default_operating_point: Name of the one that decides unless another is asked for; "" where there are none.
        validation: What the rule was fitted on: counts, and the log loss of each combination.
    """

    combination: str = "highest"
    calibration: Calibration = field(default_factory=Calibration)
    operating_points: tuple[OperatingPoint, ...] = ()
    default_operating_point: str = ""
    validation: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.combination not in COMBINATIONS:
            raise ValueError(f"{self.combination!r} is no combination; there are {', '.join(COMBINATIONS)}")

    @property
    def fitted(self) -> bool:
        """Whether the rule was fitted on validation exams."""
        return bool(self.operating_points)

    def logit(self, logits: npt.ArrayLike, films: Calibration) -> float:
        """The combined log-odds of an exam, before `calibration`.

        Args:
            logits: (N,) logits of its films, unbounded; at least one.
            films: Calibration of single films.
        """
        return COMBINATIONS[self.combination](films.log_odds(logits))

    def operating_point(self, films: OperatingPoint) -> OperatingPoint:
        """The threshold for exams that stands where `films` stands for films: the one of its name, else itself."""
        return next((point for point in self.operating_points if point.name == films.name), films)

    def to_json(self) -> dict[str, Any]:
        """The rule as plain JSON values."""
        return {
            "combination": self.combination,
            "temperature": self.calibration.temperature,
            "operating_points": [vars(point) for point in self.operating_points],
            "default_operating_point": self.default_operating_point,
            "validation": dict(self.validation),
        }

    @classmethod
    def from_json(cls, rule: Mapping[str, Any]) -> ExamRule:
        """Reads what `to_json` gave.

        Raises:
            KeyError: A value is missing.
            TypeError: A value is of another type.
            ValueError: The combination is not known.
        """
        return cls(
            combination=str(rule["combination"]),
            calibration=Calibration(float(rule["temperature"])),
            operating_points=tuple(OperatingPoint(**point) for point in rule["operating_points"]),
            default_operating_point=str(rule["default_operating_point"]),
            validation=dict(rule["validation"]),
        )
