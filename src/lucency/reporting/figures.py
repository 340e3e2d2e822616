"""Figures of an evaluation, drawn from the numbers of report.json."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from lucency.reporting.canvas import FRACTURED, INK, MUTED, NOT_FRACTURED, legend, new_figure, style
from lucency.reporting.training_curves import training_figure

Report = Mapping[str, Any]
_MARKERS = ("o", "s", "^", "D", "v")


def roc_figure(report: Report) -> Figure:
    """Sensitivity against false alarms, with the operating points.

    Args:
        report: The content of report.json, with "roc" not None.
    """
    figure = new_figure(4.8, 4.4)
    axes = figure.add_subplot()
    axes.plot([0, 1], [0, 1], color=MUTED, linewidth=1, linestyle=(0, (4, 3)))
    curve = report["roc"]
    axes.plot(
        curve["false_positive_rate"],
        curve["true_positive_rate"],
        color=NOT_FRACTURED,
        linewidth=2,
        clip_on=False,
    )
    _mark_points(
        axes,
        report,
        x=lambda point: 1 - point["specificity"]["value"],
        y=lambda point: point["sensitivity"]["value"],
    )
    axes.set(xlim=(0, 1), ylim=(0, 1), aspect="equal")
    style(axes, title=_titled("ROC, AUROC", report, "auroc"), x="1 - specificity", y="Sensitivity")
    legend(axes, "lower right")
    return figure


def precision_recall_figure(report: Report) -> Figure:
    """Precision against recall, with the share of fractured films as the floor.

    Args:
        report: The content of report.json, with "precision_recall" not None.
    """
    figure = new_figure(4.8, 5.2)
    axes = figure.add_subplot()
    prevalence = report["fractured"] / report["films"]
    axes.axhline(prevalence, color=MUTED, linewidth=1, linestyle=(0, (4, 3)), label=f"guessing: {prevalence:.2f}")
    curve = report["precision_recall"]
    # Between two thresholds precision does not run along a straight line, so the curve is drawn in steps.
    axes.step(
        [0.0, *curve["recall"]],
        [curve["precision"][0], *curve["precision"]],
        where="pre",
        color=NOT_FRACTURED,
        linewidth=2,
    )
    _mark_points(axes, report, x=lambda point: point["sensitivity"]["value"], y=lambda point: point["ppv"]["value"])
    axes.set(xlim=(0, 1), ylim=(0, 1.02), aspect="equal")
    style(
        axes,
        title=_titled("Precision-recall, AP", report, "average_precision"),
        x="Recall (sensitivity)",
        y="Precision (positive predictive value)",
    )
    # Below the axes: within them it would cover the line of guessing, or the curve.
    legend(axes, "upper left")
    box = axes.get_legend()
    assert box is not None  # The line of guessing always has its entry.
    box.set_bbox_to_anchor((0.0, -0.16), axes.transAxes)
    return figure


def reliability_figure(report: Report) -> Figure:
    """Said probability against the share of fractures, above a histogram of both classes.

    Args:
        report: The content of report.json.
    """
    figure = new_figure(4.8, 5.2)
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1.2))
    above.plot([0, 1], [0, 1], color=MUTED, linewidth=1, linestyle=(0, (4, 3)), label="perfectly calibrated")
    bins = report["reliability"]
    above.plot(
        [row["mean_probability"] for row in bins],
        [row["observed"] for row in bins],
        color=NOT_FRACTURED,
        linewidth=1.5,
        marker="o",
        markersize=5,
        clip_on=False,
        label=f"{len(bins)} bin{'s' if len(bins) != 1 else ''} of equally many films",
    )
    above.set(xlim=(0, 1), ylim=(0, 1))
    ece = report["metrics"]["ece"]["value"]
    style(
        above,
        title=f"Reliability, ECE {ece:.3f} (floor {report['ece_floor']:.3f})",
        y="Observed share of fractures",
    )
    legend(above, "upper left")

    histogram = report["histogram"]
    edges = np.asarray(histogram["edges"])
    for name, colour, words in (
        ("not_fractured", NOT_FRACTURED, "not fractured"),
        ("fractured", FRACTURED, "fractured"),
    ):
        counts = np.asarray(histogram[name], dtype=np.float64)
        # Shares, not counts: the rarer class would otherwise lie flat on the axis.
        shares = counts / max(1.0, float(counts.sum()))
        below.stairs(shares, edges, color=colour, fill=True, alpha=0.3)
        below.stairs(shares, edges, color=colour, linewidth=1.2, label=words)
    style(below, x="Calibrated probability of a fracture", y="Share of class")
    legend(below, "upper right")
    return figure


def confusion_figure(report: Report) -> Figure:
    """The four counts at the operating point, with the share of each row.

    Args:
        report: The content of report.json.
    """
    figure = new_figure(4.8, 3.9)
    axes = figure.add_subplot()
    counts = report["confusion"]
    rows = ((counts["tp"], counts["fn"]), (counts["fp"], counts["tn"]))
    for row, values in enumerate(rows):
        for column, count in enumerate(values):
            share = count / sum(values) if sum(values) else 0.0
            colour = NOT_FRACTURED if row == column else FRACTURED
            # Weak fills, so that the ink on them is legible on a light and on a dark page.
            axes.add_patch(
                Rectangle(
                    (column + 0.02, row + 0.02),
                    0.96,
                    0.96,
                    facecolor=colour,
                    alpha=0.08 + 0.42 * share,
                    linewidth=0,
                )
            )
            axes.text(column + 0.5, row + 0.46, f"{count:,}", ha="center", va="center", fontsize=18, color=INK)
            axes.text(
                column + 0.5,
                row + 0.72,
                f"{100 * share:.1f} % of row",
                ha="center",
                va="center",
                fontsize=9,
                color=INK,
            )
    axes.set(xlim=(0, 2), ylim=(2, 0))
    axes.set_xticks([0.5, 1.5], ["fractured", "not fractured"])
    axes.set_yticks([0.5, 1.5], ["fractured", "not\nfractured"])
    style(
        axes,
        title=f"Confusion, operating point {_words(report['operating_point'])}",
        x="Called",
        y="Truth",
        grid=False,
    )
    axes.tick_params(length=0)
    for spine in axes.spines.values():
        spine.set_visible(False)
    return figure


def report_figures(report: Report, history: Sequence[Mapping[str, Any]] = ()) -> dict[str, Figure]:
    """Every figure that the numbers allow, by name.

    Args:
        report: The content of report.json.
        history: As for `training_figure`; may be empty.

    Returns:
        "roc", "precision_recall", "reliability", "confusion" and "training", in this order, where possible.
    """
    figures: dict[str, Figure] = {}
    if report["roc"] is not None:
        figures["roc"] = roc_figure(report)
    if report["precision_recall"] is not None:
        figures["precision_recall"] = precision_recall_figure(report)
    figures["reliability"] = reliability_figure(report)
    figures["confusion"] = confusion_figure(report)
    if history:
        figures["training"] = training_figure(history)
    return figures


def _mark_points(axes: Axes, report: Report, *, x: Callable[[Report], float], y: Callable[[Report], float]) -> None:
    points = [point for point in report["operating_points"] if None not in _values(point)]
    for place, point in enumerate(points):
        chosen = point["name"] == report["operating_point"]
        axes.plot(
            x(point),
            y(point),
            linestyle="none",
            marker=_MARKERS[place % len(_MARKERS)],
            markersize=8,
            markeredgecolor=FRACTURED,
            markerfacecolor=FRACTURED if chosen else "none",
            clip_on=False,
            label=f"{_words(point['name'])}{' (used)' if chosen and len(points) > 1 else ''}",
        )


def _values(point: Report) -> tuple[Any, ...]:
    return tuple(point[name]["value"] for name in ("sensitivity", "specificity", "ppv"))


def _titled(words: str, report: Report, metric: str) -> str:
    figure = report["metrics"][metric]
    if figure["low"] is None:
        return f"{words} {figure['value']:.2f}"
    return f"{words} {figure['value']:.2f} ({figure['low']:.2f} to {figure['high']:.2f})"


def _words(name: str) -> str:
    return f"sensitivity {name[12:]} %" if name.startswith("sensitivity_") else name.replace("_", " ")
