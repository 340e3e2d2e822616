"""What is measured of a picture, on pictures whose answer is known."""

from __future__ import annotations

import numpy as np
import pytest

from lucency.datasets.synthetic import draw_film
from lucency.film_look import MEASURES, TEXTURE, film_measures

Film = np.ndarray


@pytest.fixture(scope="module")
def film() -> Film:
    return draw_film(3, fractured=False, size=(160, 120)).pixels


def measured(film: Film) -> dict[str, float]:
    return dict(zip(MEASURES, film_measures(film).tolist(), strict=True))


def test_every_measure_has_a_name_and_is_finite(film: Film) -> None:
    for one in (film, np.zeros((64, 64), np.uint8), np.full((9, 300), 255, np.uint8), np.eye(32, dtype=np.uint8)):
        values = film_measures(one)
        assert values.shape == (len(MEASURES),)
        assert values.dtype == np.float32
        assert np.isfinite(values).all()
    assert {MEASURES[place] for place in TEXTURE} >= {"detail_1", "spikiness_16", "still"}
    assert "grey_50" not in {MEASURES[place] for place in TEXTURE}


def test_turning_and_mirroring_change_nothing(film: Film) -> None:
    straight = film_measures(film)
    for changed in (film[::-1], film[:, ::-1], np.rot90(film), np.rot90(film, 2)):
        # Halves of an odd side fall on other pixels when a film is turned.
        np.testing.assert_allclose(film_measures(np.ascontiguousarray(changed)), straight, atol=0.06)


def test_padding_is_left_out(film: Film) -> None:
    padded = np.pad(np.maximum(film, 1), ((40, 12), (3, 55)))
    np.testing.assert_array_equal(film_measures(padded[..., None]), film_measures(np.maximum(film, 1)))


def test_texture_hardly_sees_inversion(film: Film) -> None:
    there, back = film_measures(film), film_measures(255 - film)
    np.testing.assert_allclose(there[TEXTURE], back[TEXTURE], atol=0.05)
    assert abs(there - back).max() > 0.3


def test_known_pictures() -> None:
    flat = measured(np.full((64, 64), 100, np.uint8))
    assert flat["still"] == 1
    assert flat["entropy"] == 0
    assert flat["grey_2"] == flat["grey_98"] == pytest.approx(100 / 255)
    stripes = np.ones((64, 64), np.uint8)
    stripes[:, ::2] = 255
    found = measured(stripes)
    # Every step across is one of 254, and none goes down: half of all steps are none.
    assert found["still"] == pytest.approx(0.5)
    assert found["direction_1"] == pytest.approx(np.log(254.02 / 0.02), rel=1e-4)
    assert found["white"] == found["black"] == pytest.approx(np.sqrt(0.5))
    assert found["entropy"] == pytest.approx(1 / 8)
    # Averaged by two there are no stripes left.
    assert found["direction_2"] == 0
    bright = np.zeros((60, 60), np.uint8)
    bright[15:45, 15:45] = 200
    dark = np.where(bright > 0, 1, 200).astype(np.uint8)
    surround = np.pad(bright, 1, constant_values=1)
    assert measured(surround)["centre"] < 0 < measured(dark)["centre"]
    assert measured(surround)["rim_dark"] == 1
    assert measured(dark)["rim_dark"] == 0


def test_the_numbers_stay_what_they_were() -> None:
    """Gates of bundles hold such numbers: where these change, `gate.GATE_VERSION` must be raised."""
    y, x = np.mgrid[0:100, 0:150]
    picture = ((x * x + 3 * x * y + 7 * y) % 251).astype(np.uint8)
    found = dict(zip(MEASURES, film_measures(picture).tolist(), strict=True))
    pinned = {
        "grey_2": 0.016,
        "grey_50": 0.486,
        "entropy": 0.996,
        "detail_1": 1.022,
        "direction_2": 0.01,
        "spikiness_4": 0.7,
        "detail_16": -1.964,
        "still": 0.002,
        "contrast": 0.469,
        "rim_spread": 0.505,
        "centre": -0.002,
        "mirror": 0.013,
        "elongation": 0.017,
        "row_steps": 1.29,
        "column_steps": 1.807,
    }
    assert {name: round(found[name], 3) for name in pinned} == pytest.approx(pinned, abs=2e-3)
