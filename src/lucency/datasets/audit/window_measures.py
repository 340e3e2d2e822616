"""What is measured in small windows of two films that were laid on each other."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from lucency.datasets.audit.fingerprint import FloatArray

_BINS = 400
"""Steps of correlation, from 1 to -1, in which places are counted."""
_BEST = 0.8
"""Share of the detail that an agreement is judged by: burned-in words and what a crop has cut may spoil the rest."""
_LEAST = 1e-3
"""Weight of corners under which films show nothing to compare."""


def mean_around(values: FloatArray, window: int) -> FloatArray:
    """The mean of a window about each place.

    Args:
        values: float32 (h, w).
        window: Side in pixels.

    Returns:
        float32 (h, w).
    """
    return np.asarray(cv2.boxFilter(values, -1, (window, window), normalize=True), dtype=np.float32)


def corners(image: FloatArray, window: int) -> FloatArray:
    """The smaller eigenvalue of the structure tensor about each place (Shi and Tomasi, CVPR 1994).

    Args:
        image: float32 (h, w).
        window: Side in pixels.

    Returns:
        float32 (h, w), at least 0: 0 where all edges run one way.
    """
    across = cv2.Sobel(image, cv2.CV_32F, 1, 0, ksize=3, scale=1 / 8)
    down = cv2.Sobel(image, cv2.CV_32F, 0, 1, ksize=3, scale=1 / 8)
    xx, yy, xy = (mean_around(one * two, window) for one, two in ((across, across), (down, down), (across, down)))
    return np.asarray(np.maximum((xx + yy) / 2 - np.sqrt(((xx - yy) / 2) ** 2 + xy * xy), 0), dtype=np.float32)


def mean_of_best(correlation: npt.NDArray[np.floating], weight: npt.NDArray[np.floating]) -> float | None:
    """The mean correlation of the places that agree best.

    Args:
        correlation: float (h, w), -1..1, about each place.
        weight: float (h, w), at least 0.

    Returns:
        -1..1, over `_BEST` of all weight; None where nothing weighs.
    """
    places = ((1 - correlation) * (_BINS / 2)).astype(np.int32).clip(0, _BINS)
    sums = np.bincount(places.ravel(), weight.ravel(), _BINS + 1)
    total = float(sums.sum())
    if total < _LEAST:
        return None
    taken = np.diff(np.minimum(np.cumsum(sums), _BEST * total), prepend=0.0)
    return float(taken @ (1 - (np.arange(_BINS + 1) + 0.5) * (2 / _BINS))) / (_BEST * total)
