"""Figures of a cross-validation, drawn from the numbers of cross-validation.json."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from matplotlib.figure import Figure

from lucency.reporting.canvas import FRACTURED, INK, MUTED, NOT_FRACTURED, legend, new_figure, style
from lucency.reporting.html import METRIC_WORDS

Content = Mapping[str, Any]
SHOWN = (
    "auroc",
    "average_precision",
    "accuracy",
    "balanced_accuracy",
    "sensitivity",
    "specificity",
    "ppv",
    "npv",
    "f1",
)
"""Metrics from 0 to 1 that are drawn fold by fold."""


def fold_roc_figure(content: Content) -> Figure:
    """The ROC of each fold, and the one of all films together.

    Args:
        content: The content of cross-validation.json.
    """
    figure = new_figure(5.4, 5.0)
    axes = figure.add_subplot()
    axes.plot([0, 1], [0, 1], color=MUTED, linewidth=1, linestyle=(0, (4, 3)))
    words = "each fold"
    for fold in content["folds"]:
        if fold["roc"] is not None:
            curve = fold["roc"]
            axes.plot(
                curve["false_positive_rate"],
                curve["true_positive_rate"],
                color=NOT_FRACTURED,
                linewidth=1,
                alpha=0.55,
                clip_on=False,
                label=words,
            )
            # One entry in the legend for all folds.
            words = "_"
    pooled = content["pooled"]
    if pooled["roc"] is not None:
        auroc = pooled["metrics"]["auroc"]
        interval = "" if auroc["low"] is None else f" ({auroc['low']:.2f} to {auroc['high']:.2f})"
        axes.plot(
            pooled["roc"]["false_positive_rate"],
            pooled["roc"]["true_positive_rate"],
            color=FRACTURED,
            linewidth=2.2,
            clip_on=False,
            label=f"all films, AUROC {auroc['value']:.2f}{interval}",
        )
    axes.set(xlim=(0, 1), ylim=(0, 1), aspect="equal")
    style(axes, title=_title(content), x="1 - specificity", y="Sensitivity")
    legend(axes, "lower right")
    return figure


def fold_metrics_figure(content: Content) -> Figure:
    """Each metric in each fold, with the mean over folds and the interval of all films together.

    Args:
        content: The content of cross-validation.json.
    """
    names = [name for name in SHOWN if content["metrics"][name]["mean"] is not None]
    figure = new_figure(7.6, 1.2 + 0.42 * len(names))
    axes = figure.add_subplot()
    for place, name in enumerate(names[::-1]):
        row, pooled = content["metrics"][name], content["pooled"]["metrics"][name]
        first = place == 0
        if pooled["low"] is not None:
            axes.plot(
                [pooled["low"], pooled["high"]],
                [place, place],
                color=FRACTURED,
                linewidth=7,
                alpha=0.25,
                solid_capstyle="butt",
                label="all films, 95 % interval" if first else "_",
            )
        values = [value for value in row["folds"] if value is not None]
        axes.plot(
            values,
            [place] * len(values),
            linestyle="none",
            marker="o",
            markersize=5,
            color=NOT_FRACTURED,
            alpha=0.7,
            label="each fold" if first else "_",
        )
        axes.plot(
            row["mean"],
            place,
            linestyle="none",
            marker="|",
            markersize=17,
            markeredgewidth=2,
            color=INK,
            label="mean" if first else "_",
        )
    axes.set_yticks(range(len(names)), [METRIC_WORDS[name][0] for name in names[::-1]])
    axes.set_ylim(-0.6, len(names) - 0.4)
    axes.set_xlim(0, 1.01)
    style(axes, title="Each fold, at its own threshold")
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.08), ncols=3, fontsize=9, frameon=False, labelcolor=INK)
    return figure


def fold_figures(content: Content) -> dict[str, Figure]:
    """Both figures: "roc_of_each_fold" and "metrics_of_each_fold".

    Args:
        content: The content of cross-validation.json.
    """
    return {
        "roc_of_each_fold": fold_roc_figure(content),
        "metrics_of_each_fold": fold_metrics_figure(content),
    }


def _title(content: Content) -> str:
    row = content["metrics"]["auroc"]
    if row["mean"] is None:
        return "ROC"
    spread = "" if row["standard_deviation"] is None else f", standard deviation {row['standard_deviation']:.2f}"
    return f"ROC, mean AUROC of {len(content['folds'])} folds {row['mean']:.2f}{spread}"
