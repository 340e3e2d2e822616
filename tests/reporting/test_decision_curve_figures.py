"""The decision curve shows the numbers of its section, and its words and those on prevalence stand on a page."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest

from lucency.calibration import Calibration
from lucency.decision import OperatingPoint
from lucency.evaluation.report import evaluate_scores
from lucency.reporting.decision_curve_figures import decision_curve_figures
from lucency.reporting.html import page_environment


def evidence(groups: list[str] | None = None, *, fractured: float = 0.25, **changes: Any) -> dict[str, Any]:
    random = np.random.default_rng(0)
    labels = (random.random(200) < fractured).astype(int)
    report = evaluate_scores(
        labels,
        random.normal(size=200) + 2 * labels - 1.5,
        groups=groups,
        calibration=Calibration(),
        operating_point=OperatingPoint("youden", 0.4),
        resamples=100,
        prevalences=[0.05, 0.5],
        **changes,
    )
    return report.to_json()["evidence"]


def page(name: str, section: dict[str, Any], **figures: str) -> str:
    return page_environment().get_template(f"evidence/{name}.html.j2").render(section=section, figures=figures)


def test_the_curve_is_drawn_over_the_thresholds_worth_showing() -> None:
    section = evidence()["decision_curve"]
    figure = decision_curve_figures(section)["decision_curve_net_benefit"]
    (axes,) = figure.axes
    lines = {line.get_label(): line for line in axes.lines}
    at = lines["this model"].get_xdata()
    assert at[0] == section["shown"][0]
    assert at[-1] == pytest.approx(section["shown"][1])
    np.testing.assert_allclose(lines["this model"].get_ydata(), section["model"][: len(at)])
    np.testing.assert_allclose(lines["call every film fractured"].get_ydata(), section["treat_all"][: len(at)])
    assert lines["youden (used)"].get_ydata()[0] == section["operating_point"]["model"]["value"]
    assert len(axes.collections) == 1
    low, high = axes.get_ylim()
    assert low < 0 < max(section["model"]) < high


def test_without_an_interval_there_is_no_band() -> None:
    section = evidence(["p"] * 200)["decision_curve"]
    (axes,) = decision_curve_figures(section)["decision_curve_net_benefit"].axes
    assert not axes.collections
    assert "no interval: all films are of one group" in page("decision_curve", section)


def test_one_class_draws_nothing_and_says_why() -> None:
    sections = evidence(fractured=0)
    assert decision_curve_figures(sections["decision_curve"]) == {}
    assert "No decision curve: a decision curve needs films of both classes." in page(
        "decision_curve", sections["decision_curve"]
    )
    assert "it needs films of both classes" in page("prevalence", sections["prevalence"])


def test_the_page_shows_the_figures_of_both_sections() -> None:
    sections = copy.deepcopy(evidence())
    text = page("decision_curve", sections["decision_curve"], decision_curve_net_benefit="A CURVE")
    assert "A CURVE" in text
    assert sections["decision_curve"]["sentence"] in text
    used = sections["decision_curve"]["operating_point"]["model"]
    assert f"{used['low']:.3f} to {used['high']:.3f}" in text
    text = page("prevalence", sections["prevalence"])
    rare = sections["prevalence"]["rows"][0]
    assert "5.0 %" in text
    for name in ("ppv", "npv"):
        assert f"{rare[name]['value']:.3f}" in text
        assert f"{rare[name]['low']:.3f} to {rare[name]['high']:.3f}" in text
