"""Features for shortcut probes that see a film's frame, its blur, or what is left of it without bone."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import numpy.typing as npt

from lucency.datasets.audit.probe_features import FloatArray, ProbeFeatures, gathered
from lucency.datasets.audit.survey import THUMB, Survey
from lucency.datasets.manifest import Manifest
from lucency.errors import MissingExtraError
from lucency.imaging.geometry import place

try:
    import cv2
except ModuleNotFoundError as missing:
    raise MissingExtraError("opencv-python-headless", extra="audit", need="Looking for shortcuts") from missing

FRAME = 0.06
"""Share of height and width that each side of the frame takes."""

GRID = 8
_SIDE = 128
_CELL = _SIDE // GRID
# Where under a tenth of a wide neighbourhood is left beside the bone, its mean would be noise.
_LEAST_LEFT = 0.1

Picture = npt.NDArray[np.uint8]


def films_alone(survey: Survey) -> Iterator[Picture]:
    """Each film of a survey, all of them readable, cut from its thumbnail without the padding: uint8 (h, w), 0..255."""
    for fact, row in zip(survey.facts, survey.rows, strict=True):
        spot = place(fact.height, fact.width, THUMB)
        yield survey.thumbs[row, spot.top : spot.top + spot.height, spot.left : spot.left + spot.width]


def _described(
    survey: Survey | None, names: list[str], describe: Callable[[Picture], FloatArray]
) -> ProbeFeatures | None:
    if survey is None:
        return None
    values = np.empty((len(survey), len(names)))
    for row, film in enumerate(films_alone(survey)):
        # Squashed to one square: the shape of a film is for the probe of the file's format.
        values[row] = describe(np.asarray(cv2.resize(film, (_SIDE, _SIDE), interpolation=cv2.INTER_AREA), np.uint8))
    return gathered(dict(zip(names, values.T, strict=True)))


def _grid(film: npt.NDArray[np.generic]) -> FloatArray:
    means: FloatArray = film.reshape(GRID, _CELL, GRID, _CELL).mean(axis=(1, 3), dtype=np.float64).ravel()
    return means


_CELLS = [
    f"row {row}, column {column} of {GRID} x {GRID}" for row in range(1, GRID + 1) for column in range(1, GRID + 1)
]


def thumbnail(manifest: Manifest, survey: Survey | None) -> ProbeFeatures | None:
    """Mean grey of 8 x 8 areas: too coarse for any fracture line; None without a survey."""
    del manifest
    return _described(survey, [f"mean grey at {cell}" for cell in _CELLS], _grid)


_SIDES = ("top", "bottom", "left", "right")
_BORDER = [
    *(f"grey of the {side} edge, part {part} of {GRID}" for side in _SIDES for part in range(1, GRID + 1)),
    *(f"grey variation along the {side} edge" for side in _SIDES),
    "mean grey of the frame",
    "share of black in the frame",
    "share of white in the frame",
]


def border(manifest: Manifest, survey: Survey | None) -> ProbeFeatures | None:
    """The outer 6 % of the film, side by side; None without a survey."""
    del manifest
    return _described(survey, _BORDER, _frame)


def _frame(film: Picture) -> FloatArray:
    thick = round(FRAME * _SIDE)
    strips = (film[:thick], film[-thick:], film[:, :thick].T, film[:, -thick:].T)
    pixels = np.concatenate([strip.ravel() for strip in strips])
    along = [strip.mean(axis=0) for strip in strips]
    return np.concatenate(
        [
            *(line.reshape(GRID, _CELL).mean(axis=1) for line in along),
            [line.std() for line in along],
            [pixels.mean(), (pixels <= 2).mean(), (pixels >= 253).mean()],
        ]
    )


_REST = [f"grey beside bone at {cell}" for cell in _CELLS] + [
    "background grey",
    "brightest grey beside bone",
    "noise beside bone",
]
_DILATE = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (7, 7))


def no_bone(manifest: Manifest, survey: Survey | None) -> ProbeFeatures | None:
    """The film with bone masked out; None without a survey.

    What is brighter than the film's Otsu threshold (Otsu 1979), or clearly brighter than its surroundings, is taken for
    bone, with a margin. The shape of that mask is the shape of the bone, so it is not given away: neither how much is
    masked nor where. The hole is filled from the greys around it, and only then are areas averaged.
    """
    del manifest
    return _described(survey, _REST, _beside_bone)


def _beside_bone(film: Picture) -> FloatArray:
    otsu, _ = cv2.threshold(film, 0, 255, cv2.THRESH_BINARY + cv2.THRESH_OTSU)
    around = cv2.blur(film, (_SIDE // 4 + 1, _SIDE // 4 + 1))
    bone = ((film > otsu) | (film > around.astype(np.int16) + 8)).astype(np.uint8)
    left = 1 - cv2.dilate(bone, _DILATE)
    grey = film.astype(np.float32)
    share, sums = _wide_mean(left.astype(np.float32)), _wide_mean(grey * left)
    rest = film[left > 0] if left.any() else film.ravel()
    fill = np.where(share > _LEAST_LEFT, sums / np.maximum(share, _LEAST_LEFT), np.float32(rest.mean()))
    filled = np.where(left > 0, grey, fill)
    ripple = np.abs(grey - cv2.blur(grey, (3, 3)))[left > 0]
    up_to = np.cumsum(np.bincount(rest, minlength=256))
    low, high = np.searchsorted(up_to, [0.05 * len(rest), 0.95 * len(rest)])
    return np.concatenate([_grid(filled), [low, high, float(np.mean(ripple)) if ripple.size else 0.0]])


def _wide_mean(plane: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Mean of a wide neighbourhood, the near counting more."""
    size = (_SIDE // 4 + 1, _SIDE // 4 + 1)
    return np.asarray(cv2.blur(cv2.blur(plane, size), size), np.float32)
