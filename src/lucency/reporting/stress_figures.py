"""Figures of a stress test, drawn from the numbers of stress.json."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.artist import Artist
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch, Rectangle

from lucency.reporting.canvas import FRACTURED, INK, MUTED, NOT_FRACTURED, new_figure, style

Content = Mapping[str, Any]

_THIRD = "#009e73"
_Dashes = tuple[float, Sequence[float]] | None

_LINES: tuple[tuple[str, str, str, _Dashes], ...] = (
    ("auroc", "AUROC", NOT_FRACTURED, None),
    ("sensitivity", "sensitivity", FRACTURED, (0, (4, 2))),
    ("specificity", "specificity", _THIRD, (0, (1, 1.5))),
)
_DEEPEST = 0.4
"""Fall of AUROC that is drawn in the full colour."""

_DECISIONS = (0.0, (3.0, 2.0))
"""Dashes of the frame around a cell where only sensitivity or specificity breaks."""

_FALL = LinearSegmentedColormap.from_list("fall", ["#ffffff", "#f6c9a4", FRACTURED])


def stress_figures(content: Content) -> dict[str, Figure]:
    """Every figure of a stress test, by name.

    Args:
        content: The content of stress.json, schema 1.

    Returns:
        "heatmap" and "curves".
    """
    return {"heatmap": stress_heatmap(content), "curves": stress_curves(content)}


def stress_heatmap(content: Content) -> Figure:
    """AUROC of each corruption at each severity; the darker, the further it fell.

    A frame stands where the model breaks, one of dashes where AUROC alone does not show it.

    Args:
        content: The content of stress.json.
    """
    rows = content["corruptions"]
    columns = len(rows[0]["severities"])
    figure = new_figure(2.9 + 0.85 * columns, 1.2 + 0.36 * len(rows))
    axes = figure.add_subplot()
    falls = [[max(0.0, -float(cell["changes"]["auroc"]["value"])) for cell in row["severities"]] for row in rows]
    axes.pcolormesh(np.asarray(falls), cmap=_FALL, vmin=0.0, vmax=_DEEPEST, edgecolors="white", linewidth=1.5)
    for y, row in enumerate(rows):
        for x, cell in enumerate(row["severities"]):
            axes.text(x + 0.5, y + 0.5, f"{cell['auroc']:.2f}", ha="center", va="center", fontsize=9, color=INK)
            if cell["state"] == "breaks":
                look: _Dashes = None if "auroc" in cell["breaks"] else _DECISIONS
                frame = Rectangle((x + 0.05, y + 0.07), 0.9, 0.86, fill=False, edgecolor=INK, linewidth=1.5)
                frame.set_linestyle(look or "-")
                axes.add_patch(frame)
    axes.set_yticks(np.arange(len(rows)) + 0.5, [row["title"] for row in rows])
    axes.set_xticks(np.arange(columns) + 0.5, [str(cell["severity"]) for cell in rows[0]["severities"]])
    axes.set_ylim(len(rows), 0)
    clean = content["clean"]["auroc"]["value"]
    style(axes, title=f"AUROC under stress; {clean:.2f} on the films as they are", x="Severity", grid=False)
    axes.tick_params(length=0)
    for spine in axes.spines.values():
        spine.set_visible(False)
    whole = Patch(fill=False, edgecolor=INK, linewidth=1.5, label="breaks")
    dashed = Patch(fill=False, edgecolor=INK, linewidth=1.5, linestyle=_DECISIONS, label="breaks by decisions alone")
    figure.legend(
        handles=[whole, dashed], loc="outside lower right", ncols=2, fontsize=9, frameon=False, labelcolor=INK
    )
    return figure


def stress_curves(content: Content) -> Figure:
    """AUROC, sensitivity and specificity of each corruption over the severities, and where the model breaks.

    Args:
        content: The content of stress.json.
    """
    rows = content["corruptions"]
    across = min(4, len(rows))
    down = -(-len(rows) // across)
    figure = new_figure(max(4.8, 2.5 * across), 0.7 + 2.0 * down)
    panels = np.atleast_1d(figure.subplots(down, across, sharex=True, sharey=True)).ravel()
    for axes, row in zip(panels, rows, strict=False):
        cells = row["severities"]
        places = [0, *(cell["severity"] for cell in cells)]
        for name, words, colour, dashes in _LINES:
            clean = content["clean"][name]["value"]
            values = [clean, *(cell[name] for cell in cells)]
            axes.plot(places, values, color=colour, linestyle=dashes or "-", linewidth=1.6, label=words)
            if name != "auroc":
                continue
            changes = [cell["changes"][name] for cell in cells]
            ends = [
                [clean, *(clean + (change[end] if change[end] is not None else change["value"]) for change in changes)]
                for end in ("low", "high")
            ]
            axes.fill_between(places, *ends, color=colour, alpha=0.18, linewidth=0)
        if row["breaks_at"] is not None:
            axes.axvline(row["breaks_at"], color=INK, linewidth=1, linestyle=(0, (2, 2)))
        axes.axhline(0.5, color=MUTED, linewidth=0.8, linestyle=(0, (4, 3)))
        axes.set(xlim=(0, 5), ylim=(0, 1.02))
        axes.set_xticks(range(6))
        style(axes, title=row["title"])
    for axes in panels[len(rows) :]:
        axes.set_visible(False)
    for axes in panels[max(0, len(rows) - across) : len(rows)]:
        axes.set_xlabel("Severity (0: as it is)", fontsize=9, color=INK)
        axes.tick_params(labelbottom=True)
    handles: list[Artist] = [
        Line2D([], [], color=colour, linestyle=dashes or "-", linewidth=1.6, label=words)
        for _, words, colour, dashes in _LINES
    ]
    handles += [
        Patch(color=NOT_FRACTURED, alpha=0.18, linewidth=0, label="AUROC: interval of its change"),
        Line2D([], [], color=INK, linewidth=1, linestyle=(0, (2, 2)), label="breaks"),
    ]
    columns = len(handles) if across > 2 else 2
    figure.legend(handles=handles, loc="outside lower center", ncols=columns, fontsize=9, frameon=False, labelcolor=INK)
    return figure
