from __future__ import annotations

from typing import Any

import pytest

from lucency.reporting.abstention_figures import abstention_figures, decided_films, reliability_points
from lucency.reporting.html import page_environment
from lucency.reporting.recalibration_page import render_recalibration


def figure(value: float | None, reach: float | None = 0.05) -> dict[str, Any]:
    known = value is not None and reach is not None
    return {
        "value": value,
        "low": value - reach if known else None,  # type: ignore[operator]
        "high": value + reach if known else None,  # type: ignore[operator]
        "reason": None if known else "there is no such film",
        "dropped": 0,
    }


def rate(at: float, uncertain: float, wrong: float | None, *, enough: bool = True) -> dict[str, Any]:
    row = {
        "limit": 0.5, "calibration_films": 40, "needed": 19, "enough": enough, "sentence": f"A sentence of {at:g}.",
        "expected": 1 - at, "range": {"low": 0.85, "high": 0.99}, "coverage": figure(1 - at), "uncertain": figure(0.3),
    }  # fmt: skip
    return {
        "error_rate": at, "sentence": "In words.", "uncertain": figure(uncertain), "both": figure(uncertain),
        "none": figure(0.0, None), "wrong": figure(wrong), "sensitivity": figure(0.9), "specificity": figure(0.95),
        "classes": {"fractured": row, "not_fractured": row},
    }  # fmt: skip


@pytest.fixture
def section() -> dict[str, Any]:
    return {
        "error_rate": 0.1, "films": {"fractured": 50, "not_fractured": 90},
        "rates": [rate(0.01, 1.0, None, enough=False), rate(0.05, 0.6, 0.04), rate(0.1, 0.3, 0.12)],
        "notes": ["A note <b>."],
    }  # fmt: skip


def side(method: str) -> dict[str, Any]:
    point = {
        "name": "screening", "promised": {"sensitivity": 0.9, "specificity": None}, "sensitivity": figure(0.8),
        "specificity": figure(None),
    }  # fmt: skip
    return {
        "calibration": {
            "method": method, "mean_probability": 0.3, "intercept": figure(-0.4), "slope": figure(0.8), "ece": 0.11,
            "loss": figure(0.5), "brier": figure(0.2), "ece_floor": 0.04,
        },
        "auroc": figure(0.88),
        "reliability": [
            {"low": 0.0, "high": 0.2, "mean_probability": 0.1, "observed": 0.05, "films": 30},
            {"low": 0.2, "high": 0.9, "mean_probability": 0.5, "observed": 0.35, "films": 30},
        ],
        "operating_points": [point],
        "abstention": [
            {"error_rate": 0.1, "uncertain": figure(0.3), "wrong": figure(0.1), "fractured": figure(0.9),
             "not_fractured": figure(0.91)}
        ],
    }  # fmt: skip


@pytest.fixture
def record() -> dict[str, Any]:
    method = {"method": "platt", "log_loss": 0.41, "gain": 0.02, "standard_error": 0.01}
    table = {
        "chosen": "platt", "why": "The simplest.", "note": None, "films": 60, "fractured": 20, "groups": 55,
        "folds": 5, "seed": 0, "methods": [{**method, "method": "temperature", "gain": None}, method],
    }  # fmt: skip
    return {
        "from": "old@123", "bundle": "old@456", "data": "site <a>", "films": 60, "fractured": 20, "groups": 55,
        "old": side("temperature"), "expected": side("platt"), "reason": None, "sentences": ["It was off."],
        "verdict": "No gain can be told.",
        "fitted": {"calibration": table},
    }  # fmt: skip


def test_the_figure_shows_each_rate(section: dict[str, Any]) -> None:
    (axes,) = abstention_figures(section)["abstention_rates"].axes
    lines = {line.get_label(): line for line in axes.lines}
    assert list(lines["uncertain, of all films"].get_ydata()) == [1.0, 0.6, 0.3]
    # Nothing is wrong among no decided films: that rate has no point.
    assert list(lines["wrong, of the decided films"].get_xdata()) == [0.05, 0.1]
    assert [text.get_text() for text in axes.get_xticklabels()] == ["1 %", "5 %", "10 %"]


