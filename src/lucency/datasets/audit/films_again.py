"""FilmsAgain: films read once more, larger than their thumbnails, for the few pairs that thumbnails leave open."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import cv2
import numpy as np
import numpy.typing as npt

from lucency.datasets.audit.film_frame import FilmFrame
from lucency.datasets.audit.survey import THUMB
from lucency.errors import FilmError, MissingExtraError
from lucency.imaging import read_radiograph
from lucency.imaging.geometry import place

LARGER = 2.0
"""At most so many pixels for one of the thumbnail's, and no more than the film has."""

_KEPT = 48


class FilmsAgain:
    """The faces of films, as large as is worth comparing.

    Args:
        paths: N files, one for each face.
        sha256s: What their bytes were when the films were surveyed; a file that has changed is not read as that film.
        onto: float64 (N, 2, 3), `FilmFrame.onto` of each.
        sizes: int64 (N, 2), height and width of each `FilmFrame.content`.
    """

    @classmethod
    def of(cls, paths: Sequence[str], sha256s: Sequence[str], faces: Sequence[FilmFrame]) -> FilmsAgain:
        """From the faces themselves.

        Args:
            paths: N files.
            sha256s: Of their bytes.
            faces: N, one of each file; a file may have several.
        """
        onto = np.stack([face.onto for face in faces])
        return cls(paths, sha256s, onto, np.array([face.content.shape for face in faces], np.int64))

    def __init__(
        self,
        paths: Sequence[str],
        sha256s: Sequence[str],
        onto: npt.NDArray[np.float64],
        sizes: npt.NDArray[np.int64],
    ):
        self.paths, self.sha256s, self.onto, self.sizes = paths, sha256s, onto, sizes
        self._read_once = lru_cache(_KEPT)(self._read)

    def zoom(self, face: int) -> float:
        """How much larger a face is than the thumbnail shows it; other than 1 where it was cut out of a ground."""
        return float(np.sqrt(abs(np.linalg.det(self.onto[face, :, :2]))))

    def content(self, face: int) -> tuple[npt.NDArray[np.uint8], float] | None:
        """A face, and its pixels for one of `FilmFrame.content`: uint8 (h, w), 1..2.

        None where the file is gone, has changed or cannot be decoded any more.
        """
        return self._read_once(face)

    def _read(self, face: int) -> tuple[npt.NDArray[np.uint8], float] | None:
        try:
            read = read_radiograph(self.paths[face])
            if read.sha256 != self.sha256s[face]:
                return None
            return self._larger(face, np.rint(read.pixels).astype(np.uint8))
        except (FilmError, MissingExtraError, MemoryError, cv2.error):
            # OpenCV's own error is also that of a lack of memory.
            return None

    def _larger(self, face: int, film: npt.NDArray[np.uint8]) -> tuple[npt.NDArray[np.uint8], float]:
        spot = place(film.shape[0], film.shape[1], THUMB)
        onto = self.onto[face]
        zoom = self.zoom(face)
        larger = float(np.clip(max(film.shape) / max(spot.height, spot.width) / zoom, 1.0, LARGER))
        width, height = round(spot.width * larger * zoom), round(spot.height * larger * zoom)
        interpolation = cv2.INTER_AREA if width < film.shape[1] else cv2.INTER_LINEAR
        resized = cv2.resize(film, (width, height), interpolation=interpolation)
        if np.array_equal(onto, np.eye(2, 3)):
            return np.asarray(resized, dtype=np.uint8), larger
        scaled = onto[:, :2] @ np.diag([spot.width / width, spot.height / height]) * larger
        warp = np.column_stack([scaled, scaled @ [0.5, 0.5] + onto[:, 2] * larger - 0.5])
        size = (round(int(self.sizes[face, 1]) * larger), round(int(self.sizes[face, 0]) * larger))
        content = cv2.warpAffine(resized, warp, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        return np.asarray(content, dtype=np.uint8), larger
