"""Grids of films: samples with their predictions, and contact sheets."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lucency.reporting.canvas import INK, new_figure, printable

Image = npt.NDArray[np.uint8]


def sample_grid(images: Sequence[Image], captions: Sequence[str], *, columns: int = 4, title: str = "") -> Figure:
    """Films with their predictions.

    Args:
        images: Pictures, (H, W, 3) or (H, W) uint8, 0..255, of any sizes, with the heat map if any.
        captions: One a film, such as "fractured, said 0.93"; may have several lines.
        columns: Films in a row.
        title: Above the grid.

    Raises:
        ValueError: No film, or not as many captions as films.
    """
    return _grid(images, captions, columns=columns, title=title, cell=2.4, characters=32)


def contact_sheet(
    images: Sequence[Image],
    captions: Sequence[str] | None = None,
    *,
    columns: int | None = None,
    title: str = "",
) -> Figure:
    """Many films at a glance.

    Args:
        images: Pictures, (H, W, 3) or (H, W) uint8, 0..255, of any sizes.
        captions: One a film, or none.
        columns: Films in a row; about square if None.
        title: Above the sheet.

    Raises:
        ValueError: No film, or not as many captions as films.
    """
    chosen = columns or min(8, math.ceil(math.sqrt(max(1, len(images)))))
    words = [""] * len(images) if captions is None else captions
    return _grid(images, words, columns=chosen, title=title, cell=1.6, characters=22)


def _grid(
    images: Sequence[Image],
    captions: Sequence[str],
    *,
    columns: int,
    title: str,
    cell: float,
    characters: int,
) -> Figure:
    if len(images) == 0:
        raise ValueError("there is no film to show")
    if len(captions) != len(images):
        raise ValueError(f"{len(captions)} captions were given for {len(images)} films")
    columns = max(1, min(columns, len(images)))
    rows = math.ceil(len(images) / columns)
    wrapped = ["\n".join(_lines(printable(caption), characters)) for caption in captions]
    lines = max((caption.count("\n") + 1 for caption in wrapped if caption), default=0)
    heading = 0.35 if title else 0.05
    figure = new_figure(columns * cell, rows * (cell + 0.16 * lines) + heading)
    if title:
        figure.suptitle(printable(title), x=0.01, ha="left", fontsize=11, color=INK, parse_math=False)
    axes: npt.NDArray[Any] = figure.subplots(rows, columns, squeeze=False)
    for place, cell_axes in enumerate(axes.flat):
        if place >= len(images):
            cell_axes.set_axis_off()
        else:
            image = np.asarray(images[place])
            cell_axes.imshow(image, cmap="gray", vmin=0, vmax=255, interpolation="antialiased")
            _square(cell_axes, image.shape[0], image.shape[1])
            # A file name may hold a dollar sign, which would otherwise begin a formula.
            cell_axes.set_title(wrapped[place], fontsize=8, color=INK, parse_math=False, pad=3)
    return figure


def _square(axes: Axes, height: int, width: int) -> None:
    # A black square behind every film keeps the captions in line, whatever the shapes.
    half = max(height, width) / 2
    axes.set(
        xlim=(width / 2 - half - 0.5, width / 2 + half - 0.5),
        ylim=(height / 2 + half - 0.5, height / 2 - half - 0.5),
    )
    axes.set(xticks=[], yticks=[], facecolor="black")
    for spine in axes.spines.values():
        spine.set_visible(False)


def _lines(caption: str, characters: int) -> list[str]:
    return [part for line in caption.splitlines() for part in textwrap.wrap(line, characters) or [""]]
