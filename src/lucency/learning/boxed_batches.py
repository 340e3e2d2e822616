"""Films with their boxes -> batches in which both are moved together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from lucency.learning.loader import Balance, FilmBatches
from lucency.learning.localiser import CELL, UNKNOWN

_FINE = 4
"""Parts of a cell, each way, by which the share that a box covers is counted."""

Boxes = npt.NDArray[np.float64]
Matrix = npt.NDArray[np.float64]


class BoxedBatches(FilmBatches):
    """Batches of films and of the map that their boxes ask for.

    Args:
        images: uint8 (rows, H, W), grey 0..255.
        rows: int64 (N,): row of each film.
        labels: (N,) of 0 and 1.
        boxes: N times float (n, 4): x, y, width, height in pixels of `images`; none where nobody marked the film.
        geometry: Strengths of the geometry rows of `AUGMENTATIONS`; none to change nothing.
        batch_size: As in `FilmBatches`, like the rest.
        shuffle: Draw a new order for each epoch.
        balance: How both classes come to count the same.
        seed: Seed of everything that is drawn.
    """

    def __init__(
        self,
        images: npt.NDArray[Any],
        rows: npt.NDArray[np.int64],
        labels: npt.ArrayLike,
        boxes: Sequence[Boxes],
        *,
        geometry: Mapping[str, float] | None = None,
        batch_size: int = 32,
        shuffle: bool = False,
        balance: Balance = "none",
        seed: int = 0,
    ):
        self.boxes = [np.asarray(of_film, np.float64).reshape(-1, 4) for of_film in boxes]
        self.geometry = dict(geometry or {})
        super().__init__(images, rows, labels, batch_size=batch_size, shuffle=shuffle, balance=balance, seed=seed)

    def __getitem__(self, index: int) -> tuple[Any, Any, Any]:
        """Batch `index`.

        Returns:
            Films uint8 (B, H, W, 1); {"logit": labels float32 (B, 1), "map": shares of cells in a box float32
            (B, h, w), or `UNKNOWN`}; weights of the same keys, float32 (B,).
        """
        draw = np.random.default_rng([self.seed, self._epoch, 3, index])
        chosen = self._order[index * self.batch_size : (index + 1) * self.batch_size]
        films, maps = zip(*(self._moved(int(film), draw) for film in chosen), strict=True)
        labels, weights = self.labels[chosen], self.weights[chosen]
        return (
            np.stack(films)[..., None],
            {"logit": labels[:, None], "map": np.stack(maps)},
            {"logit": weights, "map": np.ones_like(weights)},
        )

    def _moved(self, film: int, draw: np.random.Generator) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.float32]]:
        pixels = self.images[self.rows[film]]
        height, width = pixels.shape
        matrix = np.eye(2, 3)
        if self.geometry:
            limit = self.geometry.get("shift", 0.0)
            middle = np.array([width, height]) / 2
            to = middle + draw.uniform(-limit, limit, 2) * (width, height)
            matrix = _about(_linear(self.geometry, draw), middle, to)
            pixels = _warped(pixels, matrix)
        if self.labels[film] and not len(self.boxes[film]):
            return pixels, np.full((height // CELL, width // CELL), UNKNOWN, np.float32)
        return pixels, box_cells(self.boxes[film], matrix, (height, width))


def box_cells(boxes: Boxes, matrix: Matrix, size: tuple[int, int]) -> npt.NDArray[np.float32]:
    """The share of each cell of a map that boxes cover, once they are moved with their film.

    The outline is drawn too, so that a box counts as a quarter of a cell longer, each way, than it is: a fracture
    narrower than that would hardly be seen otherwise.

    Args:
        boxes: (n, 4): x, y, width, height, continuous coordinates whose origin is the outer corner of the film.
        matrix: (2, 3), from places on the film to places on the moved film.
        size: Height and width of the moved film; multiples of 16.

    Returns:
        float32 (height / 16, width / 16), 0..1, in steps of 1/16.
    """
    height, width = size
    fine = np.zeros((height * _FINE // CELL, width * _FINE // CELL), np.uint8)
    for x, y, across, down in boxes:
        corners = np.array([[x, y], [x + across, y], [x + across, y + down], [x, y + down]])
        moved = (corners @ matrix[:, :2].T + matrix[:, 2]) * _FINE / CELL
        # OpenCV places the centre of a pixel at a whole number; 4 bits after the point.
        cv2.fillConvexPoly(fine, np.round((moved - 0.5) * 16).astype(np.int32), 1, shift=4)
    parts = fine.reshape(height // CELL, _FINE, width // CELL, _FINE)
    shares: npt.NDArray[np.float32] = parts.mean(axis=(1, 3), dtype=np.float32)
    return shares


def _linear(strengths: Mapping[str, float], draw: np.random.Generator) -> npt.NDArray[np.float64]:
    """A turn, shear, change of size and mirror within the strengths, as (2, 2)."""

    def uniform(name: str) -> float:
        limit = strengths.get(name, 0.0)
        return float(draw.uniform(-limit, limit))

    angle, shear, zoom = np.deg2rad(uniform("rotation")), np.tan(np.deg2rad(uniform("shear"))), 1 + uniform("zoom")
    mirror = [-1 if draw.random() < strengths.get(f"flip_{way}", 0.0) else 1 for way in ("horizontal", "vertical")]
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    linear: npt.NDArray[np.float64] = turn @ np.array([[1, shear], [0, 1]]) @ np.diag(np.array(mirror) * zoom)
    return linear


def _about(linear: npt.NDArray[np.float64], at: npt.NDArray[np.float64], to: npt.NDArray[np.float64]) -> Matrix:
    """The matrix (2, 3) with that linear part that brings one place to another."""
    matrix: Matrix = np.c_[linear, to - linear @ at]
    return matrix


def _warped(pixels: npt.NDArray[np.uint8], matrix: Matrix) -> npt.NDArray[np.uint8]:
    """The film moved by a matrix in continuous coordinates; what comes from outside is black."""
    centred = matrix.copy()
    centred[:, 2] += matrix[:, :2] @ (0.5, 0.5) - (0.5, 0.5)
    return np.asarray(cv2.warpAffine(pixels, centred, pixels.shape[::-1], flags=cv2.INTER_LINEAR), np.uint8)
