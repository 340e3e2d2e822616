"""Films with their boxes -> batches in which both are moved together, of whole films or of pieces of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from lucency.learning.loader import Balance, FilmBatches
from lucency.learning.localiser import UNKNOWN

CELL = 16
"""Pixels of the input that one cell of the map stands for, each way."""

_FINE = 4
"""Parts of a cell, each way, by which the share that a box covers is counted."""

_DARK = 40
"""Grey from which on a pixel counts as something to look at; beside the limb a film is mostly darker."""

Boxes = npt.NDArray[np.float64]
Matrix = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Pieces:
    """That pieces of films are shown instead of whole films.

    Attributes:
        side: Pixels of the network input, a multiple of 32.
        of_film: Pieces in an epoch, for each film.
    """

    side: int
    of_film: int


class BoxedBatches(FilmBatches):
    """Batches of films and of the map that their boxes ask for.

    Half of the pieces show a place in a box; the others are drawn from anywhere on films, mostly of the other class.
    What a piece shows decides its label, so that a piece of a fractured film beside the fracture counts as none.

    Args:
        images: uint8 (rows, H, W), grey 0..255.
        rows: int64 (N,): row of each film.
        labels: (N,) of 0 and 1.
        boxes: N times float (n, 4): x, y, width, height in pixels of `images`; none where nobody marked the film.
        geometry: Strengths of the geometry rows of `AUGMENTATIONS`; none to change nothing.
        pieces: Show pieces; None for whole films.
        batch_size: As in `FilmBatches`, like the rest.
        shuffle: Draw a new order for each epoch.
        balance: How both classes come to count the same, for whole films.
        seed: Seed of everything that is drawn.

    Attributes:
        marked: int64 (M,), which films are fractured and have a box.
    """

    def __init__(
        self,
        images: npt.NDArray[Any],
        rows: npt.NDArray[np.int64],
        labels: npt.ArrayLike,
        boxes: Sequence[Boxes],
        *,
        geometry: Mapping[str, float] | None = None,
        pieces: Pieces | None = None,
        batch_size: int = 32,
        shuffle: bool = False,
        balance: Balance = "none",
        seed: int = 0,
    ):
        self.boxes = [np.asarray(of_film, np.float64).reshape(-1, 4) for of_film in boxes]
        self.geometry = dict(geometry or {})
        self.pieces = pieces
        self.marked = np.flatnonzero(
            [len(of_film) > 0 and label == 1 for of_film, label in zip(self.boxes, np.asarray(labels), strict=True)]
        )
        super().__init__(images, rows, labels, batch_size=batch_size, shuffle=shuffle, balance=balance, seed=seed)

    def in_pieces(self, pieces: Pieces) -> BoxedBatches:
        """Pieces of the same films."""
        return BoxedBatches(
            self.images,
            self.rows,
            self.labels,
            self.boxes,
            geometry=self.geometry,
            pieces=pieces,
            batch_size=self.batch_size,
            seed=self.seed,
        )

    def __len__(self) -> int:
        if self.pieces is None:
            return super().__len__()
        return -(-len(self.rows) * self.pieces.of_film // self.batch_size)

    def __getitem__(self, index: int) -> tuple[Any, Any, Any]:
        """Batch `index`.

        Returns:
            Films uint8 (B, H, W, 1); {"logit": labels float32 (B, 1), "map": shares of cells in a box float32
            (B, h, w), or `UNKNOWN`}; weights of the same keys, float32 (B,).
        """
        draw = np.random.default_rng([self.seed, self._epoch, 3, index])
        if self.pieces is not None:
            shown = [self._piece(place, self.pieces.side, draw) for place in range(self.batch_size)]
            films, maps = (np.stack(part) for part in zip(*shown, strict=True))
            # Every other piece was drawn at a box; a sliver of one at the rim of another piece is no fracture in sight.
            aimed = np.arange(len(maps)) % 2 == 0
            labels = (maps.max(axis=(1, 2)) >= np.where(aimed, 1e-6, 0.25)).astype(np.float32)
            weights = np.ones(len(films), np.float32)
        else:
            chosen = self._order[index * self.batch_size : (index + 1) * self.batch_size]
            shown = [self._whole(int(film), draw) for film in chosen]
            films, maps = (np.stack(part) for part in zip(*shown, strict=True))
            labels, weights = self.labels[chosen], self.weights[chosen]
        return (
            films[..., None],
            {"logit": labels[:, None], "map": maps},
            {"logit": weights, "map": np.ones_like(weights)},
        )

    def _whole(self, film: int, draw: np.random.Generator) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.float32]]:
        pixels = self.images[self.rows[film]]
        height, width = pixels.shape
        matrix = np.eye(2, 3)
        if self.geometry:
            limit = self.geometry.get("shift", 0.0)
            middle = np.array([width, height]) / 2
            to = middle + draw.uniform(-limit, limit, 2) * (width, height)
            matrix = _about(_linear(self.geometry, draw), middle, to)
            pixels = _moved(pixels, matrix, (height, width))
        if self.labels[film] and not len(self.boxes[film]):
            return pixels, np.full((height // CELL, width // CELL), UNKNOWN, np.float32)
        return pixels, box_cells(self.boxes[film], matrix, (height, width))

    def _piece(
        self, place: int, side: int, draw: np.random.Generator
    ) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.float32]]:
        if place % 2 == 0:
            film = int(draw.choice(self.marked))
            x, y, width, height = self.boxes[film][draw.integers(len(self.boxes[film]))]
            at = np.array([x + width * draw.random(), y + height * draw.random()])
            # Not at the rim, where half of a fracture would be cut away.
            to = draw.uniform(0.15, 0.85, 2) * side
        else:
            others = np.flatnonzero(self.labels == 0)
            film = int(draw.choice(others if len(others) and draw.random() < 0.85 else self.marked))
            at, to = self._anywhere(film, draw), draw.uniform(0.15, 0.85, 2) * side
        matrix = _about(_linear(self.geometry, draw), at, to)
        pixels = _moved(self.images[self.rows[film]], matrix, (side, side))
        return pixels, box_cells(self.boxes[film], matrix, (side, side))

    def _anywhere(self, film: int, draw: np.random.Generator) -> npt.NDArray[np.float64]:
        pixels = self.images[self.rows[film]]
        height, width = pixels.shape
        for _ in range(10):
            at: npt.NDArray[np.float64] = draw.random(2) * (width, height)
            if pixels[int(at[1]), int(at[0])] > _DARK:
                break
        return at


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


def _moved(pixels: npt.NDArray[np.uint8], matrix: Matrix, size: tuple[int, int]) -> npt.NDArray[np.uint8]:
    """The film moved by a matrix in continuous coordinates; what comes from outside is black."""
    centred = matrix.copy()
    centred[:, 2] += matrix[:, :2] @ (0.5, 0.5) - (0.5, 0.5)
    return np.asarray(cv2.warpAffine(pixels, centred, (size[1], size[0]), flags=cv2.INTER_LINEAR), np.uint8)
