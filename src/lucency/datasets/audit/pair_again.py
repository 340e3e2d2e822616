"""A pair that did not agree at first is laid on each other from other starts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

import cv2
import numpy as np
import numpy.typing as npt

from lucency.datasets.audit.alignment import Matrix, inverse
from lucency.datasets.audit.candidates import Candidate
from lucency.datasets.audit.film_patterns import Patterns
from lucency.datasets.audit.laid_pair import Laid, PairCheck
from lucency.datasets.audit.pair_check import Searcher

Result = TypeVar("Result")

FOLLOWED, LEAST_ALIKE = 2, 0.9
"""Of all starts so many are followed to the detail: those from which outlines fit best, and so well at least."""
TRIED_FINELY = 0.8
"""Likeness from which a pair is searched by its fine detail too."""
NOT_LAID = (cv2.error, np.linalg.LinAlgError)
"""Raised by films that no map can lay on each other, such as ones without any detail: those are no copies."""

_ENDS = np.array([[0, 160, 0, 160], [0, 0, 160, 160], [1, 1, 1, 1]], np.float64)
_SAME, _LEADS_THERE = 1.0, 3.0
"""Pixels of a thumbnail within which two maps are one; and within which one by outlines leads to one by detail."""


def check_again(
    patterns: Patterns,
    contents: Sequence[npt.NDArray[np.uint8]],
    candidates: Sequence[Candidate],
    tried: Matrix | None,
) -> tuple[Candidate, PairCheck] | None:
    """Lays two films on each other by all their views, in both directions, but not where they were compared before.

    Args:
        patterns: Of all films.
        contents: uint8 (h, w) of all films.
        candidates: Of one pair of films; the first was tried from where its outlines fit best.
        tried: float64 (2, 3), where they were compared then: place on the searcher -> place on the found film; None
            where they were given up on the way.

    Returns:
        Of the starts that led elsewhere the most promising: its candidate, and the answer. None where there is none.
    """
    first = candidates[0]
    searchers = {one.searcher: Searcher(patterns, one.searcher, contents) for one in candidates}

    def by_outlines(candidate: Candidate) -> list[Laid]:
        return searchers[candidate.searcher].outlines(candidate, searched=candidate is not first)

    def was_tried(one: Laid, apart: float) -> bool:
        return tried is not None and _lie_alike(one, first, tried, apart)

    new: list[Laid] = []
    for candidate in candidates:
        for one in _unless_failing(by_outlines, candidate) or ():
            known = any(_lie_alike(one, other.seen.candidate, other.onto, _SAME) for other in new)
            if one.alike >= LEAST_ALIKE and not known and not was_tried(one, _LEADS_THERE):
                new.append(one)
    new.sort(key=lambda one: -one.alike)
    detailed = [_unless_failing(_searcher_of(one, searchers).by_detail, one) for one in new[:FOLLOWED]]
    if first.likeness >= TRIED_FINELY:
        detailed.append(_unless_failing(searchers[first.searcher].finely, first))
    hopeful = [one for one in detailed if isinstance(one, Laid) and not was_tried(one, _SAME)]
    if not hopeful:
        return None
    best = max(hopeful, key=lambda one: one.alike)
    answer = _unless_failing(_searcher_of(best, searchers).judge, best)
    return None if answer is None else (best.seen.candidate, answer)


def _searcher_of(laid: Laid, searchers: dict[int, Searcher]) -> Searcher:
    return searchers[laid.seen.candidate.searcher]


def _unless_failing(look: Callable[..., Result], at: Candidate | Laid) -> Result | None:
    """What a look gives; None where the films cannot be laid on each other so."""
    try:
        return look(at)
    except NOT_LAID:
        return None


def _lie_alike(one: Laid, other: Candidate, onto: Matrix, apart: float) -> bool:
    """Whether two maps of a pair take all of a film to nearly the same place."""
    ours = one.seen.candidate
    if (ours.searcher, ours.found) == (other.found, other.searcher):
        onto = inverse(onto)
    elif (ours.searcher, ours.found) != (other.searcher, other.found):
        return False
    return bool(np.abs((one.onto - onto) @ _ENDS).max() < apart)
