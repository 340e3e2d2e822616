"""Pattern: the one range or value of one feature that says most of a label, in words a person can check."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from lucency.evaluation.scores import FloatArray, IntArray

_BINS = 40
_NEARLY = 0.6


@dataclass(frozen=True)
class Pattern:
    """Films whose feature lies in a range.

    Attributes:
        feature: Name of the feature.
        low: Smallest value in the range.
        high: Largest value in the range.
        films: Films in the range.
        fractured: Those of them that are fractured.
        share: `fractured` / `films`.
        share_of_all: Share of fractured films among all.
    """

    feature: str
    low: float
    high: float
    films: int
    fractured: int
    share: float
    share_of_all: float

    @property
    def words(self) -> str:
        """The pattern as a sentence."""
        if " = " in self.feature:
            where = self.feature if self.low > 0 else self.feature.replace(" = ", " other than ")
        elif self.low == self.high:
            where = f"{self.feature} equal to {_number(self.low)}"
        else:
            where = f"{self.feature} from {_number(self.low)} to {_number(self.high)}"
        return (
            f"{where[0].upper()}{where[1:]}: {self.share:.0%} of {self.films} film{'' if self.films == 1 else 's'}"
            f" fractured, against {self.share_of_all:.0%} of all."
        )

    def to_json(self) -> dict[str, Any]:
        """The pattern as plain JSON values, one key for each attribute."""
        return asdict(self)


def strongest_pattern(names: Sequence[str], values: FloatArray, labels: IntArray) -> Pattern | None:
    """The feature that by itself parts the classes best, and the range in which they differ most.

    A feature is cut into at most 40 parts of equally many films. It is a description of these films, not a
    measurement: the parts were chosen with the labels in view.

    Args:
        names: F names.
        values: float64 (N, F), NaN where unknown.
        labels: int64 (N,), 1 = fractured.

    Returns:
        None where no feature has two parts.
    """
    best: tuple[float, int, IntArray] | None = None
    for column in range(values.shape[1]):
        parts = _parts(values[:, column])
        separation = _separation(parts, labels)
        if parts.max(initial=-1) > 0 and (best is None or separation > best[0]):
            best = (separation, column, parts)
    if best is None:
        return None
    _, column, parts = best
    known = parts >= 0
    films = np.bincount(parts[known])
    fractured = np.bincount(parts[known], weights=labels[known], minlength=len(films))
    share_of_all = float(labels.mean())
    start = int(np.argmax(np.abs(fractured - share_of_all * films) / np.sqrt(films)))
    chosen = np.isin(parts, _alike(fractured / films, start, share_of_all))
    inside = values[chosen, column]
    return Pattern(
        feature=names[column],
        low=float(inside.min()),
        high=float(inside.max()),
        films=int(chosen.sum()),
        fractured=int(labels[chosen].sum()),
        share=float(labels[chosen].mean()),
        share_of_all=share_of_all,
    )


def _parts(column: FloatArray) -> IntArray:
    """Number of the part of each film, without gaps from 0; -1 where the value is unknown."""
    known = ~np.isnan(column)
    parts = np.full(len(column), -1, dtype=np.int64)
    values, place = np.unique(column[known], return_inverse=True)
    if len(values) > _BINS:
        edges = np.unique(np.quantile(column[known], np.linspace(0, 1, _BINS + 1)[1:-1], method="nearest"))
        place = np.unique(np.searchsorted(edges, column[known], side="left"), return_inverse=True)[1]
    parts[known] = place
    return parts


def _separation(parts: IntArray, labels: IntArray) -> float:
    """AUROC where films are ordered by the share of fractured films in their part, unknown ones a part of their own."""
    films = np.bincount(parts + 1).astype(np.float64)
    fractured = np.bincount(parts + 1, weights=labels, minlength=len(films))
    order = np.argsort(-fractured / np.maximum(films, 1.0), kind="stable")
    fractured, rest = fractured[order], (films - fractured)[order]
    return float((rest * (np.cumsum(fractured) - fractured / 2)).sum() / max(1.0, fractured.sum() * rest.sum()))


def _alike(shares: FloatArray, start: int, share_of_all: float) -> list[int]:
    """The part `start` and its neighbours on both sides, as far as they differ nearly as much from all."""
    sign = 1.0 if shares[start] >= share_of_all else -1.0
    least = (shares[start] - share_of_all) * sign * _NEARLY
    chosen = [start]
    for step in (-1, 1):
        part = start + step
        while 0 <= part < len(shares) and (shares[part] - share_of_all) * sign >= least:
            chosen.append(part)
            part += step
    return chosen


def _number(value: float) -> str:
    return str(int(value)) if value.is_integer() else f"{value:.3g}"
