"""Fingerprints: numbers that stay alike when a film is turned, mirrored, inverted, cropped or put on a larger frame.

A film is normalised locally, so that exposure and contrast hardly count, and sampled on rings around a centre. A
turn then shifts each ring, a mirroring runs it backwards and an inversion changes its sign: the magnitudes of the
rings' Fourier coefficients (Fourier-Mellin descriptors; Casasent and Psaltis, Applied Optics 15, 1976) ignore all
three. What a crop or a larger frame does to the centre and the radius is met by several views of each film.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt
from scipy import fft

FloatArray = npt.NDArray[np.float32]

RINGS = 24
SAMPLES = 96
"""Samples of a ring: one for each 3.75 degrees."""

_HARMONICS = 16
_FLOOR, _FLOOR_SHARE = 1.5, 0.6
_BAR_LEVELS = 12
"""Grey levels within which a row or column counts as part of a uniform bar; JPEG disturbs bars by a few."""

_RADII = ((np.arange(RINGS) + 0.5) / RINGS).astype(np.float32)
_ANGLES = np.arange(SAMPLES) * (2 * np.pi / SAMPLES)
_ACROSS = (_RADII[:, None] * np.cos(_ANGLES)).astype(np.float32)
_DOWN = (_RADII[:, None] * np.sin(_ANGLES)).astype(np.float32)
_RING_WEIGHTS = (_RADII[:, None] ** 0.2).astype(np.float32)

_SPREADS = 1.5
"""Root mean square distances of detail from its middle that a view about it reaches."""

_INNER = 0.8
"""Share of the frame's sides that the inner view takes; what is cut from a film's edge leaves it."""

OWN_VIEWS = 6
"""Views that a film is found by."""


def locally_normalised(content: FloatArray, *, smooth: float, around: float, floor: float) -> FloatArray:
    """Grey levels less their local mean, over their local deviation.

    Args:
        content: float32 (h, w), 0..255.
        smooth: Deviation in pixels of the Gaussian that takes noise away first.
        around: Deviation in pixels of the Gaussian that says what local means.
        floor: Grey levels added to the deviation, so that flat places stay near zero.

    Returns:
        float32 (h, w), about -3..3.
    """
    levels = cv2.GaussianBlur(content, (0, 0), smooth, borderType=cv2.BORDER_REFLECT)
    detail = levels - cv2.GaussianBlur(levels, (0, 0), around, borderType=cv2.BORDER_REFLECT)
    power = cv2.GaussianBlur(detail * detail, (0, 0), 1.5 * around, borderType=cv2.BORDER_REFLECT)
    return np.asarray(detail / (np.sqrt(power) + floor), dtype=np.float32)


def fine(content: npt.NDArray[np.uint8] | FloatArray, around: float = 3) -> FloatArray:
    """Local normalisation at the scale of trabeculae and edges, for comparing.

    Bone rules it, not the faint streaks that a detector leaves on the background of every film: the floor is a share of
    the detail that the film's livelier tenth shows.

    Args:
        content: uint8 or float32 (h, w), 0..255.
        around: Deviation in pixels of the Gaussian that says what local means.

    Returns:
        float32 (h, w), about -3..3.
    """
    levels = cv2.GaussianBlur(content.astype(np.float32), (0, 0), 0.4 + around / 7, borderType=cv2.BORDER_REFLECT)
    detail = levels - cv2.GaussianBlur(levels, (0, 0), around, borderType=cv2.BORDER_REFLECT)
    deviation = np.sqrt(cv2.GaussianBlur(detail * detail, (0, 0), 1.5 * around, borderType=cv2.BORDER_REFLECT))
    sampled = deviation[::3, ::3].ravel()
    place = int(0.9 * len(sampled))
    lively = float(np.partition(sampled, place)[place])
    return np.asarray(detail / (deviation + _FLOOR + _FLOOR_SHARE * lively), dtype=np.float32)


def broad(half: FloatArray) -> FloatArray:
    """Local normalisation at the scale of bones, for finding.

    Args:
        half: float32 (h, w), 0..255, a film of half the size of its thumbnail.
    """
    return locally_normalised(half, smooth=0.75, around=4, floor=3)


def own_views(content: npt.NDArray[np.uint8], pattern: FloatArray) -> FloatArray:
    """Views that a film is found by.

    Its frame and what is left without uniform bars, each round and stretched; a round one about the middle of all
    detail, which a crop of the ground does not move; and an inner one, which has nothing of the edges.

    Args:
        content: uint8 (h, w).
        pattern: float32 (h / 2, w / 2), of `fine`.

    Returns:
        float32 (6, 4): centre x, centre y, radius across, radius down, in pixels.
    """
    height, width = content.shape
    top, bottom, left, right = _without_bars(content)
    views = []
    for y, x, h, w in ((0, 0, height, width), (top, left, bottom - top, right - left)):
        centre, radius = (x + w / 2, y + h / 2), min(h, w) / 2
        views += [(*centre, radius, radius), (*centre, w / 2, h / 2)]
    views += [_about_detail(pattern), (width / 2, height / 2, _INNER * width / 2, _INNER * height / 2)]
    return np.array(views, dtype=np.float32)


def search_views(own: FloatArray) -> FloatArray:
    """Views that a film searches with, whatever it is compared with: smaller ones besides its own.

    A copy on a larger frame is found by them.

    Args:
        own: float32 (6, 4), of `own_views`.

    Returns:
        float32 (12, 4), likewise.
    """
    frame, stretched, round_trimmed, stretched_trimmed, detail, _ = own
    rows = [_scaled(frame, scale) for scale in (1.0, 0.84, 0.76, 0.69, 0.62)]
    rows += [_scaled(stretched, scale) for scale in (1.0, 0.93, 0.86, 0.8)]
    return np.stack([*rows, round_trimmed, stretched_trimmed, detail]).astype(np.float32)


def rings(image: FloatArray, views: FloatArray) -> FloatArray:
    """Samples an image on rings, once for each view.

    Args:
        image: float32 (h, w).
        views: float32 (V, 4).

    Returns:
        float32 (V, RINGS, SAMPLES); 0 where a ring leaves the image. Angles run from +x towards +y.
    """
    x, y, across, down = views[:, :, None, None].transpose(1, 0, 2, 3)
    samples = cv2.remap(
        image,
        (_ACROSS * across + (x - np.float32(0.5))).reshape(-1, SAMPLES),
        (_DOWN * down + (y - np.float32(0.5))).reshape(-1, SAMPLES),
        cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_CONSTANT,
        borderValue=0,
    )
    return np.asarray(samples, dtype=np.float32).reshape(-1, RINGS, SAMPLES)


def ring_waves(samples: FloatArray) -> npt.NDArray[np.complex64]:
    """Fourier coefficients of rings, but for the mean and the fast ones.

    Args:
        samples: float32 (V, RINGS, SAMPLES).

    Returns:
        complex64 (V, RINGS, 16).
    """
    # A copy: the whole transform is three times as large.
    return np.array(fft.rfft(samples, axis=-1)[..., 1 : _HARMONICS + 1], np.complex64)


def fingerprints(waves: npt.NDArray[np.complex64]) -> FloatArray:
    """Magnitudes of the rings' Fourier coefficients, of length 1.

    Args:
        waves: complex64 (V, RINGS, 16), of `ring_waves`.

    Returns:
        float32 (V, 384).
    """
    return unit((np.sqrt(np.abs(waves)) * _RING_WEIGHTS).reshape(len(waves), -1))


@dataclass(frozen=True, eq=False)
class Projection:
    """Fewer, whitened numbers that tell films apart.

    Attributes:
        mean: float32 (384,).
        axes: float32 (384, D), scaled.
    """

    mean: FloatArray
    axes: FloatArray

    @classmethod
    def learn(cls, sample: FloatArray, dimensions: int = 128) -> Projection:
        """Principal axes of a sample of fingerprints, each scaled by nearly its deviation.

        Args:
            sample: float32 (M, 384), M at least 4 times `dimensions`.
            dimensions: Numbers to keep.
        """
        mean = sample.mean(axis=0)
        centred = (sample - mean).astype(np.float64)
        power, axes = np.linalg.eigh(centred.T @ centred / len(sample))
        kept = axes[:, ::-1][:, :dimensions] / np.maximum(1e-6, np.sqrt(power[::-1][:dimensions])) ** 0.9
        return cls(mean.astype(np.float32), kept.astype(np.float32))

    def __call__(self, prints: FloatArray) -> FloatArray:
        """Projects fingerprints: float32 (V, 384) -> float32 (V, D) of length 1."""
        return unit(np.asarray((prints - self.mean) @ self.axes, dtype=np.float32))


def unit(rows: FloatArray) -> FloatArray:
    """Rows of length 1; those of length 0 stay as they are."""
    return np.asarray(rows / np.maximum(1e-6, np.linalg.norm(rows, axis=-1, keepdims=True)), dtype=np.float32)


def _scaled(view: FloatArray, scale: float) -> FloatArray:
    return np.array([*view[:2], *(view[2:] * scale)], np.float32)


def _about_detail(pattern: FloatArray) -> tuple[float, float, float, float]:
    weight = np.abs(pattern)
    total = float(weight.sum()) + 1e-6
    down, across = weight.sum(axis=1), weight.sum(axis=0)
    y, x = (float(sums @ (np.arange(len(sums)) + 0.5)) / total for sums in (down, across))
    spread = float(down @ (np.arange(len(down)) + 0.5 - y) ** 2 + across @ (np.arange(len(across)) + 0.5 - x) ** 2)
    radius = max(8.0, 2 * _SPREADS * float(np.sqrt(spread / total)))
    return 2 * x, 2 * y, radius, radius


def _without_bars(content: npt.NDArray[np.uint8]) -> tuple[int, int, int, int]:
    """Top, bottom, left and right of what lies within uniform bars; bars may take nearly half a side."""
    height, width = content.shape
    rows = np.ptp(content, axis=1) > _BAR_LEVELS
    top = min(_first(rows), int(0.45 * height))
    bottom = height - min(_first(rows[::-1]), int(0.45 * height))
    columns = np.ptp(content[top:bottom], axis=0) > _BAR_LEVELS
    left = min(_first(columns), int(0.45 * width))
    right = width - min(_first(columns[::-1]), int(0.45 * width))
    return top, bottom, left, right


def _first(marks: npt.NDArray[np.bool_]) -> int:
    return int(np.argmax(marks)) if marks.any() else len(marks)
