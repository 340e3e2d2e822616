"""Figures show the numbers that they were given."""

from __future__ import annotations

import io
import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from PIL import Image

from lucency.reporting.canvas import printable, to_inline_svg, to_png, to_svg
from lucency.reporting.figures import (
    confusion_figure,
    precision_recall_figure,
    reliability_figure,
    report_figures,
    roc_figure,
)
from lucency.reporting.films import contact_sheet, sample_grid
from lucency.reporting.training_curves import training_figure

HISTORY = [
    {"epoch": 1, "phase": "head", "loss": 0.7, "val_loss": 0.6, "auroc": 0.5, "val_auroc": 0.55},
    {"epoch": 2, "phase": "fine_tune", "loss": "0.5", "val_loss": "0.4", "auroc": "", "val_auroc": 0.7},
    {"epoch": 3, "phase": "fine_tune", "loss": 0.4, "val_loss": 0.45, "auroc": None, "val_auroc": 0.68},
]


def words(figure: Any) -> list[str]:
    found = []
    for axes in figure.axes:
        found += [axes.get_title(loc="left"), *(text.get_text() for text in axes.texts)]
        if axes.get_legend() is not None:
            found += [text.get_text() for text in axes.get_legend().get_texts()]
    return found


def test_roc_shows_curve_and_operating_points(report: dict[str, Any]) -> None:
    figure = roc_figure(report)
    curve = figure.axes[0].lines[1]
    np.testing.assert_allclose(curve.get_xdata(), report["roc"]["false_positive_rate"])
    np.testing.assert_allclose(curve.get_ydata(), report["roc"]["true_positive_rate"])
    used = report["operating_points"][1]
    marker = figure.axes[0].lines[3]
    assert marker.get_xdata() == pytest.approx([1 - used["specificity"]["value"]])
    assert marker.get_ydata() == pytest.approx([used["sensitivity"]["value"]])
    assert "youden (used)" in words(figure)
    assert "sensitivity 90 %" in words(figure)


def test_precision_recall_shows_the_prevalence(report: dict[str, Any]) -> None:
    figure = precision_recall_figure(report)
    prevalence = report["fractured"] / 200
    assert figure.axes[0].lines[0].get_ydata()[0] == pytest.approx(prevalence)
    assert f"guessing: {prevalence:.2f}" in words(figure)


def test_reliability_shows_bins_and_shares_of_each_class(report: dict[str, Any]) -> None:
    figure = reliability_figure(report)
    above, below = figure.axes
    np.testing.assert_allclose(above.lines[1].get_ydata(), [row["observed"] for row in report["reliability"]])
    for patch in below.patches:
        assert np.sum(patch.get_data().values) == pytest.approx(1)


def test_confusion_shows_the_counts(report: dict[str, Any]) -> None:
    shown = words(confusion_figure(report))
    for count in report["confusion"].values():
        assert str(count) in shown


def test_training_marks_the_best_epoch_and_the_phases() -> None:
    figure = training_figure(HISTORY)
    assert "best: 0.400 in epoch 2" in words(figure)
    assert "best: 0.700 in epoch 2" in words(figure)
    assert any(list(line.get_xdata()) == [1.5, 1.5] for line in figure.axes[0].lines)


def test_training_shows_accuracy_precision_and_recall_where_they_are_known() -> None:
    names = ("accuracy", "precision", "recall")
    rows = [{**row, **dict.fromkeys(names, 0.5), **{f"val_{name}": 0.6 for name in names}} for row in HISTORY]
    titles = [axes.get_title(loc="left") for axes in training_figure(rows).axes]
    assert titles == ["Log loss", "AUROC", "Accuracy", "Precision", "Recall"]
    older = [axes.get_title(loc="left") for axes in training_figure(HISTORY).axes]
    assert older == ["Log loss", "AUROC"]
    recall = training_figure(rows).axes[4]
    assert [list(line.get_ydata()) for line in recall.lines[:2]] == [[0.5] * 3, [0.6] * 3]
    assert [text.get_text() for text in recall.get_legend().get_texts()] == ["training", "validation"]


@pytest.mark.parametrize("history", [HISTORY[:1], [{"epoch": 1, "loss": 0.3}], [{"epoch": 1}]])
def test_training_draws_what_is_known(history: list[dict[str, Any]]) -> None:
    assert to_png(training_figure(history)).startswith(b"\x89PNG")


def test_training_without_an_epoch_is_refused() -> None:
    with pytest.raises(ValueError, match="no epoch"):
        training_figure([])


def test_what_cannot_be_drawn_is_left_out(report: dict[str, Any], one_class_report: dict[str, Any]) -> None:
    assert list(report_figures(report, HISTORY)) == [
        "roc",
        "precision_recall",
        "reliability",
        "confusion",
        "training",
    ]
    assert list(report_figures(one_class_report)) == ["reliability", "confusion"]
    for figure in report_figures(one_class_report).values():
        assert to_png(figure, dpi=50)


def test_same_numbers_same_bytes(report: dict[str, Any]) -> None:
    assert to_svg(roc_figure(report)) == to_svg(roc_figure(report))
    assert to_png(roc_figure(report), dpi=60) == to_png(roc_figure(report), dpi=60)


def test_inline_svg_takes_the_colours_of_the_page(report: dict[str, Any]) -> None:
    svg = to_inline_svg(reliability_figure(report), name="Reliability plot")
    assert svg.startswith("<svg")
    assert "currentColor" in svg
    assert "var(--fractured)" in svg
    assert "http" not in svg
    assert 'id="reliability-plot-0"' in svg


@pytest.mark.parametrize("draw", [sample_grid, contact_sheet])
def test_grids_hold_every_film_whatever_its_shape_and_name(draw: Any, films: list[np.ndarray]) -> None:
    figure = draw(films, ["$x^{", "骨折 film", "a\nb"], columns=2, title="$ 100")
    shown = [axes for axes in figure.axes if axes.images]
    assert len(shown) == 3
    assert [axes.get_title() for axes in shown] == ["$x^{", "?? film", "a\nb"]
    for axes, film in zip(shown, films, strict=True):
        np.testing.assert_array_equal(axes.images[0].get_array(), film)
        assert abs(axes.get_xlim()[1] - axes.get_xlim()[0]) == abs(axes.get_ylim()[1] - axes.get_ylim()[0])
    assert Image.open(io.BytesIO(to_png(figure, dpi=50))).width > 100


def test_grids_refuse_nothing_and_mismatch(films: list[np.ndarray]) -> None:
    with pytest.raises(ValueError, match="no film"):
        contact_sheet([])
    with pytest.raises(ValueError, match="1 captions were given for 3 films"):
        sample_grid(films, ["a"])


def test_printable_keeps_what_the_font_has() -> None:
    assert printable("Äß 0.9\n骨") == "Äß 0.9\n?"


def test_pyplot_is_never_imported() -> None:
    code = (
        "import sys; import lucency.reporting.html as h, lucency.reporting.films as f, numpy as n; "
        "from lucency.reporting.canvas import to_png; to_png(f.contact_sheet([n.zeros((4, 4), 'uint8')])); "
        "sys.exit('matplotlib.pyplot' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
