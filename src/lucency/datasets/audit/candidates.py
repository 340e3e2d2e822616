"""Candidates: for each film, the few others that may show the same radiograph."""

from __future__ import annotations

from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import groupby

import numpy as np
import numpy.typing as npt

from lucency.datasets.audit.film_patterns import Patterns
from lucency.datasets.audit.fingerprint import OWN_VIEWS, FloatArray, cut_views, search_views
from lucency.datasets.audit.ring_turns import best_correlation
from lucency.datasets.audit.view_index import IntArray, ViewIndex, distinct, indices_of

PER_FILM, PER_FILM_OF_FEW = 2, 6
"""Other films that one film is compared with, pixel by pixel; the latter where likeness says nothing."""
LIKENESS = 0.5
"""Fingerprints that are less alike are not followed up."""
NEAREST, TRIED_VIEWS = 8, 2
"""Films of which the rings themselves are compared, and for how many pairs of views each, at most."""
LIKENESS_IN_RANK = 0.5
"""Share of likeness that is added to the correlation of rings, when it is asked which of them are the likeliest."""

UNKNOWN = 0.6
"""Likeness of films too few to judge it by: what speaks neither for a copy nor, much, against it. It still
says which of them are the nearest."""

WHOLE_VIEWS = 12
"""Of the views that a film searches with; the others are cuts of it."""
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


@dataclass(frozen=True, slots=True)
class Near:
    """A film that is alike to another.

    Attributes:
        film: Its number.
        rank: How well rings fit and how alike fingerprints are, 0..1.5.
        views: At most `TRIED_VIEWS` pairs of views, those that fit best first.
    """

    film: int
    rank: float
    views: tuple[Candidate, ...]


def views_of(own: FloatArray) -> FloatArray:
    """Views that a film searches with.

    Args:
        own: float32 (6, 4), of `own_views`.

    Returns:
        float32 (42, 4), likewise.
    """
    return np.concatenate([search_views(own), cut_views(own)])


def find_near(
    patterns: Patterns, *, owner: IntArray, sets: IntArray, searchers: IntArray, workers: int
) -> list[list[Near]]:
    """The most alike films of other sets, for each face that searches.

    The fingerprints of views name a few films, and the rings themselves are asked, whose phases fingerprints leave out.

    Args:
        patterns: Of all F faces.
        owner: int64 (F,), the film that each face is of.
        sets: int64 (N,), the set of copies that each film belongs to. Only the first film of a set is found.
        searchers: int64 (S,), the faces that search.
        workers: Threads.

    Returns:
        For each searcher the films of at most `NEAREST` sets, the most alike first.
    """
    import faiss

    among = np.isin(owner, np.unique(sets, return_index=True)[1])
    kept = np.zeros(patterns.own.shape[:2], bool)
    kept[among] = distinct(patterns.views[among])
    whole, uncut = indices_of(patterns.own, kept)

    def search(start: int) -> list[list[Near]]:
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
        found: list[list[Near]] = []
        ends = np.searchsorted(near["row"], np.arange(1, len(block)))
        for face, some, shown in zip(block.tolist(), np.split(near, ends), waves, strict=True):
            found.append(_ranked(patterns, _films(face, some, owner, sets), shown))
        return found

    # Each thread would have faiss start as many of its own as there are processors.
    with ThreadPoolExecutor(workers, initializer=faiss.omp_set_num_threads, initargs=(1,)) as pool:
        return [one for found in pool.map(search, range(0, len(searchers), _BLOCK)) for one in found]


def _alike(index: ViewIndex, wanted: FloatArray, row: IntArray, view: IntArray) -> npt.NDArray[np.void]:
    """Pairs of views that are alike enough: the row of the searching face, its view, and the place that was found."""
    likeness, place = index.nearest(wanted)
    searching, nearest = np.nonzero(likeness >= LIKENESS)
    found = np.empty(len(searching), _NEAR)
    found["likeness"], found["place"] = likeness[searching, nearest], place[searching, nearest]
    found["row"], found["view"] = row[searching], view[searching]
    return found


def _films(face: int, near: npt.NDArray[np.void], owner: IntArray, sets: IntArray) -> dict[int, list[Candidate]]:
    """The films of the most alike views, each by its most alike pairs of views; `near` is sorted by likeness."""
    own = sets[owner[face]]
    films: dict[int, list[Candidate]] = {}
    for likeness, place, _, view in near.tolist():
        found, own_view = divmod(place, OWN_VIEWS)
        film = int(owner[found])
        if sets[film] == own:
            continue
        if film not in films:
            if len(films) == NEAREST:
                break
            films[film] = []
        if len(films[film]) < TRIED_VIEWS:
            films[film].append(Candidate(likeness, face, found, view, own_view))
    return films


def _ranked(patterns: Patterns, films: dict[int, list[Candidate]], waves: npt.NDArray[np.complex64]) -> list[Near]:
    """The same films in the same order, each by the views whose rings fit best."""
    if not films:
        return []
    pairs = [one for some in films.values() for one in some]
    alike = best_correlation(waves[[one.search_view for one in pairs]], _shown(patterns, pairs))
    near = []
    start = 0
    for film, some in films.items():
        fits = alike[start : start + len(some)]
        start += len(some)
        # The most alike views need not be those that fit best.
        likeness = some[0].likeness if patterns.projection else UNKNOWN
        order = np.argsort(-fits, kind="stable").tolist()
        views = (replace(some[place], likeness=likeness, choice=choice) for choice, place in enumerate(order))
        near.append(Near(film, float(fits.max()) + LIKENESS_IN_RANK * some[0].likeness, tuple(views)))
    return near


def _shown(patterns: Patterns, some: list[Candidate]) -> npt.NDArray[np.complex64]:
    """What the found views show; those of one face stand together."""
    shown = []
    for found, of_face in groupby(some, key=lambda one: one.found):
        shown.append(patterns.waves(found, patterns.views[found][[one.own_view for one in of_face]]))
    return np.concatenate(shown)


def likeliest(near: list[Near], *, film: int, sets: IntArray, most: int) -> list[Near]:
    """The most alike film, and those whose rings fit best; of a set of copies only the most alike, of its own none.

    Args:
        near: Films that are alike to it, the most alike first.
        film: Its number.
        sets: int64 (N,), the set of copies that each film belongs to.
        most: How many films.
    """
    others: dict[int, Near] = {}
    for one in near:
        others.setdefault(int(sets[one.film]), one)
    others.pop(int(sets[film]), None)
    chosen = list(others.values())
    # The most alike film stays first: corners that a turn left black spoil its rings more than their magnitudes.
    chosen[1:] = sorted(chosen[1:], key=lambda one: -one.rank)
    return chosen[:most]


def by_pair(chosen: dict[int, list[Near]]) -> dict[tuple[int, int], list[Candidate]]:
    """Candidates of each pair of films: the views that fit best first, and of these the more alike fingerprints.

    Args:
        chosen: Films that each film is laid on.
    """
    pairs: dict[tuple[int, int], list[Candidate]] = defaultdict(list)
    for film, near in chosen.items():
        for one in near:
            pairs[min(film, one.film), max(film, one.film)] += one.views
    return {
        pair: sorted(some, key=lambda one: (one.choice, -one.likeness, one.searcher, one.found))
        for pair, some in pairs.items()
    }
