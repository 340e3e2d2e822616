"""Candidates: for each film, the few others that may show the same radiograph."""

from __future__ import annotations

from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from lucency.datasets.audit.film_patterns import Patterns
from lucency.datasets.audit.fingerprint import OWN_VIEWS, FloatArray, cut_views, search_views
from lucency.datasets.audit.ring_turns import best_correlation

PER_FILM, PER_FILM_OF_FEW = 2, 6
"""Other films that one film is compared with, pixel by pixel; the latter where likeness says nothing."""
LIKENESS = 0.46
"""Fingerprints that are less alike are not followed up."""
NEAREST, TRIED_VIEWS = 8, 2
"""Films of which the rings themselves are compared, and for how many pairs of views each, at most."""
LIKENESS_IN_RANK = 0.5
"""Share of likeness that is added to the correlation of rings, when it is asked which of them are the likeliest."""

UNKNOWN = 0.6
"""Likeness of films too few to judge it by: what speaks neither for a copy nor, much, against it. It still
says which of them are the nearest."""

_NEIGHBOURS, _NEIGHBOURS_CUT = 32, 12
"""Views looked at for each view of a film, and for each cut of it; several of them belong to one film."""
WHOLE_VIEWS = 12
"""Of the views that a film searches with; the others are cuts of it."""
_NEAR = np.dtype([("likeness", np.float32), ("place", np.int64), ("row", np.int64), ("view", np.int64)])
"""What was found: by the view of that number, of the face in that row of a block."""
_UNCUT = [1, 5]
"""Own views in which a film shows what a cut of the other left: its stretched frame, and the inner one."""
_EXACT = 20_000
"""So many views are searched one by one; more of them by an inverted file."""
_PROBED = 12
"""Cells of that file which are searched."""
_SEED = 20
_BLOCK = 32

IntArray = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Candidate:
    """Two faces of films that may be copies, and the views by which they were found.

    Attributes:
        likeness: Of the two films' fingerprints, -1..1.
        searcher: Number of the face that searched.
        found: Number of the face that was found.
        search_view: Row of `views_of`.
        own_view: Row of `own_views`.
        choice: 0 for the views by which the two fit best, 1 for those that come next.
    """

    likeness: float
    searcher: int
    found: int
    search_view: int
    own_view: int
    choice: int = 0


def views_of(own: FloatArray) -> FloatArray:
    """Views that a film searches with.

    Args:
        own: float32 (6, 4), of `own_views`.

    Returns:
        float32 (42, 4), likewise.
    """
    return np.concatenate([search_views(own), cut_views(own)])


def find_candidates(
    patterns: Patterns, *, owner: IntArray, searchers: IntArray, among: IntArray, workers: int
) -> list[Candidate]:
    """The likeliest other films, for each face that searches.

    The fingerprints of views name a few films. The most alike of them is always among the likeliest; for the others the
    rings themselves are asked, whose phases fingerprints leave out.

    Args:
        patterns: Of all F faces.
        owner: int64 (F,), the film that each face is of, or the set of copies that its film belongs to.
        searchers: int64 (S,), the faces that search.
        among: int64 (A,), the faces that may be found.
        workers: Threads.

    Returns:
        At most `PER_FILM` or `PER_FILM_OF_FEW` other films, or sets, for each searcher, each by at most `TRIED_VIEWS`
        pairs of views. A pair may stand in both directions.
    """
    import faiss

    kept = np.zeros(patterns.own.shape[:2], bool)
    kept[among] = distinct(patterns.views[among])
    whole, uncut = indices_of(patterns.own, kept)

    def search(start: int) -> list[Candidate]:
        block = searchers[start : start + _BLOCK]
        views = np.stack([views_of(own) for own in patterns.views[block]])
        waves = np.stack([patterns.waves(face, seen) for face, seen in zip(block.tolist(), views, strict=True)])
        row, view = np.nonzero(distinct(views))
        wanted = patterns.projected(waves[row, view])
        cut = view >= WHOLE_VIEWS
        near = np.concatenate(
            [_alike(index, wanted[some], row[some], view[some]) for index, some in ((whole, ~cut), (uncut, cut))]
        )
        near = near[np.lexsort((-near["likeness"], near["row"]))]
        found: list[Candidate] = []
        ends = np.searchsorted(near["row"], np.arange(1, len(block)))
        for face, some, shown in zip(block.tolist(), np.split(near, ends), waves, strict=True):
            found += _likeliest(patterns, _films(face, some, owner), shown)
        return found

    # Each thread would have faiss start as many of its own as there are processors.
    with ThreadPoolExecutor(workers, initializer=faiss.omp_set_num_threads, initargs=(1,)) as pool:
        return [one for found in pool.map(search, range(0, len(searchers), _BLOCK)) for one in found]


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


