"""Turns: how one film must be turned, or mirrored, to lie on another, told from samples on rings."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import fft

from lucency.datasets.audit.fingerprint import RINGS, SAMPLES, FloatArray

_RING_POWER = np.sqrt((np.arange(RINGS, dtype=np.float32) + 0.5) / RINGS)[:, None]


def turn_between(mine: FloatArray, other: FloatArray) -> tuple[float, FloatArray]:
    """How one ring sampling must be turned to look like another.

    Args:
        mine: float32 (RINGS, SAMPLES).
        other: float32 (RINGS, SAMPLES).

    Returns:
        The best correlation, -1..1, negative where light and dark are exchanged; and float32 (2, 2) that takes a
        direction of `other` to the same direction of `mine`, of determinant -1 where it mirrors.
    """
    mine, other = mine * _RING_POWER, other * _RING_POWER
    size = float(np.linalg.norm(mine) * np.linalg.norm(other)) + 1e-6
    one, two = fft.rfft(mine), fft.rfft(other)
    plain = fft.irfft((one * two.conj()).sum(0), SAMPLES)
    mirrored = fft.irfft((one * two).sum(0), SAMPLES)
    flip = bool(np.abs(mirrored).max() > np.abs(plain).max())
    curve = mirrored if flip else plain
    peak = int(np.abs(curve).argmax())
    angle = (peak + _between(np.abs(curve), peak)) * 2 * np.pi / SAMPLES
    cos, sin = np.cos(angle), np.sin(angle)
    turn = np.array([[cos, -sin], [sin, cos]]) @ np.diag([1, -1 if flip else 1])
    return float(curve[peak]) / size, turn.astype(np.float32)


def first_guess(mine: FloatArray, other: FloatArray, turn: FloatArray) -> npt.NDArray[np.float64]:
    """The affine map from the pixels of one film to those of another that matches two views.

    Args:
        mine: float32 (4,), the view of the first film (see `own_views`).
        other: float32 (4,), the view of the second.
        turn: float32 (2, 2), of `turn_between`.

    Returns:
        float64 (2, 3): place on the second (x, y, 1) -> place on the first.
    """
    linear = np.diag(mine[2:]).astype(np.float64) @ turn @ np.diag(1 / other[2:])
    return np.column_stack([linear, mine[:2] - linear @ other[:2]])


def _between(curve: npt.NDArray[np.floating], peak: int) -> float:
    """Where between samples a parabola through the peak has its top, -0.5..0.5."""
    before, at, after = curve[peak - 1], curve[peak], curve[(peak + 1) % len(curve)]
    bend = before - 2 * at + after
    return float(np.clip(0.5 * (before - after) / bend, -0.5, 0.5)) if bend < 0 else 0.0
