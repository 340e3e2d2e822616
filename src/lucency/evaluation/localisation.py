"""How well a map of evidence finds the boxes of one film."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from lucency.evaluation.box_cells import FilmCells

Heat = npt.NDArray[np.floating[Any]]
"""A map (h, w) of evidence, positive for a fracture."""

TOLERANCE = 1.0
"""Cells by which a box is made larger on each side in the pointing game with tolerance.

Zhang et al. (2018) allow 15 pixels; a cell is what one of these maps can tell apart.
"""

SCORES = ("pointing", "pointing_exact", "hottest", "heat_share", "average_precision")
"""What `score_map` gives."""


def score_map(heat: Heat, cells: FilmCells) -> dict[str, float]:
    """The scores of one map on one film.

    Args:
        heat: Float (h, w), finite; positive speaks for a fracture.
        cells: Where film and boxes lie; at least one box.

    Returns:
        Values 0..1: "pointing" and "pointing_exact" (the pointing game with and without `TOLERANCE`), "hottest" (with
        it, and also where the map has no positive evidence), "heat_share" and "average_precision" (see `heat_share` and
        `area_average_precision`).
    """
    return {
        "pointing": pointing(heat, cells, TOLERANCE),
        "pointing_exact": pointing(heat, cells, 0.0),
        "hottest": hottest(heat, cells, TOLERANCE),
        "heat_share": heat_share(heat, cells),
        "average_precision": area_average_precision(heat, cells),
    }


def pointing(heat: Heat, cells: FilmCells, tolerance: float) -> float:
    """The pointing game (Zhang et al. 2018, "Top-down neural attention by excitation backprop").

    Args:
        heat: Float (h, w), finite.
        cells: Where the boxes lie.
        tolerance: Cells by which a box is made larger on each side.

    Returns:
        1 where the centre of the hottest cell lies in a box, else 0; of several cells that are equally hot, the share
        that does. 0 for a map without positive evidence: it points nowhere.
    """
    return hottest(heat, cells, tolerance) if heat.max() > 0 else 0.0


def hottest(heat: Heat, cells: FilmCells, tolerance: float) -> float:
    """Whether the hottest cell lies in a box, be its evidence positive or not.

    For a map whose zero is a matter of training, as of one that boxes taught cell by cell.

    Args:
        heat: Float (h, w), finite.
        cells: Where the boxes lie.
        tolerance: Cells by which a box is made larger on each side.

    Returns:
        As `pointing`; a map that is the same everywhere gives the share of its cells that lie in boxes.
    """
    return float(cells.hits(tolerance)[heat == heat.max()].mean())


def heat_share(heat: Heat, cells: FilmCells) -> float:
    """Share of the positive heat on the film that lies inside the boxes, 0..1; 0 where there is no positive heat.

    A cell's heat is spread evenly over it, so that a flat map gives the share of the film that the boxes cover.

    Args:
        heat: Float (h, w), finite.
        cells: Where film and boxes lie.
    """
    positive = np.maximum(heat, 0.0)
    total = float((positive * cells.film).sum())
    return float((positive * cells.boxed).sum()) / total if total > 0 else 0.0


def padding_share(heat: Heat, cells: FilmCells) -> float:
    """Share of all positive heat that lies on the padding around the film, 0..1; 0 where there is no positive heat.

    Args:
        heat: Float (h, w), finite.
        cells: Where the film lies.
    """
    positive = np.maximum(heat, 0.0)
    area = cells.cell_height * cells.cell_width
    total = float(positive.sum()) * area
    return float((positive * np.maximum(area - cells.film, 0.0)).sum()) / total if total > 0 else 0.0


def area_average_precision(heat: Heat, cells: FilmCells) -> float:
    """Average precision of the map against the boxes, over the area of the film, 0..1.

    All pixels under a cell share its value, so this is the average precision over pixels (step-wise, as in
    scikit-learn) without making them. A map that says nothing gives the share of the film that the boxes cover.

    Args:
        heat: Float (h, w), finite.
        cells: Where film and boxes lie; at least one box.
    """
    values, first = np.unique(-heat.ravel(), return_inverse=True)
    boxed = np.bincount(first, weights=cells.boxed.ravel(), minlength=len(values))
    film = np.bincount(first, weights=cells.film.ravel(), minlength=len(values))
    found, seen = np.cumsum(boxed), np.cumsum(film)
    seen_at_all = seen > 0
    precision = found[seen_at_all] / seen[seen_at_all]
    return float((boxed[seen_at_all] * precision).sum() / found[-1])
