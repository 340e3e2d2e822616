"""The frame of a film: found where a film was put, upright or turned, on a larger one of a single grey."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from lucency.datasets.audit.survey import THUMB
from lucency.imaging.geometry import place

_LEVELS = 10
"""Grey levels by which the ground may vary; JPEG and smaller sizes disturb it by a few."""
_FILLED = 0.95
"""Share of a rectangle that must differ from the ground for it to be a frame rather than a limb."""
_LEAST, _MOST = 0.12, 0.97
"""Share of the whole that a frame may take; what takes more has no ground to speak of."""
_SPECK = np.ones((3, 3), np.uint8)


@dataclass(frozen=True, eq=False)
class FilmFrame:
    """A face of a film: the whole of it, or what it shows once the ground around it is gone.

    Attributes:
        content: uint8 (h, w), at most 160 pixels long and wide, upright as the frame is.
        onto: float64 (2, 3): place on the film as the thumbnail shows it (x, y, 1) -> place on `content`.
    """

    content: npt.NDArray[np.uint8]
    onto: npt.NDArray[np.float64]

    @property
    def linear(self) -> npt.NDArray[np.float64]:
        """float64 (2, 2): direction on the thumbnail (x, y) -> direction on `content`."""
        return self.onto[:, :2]


def faces_of(thumb: npt.NDArray[np.uint8], height: int, width: int) -> list[FilmFrame]:
    """What a film may be compared by: the whole of it, and before it the film on a ground of one grey, if there is one.

    A film with a border that was turned in its frame shows parts of the border, and no rectangle any more: it is
    found by the whole.

    Args:
        thumb: uint8 (160, 160), letterboxed by `THUMB`.
        height: Rows of the film.
        width: Columns of the film.
    """
    spot = place(height, width, THUMB)
    film = thumb[spot.top : spot.top + spot.height, spot.left : spot.left + spot.width]
    corners = _rectangle(film)
    whole = FilmFrame(film, np.eye(2, 3))
    return [whole] if corners is None else [_upright(film, corners), whole]


def _rectangle(film: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32] | None:
    """Corners of the rectangle that stands on a ground of one grey; None where there is none."""
    ends = film[[0, 0, -1, -1], [0, -1, 0, -1]].astype(np.int64)
    if np.ptp(ends) > _LEVELS:
        return None
    ground = int(np.median(ends))
    like = (np.abs(film.astype(np.int16) - ground) <= _LEVELS).astype(np.uint8)
    # The ground is what can be reached from outside.
    padded = np.pad(like, 1, constant_values=1)
    _, parts = cv2.connectedComponents(padded, connectivity=4)
    shown = (parts != parts[0, 0])[1:-1, 1:-1].astype(np.uint8)
    shown = cv2.morphologyEx(shown, cv2.MORPH_OPEN, _SPECK)
    if not shown.any():
        return None
    points = cv2.findNonZero(shown)
    centre, size, angle = cv2.minAreaRect(points)
    # Between the outer edges of pixels, not their centres.
    size = (size[0] + 1, size[1] + 1)
    area, whole = size[0] * size[1], float(film.size)
    if min(size) < 16 or not _LEAST * whole < area < _MOST * whole or float(shown.sum()) < _FILLED * area:
        return None
    return np.asarray(cv2.boxPoints((centre, size, angle)), dtype=np.float32)


def _upright(film: npt.NDArray[np.uint8], corners: npt.NDArray[np.float32]) -> FilmFrame:
    across, down = corners[2] - corners[1], corners[0] - corners[1]
    width, height = float(np.linalg.norm(across)), float(np.linalg.norm(down))
    scale = THUMB.width / max(width, height)
    size = (max(16, round(scale * width)), max(16, round(scale * height)))
    # A pixel from the border, whose own pixels mix with the ground.
    inner = corners[1] + (across + down) * np.float32(1.0 / max(width, height))
    target = np.array([[0, 0], [size[0], 0], [0, size[1]]], np.float32)
    share = np.float32(1 - 2.0 / max(width, height))
    matrix = cv2.getAffineTransform(
        np.stack([inner, inner + share * across, inner + share * down]).astype(np.float32), target
    )
    content = cv2.warpAffine(film, matrix, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    linear = matrix[:, :2]
    # OpenCV has (0, 0) at the centre of the first pixel, maps at its outer corner.
    onto = np.column_stack([linear, matrix[:, 2] + 0.5 - linear @ [0.5, 0.5]])
    return FilmFrame(np.asarray(content, dtype=np.uint8), onto)
