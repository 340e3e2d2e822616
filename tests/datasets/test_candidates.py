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
    TRIED_VIEWS,
    WHOLE_VIEWS,
    Candidate,
    Near,
    _alike,
    _films,
    _ranked,
    by_pair,
    find_near,
    likeliest,
    views_of,
)
from lucency.datasets.audit.film_patterns import Patterns, describe
from lucency.datasets.audit.fingerprint import OWN_VIEWS, RINGS, SAMPLES, own_views, ring_waves, search_views
from lucency.datasets.audit.near_copies import _blocks, _crowded
from lucency.datasets.audit.ring_turns import best_correlation, turn_between
from lucency.datasets.audit.view_index import distinct, indices_of


def near(alike: list[float]) -> list[list[Candidate]]:
    """The films that film 0 meets among others that are so alike to it, in each of their views."""
    films = len(alike) + 1
    own = np.zeros((films, OWN_VIEWS, films + 1), np.float32)
    for film, likeness in enumerate(alike, start=1):
        own[film, :, 0], own[film, :, film] = likeness, np.sqrt(1 - likeness**2)
    own[0, :, 0] = 1
    wanted = np.zeros((1, films + 1), np.float32)
    wanted[:, 0] = 1
    whole, _ = indices_of(own, np.ones(own.shape[:2], bool))
    found = _alike(whole, wanted, np.array([0]), np.array([7]))
    every = np.arange(films)
    return list(_films(0, found[np.argsort(-found["likeness"], kind="stable")], every, every).values())


def test_the_most_alike_films_are_met_by_the_best_of_their_views() -> None:
    found = near([0.5, 0.9, 0.55, LIKENESS - 0.01])
    assert [some[0].found for some in found] == [2, 3, 1]
    assert [len(some) for some in found] == [TRIED_VIEWS] * 3
    assert {one.search_view for some in found for one in some} == {7}
    assert all(some[0].likeness == pytest.approx(value) for some, value in zip(found, [0.9, 0.55, 0.5], strict=True))


def test_no_more_films_are_met_than_are_compared_by_their_rings() -> None:
    films = np.arange(1, 21)
    found = np.zeros(20, _NEAR)
    found["likeness"], found["place"] = np.linspace(0.9, 0.5, 20), films[::-1] * OWN_VIEWS
    found = _films(0, found, np.arange(21), np.arange(21))
    assert list(found) == [some[0].found for some in found.values()] == list(range(20, 20 - NEAREST, -1))


def texture(seed: int) -> np.ndarray:
    plane = cv2.GaussianBlur(np.random.default_rng(seed).normal(0, 1, (160, 128)), (0, 0), 3)
    return np.rint(np.clip(128 + 200 * plane / np.ptp(plane), 0, 255)).astype(np.uint8)


def found_among(contents: list[np.ndarray]) -> tuple[Patterns, list[Candidate]]:
    patterns = describe(contents, workers=1)
    every = np.arange(len(contents))
    (near,) = find_near(patterns, owner=every, sets=every, searchers=every[:1], workers=2)
    most = PER_FILM if patterns.projection else PER_FILM_OF_FEW
    return patterns, [view for one in likeliest(near, film=0, sets=every, most=most) for view in one.views]


def test_a_film_with_a_side_cut_away_is_the_first_that_is_found() -> None:
    whole = texture(0)
    cut = cv2.resize(whole[:, 11:], (128, 160), interpolation=cv2.INTER_AREA)
    patterns, found = found_among([whole, *(texture(seed) for seed in range(1, 12)), cut])
    assert patterns.projection is None
    assert len({one.found for one in found}) == PER_FILM_OF_FEW
    assert found[0].found == 12
    assert found[0].search_view >= WHOLE_VIEWS
    # The view that was cut like the film lies where the cut film's own frame does.
    view = views_of(patterns.views[0])[found[0].search_view]
    assert view == pytest.approx([(11 + 128) / 2, 80, (128 - 11) / 2, 80], abs=2)


