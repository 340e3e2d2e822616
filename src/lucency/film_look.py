"""How a picture looks, in some forty numbers: grey levels, detail at five sizes, and where the light lies."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from PIL import Image

FloatArray = npt.NDArray[np.float32]

_GRID = 48
_LEVELS = 5
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
    grid = np.asarray(Image.fromarray(content).resize((_GRID, _GRID), Image.Resampling.BOX), dtype=np.float32)
    return np.array([*_grey(content), *_detail(content, float(grid.std())), *_layout(grid)], dtype=np.float32)


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


def _detail(content: npt.NDArray[np.uint8], contrast: float) -> list[float]:
    """For each size of detail: how much, how unlike in both directions, how much of it in few places."""
    numbers: list[float] = []
    still = 0.0
    image = content.astype(np.float32)
    for level in range(_LEVELS):
        if min(image.shape) < 3:
            numbers += numbers[-3:]
            continue
        across, down = np.abs(np.diff(image, axis=1)), np.abs(np.diff(image, axis=0))
        if not level:
            still = float(1 - 0.5 * (np.count_nonzero(across) / across.size + np.count_nonzero(down) / down.size))
        means = np.array([across.mean(), down.mean()], dtype=np.float64) + 0.02
        squares = np.array([_mean_square(across), _mean_square(down)]) + 0.0004
        numbers += [
            float(np.log(means).mean() - np.log(contrast + 1)),
            float(abs(np.log(means[0] / means[1]))),
            float(np.log(squares.mean() / means.mean() ** 2)),
        ]
        height, width = image.shape[0] // 2 * 2, image.shape[1] // 2 * 2
        image = image[:height, :width]
        image = 0.25 * (image[::2, ::2] + image[1::2, ::2] + image[::2, 1::2] + image[1::2, 1::2])
    return [*numbers, still]


def _mean_square(values: FloatArray) -> float:
    flat = values.ravel()
    return float(flat @ flat) / flat.size


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
    spread = np.linalg.eigvalsh(np.array([[yy, xy], [xy, xx]]))
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
        float(np.log((spread[1] + 1e-3) / (spread[0] + 1e-3))),
        np.log1p(steps[0]),
        np.log1p(steps[1]),
    ]