def test_films_decided(section: dict[str, Any]) -> None:
    found = [decided_films(section, rate) for rate in section["rates"]]
    assert found[2] == {"fractured": (35, 50), "not_fractured": (63, 90), "all": (98, 140)}
    assert found[0]["all"] == (0, 140)


def test_no_rate_of_few_decided_films(section: dict[str, Any]) -> None:
    template = page_environment().get_template("evidence/abstention.html.j2")
    page = template.render(section=section, figures={})
    assert "98 of 140" in page
    assert "too few decided" not in page
    few = template.render(section={**section, "films": {"fractured": 12, "not_fractured": 90}}, figures={})
    assert few.count("too few decided") == 3
    assert "0.900" not in few[: few.index("Class by class")]
    assert "0.950" in few


def test_the_part_of_the_report(section: dict[str, Any]) -> None:
    page = page_environment().get_template("evidence/abstention.html.j2").render(section=section, figures={})
    assert page.count("Warning") == 2
    assert "A sentence of 0.01." in page
    assert "A sentence of 0.05." not in page
    assert "A note &lt;b&gt;." in page
    assert "its own rate is 10.0 %" in page
    own = page_environment().get_template("evidence/abstention.html.j2")
    assert "no rate of its own" in own.render(section={**section, "error_rate": None}, figures={})


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"method": "temperature", "temperature": 1.5}, "logit / 1.500<"),
        ({"method": "platt", "temperature": 1.5, "intercept": -0.25}, "logit / 1.500 - 0.250<"),
        ({"method": "isotonic", "knots": [[0.0, 0.0], [1.0, 2.0]]}, "straight between 2 knots"),
        ({"method": "isotonic and platt"}, "Isotonic and platt"),
    ],
)
def test_the_calibration_in_a_report(record: dict[str, Any], values: dict[str, Any], words: str) -> None:
    template = page_environment().get_template("evidence/calibration.html.j2")
    section = {**values, "mean_probability": 0.3, "observed": 0.2, "sentence": "It says more than there are."}
    page = template.render(section=section, figures={})
    assert words in page
    assert "It says more than there are." in page
    assert "was chosen" not in page
    assert "was chosen" in template.render(section={**section, "choice": record["fitted"]["calibration"]}, figures={})


def test_the_choice_of_the_calibration(record: dict[str, Any]) -> None:
    template = page_environment().get_template("evidence/calibration_choice.html.j2")
    page = template.render(section=record["fitted"]["calibration"])
    assert "0.4100" in page
    assert "used here" in page
    alone = {**record["fitted"]["calibration"], "folds": 0, "note": "Only nine."}
    assert "<table>" not in template.render(section=alone)
    assert "Only nine." in template.render(section=alone)


def test_the_reliability_of_a_side(record: dict[str, Any]) -> None:
    (axes,) = reliability_points(record["old"], title="Old").axes
    assert list(axes.lines[1].get_xdata()) == [0.1, 0.5]
    assert axes.get_title(loc="left") == "Old, ECE 0.110 (floor 0.040)"


def test_the_page_of_a_recalibration(record: dict[str, Any]) -> None:
    page = render_recalibration(record)
    assert "site &lt;a&gt;" in page
    assert page.count("<svg") == 2
    assert "It was off." in page
    assert page.index("No gain can be told.") < page.index("It was off.")
    assert "Gain over the one in the lead" in page
    assert "http" not in page.replace("http-equiv", "")
    known = render_recalibration({**record, "expected": None, "reason": "too few"})
    assert known.count("<svg") == 1
    assert render_recalibration({**record, "old": {**record["old"], "abstention": []}}).count(
        "old bundle"
    ) < page.count("old bundle")
