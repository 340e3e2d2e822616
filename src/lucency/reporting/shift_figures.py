"""The figure of shifted scores, drawn from the section "shift" of report.json."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from lucency.reporting.canvas import FRACTURED, INK, NOT_FRACTURED, legend, new_figure, style

Section = Mapping[str, Any]

_CLASSES = (
    ("fractured", "Fractured films", FRACTURED),
    ("not_fractured", "Films without fracture", NOT_FRACTURED),
)


def shift_figures(section: Section) -> dict[str, Figure]:
    """The figure "shift_scores".

    Args:
        section: What `measure_shift` gave.
    """
    return {"shift_scores": scores_figure(section)}


def scores_figure(section: Section) -> Figure:
    """Which probabilities the films of each class have here, and which they had for the bundle, where that is known.

    Args:
        section: What `measure_shift` gave.
    """
    figure = new_figure(7.6, 3.4)
    panels = figure.subplots(1, 2, sharex=True, sharey=True)
    kept = section["reference_histogram"]
    for axes, (name, title, colour) in zip(panels, _CLASSES, strict=True):
        edges = np.asarray(section["histogram"]["edges"])
        here = _shares(section["histogram"][name])
        axes.stairs(here, edges, color=colour, fill=True, alpha=0.35, label="here")
        axes.stairs(here, edges, color=colour, linewidth=1.2)
        if kept is not None:
            axes.stairs(
                _shares(kept[name]),
                np.asarray(kept["edges"]),
                color=INK,
                linewidth=1.4,
                linestyle=(0, (4, 2)),
                label="the bundle's own films",
            )
        axes.set_xlim(0, 1)
        first = name == "fractured"
        style(axes, title=title, x="Calibrated probability", y="Share of the class" if first else "")
        legend(axes, "upper left" if first else "upper right")
    return figure


def _shares(counts: Any) -> Any:
    # Shares, not counts: the two sets of films are of different sizes.
    values = np.asarray(counts, dtype=np.float64)
    return values / max(1.0, float(values.sum()))
