from __future__ import annotations

import numpy as np
import pytest

from lucency.calibration import Calibration
from lucency.decision import OperatingPoint
from lucency.errors import DatasetError
from lucency.evaluation.pooled import ModelAnswers, evaluate_pooled, pooled_baselines
from lucency.evaluation.report import evaluate_scores

POINT = OperatingPoint("youden", 0.5, 0.8, 0.6)


def logit(probability: float) -> float:
    return float(np.log(probability / (1 - probability)))


def answers(
    labels: list[int], probabilities: list[float], threshold: float, *, temperature: float = 1.0, name: str = "youden"
) -> ModelAnswers:
    return ModelAnswers(
        labels=np.array(labels),
        logits=np.array([temperature * logit(p) for p in probabilities]),
        groups=[""] * len(labels),
        calibration=Calibration(temperature),
        operating_points=[
            OperatingPoint(name, threshold, 0.8, 0.6),
            OperatingPoint("sensitivity_90", threshold / 2, 1.0, None),
        ],
    )


def test_each_model_decides_by_its_own_threshold_on_calibrated_probabilities() -> None:
    # At 0.5 the first calls 0.6 and 0.7; at 0.8 the second calls 0.9 alone.
    first = answers([1, 0, 0], [0.7, 0.6, 0.2], 0.5, temperature=2.0)
    second = answers([1, 1, 0, 0], [0.9, 0.7, 0.6, 0.1], 0.8)
    report = evaluate_pooled([first, second], resamples=100)
    assert report.confusion == {"tp": 2, "fp": 1, "fn": 1, "tn": 3}
    assert report.metrics["sensitivity"]["value"] == pytest.approx(2 / 3)
    assert report.metrics["specificity"]["value"] == pytest.approx(3 / 4)
    assert report.metrics["accuracy"]["value"] == pytest.approx(5 / 7)
    assert report.class_report["fractured"] == {
        "precision": pytest.approx(2 / 3),
        "recall": pytest.approx(2 / 3),
        "f1": pytest.approx(2 / 3),
        "support": 3,
    }
    # Fractured 0.9, 0.7, 0.7 against 0.6, 0.6, 0.2, 0.1: every pair is ranked rightly.
    assert report.metrics["auroc"]["value"] == 1
    points = {row["name"]: row for row in report.operating_points}
    assert points["youden"]["threshold"] == pytest.approx(0.65)
    assert points["youden"]["validation"] == {"sensitivity": pytest.approx(0.8), "specificity": pytest.approx(0.6)}
    # At half the thresholds, 0.25 and 0.4, all fractured films and two others are called.
    assert points["sensitivity_90"]["sensitivity"]["value"] == 1
    assert points["sensitivity_90"]["specificity"]["value"] == pytest.approx(2 / 4)
    assert points["sensitivity_90"]["validation"]["specificity"] is None
    assert "out-of-fold" in report.verdict


def test_one_model_alone_gives_its_own_report() -> None:
    random = np.random.default_rng(4)
    labels = (random.random(60) < 0.4).astype(int)
    model = ModelAnswers(
        labels,
        2 * labels - 1 + random.normal(size=60),
        [f"p{n // 2}" for n in range(60)],
        Calibration(1.7),
        [OperatingPoint("youden", 0.45, 0.8, 0.7), OperatingPoint("sensitivity_90", 0.3, 0.9, 0.5)],
    )
    pooled = evaluate_pooled([model], split="test", resamples=200, seed=3).to_json()
    plain = evaluate_scores(
        model.labels,
        model.logits,
        groups=model.groups,
        calibration=model.calibration,
        operating_point=model.operating_points[0],
        other_points=model.operating_points[1:],
        resamples=200,
        seed=3,
    ).to_json()
    assert pooled.pop("temperature") == 1
    plain.pop("temperature")
    assert pooled.keys() == plain.keys()
    assert pooled["ece_floor"] == pytest.approx(plain["ece_floor"])
    assert pooled["confusion"] == plain["confusion"]
    assert pooled["class_report"] == plain["class_report"]
    assert pooled["verdict"] == plain["verdict"]
    assert [row["name"] for row in pooled["operating_points"]] == [row["name"] for row in plain["operating_points"]]
    for name, figure in plain["metrics"].items():
        assert pooled["metrics"][name]["value"] == pytest.approx(figure["value"])
        assert pooled["metrics"][name]["low"] == pytest.approx(figure["low"])


def test_calibrations_of_any_kind_are_pooled_as_log_odds() -> None:
    labels = np.array([1, 0, 1, 0])
    platt = ModelAnswers(labels, np.array([2.0, -1.0, 0.5, 0.0]), [""] * 4, Calibration(2.0, 0.3), [POINT])
    steps = Calibration(knots=((-1.0, -2.0), (1.0, 2.5)))
    isotonic = ModelAnswers(labels, np.array([3.0, -3.0, 0.0, -0.5]), [""] * 4, steps, [POINT])
    report = evaluate_pooled([platt, isotonic], resamples=50, prevalences=[0.1])
    said = np.r_[platt.calibration.probability(platt.logits), steps.probability(isotonic.logits)]
    assert report.metrics["brier"]["value"] == pytest.approx(np.mean((said - np.tile(labels, 2)) ** 2))
    assert report.evidence["calibration"]["method"] == "isotonic and platt"
    assert report.evidence["prevalence"]["rows"][0]["prevalence"] == 0.1


def test_groups_are_drawn_over_all_models() -> None:
    one = answers([1, 0, 1, 0], [0.9, 0.2, 0.4, 0.6], 0.5)
    alike = ModelAnswers(one.labels, one.logits, list("abcd"), one.calibration, one.operating_points)
    report = evaluate_pooled([alike, alike], resamples=100)
    assert (report.films, report.groups) == (8, 4)


def test_what_cannot_be_pooled() -> None:
    with pytest.raises(DatasetError, match="no model"):
        evaluate_pooled([])
    with pytest.raises(DatasetError, match="different operating points"):
        evaluate_pooled([answers([1, 0], [0.9, 0.1], 0.5), answers([1, 0], [0.9, 0.1], 0.5, name="other")])


def test_baselines_are_weighted_by_films() -> None:
    def rows(majority: float, nearest: float, auroc: float | None) -> list[dict[str, object]]:
        return [
            {"name": "majority", "accuracy": majority, "auroc": None, "detail": {"answer": "not_fractured"}},
            {"name": "nearest_neighbour", "accuracy": nearest, "auroc": auroc, "detail": {}},
        ]

    always, nearest = pooled_baselines([rows(0.8, 0.6, 0.5), rows(0.7, 0.9, 0.8)], [10, 30])
    assert always.accuracy == pytest.approx(0.725)
    assert always.detail["answer"] == "not_fractured"
    assert always.auroc is None
    assert nearest.accuracy == pytest.approx(0.825)
    assert nearest.auroc == pytest.approx(0.725)
    assert pooled_baselines([rows(0.8, 0.6, None), rows(0.7, 0.9, 0.8)], [10, 30])[1].auroc is None
