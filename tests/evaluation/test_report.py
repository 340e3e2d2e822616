"""The report: its numbers, its words, its file."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from sklearn import metrics as sk

from lucency.calibration import Calibration
from lucency.decision import OperatingPoint
from lucency.errors import DatasetError, RunError
from lucency.evaluation.baselines import Baseline
from lucency.evaluation.metrics import METRICS
from lucency.evaluation.predictions import prediction_rows
from lucency.evaluation.report import EvaluationReport, evaluate_scores
from lucency.evaluation.verdict import reservations

POINT = OperatingPoint("youden", 0.5, 0.8, 0.9)


def logits(seed: int = 0, films: int = 300, shift: float = 2.5) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    labels = (random.random(films) < 0.25).astype(int)
    return labels, random.normal(size=films) + shift * labels - 1.5


def evaluate(labels: Any, scores: Any, **changes: Any) -> EvaluationReport:
    settings: dict[str, Any] = {
        "groups": [f"patient {i // 2}" for i in range(len(labels))],
        "calibration": Calibration(1.5),
        "operating_point": POINT,
        "resamples": 200,
    }
    return evaluate_scores(labels, scores, **(settings | changes))


def test_numbers_agree_with_scikit_learn() -> None:
    labels, scores = logits()
    report = evaluate(labels, scores)
    probabilities = 1 / (1 + np.exp(-scores / 1.5))
    called = probabilities >= 0.5
    assert (report.films, report.groups, report.fractured) == (300, 150, int(labels.sum()))
    assert report.metrics["auroc"]["value"] == pytest.approx(sk.roc_auc_score(labels, scores))
    assert report.metrics["loss"]["value"] == pytest.approx(sk.log_loss(labels, probabilities))
    (tn, fp), (fn, tp) = sk.confusion_matrix(labels, called).tolist()
    assert report.confusion == {"tn": tn, "fp": fp, "fn": fn, "tp": tp}
    outside = sk.classification_report(labels, called, output_dict=True)
    for name, key in (("fractured", "1"), ("not_fractured", "0")):
        row = report.class_report[name]
        for ours, theirs in (
            ("precision", "precision"),
            ("recall", "recall"),
            ("f1", "f1-score"),
            ("support", "support"),
        ):
            assert row[ours] == pytest.approx(outside[key][theirs])


def test_every_metric_has_a_figure_with_interval_or_reason() -> None:
    report = evaluate(*logits())
    assert list(report.metrics) == list(METRICS)
    for name, figure in report.metrics.items():
        assert set(figure) == {"value", "low", "high", "reason", "dropped", "method"}
        assert (figure["low"] is None) == (figure["reason"] is not None) == (figure["method"] is None), name
        if figure["low"] is not None:
            assert figure["low"] <= figure["value"] <= figure["high"], name


def test_round_trip_through_strict_json() -> None:
    report = evaluate(
        *logits(),
        other_points=[OperatingPoint("sensitivity_90", 0.2)],
        baselines=[Baseline("majority", 0.75, None, {"answer": "not_fractured"})],
        findings=[
            {
                "check": "leakage",
                "severity": "warning",
                "image_ids": ("a", "b"),
                "evidence": {"n": np.int64(2)},
            }
        ],
    )
    text = json.dumps(report.to_json(), allow_nan=False)
    content = json.loads(text)
    assert content["schema_version"] == 1
    assert content["verdict"] == report.verdict
    again = EvaluationReport.from_json(content)
    assert again == report
    assert again.verdict == report.verdict


def test_reports_of_earlier_versions_are_read() -> None:
    content = evaluate(*logits()).to_json()
    for key in ("evidence", "unit"):
        del content[key]
    new = ("partial_auroc", "positive_likelihood_ratio", "kappa", "calibration_slope", "calibration_intercept")
    for name in new:
        del content["metrics"][name]
    for figure in content["metrics"].values():
        del figure["method"]
    report = EvaluationReport.from_json(content)
    assert report.evidence == {}
    assert report.unit == "film"
    assert report.verdict == content["verdict"]


@pytest.mark.parametrize(
    ("calibration", "temperature"),
    [
        (Calibration(1.5), 1.5),
        (Calibration(1.5, 0.3), None),
        (Calibration(knots=((-2.0, -3.0), (2.0, 1.0))), None),
    ],
)
def test_only_a_temperature_is_called_one(calibration: Calibration, temperature: float | None) -> None:
    report = evaluate(*logits(), calibration=calibration)
    assert report.temperature == temperature
    section = report.evidence["calibration"]
    assert section["method"] == calibration.method
    assert section["observed"] == report.fractured / 300
    json.dumps(report.to_json(), allow_nan=False)


def test_one_walk_through_the_resamples_gives_what_each_point_alone_gives() -> None:
    labels, scores = logits()
    screening = OperatingPoint("screening", 0.2, 0.95, 0.6)
    both = evaluate(labels, scores, other_points=[screening], prevalences=[0.3, 0.05])
    alone = evaluate(labels, scores, operating_point=screening)
    row = both.operating_points[0]
    for name in ("sensitivity", "specificity", "ppv", "npv"):
        assert row[name] == alone.metrics[name]
    rows = both.evidence["prevalence"]["rows"]
    assert [row["prevalence"] for row in rows] == [0.05, 0.3]
    assert rows[0]["ppv"]["value"] < rows[1]["ppv"]["value"]
    assert "prevalence" not in alone.evidence
    used = both.evidence["decision_curve"]["operating_point"]
    tp, fp = both.confusion["tp"], both.confusion["fp"]
    assert used["model"]["value"] == pytest.approx((tp - fp) / 300)


def test_a_prevalence_in_percent_is_refused() -> None:
    with pytest.raises(DatasetError, match="a prevalence of 5 is not between 0 and 1"):
        evaluate(*logits(), prevalences=[5])


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ({}, "not an evaluation report"),
        ({"schema_version": 99}, "schema 99"),
        ({"schema_version": 1}, "lacks split"),
    ],
)
def test_what_is_no_report_is_refused(content: dict[str, Any], words: str) -> None:
    with pytest.raises(RunError, match=words):
        EvaluationReport.from_json(content)


def test_curves_are_thin_and_keep_their_area() -> None:
    labels, scores = logits(films=20_000)
    report = evaluate(labels, scores, groups=None, resamples=2)
    assert report.roc is not None
    assert report.precision_recall is not None
    x, y = report.roc["false_positive_rate"], report.roc["true_positive_rate"]
    assert len(x) <= 500
    assert (x[0], y[0], x[-1], y[-1]) == (0, 0, 1, 1)
    assert np.trapezoid(y, x) == pytest.approx(sk.roc_auc_score(labels, scores), abs=1e-3)
    assert len(report.precision_recall["recall"]) <= 500
    assert report.precision_recall["recall"][-1] == 1
    assert report.precision_recall["precision"][-1] == pytest.approx(labels.mean())
    assert sum(row["films"] for row in report.reliability) == 20_000
    assert sum(report.histogram["fractured"]) == labels.sum()


def test_small_roc_by_hand() -> None:
    report = evaluate([1, 0, 1, 0], [2.0, 1.0, -1.0, -2.0])
    assert report.roc is not None
    assert report.roc["false_positive_rate"] == [0, 0, 0.5, 0.5, 1]
    assert report.roc["true_positive_rate"] == [0, 0.5, 0.5, 1, 1]


def test_operating_points_are_compared_on_the_same_films() -> None:
    labels, scores = logits()
    report = evaluate(labels, scores, other_points=[OperatingPoint("sensitivity_90", 0.0, 1.0, 0.0), POINT])
    assert [point["name"] for point in report.operating_points] == ["sensitivity_90", "youden"]
    everything, chosen = report.operating_points
    assert everything["sensitivity"]["value"] == 1.0
    assert everything["specificity"]["value"] == 0.0
    assert everything["npv"]["value"] is None
    assert everything["npv"]["reason"] == "every film was called fractured"
    assert chosen["validation"] == {"sensitivity": 0.8, "specificity": 0.9}
    assert chosen["sensitivity"]["value"] == report.metrics["sensitivity"]["value"]


def test_verdict_in_plain_words() -> None:
    labels, scores = np.array([0] * 80 + [1] * 20), np.r_[np.linspace(-4, 1, 80), np.linspace(-1, 4, 20)]
    report = evaluate(labels, scores, baselines=[Baseline("majority", 0.8, None, {"answer": "not_fractured"})])
    figure = report.metrics["auroc"]
    right = int(np.sum(scores[:80] < 0) + np.sum(scores[80:] >= 0))
    assert report.verdict == (
        f"AUROC {figure['value']:.2f} (95 % interval {figure['low']:.2f} to {figure['high']:.2f}) "
        "on 100 test films of 50 groups; always answering 'not fractured' would be 80.0 % accurate, "
        f"this model is {right}.0 %."
    )


def test_verdict_says_what_speaks_against_the_model() -> None:
    labels, _ = logits(1, 200)
    noise = np.random.default_rng(9).normal(size=200)
    verdict = evaluate(
        labels,
        noise,
        split="val",
        baselines=[Baseline("nearest_neighbour", 0.986, 0.97)],
        optimistic_reason="the thresholds were chosen on these films.",
    ).verdict
    assert "200 validation films" in verdict
    assert "includes 0.5" in verdict
    assert "less accurate than always answering 'not fractured'" in verdict
    assert "most similar training film is at least as accurate (98.6 %)" in verdict
    assert verdict.endswith("The figure is optimistic: the thresholds were chosen on these films.")


def test_three_films_are_no_ground_for_a_verdict() -> None:
    verdict = evaluate([1, 0, 1], [2.0, -2.0, 1.0], optimistic_reason="they were seen.").verdict
    assert verdict == (
        "Nothing can be said of the model on 3 test films of 2 groups: that is too few for any figure. "
        "The figure is optimistic: they were seen."
    )


def test_verdict_notices_swapped_labels() -> None:
    labels, scores = logits()
    assert "labels are swapped" in evaluate(1 - labels, scores).verdict


def test_one_class_only() -> None:
    report = evaluate(np.zeros(40, dtype=int), np.linspace(-2, 1, 40))
    assert report.metrics["auroc"]["value"] is None
    assert report.metrics["auroc"]["reason"] == "it needs films of both classes"
    assert report.metrics["specificity"]["value"] is not None
    assert report.roc is None
    assert report.precision_recall is None
    assert report.class_report["fractured"]["recall"] is None
    assert "AUROC cannot be computed (it needs films of both classes)" in report.verdict
    assert any("All films are not fractured" in note for note in report.notes)
    json.dumps(report.to_json(), allow_nan=False)


def test_three_films() -> None:
    report = evaluate([1, 0, 0], [2.0, -1.0, 0.5], groups=None)
    assert report.metrics["loss"]["low"] is None
    assert report.metrics["loss"]["reason"] == "there are only 3 films, and an interval needs 10"
    assert report.metrics["specificity"]["high"] - report.metrics["specificity"]["low"] > 0.6
    assert report.evidence["decision_curve"]["low"] == []
    assert any("Only 3 films" in note for note in report.notes)
    json.dumps(report.to_json(), allow_nan=False)


def test_few_films_of_one_class() -> None:
    labels = np.r_[np.ones(4), np.zeros(60)].astype(int)
    assert any("Only 4 of 64 films are fractured" in note for note in evaluate(labels, np.arange(64.0) % 7).notes)


def test_equal_scores() -> None:
    report = evaluate([0, 1] * 20, np.full(40, 0.3))
    assert report.metrics["auroc"]["value"] == 0.5
    assert report.metrics["auroc"]["low"] is None
    assert any("same score" in note for note in report.notes)


@pytest.mark.parametrize("groups", [None, [""] * 40])
def test_no_groups(groups: list[str] | None) -> None:
    report = evaluate([0, 1] * 20, np.linspace(-1, 1, 40), groups=groups)
    assert report.groups == 40
    assert any("No groups" in note for note in report.notes)


def test_one_group() -> None:
    report = evaluate([0, 1] * 20, np.linspace(-1, 1, 40), groups=["p"] * 40)
    assert report.metrics["auroc"]["low"] is None
    assert any("one group" in note for note in report.notes)
    assert "no interval" in report.verdict


def test_a_clean_set_has_no_notes() -> None:
    assert evaluate(*logits()).notes == []


def test_nan_scores_name_the_film() -> None:
    scores = np.zeros(4)
    scores[2] = np.nan
    with pytest.raises(DatasetError, match=r"scores of IMG2: 1 of 4 is not a finite number.*loss of NaN"):
        evaluate([0, 1, 0, 1], scores, image_ids=[f"IMG{i}" for i in range(4)])


def test_prediction_rows() -> None:
    rows = prediction_rows(
        [1, 0],
        [0.0, -3.0],
        image_ids=["a", "b"],
        groups=["p", ""],
        calibration=Calibration(1.5),
        operating_point=POINT,
    )
    assert rows[0] == {
        "image_id": "a",
        "group": "p",
        "label": 1,
        "logit": 0.0,
        "probability": 0.5,
        "decision": "fractured",
    }
    assert rows[1]["decision"] == "not_fractured"
    assert rows[1]["probability"] == pytest.approx(1 / (1 + np.exp(2)))


@pytest.mark.parametrize(
    ("held", "said"),
    [((60, 9), None), ((60, 10), "Only 10 groups hold films"), ((40, 25), None), ((24, 30), "Only 24")],
)
def test_few_groups_of_a_class_are_said(held: tuple[int, int], said: str | None) -> None:
    notes = reservations(films=200, fractured=80, distinct_scores=200, groups=70, groups_of_classes=held)
    narrow = [note for note in notes if "somewhat too narrow" in note]
    assert len(narrow) == (said is not None)
    if said is not None:
        assert narrow[0].startswith(said)
        assert "with ten about 90 of 100 hold the truth, not 95" in narrow[0]
    alone = reservations(films=200, fractured=20, distinct_scores=200, groups=None)
    assert any(note.startswith("Only 20 films are fractured") for note in alone)
