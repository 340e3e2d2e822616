"""One kind of damage to a film, as a row of the table of corruptions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Film = npt.NDArray[np.float32]
"""Pixels (H, W), 0..255, bone bright, as in `Radiograph.pixels`."""

Boxes = Sequence[tuple[float, float, float, float]] | None
"""Truth boxes (x, y, width, height) in pixels of the film; None where they are not known."""

Damage = Callable[[Film, float, np.random.Generator, Boxes], Film]
"""From a film, the value of a severity, a source of chance and the boxes to a new film, float32, 0..255."""


@dataclass(frozen=True)
class Corruption:
    """One row of the table.

    Attributes:
        title: What a reader sees.
        meaning: What happens to a film, and where such films come from, as a sentence.
        unit: How the value of a severity is said; "{}" stands for the number.
        values: The values of severities 1 to 5, each stronger than the one before.
        apply: Damages one film.
        spares_boxes: Whether it leaves every known box as it is; where boxes are not known, it may hide a fracture.
        share_of_films: Whether the value is the percentage of the films that are struck, each of them fully.
    """

    title: str
    meaning: str
    unit: str
    values: tuple[float, float, float, float, float]
    apply: Damage
    spares_boxes: bool = False
    share_of_films: bool = False

    def label(self, severity: int) -> str:
        """The value of a severity (1 to 5) in words, such as "JPEG quality 30"."""
        return self.unit.format(f"{self.values[severity - 1]:g}")
