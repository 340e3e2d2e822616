"""One row a film: how well its heat map, and maps that never saw the film, find its boxes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from lucency.evaluation.box_cells import FilmCells
from lucency.evaluation.localisation import SCORES, Heat, padding_share, score_map
from lucency.evaluation.position_maps import centre_map, elsewhere_maps, flat_map
from lucency.evaluation.scores import FloatArray

BASELINES = ("flat", "centre", "elsewhere")
"""Maps that never look at the film: the same everywhere, a Gaussian at its centre, the boxes of other groups."""

MAPS = ("model", *BASELINES, "best")
"""Whose scores a row holds; "best" is the best that cells of this size can show."""

NO_BOX = "no box"
OUTSIDE = "all boxes outside"
NOT_FRACTURED = "boxes on a film that is not fractured"
NOT_FINITE = "the map holds values that are not numbers"
NOT_OCCLUDED = "not among the films that were occluded"
NO_MAP = "the model has no heat map"

_FACTS = ("image_id", "group", "label", "decision", "left_out", "boxes", "boxes_outside", "boxes_cut", "box_share")
_OF_MAP = ("area_share", "positive", "padding_share", "padding_area")
_OCCLUSION = ("occlusion_pointing", "occlusion_pointing_exact", "occlusion_correlation")

HEAT_MAP_COLUMNS = (*_FACTS, *_OF_MAP, *(f"{name}_{score}" for name in MAPS for score in SCORES), *_OCCLUSION)
"""Columns of heat_maps.csv."""


def score_rows(heats: Sequence[Heat], cells: Sequence[FilmCells], groups: Sequence[str] | None) -> list[dict[str, Any]]:
    """Scores of the maps of N films that have boxes.

    Args:
        heats: Float (h, w), finite.
        cells: Where film and boxes of each lie.
        groups: N names, as for `group_numbers`.

    Returns:
        For each film "area_share" (of the film, under boxes), "positive" (1 where the map has positive evidence),
        "padding_share" (of the positive heat, on the padding), "padding_area" (of the input, which is padding) and
        `<map>_<score>` for all `MAPS` and `SCORES`; None where there is no other group.
    """
    elsewhere = elsewhere_maps(cells, groups)
    rows = []
    for heat, one, others in zip(heats, cells, elsewhere, strict=True):
        area = one.film.size * one.cell_height * one.cell_width
        row: dict[str, Any] = {
            "area_share": one.boxed_share,
            "positive": int(heat.max() > 0),
            "padding_share": padding_share(heat, one),
            "padding_area": 1 - float(one.film.sum()) / area,
        }
        best = np.divide(one.boxed, one.film, out=np.zeros_like(one.film), where=one.film > 0)
        maps = {"model": heat, "flat": flat_map(one), "centre": centre_map(one), "elsewhere": others, "best": best}
        for name in MAPS:
            values = maps[name]
            found: Mapping[str, float | None] = dict.fromkeys(SCORES) if values is None else score_map(values, one)
            row |= {f"{name}_{score}": found[score] for score in SCORES}
        # No cell but the fullest holds more of its heat inside a box.
        row["best_heat_share"] = float(best.max())
        rows.append(row)
    return rows


def column(rows: Sequence[Mapping[str, Any]], name: str) -> FloatArray:
    """float64 (N,), a column of numbers or of their text; NaN where a row has nothing."""
    return np.array([np.nan if row.get(name) in (None, "") else float(row[name]) for row in rows], dtype=np.float64)
