"""Patterns: what of each film is kept in memory while copies are searched, about 27 kB a face."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from lucency.datasets.audit import fingerprint
from lucency.datasets.audit.fingerprint import FloatArray, Projection, ring_waves, rings
from lucency.datasets.audit.keypoints import MOST_KEYPOINTS, PRINT, keypoints
from lucency.datasets.audit.point_vocabulary import PointVocabulary

HALF = 0.5
"""Pixels of a pattern for one of the thumbnail."""

_SIDE = 80
_STEPS = 40
"""Steps of a pattern's number for one deviation."""
_LEARNT_FROM, _LEAST_LEARNT = 1500, 1024
_BLOCK = 64


@dataclass(frozen=True, eq=False)
class Patterns:
    """N faces of films, ready to be compared.

    Attributes:
        sizes: int64 (N, 2), height and width of each pattern.
        broad: int8 (N, 80, 80): local normalisation at the scale of bones, in fortieths of a deviation; the pattern
            stands in the upper left corner.
        fine: int8 (N, 80, 80): the same at the scale of trabeculae and edges.
        views: float32 (N, OWN_VIEWS, 4), of `own_views`, in pixels of the thumbnail.
        own: float32 (N, OWN_VIEWS, D), fingerprints to be found by.
        places: float32 (N, MOST_KEYPOINTS, 4), of `keypoints`.
        prints: uint8 (N, MOST_KEYPOINTS, 128), likewise.
        counts: int64 (N,), how many of them are keypoints.
        told: float32 (N, E), all that the keypoints show, to be found by.
        judged: Whether there are films enough to judge by how alike fingerprints are.
        projection: Of fingerprints; None where there are too few films to learn one from.
        vocabulary: Of keypoints; None where there are too few of them.
    """

    sizes: npt.NDArray[np.int64]
    broad: npt.NDArray[np.int8]
    fine: npt.NDArray[np.int8]
    views: FloatArray
    own: FloatArray
    places: FloatArray
    prints: npt.NDArray[np.uint8]
    counts: npt.NDArray[np.int64]
    told: FloatArray
    judged: bool
    projection: Projection | None
    vocabulary: PointVocabulary | None

    def waves(self, film: int, views: FloatArray) -> npt.NDArray[np.complex64]:
        """What some views of a film show.

        Args:
            film: Its number.
            views: float32 (V, 4), in pixels of the thumbnail.

        Returns:
            complex64 (V, RINGS, 16), of `ring_waves`.
        """
        return ring_waves(rings(self.broad_of(film), views * HALF))

    def projected(self, waves: npt.NDArray[np.complex64]) -> FloatArray:
        """float32 (V, D) of length 1: the fingerprints of views, to be compared with `own`."""
        prints = fingerprint.fingerprints(waves)
        return self.projection(prints) if self.projection else prints

    def broad_of(self, film: int) -> FloatArray:
        """float32 (h, w)."""
        return self._of(self.broad, film)

    def fine_of(self, film: int) -> FloatArray:
        """float32 (h, w)."""
        return self._of(self.fine, film)

    def keypoints_of(self, film: int) -> tuple[FloatArray, npt.NDArray[np.uint8]]:
        """Its places, float32 (K, 4), and prints, uint8 (K, 128)."""
        count = self.counts[film]
        return self.places[film, :count], self.prints[film, :count]

    def _of(self, plane: npt.NDArray[np.int8], film: int) -> FloatArray:
        height, width = self.sizes[film]
        return plane[film, :height, :width].astype(np.float32) / np.float32(_STEPS)


