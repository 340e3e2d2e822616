from __future__ import annotations

import numpy as np
import pytest

from lucency.datasets.audit.survey import THUMB
from lucency.datasets.film_prints import CODE_BYTES, DIMENSIONS, film_print, packed, unpacked
from lucency.datasets.print_search import COPY, Film, find_likest
from lucency.imaging.geometry import to_input

from .copied_films import CHANGES, Grey, drawn

STORED = drawn(range(9000, 9040))

HARD = {"37 degrees, on a larger grey frame": 2}
"""Least copies of eight that are known, of kinds that few are known of."""


def as_film(film: Grey) -> Film:
    return to_input(film.astype(np.float32), THUMB)[0][..., 0], *film.shape


@pytest.fixture(scope="module")
def stored() -> tuple[np.ndarray, np.ndarray]:
    prints = [film_print(*as_film(film)) for film in STORED]
    return np.concatenate(prints), np.repeat(np.arange(len(prints)), [len(one) for one in prints])


def test_a_print_is_some_hundred_bytes(stored: tuple[np.ndarray, np.ndarray]) -> None:
    codes, owner = stored
    assert codes.dtype == np.uint8
    assert codes.shape == (len(owner), CODE_BYTES)
    assert codes.nbytes / len(STORED) < 420


@pytest.mark.parametrize("kind", [kind for kind in CHANGES if kind not in ("words", "cropped")])
def test_a_copy_is_known_however_it_was_changed(kind: str, stored: tuple[np.ndarray, np.ndarray]) -> None:
    asked = [as_film(CHANGES[kind](film)) for film in STORED[:8]]
    answers = find_likest(asked, *stored, workers=1)
    right = [answer.stored == place and answer.likeness >= COPY for place, answer in enumerate(answers)]
    assert sum(right) >= HARD.get(kind, 6), [(answer.stored, round(answer.likeness, 3)) for answer in answers]


def test_new_films_are_not_taken_for_copies(stored: tuple[np.ndarray, np.ndarray]) -> None:
    answers = find_likest([as_film(film) for film in drawn(range(9500, 9560))], *stored, workers=2)
    assert sum(answer.likeness >= COPY for answer in answers) == 0, max(answer.likeness for answer in answers)


def test_the_likeness_of_a_turned_film_hardly_differs_from_that_of_the_film_itself(
    stored: tuple[np.ndarray, np.ndarray],
) -> None:
    films = [STORED[0], np.rot90(STORED[0]), STORED[0][:, ::-1], 255 - STORED[0]]
    same, *others = find_likest([as_film(np.ascontiguousarray(film)) for film in films], *stored, workers=1)
    # Two bits of a normal variable keep 0.8825 of its power (Max 1960, table I): the cosine is its root.
    assert same.likeness == pytest.approx(0.94, abs=0.02)
    assert [one.likeness for one in others] == pytest.approx([same.likeness] * 3, abs=0.03)


def test_two_bits_keep_the_sign_and_the_order_of_size() -> None:
    numbers = np.random.default_rng(0).normal(size=(3, DIMENSIONS)).astype(np.float32)
    numbers /= np.linalg.norm(numbers, axis=1, keepdims=True)
    back = unpacked(packed(numbers))
    assert np.array_equal(np.sign(back), np.sign(numbers))
    assert len(np.unique(np.abs(back[0]).round(6))) == 2
    large = np.abs(back) > np.abs(back).mean()
    assert np.abs(numbers)[large].min() > np.abs(numbers)[~large].max()


def test_thin_films_and_empty_stores_have_an_answer(stored: tuple[np.ndarray, np.ndarray]) -> None:
    thin = np.zeros((400, 12), np.uint8)
    assert film_print(*as_film(thin)).shape == (0, CODE_BYTES)
    answers = find_likest([as_film(thin), as_film(STORED[3])], *stored, workers=1)
    assert [answer.stored for answer in answers] == [-1, 3]
    nothing = np.zeros((0, CODE_BYTES), np.uint8), np.zeros(0, np.int64)
    assert find_likest([as_film(STORED[3])], *nothing, workers=1)[0].stored == -1


def test_many_stored_films_are_searched_by_cells(
    stored: tuple[np.ndarray, np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = [as_film(CHANGES["quarter turn"](film)) for film in STORED[:6]]
    exact = find_likest(asked, *stored, workers=1)
    monkeypatch.setattr("lucency.datasets.print_search._EXACT", 10)
    assert [one.stored for one in find_likest(asked, *stored, workers=1)] == [one.stored for one in exact]
