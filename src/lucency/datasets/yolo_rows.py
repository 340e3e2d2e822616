"""The rows of a YOLO label file: a class, and a box or a polygon in shares of the film."""

from __future__ import annotations

import math
from pathlib import Path
from typing import NamedTuple

Box = tuple[float, float, float, float]

_FARTHEST = 2.0


class RowError(ValueError):
    """A row that cannot be understood."""


class LabelRow(NamedTuple):
    """One object.

    Attributes:
        number: Of the class.
        box: x, y, width, height in shares of the upright film; of a polygon, the box round it.
    """

    number: int
    box: Box


def read_rows(path: Path, *, keypoints: bool = False) -> list[LabelRow]:
    """The objects of a label file; none where it is empty.

    Args:
        path: The file.
        keypoints: Rows go on with key points after the box.

    Raises:
        RowError: With the number of the row and what is wrong with it, or that the file cannot be read.
    """
    try:
        lines = path.read_text("utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as bad:
        raise RowError(f"cannot be read ({getattr(bad, 'strerror', None) or 'it is not UTF-8 text'})") from None
    rows = []
    for number, line in enumerate(lines, start=1):
        words = line.split()
        if not words:
            continue
        try:
            rows.append(_row(words, keypoints))
        except RowError as bad:
            raise RowError(f"row {number}: {bad}") from None
    return rows


def _row(words: list[str], keypoints: bool) -> LabelRow:
    try:
        values = [float(word) for word in words]
    except ValueError:
        raise RowError(f"not all of it is numbers: {' '.join(words)[:60]!r}") from None
    box = len(values) == 5 or (keypoints and len(values) > 5)
    if not box and (len(values) < 7 or len(values) % 2 == 0):
        raise RowError(
            f"{len(values)} columns; a box has 5 (class x y width height), a polygon an odd number from 7 on"
        )
    if not values[0].is_integer() or values[0] < 0:
        raise RowError(f"{words[0]} is no number of a class")
    shares = values[1:5] if box else values[1:]
    if not all(math.isfinite(value) and abs(value) <= _FARTHEST for value in shares):
        raise RowError(f"{' '.join(words[1:5])} are no shares of the film (0 to 1), but look like pixels")
    if box:
        x, y, width, height = shares
        if width < 0 or height < 0:
            raise RowError("width or height is negative")
        return LabelRow(int(values[0]), (x - width / 2, y - height / 2, width, height))
    across, down = shares[::2], shares[1::2]
    left, top = min(across), min(down)
    return LabelRow(int(values[0]), (left, top, max(across) - left, max(down) - top))
