"""Alignment: laying one film over another, and saying how far they agree then."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt
from scipy import fft

from lucency.datasets.audit.fingerprint import FloatArray
from lucency.datasets.audit.window_measures import corners, mean_around, mean_of_best

Matrix = npt.NDArray[np.float64]

_SCALES = (0.88, 1.0, 1.14)
"""Tried about the scale that two views suggest."""

_SPOILT = 9
"""Pixels across the windows in which a place is told to be spoilt."""
_GAIN = 0.1
"""What further steps may add to a correlation."""
_ALIKE = 0.7
"""Local correlation from which a place counts as shared."""
_SIMILARITY = np.array(
    [[1, 0, 0, 0], [0, -1, 0, 0], [0, 0, 1, 0], [0, 1, 0, 0], [1, 0, 0, 0], [0, 0, 0, 1]], np.float64
)
"""Columns: scale, turn, across and down, as changes of the six numbers of an affine map."""
_STRETCHED = 1.03
"""Ratio of the two scales of a map from which it is tried without the stretch too."""
_OVERLAP = 0.15
"""Films that overlap less are not compared."""
_NEARLY_ALL = 0.85
"""Share of a film on which its Hessian is near enough to that of the whole."""
_COMMON = 0.35
"""Share of a film that a place found by searching must leave on the other."""
_OUTSIDE, _LARGEST = 1e15, 50.0
"""Local normalisation stays far under the latter, so that places outside of a film are known by their value."""


@dataclass(frozen=True)
class Agreement:
    """How far two films agree once one lies on the other.

    Attributes:
        score: Mean local correlation over the best four fifths of the corners they show together, -1..1.
        shared_of_first: Share of the first film's detail that is found on the second, 0..1.
        shared_of_second: Share of the second film's detail that is found on the first, 0..1.
        overlap: Share of the smaller film's area that lies on the other, 0..1.
    """

    score: float
    shared_of_first: float
    shared_of_second: float
    overlap: float


class Template:
    """The second film of a pair, made ready for others to be laid on it.

    Args:
        image: float32 (h, w), locally normalised.
        scale: Pixels of this image for one of the coordinates of maps.
    """

    def __init__(self, image: FloatArray, scale: float):
        height, width = image.shape
        self.image, self.scale = image, scale
        self._middle = np.array([(width - 1) / 2, (height - 1) / 2])
        # Places from the middle, in units of half a side, so that the six unknowns weigh alike.
        self._half = max(height, width) / 2
        across = self._half * cv2.Sobel(image, cv2.CV_32F, 1, 0, ksize=3, scale=1 / 8)
        down = self._half * cv2.Sobel(image, cv2.CV_32F, 0, 1, ksize=3, scale=1 / 8)
        x = ((np.arange(width) - self._middle[0]) / self._half).astype(np.float32)[None, :]
        y = ((np.arange(height) - self._middle[1]) / self._half).astype(np.float32)[:, None]
        self._steep = np.stack([across * x, across * y, across, down * x, down * y, down]).reshape(6, -1)
        self._inverse: dict[bool, FloatArray] = {}
        self._corners: dict[int, FloatArray] = {}
        self._spectra: tuple[npt.NDArray[np.complex64], ...] | None = None

    def _solved(self, inside: FloatArray | None, rigid: bool) -> FloatArray:
        """The inverse of the Hessian over the places inside; of a similarity's four unknowns, given as six."""
        steep = self._steep if inside is None else self._steep * inside
        hessian = (steep @ self._steep.T).astype(np.float64)
        hessian[np.diag_indices(6)] *= 1.001
        hessian += 1e-6 * np.eye(6)
        if rigid:
            return (_SIMILARITY @ np.linalg.inv(_SIMILARITY.T @ hessian @ _SIMILARITY) @ _SIMILARITY.T).astype(
                np.float32
            )
        return np.linalg.inv(hessian).astype(np.float32)

    def _whole(self, rigid: bool) -> FloatArray:
        if rigid not in self._inverse:
            self._inverse[rigid] = self._solved(None, rigid)
        return self._inverse[rigid]

    def refine(
        self, image: FloatArray, guess: Matrix, *, steps: int, stop_under: float = -1.0, rigid: bool = False
    ) -> tuple[Matrix, float]:
        """Improves a map by Gauss-Newton steps (inverse compositional; Baker and Matthews, IJCV 56, 2004).

        Args:
            image: float32 (H, W), the first film, locally normalised at the same scale, of the same sign.
            guess: float64 (2, 3): place on this film -> place on the first, in coordinates of maps.
            steps: At most so many.
            stop_under: Correlation that must be nearly reached after two of them.
            rigid: Change turn, scale and place only; what stretches and slants the films stays as guessed.

        Returns:
            The better map, and the correlation under it where both films are, -1..1 (-1 where they hardly overlap).
        """
        warp = self._to_pixels(guess)
        best, best_score, idle = warp, -1.0, 0
        inverse: FloatArray | None = None
        for step in range(steps + 1):
            moved, inside = self._moved(image, warp)
            area = cv2.countNonZero(inside) / inside.size
            if area <= _OVERLAP:
                break
            theirs = self.image * inside
            ours_power, theirs_power = float(np.vdot(moved, moved)), float(np.vdot(theirs, theirs))
            both = float(np.vdot(moved, theirs))
            score = both / (math.sqrt(ours_power * theirs_power) + 1e-6)
            idle = 0 if score > best_score + 2e-3 else idle + 1
            if score > best_score:
                best, best_score = warp, score
            if step == steps or idle > 1 or (step > 1 and best_score < stop_under - _GAIN):
                break
            if inverse is None:
                # Where the films overlap hardly changes from step to step.
                inverse = self._whole(rigid) if area > _NEARLY_ALL else self._solved(inside.ravel(), rigid)
            # Gains differ: a film with sharper contrast is not a displaced one.
            gain = max(both / (ours_power + 1e-6), 0.2)
            move = inverse @ (self._steep @ (np.float32(gain) * moved - theirs).ravel())
            moved_warp = self._composed(warp, move)
            if moved_warp is None:
                break
            warp = moved_warp
        return self._to_map(best), best_score

    def correlation(self, image: FloatArray, guess: Matrix, *, best: float) -> float:
        """How alike two aligned films are where they fit best: burned-in words and clipped greys spoil places.

        Args:
            image: float32 (H, W), the first film, of the same sign.
            guess: float64 (2, 3), of `refine`.
            best: Share of the common area that counts.

        Returns:
            -1..1; -1 where the films hardly overlap.
        """
        ours, inside = self._moved(image, self._to_pixels(guess))
        count = int(best * cv2.countNonZero(inside))
        if count < _OVERLAP * best * inside.size:
            return -1.0
        theirs = self.image * inside
        gain = math.sqrt(float(np.vdot(theirs, theirs)) / (float(np.vdot(ours, ours)) + 1e-6))
        apart = mean_around((np.float32(gain) * ours - theirs) ** 2, _SPOILT)
        apart[inside == 0] = np.inf
        counted = (apart <= np.partition(apart, count - 1, axis=None)[count - 1]).astype(np.float32)
        ours, theirs = ours * counted, theirs * counted
        size = math.sqrt(float(np.vdot(ours, ours)) * float(np.vdot(theirs, theirs)))
        return float(np.vdot(ours, theirs)) / (size + 1e-6)

    def search(self, image: FloatArray, guess: Matrix) -> Matrix:
        """Tries some scales and every shift about a map whose turn is right, by cross-correlation.

        Args:
            image: As in `refine`.
            guess: As in `refine`.
        """
        warp = self._to_pixels(guess)
        height, width = self.image.shape
        # Shifts go up to half a side each way; what is farther off wraps onto them.
        shape = (height + height // 2, width + width // 2)
        if self._spectra is None:
            planes = (self.image, np.ones_like(self.image), self.image * self.image)
            self._spectra = tuple(np.conj(fft.rfft2(plane, shape)) for plane in planes)
        linears = [warp[:, :2] * scale for scale in _SCALES]
        stretches = np.linalg.svd(warp[:, :2])
        if stretches[1][0] > _STRETCHED * stretches[1][1]:
            even = math.sqrt(stretches[1][0] * stretches[1][1]) * stretches[0] @ stretches[2]
            linears += [even * scale for scale in _SCALES]
        centre = warp @ np.append(self._middle, 1)
        warps = [np.column_stack([linear, centre - linear @ self._middle]) for linear in linears]
        unchanged = _SCALES.index(1.0)
        planes_moved = np.empty((len(linears) + 2, height, width), np.float32)
        for row, moved_by in enumerate(warps):
            planes_moved[row], inside = self._moved(image, moved_by)
            if row == unchanged:
                # Where the films overlap, and how much they show there, hardly depends on these scales.
                planes_moved[-2], planes_moved[-1] = planes_moved[row] ** 2, inside
        spectra = fft.rfft2(planes_moved, shape)
        image_there, all_there, power_there = self._spectra
        spectra = np.concatenate([spectra[:-2] * image_there, spectra[-2:] * all_there, spectra[-1:] * power_there])
        shifted = fft.irfft2(spectra, shape)
        both, ours, area, theirs = shifted[:-3], shifted[-3], shifted[-2] / (height * width), shifted[-1]
        # Of two places that fit alike the one with more in common is likelier.
        trust = (area > _COMMON) * (1 + 0.1 * area) / np.sqrt(np.maximum(ours * theirs, 1.0))
        trust[height // 2 + 1 : height] = trust[:, width // 2 + 1 : width] = 0
        scores = both * trust
        row, down, across = (int(place) for place in np.unravel_index(int(scores.argmax()), scores.shape))
        # A peak in the far part of the plane is a shift the other way.
        shift = [across - shape[1] * (across > width // 2), down - shape[0] * (down > height // 2), 1]
        return self._to_map(np.column_stack([warps[row][:, :2], warps[row] @ shift]))

    def agreement(self, image: FloatArray, guess: Matrix, *, window: int) -> Agreement:
        """How far two aligned films agree, place by place.

        A film turned in its frame has corners that the other does not share, and burned-in words hide a place; so
        correlation is taken in windows. Straight edges agree wherever two of them are laid on each other, as those of
        any two shafts can be: a window counts by how much detail it shows that runs in all directions, on both films
        (the smaller eigenvalue of the structure tensor; Shi and Tomasi, CVPR 1994).

        Args:
            image: float32 (H, W), the first film, of the same sign.
            guess: float64 (2, 3), of `refine`.
            window: Side of a window in pixels.
        """
        warp = self._to_pixels(guess)
        ours, inside = self._moved(image, warp)
        theirs = self.image * inside
        filled = mean_around(inside, window)
        weight = np.maximum(filled, 1e-3)
        mean_one, mean_two = mean_around(ours, window) / weight, mean_around(theirs, window) / weight
        one = np.maximum(mean_around(ours * ours, window) / weight - mean_one**2, 0)
        two = np.maximum(mean_around(theirs * theirs, window) / weight - mean_two**2, 0)
        correlation = (mean_around(ours * theirs, window) / weight - mean_one * mean_two) / np.sqrt(one * two + 1e-4)
        well_inside = filled > 0.5
        if window not in self._corners:
            self._corners[window] = corners(self.image, window)
        score = mean_of_best(correlation, np.sqrt(corners(ours, window) * self._corners[window]) * well_inside)
        if score is None:
            return Agreement(-1.0, 0.0, 0.0, 0.0)
        alike = float((np.sqrt(one * two) * (well_inside & (correlation > _ALIKE))).sum())
        pixels = abs(float(np.linalg.det(warp[:, :2])))
        area = float(inside.sum())
        return Agreement(
            score,
            min(1.0, alike * pixels / _power(image)),
            min(1.0, alike / _power(self.image)),
            min(1.0, area / min(self.image.size, image.size / pixels)),
        )

    def _moved(self, image: FloatArray, warp: Matrix) -> tuple[FloatArray, FloatArray]:
        """The first film on this one's pixels, 0 where it does not reach; and where it does, as 0 and 1."""
        size = (self.image.shape[1], self.image.shape[0])
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        moved = cv2.warpAffine(image, warp, size, flags=flags, borderMode=cv2.BORDER_CONSTANT, borderValue=_OUTSIDE)
        # What is mixed with the outside counts as outside.
        inside = (moved < _LARGEST).astype(np.float32)
        return moved * inside, inside

    def _composed(self, warp: Matrix, move: FloatArray) -> Matrix | None:
        """The warp after the step's inverse; None where the step has none."""
        a, b, c, d, e, f = (float(value) for value in move)
        x, y = (float(value) for value in self._middle)
        # The step in pixels: from pixels to units about the middle, the step, and back.
        a, e = 1 + a, 1 + e
        c, f = self._half * c + x - a * x - b * y, self._half * f + y - d * x - e * y
        size = a * e - b * d
        if not 0.1 < abs(size) < 10:
            return None
        a, b, d, e = e / size, -b / size, -d / size, a / size
        c, f = -(a * c + b * f), -(d * c + e * f)
        (p, q, r), (s, t, u) = warp.tolist()
        return np.array(
            [
                [p * a + q * d, p * b + q * e, p * c + q * f + r],
                [s * a + t * d, s * b + t * e, s * c + t * f + u],
            ]
        )

    def _to_pixels(self, guess: Matrix) -> Matrix:
        # Maps have (0, 0) at the outer corner of the first pixel, OpenCV at its centre.
        linear = guess[:, :2]
        return np.column_stack([linear, linear @ [0.5, 0.5] + guess[:, 2] * self.scale - 0.5])

    def _to_map(self, warp: Matrix) -> Matrix:
        linear = warp[:, :2]
        return np.column_stack([linear, (warp[:, 2] + 0.5 - linear @ [0.5, 0.5]) / self.scale])


def inverse(matrix: Matrix) -> Matrix:
    """The map back."""
    return np.asarray(np.linalg.inv(np.vstack([matrix, [0, 0, 1]]))[:2])


def _power(image: FloatArray) -> float:
    return float((image * image).sum()) + 1e-3
