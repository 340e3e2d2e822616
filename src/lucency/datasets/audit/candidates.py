"""Candidates: for each film, the few others that may show the same radiograph."""

from __future__ import annotations

from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
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
_UNCUT = (1, 5)
"""Own views in which a film shows what a cut of the other left: its stretched frame, and the inner one."""
_EXACT = 20_000
"""So many views are searched one by one; more of them by an inverted file."""
_SEED = 20
_BLOCK = 32

IntArray = npt.NDArray[np.int64]


@dataclass(frozen=True, order=True)
class Candidate:
    """Two faces of films that may be copies, and the views by which they were found.

    Attributes:
        likeness: Of the two films' fingerprints, -1..1; sorts first.
        searcher: Number of the face that searched.
        found: Number of the face that was found.
        search_view: Row of `views_of`.
        own_view: Row of `own_views`.
    """

    likeness: float
    searcher: int
    found: int
    search_view: int
    own_view: int


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

    The fingerprints of views name a few films; which of them are the likeliest is asked of the rings themselves, whose
    phases fingerprints leave out.

    Args:
        patterns: Of all F faces.
        owner: int64 (F,), the film that each face is of.
        searchers: int64 (S,), the faces that search.
        among: int64 (A,), the faces that may be found.
        workers: Threads.

    Returns:
        At most `PER_FILM` or `PER_FILM_OF_FEW` other films for each searcher. A pair may stand in both directions.
    """
    import faiss

    whole, uncut = indices_of(patterns.own, among)

    def search(start: int) -> list[Candidate]:
        block = searchers[start : start + _BLOCK].tolist()
        waves = np.stack([patterns.waves(face, views_of(patterns.views[face])) for face in block])
        wanted = patterns.projected(waves.reshape(-1, *waves.shape[2:])).reshape(*waves.shape[:2], -1)
        found: list[Candidate] = []
        near = [whole.nearest(wanted[:, :WHOLE_VIEWS], 0), uncut.nearest(wanted[:, WHOLE_VIEWS:], WHOLE_VIEWS)]
        for row, face in enumerate(block):
            likeness, search_view, place = (
                np.concatenate([one[row] for one in column]) for column in zip(*near, strict=True)
            )
            found += _likeliest(patterns, _films(face, likeness, search_view, place, owner), waves[row])
        return found

    # Each thread would have faiss start as many of its own as there are processors.
    with ThreadPoolExecutor(workers, initializer=faiss.omp_set_num_threads, initargs=(1,)) as pool:
        return [one for found in pool.map(search, range(0, len(searchers), _BLOCK)) for one in found]


def indices_of(own: FloatArray, among: IntArray) -> tuple[ViewIndex, ViewIndex]:
    """What the first `WHOLE_VIEWS` of a film's views are looked up in, and what the cuts of it are.

    Args:
        own: float32 (F, OWN_VIEWS, D) of length 1, of all faces.
        among: int64 (A,), the faces that may be found.
    """
    every, some = np.arange(OWN_VIEWS), np.array(_UNCUT)
    return ViewIndex(own, among, every, _NEIGHBOURS), ViewIndex(own, among, some, _NEIGHBOURS_CUT)


class ViewIndex:
    """Some of the views that faces are found by, searched by inner product.

    Many are kept in an inverted file (Sivic and Zisserman, ICCV 2003; faiss), which looks into a fixed number of cells;
    how many there are grows with the square root of the films, so the search takes about n times the square root of n
    for n films.

    Args:
        own: float32 (F, OWN_VIEWS, D) of length 1, of all faces.
        among: int64 (A,), the faces that may be found.
        own_views: int64 (W,), by which of their views.
        neighbours: How many views are looked up for each.
    """

    def __init__(self, own: FloatArray, among: IntArray, own_views: IntArray, neighbours: int):
        import faiss

        views = np.ascontiguousarray(own[among][:, own_views].reshape(-1, own.shape[2]))
        self._place = (among[:, None] * OWN_VIEWS + own_views).ravel()
        self._neighbours = min(neighbours, len(views))
        self._index: Any = faiss.IndexFlatIP(views.shape[1])
        if len(views) > _EXACT:
            cells = int(2 * np.sqrt(len(views)))
            self._index = faiss.IndexIVFFlat(self._index, views.shape[1], cells, faiss.METRIC_INNER_PRODUCT)
            self._index.cp.seed, self._index.cp.niter, self._index.nprobe = _SEED, 8, 12
            sample = np.random.default_rng(_SEED).permutation(len(views))[: 40 * cells]
            self._index.train(views[np.sort(sample)])
        self._index.add(views)

    def nearest(self, wanted: FloatArray, first: int) -> tuple[FloatArray, IntArray, IntArray]:
        """The nearest views, for each of N faces that search with V views.

        Args:
            wanted: float32 (N, V, D).
            first: Row of `views_of` that these begin with.

        Returns:
            Likeness, float32 (N, M), -1 where there is none; the searching view, and the found one: face times
            `OWN_VIEWS` plus row of `own_views`, int64 (N, M).
        """
        faces, views, dimensions = wanted.shape
        likeness, row = self._index.search(wanted.reshape(-1, dimensions), self._neighbours)
        # An inverted file gives -1 where it finds too few.
        likeness[row < 0] = -1
        search_view = np.tile(np.repeat(np.arange(first, first + views), self._neighbours), (faces, 1))
        return likeness.reshape(faces, -1), search_view, self._place[row].reshape(faces, -1)


def _films(
    face: int, likeness: FloatArray, search_view: IntArray, place: IntArray, owner: IntArray
) -> list[list[Candidate]]:
    """The films of the most alike views, each by its most alike pairs of views."""
    near: dict[int, list[Candidate]] = {}
    alike = np.flatnonzero(likeness >= LIKENESS)
    for one in alike[np.argsort(-likeness[alike], kind="stable")].tolist():
        found, own_view = divmod(int(place[one]), OWN_VIEWS)
        film = int(owner[found])
        if film == owner[face]:
            continue
        if film not in near:
            if len(near) == NEAREST:
                break
            near[film] = []
        if len(near[film]) < TRIED_VIEWS:
            near[film].append(Candidate(float(likeness[one]), face, found, int(search_view[one]), own_view))
    return list(near.values())


def _likeliest(patterns: Patterns, near: list[list[Candidate]], waves: npt.NDArray[np.complex64]) -> list[Candidate]:
    if not near:
        return []
    pairs = [one for some in near for one in some]
    shown = np.concatenate([_shown(patterns, some) for some in near])
    alike = best_correlation(waves[[one.search_view for one in pairs]], shown)
    best: list[tuple[float, Candidate]] = []
    start = 0
    for some in near:
        place = start + int(alike[start : start + len(some)].argmax())
        start += len(some)
        # The most alike views need not be those that fit best.
        one = pairs[place]
        likeness = some[0].likeness if patterns.projection else UNKNOWN
        score = float(alike[place]) + LIKENESS_IN_RANK * some[0].likeness
        best.append((score, Candidate(likeness, one.searcher, one.found, one.search_view, one.own_view)))
    best.sort(key=lambda scored: -scored[0])
    return [one for _, one in best[: PER_FILM if patterns.projection else PER_FILM_OF_FEW]]


def _shown(patterns: Patterns, some: list[Candidate]) -> npt.NDArray[np.complex64]:
    """What the found views of one film show; most often they are of one face."""
    if len({one.found for one in some}) == 1:
        found = some[0].found
        return patterns.waves(found, patterns.views[found][[one.own_view for one in some]])
    return np.concatenate([_shown(patterns, [one]) for one in some])


def by_pair(candidates: list[Candidate], owner: IntArray) -> dict[tuple[int, int], list[Candidate]]:
    """Candidates of each pair of films, the more alike fingerprints first."""
    pairs: dict[tuple[int, int], list[Candidate]] = defaultdict(list)
    for one in candidates:
        two = int(owner[one.searcher]), int(owner[one.found])
        pairs[min(two), max(two)].append(one)
    return {pair: sorted(both, reverse=True) for pair, both in pairs.items()}
