"""Which films are laid on each other, and in which order."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from lucency.datasets.audit.candidates import (
    _NEAR,
    LIKENESS,
    NEAREST,
    PER_FILM,
    PER_FILM_OF_FEW,
    UNKNOWN,
    Candidate,
    _alike,
    _films,
    by_pair,
    find_near,
    likeliest,
)
from lucency.datasets.audit.film_patterns import Patterns, describe
from lucency.datasets.audit.fingerprint import OWN_VIEWS, own_views, search_views
from lucency.datasets.audit.near_copies import _blocks, _crowded
from lucency.datasets.audit.view_index import ViewIndex, distinct


def near(alike: list[float]) -> list[Candidate]:
    """The films that film 0 meets among others that are so alike to it, in each of their views."""
    films = len(alike) + 1
    own = np.zeros((films, OWN_VIEWS, films + 1), np.float32)
    for film, likeness in enumerate(alike, start=1):
        own[film, :, 0], own[film, :, film] = likeness, np.sqrt(1 - likeness**2)
    own[0, :, 0] = 1
    wanted = np.zeros((1, films + 1), np.float32)
    wanted[:, 0] = 1
    index = ViewIndex(own, np.ones(own.shape[:2], bool), 32)
    found = _alike(index, wanted, np.array([0]), np.array([7]), LIKENESS)
    every = np.arange(films)
    return _films(0, found[np.argsort(-found["likeness"], kind="stable")], every, every)


def test_the_most_alike_films_are_met_by_the_best_of_their_views() -> None:
    found = near([0.5, 0.9, 0.55, LIKENESS - 0.01])
    assert [one.found for one in found] == [2, 3, 1]
    assert {one.search_view for one in found} == {7}
    assert [one.likeness for one in found] == pytest.approx([0.9, 0.55, 0.5])


def test_no_more_films_are_met_than_are_kept() -> None:
    films = np.arange(1, 21)
    found = np.zeros(20, _NEAR)
    found["likeness"], found["place"] = np.linspace(0.9, 0.5, 20), films[::-1] * OWN_VIEWS
    some = _films(0, found, np.arange(21), np.arange(21))
    assert [one.found for one in some] == list(range(20, 20 - NEAREST, -1))


def texture(seed: int) -> np.ndarray:
    plane = cv2.GaussianBlur(np.random.default_rng(seed).normal(0, 1, (160, 128)), (0, 0), 3)
    return np.rint(np.clip(128 + 200 * plane / np.ptp(plane), 0, 255)).astype(np.uint8)


def found_among(contents: list[np.ndarray]) -> tuple[Patterns, list[Candidate], list[Candidate]]:
    """What the first film is laid on, as its views and as its keypoints say."""
    patterns = describe(contents, workers=1)
    every = np.arange(len(contents))
    (near,) = find_near(patterns, owner=every, sets=every, searchers=every[:1], workers=2)
    most = PER_FILM if patterns.projection else PER_FILM_OF_FEW
    by_views, by_points = (
        likeliest(some, film=0, owner=every, sets=every, most=most) for some in (near.by_views, near.by_points)
    )
    return patterns, by_views, by_points


def test_a_film_with_two_sides_cut_away_is_the_first_that_its_keypoints_find() -> None:
    whole = texture(0)
    cut = cv2.resize(whole[14:, 15:], (128, 160), interpolation=cv2.INTER_AREA)
    patterns, by_views, by_points = found_among([whole, *(texture(seed) for seed in range(1, 12)), cut])
    assert patterns.projection is None
    assert len(by_views) <= PER_FILM_OF_FEW
    assert by_points[0] == Candidate(UNKNOWN, 0, 12, 0, 0)


def test_of_many_films_few_are_laid_on_each_other() -> None:
    contents = [texture(seed) for seed in range(180)]
    first = contents[0]
    changed = [np.rot90(first), first[::-1], 255 - first, first[:, ::-1], np.rot90(first, 3)]
    patterns, *ways = found_among([*contents, *(np.ascontiguousarray(film) for film in changed)])
    assert patterns.projection is not None
    for found in ways:
        assert len(found) == PER_FILM < len(changed)
        assert {one.found for one in found} <= set(range(180, 185))
    assert ways[0][0].likeness > 0.9
    # Of keypoints it is not known how alike a copy's are.
    assert {one.likeness for one in ways[1]} == {UNKNOWN}


def test_films_without_a_keypoint_are_found_by_their_views() -> None:
    plain = np.full((160, 128), 90, np.uint8)
    patterns, _, by_points = found_among([plain, plain.copy(), texture(1)])
    assert patterns.counts.tolist()[:2] == [0, 0]
    assert by_points == []


def test_a_film_is_not_its_own_candidate_by_another_face() -> None:
    contents = [texture(0), texture(0), texture(0)[::-1].copy()]
    patterns = describe(contents, workers=1)
    every, owner = np.arange(3), np.array([0, 0, 1])
    (near,) = find_near(patterns, owner=owner, sets=every[:2], searchers=every[:1], workers=1)
    assert [one.found for one in near.by_views] == [2]
    assert [one.found for one in near.by_points] == [2]


def test_of_sets_the_first_films_are_found_and_of_the_own_set_none() -> None:
    contents = [texture(0), *(np.ascontiguousarray(np.rot90(texture(seed), k)) for seed in (0, 1) for k in range(3))]
    patterns = describe(contents, workers=1)
    every = np.arange(7)
    sets = np.array([0, 0, 0, 3, 4, 4, 4])
    (near,) = find_near(patterns, owner=every, sets=sets, searchers=every[1:2], workers=1)
    assert [one.found for one in near.by_views] == [3, 4]
    assert near.by_points[0].found == 3
    assert {one.found for one in near.by_points} <= {3, 4}


def test_of_a_pair_the_most_alike_views_are_taken_whichever_film_searched() -> None:
    # Film 0 has the faces 0 and 1.
    owner = np.array([0, 0, 1, 2])
    found = [Candidate(0.7, 2, 1, 5, 5), Candidate(0.9, 0, 2, 3, 4), Candidate(0.6, 2, 0), Candidate(0.5, 3, 2, 1, 1)]
    assert by_pair(found, owner) == {(0, 1): found[1], (1, 2): found[3]}
    assert by_pair(found[::-1], owner) == by_pair(found, owner)


def test_of_each_set_the_most_alike_film_is_chosen() -> None:
    near = [Candidate(0.9 - 0.01 * place, 0, film) for place, film in enumerate((5, 1, 2, 3, 4, 6))]
    alone = np.arange(7)

    def chosen(some: list[Candidate], sets: np.ndarray, most: int) -> list[int]:
        return [one.found for one in likeliest(some, film=0, owner=alone, sets=sets, most=most)]

    assert chosen(near, alone, 3) == [5, 1, 2]
    assert chosen(near, alone, 9) == [5, 1, 2, 3, 4, 6]
    # Film 5 is a copy of the film itself, and 1, 2 and 3 are copies of each other.
    sets = np.array([0, 1, 1, 1, 4, 0, 6])
    assert chosen(near, sets, 3) == [1, 4, 6]
    assert chosen(near[:1], sets, 3) == []


def test_films_that_met_their_own_copies_or_one_set_twice_look_on_a_few_of_each_set() -> None:
    # Films 0 to 6 are copies; 9 and 10 too.
    sets = np.array([0] * 7 + [7, 8, 9, 9, 11])

    def met(*films: int) -> list[Candidate]:
        return [Candidate(0.9, 0, film) for film in films]

    crowded = {film: [met((film + 1) % 7), []] for film in range(7)} | {8: [[], met(9, 10)]}
    # Met by views and by keypoints, a film counts in each.
    alone = {7: [met(8, 9), met(10)], 11: [met(9), met(9)]}
    assert _crowded(alone, np.arange(12), sets) == []
    assert _crowded(crowded | alone, np.arange(12), sets) == [0, 1, 2, 3, 8]


def test_a_view_counts_once() -> None:
    black = np.zeros((160, 128), np.uint8)
    framed = black.copy()
    framed[20:140, 10:118] = texture(0)[20:140, 10:118]
    square = texture(0)[:128]
    views = np.stack([own_views(film, np.ones((80, 64), np.float32)) for film in (texture(0), framed, square)])
    # Without bars the third and fourth are the first and second again; of a square film the second is the first.
    assert distinct(views).astype(int).tolist() == [[1, 1, 0, 0, 1, 1], [1, 1, 1, 1, 1, 1], [1, 0, 0, 0, 1, 1]]


def test_only_views_that_may_be_found_are() -> None:
    kept = np.array([[1, 1, 1, 1, 1, 0], [1, 0, 0, 0, 1, 1], [0, 0, 0, 0, 0, 0]], bool)
    own = np.eye(18, dtype=np.float32).reshape(3, OWN_VIEWS, 18)
    likeness, place = ViewIndex(own, kept, 32).nearest(own.reshape(-1, 18))
    assert np.flatnonzero((likeness == 1).any(axis=1)).tolist() == [0, 1, 2, 3, 4, 6, 10, 11]
    assert sorted(set(place[likeness == 1].tolist())) == [0, 1, 2, 3, 4, 6, 10, 11]


def test_own_views_are_as_many_as_are_said() -> None:
    views = own_views(texture(0), np.zeros((80, 64), np.float32))
    assert len(views) == OWN_VIEWS
    assert len(search_views(views)) == 12


def test_an_inverted_file_and_more_threads_find_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    contents = [texture(seed) for seed in range(60)]
    contents += [np.ascontiguousarray(film[:, ::-1]) for film in contents]
    patterns = describe(contents, workers=1)
    every = np.arange(len(contents))
    alone = find_near(patterns, owner=every, sets=every, searchers=every, workers=1)
    assert all(one.by_views and one.by_points for one in alone)
    assert find_near(patterns, owner=every, sets=every, searchers=every, workers=3) == alone
    monkeypatch.setattr("lucency.datasets.audit.view_index._EXACT", 100)
    cells = find_near(patterns, owner=every, sets=every, searchers=every, workers=2)
    assert sum(near.by_views[0].found == (film + 60) % 120 for film, near in enumerate(cells)) >= 118
    assert sum(near.by_points[0].found == (film + 60) % 120 for film, near in enumerate(cells)) >= 118


@pytest.mark.parametrize("likely", [0, 1, 2000, 13_000])
def test_every_pair_stands_in_one_block_the_likeliest_in_the_first(likely: int) -> None:
    chance = np.random.default_rng(likely)
    alike = np.concatenate([chance.uniform(0.7, 1, likely), chance.uniform(0.46, 0.69, 4500)])
    pairs = {
        (int(number), 20_000 + int(number)): Candidate(float(one), int(number) % 700, 0)
        for number, one in enumerate(chance.permutation(alike))
    }
    order = sorted(pairs, key=lambda pair: -pairs[pair].likeness)
    blocks = list(_blocks(order, pairs))
    assert sorted(pair for block in blocks for pair in block) == sorted(pairs)
    sizes = [len(block) for block in blocks]
    assert max(sizes) <= 4000
    if likely > 2000:
        assert blocks[0] == order[:2000]
        assert sizes[:4] == [2000, 4000, 4000, 3000]
    # The unlikely ones come searcher by searcher.
    rest = [pairs[pair] for block in blocks for pair in block if pairs[pair].likeness < 0.7]
    assert [one.searcher for one in rest] == sorted(one.searcher for one in rest)
