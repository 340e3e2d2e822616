"""Figures of several models at once, drawn from the numbers of compare.json."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from lucency.reporting.canvas import FRACTURED, INK, MUTED, NOT_FRACTURED, legend, new_figure, printable, style
from lucency.reporting.training_curves import CURVES, History, column, epoch_axis, known

Content = Mapping[str, Any]

# Okabe and Ito's palette without its yellow, which a white page swallows.
_COLOURS = (NOT_FRACTURED, FRACTURED, "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
_MARKERS = ("o", "s", "^", "D", "v", "P", "X")
_TRAINING = ("loss", "accuracy", "auroc")
_DIFFERENCES = {
    "auroc": "AUROC",
    "average_precision": "Average precision",
    "accuracy": "Accuracy",
    "sensitivity": "Sensitivity",
    "specificity": "Specificity",
}


def comparison_figures(content: Content, histories: Mapping[str, History]) -> dict[str, Figure]:
    """Every figure that the numbers allow, by name.

    Args:
        content: The content of compare.json.
        histories: For each model its history as for `training_figure`; empty where none is known.

    Returns:
        "training", "roc", "precision_recall", "reliability" and "differences", in this order, where possible.
    """
    figures: dict[str, Figure] = {}
    if any(histories.get(run["name"]) for run in content["runs"]):
        figures["training"] = training_overlay({run["name"]: histories.get(run["name"], ()) for run in content["runs"]})
    if content["runs"][0]["roc"] is not None:
        figures["roc"] = roc_overlay(content)
        figures["precision_recall"] = precision_recall_overlay(content)
    figures["reliability"] = reliability_overlay(content)
    if any(row["metrics"][name]["low"] is not None for row in content["differences"] for name in _DIFFERENCES):
        figures["differences"] = difference_figure(content)
    return figures


def training_overlay(histories: Mapping[str, History]) -> Figure:
    """Loss, accuracy and AUROC of all runs over the epochs: validation in full lines, training in broken ones.

    Args:
        histories: For each run its rows, as for `training_figure`; a run without rows is left out, but keeps its
            colour.

    Raises:
        ValueError: No run has an epoch.
    """
    longest = max((len(rows) for rows in histories.values()), default=0)
    if longest == 0:
        raise ValueError("no history has an epoch")
    figure = new_figure(10.0, 3.9)
    keys = [
        key
        for key in _TRAINING
        if any(known(rows, name) for rows in histories.values() if rows for name in (key, f"val_{key}"))
    ]
    panels = np.atleast_1d(figure.subplots(1, max(1, len(keys))))
    for axes, key in zip(panels, keys, strict=False):
        for place, rows in enumerate(histories.values()):
            if rows:
                _draw_history(axes, rows, key, place)
        epoch_axis(axes, longest)
        style(axes, title=CURVES[key], x="Epoch")
    handles = [
        Line2D([], [], color=_colour(place), marker=_marker(place), markersize=4, linewidth=1.8, label=_label(name))
        for place, (name, rows) in enumerate(histories.items())
        if rows
    ]
    handles += [
        Line2D([], [], color=MUTED, linewidth=1.8, label="validation"),
        Line2D([], [], color=MUTED, linewidth=1.2, linestyle=(0, (4, 2)), label="training"),
    ]
    columns = min(6, len(handles))
    figure.legend(handles=handles, loc="outside lower center", ncols=columns, fontsize=9, frameon=False, labelcolor=INK)
    return figure


def roc_overlay(content: Content) -> Figure:
    """ROC curves of all models, each with its own operating point.

    Args:
        content: The content of compare.json, with "roc" not None.
    """
    figure = new_figure(5.2, 4.8)
    axes = figure.add_subplot()
    axes.plot([0, 1], [0, 1], color=MUTED, linewidth=1, linestyle=(0, (4, 3)))
    for place, run in enumerate(content["runs"]):
        curve, metrics = run["roc"], run["metrics"]
        axes.plot(
            curve["false_positive_rate"],
            curve["true_positive_rate"],
            color=_colour(place),
            linewidth=1.8,
            clip_on=False,
            label=_label(f"{run['name']}: {_with_interval(metrics['auroc'])}"),
        )
        _mark(axes, 1 - metrics["specificity"]["value"], metrics["sensitivity"]["value"], place)
    axes.set(xlim=(0, 1), ylim=(0, 1), aspect="equal")
    style(axes, title="ROC with operating points; AUROC", x="1 - specificity", y="Sensitivity")
    legend(axes, "lower right")
    return figure


def precision_recall_overlay(content: Content) -> Figure:
    """Precision against recall of all models, each with its own operating point.

    Args:
        content: The content of compare.json, with "precision_recall" not None.
    """
    figure = new_figure(5.2, 4.8)
    axes = figure.add_subplot()
    prevalence = content["fractured"] / content["films"]
    axes.axhline(prevalence, color=MUTED, linewidth=1, linestyle=(0, (4, 3)))
    for place, run in enumerate(content["runs"]):
        curve, metrics = run["precision_recall"], run["metrics"]
        # Between two thresholds precision does not run along a straight line, so the curve is drawn in steps.
        axes.step(
            [0.0, *curve["recall"]],
            [curve["precision"][0], *curve["precision"]],
            where="pre",
            color=_colour(place),
            linewidth=1.8,
            label=_label(f"{run['name']}: {_with_interval(metrics['average_precision'])}"),
        )
        if metrics["ppv"]["value"] is not None:
            _mark(axes, metrics["sensitivity"]["value"], metrics["ppv"]["value"], place)
    axes.set(xlim=(0, 1), ylim=(0, 1.02), aspect="equal")
    title = f"Precision-recall; average precision (guessing: {prevalence:.2f})"
    style(axes, title=title, x="Recall (sensitivity)", y="Precision (positive predictive value)")
    legend(axes, "lower left")
    return figure


def reliability_overlay(content: Content) -> Figure:
    """Said probability against the share of fractures, for all models.

    Args:
        content: The content of compare.json.
    """
    figure = new_figure(5.2, 4.8)
    axes = figure.add_subplot()
    axes.plot([0, 1], [0, 1], color=MUTED, linewidth=1, linestyle=(0, (4, 3)))
    for place, run in enumerate(content["runs"]):
        axes.plot(
            [row["mean_probability"] for row in run["reliability"]],
            [row["observed"] for row in run["reliability"]],
            color=_colour(place),
            marker=_marker(place),
            markersize=5,
            linewidth=1.5,
            clip_on=False,
            label=_label(f"{run['name']}: {run['metrics']['ece']['value']:.3f} (floor {run['ece_floor']:.3f})"),
        )
    axes.set(xlim=(0, 1), ylim=(0, 1), aspect="equal")
    style(axes, title="Reliability; ECE", x="Calibrated probability of a fracture", y="Observed share of fractures")
    legend(axes, "upper left")
    return figure


def difference_figure(content: Content) -> Figure:
    """Differences to the baseline with their 95 % intervals.

    Args:
        content: The content of compare.json; a metric without an interval is left out.
    """
    rows: Sequence[Content] = content["differences"]
    names = [name for name in _DIFFERENCES if any(row["metrics"][name]["low"] is not None for row in rows)]
    figure = new_figure(7.2, 1.1 + 0.28 * len(names) * (len(rows) + 0.6))
    axes = figure.add_subplot()
    axes.axvline(0, color=INK, linewidth=1)
    spread = 0.7 / len(rows)
    for place, row in enumerate(rows):
        shown = False
        for height, name in enumerate(names):
            found = row["metrics"][name]
            if found["low"] is None:
                continue
            y = height + (place - (len(rows) - 1) / 2) * spread
            axes.plot([found["low"], found["high"]], [y, y], color=_colour(place + 1), linewidth=2)
            axes.plot(
                found["value"],
                y,
                color=_colour(place + 1),
                marker=_marker(place + 1),
                markersize=6,
                linestyle="none",
                label=None if shown else _label(row["run"]),
            )
            shown = True
    axes.set_yticks(range(len(names)), [_DIFFERENCES[name] for name in names])
    axes.set_ylim(len(names) - 0.45, -0.55)
    style(axes, title="Difference with 95 % interval", x=_label(f"Difference to {content['baseline']}"))
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    handles, labels = axes.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside right upper", fontsize=9, frameon=False, labelcolor=INK)
    return figure


def _draw_history(axes: Axes, rows: History, key: str, place: int) -> None:
    epochs = np.arange(1, len(rows) + 1)
    lines: tuple[tuple[str, dict[str, Any]], ...] = (
        (key, {"linewidth": 1.2, "linestyle": (0, (4, 2))}),
        (f"val_{key}", {"linewidth": 1.8, "marker": _marker(place), "markersize": 4}),
    )
    for name, look in lines:
        values = column(rows, name)
        if not np.isnan(values).all():
            axes.plot(epochs, values, color=_colour(place), **look)


def _mark(axes: Axes, x: float | None, y: float | None, place: int) -> None:
    if x is not None and y is not None:
        axes.plot(x, y, marker=_marker(place), markersize=8, color=_colour(place), linestyle="none", clip_on=False)


def _colour(place: int) -> str:
    return _COLOURS[place % len(_COLOURS)]


def _marker(place: int) -> str:
    return _MARKERS[place % len(_MARKERS)]


def _label(text: str) -> str:
    # A dollar sign would begin a formula, and a leading underscore would hide the entry from the legend.
    shown = printable(text).replace("$", r"\$")
    return f" {shown}" if shown.startswith("_") else shown


def _with_interval(figure: Mapping[str, Any]) -> str:
    if figure["value"] is None:
        return "-"
    if figure["low"] is None:
        return f"{figure['value']:.2f}"
    return f"{figure['value']:.2f} ({figure['low']:.2f} to {figure['high']:.2f})"
