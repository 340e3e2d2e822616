"""Whether two maps of a film order its cells alike."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Values = npt.NDArray[np.floating[Any]]


def rank_correlation(first: Values, second: Values) -> float:
    """Spearman's rank correlation of two sets of values, -1..1.

    A flat map orders nothing: beside one that does, the correlation is 0 by agreement; of two flat maps it is
    undefined.

    Args:
        first: Float, n values of any shape.
        second: As many.

    Returns:
        The correlation; NaN where both are flat.
    """
    a, b = average_ranks(first.ravel()), average_ranks(second.ravel())
    a, b = a - a.mean(), b - b.mean()
    length_a, length_b = float(np.sqrt(a @ a)), float(np.sqrt(b @ b))
    if length_a == 0 and length_b == 0:
        return float("nan")
    if length_a == 0 or length_b == 0:
        return 0.0
    return float(np.clip((a @ b) / (length_a * length_b), -1.0, 1.0))


def average_ranks(values: Values) -> npt.NDArray[np.float64]:
    """Ranks from 1; equal values share the mean of their ranks.

    Args:
        values: Float (n,).

    Returns:
        float64 (n,).
    """
    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    ranks: npt.NDArray[np.float64] = (last - (counts - 1) / 2)[place]
    return ranks
