"""An index of the views that films are found by."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from lucency.datasets.audit.fingerprint import FloatArray

IntArray = npt.NDArray[np.int64]

_NEIGHBOURS, _NEIGHBOURS_CUT = 32, 12
"""Views looked at for each view of a film, and for each cut of it; several of them belong to one film."""
_UNCUT = [1, 5]
"""Own views in which a film shows what a cut of the other left: its stretched frame, and the inner one."""
_EXACT = 20_000
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


def indices_of(own: FloatArray, kept: npt.NDArray[np.bool_]) -> tuple[ViewIndex, ViewIndex]:
    """What the first `WHOLE_VIEWS` of a film's views are looked up in, and what the cuts of it are.

    Args:
        own: float32 (F, OWN_VIEWS, D) of length 1, of all faces.
        kept: bool (F, OWN_VIEWS), the views that may be found: of a face all but those that are the same as an earlier
            one, or none.
    """
    uncut = np.zeros_like(kept)
    # Whatever other views they are the same as: those are not in this index.
    uncut[:, _UNCUT] = kept[:, :1]
    return ViewIndex(own, kept, _NEIGHBOURS), ViewIndex(own, uncut, _NEIGHBOURS_CUT)


class ViewIndex:
    """Some of the views that faces are found by, searched by inner product.

    Many are kept in an inverted file (Sivic and Zisserman, ICCV 2003; faiss), which looks into a fixed number of cells;
    how many there are grows with the square root of the films, so the search takes about n times the square root of n
    for n films.

    Args:
        own: float32 (F, OWN_VIEWS, D) of length 1, of all faces.
        kept: bool (F, OWN_VIEWS), which of their views.
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
        """The nearest views, for each of V views.

        Args:
            wanted: float32 (V, D).

        Returns:
            Likeness, float32 (V, M), -1 where there is none; and the found view: face times `OWN_VIEWS` plus row of
            `own_views`, int64 (V, M).
        """
        likeness, row = self._index.search(wanted, self._neighbours)
        # An inverted file gives -1 where it finds too few.
        likeness[row < 0] = -1
        return likeness, self._place[row]
