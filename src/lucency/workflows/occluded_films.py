"""Occlusion maps of films with boxes: in place of a heat map, or beside it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from lucency.occlusion import occlusion_map
from lucency.workflows.boxed_films import BoxedFilm, MappedFilm
from lucency.workflows.teller import Teller

if TYPE_CHECKING:
    from lucency.predictor import Predictor
    from lucency.workflows.split_films import SplitFilms

PATCH_CELLS = 2.0
"""Side of the square that covers a place, in cells of the map."""

LONGER_SIDE = 10
"""Cells along the longer side of the input, where no heat map says how many."""


def add_occlusion_maps(predictor: Predictor, films: SplitFilms, wanted: Sequence[BoxedFilm], teller: Teller) -> None:
    """Gives films of a model without heat map an occlusion map as theirs.

    Args:
        predictor: Of the bundle.
        films: The films of the split.
        wanted: Those that get one; each costs a hundred predictions.
        teller: Hears of progress.
    """
    spec = predictor.bundle.card.input
    side = max(spec.height, spec.width) / LONGER_SIDE
    for done, film in enumerate(wanted, start=1):
        film.heat = _occluded(predictor, films, film.index, side, side)
        teller.progress("occlusion", done, len(wanted))


def cross_check(predictor: Predictor, films: SplitFilms, wanted: Sequence[MappedFilm], teller: Teller) -> None:
    """Adds what occlusion says of films that have a heat map, in the cells of that map.

    Args:
        predictor: Of the bundle.
        films: The films of the split.
        wanted: Those that are checked; each costs as many predictions as its map has cells.
        teller: Hears of progress.
    """
    from lucency.evaluation.localisation import TOLERANCE, pointing
    from lucency.evaluation.map_ranks import rank_correlation

    for done, film in enumerate(wanted, start=1):
        cells, on_film = film.cells, film.cells.film > 0
        covered = _occluded(predictor, films, film.index, cells.cell_height, cells.cell_width)
        correlation = rank_correlation(film.heat[on_film], covered[on_film])
        film.facts["occlusion_pointing"] = pointing(covered, cells, TOLERANCE)
        film.facts["occlusion_pointing_exact"] = pointing(covered, cells, 0.0)
        film.facts["occlusion_correlation"] = None if np.isnan(correlation) else correlation
        teller.progress("occlusion", done, len(wanted))


def _occluded(
    predictor: Predictor, films: SplitFilms, index: int, down: float, across: float
) -> npt.NDArray[np.float32]:
    film_input = films.images[films.rows[index]][..., None]
    patch = max(1.0, PATCH_CELLS * min(down, across))
    return occlusion_map(predictor, film_input, patch=patch, stride=(down, across))
