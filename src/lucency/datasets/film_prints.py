"""Film prints: a few hundred bytes by which a copy of a film is known again, and no picture had back.

A view of a film is sampled on rings about a centre, as `audit.fingerprint` does it. A turn moves the phases of a ring's
Fourier coefficients by the same angle on all rings, a mirroring conjugates them, an inversion changes all signs. So two
kinds of numbers stay what they are: the coefficients' magnitudes (Fourier-Mellin descriptors; Casasent and Psaltis,
Applied Optics 15, 1976), and the real part of the product of one ring's coefficient with the next ring's conjugate. Of
these 1,504 numbers a view keeps 256 whitened ones, each by two bits.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import cv2
import numpy as np
import numpy.typing as npt
from scipy import fft

from lucency.datasets.audit.film_frame import faces_of
from lucency.datasets.audit.fingerprint import RINGS, FloatArray, broad, fine, own_views, rings, unit
from lucency.fingerprints import CODE_BYTES

DIMENSIONS = 4 * CODE_BYTES
"""Numbers of a view; each takes two bits."""
PRINTS_VERSION = 1
"""Raised whenever the same film gets another print: prints of two versions are not compared."""

AXES_FILE = "print_axes.npz"
"""Beside this file; `python -m benchmarks.print_axes` makes it from drawn films: it holds nothing of real ones."""

_HARMONICS = 16
_RING_WEIGHTS = (((np.arange(RINGS) + 0.5) / RINGS) ** 0.2).astype(np.float32)[:, None]
_THINNEST = 16
"""Pixels of a thumbnail under which a film's shorter side shows too little to be known by."""
# The best two bits for a normal variable (Max, IRE Transactions on Information Theory 6, 1960): edge and two levels.
_EDGE, _LOW, _HIGH = np.float32(0.9816), np.float32(0.4528), np.float32(1.510)

Codes = npt.NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class Layers:
    """A face of a film made ready to be looked at by views.

    Attributes:
        broad: float32 (h / 2, w / 2), local normalisation at the scale of bones.
        fine: float32 (h / 2, w / 2), the same at the scale of trabeculae and edges.
        views: float32 (6, 4), of `own_views`, in pixels of the thumbnail.
        scale: float32 (4,): pixels of the layers for one of the thumbnail, across, down, across and down.
    """

    broad: FloatArray
    fine: FloatArray
    views: FloatArray
    scale: FloatArray

    def numbers(self, views: FloatArray) -> FloatArray:
        """What some views show, whatever their turn, mirroring or sign.

        Args:
            views: float32 (V, 4): centre x, centre y, radius across, radius down, in pixels of the thumbnail.

        Returns:
            float32 (V, 1504).
        """
        parts = []
        for image in (self.broad, self.fine):
            waves = fft.rfft(rings(image, views * self.scale), axis=-1)[..., 1 : _HARMONICS + 1]
            inner, outer = waves[:, :-1], waves[:, 1:]
            product = (inner * outer.conj()).real / np.sqrt(np.abs(inner) * np.abs(outer) + 1e-9)
            both = (
                np.sqrt(np.abs(waves)) * _RING_WEIGHTS,
                np.sign(product) * np.sqrt(np.abs(product)) * _RING_WEIGHTS[1:],
            )
            parts += [unit(np.asarray(part.reshape(len(views), -1), np.float32)) for part in both]
        return np.concatenate(parts, axis=1)


def layers_of(thumb: npt.NDArray[np.uint8], height: int, width: int) -> list[Layers]:
    """The faces of a film: what stands on a ground of one grey, if there is one, and the whole.

    Args:
        thumb: uint8 (160, 160), letterboxed as `audit.survey.THUMB` does it.
        height: Rows of the film.
        width: Columns of the film.

    Returns:
        None of a film that is too thin to show anything.
    """
    return [_layered(face.content) for face in faces_of(thumb, height, width) if min(face.content.shape) >= _THINNEST]


