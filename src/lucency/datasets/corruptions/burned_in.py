"""Things that lie on a film beside the patient: side markers of lead, and metal."""

from __future__ import annotations

import cv2
import numpy as np
from PIL import Image, ImageDraw

from lucency.datasets.corruptions.row import Boxes, Film

_TRIES = 40
"""Places that are tried for one thing, before it is left out."""

_MARGIN = 0.01
"""Room between a thing and a box, as a share of the longer side."""

_BRIGHT = 0.3
"""Share of a film, without its borders, that is taken for bone."""

_APART = 0.12
"""Pieces of metal keep this distance where there is room, as a share of the longer side."""

_FINER = 3
"""Letters are drawn this much larger and made smaller, for smooth edges."""


def markers(film: Film, value: float, random: np.random.Generator, boxes: Boxes) -> Film:
    """Burns in `value` letters L or R near the borders; the more there are, the larger each is. None covers a box.

    One letter is 5 % of the longer side high, and each further one adds a hundredth.
    """
    longer = max(film.shape)
    count = int(value)
    size = max(4.0, (0.04 + 0.01 * count) * longer)
    taken = _around(boxes, _MARGIN * longer)
    letters = np.zeros(film.shape, np.float32)
    for _ in range(count):
        letter = _letter("L" if random.random() < 0.5 else "R", size, float(random.normal(0, 8)))
        strength = random.uniform(0.85, 1.0)
        for _ in range(_TRIES):
            at = _at_border(film.shape, letter.shape, random)
            if at is None:
                break
            top, left = at
            bottom, right = top + letter.shape[0], left + letter.shape[1]
            if not any(left < x1 and x0 < right and top < y1 and y0 < bottom for x0, y0, x1, y1 in taken):
                letters[top:bottom, left:right] = letter * np.float32(strength)
                taken.append((left, top, right, bottom))
                break
    return _laid_over(film, letters)


def metal(film: Film, value: float, random: np.random.Generator, boxes: Boxes) -> Film:
    """Lays `value` saturated pieces of metal on or beside bone: plates with holes, screws, wires. None covers a box."""
    longer = max(film.shape)
    margin = int(np.ceil(_MARGIN * longer)) + 2
    kept_free = [[int(end) for end in edges] for edges in _around(boxes, margin)]
    places = _bright_places(film)
    used: list[tuple[float, float]] = []
    pieces = np.zeros(film.shape, np.float32)
    for _ in range(int(value)):
        kind = str(random.choice(("plate", "screw", "wire")))
        for attempt in range(_TRIES):
            x, y, direction = places[int(random.integers(len(places)))]
            near = any(np.hypot(x - other_x, y - other_y) < _APART * longer for other_x, other_y in used)
            if near and attempt < _TRIES // 2:
                continue
            turn = float(random.normal(0, 0.12)) + {"plate": 0.0, "screw": np.pi / 2, "wire": 0.5}[kind]
            size = float(random.uniform(0.8, 1.2)) * longer
            piece = _piece(kind, film.shape, (x, y), direction + turn, size)
            if not any(piece[max(0, y0) : y1, max(0, x0) : x1].any() for x0, y0, x1, y1 in kept_free):
                np.maximum(pieces, piece, out=pieces)
                used.append((x, y))
                break
    return _laid_over(film, pieces)


def _laid_over(film: Film, shadow: Film) -> Film:
    return film + (np.float32(255.0) - film) * shadow


def _around(boxes: Boxes, margin: float) -> list[tuple[float, float, float, float]]:
    """Left, top, right and bottom of each box with its margin."""
    return [(x - margin, y - margin, x + width + margin, y + height + margin) for x, y, width, height in boxes or ()]


