"""The figure of a training run."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from lucency.reporting.canvas import FRACTURED, MUTED, NOT_FRACTURED, legend, new_figure, style

History = Sequence[Mapping[str, Any]]

CURVES: Mapping[str, str] = {
    "loss": "Log loss",
    "auroc": "AUROC",
    "accuracy": "Accuracy",
    "precision": "Precision",
    "recall": "Recall",
}
"""What is drawn per epoch, and its title."""

_BEST: Mapping[str, Callable[[Any], Any]] = {"loss": np.nanargmin, "auroc": np.nanargmax, "accuracy": np.nanargmax}
_ALWAYS = ("loss", "auroc")
_COLUMNS = 3


def training_figure(history: History) -> Figure:
    """Loss, AUROC, accuracy, precision and recall over the epochs, of training and of validation films.

    Args:
        history: One row an epoch, in order: the columns `CURVES` and the same with "val_" before them where known
            (numbers or their text, as a CSV file gives them); a change of "phase" is marked.

    Raises:
        ValueError: The history is empty.
    """
    if not history:
        raise ValueError("the history has no epoch")
    keys = [key for key in CURVES if key in _ALWAYS or any(known(history, name) for name in (key, f"val_{key}"))]
    columns = len(keys) if len(keys) <= _COLUMNS else _COLUMNS
    rows = -(-len(keys) // columns)
    figure = new_figure(4.0 * columns if columns < _COLUMNS else 10.0, 3.4 * rows if rows == 1 else 2.9 * rows)
    for place, key in enumerate(keys):
        _draw(figure.add_subplot(rows, columns, place + 1), history, key)
    return figure


def known(history: History, name: str) -> bool:
    """Whether a column of the history has a number."""
    return not bool(np.isnan(column(history, name)).all())


def column(history: History, name: str) -> npt.NDArray[np.float64]:
    """A column of the history.

    Args:
        history: As for `training_figure`.
        name: Of the column.

    Returns:
        float64 (epochs,), NaN where it has no number.
    """
    return np.array([_number(row.get(name)) for row in history], dtype=np.float64)


def epoch_axis(axes: Axes, epochs: int) -> None:
    """A horizontal axis of whole epochs, from 1.

    Args:
        axes: What to style.
        epochs: How many there are.
    """
    axes.set_xlim(0.5, epochs + 0.5)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))


def _draw(axes: Axes, history: History, key: str) -> None:
    epochs = np.arange(1, len(history) + 1)
    for name, colour, words in ((key, MUTED, "training"), (f"val_{key}", NOT_FRACTURED, "validation")):
        values = column(history, name)
        if np.isnan(values).all():
            continue
        axes.plot(epochs, values, color=colour, linewidth=1.8, marker="o", markersize=3, label=words)
        if name.startswith("val_") and key in _BEST:
            place = int(_BEST[key](values))
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
    epoch_axis(axes, len(history))
    style(axes, title=CURVES[key], x="Epoch")
    legend(axes, "best")


def _number(value: Any) -> float:
    return float("nan") if value in (None, "") else float(value)
