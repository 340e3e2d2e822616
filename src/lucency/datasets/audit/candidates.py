"""Candidates: for each film, the few others that may show the same radiograph."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from lucency.datasets.audit.fingerprint import OWN_VIEWS, FloatArray

PER_FILM = 8
"""Other films that one film is compared with, pixel by pixel."""
LIKENESS = 0.42
"""Fingerprints that are less alike are not followed up."""

UNKNOWN = 0.5
"""Likeness of films too few to judge it by: what speaks neither for a copy nor, much, against it."""

_NEIGHBOURS = 32
"""Views looked at for each view of a film; several of them belong to one film."""
_EXACT = 20_000
"""So many views are searched one by one; more of them by an inverted file."""
_SEED = 20


@dataclass(frozen=True, order=True)
class Candidate:
    """Two films that may be copies, and the views by which they were found.

    Attributes:
        likeness: Of the two views' fingerprints, -1..1; sorts first.
        searcher: Number of the film that searched.
        found: Number of the film that was found.
        search_view: Row of `search_views`.
        own_view: Row of `own_views`.
    """

    likeness: float
    searcher: int
    found: int
    search_view: int
    own_view: int


def find_candidates(own: FloatArray, searching: npt.NDArray[np.float16], *, learnt: bool = True) -> list[Candidate]:
    """Nearest views of other films, for each view a film searches with.

    The inverted file (Sivic and Zisserman, ICCV 2003; faiss) looks into a fixed number of cells, whose number grows
    with the square root of the films: the search takes about n times the square root of n for n films.

    Args:
        own: float32 (N, OWN_VIEWS, D) of length 1.
        searching: float16 (N, V, D), likewise.
        learnt: Whether likeness means something; where it does not, `UNKNOWN` stands for it.

    Returns:
        At most `PER_FILM` for each film, the likeliest first. A pair may stand in both directions.
    """
    import faiss

    films, _, dimensions = own.shape
    views = np.ascontiguousarray(own.reshape(-1, dimensions))
    index: Any = faiss.IndexFlatIP(dimensions)
    if len(views) > _EXACT:
        cells = int(2 * np.sqrt(len(views)))
        index = faiss.IndexIVFFlat(index, dimensions, cells, faiss.METRIC_INNER_PRODUCT)
        index.cp.seed, index.cp.niter, index.nprobe = _SEED, 8, 12
        sample = np.random.default_rng(_SEED).permutation(len(views))[: 40 * cells]
        index.train(views[np.sort(sample)])
    index.add(views)
    result: list[Candidate] = []
    step = 2048
    for start in range(0, films, step):
        block = searching[start : start + step].astype(np.float32)
        likeness, places = index.search(block.reshape(-1, dimensions), min(_NEIGHBOURS, len(views)))
        shape = (len(block), -1)
        likeness, places = likeness.reshape(shape), places.reshape(shape)
        width = likeness.shape[1] // block.shape[1]
        for row in range(len(block)):
            result += _best(start + row, likeness[row], places[row], width, learnt)
    return result


def _best(film: int, likeness: FloatArray, places: npt.NDArray[np.int64], width: int, learnt: bool) -> list[Candidate]:
    best: dict[int, Candidate] = {}
    for place in np.argsort(-likeness, kind="stable"):
        if places[place] < 0 or (learnt and likeness[place] < LIKENESS):
            break
        found, view = divmod(int(places[place]), OWN_VIEWS)
        if found == film or found in best:
            continue
        alike = float(likeness[place]) if learnt else UNKNOWN
        best[found] = Candidate(alike, film, found, int(place) // width, view)
        if len(best) == PER_FILM:
            break
    return list(best.values())


def by_pair(candidates: list[Candidate]) -> dict[tuple[int, int], list[Candidate]]:
    """Candidates of each pair of films, the likeliest first."""
    pairs: dict[tuple[int, int], list[Candidate]] = defaultdict(list)
    for one in candidates:
        pairs[min(one.searcher, one.found), max(one.searcher, one.found)].append(one)
    return {pair: sorted(both, reverse=True) for pair, both in pairs.items()}
