"""The figure of a training run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from lucency.reporting.canvas import FRACTURED, MUTED, NOT_FRACTURED, legend, new_figure, style


def training_figure(history: Sequence[Mapping[str, Any]]) -> Figure:
    """Loss and AUROC over the epochs, of training and of validation films.

    Args:
        history: One row an epoch, in order: "loss", "val_loss", "auroc", "val_auroc" where known (numbers or
            their text, as a CSV file gives them); a change of "phase" is marked.

    Raises:
        ValueError: The history is empty.
    """
    if not history:
        raise ValueError("the history has no epoch")
    figure = new_figure(8.0, 3.4)
    epochs = np.arange(1, len(history) + 1)
    for axes, key, title, best in zip(
        np.atleast_1d(figure.subplots(1, 2)),
        ("loss", "auroc"),
        ("Log loss", "AUROC"),
        (np.nanargmin, np.nanargmax),
        strict=True,
    ):
        for name, colour, words in ((key, MUTED, "training"), (f"val_{key}", NOT_FRACTURED, "validation")):
            values = np.array([_number(row.get(name)) for row in history])
            if np.isnan(values).all():
                continue
            axes.plot(epochs, values, color=colour, linewidth=1.8, marker="o", markersize=3, label=words)
            if name.startswith("val_"):
                place = int(best(values))
                axes.plot(
                    epochs[place],
                    values[place],
                    marker="o",
                    markersize=9,
                    markerfacecolor="none",
                    markeredgecolor=FRACTURED,
                    linestyle="none",
                    label=f"best: {values[place]:.3f} in epoch {epochs[place]}",
                )
        for place in range(1, len(history)):
            if history[place].get("phase") != history[place - 1].get("phase"):
                axes.axvline(place + 0.5, color=MUTED, linewidth=1, linestyle=(0, (2, 2)))
        axes.set_xlim(0.5, len(history) + 0.5)
        axes.xaxis.get_major_locator().set_params(integer=True)
        style(axes, title=title, x="Epoch")
        if axes.get_legend_handles_labels()[1]:
            legend(axes, "best")
    return figure


def _number(value: Any) -> float:
    return float("nan") if value in (None, "") else float(value)
