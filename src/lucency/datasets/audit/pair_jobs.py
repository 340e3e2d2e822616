"""What is to be compared, pair by pair, here or in another process."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lucency.datasets.audit.alignment import Matrix
from lucency.datasets.audit.candidates import Candidate
from lucency.datasets.audit.film_patterns import Patterns
from lucency.datasets.audit.films_again import FilmsAgain
from lucency.datasets.audit.laid_pair import PairCheck
from lucency.datasets.audit.pair_again import NOT_LAID, check_again
from lucency.datasets.audit.pair_check import Searcher
from lucency.datasets.audit.second_look import second_look

Contents = Sequence[npt.NDArray[np.uint8]]
Checked = list[tuple[Candidate, PairCheck]]


@dataclass(frozen=True)
class First:
    """Candidates of one searcher, to be laid on it. At least one."""

    candidates: list[Candidate]


@dataclass(frozen=True)
class Again:
    """All candidates of one pair of films, which did not agree when they were laid on each other by the first.

    Attributes:
        candidates: At least one.
        tried: float64 (2, 3), where they were compared then; None where they were given up on the way.
    """

    candidates: list[Candidate]
    tried: Matrix | None


def answers_to(job: First | Again, patterns: Patterns, contents: Contents, films: FilmsAgain) -> Checked:
    """Does one job.

    Args:
        job: What to compare.
        patterns: Of all films.
        contents: uint8 (h, w) of all films.
        films: The same films, larger.

    Returns:
        An answer for each candidate of a `First`; for an `Again` one, or none where there is nothing new to try.
    """
    if isinstance(job, Again):
        answer = check_again(patterns, contents, job.candidates, job.tried)
        return [] if answer is None else [(answer[0], second_look(*answer, films))]
    searcher = Searcher(patterns, job.candidates[0].searcher, contents)
    results: Checked = []
    for one in job.candidates:
        try:
            results.append((one, second_look(one, searcher.check(one), films)))
        except NOT_LAID:
            results.append((one, PairCheck(0.0, False, np.eye(2, 3), False)))
    return results
