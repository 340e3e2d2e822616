"""A pair that did not agree at first is laid on each other from other starts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from lucency.datasets.audit.alignment import Matrix
from lucency.datasets.audit.candidates import Candidate
from lucency.datasets.audit.film_patterns import Patterns
from lucency.datasets.audit.laid_pair import Laid, PairCheck
from lucency.datasets.audit.pair_check import Searcher

FOLLOWED, LEAST_ALIKE = 2, 0.9
"""Of all starts so many are followed to the detail: those from which outlines fit best, and so well at least."""
JUDGED = 1
"""Of these so many are compared closely: those that then fit best."""
TRIED_FINELY = 0.8
"""Likeness from which a pair is at last searched by its finest detail."""

_ENDS = np.array([[0, 160, 0, 160], [0, 0, 160, 160], [1, 1, 1, 1]], np.float64)
_SAME, _TRIED = 1.0, 3.0
"""Pixels of a thumbnail within which two maps by outlines are one; and within which one leads to where the first try
ended."""


def check_again(
    patterns: Patterns,
    contents: Sequence[npt.NDArray[np.uint8]],
    candidates: Sequence[Candidate],
    tried: Matrix,
) -> Iterator[tuple[Candidate, PairCheck]]:
    """Lays two films on each other by all their views, in both directions, but not where they were laid before.

    Args:
        patterns: Of all films.
        contents: uint8 (h, w) of all films.
        candidates: Of one pair of films; the first was tried from where its outlines fit best.
        tried: float64 (2, 3), where that ended: place on the searcher -> place on the found film.

    Yields:
        One answer after the other, and for which candidate; nothing where no start leads anywhere else.
    """
    first = candidates[0]
    searchers = {one.searcher: Searcher(patterns, one.searcher, contents) for one in candidates}
    new: list[Laid] = []
    for candidate in candidates:
        for one in searchers[candidate.searcher].outlines(candidate, searched=candidate is not first):
            if one.alike < LEAST_ALIKE or _lie_alike(one, first, tried, _TRIED):
                continue
            if not any(_lie_alike(one, other.seen.candidate, other.onto, _SAME) for other in new):
                new.append(one)
    new.sort(key=lambda one: -one.alike)
    detailed = [searchers[one.seen.candidate.searcher].by_detail(one) for one in new[:FOLLOWED]]
    if first.likeness >= TRIED_FINELY:
        detailed.append(searchers[first.searcher].finely(first))
    hopeful = sorted((one for one in detailed if isinstance(one, Laid)), key=lambda one: -one.alike)
    for one in hopeful[:JUDGED]:
        yield one.seen.candidate, searchers[one.seen.candidate.searcher].judge(one)


def _lie_alike(one: Laid, other: Candidate, onto: Matrix, apart: float) -> bool:
    """Whether two maps of a pair take all of a film to nearly the same place."""
    ours = one.seen.candidate
    if (ours.searcher, ours.found) == (other.found, other.searcher):
        onto = _inverse(onto)
    elif (ours.searcher, ours.found) != (other.searcher, other.found):
        return False
    return bool(np.abs((one.onto - onto) @ _ENDS).max() < apart)


def _inverse(matrix: Matrix) -> Matrix:
    return np.asarray(np.linalg.inv(np.vstack([matrix, [0, 0, 1]]))[:2])
