"""Which films are laid on each other, and in which order."""

from __future__ import annotations

import numpy as np
import pytest

from lucency.datasets.audit.candidates import FIRST, PER_FILM, PER_FILM_OF_FEW, Candidate, find_candidates
from lucency.datasets.audit.fingerprint import OWN_VIEWS
from lucency.datasets.audit.near_copies import _blocks


def found(alike: list[float], *, learnt: bool = True) -> list[Candidate]:
    """What a film finds among others that are so alike to it."""
    films = len(alike) + 1
    own = np.zeros((films, OWN_VIEWS, films + 1), np.float32)
    for film, likeness in enumerate(alike, start=1):
        own[film, :, 0], own[film, :, film] = likeness, np.sqrt(1 - likeness**2)
    own[0, :, films] = 1
    searching = np.zeros((films, 1, films + 1), np.float16)
    searching[:, 0, 0] = 1
    every = np.arange(films)
    return find_candidates(own, searching, owner=every, searchers=every[:1], among=every, learnt=learnt)


def test_a_fourth_film_is_looked_at_only_if_it_is_rather_alike() -> None:
    assert [one.found for one in found([0.5, 0.9, 0.55, 0.52])] == [2, 3, 4]
    assert [one.found for one in found([0.7, 0.9, 0.8, 0.65])] == [2, 3, 1, 4]
    assert len(found([0.9, 0.88, 0.86, 0.84, 0.82, 0.8])) == PER_FILM


def test_films_that_are_hardly_alike_are_not_looked_at() -> None:
    assert [one.found for one in found([0.3, 0.5, 0.45])] == [2]


def test_where_likeness_says_nothing_more_films_are_looked_at() -> None:
    assert len(found([0.1 * number for number in range(1, 9)], learnt=False)) == PER_FILM_OF_FEW > PER_FILM > FIRST


@pytest.mark.parametrize("likely", [0, 1, 2000, 13_000])
def test_every_pair_stands_in_one_block_the_likeliest_in_the_first(likely: int) -> None:
    chance = np.random.default_rng(likely)
    alike = np.concatenate([chance.uniform(0.7, 1, likely), chance.uniform(0.46, 0.69, 4500)])
    pairs = {
        (int(number), 20_000 + int(number)): [Candidate(float(one), int(number) % 700, 0, 0, 0)]
        for number, one in enumerate(chance.permutation(alike))
    }
    order = sorted(pairs, key=lambda pair: -pairs[pair][0].likeness)
    blocks = list(_blocks(order, pairs))
    assert sorted(pair for block in blocks for pair in block) == sorted(pairs)
    sizes = [len(block) for block in blocks]
    assert max(sizes) <= 4000
    if likely > 2000:
        assert blocks[0] == order[:2000]
        assert sizes[:4] == [2000, 4000, 4000, 3000]
    # The unlikely ones come searcher by searcher.
    rest = [pairs[pair][0] for block in blocks for pair in block if pairs[pair][0].likeness < 0.7]
    assert [one.searcher for one in rest] == sorted(one.searcher for one in rest)
