"""Drawn pictures that are no radiographs, drawn films of other anatomy, and films shown otherwise."""

from __future__ import annotations

import numpy as np
import pytest

from lucency.datasets.foreign_anatomy import ANATOMIES, draw_foreign_film
from lucency.datasets.non_radiographs import KINDS, draw_non_radiograph
from lucency.datasets.varied_films import VARIATIONS, vary_film


@pytest.mark.parametrize("kind", KINDS)
def test_a_kind_is_drawn_the_same_again_and_another_for_another_seed(kind: str) -> None:
    first, again = (draw_non_radiograph(kind, 7, (90, 130)) for _ in range(2))
    assert first.shape == (90, 130)
    assert first.dtype == np.uint8
    np.testing.assert_array_equal(first, again)
    others = [draw_non_radiograph(kind, seed, (90, 130)) for seed in range(8, 14)]
    assert any((other != first).any() for other in others)


def test_kinds_are_what_they_are_called() -> None:
    assert np.ptp(draw_non_radiograph("uniform", 3)) == 0
    steps = {}
    for kind in ("white_noise", "pink_noise", "brown_noise"):
        # Correlation of neighbours rises with the slope of the spectrum.
        drawn = draw_non_radiograph(kind, 2, (200, 200)).astype(float)
        steps[kind] = np.corrcoef(drawn[:, 1:].ravel(), drawn[:, :-1].ravel())[0, 1]
    assert steps["white_noise"] < 0.1 < steps["pink_noise"] < steps["brown_noise"]
    code = draw_non_radiograph("barcode", 1)
    assert np.isin(code, [10, code.max()]).mean() > 0.7


@pytest.mark.parametrize("size", [(32, 32), (33, 400), (600, 40)])
def test_small_and_long_pictures(size: tuple[int, int]) -> None:
    for kind in KINDS:
        for seed in range(12):
            assert draw_non_radiograph(kind, seed, size).shape == size


def test_what_cannot_be_drawn() -> None:
    with pytest.raises(ValueError, match="no kind"):
        draw_non_radiograph("poem", 0)
    with pytest.raises(ValueError, match="too few"):
        draw_non_radiograph("scene", 0, (31, 90))
    with pytest.raises(ValueError, match="not drawn"):
        draw_foreign_film("tail", 0)
    with pytest.raises(ValueError, match="needs 64"):
        draw_foreign_film("chest", 0, size=63)


@pytest.mark.parametrize("anatomy", ANATOMIES)
def test_films_of_other_anatomy(anatomy: str) -> None:
    first, again, other = (draw_foreign_film(anatomy, seed, size=128) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert max(first.shape) == 128
    assert first.shape != other.shape or (first != other).any()
    assert first.std() > 20


def test_lungs_are_dark_beside_the_spine() -> None:
    films = [draw_foreign_film("chest", seed, size=200) for seed in range(6)]
    for film in films:
        height, width = film.shape
        band = film[int(0.4 * height) : int(0.5 * height)].mean(axis=0)
        middle = band[int(0.4 * width) : int(0.6 * width)].max()
        assert middle > 1.3 * band[int(0.2 * width) : int(0.35 * width)].mean()


def test_films_shown_otherwise() -> None:
    film = np.zeros((80, 70), np.uint8)
    film[10:70, 5:65] = np.arange(1, 61, dtype=np.uint8)[:, None] * 4
    shown = vary_film(film, 3)
    assert set(shown) == set(VARIATIONS)
    content = film[10:70, 5:65]
    np.testing.assert_array_equal(shown["inverted"], 255 - content)
    rim = (shown["white_border"].shape[0] - 60) // 2
    assert rim > 0
    np.testing.assert_array_equal(shown["white_border"][rim:-rim, rim:-rim], content)
    assert (shown["white_border"][0] == 255).all()
    assert shown["middle"].shape[0] < 60
    assert shown["gamma"].shape == content.shape
    # A curve keeps the order of grey levels.
    assert (np.diff(shown["gamma"][:, 0].astype(int)) >= 0).all()
    assert vary_film(np.zeros((20, 20), np.uint8), 0)["inverted"].min() == 255
