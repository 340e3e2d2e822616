"""A film on a ground of one grey is cut out upright; everything else is left as it is."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from lucency.datasets.audit.film_frame import FilmFrame, faces_of
from lucency.datasets.audit.survey import THUMB
from lucency.imaging.geometry import to_input

from .copied_films import Grey, drawn, letterboxed, saved_as_jpeg, turned_whole

HEIGHT, WIDTH = 300, 210


@pytest.fixture(scope="module")
def film() -> Grey:
    # Noise from edge to edge: a drawn limb may itself fade into the ground.
    soft = cv2.GaussianBlur(np.random.default_rng(3).normal(0, 1, (HEIGHT, WIDTH)), (0, 0), 20)
    return np.rint(40 + 180 * (soft - soft.min()) / np.ptp(soft)).astype(np.uint8)


def faces(film: Grey) -> list[FilmFrame]:
    return faces_of(to_input(film.astype(np.float32), THUMB)[0][..., 0], *film.shape)


def framed(film: Grey) -> FilmFrame:
    return faces(film)[0]


def likeness(one: Grey, two: Grey) -> float:
    return float(np.corrcoef(one.ravel(), cv2.resize(two, one.shape[::-1], interpolation=cv2.INTER_AREA).ravel())[0, 1])


@pytest.mark.parametrize("ground", [0, 20, 250])
@pytest.mark.parametrize("degrees", [0, 10, 37, 45, 80, 90, 143, 300])
def test_a_film_on_a_turned_ground_is_cut_out_upright(film, degrees, ground):
    whole = turned_whole(letterboxed(film, 1.2, ground), degrees, ground)
    found = framed(whole)
    height, width = found.content.shape
    assert max(height, width) == 160
    assert min(height, width) == pytest.approx(160 * WIDTH / HEIGHT, abs=3)
    # Which side of a rectangle is its top cannot be told.
    like, quarters = max((likeness(found.content, np.rot90(film, quarters).copy()), quarters) for quarters in range(4))
    assert like > 0.93
    # What ran to the right on the film, seen on the thumbnail and then on the content.
    angle, upright = np.radians(degrees), np.radians(90 * quarters)
    across = found.linear @ [np.cos(angle), -np.sin(angle)]
    size = float(np.linalg.norm(across))
    assert across / size == pytest.approx([np.cos(upright), -np.sin(upright)], abs=0.03)
    assert size == pytest.approx(max(whole.shape) / HEIGHT, rel=0.03)
    assert np.linalg.det(found.linear) > 0


def test_a_film_on_a_ground_keeps_the_whole_as_its_second_face(film):
    on_ground = letterboxed(film, 1.2, 20)
    cut, whole = faces(on_ground)
    assert cut.content.size < whole.content.size or cut.content.shape != whole.content.shape
    assert likeness(whole.content, on_ground) > 0.99
    assert np.array_equal(whole.linear, np.eye(2))
    assert len(faces(film)) == 1


def test_a_ground_that_jpeg_has_disturbed_is_still_one(film):
    found = framed(saved_as_jpeg(turned_whole(film, 37, 20), 75))
    assert sorted(found.content.shape) == [pytest.approx(160 * WIDTH / HEIGHT, abs=4), 160]


def test_a_limb_on_black_is_left_as_it_is():
    film = np.zeros((320, 240), np.uint8)
    limb = np.array([[90, 20], [150, 25], [170, 160], [140, 300], [70, 295], [60, 150]])
    cv2.fillPoly(film, [limb], 150)
    cv2.line(film, (115, 30), (105, 290), 230, 22)
    found = framed(film)
    assert found.content.shape == (160, 120)
    assert likeness(found.content, film) > 0.99
    assert np.array_equal(found.linear, np.eye(2))


@pytest.mark.parametrize("shape", [(256, 200), (200, 256), (160, 160), (90, 30)])
def test_the_padding_of_a_thumbnail_is_cut_away(shape):
    film = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    found = framed(film)
    scale = 160 / max(shape)
    assert found.content.shape == (round(scale * shape[0]), round(scale * shape[1]))
    assert np.array_equal(found.linear, np.eye(2))


def test_drawn_films_without_a_ground_are_not_slanted():
    for film in drawn(range(100, 116)):
        turn = framed(film).linear
        # A rim that exposure left black may go, and a side may become the top; nothing may be slanted.
        assert min(abs(turn[0, 0]), abs(turn[0, 1])) < 0.05
        assert turn @ turn.T == pytest.approx(np.linalg.det(turn) * np.eye(2), abs=0.05)


def test_blank_films_specks_and_small_stamps_are_left_as_they_are(film):
    blank = np.full((200, 150), 77, np.uint8)
    speck, stamp = blank.copy(), blank.copy()
    speck[100, 70] = 255
    stamp[20:60, 20:60] = film[:40, :40]
    graded = np.tile(np.linspace(0, 255, 150).astype(np.uint8), (200, 1))
    for one in (blank, speck, stamp, graded):
        found = framed(one)
        assert found.content.shape == (160, 120)
        assert np.array_equal(found.linear, np.eye(2))
