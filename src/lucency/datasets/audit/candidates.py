"""Candidates: for each film, the few others that may show the same radiograph."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from lucency.datasets.audit.fingerprint import OWN_VIEWS, FloatArray

PER_FILM, PER_FILM_OF_FEW = 4, 6
"""Other films that one film is compared with, pixel by pixel; the latter where likeness says nothing."""
LIKENESS = 0.46
"""Fingerprints that are less alike are not followed up."""
FIRST, LATER_LIKENESS = 3, 0.6
"""After so many candidates one more must be more alike than this."""

UNKNOWN = 0.6
"""Likeness of films too few to judge it by: what speaks neither for a copy nor, much, against it."""

_NEIGHBOURS = 32
"""Views looked at for each view of a film; several of them belong to one film."""
_EXACT = 20_000
"""So many views are searched one by one; more of them by an inverted file."""
_SEED = 20
_BLOCK = 1024

IntArray = npt.NDArray[np.int64]


@dataclass(frozen=True, order=True)
class Candidate:
    """Two faces of films that may be copies, and the views by which they were found.

    Attributes:
        likeness: Of the two views' fingerprints, -1..1; sorts first.
        searcher: Number of the face that searched.
        found: Number of the face that was found.
        search_view: Row of `search_views`.
        own_view: Row of `own_views`.
    """

    likeness: float
    searcher: int
    found: int
    search_view: int
    own_view: int


def find_candidates(
    own: FloatArray,
    searching: npt.NDArray[np.float16],
    *,
    owner: IntArray,
    searchers: IntArray,
    among: IntArray,
    learnt: bool = True,
) -> list[Candidate]:
    """Nearest views of other films, for each view a face searches with.

    The inverted file (Sivic and Zisserman, ICCV 2003; faiss) looks into a fixed number of cells, whose number grows
    with the square root of the films: the search takes about n times the square root of n for n films.

    Args:
        own: float32 (F, OWN_VIEWS, D) of length 1, of all faces.
        searching: float16 (F, V, D), likewise.
        owner: int64 (F,), the film that each face is of.
        searchers: int64 (S,), the faces that search.
        among: int64 (A,), the faces that may be found.
        learnt: Whether likeness means something; where it does not, `UNKNOWN` stands for it.

    Returns:
        At most `PER_FILM` or `PER_FILM_OF_FEW` other films for each searcher, the likeliest first. A pair may stand in
        both directions.
    """
    import faiss

    dimensions = own.shape[2]
    views = np.ascontiguousarray(own[among].reshape(-1, dimensions))
    index: Any = faiss.IndexFlatIP(dimensions)
    if len(views) > _EXACT:
        cells = int(2 * np.sqrt(len(views)))
        index = faiss.IndexIVFFlat(index, dimensions, cells, faiss.METRIC_INNER_PRODUCT)
        index.cp.seed, index.cp.niter, index.nprobe = _SEED, 8, 12
        sample = np.random.default_rng(_SEED).permutation(len(views))[: 40 * cells]
        index.train(views[np.sort(sample)])
    index.add(views)
    result: list[Candidate] = []
    for start in range(0, len(searchers), _BLOCK):
        block = searchers[start : start + _BLOCK]
        wanted = searching[block].astype(np.float32)
        likeness, places = index.search(wanted.reshape(-1, dimensions), min(_NEIGHBOURS, len(views)))
        likeness, places = likeness.reshape(len(block), -1), places.reshape(len(block), -1)
        width = likeness.shape[1] // wanted.shape[1]
        for row, face in enumerate(block.tolist()):
            result += _best(face, likeness[row], places[row], width, among, owner, learnt)
    return result


def _best(
    face: int, likeness: FloatArray, places: IntArray, width: int, among: IntArray, owner: IntArray, learnt: bool
) -> list[Candidate]:
    best: dict[int, Candidate] = {}
    most = PER_FILM if learnt else PER_FILM_OF_FEW
    for place in np.argsort(-likeness, kind="stable"):
        alike = float(likeness[place]) if learnt else UNKNOWN
        least = LIKENESS if not learnt or len(best) < FIRST else LATER_LIKENESS
        if places[place] < 0 or alike < least:
            break
        number, view = divmod(int(places[place]), OWN_VIEWS)
        found = int(among[number])
        film = int(owner[found])
        if film == owner[face] or film in best:
            continue
        best[film] = Candidate(alike, face, found, int(place) // width, view)
        if len(best) == most:
            break
    return list(best.values())


def by_pair(candidates: list[Candidate], owner: IntArray) -> dict[tuple[int, int], list[Candidate]]:
    """Candidates of each pair of films, the likeliest first."""
    pairs: dict[tuple[int, int], list[Candidate]] = defaultdict(list)
    for one in candidates:
        two = int(owner[one.searcher]), int(owner[one.found])
        pairs[min(two), max(two)].append(one)
    return {pair: sorted(both, reverse=True) for pair, both in pairs.items()}