def _alike(index: ViewIndex, wanted: FloatArray, row: IntArray, view: IntArray) -> npt.NDArray[np.void]:
    """Pairs of views that are alike enough: the row of the searching face, its view, and the place that was found."""
    likeness, place = index.nearest(wanted)
    searching, nearest = np.nonzero(likeness >= LIKENESS)
    found = np.empty(len(searching), _NEAR)
    found["likeness"], found["place"] = likeness[searching, nearest], place[searching, nearest]
    found["row"], found["view"] = row[searching], view[searching]
    return found


def _films(face: int, near: npt.NDArray[np.void], owner: IntArray) -> list[list[Candidate]]:
    """The films of the most alike views, each by its most alike pairs of views; `near` is sorted by likeness."""
    films: dict[int, list[Candidate]] = {}
    for likeness, place, _, view in near.tolist():
        found, own_view = divmod(place, OWN_VIEWS)
        film = int(owner[found])
        if film == owner[face]:
            continue
        if film not in films:
            if len(films) == NEAREST:
                break
            films[film] = []
        if len(films[film]) < TRIED_VIEWS:
            films[film].append(Candidate(likeness, face, found, view, own_view))
    return list(films.values())


def _likeliest(patterns: Patterns, near: list[list[Candidate]], waves: npt.NDArray[np.complex64]) -> list[Candidate]:
    """The film of the most alike views, and those whose rings fit best; each by the views that do."""
    if not near:
        return []
    pairs = [one for some in near for one in some]
    shown = np.concatenate([_shown(patterns, some) for some in near])
    alike = best_correlation(waves[[one.search_view for one in pairs]], shown)
    best: list[tuple[float, list[Candidate]]] = []
    start = 0
    for some in near:
        fits = alike[start : start + len(some)]
        start += len(some)
        # The most alike views need not be those that fit best.
        likeness = some[0].likeness if patterns.projection else UNKNOWN
        order = np.argsort(-fits, kind="stable").tolist()
        film = [replace(some[place], likeness=likeness, choice=choice) for choice, place in enumerate(order)]
        best.append((float(fits.max()) + LIKENESS_IN_RANK * some[0].likeness, film))
    # The most alike film stays first: corners that a turn left black spoil its rings more than their magnitudes.
    best[1:] = sorted(best[1:], key=lambda scored: -scored[0])
    return [one for _, film in best[: PER_FILM if patterns.projection else PER_FILM_OF_FEW] for one in film]


def _shown(patterns: Patterns, some: list[Candidate]) -> npt.NDArray[np.complex64]:
    """What the found views of one film show; most often they are of one face."""
    if len({one.found for one in some}) == 1:
        found = some[0].found
        return patterns.waves(found, patterns.views[found][[one.own_view for one in some]])
    return np.concatenate([_shown(patterns, [one]) for one in some])


def by_pair(candidates: list[Candidate], owner: IntArray) -> dict[tuple[int, int], list[Candidate]]:
    """Candidates of each pair of films: the views that fit best first, and of these the more alike fingerprints."""
    pairs: dict[tuple[int, int], list[Candidate]] = defaultdict(list)
    for one in candidates:
        two = int(owner[one.searcher]), int(owner[one.found])
        pairs[min(two), max(two)].append(one)
    return {
        pair: sorted(some, key=lambda one: (one.choice, -one.likeness, one.searcher, one.found))
        for pair, some in pairs.items()
    }
