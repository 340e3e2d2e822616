"""Keypoints: places of a film that are found again, and told from others, however it was turned, cropped or lit."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from lucency.datasets.audit.fingerprint import FloatArray

MOST_KEYPOINTS = 72
PRINT = 128
"""Numbers that tell what a keypoint's surroundings show: 4 x 4 cells of 8 directions."""

_CONTRAST, _EDGE, _SIGMA = 0.006, 25.0, 1.3
_GAIN, _GREY = 40.0, 128.0
"""Grey levels for one deviation of a pattern, and for its mean."""

_CELLS = np.arange(PRINT).reshape(4, 4, 8)
_TURNED = _CELLS[::-1, ::-1]
_BACKWARDS = -np.arange(8) % 8
CHANGES = np.stack(
    [one.ravel() for one in (_CELLS, _TURNED, _CELLS[::-1][:, :, _BACKWARDS], _TURNED[::-1][:, :, _BACKWARDS])]
)
"""What a keypoint shows on the film as it is, inverted, mirrored, and both: the same numbers in another order.

Inverted, every gradient points the other way, and with it the direction that the cells are laid along."""
INVERTED, MIRRORED = (False, True, False, True), (False, False, True, True)
"""Which of these changes do what."""


def keypoints(pattern: FloatArray) -> tuple[FloatArray, npt.NDArray[np.uint8]]:
    """The clearest keypoints of a film and what they show (SIFT; Lowe, IJCV 60, 2004).

    Args:
        pattern: float32 (h, w), of `broad`.

    Returns:
        float32 (K, 4): x, y, diameter in pixels and angle in radians, with (0, 0) at the centre of the first pixel; and
        uint8 (K, 128), histograms of the gradients about each. K is at most `MOST_KEYPOINTS`.
    """
    grey = np.clip(_GREY + _GAIN * pattern, 0, 255).astype(np.uint8)
    # Without the precise one, the first doubling moves all places by a quarter of a pixel.
    sift = cv2.SIFT.create(
        nfeatures=MOST_KEYPOINTS,
        contrastThreshold=_CONTRAST,
        edgeThreshold=_EDGE,
        sigma=_SIGMA,
        enable_precise_upscale=True,
    )
    found, prints = sift.detectAndCompute(grey, None)
    if prints is None:
        return np.zeros((0, 4), np.float32), np.zeros((0, PRINT), np.uint8)
    places = np.array([(*one.pt, one.size, np.radians(one.angle)) for one in found], np.float32)
    return places[:MOST_KEYPOINTS], prints[:MOST_KEYPOINTS].astype(np.uint8)


def rooted(prints: npt.NDArray[np.uint8]) -> FloatArray:
    """Rows of length 1 whose products tell how far two histograms overlap (Arandjelovic and Zisserman, CVPR 2012).

    Args:
        prints: uint8 (K, 128), of `keypoints`.

    Returns:
        float32 (K, 128).
    """
    counts = prints.astype(np.float32)
    return np.asarray(np.sqrt(counts / np.maximum(counts.sum(axis=1, keepdims=True), 1.0)), dtype=np.float32)
