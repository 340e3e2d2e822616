"""Figures of a comparison show every model, and the numbers that they were given."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from lucency.reporting.canvas import to_png
from lucency.reporting.compare_figures import (
    comparison_figures,
    difference_figure,
    precision_recall_overlay,
    reliability_overlay,
    roc_overlay,
    training_overlay,
)

PLAIN = [
    {"epoch": "1", "loss": "0.7", "val_loss": "0.69", "accuracy": "0.5", "val_accuracy": "0.55", "val_auroc": "0.5"},
    {"epoch": "2", "loss": "0.6", "val_loss": "0.66", "accuracy": "0.6", "val_accuracy": "0.58", "val_auroc": "0.6"},
]
AUGMENTED = [{**row, "val_loss": "0.64"} for row in [*PLAIN, *PLAIN]]


def legend_words(figure: Any) -> list[str]:
    legends = [axes.get_legend() for axes in figure.axes] + figure.legends
    return [text.get_text() for legend in legends if legend is not None for text in legend.get_texts()]


def test_loss_accuracy_and_auroc_of_all_runs_are_in_one_picture() -> None:
    figure = training_overlay({"plain": PLAIN, "augmented": AUGMENTED})
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["Log loss", "Accuracy", "AUROC"]
    loss = figure.axes[0].lines
    np.testing.assert_allclose(loss[1].get_ydata(), [0.69, 0.66])
    np.testing.assert_allclose(loss[3].get_ydata(), [0.64] * 4)
    assert loss[0].get_color() == loss[1].get_color() != loss[2].get_color()
    assert figure.axes[0].get_xlim() == (0.5, 4.5)
    assert legend_words(figure) == ["plain", "augmented", "validation", "training"]
    assert len(figure.axes[2].lines) == 2


def test_a_run_without_history_keeps_its_colour() -> None:
    both = training_overlay({"plain": PLAIN, "augmented": AUGMENTED})
    alone = training_overlay({"bundle": (), "augmented": AUGMENTED})
    assert alone.axes[0].lines[0].get_color() == both.axes[0].lines[2].get_color()
    assert legend_words(alone)[0] == "augmented"
    with pytest.raises(ValueError, match="no history"):
        training_overlay({"bundle": ()})


def test_curves_show_every_model_and_its_operating_point(comparison: dict[str, Any]) -> None:
    figure = roc_overlay(comparison)
    lines = figure.axes[0].lines
    for place, run in enumerate(comparison["runs"]):
        np.testing.assert_allclose(lines[1 + 2 * place].get_xdata(), run["roc"]["false_positive_rate"])
        np.testing.assert_allclose(lines[1 + 2 * place].get_ydata(), run["roc"]["true_positive_rate"])
        assert lines[2 + 2 * place].get_ydata() == pytest.approx([run["metrics"]["sensitivity"]["value"]])
        assert any(f"{run['metrics']['auroc']['value']:.2f} (" in words for words in legend_words(figure))
    lines = precision_recall_overlay(comparison).axes[0].lines
    assert lines[0].get_ydata()[0] == pytest.approx(comparison["fractured"] / comparison["films"])
    np.testing.assert_allclose(lines[1].get_ydata()[1:], comparison["runs"][0]["precision_recall"]["precision"])


def test_reliability_says_the_calibration_error(comparison: dict[str, Any]) -> None:
    figure = reliability_overlay(comparison)
    for run, words in zip(comparison["runs"], legend_words(figure), strict=True):
        assert f"{run['metrics']['ece']['value']:.3f} (floor {run['ece_floor']:.3f})" in words


def test_differences_are_drawn_with_their_intervals(comparison: dict[str, Any]) -> None:
    figure = difference_figure(comparison)
    found = comparison["differences"][0]["metrics"]["auroc"]
    bar, dot = figure.axes[0].lines[1:3]
    assert list(bar.get_xdata()) == pytest.approx([found["low"], found["high"]])
    assert list(dot.get_xdata()) == pytest.approx([found["value"]])
    assert "less" not in legend_words(figure)


def test_names_may_hold_anything(comparison: dict[str, Any]) -> None:
    names = ["_hidden $x^{", "骨折"]
    for run, name in zip(comparison["runs"], names, strict=True):
        run["name"] = name
    comparison["differences"][0]["run"], comparison["baseline"] = names[1], names[0]
    figures = comparison_figures(comparison, {names[0]: PLAIN})
    assert list(figures) == ["training", "roc", "precision_recall", "reliability", "differences"]
    assert legend_words(figures["roc"])[0].startswith(r" _hidden \$x^{: ")
    for figure in figures.values():
        assert to_png(figure, dpi=40).startswith(b"\x89PNG")


def test_what_cannot_be_drawn_is_left_out(one_class_comparison: dict[str, Any]) -> None:
    assert list(comparison_figures(one_class_comparison, {})) == ["reliability", "differences"]
