"""Boxes of a film, laid over the cells of a map: which cells they cover, and by how much."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lucency.evaluation.scores import FloatArray
from lucency.imaging.geometry import Placement

Box = tuple[float, float, float, float]

_SLACK = 1.0
"""Pixels by which a box may reach over the edge without a word: labelling tools round."""
_SMALLEST = 0.01
"""Pixels of a side under which a box has no area."""


@dataclass(frozen=True, eq=False)
class FittedBoxes:
    """The boxes of a film that can be used.

    Attributes:
        boxes: (x, y, width, height) in pixels of the upright film, all inside it.
        outside: Boxes left out: outside of the film, without area, or not numbers.
        cut: Boxes that reached over the edge of the film, and were cut there.
        largest_share: Share of the film that the largest box covers, 0..1.
    """

    boxes: tuple[Box, ...]
    outside: int
    cut: int
    largest_share: float


def fit_to_film(boxes: Sequence[Sequence[float]], height: int, width: int) -> FittedBoxes:
    """Sorts out the boxes that say nothing about this film.

    Args:
        boxes: (x, y, width, height) in pixels of the upright film.
        height: Rows of the upright film, at least 1.
        width: Its columns, at least 1.
    """
    kept: list[Box] = []
    outside = cut = 0
    for x, y, across, down in boxes:
        left, top = max(x, 0.0), max(y, 0.0)
        right, bottom = min(x + across, float(width)), min(y + down, float(height))
        # Written so that a value that is not a number fails, too.
        usable = right - left >= _SMALLEST and bottom - top >= _SMALLEST
        if not (usable and all(math.isfinite(value) for value in (x, y, across, down))):
            outside += 1
            continue
        cut += max(left - x, top - y, x + across - right, y + down - bottom) > _SLACK
        kept.append((left, top, right - left, bottom - top))
    largest = max((across * down for _, _, across, down in kept), default=0.0) / (height * width)
    return FittedBoxes(tuple(kept), outside, int(cut), largest)


@dataclass(frozen=True, eq=False)
class FilmCells:
    """Where film and boxes lie in a map of h x w cells over the network input.

    Attributes:
        cell_height: Rows of the input under one cell.
        cell_width: Columns of the input under one cell.
        film: float64 (h, w), pixels of the input under each cell that show the film and not the padding.
        boxed: float64 (h, w), pixels of the input under each cell that a box covers; boxes on top of each other count
            once.
        frame: Left, top, right and bottom of the film in the input.
        corners: float64 (n, 4), left, top, right and bottom of each box in the input.
    """

    cell_height: float
    cell_width: float
    frame: tuple[float, float, float, float]
    film: FloatArray
    boxed: FloatArray
    corners: FloatArray

    @property
    def boxed_share(self) -> float:
        """Share of the film that the boxes cover, 0..1."""
        return float(self.boxed.sum() / self.film.sum())

    def hits(self, tolerance: float) -> npt.NDArray[np.bool_]:
        """Cells whose centre lies in a box.

        Args:
            tolerance: Cells by which each box is made larger on each side.

        Returns:
            bool (h, w).
        """
        rows, columns = self.film.shape
        y = ((np.arange(rows) + 0.5) * self.cell_height)[:, None]
        x = ((np.arange(columns) + 0.5) * self.cell_width)[None, :]
        down, across = tolerance * self.cell_height, tolerance * self.cell_width
        found = np.zeros((rows, columns), dtype=np.bool_)
        for left, top, right, bottom in self.corners:
            found |= (x >= left - across) & (x <= right + across) & (y >= top - down) & (y <= bottom + down)
        return found


def film_cells(boxes: Sequence[Box], placement: Placement, shape: tuple[int, int]) -> FilmCells:
    """Lays the boxes of a film over the cells of a map.

    Args:
        boxes: (x, y, width, height) in pixels of the upright film, inside it; see `fit_to_film`.
        placement: Where the film sits in the network input.
        shape: Rows and columns of the map, which covers the whole input.
    """
    height, width = placement.input_height, placement.input_width
    corners = np.array(
        [(x, y, x + across, y + down) for x, y, across, down in map(placement.box_to_input, boxes)], dtype=np.float64
    ).reshape(-1, 4)
    left, top = float(placement.left), float(placement.top)
    frame = (left, top, left + placement.width, top + placement.height)
    return FilmCells(
        cell_height=height / shape[0],
        cell_width=width / shape[1],
        frame=frame,
        film=_covered(np.array([frame]), shape, height, width),
        boxed=_covered(corners, shape, height, width),
        corners=corners,
    )


def _covered(corners: FloatArray, shape: tuple[int, int], height: int, width: int) -> FloatArray:
    """Pixels (h, w) of each cell under the union of rectangles, exactly."""
    rows, columns = np.linspace(0, height, shape[0] + 1), np.linspace(0, width, shape[1] + 1)
    # Between two neighbouring edges of cells or rectangles nothing changes, so each piece is in or out as a whole.
    y = np.unique(np.concatenate([rows, corners[:, [1, 3]].ravel().clip(0, height)]))
    x = np.unique(np.concatenate([columns, corners[:, [0, 2]].ravel().clip(0, width)]))
    middle_y, middle_x = (y[:-1] + y[1:]) / 2, (x[:-1] + x[1:]) / 2
    inside = np.zeros((len(middle_y), len(middle_x)), dtype=np.bool_)
    for left, top, right, bottom in corners:
        inside |= ((middle_y > top) & (middle_y < bottom))[:, None] & ((middle_x > left) & (middle_x < right))[None, :]
    area = np.diff(y)[:, None] * np.diff(x)[None, :] * inside
    result = np.zeros(shape, dtype=np.float64)
    # The middle of two edges that rounding alone tells apart may lie on the last of them.
    row = np.minimum(np.searchsorted(rows, middle_y, side="right") - 1, shape[0] - 1)
    column = np.minimum(np.searchsorted(columns, middle_x, side="right") - 1, shape[1] - 1)
    np.add.at(result, (row[:, None], column[None, :]), area)
    return result
