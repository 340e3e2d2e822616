"""What is printed or shown on a screen, drawn by chance: pages, windows, charts, codes."""

from __future__ import annotations

import itertools

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from lucency.datasets.photograph_like import photographed

FloatArray = NDArray[np.float64]
Random = np.random.Generator

_WORDS = (
    "the of and a to in is was he for it with as his on be at by had not are but from or have an they which one you "
    "were her all she there would their we him been has when who will more no if out so said what up its about into "
    "than them can only other new some could time these two may then do first any my now such like our over man me "
    "even most made after also did many before must through back years where much your way well down should because "
    "invoice total amount date number settings file open edit view help search window account message street report"
)


def _words(random: Random, count: int) -> str:
    return " ".join(random.choice(_WORDS.split(), count))


def _write_lines(
    random: Random, pen: ImageDraw.ImageDraw, box: tuple[float, float, float, float], height: float, ink: int
) -> None:
    font = ImageFont.load_default(max(6.0, height))
    left, top, right, bottom = box
    row = top
    while row + height < bottom:
        if random.random() < 0.9:
            text = _words(random, int(random.integers(2, 18)))
            while pen.textlength(text, font) > right - left and " " in text:
                text = text.rpartition(" ")[0]
            pen.text((left, row), text, fill=ink, font=font)
        row += height * 1.35


def draw_document(random: Random, height: int, width: int) -> FloatArray:
    """A page of text in columns, straight or photographed at a slant."""
    paper, ink = int(random.integers(215, 256)), int(random.integers(0, 90))
    image = Image.new("L", (width, height), paper)
    pen = ImageDraw.Draw(image)
    margin = width * random.uniform(0.03, 0.15)
    columns = int(random.integers(1, 4))
    size = random.uniform(8, 20)
    wide = (width - 2 * margin) / columns
    pen.text((margin, margin / 3), _words(random, 4).title(), fill=ink, font=ImageFont.load_default(2 * size))
    for column in range(columns):
        left = margin + column * wide
        _write_lines(random, pen, (left, margin / 3 + 3 * size, left + 0.93 * wide, height * 0.97), size, ink)
    for _ in range(int(random.integers(0, 4))):
        row = int(random.integers(0, height))
        pen.line([margin, row, width - margin, row], fill=ink)
    picture = np.asarray(image, dtype=np.float64)
    if random.random() < 0.5:
        picture = np.asarray(
            image.rotate(random.uniform(-8, 8), Image.Resampling.BILINEAR, fillcolor=paper), dtype=np.float64
        )
        picture = photographed(random, picture * np.linspace(random.uniform(0.5, 1), 1, width)[None, :])
    return picture


def draw_terminal(random: Random, height: int, width: int) -> FloatArray:
    """Light text on a dark ground."""
    ground, ink = int(random.integers(0, 50)), int(random.integers(140, 256))
    image = Image.new("L", (width, height), ground)
    _write_lines(random, ImageDraw.Draw(image), (4, 4, width - 4, height - 4), random.uniform(8, 40), ink)
    return np.asarray(image, dtype=np.float64)


def draw_screenshot(random: Random, height: int, width: int) -> FloatArray:
    """Windows with bars, text and icons."""
    dark = random.random() < 0.4
    ground = int(random.integers(15, 60)) if dark else int(random.integers(190, 256))
    ink = 255 - ground
    image = Image.new("L", (width, height), ground)
    pen = ImageDraw.Draw(image)
    bar = height * random.uniform(0.04, 0.1)
    for _ in range(int(random.integers(1, 4))):
        left, top = width * random.uniform(0, 0.5), height * random.uniform(0, 0.5)
        right, bottom = left + width * random.uniform(0.3, 0.8), top + height * random.uniform(0.3, 0.8)
        pane = int(np.clip(ground + random.integers(-25, 26), 0, 255))
        pen.rectangle([left, top, right, bottom], fill=pane, outline=ink)
        pen.rectangle([left, top, right, top + bar], fill=int(random.integers(0, 256)))
        _write_lines(random, pen, (left + 6, top + bar + 4, right - 6, bottom), random.uniform(7, 15), ink)
    pen.rectangle([0, 0, width, bar], fill=int(random.integers(0, 256)))
    pen.text((6, 2), _words(random, 6), fill=ink, font=ImageFont.load_default(max(6.0, bar * 0.6)))
    for place in range(int(random.integers(0, 12))):
        left = width * (0.02 + 0.08 * place)
        pen.rectangle([left, height - 1.8 * bar, left + bar, height - 0.8 * bar], fill=int(random.integers(0, 256)))
    return np.asarray(image, dtype=np.float64)


