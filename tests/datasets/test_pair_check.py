"""What decides whether two films that were laid on each other are copies."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from lucency.datasets.audit.candidates import Candidate
from lucency.datasets.audit.film_frame import faces_of
from lucency.datasets.audit.film_patterns import describe
from lucency.datasets.audit.pair_check import SURE, PairCheck, Searcher

from .copied_films import Grey, survey_of

HEIGHT, WIDTH = 240, 200


@pytest.fixture(scope="module")
def texture() -> Grey:
    noise = cv2.GaussianBlur(np.random.default_rng(5).normal(0, 1, (2 * HEIGHT, WIDTH)), (0, 0), 3)
    return np.rint(255 * (noise - noise.min()) / np.ptp(noise)).astype(np.uint8)


def laid(texture: Grey, lower: int) -> PairCheck:
    """A window of the texture, and one that begins so many rows lower, told where they have a place in common."""
    survey = survey_of([texture[:HEIGHT], texture[lower : lower + HEIGHT]])
    contents = [faces_of(thumb, HEIGHT, WIDTH)[0].content for thumb in survey.thumbs]
    patterns = describe(contents, searchers=np.arange(2), workers=1)
    scale, middle = 160 / HEIGHT, (lower + HEIGHT) / 2
    radius = scale * (HEIGHT - lower) / 2
    for film, row in enumerate((middle, middle - lower)):
        patterns.views[film, 0] = scale * WIDTH / 2, scale * row, radius, radius
    return Searcher(patterns, 0, contents).check(Candidate(0.95, 0, 1, search_view=0, own_view=0))


def test_films_that_share_most_of_what_they_show_are_copies(texture):
    found = laid(texture, HEIGHT // 4)
    assert found.copies
    assert found.onto == pytest.approx(np.array([[1, 0, 0], [0, 1, -160 / 4]]), abs=1)


def test_films_that_share_a_third_agree_there_and_are_no_copies(texture):
    found = laid(texture, 2 * HEIGHT // 3)
    assert found.score > SURE
    assert not found.copies