def describe(
    contents: Sequence[npt.NDArray[np.uint8]],
    *,
    workers: int,
    progress: Callable[[int], None] | None = None,
) -> Patterns:
    """Computes the patterns of films.

    The projection of fingerprints and the vocabulary of keypoints are learnt from the films themselves, by a fixed
    choice of at most 1,500 of them.

    Args:
        contents: uint8 (h, w), of `faces_of`.
        workers: Threads.
        progress: Called with how many more films are done.
    """
    films = len(contents)
    planes = _planes(films)
    chosen = np.sort(np.random.default_rng(1).permutation(films)[:_LEARNT_FROM]).tolist()
    tell = progress or (lambda _: None)
    with ThreadPoolExecutor(max_workers=workers) as pool:
        learnt = list(pool.map(lambda film: _fill(planes, film, contents[film]), chosen))
        # Axes need several times as many examples.
        enough = sum(map(len, learnt)) >= _LEAST_LEARNT
        projection = Projection.learn(np.concatenate(learnt)) if enough else None
        prints, counts = planes["prints"], planes["counts"]
        vocabulary = PointVocabulary.learn([prints[film, : counts[film]] for film in chosen])
        length = projection.axes.shape[1] if projection else learnt[0].shape[1]
        planes["own"] = np.zeros((films, fingerprint.OWN_VIEWS, length), np.float32)
        planes["told"] = np.zeros((films, vocabulary.numbers if vocabulary else 0), np.float32)

        def finish(film: int, shown: FloatArray) -> None:
            planes["own"][film] = projection(shown) if projection else shown
            if vocabulary:
                planes["told"][film] = vocabulary.of(prints[film, : counts[film]])

        for film, shown in zip(chosen, learnt, strict=True):
            finish(film, shown)
        tell(len(chosen))
        left = np.setdiff1d(np.arange(films), chosen)

        def fill(start: int) -> int:
            block = left[start : start + _BLOCK].tolist()
            for film in block:
                finish(film, _fill(planes, film, contents[film]))
            return len(block)

        for done in pool.map(fill, range(0, len(left), _BLOCK)):
            tell(done)
    return Patterns(**planes, judged=projection is not None, projection=projection, vocabulary=vocabulary)


def _planes(films: int) -> dict[str, npt.NDArray[Any]]:
    return {
        "sizes": np.zeros((films, 2), np.int64),
        "broad": np.zeros((films, _SIDE, _SIDE), np.int8),
        "fine": np.zeros((films, _SIDE, _SIDE), np.int8),
        "views": np.zeros((films, fingerprint.OWN_VIEWS, 4), np.float32),
        "places": np.zeros((films, MOST_KEYPOINTS, 4), np.float32),
        "prints": np.zeros((films, MOST_KEYPOINTS, PRINT), np.uint8),
        "counts": np.zeros(films, np.int64),
    }


def _fill(planes: dict[str, npt.NDArray[Any]], film: int, content: npt.NDArray[np.uint8]) -> FloatArray:
    """Notes the patterns, the views and the keypoints of a film; returns the fingerprints of its views."""
    broad = fingerprint.broad(_reduced(content.astype(np.float32)))
    fine = _reduced(fingerprint.fine(content))
    height, width = planes["sizes"][film] = broad.shape
    planes["broad"][film, :height, :width] = _bytes(broad)
    planes["fine"][film, :height, :width] = _bytes(fine)
    planes["views"][film] = views = fingerprint.own_views(content, fine)
    places, prints = keypoints(broad)
    planes["counts"][film] = count = len(places)
    planes["places"][film, :count], planes["prints"][film, :count] = places, prints
    return fingerprint.fingerprints(ring_waves(rings(broad, views * HALF)))


def _reduced(image: FloatArray) -> FloatArray:
    """Half as wide and high, exactly: what a quarter of it would cut in two is left out at the right and the bottom."""
    height, width = (max(8, side // 4 * 2) for side in image.shape)
    image = image[: 2 * height, : 2 * width]
    if image.shape != (2 * height, 2 * width):
        grown = 2 * height - image.shape[0], 2 * width - image.shape[1]
        # Of its last row and column: black would draw an edge of its own.
        image = np.pad(image, ((0, grown[0]), (0, grown[1])), mode="edge")
    return np.asarray(cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA), dtype=np.float32)


def _bytes(values: FloatArray) -> npt.NDArray[np.int8]:
    return np.rint(values * _STEPS).clip(-127, 127).astype(np.int8)
