"""How a picture looks, in some forty numbers: grey levels, detail at five sizes, and where the light lies."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

FloatArray = npt.NDArray[np.float32]

_GRID = 48
_LEVELS = 5
_STRIP = 24_000
_QUANTILES = (0.02, 0.1, 0.25, 0.5, 0.75, 0.9, 0.98)
_NAMES_OF_GREY = tuple(f"grey_{round(100 * share)}" for share in _QUANTILES)
_NAMES_OF_DETAIL = tuple(
    f"{name}_{2**level}" for level in range(_LEVELS) for name in ("detail", "direction", "spikiness")
)

MEASURES = (
    *_NAMES_OF_GREY,
    "black",
    "white",
    "one_level",
    "entropy",
    *_NAMES_OF_DETAIL,
    "still",
    "contrast",
    "rim_mean",
    "rim_dark",
    "rim_spread",
    "corner_low",
    "corner_high",
    "centre",
    "mirror",
    "elongation",
    "row_steps",
    "column_steps",
)
"""Names of the numbers that `film_measures` gives, in its order."""

TEXTURE = np.array([place for place, name in enumerate(MEASURES) if name in (*_NAMES_OF_DETAIL, "still")])
"""Places of the measures of detail, which change little when a film is inverted, cut or shown lighter."""


def film_measures(film: npt.NDArray[np.uint8]) -> FloatArray:
    """Measures one picture. A black border, such as padding, is left out.

    Turning it by a quarter or mirroring it changes no number but by rounding.

    Args:
        film: uint8 (H, W, C) or (H, W), grey 0..255, as `to_input` makes it.

    Returns:
        float32 (len(MEASURES),), all finite.
    """
    content = _content(film if film.ndim == 2 else film[..., 0])
    # The half size gives the same means, and is read faster.
    first, half = _strips(content)
    grid = _squashed(half if min(half.shape) >= _GRID else content)
    return np.array([*_grey(content), *_detail(first, half, float(grid.std())), *_layout(grid)], dtype=np.float32)


def _squashed(image: npt.NDArray[Any]) -> FloatArray:
    return np.asarray(
        Image.fromarray(image.astype(np.float32)).resize((_GRID, _GRID), Image.Resampling.BOX), dtype=np.float32
    )


def _content(film: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    rows, columns = np.flatnonzero(film.any(axis=1)), np.flatnonzero(film.any(axis=0))
    if len(rows) < 16 or len(columns) < 16:
        return np.ascontiguousarray(film)
    return np.ascontiguousarray(film[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1])


def _grey(content: npt.NDArray[np.uint8]) -> list[float]:
    step = max(1, min(content.shape) // 128)
    counts = np.bincount(content[::step, ::step].ravel(), minlength=256)
    shares = counts / counts.sum()
    levels = np.searchsorted(np.cumsum(shares), _QUANTILES) / 255
    filled = shares[shares > 0]
    return [
        *levels.tolist(),
        float(np.sqrt(shares[:9].sum())),
        float(np.sqrt(shares[247:].sum())),
        float(np.sqrt(shares.max())),
        float(-(filled * np.log2(filled)).sum() / 8),
    ]


def _detail(first: npt.NDArray[np.float64], half: FloatArray, contrast: float) -> list[float]:
    """For each size of detail: how much, how unlike in both directions, how much of it in few places.

    Args:
        first: What `_strips` gave for the whole picture.
        half: Likewise.
        contrast: Standard deviation of its grey levels.
    """
    numbers: list[float] = []
    steps, smaller = first, half
    for level in range(_LEVELS):
        if level and min(smaller.shape) < 3:
            numbers += numbers[-3:]
            continue
        if level:
            steps, smaller = _strips(smaller)
        means, squares = steps[:, 0] + 0.02, steps[:, 1] + 0.0004
        numbers += [
            float(np.log(means).mean() - np.log(contrast + 1)),
            float(abs(np.log(means[0] / means[1]))),
            float(np.log(squares.mean() / means.mean() ** 2)),
        ]
    return [*numbers, float(first[:, 2].mean())]


def _strips(values: npt.NDArray[Any]) -> tuple[npt.NDArray[np.float64], FloatArray]:
    """Means over steps across and down, (2, 3): their sizes, their squares, the share of none; and the half size.

    Strip by strip, so that no array is large: fresh memory of some hundred kilobytes costs more than the sums.
    """
    height, width = values.shape
    sums, counts = np.zeros((2, 3)), np.zeros((2, 1))
    smaller = np.empty((height // 2, width // 2), dtype=np.float32)
    most = max(2, _STRIP // width // 2 * 2)
    for top in range(0, height, most):
        strip = values[top : top + most + 1].astype(np.float32)
        rows = min(most, height - top)
        steps = (strip[:rows, 1:] - strip[:rows, :-1], strip[1:] - strip[:-1])
        for direction, flat in enumerate((steps[0].ravel(), steps[1].ravel())):
            counts[direction] += flat.size
            none = flat.size - np.count_nonzero(flat != 0)
            squares = float(flat @ flat)
            sums[direction] += float(np.abs(flat, out=flat).sum()), squares, none
        even = strip[: rows // 2 * 2, : width // 2 * 2]
        quarters = even[::2, ::2] + even[1::2, ::2] + even[::2, 1::2] + even[1::2, 1::2]
        smaller[top // 2 : top // 2 + rows // 2] = 0.25 * quarters
    return sums / np.maximum(counts, 1), smaller


_AWAY = np.hypot(*np.meshgrid(*2 * [np.linspace(-1, 1, _GRID, dtype=np.float32)]))
_PLACE = np.linspace(-1, 1, _GRID, dtype=np.float32)


def _layout(grid: FloatArray) -> list[float]:
    """Where the light lies, from the picture squashed to a small square (float32, 0..255)."""
    contrast = float(grid.std())
    rim = np.concatenate([grid[:2].ravel(), grid[-2:].ravel(), grid[2:-2, :2].ravel(), grid[2:-2, -2:].ravel()])
    quarter = _GRID // 6
    parts = (
        *(grid[:quarter, :quarter], grid[:quarter, -quarter:]),
        *(grid[-quarter:, :quarter], grid[-quarter:, -quarter:]),
    )
    corners = sorted(float(part.mean()) for part in parts)
    light = grid / (grid.sum() + 1e-6)
    rows, columns = light.sum(axis=1), light.sum(axis=0)
    y, x = float(rows @ _PLACE), float(columns @ _PLACE)
    yy, xx = float(rows @ _PLACE**2) - y * y, float(columns @ _PLACE**2) - x * x
    xy = float(_PLACE @ light @ _PLACE) - x * y
    # Eigenvalues of a matrix of two rows.
    half, apart = (yy + xx) / 2, math.hypot((yy - xx) / 2, xy)
    middle = grid - grid.mean()
    power = float((middle * middle).sum()) + 1.0
    steps = sorted(float(np.abs(np.diff(grid.mean(axis=axis))).mean()) for axis in (0, 1))
    return [
        contrast / 64,
        float(rim.mean()) / 255,
        float((rim < 25).mean()),
        float(rim.std()) / 64,
        corners[0] / 255,
        corners[-1] / 255,
        float((middle * (_AWAY - _AWAY.mean())).mean()) / (contrast + 1),
        max(float((middle * middle[:, ::-1]).sum()), float((middle * middle[::-1]).sum())) / power,
        math.log((half + apart + 1e-3) / (max(half - apart, 0.0) + 1e-3)),
        np.log1p(steps[0]),
        np.log1p(steps[1]),
    ]
