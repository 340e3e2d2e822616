"""An index of the views that films are found by."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from lucency.datasets.audit.fingerprint import FloatArray

IntArray = npt.NDArray[np.int64]

_EXACT = 6000
"""So many views are searched one by one; more of them by an inverted file."""
_PROBED = 12
"""Cells of that file which are searched."""
_SEED = 20


def distinct(views: FloatArray) -> npt.NDArray[np.bool_]:
    """Which views of a film are not one more time an earlier one: square films and those without bars have several.

    Args:
        views: float32 (F, V, 4).

    Returns:
        bool (F, V).
    """
    same = (views[:, :, None] == views[:, None]).all(axis=-1)
    return np.asarray(~np.tril(same, -1).any(axis=2))


class ViewIndex:
    """Some of the views that faces are found by, searched by inner product.

    Many are kept in an inverted file (Sivic and Zisserman, ICCV 2003; faiss), which looks into a fixed number of cells;
    how many there are grows with the square root of the films, so the search takes about n times the square root of n
    for n films.

    Args:
        own: float32 (F, V, D) of length 1, views of all faces.
        kept: bool (F, V), which of them may be found.
        neighbours: How many views are looked up for each.
    """

    def __init__(self, own: FloatArray, kept: npt.NDArray[np.bool_], neighbours: int):
        import faiss

        views = np.ascontiguousarray(own[kept])
        self._place = np.flatnonzero(kept)
        self._neighbours = min(neighbours, len(views))
        self._index: Any = faiss.IndexFlatIP(views.shape[1])
        if len(views) > _EXACT:
            cells = int(2 * np.sqrt(len(views)))
            self._index = faiss.IndexIVFFlat(self._index, views.shape[1], cells, faiss.METRIC_INNER_PRODUCT)
            self._index.cp.seed, self._index.cp.niter, self._index.nprobe = _SEED, 8, _PROBED
            sample = np.random.default_rng(_SEED).permutation(len(views))[: 40 * cells]
            self._index.train(views[np.sort(sample)])
        self._index.add(views)

    def nearest(self, wanted: FloatArray) -> tuple[FloatArray, IntArray]:
        """The nearest views, for each of W views.

        Args:
            wanted: float32 (W, D).

        Returns:
            Likeness, float32 (W, M), -1 where there is none; and the found view: face times V plus its
            number, int64 (W, M).
        """
        likeness, row = self._index.search(wanted, self._neighbours)
        # An inverted file gives -1 where it finds too few.
        likeness[row < 0] = -1
        return likeness, self._place[row]
