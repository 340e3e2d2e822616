"""Known turns, shifts and stretches are found again, and agreement tells copies from strangers."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from lucency.datasets.audit.alignment import FloatArray, Matrix, Template
from lucency.datasets.audit.fingerprint import fine, rings
from lucency.datasets.audit.ring_turns import first_guess, turn_between

SIDE = 150
IDENTITY = np.eye(2, 3)


def texture(seed: int, height: int = SIDE, width: int = SIDE) -> FloatArray:
    soft = cv2.GaussianBlur(np.random.default_rng(seed).normal(0, 1, (height, width)), (0, 0), 2.5)
    return fine(np.rint(255 * (soft - soft.min()) / np.ptp(soft)).astype(np.uint8))


def moved(image: FloatArray, onto: Matrix, scale: float = 1.0) -> FloatArray:
    """The image whose content was taken along a map, given as maps are: the outer corner is (0, 0)."""
    linear = onto[:, :2]
    warp = np.column_stack([linear, linear @ [0.5, 0.5] + scale * onto[:, 2] - 0.5])
    size = (image.shape[1], image.shape[0])
    return np.asarray(cv2.warpAffine(image, warp, size, flags=cv2.INTER_CUBIC), dtype=np.float32)


def error(found: Matrix, true: Matrix, side: float = SIDE) -> float:
    """The largest displacement between two maps over the corners."""
    corners = np.array([[0, 0, 1], [side, 0, 1], [0, side, 1], [side, side, 1]]).T
    return float(np.linalg.norm((found - true) @ corners, axis=0).max())


def about_the_middle(linear: npt.ArrayLike, shift: npt.ArrayLike, side: float = SIDE) -> Matrix:
    matrix, middle = np.asarray(linear, dtype=np.float64), np.full(2, side / 2)
    return np.column_stack([matrix, middle + shift - matrix @ middle])


SLIGHT = [
    about_the_middle(np.eye(2), (0, 0)),
    about_the_middle(np.eye(2), (1.6, -1.3)),
    about_the_middle([[1.02, 0.015], [-0.01, 0.985]], (1.2, 0.7)),
    about_the_middle([[0.99, -0.02], [0.02, 0.99]], (-0.8, 1.1)),
]


@pytest.mark.parametrize("true", SLIGHT)
def test_refining_brings_a_slight_displacement_back(true):
    image = texture(1)
    found, score = Template(image, 1.0).refine(moved(image, true), IDENTITY, steps=12)
    assert error(found, true) < 0.3
    assert score > 0.95


@pytest.mark.parametrize("true", SLIGHT)
def test_refining_at_half_the_size_answers_in_the_same_coordinates(true):
    image = texture(2)
    # 150 pixels of the image are 300 of the coordinates of maps.
    wide = np.column_stack([true[:, :2], 2 * true[:, 2]])
    found, _ = Template(image, 0.5).refine(moved(image, wide, 0.5), IDENTITY, steps=12)
    assert error(found, wide, 2 * SIDE) < 0.6


def test_refining_forgives_another_contrast():
    image = texture(3)
    found, score = Template(image, 1.0).refine(0.5 * moved(image, SLIGHT[2]), IDENTITY, steps=12)
    assert error(found, SLIGHT[2]) < 0.3
    assert score > 0.95


def test_rigid_refining_keeps_the_stretch_as_guessed():
    image = texture(4)
    found, _ = Template(image, 1.0).refine(moved(image, SLIGHT[2]), IDENTITY, steps=12, rigid=True)
    scales = np.linalg.svd(found[:, :2], compute_uv=False)
    assert scales[0] == pytest.approx(scales[1], rel=1e-3)
    similar, _ = Template(image, 1.0).refine(moved(image, SLIGHT[3]), IDENTITY, steps=12, rigid=True)
    assert error(similar, SLIGHT[3]) < 0.3


def test_films_that_hardly_overlap_are_not_compared():
    image = texture(5)
    far = about_the_middle(np.eye(2), (0.95 * SIDE, 0))
    found, score = Template(image, 1.0).refine(image, far, steps=5)
    assert score == -1
    assert error(found, far) < 1e-9


@pytest.mark.parametrize("scale", [0.88, 1.0, 1.14])
@pytest.mark.parametrize("shift", [(0, 0), (17, -9), (-12, 22)])
def test_searching_finds_a_large_shift_and_a_scale(shift, scale):
    image = texture(6)
    true = about_the_middle(scale * np.eye(2), shift)
    assert error(Template(image, 1.0).search(moved(image, true), IDENTITY), true) < 3


def test_agreement_is_full_with_itself_and_small_with_a_stranger():
    image = texture(7)
    template = Template(image, 1.0)
    same = template.agreement(image, IDENTITY, window=11)
    assert same.score > 0.98
    assert min(same.shared_of_first, same.shared_of_second, same.overlap) > 0.85
    stranger = template.agreement(texture(8), IDENTITY, window=11)
    assert stranger.score < 0.3
    assert max(stranger.shared_of_first, stranger.shared_of_second) < 0.2


def test_agreement_tells_how_much_is_shared_on_either_side():
    image = texture(9)
    half = image.copy()
    half[:, SIDE // 2 :] = texture(10)[:, SIDE // 2 :]
    found = Template(image, 1.0).agreement(half, IDENTITY, window=11)
    assert found.shared_of_first == pytest.approx(0.5, abs=0.1)
    assert found.shared_of_second == pytest.approx(0.5, abs=0.1)
    aside = Template(image, 1.0).agreement(image, about_the_middle(np.eye(2), (0.4 * SIDE, 0)), window=11)
    assert aside.overlap == pytest.approx(0.6, abs=0.02)


def test_a_shared_straight_edge_is_outweighed_by_small_marks_that_differ():
    def shaft(place: tuple[int, int]) -> np.ndarray:
        film = np.zeros((SIDE, SIDE), np.uint8)
        film[:, 50:90] = 150
        cv2.putText(film, "R", place, cv2.FONT_HERSHEY_SIMPLEX, 0.5, 220, 2)
        return np.asarray(fine(cv2.GaussianBlur(film, (0, 0), 1.0)))

    one, same, other = shaft((20, 40)), shaft((20, 40)), shaft((100, 110))
    template = Template(one, 1.0)
    assert template.agreement(same, IDENTITY, window=11).score > 0.98
    assert template.agreement(other, IDENTITY, window=11).score < 0.5


def test_burned_in_words_spoil_the_whole_and_not_the_best_part():
    image, other = texture(4), texture(5)
    spoilt = image.copy()
    spoilt[40:70, 20:130] = np.where(np.random.default_rng(6).random((30, 110)) < 0.5, -3, 3)
    laid, stranger = Template(image, 1.0), Template(other, 1.0)
    assert laid.correlation(spoilt, IDENTITY, best=1.0) < 0.75
    assert laid.correlation(spoilt, IDENTITY, best=0.7) == pytest.approx(1, abs=0.02)
    # Sharper contrast spoils nothing.
    assert laid.correlation(2 * spoilt, IDENTITY, best=0.7) > 0.95
    assert stranger.correlation(image, IDENTITY, best=0.7) < 0.5
    away = about_the_middle(np.eye(2), (0, 0.95 * SIDE))
    assert laid.correlation(image, away, best=0.7) == -1


def test_nothing_to_see_agrees_with_nothing():
    nothing = np.zeros((40, 30), np.float32)
    template = Template(nothing, 1.0)
    assert template.agreement(nothing, IDENTITY, window=11).score == -1
    found, _ = template.refine(nothing, IDENTITY, steps=3)
    assert np.isfinite(found).all()
    assert np.isfinite(template.search(nothing, IDENTITY)).all()


ROUND_VIEW = np.array([SIDE / 2, SIDE / 2, SIDE / 2, SIDE / 2], np.float32)


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("mirror", [1, -1])
@pytest.mark.parametrize("degrees", [0, 5, 50, 137, 180, 301])
def test_a_turn_is_found_with_mirroring_and_inversion(degrees, mirror, sign):
    other = texture(11)
    angle = np.radians(degrees)
    # Anticlockwise, where rows run downwards; mirrored left to right before.
    true = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]]) @ np.diag([mirror, 1])
    mine = sign * moved(other, about_the_middle(true, (0, 0)))
    one, two = (rings(image, ROUND_VIEW[None])[0] for image in (mine, other))
    correlation, turn = turn_between(one, two)
    assert sign * correlation > 0.75
    assert np.degrees(np.linalg.norm(turn - true, 2)) < 1.5
    assert np.linalg.det(turn) == pytest.approx(mirror, abs=1e-5)


def test_strangers_have_no_turn_that_makes_them_alike():
    one, two = (rings(texture(seed), ROUND_VIEW[None])[0] for seed in (12, 13))
    assert abs(turn_between(one, two)[0]) < 0.5


def test_the_first_guess_lays_one_view_on_the_other():
    mine, other = np.array([50, 60, 20, 30], np.float32), np.array([70, 40, 10, 10], np.float32)
    quarter = np.array([[0, -1], [1, 0]], np.float32)
    guess = first_guess(mine, other, quarter)
    assert guess @ [70, 40, 1] == pytest.approx([50, 60])
    # The right rim of the other becomes the lower rim of the first.
    assert guess @ [80, 40, 1] == pytest.approx([50, 90])
    assert guess @ [70, 50, 1] == pytest.approx([30, 60])
