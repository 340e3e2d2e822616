"""Maps that never look at the film: what position alone would score."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from lucency.evaluation.box_cells import FilmCells
from lucency.evaluation.intervals import group_numbers
from lucency.evaluation.scores import FloatArray

CENTRE_SPREAD = 0.25
"""Standard deviation of the Gaussian at the centre, in heights and widths of the film."""


def flat_map(cells: FilmCells) -> FloatArray:
    """float64 (h, w), the same everywhere: what chance would score."""
    return np.ones_like(cells.film)


def centre_map(cells: FilmCells) -> FloatArray:
    """float64 (h, w), a Gaussian at the centre of the film; the eye of whoever takes the film is a strong detector.

    Args:
        cells: Where the film lies.
    """
    left, top, right, bottom = cells.frame
    rows, columns = cells.film.shape
    y = (np.arange(rows) + 0.5) * cells.cell_height
    x = (np.arange(columns) + 0.5) * cells.cell_width
    down = (y - (top + bottom) / 2) / (CENTRE_SPREAD * (bottom - top))
    across = (x - (left + right) / 2) / (CENTRE_SPREAD * (right - left))
    result: FloatArray = np.exp(-0.5 * (down[:, None] ** 2 + across[None, :] ** 2))
    return result


def elsewhere_maps(films: Sequence[FilmCells], groups: Sequence[str] | None) -> list[FloatArray | None]:
    """For each film the mean of the boxes of the films of all other groups: where fractures usually lie.

    Args:
        films: N films with maps of one shape.
        groups: N names, as for `group_numbers`; films of one patient must not tell each other's boxes.

    Returns:
        float64 (h, w) each, the mean share of a cell that boxes cover; None where there is no other group.
    """
    numbers, count = group_numbers(groups, len(films))
    if count < 2:
        return [None] * len(films)
    shares = np.stack([cells.boxed for cells in films]) / (films[0].cell_height * films[0].cell_width)
    sums = np.zeros((count, *shares.shape[1:]))
    np.add.at(sums, numbers, shares)
    sizes = np.bincount(numbers, minlength=count)
    # Those before and those after, not all minus one's own: rounding would leave heat where nobody has a box.
    nobody = np.zeros((1, *shares.shape[1:]))
    before = np.concatenate([nobody, np.cumsum(sums[:-1], axis=0)])
    after = np.concatenate([np.cumsum(sums[:0:-1], axis=0)[::-1], nobody])
    return [(before[number] + after[number]) / (len(films) - sizes[number]) for number in numbers.tolist()]
