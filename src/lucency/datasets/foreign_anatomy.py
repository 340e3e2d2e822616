"""Chest and skull films, roughly drawn: radiographs of what a collection of limbs does not hold.

They have the dense and the dark where such films have them, and the noise, window and markers of `film_exposure`.
They are stand-ins where no such films are at hand, and prove nothing about real ones.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

from lucency.datasets.film_exposure import draw_exposure, expose

FloatMap = NDArray[np.float32]
Random = np.random.Generator


def draw_foreign_film(anatomy: str, seed: int, *, size: int = 400) -> NDArray[np.uint8]:
    """Draws one film. The same arguments give the same film on every call.

    Args:
        anatomy: Key of `ANATOMIES`.
        seed: What it is drawn from; not negative.
        size: Longer side in pixels, at least 64.

    Returns:
        uint8 (height, width), grey 0..255, bone bright.

    Raises:
        ValueError: An unknown anatomy, or a size under 64 pixels.
    """
    if anatomy not in ANATOMIES:
        raise ValueError(f"{anatomy!r} is not drawn; there are {', '.join(ANATOMIES)}")
    if size < 64:
        raise ValueError(f"{size} pixels are too few; a film needs 64")
    random = np.random.default_rng([list(ANATOMIES).index(anatomy), seed])
    shape = random.uniform(0.78, 1.0)
    height, width = (size, round(size * shape)) if random.random() < 0.6 else (round(size * shape), size)
    attenuation = ANATOMIES[anatomy](random, height, width)
    exposure = draw_exposure(random, float(np.quantile(attenuation, 0.97)), height, width)
    return expose(attenuation, exposure, random)


def _grid(random: Random, height: int, width: int) -> tuple[FloatMap, FloatMap]:
    """Places on the film as (x, y), -1..1 over the longer side, a little turned, shifted and scaled."""
    longer = max(height, width)
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    x, y = (2 * x - width) / longer, (2 * y - height) / longer
    turn, scale = random.normal(0, 0.05), random.uniform(0.88, 1.12)
    x, y = x - random.normal(0, 0.05), y - random.normal(0, 0.05)
    return (
        np.asarray(scale * (np.cos(turn) * x + np.sin(turn) * y), np.float32),
        np.asarray(scale * (np.cos(turn) * y - np.sin(turn) * x), np.float32),
    )


def _ball(x: FloatMap, y: FloatMap, cx: float, cy: float, rx: float, ry: float) -> FloatMap:
    """Thickness of an ellipsoid, 1 in its middle and 0 outside."""
    return np.asarray(np.sqrt(np.clip(1 - ((x - cx) / rx) ** 2 - ((y - cy) / ry) ** 2, 0, None)), np.float32)


def _shell(x: FloatMap, y: FloatMap, cx: float, cy: float, rx: float, ry: float, wall: float) -> FloatMap:
    """Thickness of the wall of a hollow ellipsoid."""
    return _ball(x, y, cx, cy, rx, ry) - (1 - wall) * _ball(x, y, cx, cy, rx * (1 - wall), ry * (1 - wall))


def _strokes(lines: list[tuple[NDArray[np.float64], float]], x: FloatMap, y: FloatMap) -> FloatMap:
    """Curved rods (points (N, 2) in x, y; thickness), dense at the rim as a tube is: 0..1, more where they cross."""
    height, width = x.shape
    longer = max(height, width)
    total = np.zeros((height, width), np.float32)
    for points, thick in lines:
        sheet = Image.new("L", (width, height), 0)
        pen = ImageDraw.Draw(sheet)
        places = [((px * longer + width) / 2, (py * longer + height) / 2) for px, py in points.tolist()]
        pen.line(places, fill=150, width=max(2, round(thick * longer / 2)), joint="curve")
        inner = Image.new("L", (width, height), 0)
        ImageDraw.Draw(inner).line(places, fill=70, width=max(1, round(0.5 * thick * longer / 2)), joint="curve")
        tube = np.asarray(sheet.filter(ImageFilter.GaussianBlur(longer / 400)), np.float32)
        total += (tube - np.asarray(inner.filter(ImageFilter.GaussianBlur(longer / 300)), np.float32)) / 150
    return total


def _vertebrae(
    x: FloatMap, y: FloatMap, middle: float, top: float, bottom: float, half: float, each: float
) -> FloatMap:
    """A column of vertebrae with darker discs between them."""
    beside = np.clip((half - np.abs(x - middle)) / (0.25 * half), 0, 1)
    inside = np.clip((y - top) / 0.03, 0, 1) * np.clip((bottom - y) / 0.03, 0, 1)
    return np.asarray(beside * inside * (0.75 + 0.25 * np.tanh(4 * np.cos(2 * np.pi * y / each) + 2)), np.float32)


def _chest(random: Random, height: int, width: int) -> FloatMap:
    """Frontal: trunk, two dark lungs, heart and spine between them, ribs, collar bones, diaphragm."""
    x, y = _grid(random, height, width)
    wide = random.uniform(0.72, 0.95)
    trunk = np.clip(1 - np.abs(x / wide) ** 4, 0, 1) ** 0.5 * np.clip((y + 0.95) / 0.25, 0, 1) ** 0.5
    neck = np.clip(1 - (x / 0.25) ** 2, 0, 1) ** 0.5
    soft = 3.6 * np.maximum(trunk, 0.6 * neck)
    apart, tall = random.uniform(0.35, 0.42) * wide, random.uniform(0.55, 0.72)
    floor = random.uniform(0.35, 0.55)
    for side in (-1, 1):
        lung = _ball(x, y, side * apart * 1.08, floor - tall * 0.95, 0.38 * wide, tall * 1.15)
        dome = np.clip((floor + 0.12 * ((x - side * apart) / 0.3) ** 2 - y) / 0.03, 0, 1)
        soft -= 2.5 * lung * dome
    tilt = random.uniform(0.1, 0.25)
    heart = _ball(x + tilt * (y - 0.2), y, 0.10, floor - 0.2, random.uniform(0.22, 0.34), 0.34)
    soft += 1.5 * heart + 0.7 * np.exp(-((x / 0.13) ** 2)) * (y < floor)
    column = 0.8 * _vertebrae(x, y, 0.0, -1.2, 1.2, 0.085, 0.11)
    rods = []
    angle = np.linspace(0, 1, 24)
    drop = random.uniform(0.10, 0.22)
    for place in range(int(random.integers(8, 11))):
        top = -0.78 + place * 0.135
        reach = wide * (0.45 + 0.45 * min(1.0, (place + 1) / 5))
        for side in (-1, 1):
            back = np.column_stack([side * (0.06 + (reach - 0.06) * angle), top + drop * angle**1.6])
            front = np.column_stack(
                [side * (reach - (reach - 0.16) * angle), top + drop + (0.28 + 0.02 * place) * angle**1.3]
            )
            rods += [(back, 0.05), (front, 0.045)]
    for side in (-1, 1):
        collar = np.column_stack([side * (0.08 + 0.62 * wide * angle), -0.72 - 0.1 * angle + 0.05 * np.sin(3 * angle)])
        blade = np.column_stack([side * wide * (0.72 + 0.08 * angle), -0.6 + 0.6 * angle])
        rods += [(collar, 0.07), (blade, 0.05)]
    vessels = []
    for _ in range(30):
        side, way = random.choice([-1, 1]), random.uniform(-1.2, 1.2)
        far = np.linspace(0, random.uniform(0.15, 0.4), 8)
        bend = random.normal(0, 0.4)
        vessels.append(
            (np.column_stack([side * (0.12 + far * np.cos(way)), -0.1 + far * np.sin(way + bend * far)]), 0.015)
        )
    bones = 0.42 * _strokes(rods, x, y) + 0.12 * _strokes(vessels, x, y)
    return np.asarray(np.clip(soft + column + bones * (soft > 0.2), 0, None), np.float32)


def _skull(random: Random, height: int, width: int) -> FloatMap:
    """Frontal or from the side: cranial vault, base, eye sockets, teeth, jaw, neck."""
    x, y = _grid(random, height, width)
    angle = np.linspace(-1, 1, 30)
    if random.random() < 0.5:
        wide, tall = random.uniform(0.52, 0.62), random.uniform(0.62, 0.72)
        bone = 3.0 * _shell(x, y, 0, -0.2, wide, tall, 0.09)
        soft = 1.3 * _ball(x, y, 0, -0.2, wide * 1.06, tall * 1.05) + 0.9 * _ball(x, y, 0, 0.45, 0.42, 0.5)
        bone += 1.0 * _ball(x, y, 0, 0.2, 0.4, 0.28)
        for side in (-1, 1):
            bone -= 0.75 * _ball(x, y, side * 0.2, 0.05, 0.13, 0.11)
            bone += 0.6 * _shell(x, y, side * 0.2, 0.05, 0.16, 0.135, 0.2)
            soft -= 0.5 * _ball(x, y, side * 0.2, 0.32, 0.11, 0.13)
        bone -= 0.6 * _ball(x, y, 0, 0.28, 0.07, 0.16)
        jaw = np.column_stack([0.36 * angle, 0.78 - 0.5 * np.abs(angle) ** 2.5])
        rows = [(0.47, 1), (0.56, 1)]
        neck_x, spread, face = 0.0, 0.26, 1
    else:
        face = int(random.choice([-1, 1]))
        x = np.asarray(face * x, np.float32)
        wide, tall = random.uniform(0.68, 0.78), random.uniform(0.55, 0.64)
        bone = 3.0 * _shell(x, y, -0.08, -0.25, wide, tall, 0.085)
        soft = 1.3 * _ball(x, y, -0.08, -0.25, wide * 1.05, tall * 1.05) + 0.9 * _ball(x, y, 0.32, 0.3, 0.32, 0.5)
        bone += 1.3 * np.exp(-(((y - 0.18 - 0.25 * x) / 0.06) ** 2)) * (np.abs(x) < 0.55)
        bone += 1.0 * _ball(x, y, -0.15, 0.18, 0.16, 0.12) + 0.7 * _ball(x, y, 0.35, 0.22, 0.2, 0.2)
        bone -= 0.6 * _ball(x, y, 0.42, 0.06, 0.1, 0.09) + 0.5 * _ball(x, y, 0.35, 0.24, 0.1, 0.08)
        jaw = np.column_stack([0.02 + 0.25 * (angle + 1), 0.25 + 0.45 * np.sqrt((angle + 1) / 2)])
        rows = [(0.45, 0), (0.53, 0)]
        neck_x, spread = -0.18, 0.3
    soft += 1.4 * np.clip(1 - ((x - neck_x) / spread) ** 2, 0, 1) ** 0.5 * np.clip((y - 0.3) / 0.3, 0, 1)
    bone += 0.9 * _vertebrae(x, y, neck_x, 0.35, 1.3, 0.1, 0.14)
    teeth = []
    for row, frontal in rows:
        for place in np.linspace(-0.2, 0.2, 12) if frontal else np.linspace(0.3, 0.55, 9):
            end = 0.07 if row < 0.5 else -0.07
            teeth.append((np.array([[place, row], [place, row - end]]), 0.028))
    grain = np.asarray(
        Image.fromarray(random.standard_normal((24, 24)).astype(np.float32)).resize(
            (width, height), Image.Resampling.BICUBIC
        )
    )
    bone *= 1 + 0.12 * grain
    # Rods are drawn on the film itself, which was not mirrored.
    mirror = np.array([face, 1])
    bone += 0.8 * _strokes([(jaw * mirror, 0.11)], x, y)
    bone += 0.9 * _strokes([(points * mirror, thick) for points, thick in teeth], x, y)
    return np.asarray(np.clip(soft + 1.1 * bone, 0, None), np.float32)


ANATOMIES: dict[str, Callable[[Random, int, int], FloatMap]] = {"chest": _chest, "skull": _skull}
"""How each anatomy is drawn: (chance, height, width) -> attenuation float32 (height, width), 0 in air."""
