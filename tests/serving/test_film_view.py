"""The film for a screen: unpacked within bounds, and drawn as an overlay is."""

from __future__ import annotations

import dataclasses
import zlib

import numpy as np
import pytest

from lucency.imaging.geometry import InputSpec, place
from lucency.imaging.overlay import draw_overlay
from lucency.imaging.radiograph import Radiograph
from lucency.serving.film_view import FilmView
from lucency.serving.worker import FilmLostError

LEVELS = np.random.default_rng(0).integers(0, 256, (120, 160)).astype("<u2") * 257


def made_view(levels: np.ndarray = LEVELS, **changed: object) -> FilmView:
    cells = np.random.default_rng(1).normal(scale=8, size=(5, 5)).tolist()
    covers = dataclasses.asdict(place(120, 160, InputSpec(64, 64)))
    view = FilmView(120, 160, zlib.compress(levels.tobytes()), cells, covers)
    return dataclasses.replace(view, **changed)


def test_it_is_drawn_as_the_overlay_of_the_film() -> None:
    view = made_view()
    film = Radiograph((LEVELS / 257).astype(np.float32), "")
    expected = draw_overlay(film, np.array(view.cells), place(120, 160, InputSpec(64, 64)), (), scale=9.0)
    np.testing.assert_array_equal(np.asarray(view.picture(9.0)), np.asarray(expected)[:120, :160])


def test_a_film_shown_smaller_keeps_its_heat_map_in_place() -> None:
    cells = np.zeros((4, 4))
    cells[0, 3] = 30.0
    covers = dataclasses.asdict(place(1200, 1600, InputSpec(64, 64, fit="squash")))
    drawn = np.asarray(made_view(np.zeros_like(LEVELS), cells=cells.tolist(), covers=covers).picture(9.0))
    coloured = drawn[..., 0] > 100
    assert coloured[:25, 125:].any()
    assert not coloured[60:].any()
    assert not coloured[:, :80].any()


def test_without_a_heat_map_it_is_grey() -> None:
    drawn = np.asarray(made_view(cells=None, covers=None).picture(9.0))
    np.testing.assert_array_equal(drawn, np.repeat((LEVELS // 257).astype(np.uint8)[..., None], 3, axis=2))


DAMAGED = {
    "empty": b"",
    "no zlib": b"no zlib",
    "too few": zlib.compress(b"\0" * (2 * 120 * 160 - 1)),
    "far too many": zlib.compress(b"\0" * 50_000_000),
    "cut": zlib.compress(LEVELS.tobytes())[:900],
}


@pytest.mark.parametrize("packed", DAMAGED.values(), ids=DAMAGED)
def test_levels_that_do_not_fit_are_refused(packed: bytes) -> None:
    with pytest.raises(FilmLostError, match="damaged"):
        made_view(packed=packed).levels()


@pytest.mark.parametrize("size", [(20_000, 20_000), (1025, 4), (-120, -160), (0, 0)])
def test_no_worker_says_how_much_memory_is_taken(size: tuple[int, int]) -> None:
    packed = zlib.compress(b"\0" * max(0, 2 * min(size[0] * size[1], 1_000_000)))
    with pytest.raises(FilmLostError, match="damaged"):
        made_view(height=size[0], width=size[1], packed=packed).levels()


@pytest.mark.parametrize(("row", "column", "bare"), [(0, 3, True), (3, 3, False), (5, 0, False), (6, 0, True)])
def test_only_cells_over_the_film_give_it_colour(row: int, column: int, bare: bool) -> None:
    cells = np.full((8, 8), -1.0)
    cells[row, column] = 0.1
    covers = {"top": 16, "left": 0, "height": 32, "width": 64, "input_height": 64, "input_width": 64}
    view = FilmView(50, 100, b"", cells.tolist(), covers)
    assert view.without_colour is bare
    assert not FilmView(50, 100, b"", None, None).without_colour
