"""What is to be compared, pair by pair, here or in another process."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from lucency.datasets.audit.alignment import Matrix
from lucency.datasets.audit.candidates import Candidate
from lucency.datasets.audit.film_patterns import Patterns
from lucency.datasets.audit.films_again import FilmsAgain
from lucency.datasets.audit.laid_pair import PairCheck
from lucency.datasets.audit.pair_again import check_again
from lucency.datasets.audit.pair_check import Searcher
from lucency.datasets.audit.second_look import second_look

Contents = Sequence[npt.NDArray[np.uint8]]
Checked = list[tuple[Candidate, PairCheck]]

_NOT_LAID = (cv2.error, np.linalg.LinAlgError)
"""Films that no map can lay on each other, such as ones without any detail, are no copies."""


@dataclass(frozen=True)
class First:
    """Candidates of one searcher, to be laid on it. At least one."""

    candidates: list[Candidate]


@dataclass(frozen=True)
class Again:
    """All candidates of one pair of films, which did not agree when they were laid on each other by the first.

    Attributes:
        candidates: At least one.
        tried: float64 (2, 3), where that ended.
    """

    candidates: list[Candidate]
    tried: Matrix


def answers_to(job: First | Again, patterns: Patterns, contents: Contents, films: FilmsAgain) -> Checked:
    """Does one job.

    Args:
        job: What to compare.
        patterns: Of all films.
        contents: uint8 (h, w) of all films.
        films: The same films, larger.

    Returns:
        An answer for each candidate of a `First`; for an `Again` one after the other until the films agree.
    """
    if isinstance(job, Again):
        return _again(job, patterns, contents, films)
    searcher = Searcher(patterns, job.candidates[0].searcher, contents)
    results: Checked = []
    for one in job.candidates:
        try:
            results.append((one, second_look(one, searcher.check(one), films)))
        except _NOT_LAID:
            results.append((one, PairCheck(0.0, False, np.eye(2, 3), False)))
    return results


def _again(job: Again, patterns: Patterns, contents: Contents, films: FilmsAgain) -> Checked:
    results: Checked = []
    try:
        for one, checked in check_again(patterns, contents, job.candidates, job.tried):
            results.append((one, second_look(one, checked, films)))
            if results[-1][1].copies:
                break
    except _NOT_LAID:
        pass
    return results
