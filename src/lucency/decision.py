"""From a logit to a calibrated probability and a decision."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

Decision = Literal["fractured", "not_fractured", "uncertain", "not_a_radiograph"]

FloatArray = npt.NDArray[np.floating[Any]]


@dataclass(frozen=True)
class Calibration:
    """Temperature scaling (Guo et al. 2017, "On Calibration of Modern Neural Networks").

    Attributes:
        temperature: Positive number that divides the logit; 1 leaves it as it is.
    """

    temperature: float = 1.0

    def probability(self, logit: npt.ArrayLike) -> npt.NDArray[np.float64]:
        """Calibrated probability of a fracture.

        Args:
            logit: Array of any shape, unbounded.

        Returns:
            float64 array of the same shape, 0..1.
        """
        scaled = np.asarray(logit, dtype=np.float64) / self.temperature
        # exp of a non-positive number only, so that no logit overflows.
        small = np.exp(-np.abs(scaled))
        return np.where(scaled >= 0, 1.0 / (1.0 + small), small / (1.0 + small))


@dataclass(frozen=True)
class OperatingPoint:
    """A named threshold on the calibrated probability, fixed on validation films.

    Attributes:
        name: "youden", "sensitivity_90", ...
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


@dataclass(frozen=True, eq=False)
class Prediction:
    """What a bundle says of one radiograph. Research output, not a diagnosis.

    Attributes:
        logit: The model's raw output, unbounded.
        probability: Calibrated probability of a fracture, 0..1.
        decision: "fractured" or "not_fractured" by the operating point.
        operating_point: The rule that made the decision.
        bundle: `name@hash` of the bundle that answered.
        sha256: Hash of the film's bytes, hexadecimal.
        heatmap: float32 (h, w) in the geometry of the network input, in logits: cells whose evidence speaks for a
            fracture are positive, and the mean of the map plus a constant is the logit. None where the model has none.
        warnings: What was noticed while the film was read.
    """

    logit: float
    probability: float
    decision: Decision
    operating_point: OperatingPoint
    bundle: str
    sha256: str
    heatmap: npt.NDArray[np.float32] | None = None
    warnings: tuple[str, ...] = ()
