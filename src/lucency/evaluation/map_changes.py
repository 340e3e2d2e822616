"""Whether a heat map changes when the weights of its model are shuffled."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from lucency.evaluation.box_cells import FilmCells
from lucency.evaluation.film_means import film_means
from lucency.evaluation.localisation import TOLERANCE, Heat, pointing
from lucency.evaluation.map_ranks import rank_correlation
from lucency.evaluation.scores import FloatArray

CHANGED_BELOW = 0.5
"""Mean rank correlation, without its sign, under which a map counts as changed.

Adebayo et al. (2018) set no bound. Maps of two unlike films are compared beside it, as a measure of what "changed" is.
"""


@dataclass(frozen=True, eq=False)
class ShuffledMaps:
    """Maps of the same films after some weights were shuffled.

    Attributes:
        name: Of the step, in words.
        kernels: How many weight tensors were shuffled.
        heats: Of N films, float (h, w), finite.
    """

    name: str
    kernels: int
    heats: Sequence[Heat]


def map_changes(
    heats: Sequence[Heat],
    steps: Sequence[ShuffledMaps],
    cells: Sequence[FilmCells],
    groups: Sequence[str] | None,
    *,
    resamples: int,
    seed: int,
) -> dict[str, Any]:
    """The model randomisation test (Adebayo et al. 2018, "Sanity checks for saliency maps"), from the head down.

    Maps are compared over the cells that show the film, by Spearman's rank correlation without its sign: a shuffled
    head may well turn a map over.

    Args:
        heats: Of N films, float (h, w), finite.
        steps: The same with shuffled weights, each step more of them; all in the last.
        cells: Where film and boxes lie.
        groups: N names, as for `group_numbers`.
        resamples: Of the group bootstrap.
        seed: Of the draws.

    Returns:
        "films", "bound", "changes" (whether the last step lies under the bound; None where all maps are flat),
        "verdict", "between_films" (figure of the correlation of the maps of two unlike films of the whole model),
        "pointing" (figure of the whole model on these films) and "steps", each with "name", "kernels" and the figures
        "correlation" and "pointing"; "reason" is None.
    """
    values = {"pointing": _pointing(heats, cells), "between_films": _between(heats, cells)}
    for place, step in enumerate(steps):
        values[f"correlation {place}"] = np.array(
            [
                abs(rank_correlation(heat[one.film > 0], shuffled[one.film > 0]))
                for heat, shuffled, one in zip(heats, step.heats, cells, strict=True)
            ]
        )
        values[f"pointing {place}"] = _pointing(step.heats, cells)
    figures = film_means(values, groups, resamples=resamples, seed=seed)
    last = figures[f"correlation {len(steps) - 1}"]["value"]
    changes = None if last is None else bool(last < CHANGED_BELOW)
    return {
        "reason": None,
        "films": len(heats),
        "bound": CHANGED_BELOW,
        "changes": changes,
        "verdict": _verdict(last, changes, len(heats)),
        "between_films": figures["between_films"],
        "pointing": figures["pointing"],
        "steps": [
            {
                "name": step.name,
                "kernels": step.kernels,
                "correlation": figures[f"correlation {place}"],
                "pointing": figures[f"pointing {place}"],
            }
            for place, step in enumerate(steps)
        ],
    }


def _pointing(heats: Sequence[Heat], cells: Sequence[FilmCells]) -> FloatArray:
    return np.array([pointing(heat, one, TOLERANCE) for heat, one in zip(heats, cells, strict=True)])


def _between(heats: Sequence[Heat], cells: Sequence[FilmCells]) -> FloatArray:
    """(N,) rank correlation, without its sign, of each film's map with the next film's, over cells of both films."""
    result = np.full(len(heats), np.nan)
    for place in range(len(heats) if len(heats) > 1 else 0):
        other = (place + 1) % len(heats)
        both = (cells[place].film > 0) & (cells[other].film > 0)
        result[place] = abs(rank_correlation(heats[place][both], heats[other][both]))
    return result


def _verdict(value: float | None, changes: bool | None, films: int) -> str:
    if value is None:
        return "Whether the map depends on the weights cannot be said: all maps are flat."
    figure = f"mean rank correlation {value:.2f} on {films} film{'s' if films != 1 else ''}"
    if changes:
        return (
            f"The map changes when all weights are shuffled ({figure}, under {CHANGED_BELOW:.2f}):"
            " it depends on what the model has learned."
        )
    return (
        f"The map hardly depends on the weights ({figure} after all of them were shuffled, not under"
        f" {CHANGED_BELOW:.2f}): do not trust it."
    )
