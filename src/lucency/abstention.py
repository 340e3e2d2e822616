"""When to say "uncertain": split conformal prediction, each class by itself."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

FilmClass = Literal["fractured", "not_fractured"]


@dataclass(frozen=True)
class Abstention:
    """The logits of films that the model did not learn from, by which it is judged how odd a new film is for a class.

    Class-conditional split conformal prediction (Vovk, Gammerman and Shafer 2005, "Algorithmic Learning in a Random
    World"; the sets are those of Sadinle, Lei and Wasserman 2019, "Least ambiguous set-valued classifiers with bounded
    error levels"). A class belongs to the answer unless at most the stated share of the calibration films of that
    class looks as unlike it as the new film. So of the fractured films at most that share is answered without
    "fractured", and of the others at most that share without "not_fractured", if new films come from where the
    calibration films came from.

    Attributes:
        fractured: Logits of the fractured calibration films, rising.
        not_fractured: Likewise of the others.
        error_rate: The share that applies where none is asked for, above 0 and below 1; None: the bundle abstains only
            where it is asked to.
    """

    fractured: tuple[float, ...]
    not_fractured: tuple[float, ...]
    error_rate: float | None = None

    def __post_init__(self) -> None:
        for logits in (self.fractured, self.not_fractured):
            table = np.asarray(logits, dtype=np.float64)
            if not np.isfinite(table).all() or (np.diff(table) < 0).any():
                raise ValueError("the logits of an abstention must be numbers that rise")
        if self.error_rate is not None:
            check_error_rate(self.error_rate)

    def limits(self, error_rate: float) -> tuple[float, float]:
        """Where the classes end.

        Args:
            error_rate: Above 0 and below 1.

        Returns:
            The lowest logit at which a film may be fractured, and the highest at which it may not be; minus and plus
            infinity where there are too few calibration films of the class to ever rule it out.

        Raises:
            ValueError: The error rate is out of range.
        """
        check_error_rate(error_rate)
        odd = [math.floor(error_rate * (len(films) + 1) + 1e-9) for films in (self.fractured, self.not_fractured)]
        lowest = self.fractured[odd[0] - 1] if odd[0] else -math.inf
        highest = self.not_fractured[-odd[1]] if odd[1] else math.inf
        return lowest, highest

    def answer(self, logit: float, error_rate: float) -> tuple[FilmClass, ...]:
        """The classes that a film may be of: both, one or none.

        Args:
            logit: Of the film, unbounded.
            error_rate: Above 0 and below 1.

        Raises:
            ValueError: The error rate is out of range.
        """
        lowest, highest = self.limits(error_rate)
        classes: list[FilmClass] = []
        if logit >= lowest:
            classes.append("fractured")
        if logit <= highest:
            classes.append("not_fractured")
        return tuple(classes)

    def doubts(self, error_rate: float) -> tuple[str, ...]:
        """Sentences where there are too few calibration films of a class for this error rate; none where not.

        Args:
            error_rate: Above 0 and below 1.

        Raises:
            ValueError: The error rate is out of range.
        """
        needed = films_needed(error_rate)
        return tuple(
            f"An error rate of {100 * error_rate:.3g} % takes {needed} {words} calibration films, and the bundle has "
            f"{len(films)}: no film can be called {other}."
            for films, words, other in (
                (self.fractured, "fractured", "not fractured"),
                (self.not_fractured, "not fractured", "fractured"),
            )
            if len(films) < needed
        )

    def to_json(self) -> dict[str, Any]:
        """The abstention as plain JSON values."""
        return {
            "method": "class-conditional split conformal",
            "fractured": list(self.fractured),
            "not_fractured": list(self.not_fractured),
            "error_rate": self.error_rate,
        }

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Abstention:
        """Reads what `to_json` gave.

        Raises:
            KeyError: A value is missing.
            TypeError: A value is of another type.
            ValueError: A value is out of range.
        """
        rate = values["error_rate"]
        return cls(
            tuple(map(float, values["fractured"])),
            tuple(map(float, values["not_fractured"])),
            None if rate is None else float(rate),
        )


def films_needed(error_rate: float) -> int:
    """How many calibration films of a class it takes before that class can be ruled out at this error rate.

    Raises:
        ValueError: The error rate is out of range.
    """
    check_error_rate(error_rate)
    return math.ceil(1 / error_rate - 1e-9) - 1


def check_error_rate(error_rate: float) -> None:
    """Raises ValueError where an error rate is not above 0 and below 1."""
    if not 0 < error_rate < 1:
        raise ValueError(f"an error rate lies above 0 and below 1, {error_rate} does not")
