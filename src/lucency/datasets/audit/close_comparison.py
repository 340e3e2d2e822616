"""Comparing the fine detail of two films that were laid on each other."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import cv2
import numpy as np
import numpy.typing as npt

from lucency.datasets.audit.alignment import Agreement, Matrix, Template, inverse
from lucency.datasets.audit.fingerprint import FloatArray, fine

Grey = npt.NDArray[np.uint8]

_MARGIN = np.ones((9, 9), np.uint8)
_WINDOW = 13


def compare_closely(
    here: Grey,
    there: Grey,
    onto: Matrix,
    *,
    sign: np.float32,
    around: Sequence[float],
    unlike: Sequence[float],
    template: Callable[[float], Template] | None = None,
) -> tuple[Matrix, Agreement | None]:
    """Improves a map, and says how far the films agree, in the pixels of the coarser of the two.

    A film on a larger frame has fewer pixels; local normalisation must then be done after the finer one was brought to
    them.

    Args:
        here: uint8 (h, w).
        there: uint8 (H, W), likewise.
        onto: float64 (2, 3), place on `here` -> place on `there`, right within a few pixels.
        sign: -1 where black and white are exchanged, else 1.
        around: Scales of detail, in pixels, from the broad to the fine; the last is what the films are judged by.
        unlike: Correlation under which the films are given up, for each of these scales.
        template: Of `here`, for a scale of detail; for whom it is made once for many others.

    Returns:
        The better map; and the agreement, or None where the films were given up. The agreement's `overlap` is that of
        the films, margins and all.
    """
    flip = abs(float(np.linalg.det(onto[:, :2]))) < 1
    if flip:
        here, there, onto = there, here, inverse(onto)
    levels = there.astype(np.float32)
    size = float(np.sqrt(abs(np.linalg.det(onto[:, :2]))))
    if size > 1.05:
        soft = 0.3 * float(np.sqrt(size * size - 1))
        levels = np.asarray(cv2.GaussianBlur(levels, (0, 0), soft), dtype=np.float32)
    overlap = 0.0
    for scale, least in zip(around, unlike, strict=True):
        laid = Template(fine(here, scale), 1.0) if flip or template is None else template(scale)
        moved, inside, area = _brought(levels, onto, here.shape)
        overlap = area / min(here.size, there.size / abs(float(np.linalg.det(onto[:, :2]))))
        image = sign * fine(moved, scale) * inside
        step, alike = laid.refine(image, np.eye(2, 3), steps=5, stop_under=least)
        onto = onto @ np.vstack([step, [0, 0, 1]])
        if alike < least:
            return inverse(onto) if flip else onto, None
    agreement = replace(laid.agreement(image, step, window=_WINDOW), overlap=min(1.0, overlap))
    if flip:
        shares = agreement.shared_of_second, agreement.shared_of_first
        return inverse(onto), replace(agreement, shared_of_first=shares[0], shared_of_second=shares[1])
    return onto, agreement


def _brought(levels: FloatArray, onto: Matrix, shape: tuple[int, ...]) -> tuple[FloatArray, FloatArray, float]:
    """A film in the pixels of another, 1 where it reaches but for a margin, and how many pixels it reaches."""
    linear = onto[:, :2]
    warp = np.column_stack([linear, linear @ [0.5, 0.5] + onto[:, 2] - 0.5])
    size = (shape[1], shape[0])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    moved = cv2.warpAffine(levels, warp, size, flags=flags, borderMode=cv2.BORDER_REPLICATE)
    inside = cv2.warpAffine(np.ones_like(levels), warp, size, flags=cv2.INTER_NEAREST | cv2.WARP_INVERSE_MAP)
    # Beside its border a film shows the edge of its frame, which the other does not have.
    within = np.asarray(cv2.erode(inside, _MARGIN), dtype=np.float32)
    return np.asarray(moved, dtype=np.float32), within, float(inside.sum())
