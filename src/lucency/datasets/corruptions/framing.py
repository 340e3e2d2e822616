"""Damage to the frame of a film: turned, cut, or covered at its borders."""

from __future__ import annotations

import numpy as np
from PIL import Image

from lucency.datasets.corruptions.row import Boxes, Film

_SHIFT = 0.5
"""How far a window leaves the middle of the film, as a share of the room that it has on either side."""

_MARGIN = 0.02
"""Room that is kept around boxes, as a share of the longer side."""

_SOFT = 0.003
"""Width of a collimator's soft edge, as a share of the longer side."""


def rotation(film: Film, value: float, random: np.random.Generator, boxes: Boxes) -> Film:
    """Turns the whole film by `value` degrees to one side or the other; the canvas grows, so that no corner is lost."""
    angle = value if random.random() < 0.5 else -value
    turned = Image.fromarray(film).rotate(angle, Image.Resampling.BILINEAR, expand=True)
    return np.asarray(turned, dtype=np.float32)


def crop(film: Film, value: float, random: np.random.Generator, boxes: Boxes) -> Film:
    """Cuts `value` percent off the height and off the width; known boxes stay whole, so less may be cut there."""
    left, top, right, bottom = _window(film, value, random, boxes)
    return np.ascontiguousarray(film[top:bottom, left:right])


def collimation(film: Film, value: float, random: np.random.Generator, boxes: Boxes) -> Film:
    """Covers the borders: of the height and width of a rectangle, or of the diameter of a circle, `value` percent.

    The cover is black, as a shutter, or white, as film that was not exposed. The full circle is the one around the
    whole film. Known boxes stay open.
    """
    circle, white = random.random() < 0.5, random.random() < 0.5
    left, top, right, bottom = _window(film, value, random, boxes)
    height, width = film.shape
    x = np.arange(width, dtype=np.float32)[None, :] + np.float32(0.5)
    y = np.arange(height, dtype=np.float32)[:, None] + np.float32(0.5)
    if circle:
        middle_x, middle_y = (left + right) / 2, (top + bottom) / 2
        radius = (1 - value / 100) * np.hypot(height, width) / 2
        margin = _MARGIN * max(height, width)
        for box_x, box_y, box_width, box_height in boxes or ():
            far_x = max(abs(box_x - middle_x), abs(box_x + box_width - middle_x))
            far_y = max(abs(box_y - middle_y), abs(box_y + box_height - middle_y))
            radius = max(radius, float(np.hypot(far_x, far_y)) + margin)
        inside = np.float32(radius) - np.hypot(x - np.float32(middle_x), y - np.float32(middle_y))
    else:
        # An edge on the film's own border is no edge.
        far = np.float32(max(height, width))
        inside = np.minimum(
            np.minimum(x - left if left else x + far, right - x if right < width else far - x + width),
            np.minimum(y - top if top else y + far, bottom - y if bottom < height else far - y + height),
        )
    opened = (inside / np.float32(max(1.0, _SOFT * max(height, width)))).clip(0.0, 1.0)
    cover = np.float32(255.0 if white else 0.0)
    covered: Film = film * opened + cover * (1 - opened)
    return covered


def _window(film: Film, value: float, random: np.random.Generator, boxes: Boxes) -> tuple[int, int, int, int]:
    """A window without `value` percent of each side, near the middle, that holds the boxes: left, top, right, bottom.

    Where boxes are known it is moved before it is enlarged.
    """
    height, width = film.shape
    # Drawn in the same order at every severity, so that a stronger window lies on the same side.
    aims = random.uniform(-_SHIFT, _SHIFT, size=2)
    margin = _MARGIN * max(height, width)
    ends = []
    for axis, (size, aim) in enumerate(zip((width, height), aims, strict=True)):
        kept = max(1, round(size * (1 - value / 100)))
        start = int((size - kept) / 2 * (1 + aim))
        stop = start + kept
        if boxes:
            first = max(0, int(np.floor(min(box[axis] for box in boxes) - margin)))
            last = min(size, int(np.ceil(max(box[axis] + box[axis + 2] for box in boxes) + margin)))
            kept = min(size, max(kept, last - first))
            start = min(max(start, last - kept), first)
            stop = start + kept
        ends.append((start, stop))
    (left, right), (top, bottom) = ends
    return left, top, right, bottom
