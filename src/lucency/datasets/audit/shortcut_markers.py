"""Features for the shortcut probe of side markers: small bright letters near the edges, and the edges of the beam."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from lucency.datasets.audit.probe_features import ProbeFeatures, gathered
from lucency.datasets.audit.shortcut_pixels import Picture, films_alone
from lucency.datasets.audit.survey import Survey
from lucency.datasets.manifest import Manifest
from lucency.errors import MissingExtraError

try:
    import cv2
except ModuleNotFoundError as missing:
    raise MissingExtraError("opencv-python-headless", extra="audit", need="Looking for shortcuts") from missing

# In pixels of a thumbnail of 160: a letter of lead is 4 to 8 % of the longer side of a film, text is longer.
_LETTER = 15
_LONGEST = 40
_LEAST_AREA = 4
_CONTRAST = 40
_NEAR_EDGE = 0.3
_SHOWN = 2
_GAP = 3
_OF_MARKER = ("area", "width", "height", "distance from the left", "distance from the top", "grey", "contrast")
_CORNERS = ("upper left", "upper right", "lower left", "lower right")
_SIDES = ("top", "bottom", "left", "right")
_NAMES = [
    "markers",
    *(f"markers at the {corner}" for corner in _CORNERS),
    *(f"{fact} of marker {number}" for number in range(1, _SHOWN + 1) for fact in _OF_MARKER),
    *(f"{fact} of the beam's edge at the {side}" for side in _SIDES for fact in ("strength", "place")),
]


def markers(manifest: Manifest, survey: Survey | None) -> ProbeFeatures | None:
    """Small bright compact spots near the film's edges, and the edges of the exposed field; None without a survey.

    A spot counts where it is brighter than all that surrounds it, so that no part of a longer bone does.
    """
    del manifest
    if survey is None:
        return None
    values = np.array([[*_spots(film), *_beam(film)] for film in films_alone(survey)], dtype=np.float64)
    return gathered(dict(zip(_NAMES, values.reshape(-1, len(_NAMES)).T, strict=True)))


def _spots(film: Picture) -> list[float]:
    height, width = film.shape
    kernel = np.ones((min(_LETTER, height), min(_LETTER, width)), np.uint8)
    raised = (cv2.morphologyEx(film, cv2.MORPH_TOPHAT, kernel) > _CONTRAST).astype(np.uint8)
    # Letters that stand side by side are one marker, or each would be the bright surroundings of the next.
    joined = cv2.morphologyEx(raised, cv2.MORPH_CLOSE, np.ones((3, 5), np.uint8))
    count, _, facts, centres = cv2.connectedComponentsWithStats(joined, connectivity=8)
    found: list[tuple[float, ...]] = []
    corners = [0.0] * 4
    for (left, top, wide, high, area), (x, y) in zip(facts[1:count].tolist(), centres[1:count].tolist(), strict=True):
        across, down = (x + 0.5) / width, (y + 0.5) / height
        if (
            area < _LEAST_AREA
            or max(wide, high) > _LONGEST
            or min(wide, high) > _LETTER
            or min(across, 1 - across, down, 1 - down) > _NEAR_EDGE
            # The frame of the film is for another probe.
            or min(left, top, width - left - wide, height - top - high) < 1
        ):
            continue
        grey = float(film[top : top + high, left : left + wide].max())
        contrast = grey - _brightest_round(film, left, top, wide, high)
        if contrast >= _CONTRAST:
            corners[2 * (down > 0.5) + (across > 0.5)] += 1
            found.append((float(area), float(wide), float(high), across, down, grey, contrast))
    found.sort(key=lambda spot: (-spot[0] * spot[-1], spot))
    shown = [value for spot in found[:_SHOWN] for value in spot]
    return [float(len(found)), *corners, *shown, *[0.0] * (len(_OF_MARKER) * _SHOWN - len(shown))]


def _brightest_round(film: Picture, left: int, top: int, wide: int, high: int) -> float:
    """Grey of the brightest pixels but a few on a rectangle round a spot; bone that leads up to it crosses that."""
    upper, lower = top - _GAP, top + high + _GAP - 1
    before, after = left - _GAP, left + wide + _GAP - 1
    height, width = film.shape
    columns, rows = slice(max(0, before), after + 1), slice(max(0, upper), lower + 1)
    sides = [film[row, columns] for row in (upper, lower) if 0 <= row < height]
    sides += [film[rows, column] for column in (before, after) if 0 <= column < width]
    # A spot as large as the film has nothing round it, and is no marker.
    if not sides:
        return 255.0
    greys = np.sort(np.concatenate(sides))
    return float(greys[int(0.95 * (len(greys) - 1))])


def _beam(film: Picture) -> list[float]:
    values: list[float] = []
    for profile in (film.mean(axis=1), film.mean(axis=0)):
        for line in (profile, profile[::-1]):
            values += _step(line)
    return values


def _step(line: npt.NDArray[np.float64]) -> tuple[float, float]:
    """The steepest rise within the outer quarter, and how far in it lies, 0..1."""
    outer = line[: max(2, len(line) // 4)]
    if len(outer) < 2:
        return 0.0, 0.0
    rises = np.diff(outer)
    place = int(rises.argmax())
    return float(rises[place]), place / len(line)
