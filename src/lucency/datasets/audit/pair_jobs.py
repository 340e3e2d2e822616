"""What is to be compared: candidates of one searcher, here or in another process."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import numpy.typing as npt

from lucency.datasets.audit.candidates import Candidate
from lucency.datasets.audit.film_patterns import Patterns
from lucency.datasets.audit.films_again import FilmsAgain
from lucency.datasets.audit.laid_pair import PairCheck
from lucency.datasets.audit.pair_check import Searcher
from lucency.datasets.audit.second_look import second_look

Contents = Sequence[npt.NDArray[np.uint8]]
Checked = list[tuple[Candidate, PairCheck]]

_NOT_LAID = (cv2.error, np.linalg.LinAlgError)
"""Raised by films that no map can lay on each other, such as ones without any detail: those are no copies."""


def answers_to(job: list[Candidate], patterns: Patterns, contents: Contents, films: FilmsAgain) -> Checked:
    """Compares the candidates of one searcher with it.

    Args:
        job: At least one candidate, all of one searcher.
        patterns: Of all films.
        contents: uint8 (h, w) of all films.
        films: The same films, larger.
    """
    searcher = Searcher(patterns, job[0].searcher, contents)
    results: Checked = []
    for one in job:
        try:
            results.append((one, second_look(one, searcher.check(one), films)))
        except _NOT_LAID:
            results.append((one, PairCheck(0.0, False, np.eye(2, 3), False)))
    return results
