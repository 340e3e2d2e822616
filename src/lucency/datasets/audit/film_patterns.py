"""Patterns: what of each film is kept in memory while copies are searched, about 16 kB a face."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from lucency.datasets.audit import fingerprint
from lucency.datasets.audit.fingerprint import FloatArray, Projection, ring_waves, rings

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
        projection: Of fingerprints; None where there are too few films to learn one from, whose likeness cannot be
            judged then.
    """

    sizes: npt.NDArray[np.int64]
    broad: npt.NDArray[np.int8]
    fine: npt.NDArray[np.int8]
    views: FloatArray
    own: FloatArray
    projection: Projection | None

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

    The projection of fingerprints is learnt from the films themselves, by a fixed choice of at most 1,500 of them.

    Args:
        contents: uint8 (h, w), of `faces_of`.
        workers: Threads.
        progress: Called with how many more films are done.
    """
    films = len(contents)
    chosen = np.random.default_rng(1).permutation(films)[:_LEARNT_FROM]
    with ThreadPoolExecutor(max_workers=workers) as pool:
        prints = list(pool.map(lambda film: _described(contents[film])[-1], np.sort(chosen).tolist()))
        # Axes need several times as many examples.
        learnt = np.concatenate(prints)
        projection = Projection.learn(learnt) if len(learnt) >= _LEAST_LEARNT else None
        result = Patterns(
            sizes=np.zeros((films, 2), np.int64),
            broad=np.zeros((films, _SIDE, _SIDE), np.int8),
            fine=np.zeros((films, _SIDE, _SIDE), np.int8),
            views=np.zeros((films, fingerprint.OWN_VIEWS, 4), np.float32),
            own=np.zeros((films, *(projection(prints[0]) if projection else prints[0]).shape), np.float32),
            projection=projection,
        )

        def fill(start: int) -> int:
            for film in range(start, min(start + _BLOCK, films)):
                _fill(result, film, contents[film])
            return min(_BLOCK, films - start)

        for done in pool.map(fill, range(0, films, _BLOCK)):
            if progress:
                progress(done)
    return result


def _fill(patterns: Patterns, film: int, content: npt.NDArray[np.uint8]) -> None:
    broad, fine, views, prints = _described(content)
    height, width = broad.shape
    patterns.sizes[film] = height, width
    patterns.views[film] = views
    patterns.own[film] = patterns.projection(prints) if patterns.projection else prints
    patterns.broad[film, :height, :width] = _bytes(broad)
    patterns.fine[film, :height, :width] = _bytes(fine)


def _reduced(image: FloatArray) -> FloatArray:
    """Half as wide and high, exactly: what a quarter of it would cut in two is left out at the right and the bottom."""
    height, width = (max(8, side // 4 * 2) for side in image.shape)
    image = image[: 2 * height, : 2 * width]
    if image.shape != (2 * height, 2 * width):
        grown = 2 * height - image.shape[0], 2 * width - image.shape[1]
        # Of its last row and column: black would draw an edge of its own.
        image = np.pad(image, ((0, grown[0]), (0, grown[1])), mode="edge")
    return np.asarray(cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA), dtype=np.float32)


def _described(content: npt.NDArray[np.uint8]) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """Broad and fine pattern, the views a film is found by, and their fingerprints."""
    broad = fingerprint.broad(_reduced(content.astype(np.float32)))
    fine = _reduced(fingerprint.fine(content))
    views = fingerprint.own_views(content, fine)
    return broad, fine, views, fingerprint.fingerprints(ring_waves(rings(broad, views * HALF)))


def _bytes(values: FloatArray) -> npt.NDArray[np.int8]:
    return np.rint(values * _STEPS).clip(-127, 127).astype(np.int8)
