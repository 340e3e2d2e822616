"""Figures of a search, drawn from the numbers of search.json."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from lucency.reporting.canvas import FRACTURED, INK, MUTED, NOT_FRACTURED, legend, new_figure, printable, style

Search = Mapping[str, Any]
_STATES = {
    "complete": ("o", NOT_FRACTURED, "finished"),
    "pruned": ("v", MUTED, "ended early"),
}


def history_figure(search: Search) -> Figure:
    """The value of each trial in the order in which they were made, with the best so far.

    Args:
        search: The content of search.json, with at least one trial.
    """
    figure = new_figure(7.6, 3.8)
    axes = figure.add_subplot()
    trials = search["trials"]
    for state, (marker, colour, words) in _STATES.items():
        shown = [trial for trial in trials if trial["state"] == state and trial["value"] is not None]
        if shown:
            axes.plot(
                [trial["trial"] for trial in shown],
                [trial["value"] for trial in shown],
                linestyle="none",
                marker=marker,
                markersize=5.5,
                color=colour,
                label=words,
            )
    failed = [trial["trial"] for trial in trials if trial["state"] == "failed"]
    if failed:
        floor = axes.get_ylim()[0]
        axes.plot(failed, [floor] * len(failed), linestyle="none", marker="x", color=FRACTURED, label="failed")
    steps = _best_so_far(search)
    if steps:
        axes.step(*zip(*steps, strict=True), where="post", color=NOT_FRACTURED, linewidth=1.5, label="best so far")
    own = search["own"]
    if own is not None and own["value"] is not None:
        axes.axhline(own["value"], color=MUTED, linewidth=1, linestyle=(0, (4, 3)), label="recipe as it was")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    style(axes, title="Each trial, judged on validation films", x="Trial", y=search["monitor"])
    legend(axes, "best")
    return figure


def importance_figure(search: Search) -> Figure:
    """How much each dimension decided how good a trial was.

    Args:
        search: The content of search.json, with "importance" not None.
    """
    shares = list(search["importance"].items())[::-1]
    figure = new_figure(7.6, 0.9 + 0.32 * len(shares))
    axes = figure.add_subplot()
    places = np.arange(len(shares))
    axes.barh(places, [share for _, share in shares], color=NOT_FRACTURED, height=0.62)
    for place, (_, share) in enumerate(shares):
        axes.text(share + 0.01, place, f"{100 * share:.0f} %", va="center", fontsize=9, color=INK)
    axes.set_yticks(places, [printable(key) for key, _ in shares])
    axes.set_xlim(0, min(1.12, 0.12 + max(share for _, share in shares)))
    style(axes, title="Importance (PED-ANOVA): share of what decided a trial", grid=False)
    axes.xaxis.set_visible(False)
    return figure


def values_figure(search: Search) -> Figure:
    """What was tried of each dimension against what came of it.

    Args:
        search: The content of search.json, with at least one dimension.
    """
    dimensions = search["dimensions"]
    columns = min(3, len(dimensions))
    rows = math.ceil(len(dimensions) / columns)
    figure = new_figure(3.1 * columns, 2.5 * rows)
    panels = figure.subplots(rows, columns, squeeze=False, sharey=True)
    for panel, dimension in zip(panels.flat, dimensions, strict=False):
        _one_dimension(panel, search, dimension)
    for panel in panels.flat[len(dimensions) :]:
        panel.set_visible(False)
    for row in panels:
        row[0].set_ylabel(search["monitor"], fontsize=10, color=INK)
    return figure


def search_figures(search: Search) -> dict[str, Figure]:
    """Every figure that the numbers allow: "history", "values" and "importance".

    Args:
        search: The content of search.json.
    """
    if not search["trials"]:
        return {}
    figures = {"history": history_figure(search), "values": values_figure(search)}
    if search["importance"]:
        figures["importance"] = importance_figure(search)
    return figures


def _one_dimension(axes: Axes, search: Search, dimension: Mapping[str, Any]) -> None:
    key, choices = dimension["key"], dimension["choices"]
    best = search["best"]
    for state, (marker, colour, _) in _STATES.items():
        shown = [trial for trial in search["trials"] if trial["state"] == state and trial["value"] is not None]
        axes.plot(
            [_place(trial, dimension) for trial in shown],
            [trial["value"] for trial in shown],
            linestyle="none",
            marker=marker,
            markersize=4.5,
            color=colour,
            alpha=0.75,
        )
    if best is not None:
        chosen = next(trial for trial in search["trials"] if trial["trial"] == best["trial"])
        axes.plot(
            _place(chosen, dimension),
            best["value"],
            linestyle="none",
            marker="o",
            markersize=9,
            markerfacecolor="none",
            markeredgecolor=FRACTURED,
            markeredgewidth=1.6,
        )
    if choices:
        axes.set_xticks(range(len(choices)), [_short(choice) for choice in choices], rotation=20)
        axes.set_xlim(-0.6, len(choices) - 0.4)
    else:
        low, high = dimension["low"], dimension["high"]
        if dimension["log"]:
            # Matplotlib labels a range of less than two decades at every minor tick, one over the other.
            axes.set_xscale("log")
            ends = (low, math.sqrt(low * high), high)
            axes.set_xticks(ends, [f"{end:.2g}" for end in ends])
            axes.minorticks_off()
            axes.set_xlim(low * (low / high) ** 0.05, high * (high / low) ** 0.05)
        else:
            axes.set_xlim(low - 0.05 * (high - low), high + 0.05 * (high - low))
    style(axes, title=printable(key))


def _place(trial: Mapping[str, Any], dimension: Mapping[str, Any]) -> float:
    value = trial["values"][dimension["key"]]
    if not dimension["choices"]:
        return float(value)
    # A little apart, so that equal values do not hide each other; the same in every drawing.
    place: int = dimension["choices"].index(value)
    number: int = trial["trial"]
    return place + 0.3 * (number * 0.618034 % 1 - 0.5)


def _short(text: str) -> str:
    return printable(text if len(text) <= 14 else f"{text[:6]}...{text[-6:]}")


def _best_so_far(search: Search) -> Sequence[tuple[int, float]]:
    better = max if search["direction"] == "maximize" else min
    steps: list[tuple[int, float]] = []
    for trial in search["trials"]:
        if trial["state"] == "complete" and trial["value"] is not None:
            value = better(trial["value"], steps[-1][1]) if steps else trial["value"]
            steps.append((trial["trial"], value))
    if steps and steps[-1][0] < search["trials"][-1]["trial"]:
        steps.append((search["trials"][-1]["trial"], steps[-1][1]))
    return steps