def _letter(name: str, size: float, turn: float) -> Film:
    """A letter of lead (h, w), 0..1, `size` pixels high and turned by `turn` degrees."""
    tall = _FINER * size
    side = int(np.ceil(1.5 * tall))
    sheet = Image.new("L", (side, side), 0)
    pen = ImageDraw.Draw(sheet)
    stroke = max(2, round(0.17 * tall))
    wide = 0.62 * tall
    left, top = (side - wide) / 2, (side - tall) / 2
    right, bottom, waist = left + wide, top + tall, top + 0.54 * tall
    pen.rectangle((left, top, left + stroke, bottom), fill=255)
    if name == "L":
        pen.rectangle((left, bottom - stroke, right, bottom), fill=255)
    else:
        pen.rounded_rectangle((left, top, right, waist), radius=0.27 * tall, outline=255, width=stroke)
        pen.rectangle((left, top, left + wide / 2, top + stroke), fill=255)
        pen.rectangle((left, waist - stroke, left + wide / 2, waist), fill=255)
        pen.rectangle((left, top, left + stroke, bottom), fill=255)
        pen.line((left + 0.45 * wide, waist - stroke / 2, right - stroke / 2, bottom), fill=255, width=stroke)
    end = max(1, round(side / _FINER))
    turned = sheet.rotate(turn, Image.Resampling.BILINEAR).resize((end, end), Image.Resampling.BOX)
    found = np.asarray(turned, dtype=np.float32) / np.float32(255.0)
    rows, columns = np.flatnonzero(found.any(axis=1)), np.flatnonzero(found.any(axis=0))
    return found[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def _at_border(film: tuple[int, ...], letter: tuple[int, ...], random: np.random.Generator) -> tuple[int, int] | None:
    """Row and column of the upper left corner near one of the four borders; None where the letter is too large."""
    rooms = (film[0] - letter[0], film[1] - letter[1])
    along, depth, side = random.random(), random.uniform(0.01, 0.06) * max(film), int(random.integers(4))
    if min(rooms) < 0:
        return None
    axis, far = side % 2, side >= 2
    across = min(rooms[axis], int(depth))
    ends = [0, 0]
    ends[axis] = rooms[axis] - across if far else across
    ends[1 - axis] = int(along * rooms[1 - axis])
    return ends[0], ends[1]


def _bright_places(film: Film) -> list[tuple[float, float, float]]:
    """Places (x, y) that are bright for this film, each with the direction of the bone there.

    The direction, in radians from the row to the right, is that along which grey changes least: the second
    eigenvector of the structure tensor (Bigun and Granlund 1987).
    """
    height, width = film.shape
    share = 64 / max(height, width)
    across, down = max(2, round(width * share)), max(2, round(height * share))
    small = np.asarray(Image.fromarray(film).resize((across, down), Image.Resampling.BOX), dtype=np.float32)
    smooth = np.asarray(cv2.GaussianBlur(small, (0, 0), 1.5), dtype=np.float32)
    over_y, over_x = np.gradient(smooth)
    products = np.stack([over_y * over_y, over_x * over_x, over_x * over_y], axis=2).astype(np.float32)
    yy, xx, xy = np.moveaxis(cv2.GaussianBlur(products, (0, 0), 4.0), 2, 0)
    along = np.arctan2(2 * xy, xx - yy) / 2 + np.pi / 2
    # Away from the border, where a letter or an unexposed edge would be brighter than bone.
    inner = np.zeros(smooth.shape, bool)
    inner[down // 8 : down - down // 8, across // 8 : across - across // 8] = True
    rows, columns = np.nonzero(inner & (smooth >= np.quantile(smooth[inner], 1 - _BRIGHT)))
    return [
        ((column + 0.5) * width / across, (row + 0.5) * height / down, float(along[row, column]))
        for row, column in zip(rows.tolist(), columns.tolist(), strict=True)
    ]


def _piece(kind: str, shape: tuple[int, ...], middle: tuple[float, float], direction: float, longer: float) -> Film:
    """The shadow (H, W), 0..1, of one piece of metal.

    Args:
        kind: "plate", "screw" or "wire".
        shape: Of the film.
        middle: Where the piece lies, (x, y).
        direction: Of its axis, in radians.
        longer: The pixels that its size is a share of.
    """
    along = np.array([np.cos(direction), np.sin(direction)])
    aside = np.array([-along[1], along[0]])
    # Pillow's coordinates name the middles of pixels.
    centre = np.array(middle) - 0.5

    def bar(start: float, stop: float, thick: float) -> list[tuple[float, float]]:
        corners = ((start, -thick), (stop, -thick), (stop, thick), (start, thick))
        return [tuple((centre + longer * (a * along + b / 2 * aside)).tolist()) for a, b in corners]

    def disc(at: float, radius: float, fill: int) -> None:
        x, y = centre + longer * at * along
        pen.ellipse((x - longer * radius, y - longer * radius, x + longer * radius, y + longer * radius), fill=fill)

    sheet = Image.new("L", (shape[1], shape[0]), 0)
    pen = ImageDraw.Draw(sheet)
    if kind == "plate":
        pen.polygon(bar(-0.11, 0.11, 0.034), fill=255)
        for end in (-0.11, 0.11):
            disc(end, 0.017, 255)
        for hole in (-0.09, -0.03, 0.03, 0.09):
            disc(hole, 0.008, 0)
    elif kind == "screw":
        pen.polygon(bar(-0.06, 0.05, 0.012), fill=255)
        for thread in np.linspace(-0.03, 0.045, 8):
            pen.polygon(bar(thread - 0.0025, thread + 0.0025, 0.019), fill=255)
        pen.polygon(bar(-0.07, -0.058, 0.032), fill=255)
        pen.polygon([*bar(0.05, 0.05, 0.012)[1:3], tuple((centre + longer * 0.062 * along).tolist())], fill=255)
    else:
        pen.polygon(bar(-0.17, 0.17, 0.007), fill=255)
    # The blur of the detector, so that edges are no sharper than the film.
    soft = cv2.GaussianBlur(np.asarray(sheet), (0, 0), max(0.5, longer / 2000))
    return np.asarray(soft, dtype=np.float32) / np.float32(255.0)
