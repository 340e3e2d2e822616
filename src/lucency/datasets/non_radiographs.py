"""Pictures that are no radiographs, drawn from a seed: what the gate of a bundle is tried on."""

from __future__ import annotations

import io
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from lucency.datasets.photograph_like import draw_scene, draw_still_life, power_noise
from lucency.datasets.printed_matter import (
    draw_barcode,
    draw_chart,
    draw_document,
    draw_flat_shapes,
    draw_screenshot,
    draw_terminal,
)

FloatArray = NDArray[np.float64]
Random = np.random.Generator


def draw_non_radiograph(kind: str, seed: int, size: tuple[int, int] = (360, 480)) -> NDArray[np.uint8]:
    """Draws one picture. The same arguments give the same picture on every call.

    Args:
        kind: Key of `KINDS`.
        seed: What it is drawn from; not negative.
        size: Height and width in pixels, at least 32 each.

    Returns:
        uint8 (height, width), grey 0..255.

    Raises:
        ValueError: An unknown kind, or a size under 32 pixels.
    """
    if kind not in KINDS:
        raise ValueError(f"{kind!r} is no kind; there are {', '.join(KINDS)}")
    if min(size) < 32:
        raise ValueError(f"{size[0]} x {size[1]} pixels are too few; each side needs 32")
    random = np.random.default_rng([list(KINDS).index(kind), seed])
    drawn = np.clip(KINDS[kind](random, *size), 0, 255).astype(np.uint8)
    if random.random() < 0.5 and kind not in ("uniform", "white_noise"):
        drawn = _saved_as_jpeg(drawn, int(random.integers(40, 95)))
    return drawn


def _saved_as_jpeg(picture: NDArray[np.uint8], quality: int) -> NDArray[np.uint8]:
    file = io.BytesIO()
    Image.fromarray(picture).save(file, format="JPEG", quality=quality)
    return np.asarray(Image.open(file))


def _coloured_noise(low: float, high: float) -> Callable[[Random, int, int], FloatArray]:
    def draw(random: Random, height: int, width: int) -> FloatArray:
        slope = random.uniform(low, high)
        values = power_noise(random, height, width, slope) * random.uniform(25, 70) + random.uniform(70, 190)
        return np.asarray(values, dtype=np.float64)

    return draw


def _uniform(random: Random, height: int, width: int) -> FloatArray:
    return np.full((height, width), float(random.choice(np.array([0, 255, random.integers(0, 256)]))))


def _gradient(random: Random, height: int, width: int) -> FloatArray:
    y, x = np.mgrid[0 : 1 : height * 1j, 0 : 1 : width * 1j]
    angle = random.uniform(0, 2 * np.pi)
    if random.random() < 0.5:
        ramp = np.cos(angle) * x + np.sin(angle) * y
    else:
        ramp = np.hypot(y - random.uniform(0, 1), x - random.uniform(0, 1))
    ramp = (ramp - ramp.min()) / np.ptp(ramp)
    low, high = np.sort(random.uniform(0, 255, 2))
    return np.asarray(low + (max(high, low + 60) - low) * ramp ** random.uniform(0.5, 2))


def _pattern(random: Random, height: int, width: int) -> FloatArray:
    y, x = np.mgrid[0:height, 0:width].astype(np.float64)
    angle, period = random.uniform(0, np.pi), random.uniform(6, 60)
    along, beside = np.cos(angle) * x + np.sin(angle) * y, np.cos(angle) * y - np.sin(angle) * x
    dark, light = random.uniform(0, 100), random.uniform(150, 255)
    kind = random.integers(0, 3)
    if kind == 0:
        waves = np.sin(2 * np.pi * along / period) > 0
    elif kind == 1:
        waves = (np.sin(2 * np.pi * along / period) > 0) ^ (np.sin(2 * np.pi * beside / period) > 0)
    else:
        waves = (np.hypot(along % period - period / 2, beside % period - period / 2) < period / 3) > 0
    return np.asarray(np.where(waves, light, dark), dtype=np.float64)


KINDS: dict[str, Callable[[Random, int, int], FloatArray]] = {
    "scene": draw_scene,
    "still_life": draw_still_life,
    "document": draw_document,
    "terminal": draw_terminal,
    "screenshot": draw_screenshot,
    "chart": draw_chart,
    "barcode": draw_barcode,
    "flat_shapes": draw_flat_shapes,
    "pattern": _pattern,
    "gradient": _gradient,
    "uniform": _uniform,
    "white_noise": _coloured_noise(0.0, 0.0),
    "pink_noise": _coloured_noise(0.7, 1.2),
    "brown_noise": _coloured_noise(1.6, 2.2),
}
"""How each kind is drawn: (chance, height, width) -> float64 (height, width), about 0..255. New kinds come last, since
a picture depends on the place of its kind."""
