"""A second look at pairs that thumbnails leave open: the films themselves are compared, larger."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np

from lucency.datasets.audit.candidates import Candidate
from lucency.datasets.audit.close_comparison import compare_closely
from lucency.datasets.audit.films_again import FilmsAgain
from lucency.datasets.audit.laid_pair import LIKENESS_COUNTS, LIKENESS_HOPES, RARE_LIKENESS, PairCheck, credit
from lucency.datasets.audit.pair_check import LEAST, OVERLAP

BEYOND_DOUBT, PROBABLE, POSSIBLE = 0.9, 0.72, 0.55
"""Agreement, likeness counted in, under which copies are compared again on the films themselves, and from which others
are: the last where thumbnails say little, of films that stand on a ground or are as alike as `RARE_LIKENESS`."""
LEAST_LARGER = 1.3
"""Pixels for one of the thumbnail's from which that is worth while."""
SMALL_ON_GROUND = 1.15
"""Times that a film on a ground was enlarged when it was cut out, from which its thumbnail says too little."""
LARGE_SCALES = (3.0, 2.0)
UNLIKE_LARGE = (0.5, 0.48)
"""Correlation, likeness counted in, under which larger films are given up, at each of these scales."""
LARGE_LIKENESS = (1.0, 0.2)
"""As `LIKENESS_COUNTS`, of the larger films, whose detail is finer."""
SURE_LARGE, SURE_UNTOLD = 0.84, 0.77
"""As `SURE`; two takes of one limb, in one pose, come near the former. The latter, where thumbnails say little.
How much of the detail is shared is not asked again: a crop may share less of it on the larger film."""


def second_look(candidate: Candidate, checked: PairCheck, films: FilmsAgain) -> PairCheck:
    """Compares the films themselves, where their thumbnails leave it open whether they are copies.

    Args:
        candidate: The pair.
        checked: What their thumbnails gave.
        films: All films, to be read again.

    Returns:
        The answer of the films; that of the thumbnails where it is beyond doubt, or where a film cannot be read again
        or is hardly larger than its thumbnail.
    """
    if not _left_open(candidate, checked, films):
        return checked
    one, two = films.content(candidate.searcher), films.content(candidate.found)
    if one is None or two is None:
        return checked
    (here, size), (there, other_size) = one, two
    if min(size, other_size) < LEAST_LARGER:
        return checked
    onto = np.column_stack([checked.onto[:, :2] * (other_size / size), checked.onto[:, 2] * other_size])
    sign = np.float32(-1 if checked.inverted else 1)
    hopes = credit(candidate.likeness, LIKENESS_HOPES)
    unlike = [least - hopes for least in UNLIKE_LARGE]
    try:
        _, agreement = compare_closely(here, there, onto, sign=sign, around=LARGE_SCALES, unlike=unlike)
    except (cv2.error, np.linalg.LinAlgError):
        return checked
    if agreement is None:
        return replace(checked, copies=False)
    sure = SURE_UNTOLD if _told_little(candidate, films) else SURE_LARGE
    least = max(sure - credit(candidate.likeness, LARGE_LIKENESS), LEAST)
    if agreement.score < least or agreement.overlap < OVERLAP:
        return replace(checked, copies=False)
    return replace(checked, copies=True, score=max(checked.score, agreement.score))


def _left_open(candidate: Candidate, checked: PairCheck, films: FilmsAgain) -> bool:
    stands = checked.score + credit(candidate.likeness, LIKENESS_COUNTS)
    if checked.copies:
        return stands < BEYOND_DOUBT
    if _told_little(candidate, films):
        return stands >= POSSIBLE
    return checked.thorough and stands >= PROBABLE


def _told_little(candidate: Candidate, films: FilmsAgain) -> bool:
    """Whether thumbnails may hide a copy: of a film that was cut out of a wide ground they show few pixels."""
    hidden = max(films.zoom(candidate.searcher), films.zoom(candidate.found)) >= SMALL_ON_GROUND
    return hidden or candidate.likeness >= RARE_LIKENESS
