"""Keypoints, the map that they lay two films on each other by, and the vocabulary that films are found by."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
import pytest

from lucency.datasets.audit.fingerprint import FloatArray
from lucency.datasets.audit.keypoints import CHANGES, INVERTED, MIRRORED, MOST_KEYPOINTS, PRINT, keypoints, rooted
from lucency.datasets.audit.matched_points import LEAST_SHARED, Matched, Points
from lucency.datasets.audit.point_vocabulary import PointVocabulary

SIDE = 80


def pattern(seed: int, height: int = SIDE, width: int = SIDE) -> FloatArray:
    plane = cv2.GaussianBlur(np.random.default_rng(seed).normal(0, 1, (height, width)), (0, 0), 2)
    return (plane / plane.std()).astype(np.float32)


def matched(one: FloatArray, other: FloatArray) -> Matched | None:
    return Points(*keypoints(one)).matched(*keypoints(other))


def warped(image: FloatArray, onto: np.ndarray) -> FloatArray:
    """What lies where `onto` takes each pixel."""
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return cv2.warpAffine(image, onto, (SIDE, SIDE), flags=flags, borderMode=cv2.BORDER_REFLECT).astype(np.float32)


def test_keypoints_are_places_of_the_film_and_no_more_than_are_kept():
    places, prints = keypoints(pattern(1))
    assert places.shape == (MOST_KEYPOINTS, 4)
    assert prints.shape == (MOST_KEYPOINTS, PRINT)
    assert places[:, :2].min() >= 0
    assert places[:, :2].max() <= SIDE - 1
    assert places[:, 2].min() > 0
    assert np.linalg.norm(rooted(prints), axis=1) == pytest.approx(np.ones(len(prints)), abs=1e-5)


@pytest.mark.parametrize("shown", [np.zeros((SIDE, SIDE), np.float32), np.zeros((8, 8), np.float32)])
def test_a_film_that_shows_nothing_has_no_keypoint(shown):
    places, prints = keypoints(shown)
    assert (places.shape, prints.shape) == ((0, 4), (0, PRINT))
    assert matched(shown, pattern(1)) is None
    assert matched(pattern(1), shown) is None


@pytest.mark.parametrize("change", range(len(CHANGES)))
def test_inverted_and_mirrored_a_keypoint_shows_the_same_in_another_order(change):
    # The first film changed as told shows what the second one does.
    film = pattern(2)
    other = (-film if INVERTED[change] else film)[:: -1 if MIRRORED[change] else 1]
    places, prints = keypoints(film)
    others, shown = keypoints(np.ascontiguousarray(other))
    if MIRRORED[change]:
        others = others * np.float32([1, -1, 1, 1]) + np.float32([0, SIDE - 1, 0, 0])
    apart = np.linalg.norm(places[:, None, :2] - others[None, :, :2], axis=2)
    same = np.argwhere(apart < 0.2)
    alike = rooted(prints)[:, CHANGES[change]] @ rooted(shown).T
    assert len(same) > 40
    # A few places have two directions, and one of them may be left out.
    assert np.median([alike[one, two] for one, two in same]) > 0.97


MAPS: dict[str, tuple[Callable[[FloatArray], FloatArray], np.ndarray, bool]] = {
    "as it is": (lambda film: film, np.eye(2, 3), False),
    "inverted": (lambda film: -film, np.eye(2, 3), True),
    "mirrored": (lambda film: film[:, ::-1], np.array([[-1.0, 0, SIDE - 1], [0, 1, 0]]), False),
    "inverted and upside down": (lambda film: -film[::-1], np.array([[1.0, 0, 0], [0, -1, SIDE - 1]]), True),
}


@pytest.mark.parametrize("change", MAPS)
@pytest.mark.parametrize("degrees", [0, 37, 200])
@pytest.mark.parametrize("stretch", [1.0, 0.8])
def test_the_map_is_found_however_the_film_was_changed(change, degrees, stretch):
    film = pattern(3)
    turn = cv2.getRotationMatrix2D(((SIDE - 1) / 2, (SIDE - 1) / 2), degrees, 1.0)
    turn[:, 0] *= stretch
    other, expected, inverted = MAPS[change]
    found = matched(warped(film, turn), np.ascontiguousarray(other(film)))
    assert found is not None
    assert found.inverted is inverted
    assert found.count >= LEAST_SHARED
    true = expected[:, :2] @ turn + np.column_stack([np.zeros((2, 2)), expected[:, 2]])
    middle = np.array([[30, 50, 40], [40, 30, 45], [1, 1, 1]])
    assert np.abs((found.onto - true) @ middle).max() < 1.5


def test_strangers_share_too_few_keypoints_and_the_answer_is_always_the_same():
    assert all(matched(pattern(seed), pattern(seed + 100)) is None for seed in range(20))
    one, two = matched(pattern(4), pattern(4)[:, 9:]), matched(pattern(4), pattern(4)[:, 9:])
    assert one is not None
    assert two is not None
    assert np.array_equal(one.onto, two.onto)


def vocabulary(films: int) -> tuple[list[np.ndarray], PointVocabulary]:
    prints = [keypoints(pattern(seed))[1] for seed in range(films)]
    learnt = PointVocabulary.learn(prints)
    assert learnt is not None
    return prints, learnt


def test_a_film_cut_turned_mirrored_and_inverted_is_told_by_its_keypoints():
    prints, learnt = vocabulary(60)
    rows = np.stack([learnt.of(some) for some in prints])
    assert rows.shape == (60, learnt.numbers)
    assert np.linalg.norm(rows, axis=1) == pytest.approx(np.ones(60), abs=1e-5)
    turn = cv2.getRotationMatrix2D((40, 40), 50, 1.1)
    for seed in (0, 7, 33):
        _, changed = keypoints(-warped(pattern(seed), turn)[::-1, 8:])
        told = learnt.of_changed(changed)
        assert told.shape == (4, learnt.numbers)
        alike = (told @ rows.T).max(axis=0)
        assert alike.argmax() == seed
        assert alike[seed] > np.sort(alike)[-2] + 0.1


def test_rows_are_shortened_where_there_are_films_enough(monkeypatch):
    monkeypatch.setattr("lucency.datasets.audit.point_vocabulary._FILMS_FOR_AXES", 60)
    monkeypatch.setattr("lucency.datasets.audit.point_vocabulary._NUMBERS", 20)
    prints, learnt = vocabulary(60)
    assert learnt.numbers == 20
    rows = np.stack([learnt.of(some) for some in prints])
    _, cut = keypoints(pattern(5)[6:])
    assert (rows @ learnt.of(cut)).argmax() == 5


@pytest.mark.parametrize("prints", [[], [np.zeros((0, PRINT), np.uint8)], [np.ones((30, PRINT), np.uint8)]])
def test_too_few_keypoints_make_no_vocabulary(prints):
    assert PointVocabulary.learn(prints) is None


def test_a_film_without_a_keypoint_is_alike_to_none():
    _, learnt = vocabulary(30)
    assert np.array_equal(learnt.of(np.zeros((0, PRINT), np.uint8)), np.zeros(learnt.numbers))
