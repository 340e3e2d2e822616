from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from matplotlib.patches import StepPatch

from lucency.evaluation.shift import measure_shift
from lucency.reporting.html import render_report
from lucency.reporting.shift_figures import scores_figure, shift_figures


def shifted(report: dict[str, Any], card: dict[str, Any]) -> dict[str, Any]:
    random = np.random.default_rng(3)
    labels = (random.random(120) < 0.3).astype(int)
    probabilities = np.clip(random.normal(0.3 + 0.2 * labels, 0.15), 0.01, 0.99)
    found = measure_shift(card, labels, probabilities, None, report["metrics"], resamples=60)
    plain: dict[str, Any] = json.loads(json.dumps(found))
    return plain


@pytest.fixture
def section(report: dict[str, Any]) -> dict[str, Any]:
    metrics = {"split": "test", "films": 200, "fractured": report["fractured"], "figures": report["metrics"]}
    return shifted(report, {"metrics": metrics, "scores": report["histogram"]})


def test_both_classes_with_the_reference(section: dict[str, Any]) -> None:
    panels = scores_figure(section).axes
    assert [axes.get_title(loc="left") for axes in panels] == ["Fractured films", "Films without fracture"]
    for axes, name in zip(panels, ("fractured", "not_fractured"), strict=True):
        steps = [patch for patch in axes.patches if isinstance(patch, StepPatch)]
        here, kept = steps[0], steps[-1]
        for patch, counts in ((here, section["histogram"][name]), (kept, section["reference_histogram"][name])):
            np.testing.assert_allclose(patch.get_data()[0], np.array(counts) / sum(counts))


def test_an_unknown_reference_is_not_drawn(report: dict[str, Any]) -> None:
    figure = shift_figures(shifted(report, {}))["shift_scores"]
    for axes in figure.axes:
        legend = axes.get_legend()
        assert legend is not None
        assert [text.get_text() for text in legend.get_texts()] == ["here"]


def test_the_page_tells_it(section: dict[str, Any], report: dict[str, Any]) -> None:
    html = render_report(
        {**report, "evidence": {"shift": section}}, shift_figures(section), title="A run", run_details={}
    )
    part = html[html.index('id="part-shift"') :]
    part = part[: part.index("</section>")]
    assert "No change of AUROC can be told" in part
    assert part.count("<table>") == part.count('<div class="scroll"><table>') == 2
    assert "unknown" not in part
    assert "figures come from its test films, its scores from films that are not named" in part
    assert "read each beside its floor" in part


def test_what_is_unknown_is_called_so(report: dict[str, Any]) -> None:
    section = shifted(report, {})
    html = render_report({**report, "evidence": {"shift": section}}, {}, title="A run", run_details={})
    assert "what it was on the films of the bundle is unknown" in html
