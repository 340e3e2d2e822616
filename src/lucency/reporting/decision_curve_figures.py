"""The decision curve, drawn from the section "decision_curve" of a report's evidence."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from lucency.reporting.canvas import FRACTURED, INK, MUTED, NOT_FRACTURED, legend, new_figure, style


def decision_curve_figures(section: Mapping[str, Any]) -> dict[str, Figure]:
    """Net benefit against the threshold, beside calling all films or none.

    Args:
        section: As `decision_curve_section` gives it.

    Returns:
        "decision_curve_net_benefit"; nothing where there is no curve.
    """
    if section["reason"] is not None:
        return {}
    figure = new_figure(5.6, 4.2)
    axes = figure.add_subplot()
    thresholds = np.asarray(section["thresholds"])
    low, high = section["shown"]
    shown = (thresholds >= low) & (thresholds <= high)
    at, model, treat_all = (
        thresholds[shown],
        np.asarray(section["model"])[shown],
        np.asarray(section["treat_all"])[shown],
    )
    axes.axhline(0, color=INK, linewidth=1, label="call none")
    axes.plot(at, treat_all, color=MUTED, linewidth=1.5, linestyle=(0, (4, 3)), label="call every film fractured")
    top = float(max(model.max(), treat_all.max()))
    if section["low"]:
        lower, upper = np.asarray(section["low"])[shown], np.asarray(section["high"])[shown]
        axes.fill_between(at, lower, upper, color=NOT_FRACTURED, alpha=0.2, linewidth=0, label="95 % interval")
        top = max(top, float(upper.max()))
    axes.plot(at, model, color=NOT_FRACTURED, linewidth=2, label="this model")
    used = section["operating_point"]
    if low <= used["threshold"] <= high:
        axes.plot(
            used["threshold"],
            used["model"]["value"],
            linestyle="none",
            marker="o",
            markersize=8,
            color=FRACTURED,
            label=f"{used['name'].replace('_', ' ')} (used)",
        )
    # Calling every film falls without end; only its beginning is of interest.
    axes.set(xlim=(0, high), ylim=(-0.25 * max(top, 0.01), 1.08 * max(top, 0.01)))
    style(axes, title="Decision curve", x="Threshold of the probability", y="Net benefit, finds per film")
    legend(axes, "upper right")
    return {"decision_curve_net_benefit": figure}
