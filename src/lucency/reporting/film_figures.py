"""Figures of what the files of a data set are like: sizes, shapes, bytes and grey levels, by class."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from lucency.reporting.audit_films import CLASSES, Film
from lucency.reporting.canvas import FRACTURED, INK, NOT_FRACTURED, legend, new_figure, style

FloatArray = npt.NDArray[np.float64]
_COLOURS = {"fractured": FRACTURED, "not_fractured": NOT_FRACTURED}
_SIZE = (4.6, 3.3)
_BINS = 32
_MOST_DISCS = 600
_STEPS = (0.0, 0.01, 0.02, 0.03, 0.04, 0.06, 0.1, 0.2, 0.4)
_LARGEST, _SMALLEST, _LEVELS = 17.0, 2.5, 12
_NARROW, _WIDE = 2.5, 30.0


def film_figures(films: Sequence[Film]) -> dict[str, Figure]:
    """Every figure that the films allow, by name; none where no film was measured.

    Args:
        films: All films.

    Returns:
        "sizes", "aspect", "bytes", "means" and "contrast", in this order.
    """
    known = [film for film in films if film.measured]
    if not known:
        return {}
    fractured = np.array([film.label == "fractured" for film in known])
    heights, widths, sizes, means, deviations = np.array(
        [(film.height, film.width, film.size, film.mean, film.deviation) for film in known], dtype=np.float64
    ).T
    figures = {"sizes": sizes_figure(widths, heights, fractured)}
    figures["aspect"] = _histogram(widths / heights, fractured, title="Shape", x="Width over height", logarithmic=True)
    if sizes.any():
        kilobytes = np.maximum(sizes, 1.0) / 1000
        figures["bytes"] = _histogram(
            kilobytes, fractured, title="File sizes", x="Kilobytes of the file", logarithmic=True
        )
    figures["means"] = _histogram(means, fractured, title="Brightness", x="Mean grey level of a film, 0 to 255")
    figures["contrast"] = _histogram(
        deviations, fractured, title="Contrast", x="Standard deviation of a film's grey levels"
    )
    return figures


def sizes_figure(widths: FloatArray, heights: FloatArray, fractured: npt.NDArray[np.bool_]) -> Figure:
    """Width against height, a disc for all films of about one size, its area by their number.

    Args:
        widths: (N,) columns, at least 1; N at least 1.
        heights: (N,) rows, at least 1.
        fractured: (N,) whether a film is of that class.
    """
    figure = new_figure(*_SIZE)
    axes = figure.add_subplot()
    discs = {
        key: _discs(widths[fractured == wanted], heights[fractured == wanted])
        for key, wanted in (("not_fractured", False), ("fractured", True))
    }
    # Where every film has its own size, discs stay small: the largest stands for a twentieth of all films at least.
    most = max(len(widths) / 20, *(count for found in discs.values() for count in found.values()))
    for key, found in discs.items():
        levels: dict[int, list[tuple[float, float]]] = {}
        for place, count in found.items():
            levels.setdefault(math.ceil(_LEVELS * math.sqrt(count / most)), []).append(place)
        for level, places in levels.items():
            diameter = _SMALLEST + (_LARGEST - _SMALLEST) * (level - 1) / (_LEVELS - 1)
            across, down = zip(*places, strict=True)
            axes.plot(
                across,
                down,
                linestyle="none",
                marker="o",
                markersize=diameter,
                color=_COLOURS[key],
                alpha=0.55,
                markeredgewidth=0,
            )
    _logarithmic(axes, "x", widths)
    _logarithmic(axes, "y", heights)
    style(axes, title="Sizes; larger discs are more films", x="Width in pixels", y="Height in pixels")
    handles = [
        Line2D([], [], linestyle="none", marker="o", markersize=6, color=_COLOURS[key], label=words)
        for key, words in CLASSES.items()
        if discs[key]
    ]
    axes.legend(handles=handles, loc="best", fontsize=9, frameon=False, labelcolor=INK)
    return figure


def _discs(widths: FloatArray, heights: FloatArray) -> Counter[tuple[float, float]]:
    """How many films there are of each size, sizes rounded until there are few enough to draw."""
    found: Counter[tuple[float, float]] = Counter()
    for step in _STEPS:
        found = Counter(zip(_rounded(widths, step), _rounded(heights, step), strict=True))
        if len(found) <= _MOST_DISCS:
            break
    return found


def _rounded(values: FloatArray, step: float) -> list[float]:
    rounded: list[float] = (np.exp(np.round(np.log(values) / step) * step) if step else values).tolist()
    return rounded


def _histogram(
    values: FloatArray, fractured: npt.NDArray[np.bool_], *, title: str, x: str, logarithmic: bool = False
) -> Figure:
    figure = new_figure(*_SIZE)
    axes = figure.add_subplot()
    edges = _edges(values, logarithmic=logarithmic)
    for key, wanted in (("not_fractured", False), ("fractured", True)):
        chosen = values[fractured == wanted]
        if len(chosen):
            counts = np.histogram(chosen, edges)[0]
            # Shares, not counts: the rarer class would otherwise lie flat on the axis.
            shares = 100 * counts / len(chosen)
            axes.stairs(shares, edges, color=_COLOURS[key], fill=True, alpha=0.25)
            axes.stairs(shares, edges, color=_COLOURS[key], linewidth=1.3, label=CLASSES[key])
    if logarithmic:
        _logarithmic(axes, "x", values)
    axes.set_xlim(edges[0], edges[-1])
    style(axes, title=title, x=x, y="Per cent of the class")
    legend(axes, "best")
    return figure


def _edges(values: FloatArray, *, logarithmic: bool) -> FloatArray:
    low, high = float(values.min()), float(values.max())
    if logarithmic:
        low, high = math.log(low), math.log(high)
    # Films that are all alike still get a bar with some width.
    room = max(0.02 * (high - low), 0.05 if logarithmic else 0.5)
    edges = np.linspace(low - room, high + room, _BINS + 1)
    found: FloatArray = np.exp(edges) if logarithmic else edges
    return found


def _logarithmic(axes: Axes, which: str, values: FloatArray) -> None:
    # Between 256 and 260 pixels no round number of a logarithmic scale may lie.
    if float(values.max()) < _NARROW * float(values.min()):
        return
    axis = axes.xaxis if which == "x" else axes.yaxis
    (axes.set_xscale if which == "x" else axes.set_yscale)("log")
    wide = float(values.max()) > _WIDE * float(values.min())
    axis.set_major_locator(LogLocator(subs=(1.0,) if wide else (1.0, 1.5, 2.0, 3.0, 5.0, 7.0), numticks=20))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.6g}"))
    axis.set_minor_formatter(NullFormatter())
