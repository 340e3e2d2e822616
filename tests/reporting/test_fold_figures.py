from __future__ import annotations

from typing import Any

import pytest

from lucency.reporting.canvas import to_png
from lucency.reporting.fold_figures import SHOWN, fold_figures, fold_metrics_figure, fold_roc_figure


@pytest.fixture
def content(report: dict[str, Any]) -> dict[str, Any]:
    values = [0.8, 0.9, 0.7]
    spread = {"mean": 0.8, "standard_deviation": 0.1, "lowest": 0.7, "highest": 0.9, "folds": values}
    return {
        "folds": [{"roc": report["roc"]} for _ in values],
        "metrics": {name: dict(spread) for name in report["metrics"]},
        "pooled": report,
    }


def test_one_curve_for_each_fold_and_one_for_all(content: dict[str, Any], report: dict[str, Any]) -> None:
    axes = fold_roc_figure(content).axes[0]
    assert len(axes.lines) == 1 + 3 + 1
    legend = axes.get_legend()
    assert legend is not None
    words = [text.get_text() for text in legend.get_texts()]
    assert words[0] == "each fold"
    assert words[1].startswith(f"all films, AUROC {report['metrics']['auroc']['value']:.2f} (")
    assert axes.get_title(loc="left") == "ROC, mean AUROC of 3 folds 0.80, standard deviation 0.10"


def test_a_fold_of_one_class_has_no_curve(content: dict[str, Any]) -> None:
    content["folds"][1]["roc"] = None
    assert len(fold_roc_figure(content).axes[0].lines) == 4


def test_every_metric_has_its_row(content: dict[str, Any]) -> None:
    content["metrics"]["npv"] = {"mean": None, "standard_deviation": None, "folds": [None, None, None]}
    axes = fold_metrics_figure(content).axes[0]
    labels = [text.get_text() for text in axes.get_yticklabels()]
    assert len(labels) == len(SHOWN) - 1
    assert labels[-1] == "AUROC"
    assert "Negative predictive value" not in labels
    dots = [line for line in axes.lines if line.get_marker() == "o"]
    assert all(list(line.get_xdata()) == [0.8, 0.9, 0.7] for line in dots)


def test_both_can_be_saved(content: dict[str, Any]) -> None:
    assert {name: to_png(figure)[:4] for name, figure in fold_figures(content).items()} == {
        "roc_of_each_fold": b"\x89PNG",
        "metrics_of_each_fold": b"\x89PNG",
    }
