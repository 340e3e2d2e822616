"""Films with boxes, their heat maps, and the row that each becomes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from lucency.imaging.geometry import InputSpec, place

if TYPE_CHECKING:
    from lucency.evaluation.box_cells import FilmCells, FittedBoxes
    from lucency.workflows.split_films import SplitFilms


@dataclass(eq=False)
class BoxedFilm:
    """A fractured film, or another one that has boxes.

    Attributes:
        index: Among the films of the split.
        boxes: Its boxes, sorted out.
        facts: Columns of its row.
        heat: Its map, float32 (h, w); None where it has none yet.
    """

    index: int
    boxes: FittedBoxes
    facts: dict[str, Any]
    heat: npt.NDArray[np.float32] | None = None


@dataclass(frozen=True, eq=False)
class MappedFilm:
    """A film whose map can be held against its boxes.

    Attributes:
        index: Among the films of the split.
        facts: Columns of its row; more are added.
        heat: Its map, float32 (h, w), finite.
        cells: Where film and boxes lie in it.
    """

    index: int
    facts: dict[str, Any]
    heat: npt.NDArray[np.float32]
    cells: FilmCells


def boxed_films(films: SplitFilms, sizes: npt.NDArray[np.int32], decisions: Sequence[str]) -> list[BoxedFilm]:
    """All fractured films, and the others that have boxes; "left_out" says of which nothing can be said, and why.

    Args:
        films: N films.
        sizes: int (N, 2), height and width of each upright film.
        decisions: N, as `OperatingPoint.decide` gives them.
    """
    from lucency.evaluation.box_cells import fit_to_film
    from lucency.evaluation.heat_map_rows import NO_BOX, NOT_FRACTURED, OUTSIDE

    found = []
    for index, (label, boxes) in enumerate(zip(films.labels.tolist(), films.boxes, strict=True)):
        if not label and not boxes:
            continue
        fitted = fit_to_film(boxes, int(sizes[index, 0]), int(sizes[index, 1]))
        left_out = "" if fitted.boxes else OUTSIDE if boxes else NO_BOX
        facts = {
            "image_id": films.image_ids[index],
            "group": films.groups[index] if films.groups is not None else "",
            "label": label,
            "decision": decisions[index],
            "left_out": left_out if label else NOT_FRACTURED,
            "boxes": len(fitted.boxes),
            "boxes_outside": fitted.outside,
            "boxes_cut": fitted.cut,
            "box_share": fitted.largest_share,
        }
        found.append(BoxedFilm(index, fitted, facts))
    return found


def mapped_films(films: Sequence[BoxedFilm], sizes: npt.NDArray[np.int32], spec: InputSpec) -> list[MappedFilm]:
    """Lays boxes over the maps of those films that have one; maps that are not numbers are left out.

    Args:
        films: Films with boxes.
        sizes: int (N, 2) of all films of the split.
        spec: The network input.
    """
    from lucency.evaluation.box_cells import film_cells
    from lucency.evaluation.heat_map_rows import NOT_FINITE

    mapped = []
    for film in films:
        if film.heat is None:
            continue
        if not np.isfinite(film.heat).all():
            film.facts["left_out"] = NOT_FINITE
            continue
        height, width = sizes[film.index].tolist()
        rows, columns = film.heat.shape
        cells = film_cells(film.boxes.boxes, place(height, width, spec), (rows, columns))
        mapped.append(MappedFilm(film.index, film.facts, film.heat, cells))
    return mapped
