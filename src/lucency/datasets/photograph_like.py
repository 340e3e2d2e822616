"""Pictures such as a camera takes, drawn by chance: outdoors, and things on a table."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

FloatArray = NDArray[np.float64]
Random = np.random.Generator


def power_noise(random: Random, height: int, width: int, slope: float, stretch: float = 1.0) -> FloatArray:
    """Gaussian noise whose amplitude falls with frequency to the power of `slope`; mean 0, deviation 1."""
    down = np.fft.fftfreq(height)[:, None] * stretch
    across = np.fft.rfftfreq(width)[None, :]
    radius = np.hypot(down, across)
    radius[0, 0] = 1.0
    spectrum = np.fft.rfft2(random.standard_normal((height, width))) * radius**-slope
    spectrum[0, 0] = 0
    values = np.fft.irfft2(spectrum, s=(height, width))
    return np.asarray(values / (values.std() + 1e-12))


def draw_scene(random: Random, height: int, width: int) -> FloatArray:
    """Outdoors: sky with clouds, hills one behind the other, ground, houses and trees."""
    down = np.linspace(0, 1, height)[:, None]
    picture = (
        random.uniform(150, 235) - random.uniform(-40, 60) * down + 12 * power_noise(random, height, width, 1.6, 2.0)
    )
    horizon = random.uniform(0.3, 0.65)
    for depth in range(int(random.integers(1, 4))):
        line = horizon + 0.08 * depth + 0.06 * power_noise(random, 1, width, 1.3)[0] * (1 + depth)
        hill = random.uniform(60, 160) + random.uniform(8, 30) * power_noise(random, height, width, 1.0)
        picture = np.where(down > line[None, :], hill, picture)
    ground = random.uniform(60, 170) + random.uniform(12, 35) * power_noise(
        random, height, width, random.uniform(0.4, 1), 3
    )
    picture = np.where(down > horizon + random.uniform(0.15, 0.3), ground, picture)
    image = Image.fromarray(np.clip(picture, 0, 255).astype(np.uint8))
    pen = ImageDraw.Draw(image)
    for _ in range(int(random.integers(0, 6))):
        _house(random, pen, height, width, horizon)
    for _ in range(int(random.integers(0, 8))):
        foot = height * random.uniform(horizon, 1.0)
        tall, place = height * random.uniform(0.1, 0.4), width * random.uniform(0, 1)
        pen.rectangle([place - 2, foot - tall / 2, place + 2, foot], fill=int(random.integers(20, 90)))
        for _ in range(40):
            x, y = place + random.normal(0, tall / 5), foot - 0.7 * tall + random.normal(0, tall / 5)
            r = random.uniform(1, max(1.5, tall / 9))
            pen.ellipse([x - r, y - r, x + r, y + r], fill=int(random.integers(20, 140)))
    return photographed(random, np.asarray(image, dtype=np.float64))


def _house(random: Random, pen: ImageDraw.ImageDraw, height: int, width: int, horizon: float) -> None:
    foot = height * random.uniform(horizon + 0.05, min(horizon + 0.4, 1.0))
    tall, wide = height * random.uniform(0.1, 0.5), width * random.uniform(0.06, 0.25)
    left = width * random.uniform(-0.05, 0.9)
    wall = int(random.integers(60, 230))
    pen.rectangle([left, foot - tall, left + wide, foot], fill=wall)
    pen.polygon(
        [(left - 4, foot - tall), (left + wide / 2, foot - 1.3 * tall), (left + wide + 4, foot - tall)],
        fill=int(random.integers(20, 160)),
    )
    rows, columns = int(random.integers(1, 6)), int(random.integers(1, 5))
    pane = int(random.integers(10, 255))
    for row in range(rows):
        for column in range(columns):
            x, y = left + wide * (column + 0.25) / columns, foot - tall + tall * (row + 0.25) / rows
            pen.rectangle([x, y, x + 0.5 * wide / columns, y + 0.5 * tall / rows], fill=pane)


def draw_still_life(random: Random, height: int, width: int) -> FloatArray:
    """Indoors: shaded balls and boxes with shadows on a textured table, near the camera."""
    picture = random.uniform(60, 210) + random.uniform(4, 30) * power_noise(
        random, height, width, random.uniform(0.5, 1.5), random.uniform(0.2, 4)
    )
    y, x = np.mgrid[0:height, 0:width].astype(np.float64)
    light = random.uniform(0, 2 * np.pi)
    for _ in range(int(random.integers(2, 9))):
        r = min(height, width) * random.uniform(0.07, 0.3)
        cy, cx = height * random.uniform(0, 1), width * random.uniform(0, 1)
        tone = random.uniform(40, 240)
        shadow = np.hypot(y - cy + 0.4 * r * np.sin(light), x - cx + 0.4 * r * np.cos(light)) / r
        picture *= 1 - 0.5 * np.clip(1.3 - shadow, 0, 1)
        if random.random() < 0.6:
            inside = np.hypot(y - cy, x - cx) < r
            height_of = np.sqrt(np.clip(1 - ((y - cy) ** 2 + (x - cx) ** 2) / r**2, 0, 1))
            lit = 0.3 + 0.7 * np.clip(
                (np.sin(light) * (y - cy) + np.cos(light) * (x - cx)) / r * 0.6 + 0.7 * height_of, 0, 1
            )
            picture = np.where(inside, tone * lit + 60 * np.clip(lit - 0.92, 0, 1) / 0.08, picture)
        else:
            turn = random.uniform(0, np.pi)
            u, v = np.cos(turn) * (x - cx) + np.sin(turn) * (y - cy), np.cos(turn) * (y - cy) - np.sin(turn) * (x - cx)
            inside = (np.abs(u) < r) & (np.abs(v) < r * random.uniform(0.4, 1))
            picture = np.where(
                inside, tone * (0.8 + 0.2 * u / r) + 6 * power_noise(random, height, width, 0.7), picture
            )
    return photographed(random, picture)


def photographed(random: Random, picture: FloatArray) -> FloatArray:
    """The picture through a lens and a sensor: a little blurred, a little noisy."""
    image = Image.fromarray(np.clip(picture, 0, 255).astype(np.uint8))
    blurred = np.asarray(image.filter(ImageFilter.GaussianBlur(random.uniform(0.3, 1.5))), dtype=np.float64)
    return np.asarray(blurred + random.uniform(0, 5) * random.standard_normal(picture.shape))