def film_print(thumb: npt.NDArray[np.uint8], height: int, width: int) -> Codes:
    """The print of a film: one code for each different view of it.

    Args:
        thumb: As in `layers_of`.
        height: Rows of the film.
        width: Columns of the film.

    Returns:
        uint8 (V, CODE_BYTES), V 4 to 12; 0 for a film that is too thin.
    """
    numbers = []
    for face in layers_of(thumb, height, width):
        # Where there are no bars to trim, two of the views are others once more.
        numbers.append(face.numbers(np.unique(face.views, axis=0)))
    return packed(whitened(np.concatenate(numbers))) if numbers else np.zeros((0, CODE_BYTES), np.uint8)


def whitened(numbers: FloatArray) -> FloatArray:
    """What tells films apart among the numbers of views.

    Args:
        numbers: float32 (V, 1504), of `Layers.numbers`.

    Returns:
        float32 (V, DIMENSIONS), of length 1.
    """
    mean, axes = _axes()
    return unit(np.asarray((numbers - mean) @ axes, np.float32))


def packed(whitened: FloatArray) -> Codes:
    """Two bits of each number: its sign, and whether it is large.

    Args:
        whitened: float32 (V, DIMENSIONS), of length 1.

    Returns:
        uint8 (V, CODE_BYTES).
    """
    scaled = whitened * np.float32(np.sqrt(DIMENSIONS))
    two = np.stack([scaled > 0, np.abs(scaled) > _EDGE], axis=-1)
    return np.packbits(two.reshape(len(whitened), -1), axis=1)


def unpacked(codes: Codes) -> FloatArray:
    """The numbers of codes, as far as two bits tell them.

    Args:
        codes: uint8 (V, CODE_BYTES).

    Returns:
        float32 (V, DIMENSIONS), of length 1.
    """
    two = np.unpackbits(codes, axis=1).reshape(len(codes), DIMENSIONS, 2)
    return unit(np.where(two[..., 1] == 1, _HIGH, _LOW) * np.where(two[..., 0] == 1, np.float32(1), np.float32(-1)))


def learn_axes(numbers: FloatArray) -> dict[str, npt.NDArray[np.generic]]:
    """The content of `AXES_FILE`: principal axes of many views, each scaled by nearly its deviation.

    Args:
        numbers: float32 (V, 1504), V several thousand.
    """
    mean = numbers.mean(axis=0)
    centred = (numbers - mean).astype(np.float64)
    power, axes = np.linalg.eigh(centred.T @ centred / len(centred))
    scaled = axes[:, ::-1][:, :DIMENSIONS] / np.sqrt(power[::-1][:DIMENSIONS]) ** 0.9
    # Which way an axis points is left to the linear algebra library, and the same everywhere after this.
    scaled *= np.sign(scaled[np.abs(scaled).argmax(axis=0), np.arange(DIMENSIONS)])
    step = np.abs(scaled).max(axis=0) / 127
    return {
        "mean": mean.astype(np.float32),
        "axes": np.rint(scaled / step).astype(np.int8),
        "step": step.astype(np.float32),
    }


@cache
def _axes() -> tuple[FloatArray, FloatArray]:
    with (files("lucency.datasets") / AXES_FILE).open("rb") as file, np.load(file, allow_pickle=False) as stored:
        return stored["mean"], stored["axes"].astype(np.float32) * stored["step"]


def _layered(content: npt.NDArray[np.uint8]) -> Layers:
    detail = _halved(fine(content))
    # An odd side is not halved exactly, and a mirrored film shall be treated as the film is.
    across, down = detail.shape[1] / content.shape[1], detail.shape[0] / content.shape[0]
    scale = np.array([across, down, across, down], np.float32)
    return Layers(broad(_halved(content.astype(np.float32))), detail, own_views(content, detail), scale)


def _halved(image: FloatArray) -> FloatArray:
    half = cv2.resize(image, (image.shape[1] // 2, image.shape[0] // 2), interpolation=cv2.INTER_AREA)
    return np.asarray(half, dtype=np.float32)