def test_of_many_films_few_are_laid_on_each_other() -> None:
    contents = [texture(seed) for seed in range(180)]
    first = contents[0]
    changed = [np.rot90(first), first[::-1], 255 - first, first[:, ::-1], np.rot90(first, 3)]
    patterns, found = found_among([*contents, *(np.ascontiguousarray(film) for film in changed)])
    assert patterns.projection is not None
    assert len({one.found for one in found}) == PER_FILM < len(changed)
    assert max(sum(one.found == film for one in found) for film in range(180, 185)) <= TRIED_VIEWS
    assert {one.found for one in found} <= set(range(180, 185))
    assert found[0].likeness > 0.9


def test_a_film_is_not_its_own_candidate_by_another_face() -> None:
    contents = [texture(0), texture(0), texture(0)[::-1].copy()]
    patterns = describe(contents, workers=1)
    every, owner = np.arange(3), np.array([0, 0, 1])
    ((near,),) = find_near(patterns, owner=owner, sets=every[:2], searchers=every[:1], workers=1)
    assert near.film == 1
    assert {one.found for one in near.views} == {2}
    assert [one.choice for one in near.views] == [0, 1]


def test_of_sets_the_first_films_are_found_and_of_the_own_set_none() -> None:
    contents = [texture(0), *(np.ascontiguousarray(np.rot90(texture(seed), k)) for seed in (0, 1) for k in range(3))]
    patterns = describe(contents, workers=1)
    every = np.arange(7)
    sets = np.array([0, 0, 0, 3, 4, 4, 4])
    (near,) = find_near(patterns, owner=every, sets=sets, searchers=every[1:2], workers=1)
    assert [one.film for one in near] == [3, 4]


def test_of_a_pair_the_views_that_fit_best_come_first() -> None:
    found = [
        Candidate(0.9, 0, 2, 3, 4, choice=1),
        Candidate(0.7, 2, 1, 1, 2),
        Candidate(0.7, 2, 1, 5, 5, choice=1),
        Candidate(0.9, 0, 2, 0, 0),
    ]
    chosen = {0: [Near(1, 1.0, (found[3], found[0]))], 1: [Near(0, 0.8, (found[1], found[2]))]}
    assert by_pair(chosen) == {(0, 1): [found[3], found[1], found[0], found[2]]}


def test_of_each_set_the_most_alike_film_is_chosen_and_then_those_that_fit_best() -> None:
    near = [Near(film, rank, ()) for film, rank in ((5, 0.1), (1, 0.2), (2, 0.9), (3, 0.4), (4, 0.8), (6, 0.5))]
    alone = np.arange(7)
    assert [one.film for one in likeliest(near, film=0, sets=alone, most=3)] == [5, 2, 4]
    assert [one.film for one in likeliest(near, film=0, sets=alone, most=9)] == [5, 2, 4, 6, 3, 1]
    # Film 5 is a copy of the film itself, and 1, 2 and 3 are copies of each other.
    sets = np.array([0, 1, 1, 1, 4, 0, 6])
    assert [one.film for one in likeliest(near, film=0, sets=sets, most=3)] == [1, 4, 6]
    assert likeliest(near[:1], film=0, sets=sets, most=3) == []


def test_films_that_met_their_own_copies_or_one_set_twice_look_on_a_few_of_each_set() -> None:
    # Films 0 to 6 are copies; 9 and 10 too.
    sets = np.array([0] * 7 + [7, 8, 9, 9, 11])

    def met(*films: int) -> list[Near]:
        return [Near(film, 1.0, ()) for film in films]

    crowded = {film: met((film + 1) % 7) for film in range(7)} | {8: met(9, 10)}
    alone = {7: met(8, 9), 11: met(9)}
    assert _crowded(alone, sets) == []
    assert _crowded(crowded | alone, sets) == [0, 1, 2, 3, 8]


