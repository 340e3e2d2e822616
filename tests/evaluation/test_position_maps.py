from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm

from lucency.evaluation.box_cells import FilmCells, film_cells
from lucency.evaluation.localisation import pointing
from lucency.evaluation.position_maps import CENTRE_SPREAD, centre_map, elsewhere_maps, flat_map
from lucency.imaging.geometry import InputSpec, place


def cells_of(box: tuple[float, float, float, float], size: tuple[int, int] = (64, 64), shape: int = 8) -> FilmCells:
    return film_cells([box], place(*size, InputSpec(64, 64)), (shape, shape))


def test_the_centre_is_that_of_the_film() -> None:
    # The film covers the columns 20 to 44; the map has a cell for each pixel.
    cells = cells_of((0, 0, 5, 5), size=(64, 24), shape=64)
    heat = centre_map(cells)
    assert np.argwhere(heat == heat.max()).tolist() == [[31, 31], [31, 32], [32, 31], [32, 32]]
    # From the centre of the film, between the pixels 31 and 32, a quarter of its sides is one standard deviation.
    steps = np.arange(12)
    down, across = norm(scale=CENTRE_SPREAD * 64).pdf(steps + 0.5), norm(scale=CENTRE_SPREAD * 24).pdf(steps + 0.5)
    assert heat[32:44, 32] / heat[32, 32] == pytest.approx(down / down[0])
    assert heat[32, 32:44] / heat[32, 32] == pytest.approx(across / across[0])


def test_the_centre_of_an_even_map_is_shared_by_four_cells() -> None:
    # A box on one of the four: the centre map hits it a quarter of the time.
    assert pointing(centre_map(cells_of((25, 25, 6, 6))), cells_of((25, 25, 6, 6)), 0.0) == pytest.approx(0.25)


def test_a_flat_map_is_flat() -> None:
    assert np.ptp(flat_map(cells_of((1, 1, 5, 5)))) == 0


def test_boxes_of_ones_own_group_are_not_told() -> None:
    random = np.random.default_rng(3)
    films = [cells_of((*random.uniform(0, 50, 2), *random.uniform(2, 12, 2))) for _ in range(7)]
    groups = ["a", "b", "a", "c", "", "", "b"]
    maps = elsewhere_maps(films, groups)
    for place_, (found, group) in enumerate(zip(maps, groups, strict=True)):
        others = [
            film.boxed / 64
            for index, (film, name) in enumerate(zip(films, groups, strict=True))
            if index != place_ and (not group or name != group)
        ]
        assert found == pytest.approx(np.mean(others, axis=0))


def test_where_nobody_has_a_box_there_is_no_heat_at_all() -> None:
    films = [cells_of((0.1, 0.1, 0.3, 0.7)), cells_of((60, 60, 3, 3)), cells_of((56, 56, 7, 7))]
    found = elsewhere_maps(films, None)[0]
    assert found is not None
    assert np.count_nonzero(found) == 1


def test_one_group_alone_knows_no_others() -> None:
    films = [cells_of((1, 1, 5, 5)), cells_of((9, 9, 5, 5))]
    assert elsewhere_maps(films, ["a", "a"]) == [None, None]
    assert elsewhere_maps([], []) == []
