"""Candidates: for each film, the few others that may show the same radiograph."""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lucency.datasets.audit.film_patterns import Patterns
from lucency.datasets.audit.fingerprint import OWN_VIEWS, FloatArray, search_views
from lucency.datasets.audit.view_index import IntArray, ViewIndex, distinct

PER_FILM, PER_FILM_OF_FEW = 2, 6
"""Other films that one film is compared with by its views, and as many by its keypoints; the latter where likeness says
nothing."""
LIKENESS, LIKENESS_OF_POINTS, LIKENESS_OF_ANY = 0.5, 0.3, 0.01
"""Fingerprints, and rows of keypoints, that are less alike are not followed up; the last for rows that were not
shortened, as films are too few: there the nearest are, if they have anything in common."""
NEAREST = 8
"""Films that a film is alike to by its views, and as many by its keypoints, at most."""
UNKNOWN = 0.6
"""Likeness of films too few to judge it by, and of those that keypoints tell: what speaks neither for a copy nor
against it."""

_NEIGHBOURS, _NEIGHBOURS_BY_POINTS = 32, 16
"""Looked at for each view of a film, and for its keypoints; several of them belong to one film."""
_NEAR = np.dtype([("likeness", np.float32), ("place", np.int64), ("row", np.int64), ("view", np.int64)])
"""What was found: by the view of that number, of the face in that row of a block."""
_BLOCK = 32


@dataclass(frozen=True, slots=True)
class Candidate:
    """Two faces of films that may be copies, and the views by which they were found.

    Attributes:
        likeness: Of the two films' fingerprints, -1..1.
        searcher: Number of the face that searched.
        found: Number of the face that was found.
        search_view: Row of `search_views`; 0, the whole frame, where keypoints found it.
        own_view: Row of `own_views`, likewise.
    """

    likeness: float
    searcher: int
    found: int
    search_view: int = 0
    own_view: int = 0


@dataclass(frozen=True, slots=True)
class Near:
    """The films that are most alike to one, the most alike first, at most `NEAREST` of either.

    Attributes:
        by_views: Found by fingerprints.
        by_points: Found by keypoints: a film of which much was cut away shows hardly any view of the whole, but places.
    """

    by_views: list[Candidate]
    by_points: list[Candidate]


def find_near(patterns: Patterns, *, owner: IntArray, sets: IntArray, searchers: IntArray, workers: int) -> list[Near]:
    """The most alike films of other sets, for each face that searches.

    Args:
        patterns: Of all F faces.
        owner: int64 (F,), the film that each face is of.
        sets: int64 (N,), the set of copies that each film belongs to. Only the first film of a set is found.
        searchers: int64 (S,), the faces that search.
        workers: Threads.
    """
    import faiss

    among = np.isin(owner, np.unique(sets, return_index=True)[1])
    kept = np.zeros(patterns.own.shape[:2], bool)
    kept[among] = distinct(patterns.views[among])
    by_views = ViewIndex(patterns.own, kept, _NEIGHBOURS)
    vocabulary = patterns.vocabulary
    by_points = ViewIndex(patterns.told[:, None], among[:, None], _NEIGHBOURS_BY_POINTS) if vocabulary else None

    least = LIKENESS_OF_POINTS if vocabulary and vocabulary.shorter is not None else LIKENESS_OF_ANY

    def search(start: int) -> list[Near]:
        block = searchers[start : start + _BLOCK]
        views = np.stack([search_views(own) for own in patterns.views[block]])
        row, view = np.nonzero(distinct(views))
        waves = [patterns.waves(face, views[at, view[row == at]]) for at, face in enumerate(block.tolist())]
        found = _alike(by_views, patterns.projected(np.concatenate(waves)), row, view, LIKENESS)
        by_face = [
            _films(face, some, owner, sets) for face, some in zip(block.tolist(), _split(found, block), strict=True)
        ]
        if not patterns.judged:
            by_face = [[_unjudged(one) for one in some] for some in by_face]
        told: list[list[Candidate]] = [[] for _ in by_face]
        if vocabulary and by_points:
            changed = np.stack([vocabulary.of_changed(patterns.keypoints_of(face)[1]) for face in block.tolist()])
            row, view = np.divmod(np.arange(changed.shape[0] * changed.shape[1]), changed.shape[1])
            found = _alike(by_points, changed.reshape(len(row), -1), row, view, least)
            found["place"], found["view"] = found["place"] * OWN_VIEWS, 0
            told = [
                [_unjudged(one) for one in _films(face, some, owner, sets)]
                for face, some in zip(block.tolist(), _split(found, block), strict=True)
            ]
        return [Near(*one) for one in zip(by_face, told, strict=True)]

    # Each thread would have faiss start as many of its own as there are processors.
    with ThreadPoolExecutor(workers, initializer=faiss.omp_set_num_threads, initargs=(1,)) as pool:
        return [one for found in pool.map(search, range(0, len(searchers), _BLOCK)) for one in found]


