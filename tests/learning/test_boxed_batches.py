"""Films and boxes move together: what a box asks for lies where the fracture lies, whatever the film went through."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from lucency.learning.backend import choose_backend

choose_backend()

from lucency.learning.boxed_batches import BoxedBatches, box_cells  # noqa: E402
from lucency.learning.localiser import CELL, UNKNOWN  # noqa: E402

SIDE = 128
BOX = np.array([[72.0, 24.0, 24.0, 16.0]])
WILD = {"rotation": 40.0, "zoom": 0.3, "shear": 10.0, "shift": 0.1, "flip_horizontal": 0.5, "flip_vertical": 0.5}


def films() -> npt.NDArray[np.uint8]:
    """Grey films; on film 0 and 1 the box is white, so that its place can be read off the moved film."""
    drawn = np.full((4, SIDE, SIDE), 60, np.uint8)
    drawn[:2, 24:40, 72:96] = 255
    return drawn


def batches(**options: object) -> BoxedBatches:
    boxes = [BOX, BOX, np.zeros((0, 4)), np.zeros((0, 4))]
    given = {"batch_size": 4, **options}
    return BoxedBatches(films(), np.arange(4), [1, 1, 0, 0], boxes, **given)  # type: ignore[arg-type]


def white_share(film: npt.NDArray[np.uint8]) -> npt.NDArray[np.float64]:
    rows, columns = film.shape[0] // CELL, film.shape[1] // CELL
    return (film.astype(float).clip(60) - 60).reshape(rows, CELL, columns, CELL).mean(axis=(1, 3)) / (255 - 60)


def test_an_unmoved_box_covers_the_cells_it_lies_in() -> None:
    cells = box_cells(BOX, np.eye(2, 3), (SIDE, SIDE))
    expected = np.zeros((8, 8))
    # Columns 72 to 96: half of a cell and a whole one; rows 24 to 40: half of two cells.
    expected[1:3, 4:6] = [[0.25, 0.5], [0.25, 0.5]]
    # The outline is drawn too, so a side may be a quarter of a cell longer.
    assert np.abs(cells - expected).max() <= 0.5
    assert cells[1:3, 4:6].min() >= 0.25
    assert cells.sum() < 2.6
    assert cells[:, :4].max() == 0
    assert cells[4:].max() == 0


@pytest.mark.parametrize("epoch", range(6))
def test_the_map_follows_the_film(epoch: int) -> None:
    wild = batches(geometry=WILD, seed=3)
    wild.begin_epoch(epoch)
    shown, asked, _ = wild[0]
    for film, cells, label in zip(shown[..., 0], asked["map"], asked["logit"][:, 0], strict=True):
        if label:
            white = white_share(film)
            assert np.corrcoef(white.ravel(), cells.ravel())[0, 1] > 0.9
            assert abs(white.sum() - cells.sum()) < 1.2
        else:
            assert cells.max() == 0


def test_without_geometry_films_stay_as_they_are() -> None:
    shown, asked, weights = batches()[0]
    np.testing.assert_array_equal(shown[..., 0], films())
    assert shown.dtype == np.uint8
    np.testing.assert_array_equal(asked["logit"], [[1], [1], [0], [0]])
    assert asked["map"].shape == (4, 8, 8)
    assert weights["logit"].tolist() == weights["map"].tolist() == [1, 1, 1, 1]


def test_a_fractured_film_that_nobody_marked_teaches_no_cell() -> None:
    unmarked = BoxedBatches(films(), np.arange(2), [1, 0], [np.zeros((0, 4))] * 2, batch_size=2)
    _, asked, _ = unmarked[0]
    assert (asked["map"][0] == UNKNOWN).all()
    assert (asked["map"][1] == 0).all()


def test_batches_depend_on_seed_and_epoch_alone() -> None:
    def draw(seed: int, epoch: int) -> npt.NDArray[np.uint8]:
        made = batches(geometry=WILD, seed=seed, shuffle=True)
        made.begin_epoch(epoch)
        made[0]
        shown: npt.NDArray[np.uint8] = made[0][0]
        return shown

    np.testing.assert_array_equal(draw(1, 2), draw(1, 2))
    assert (draw(1, 2) != draw(1, 3)).any()
    assert (draw(1, 2) != draw(2, 2)).any()


def test_balance_weighs_the_logit_alone() -> None:
    odd = BoxedBatches(films(), np.arange(4), [1, 0, 0, 0], [BOX, *[np.zeros((0, 4))] * 3], balance="class_weight")
    _, _, weights = odd[0]
    np.testing.assert_allclose(weights["logit"], [2, 2 / 3, 2 / 3, 2 / 3], rtol=1e-6)
    assert weights["map"].tolist() == [1, 1, 1, 1]
