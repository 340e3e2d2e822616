from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import average_precision_score

from lucency.evaluation.box_cells import FilmCells, film_cells
from lucency.evaluation.localisation import (
    area_average_precision,
    heat_share,
    hottest,
    padding_share,
    pointing,
    score_map,
)
from lucency.imaging.geometry import InputSpec, place


def cells_of(*boxes: tuple[float, float, float, float], size: tuple[int, int] = (64, 64), shape: int = 8) -> FilmCells:
    return film_cells(list(boxes), place(*size, InputSpec(64, 64)), (shape, shape))


def one_hot(*places: tuple[int, int], value: float = 1.0) -> np.ndarray:  # type: ignore[type-arg]
    heat = np.full((8, 8), -0.5)
    for row, column in places:
        heat[row, column] = value
    return heat


def test_the_hottest_cell_points() -> None:
    cells = cells_of((18, 26, 4, 4))
    assert pointing(one_hot((3, 2)), cells, 0.0) == 1
    assert pointing(one_hot((3, 3)), cells, 0.0) == 0
    assert pointing(one_hot((3, 3)), cells, 1.0) == 1
    assert pointing(one_hot((3, 4)), cells, 1.0) == 0


def test_any_of_several_boxes_is_a_hit() -> None:
    cells = cells_of((0, 0, 8, 8), (50, 50, 10, 10))
    assert pointing(one_hot((0, 0)), cells, 0.0) == 1
    assert pointing(one_hot((6, 6)), cells, 0.0) == 1
    assert pointing(one_hot((0, 6)), cells, 1.0) == 0


def test_a_map_without_evidence_points_nowhere() -> None:
    cells = cells_of((0, 0, 64, 64))
    assert pointing(np.full((8, 8), -1.0), cells, 1.0) == 0
    assert pointing(np.zeros((8, 8)), cells, 1.0) == 0


def test_the_hottest_cell_counts_without_evidence_too() -> None:
    cells = cells_of((18, 26, 4, 4))
    assert hottest(one_hot((3, 2)) - 5, cells, 0.0) == 1
    assert hottest(one_hot((7, 7)) - 5, cells, 1.0) == 0
    assert hottest(np.full((8, 8), -1.0), cells, 1.0) == pytest.approx(9 / 64)


def test_ties_count_as_what_chance_among_them_would_give() -> None:
    cells = cells_of((18, 26, 4, 4))
    assert pointing(one_hot((3, 2), (0, 0), (7, 7), (6, 1)), cells, 0.0) == pytest.approx(1 / 4)
    # A flat map with evidence: nine of 64 cells lie within a cell of the box.
    assert pointing(np.ones((8, 8)), cells, 1.0) == pytest.approx(9 / 64)


def test_share_of_heat_is_that_of_pixels_that_share_their_cells_value() -> None:
    cells = cells_of((5, 9, 20, 30))
    heat = np.random.default_rng(1).normal(size=(8, 8))
    pixels = np.kron(np.maximum(heat, 0), np.ones((8, 8)))
    assert heat_share(heat, cells) == pytest.approx(pixels[9:39, 5:25].sum() / pixels.sum())
    assert heat_share(np.ones((8, 8)), cells) == pytest.approx(600 / 4096)
    assert heat_share(-np.ones((8, 8)), cells) == 0


def test_heat_on_the_padding_is_neither_inside_nor_outside_of_a_box() -> None:
    # 64 x 32: the film covers the columns from 16 to 48.
    cells = cells_of((0, 0, 32, 32), size=(64, 32))
    assert heat_share(np.ones((8, 8)), cells) == pytest.approx(0.5)
    assert padding_share(np.ones((8, 8)), cells) == pytest.approx(0.5)
    assert padding_share(one_hot((0, 0)), cells) == 1
    assert heat_share(one_hot((0, 0)), cells) == 0
    assert padding_share(one_hot((0, 3)), cells) == 0
    assert padding_share(-np.ones((8, 8)), cells) == 0


@pytest.mark.parametrize("seed", range(4))
def test_average_precision_is_that_of_scikit_learn_over_pixels(seed: int) -> None:
    random = np.random.default_rng(seed)
    # Few different values, so that cells are tied.
    heat = random.integers(-2, 4, size=(8, 8)).astype(np.float32)
    cells = cells_of((3, 5, 17, 9), (40, 30, 13, 22))
    truth = np.zeros((64, 64), dtype=int)
    truth[5:14, 3:20] = 1
    truth[30:52, 40:53] = 1
    pixels = np.kron(heat, np.ones((8, 8)))
    assert area_average_precision(heat, cells) == pytest.approx(average_precision_score(truth.ravel(), pixels.ravel()))


def test_average_precision_leaves_the_padding_out() -> None:
    random = np.random.default_rng(7)
    heat = random.normal(size=(8, 8))
    cells = cells_of((2, 10, 20, 30), size=(64, 32))
    truth = np.zeros((64, 32), dtype=int)
    truth[10:40, 2:22] = 1
    pixels = np.kron(heat, np.ones((8, 8)))[:, 16:48]
    assert area_average_precision(heat, cells) == pytest.approx(average_precision_score(truth.ravel(), pixels.ravel()))


def test_a_flat_map_scores_what_chance_gives() -> None:
    cells = cells_of((5, 9, 20, 30), size=(64, 40))
    scores = score_map(np.ones((8, 8)), cells)
    assert scores["average_precision"] == pytest.approx(cells.boxed_share)
    assert scores["heat_share"] == pytest.approx(cells.boxed_share)
    assert scores["pointing"] > scores["pointing_exact"] > 0