def draw_chart(random: Random, height: int, width: int) -> FloatArray:
    """Bars, lines or a pie, with axes."""
    paper, ink = (255, 0) if random.random() < 0.8 else (20, 230)
    image = Image.new("L", (width, height), paper)
    pen = ImageDraw.Draw(image)
    left, right, top, bottom = 0.12 * width, 0.95 * width, 0.12 * height, 0.88 * height
    pen.text((left, 0.03 * height), _words(random, 3).title(), fill=ink, font=ImageFont.load_default(height / 18))
    kind, count = random.integers(0, 3), int(random.integers(4, 14))
    if kind == 2:
        ends = np.concatenate([[0], np.cumsum(random.dirichlet(np.ones(count)))]) * 360
        radius = 0.38 * min(height, width)
        box = [width / 2 - radius, height / 2 - radius, width / 2 + radius, height / 2 + radius]
        for start, end in itertools.pairwise(ends.tolist()):
            pen.pieslice(box, start, end, fill=int(random.integers(40, 230)), outline=ink)
        return np.asarray(image, dtype=np.float64)
    pen.line([left, top, left, bottom, right, bottom], fill=ink, width=2)
    for step in range(6):
        row = bottom - (bottom - top) * step / 5
        pen.line([left, row, right, row], fill=int(0.8 * paper + 0.2 * ink))
        pen.text((0.02 * width, row - 6), str(step * 20), fill=ink, font=ImageFont.load_default(11))
    heights = random.uniform(0.05, 1, count)
    if kind == 0:
        for place, value in enumerate(heights):
            x = left + (right - left) * (place + 0.2) / count
            pen.rectangle(
                [x, bottom - (bottom - top) * value, x + 0.6 * (right - left) / count, bottom],
                fill=int(random.integers(60, 200)),
            )
    else:
        for _ in range(int(random.integers(1, 5))):
            points = np.clip(np.cumsum(random.normal(0, 0.1, 60)) + 0.5, 0, 1)
            line = [
                (left + (right - left) * place / 59, bottom - (bottom - top) * value)
                for place, value in enumerate(points)
            ]
            pen.line(line, fill=int(random.integers(0, 180)), width=int(random.integers(1, 4)))
    return np.asarray(image, dtype=np.float64)


def draw_barcode(random: Random, height: int, width: int) -> FloatArray:
    """A bar code, or squares like a QR code."""
    picture = np.full((height, width), float(random.integers(200, 256)))
    if random.random() < 0.5:
        bars = np.repeat(random.random(width) < 0.5, random.integers(1, 6, width))[: int(0.86 * width)]
        top, bottom = int(height * random.uniform(0, 0.3)), int(height * random.uniform(0.6, 1))
        left = int(0.07 * width)
        picture[top:bottom, left : left + len(bars)][:, bars] = 10
    else:
        cells = int(random.integers(21, 58))
        grid = random.random((cells, cells)) < 0.5
        for y, x in ((0, 0), (0, cells - 7), (cells - 7, 0)):
            grid[y : y + 7, x : x + 7] = True
            grid[y + 1 : y + 6, x + 1 : x + 6] = False
            grid[y + 2 : y + 5, x + 2 : x + 5] = True
        cell = max(1, int(min(height, width) * random.uniform(0.6, 0.95)) // cells)
        # A small picture holds a part of the squares.
        drawn = np.kron(grid, np.ones((cell, cell), dtype=bool))[:height, :width]
        top, left = (height - drawn.shape[0]) // 2, (width - drawn.shape[1]) // 2
        picture[top : top + drawn.shape[0], left : left + drawn.shape[1]][drawn] = 10
    return picture


def draw_flat_shapes(random: Random, height: int, width: int) -> FloatArray:
    """Like a logo or a drawing: a few shapes of one grey each."""
    image = Image.new("L", (width, height), int(random.choice(np.array([0, 255, random.integers(0, 256)]))))
    pen = ImageDraw.Draw(image)
    for _ in range(int(random.integers(1, 9))):
        points = random.uniform(-0.1, 1.1, (int(random.integers(3, 8)), 2)) * (width, height)
        tone = int(random.integers(0, 256))
        if random.random() < 0.5:
            pen.polygon([tuple(point) for point in points.tolist()], fill=tone)
        else:
            (left, top), (right, bottom) = points[:2].min(axis=0), points[:2].max(axis=0)
            pen.ellipse([left, top, right, bottom], fill=tone)
    return np.asarray(image, dtype=np.float64)
