"""From a logit to a calibrated probability."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True)
class Calibration:
    """One of three rising maps from the logit to the log-odds of a fracture, fitted on validation films.

    Temperature scaling (Guo et al. 2017, "On Calibration of Modern Neural Networks") divides the logit; Platt scaling
    (Platt 1999, "Probabilistic outputs for support vector machines") adds a constant as well; isotonic regression
    (Zadrozny and Elkan 2002, "Transforming classifier scores into accurate multiclass probability estimates") follows
    a chain of straight pieces.

    Attributes:
        temperature: Positive number that divides the logit; 1 leaves it as it is. Not used where there are knots.
        intercept: Added to the divided logit, in log-odds; 0 for temperature scaling.
        knots: (logit, log-odds) pairs of an isotonic calibration, both rising; straight between them, constant
            outside. Empty for the other two.
    """

    temperature: float = 1.0
    intercept: float = 0.0
    knots: tuple[tuple[float, float], ...] = ()

    def __post_init__(self) -> None:
        if not (np.isfinite(self.temperature) and self.temperature > 0 and np.isfinite(self.intercept)):
            raise ValueError(f"temperature {self.temperature} and intercept {self.intercept} calibrate nothing")
        table = np.array(self.knots, dtype=np.float64).reshape(-1, 2)
        if not np.isfinite(table).all() or (np.diff(table[:, 0]) <= 0).any() or (np.diff(table[:, 1]) < 0).any():
            raise ValueError("the knots of an isotonic calibration must be numbers that rise")

    @property
    def method(self) -> str:
        """Its name: "temperature", "platt" or "isotonic"."""
        if self.knots:
            return "isotonic"
        return "platt" if self.intercept else "temperature"

    def log_odds(self, logit: npt.ArrayLike) -> npt.NDArray[np.float64]:
        """Calibrated log-odds of a fracture.

        Args:
            logit: Array of any shape, unbounded.

        Returns:
            float64 array of the same shape, unbounded.
        """
        values = np.asarray(logit, dtype=np.float64)
        if self.knots:
            at, said = np.array(self.knots, dtype=np.float64).T
            return np.asarray(np.interp(values, at, said), dtype=np.float64)
        return np.asarray(values / self.temperature + self.intercept, dtype=np.float64)

    def probability(self, logit: npt.ArrayLike) -> npt.NDArray[np.float64]:
        """Calibrated probability of a fracture.

        Args:
            logit: Array of any shape, unbounded.

        Returns:
            float64 array of the same shape, 0..1.
        """
        scaled = self.log_odds(logit)
        # exp of a non-positive number only, so that no logit overflows.
        small = np.exp(-np.abs(scaled))
        return np.where(scaled >= 0, 1.0 / (1.0 + small), small / (1.0 + small))

    def to_json(self) -> dict[str, Any]:
        """The calibration as plain JSON values."""
        if self.knots:
            return {"method": self.method, "knots": [list(knot) for knot in self.knots]}
        intercept = {"intercept": self.intercept} if self.intercept else {}
        return {"method": self.method, "temperature": self.temperature, **intercept}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Calibration:
        """Reads what `to_json` gave.

        Raises:
            KeyError: A value is missing.
            TypeError: A value is of another type.
            ValueError: The method is not known, or the values calibrate nothing.
        """
        method = str(values["method"])
        if method == "isotonic":
            knots = tuple((float(at), float(said)) for at, said in values["knots"])
            if not knots:
                raise ValueError("an isotonic calibration needs knots")
            return cls(knots=knots)
        if method not in ("temperature", "platt"):
            raise ValueError(f"{method!r} is no calibration")
        return cls(float(values["temperature"]), float(values.get("intercept", 0.0)))