@pytest.mark.parametrize("turned", [0, 7])
@pytest.mark.parametrize("mirrored", [False, True])
@pytest.mark.parametrize("sign", [1, -1])
def test_rings_are_as_alike_as_their_best_turn_makes_them(turned: int, mirrored: bool, sign: int) -> None:
    angles = np.arange(SAMPLES) * 2 * np.pi / SAMPLES
    chance = np.random.default_rng(3)
    waves = chance.normal(0, 1, (2, RINGS, 8, 2))
    one, other = (
        sum(
            plane[:, k, :1] * np.cos((k + 1) * angles) + plane[:, k, 1:] * np.sin((k + 1) * angles) for k in range(8)
        ).astype(np.float32)
        for plane in waves
    )
    changed = sign * np.roll(one[:, ::-1] if mirrored else one, turned, axis=1)
    both = np.stack([changed, other])
    alike = best_correlation(ring_waves(np.stack([one, one])), ring_waves(both))
    assert alike[0] == pytest.approx(1, abs=1e-3)
    assert alike[1] == pytest.approx(abs(turn_between(one, other)[0]), abs=1e-3)
    assert alike[1] < 0.6


def test_a_view_counts_once() -> None:
    black = np.zeros((160, 128), np.uint8)
    framed = black.copy()
    framed[20:140, 10:118] = texture(0)[20:140, 10:118]
    square = texture(0)[:128]
    views = np.stack([own_views(film, np.ones((80, 64), np.float32)) for film in (texture(0), framed, square)])
    # Without bars the third and fourth are the first and second again; of a square film the second is the first.
    assert distinct(views).astype(int).tolist() == [[1, 1, 0, 0, 1, 1], [1, 1, 1, 1, 1, 1], [1, 0, 0, 0, 1, 1]]


def test_a_cut_is_looked_up_among_all_uncut_views() -> None:
    # Of one film the inner view is an earlier one, of the other the stretched frame; the third may not be found.
    kept = np.array([[1, 1, 1, 1, 1, 0], [1, 0, 0, 0, 1, 1], [0, 0, 0, 0, 0, 0]], bool)
    own = np.eye(18, dtype=np.float32).reshape(3, OWN_VIEWS, 18)
    whole, uncut = indices_of(own, kept)
    for index, places in ((whole, [0, 1, 2, 3, 4, 6, 10, 11]), (uncut, [1, 5, 7, 11])):
        likeness, place = index.nearest(own.reshape(-1, 18))
        assert np.flatnonzero((likeness == 1).any(axis=1)).tolist() == places
        assert sorted(set(place[likeness == 1].tolist())) == places


def test_a_film_is_ranked_by_its_likeness_and_the_views_whose_rings_fit_best(monkeypatch: pytest.MonkeyPatch) -> None:
    patterns = describe([texture(seed) for seed in range(180)], workers=1)
    films = {film: [Candidate(0.9 - 0.1 * film, 0, film, 0, view) for view in (0, 1)] for film in (1, 2)}
    fits = np.array([0.1, 0.2, 0.5, 0.4], np.float32)
    monkeypatch.setattr("lucency.datasets.audit.candidates.best_correlation", lambda waves, shown: fits)
    near = _ranked(patterns, films, patterns.waves(0, views_of(patterns.views[0])))
    assert [(one.film, pytest.approx(one.rank)) for one in near] == [(1, 0.2 + 0.4), (2, 0.5 + 0.35)]
    assert [(view.own_view, view.choice) for one in near for view in one.views] == [(1, 0), (0, 1), (0, 0), (1, 1)]


def test_own_views_are_as_many_as_are_said() -> None:
    views = own_views(texture(0), np.zeros((80, 64), np.float32))
    assert len(views) == OWN_VIEWS
    assert len(search_views(views)) == WHOLE_VIEWS
    assert len(views_of(views)) == 42


def test_an_inverted_file_and_more_threads_find_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    contents = [texture(seed) for seed in range(60)]
    contents += [np.ascontiguousarray(film[:, ::-1]) for film in contents]
    patterns = describe(contents, workers=1)
    every = np.arange(len(contents))
    alone = find_near(patterns, owner=every, sets=every, searchers=every, workers=1)
    assert all(alone)
    assert find_near(patterns, owner=every, sets=every, searchers=every, workers=3) == alone
    monkeypatch.setattr("lucency.datasets.audit.view_index._EXACT", 100)
    cells = find_near(patterns, owner=every, sets=every, searchers=every, workers=2)
    assert sum(near[0].film == (film + 60) % 120 for film, near in enumerate(cells)) >= 118


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