def _alike(index: ViewIndex, wanted: FloatArray, row: IntArray, view: IntArray, least: float) -> npt.NDArray[np.void]:
    """Pairs of views that are alike enough: the row of the searching face, its view, and the place that was found."""
    likeness, place = index.nearest(wanted)
    searching, nearest = np.nonzero(likeness >= least)
    found = np.empty(len(searching), _NEAR)
    found["likeness"], found["place"] = likeness[searching, nearest], place[searching, nearest]
    found["row"], found["view"] = row[searching], view[searching]
    return found


def _split(found: npt.NDArray[np.void], block: IntArray) -> list[npt.NDArray[np.void]]:
    """What each face of a block found, the most alike first."""
    found = found[np.lexsort((-found["likeness"], found["row"]))]
    return np.split(found, np.searchsorted(found["row"], np.arange(1, len(block))))


def _films(face: int, near: npt.NDArray[np.void], owner: IntArray, sets: IntArray) -> list[Candidate]:
    """The films of the most alike views, each by its most alike pair of views; `near` is sorted by likeness."""
    own = sets[owner[face]]
    films: dict[int, Candidate] = {}
    for likeness, place, _, view in near.tolist():
        found, own_view = divmod(place, OWN_VIEWS)
        film = int(owner[found])
        if sets[film] == own or film in films:
            continue
        if len(films) == NEAREST:
            break
        films[film] = Candidate(likeness, face, found, view, own_view)
    return list(films.values())


def _unjudged(one: Candidate) -> Candidate:
    return Candidate(UNKNOWN, one.searcher, one.found, one.search_view, one.own_view)


def likeliest(near: list[Candidate], *, film: int, owner: IntArray, sets: IntArray, most: int) -> list[Candidate]:
    """The most alike films; of a set of copies only the most alike, of its own none.

    Args:
        near: Films that are alike to it, the most alike first.
        film: Its number.
        owner: int64 (F,), the film that each face is of.
        sets: int64 (N,), the set of copies that each film belongs to.
        most: How many films.
    """
    others: dict[int, Candidate] = {}
    for one in near:
        others.setdefault(int(sets[owner[one.found]]), one)
    others.pop(int(sets[film]), None)
    return list(others.values())[:most]


def by_pair(candidates: Iterable[Candidate], owner: IntArray) -> dict[tuple[int, int], Candidate]:
    """The most alike candidate of each pair of films.

    Args:
        candidates: Some of which may be of one pair.
        owner: int64 (F,), the film that each face is of.
    """
    pairs: dict[tuple[int, int], Candidate] = {}
    for one in candidates:
        two = int(owner[one.searcher]), int(owner[one.found])
        pair = min(two), max(two)
        known = pairs.setdefault(pair, one)
        if (-one.likeness, one.searcher, one.found) < (-known.likeness, known.searcher, known.found):
            pairs[pair] = one
    return pairs
