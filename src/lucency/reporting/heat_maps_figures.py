"""Figures of heat maps held against boxes, drawn from the section of the report."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lucency.reporting.canvas import FRACTURED, INK, MUTED, NOT_FRACTURED, legend, new_figure, style

Section = Mapping[str, Any]

_MAPS = (
    ("model", FRACTURED, "o", "heat map"),
    ("elsewhere", NOT_FRACTURED, "s", "where other films have their boxes"),
    ("centre", INK, "^", "centre of the film"),
    ("flat", MUTED, "|", "chance"),
)
_APART = 0.18


def pointing_figure(section: Section) -> Figure:
    """How often the hottest cell lies on the fracture, by set of films, beside maps that never look at the film.

    Args:
        section: As `summarise_heat_maps` gives it, with at least one film.
    """
    shown = [part for part in section["sets"] if part["films"]]
    figure = new_figure(7.6, 1.5 + 0.72 * len(shown))
    axes = figure.add_subplot()
    for place, part in enumerate(shown[::-1]):
        for step, (name, colour, marker, words) in enumerate(_MAPS):
            height = place + (len(_MAPS) / 2 - 0.5 - step) * _APART
            found = part["maps"][name]["pointing"]
            if found["value"] is not None:
                _mark(axes, found, height, colour, marker, words if place == len(shown) - 1 else "_")
    axes.set_yticks(
        range(len(shown)), [f"{_first_upper(part['words'])}\n{part['films']} films" for part in shown[::-1]]
    )
    axes.set(xlim=(-0.01, 1.01), ylim=(-0.6, len(shown) - 0.4))
    style(axes, title="Pointing game: hottest cell in a box, or one cell beside it", x="Share of films")
    axes.legend(loc="upper center", bbox_to_anchor=(0.4, -0.16), ncols=2, fontsize=9, frameon=False, labelcolor=INK)
    return figure


def heat_precision_recall_figure(section: Section) -> Figure:
    """Precision against recall of the heat, over the area of all films.

    Args:
        section: As `heat_map_section` gives it, with "precision_recall" not None.
    """
    found = section["precision_recall"]
    figure = new_figure(4.8, 4.4)
    axes = figure.add_subplot()
    base = found["base_rate"]
    axes.axhline(base, color=MUTED, linewidth=1, linestyle=(0, (4, 3)), label=f"flat map: {base:.3f}")
    curve = found["curve"]
    axes.step(
        [0.0, *curve["recall"]],
        [curve["precision"][0], *curve["precision"]],
        where="pre",
        color=FRACTURED,
        linewidth=2,
    )
    axes.set(xlim=(0, 1), ylim=(0, max(0.05, min(1.02, 1.15 * max(curve["precision"])))))
    precision = found["average_precision"]
    interval = "" if precision["low"] is None else f" ({precision['low']:.3f} to {precision['high']:.3f})"
    style(
        axes,
        title=f"Heat against boxes, AP {precision['value']:.3f}{interval}",
        x="Recall (share of the boxed area that is hot)",
        y="Precision (share of the hot area that is boxed)",
    )
    legend(axes, "upper right")
    return figure


def randomisation_figure(section: Section) -> Figure:
    """How alike the maps stay while weights are shuffled from the head down.

    Args:
        section: As `heat_map_section` gives it, with a "randomisation" that was done.
    """
    test = section["randomisation"]
    steps = test["steps"]
    figure = new_figure(4.8, 4.4)
    axes = figure.add_subplot()
    places = range(1, len(steps) + 1)
    axes.plot(0, 1, linestyle="none", marker="o", markersize=6, color=FRACTURED, clip_on=False)
    for place, step in zip(places, steps, strict=True):
        found = step["correlation"]
        if found["low"] is not None:
            axes.plot([place, place], [found["low"], found["high"]], color=FRACTURED, linewidth=5, alpha=0.3)
        if found["value"] is not None:
            axes.plot(place, found["value"], linestyle="none", marker="o", markersize=6, color=FRACTURED)
    bound = test["bound"]
    axes.axhline(bound, color=INK, linewidth=1, label=f"changed under {bound:.2f}")
    other = test["between_films"]["value"]
    if other is not None:
        axes.axhline(
            other, color=MUTED, linewidth=1, linestyle=(0, (4, 3)), label=f"maps of two unlike films: {other:.2f}"
        )
    axes.set_xticks([0, *places], ["none", *(step["name"] for step in steps)])
    axes.set(xlim=(-0.4, len(steps) + 0.4), ylim=(0, 1.02))
    style(
        axes,
        title=f"Weights shuffled, {test['films']} films",
        x="Shuffled",
        y="Rank correlation with the map, without sign",
    )
    legend(axes, "upper right")
    return figure


def heat_maps_figures(section: Section) -> dict[str, Figure]:
    """Every figure that the section allows.

    Args:
        section: As `heat_map_section` gives it.

    Returns:
        "heat_maps_pointing", "heat_maps_precision_recall" and "heat_maps_randomisation", where possible.
    """
    figures: dict[str, Figure] = {}
    if not section["films"]:
        return figures
    figures["heat_maps_pointing"] = pointing_figure(section)
    if section["precision_recall"] is not None:
        figures["heat_maps_precision_recall"] = heat_precision_recall_figure(section)
    if section["randomisation"] is not None and section["randomisation"]["reason"] is None:
        figures["heat_maps_randomisation"] = randomisation_figure(section)
    return figures


def _mark(axes: Axes, found: Mapping[str, Any], height: float, colour: str, marker: str, words: str) -> None:
    if found["low"] is not None:
        axes.plot([found["low"], found["high"]], [height, height], color=colour, linewidth=2, alpha=0.45)
    axes.plot(
        found["value"],
        height,
        linestyle="none",
        marker=marker,
        markersize=6,
        markeredgewidth=2 if marker == "|" else 1,
        color=colour,
        clip_on=False,
        label=words,
    )


def _first_upper(words: str) -> str:
    return words[:1].upper() + words[1:]
