"""ProbeFeatures: numbers that know nothing of bone, one row a film, from which a probe tries to tell the label."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]

MOST_WORDS = 12
"""Of the values of a category, so many of the commonest get a column each; the others are all "another"."""


@dataclass(frozen=True, eq=False)
class ProbeFeatures:
    """What one probe may look at.

    Attributes:
        names: F names that a person understands, such as "bytes per pixel" or "view = lateral".
        values: float64 (N, F), NaN where a film has no such value. Not float32, which would round a file number
            of more than seven digits.
    """

    names: tuple[str, ...]
    values: FloatArray


def gathered(columns: Mapping[str, npt.ArrayLike]) -> ProbeFeatures | None:
    """Columns as one matrix, without those that are the same for every film or repeat an earlier one.

    Args:
        columns: Name -> (N,) numbers.

    Returns:
        The features; None where nothing differs between the films.
    """
    kept: dict[str, FloatArray] = {}
    seen: set[bytes] = set()
    for name, column in columns.items():
        values = np.asarray(column, dtype=np.float64)
        content = values.tobytes()
        if content not in seen and not np.all((values == values[:1]) | (np.isnan(values) & np.isnan(values[:1]))):
            seen.add(content)
            kept[name] = values
    return ProbeFeatures(tuple(kept), np.stack(list(kept.values()), axis=1)) if kept else None


def categories(title: str, cells: Sequence[str]) -> dict[str, FloatArray]:
    """One column of 0 and 1 for each of the commonest values.

    Args:
        title: What the values are of; a column is called "title = value".
        cells: N values; "" is shown as "none".
    """
    counts = Counter(cells)
    common = sorted(counts, key=lambda cell: (-counts[cell], cell))[:MOST_WORDS]
    array = np.array(cells, dtype=object)
    return {f"{title} = {cell or 'none'}": (array == cell).astype(np.float64) for cell in common}
