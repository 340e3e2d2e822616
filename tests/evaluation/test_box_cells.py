from __future__ import annotations

import math

import numpy as np
import pytest

from lucency.evaluation.box_cells import film_cells, fit_to_film
from lucency.imaging.geometry import InputSpec, place, to_input

SPEC = InputSpec(64, 64)


def test_a_box_inside_is_kept_as_it_is() -> None:
    fitted = fit_to_film([(10, 20, 30, 40)], height=100, width=200)
    assert fitted.boxes == ((10, 20, 30, 40),)
    assert (fitted.outside, fitted.cut) == (0, 0)
    assert fitted.largest_share == pytest.approx(1200 / 20000)


@pytest.mark.parametrize(
    "box",
    [
        (200, 10, 5, 5),
        (-20, 10, 15, 5),
        (10, 100, 5, 5),
        (10, 10, 0, 5),
        (10, 10, 5, -3),
        (math.nan, 10, 5, 5),
        (10, 10, math.inf, 5),
        (math.nan, math.nan, math.nan, math.nan),
    ],
)
def test_a_box_that_says_nothing_is_left_out_and_counted(box: tuple[float, float, float, float]) -> None:
    fitted = fit_to_film([box, (10, 10, 5, 5)], height=100, width=200)
    assert fitted.boxes == ((10, 10, 5, 5),)
    assert (fitted.outside, fitted.cut) == (1, 0)


@pytest.mark.parametrize(
    ("box", "rest"),
    [
        ((-5, 10, 20, 30), (0, 10, 15, 30)),
        ((10, -5, 20, 30), (10, 0, 20, 25)),
        ((190, 10, 20, 30), (190, 10, 10, 30)),
        ((10, 90, 20, 30), (10, 90, 20, 10)),
    ],
)
def test_a_box_over_the_edge_is_cut_and_counted(
    box: tuple[float, float, float, float], rest: tuple[float, float, float, float]
) -> None:
    fitted = fit_to_film([box], height=100, width=200)
    assert fitted.boxes == (rest,)
    assert (fitted.outside, fitted.cut) == (0, 1)


def test_a_pixel_over_the_edge_is_forgiven() -> None:
    fitted = fit_to_film([(-0.9, 5, 10, 10)], height=100, width=200)
    assert fitted.boxes == ((0, 5, pytest.approx(9.1), 10),)
    assert (fitted.outside, fitted.cut) == (0, 0)


def test_no_boxes() -> None:
    assert fit_to_film([], height=5, width=5).boxes == ()
    assert fit_to_film([], height=5, width=5).largest_share == 0


@pytest.mark.parametrize("shape", [(8, 8), (7, 10), (1, 1), (13, 3)])
def test_covered_area_is_that_of_many_small_points(shape: tuple[int, int]) -> None:
    placement = place(200, 120, SPEC)
    boxes = [(13.3, 20.7, 40.2, 31.9), (30.0, 40.0, 50.5, 60.25), (100.0, 150.0, 20.0, 50.0)]
    cells = film_cells(boxes, placement, shape)

    # 0.05 pixels of the input apart; each point lies in one cell, and in a box or not.
    fine = 20
    y, x = np.mgrid[: 64 * fine, : 64 * fine] / fine + 0.5 / fine
    inside = np.zeros(y.shape, dtype=bool)
    for box in boxes:
        left, top, width, height = placement.box_to_input(box)
        inside |= (x > left) & (x < left + width) & (y > top) & (y < top + height)
    film = (x > placement.left) & (x < placement.left + placement.width)
    number = (y * shape[0] / 64).astype(int) * shape[1] + (x * shape[1] / 64).astype(int)

    def summed(mask: np.ndarray) -> np.ndarray:  # type: ignore[type-arg]
        return np.bincount(number[mask], minlength=shape[0] * shape[1]).reshape(shape) / fine**2

    assert cells.boxed == pytest.approx(summed(inside), abs=2.5)
    assert cells.boxed.sum() == pytest.approx(inside.sum() / fine**2, rel=5e-3)
    assert cells.film == pytest.approx(summed(film), abs=1.0)


def test_boxes_that_cover_each_other_count_once() -> None:
    placement = place(64, 64, SPEC)
    once = film_cells([(8, 8, 20, 12)], placement, (8, 8))
    twice = film_cells([(8, 8, 20, 12), (8, 8, 20, 12), (10, 10, 5, 5)], placement, (8, 8))
    assert once.boxed == pytest.approx(twice.boxed)
    assert once.boxed_share == pytest.approx(240 / 4096)


def test_a_box_lies_where_its_pixels_come_to_lie() -> None:
    # A film that is black but for the box, through the only resize there is.
    film = np.zeros((300, 180), np.float32)
    box = (60, 90, 45, 120)
    film[90:210, 60:105] = 255
    grey, placement = to_input(film, SPEC)
    cells = film_cells([box], placement, (16, 16))
    seen = grey[:, :, 0].astype(float).reshape(16, 4, 16, 4).sum(axis=(1, 3)) / 255
    assert cells.boxed == pytest.approx(seen, abs=0.6)


def test_hits_are_the_cells_whose_centre_lies_in_the_larger_box() -> None:
    cells = film_cells([(18, 26, 4, 4)], place(64, 64, SPEC), (8, 8))
    assert np.argwhere(cells.hits(0.0)).tolist() == [[3, 2]]
    # One cell, 8 pixels, on each side: from 10 to 30 across and from 18 to 38 down.
    assert np.argwhere(cells.hits(1.0)).tolist() == [[r, c] for r in (2, 3, 4) for c in (1, 2, 3)]


def test_an_edge_that_rounding_puts_beside_the_last_one_stays_inside() -> None:
    edge = math.nextafter(64.0, 0.0)
    cells = film_cells([(10.0, 10.0, edge - 10.0, edge - 10.0)], place(64, 64, SPEC), (13, 13))
    assert cells.boxed.shape == (13, 13)
    assert cells.boxed.sum() == pytest.approx(54.0**2)
