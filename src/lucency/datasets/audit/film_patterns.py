"""Patterns: what of each film is kept in memory while copies are searched, about 22 kB a face."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from lucency.datasets.audit import fingerprint
from lucency.datasets.audit.fingerprint import FloatArray, Projection

HALF = 0.5
"""Pixels of a pattern for one of the thumbnail."""

_SIDE = 80
_STEPS = 40
"""Steps of a pattern's number for one deviation."""
_LEARNT_FROM = 1500
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
        searching: float16 (N, V, D), fingerprints to search with.
        learnt: Whether fingerprints are projected on axes learnt from films; so many are needed for it that their
            likeness cannot be judged without.
    """

    sizes: npt.NDArray[np.int64]
    broad: npt.NDArray[np.int8]
    fine: npt.NDArray[np.int8]
    views: FloatArray
    own: FloatArray
    searching: npt.NDArray[np.float16]
    learnt: bool

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
    searchers: npt.NDArray[np.int64],
    workers: int,
    progress: Callable[[int], None] | None = None,
) -> Patterns:
    """Computes the patterns of films.

    The projection of fingerprints is learnt from the films themselves, by a fixed choice of at most 1,500 of them.

    Args:
        contents: uint8 (h, w), of `faces_of`.
        searchers: int64 (S,), those that search; the others get no fingerprints to search with.
        workers: Threads.
        progress: Called with how many more films are done.
    """
    films = len(contents)
    chosen = np.random.default_rng(1).permutation(films)[:_LEARNT_FROM]
    with ThreadPoolExecutor(max_workers=workers) as pool:
        prints = list(pool.map(lambda film: _described(contents[film])[-1], np.sort(chosen).tolist()))
        projection = _learn(np.concatenate(prints))
        first = projection(prints[0])
        views = len(fingerprint.search_views(np.zeros((fingerprint.OWN_VIEWS, 4), np.float32)))
        result = Patterns(
            sizes=np.zeros((films, 2), np.int64),
            broad=np.zeros((films, _SIDE, _SIDE), np.int8),
            fine=np.zeros((films, _SIDE, _SIDE), np.int8),
            views=np.zeros((films, fingerprint.OWN_VIEWS, 4), np.float32),
            own=np.zeros((films, *first.shape), np.float32),
            searching=np.zeros((films, views, first.shape[1]), np.float16),
            learnt=isinstance(projection, Projection),
        )

        searches = np.zeros(films, bool)
        searches[searchers] = True

        def fill(start: int) -> int:
            for film in range(start, min(start + _BLOCK, films)):
                _fill(result, film, contents[film], projection, bool(searches[film]))
            return min(_BLOCK, films - start)

        for done in pool.map(fill, range(0, films, _BLOCK)):
            if progress:
                progress(done)
    return result


def _learn(prints: FloatArray) -> Callable[[FloatArray], FloatArray]:
    # Axes need several times as many examples.
    return Projection.learn(prints) if len(prints) >= 1024 else fingerprint.unit


def _fill(
    patterns: Patterns,
    film: int,
    content: npt.NDArray[np.uint8],
    project: Callable[[FloatArray], FloatArray],
    searches: bool,
) -> None:
    broad, fine, views, prints = _described(content)
    height, width = broad.shape
    patterns.sizes[film] = height, width
    patterns.views[film] = views
    patterns.own[film] = project(prints)
    if searches:
        wanted = fingerprint.search_views(views)
        patterns.searching[film] = project(fingerprint.fingerprints(fingerprint.rings(broad, wanted * HALF)))
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
    return broad, fine, views, fingerprint.fingerprints(fingerprint.rings(broad, views * HALF))


def _bytes(values: FloatArray) -> npt.NDArray[np.int8]:
    return np.rint(values * _STEPS).clip(-127, 127).astype(np.int8)
