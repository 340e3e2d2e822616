"""Temperature and operating points, and the films on which they cannot be fitted."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_curve

from lucency.decision import Calibration
from lucency.errors import DatasetError
from lucency.evaluation.calibrate import (
    TEMPERATURE_BOUNDS,
    calibration_note,
    fit_temperature,
    fixed_sensitivity,
    youden,
)


def logits(seed: int, films: int = 2000, temperature: float = 2.5) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    honest = random.normal(scale=1.5, size=films)
    labels = (random.random(films) < 1 / (1 + np.exp(-honest))).astype(int)
    return honest * temperature, labels


def test_temperature_is_found_again() -> None:
    # Labels were drawn from the logits divided by 2.5.
    scores, labels = logits(0, films=40_000)
    fitted = fit_temperature(scores, labels)
    assert fitted.temperature == pytest.approx(2.5, rel=0.04)
    assert calibration_note(fitted, scores, labels) is None


def test_temperature_is_the_slope_of_a_logistic_regression() -> None:
    # One weight without intercept and without penalty minimises the same loss: it is 1 / T.
    scores, labels = logits(1)
    regression = LogisticRegression(C=1e12, fit_intercept=False, tol=1e-10).fit(scores[:, None], labels)
    assert 1 / fit_temperature(scores, labels).temperature == pytest.approx(regression.coef_[0, 0], rel=1e-4)


@pytest.mark.parametrize(
    ("scores", "labels", "temperature", "words"),
    [
        ([1.0, 2.0, 3.0], [1, 1, 1], 1.0, "one class"),
        ([2.0, 2.0, 2.0], [1, 0, 1], 1.0, "same score"),
        ([-2.0, -1.0, 1.0, 2.0], [0, 0, 1, 1], TEMPERATURE_BOUNDS[0], "separated"),
        ([-2.0, -1.0, 1.0, 2.0], [1, 1, 0, 0], TEMPERATURE_BOUNDS[1], "next to nothing"),
    ],
)
def test_guards(scores: list[float], labels: list[int], temperature: float, words: str) -> None:
    fitted = fit_temperature(scores, labels)
    assert fitted.temperature == pytest.approx(temperature)
    note = calibration_note(fitted, scores, labels)
    assert note is not None
    assert words in note


def test_youden_agrees_with_scikit_learn() -> None:
    scores, labels = logits(2)
    probabilities = Calibration(2.5).probability(scores)
    fpr, tpr, _ = roc_curve(labels, probabilities)
    point = youden(labels, probabilities)
    assert point.name == "youden"
    assert point.sensitivity is not None
    assert point.specificity is not None
    assert point.sensitivity + point.specificity - 1 == pytest.approx(np.max(tpr - fpr))


def test_youden_by_hand() -> None:
    # At 0.6 and above: both fractures and one of four others. The threshold lies midway between 0.6 and 0.4.
    point = youden([0, 0, 0, 1, 0, 1], [0.1, 0.2, 0.4, 0.6, 0.7, 0.9])
    assert point.threshold == pytest.approx(0.5)
    assert point.sensitivity == 1.0
    assert point.specificity == 0.75


def test_youden_prefers_the_more_sensitive_of_equals() -> None:
    # Cuts above 0.9 and above 0.5 both give 0.5.
    assert youden([1, 0, 1, 0], [0.9, 0.7, 0.5, 0.3]).sensitivity == 1.0


@pytest.mark.parametrize(
    ("target", "sensitivity", "threshold", "name"),
    [
        (0.9, 1.0, 0.225, "sensitivity_90"),
        (0.75, 0.75, 0.45, "sensitivity_75"),
        (0.5, 0.5, 0.65, "sensitivity_50"),
        (0.975, 1.0, 0.225, "sensitivity_97.5"),
    ],
)
def test_fixed_sensitivity_by_hand(target: float, sensitivity: float, threshold: float, name: str) -> None:
    labels = [1, 1, 0, 1, 0, 1, 0]
    point = fixed_sensitivity(labels, [0.9, 0.7, 0.6, 0.5, 0.4, 0.25, 0.2], target)
    assert (point.name, point.sensitivity) == (name, sensitivity)
    assert point.threshold == pytest.approx(threshold)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("digits", [1, 2, 17])
def test_points_hold_exactly_on_the_films_they_were_fitted_on(seed: int, digits: int) -> None:
    scores, labels = logits(seed, films=60)
    probabilities = np.round(Calibration(2.5).probability(scores), digits)
    positives = int(labels.sum())
    for point in (youden(labels, probabilities), fixed_sensitivity(labels, probabilities, 0.9)):
        called = np.array([point.decide(float(p)) == "fractured" for p in probabilities])
        assert called[labels == 1].mean() == pytest.approx(point.sensitivity)
        assert (~called[labels == 0]).mean() == pytest.approx(point.specificity)
    point = fixed_sensitivity(labels, probabilities, 0.9)
    assert point.sensitivity is not None
    assert point.sensitivity >= 0.9
    # The next higher score would miss the target.
    higher = probabilities[probabilities > probabilities[probabilities >= point.threshold].min()]
    assert len(higher) == 0 or (labels[probabilities >= higher.min()].sum() / positives) < 0.9


def test_neighbouring_floats_keep_the_upper_one() -> None:
    upper = 0.5
    lower = float(np.nextafter(upper, 0))
    assert youden([1, 0], [upper, lower]).threshold == upper


def test_equal_scores_call_every_film_fractured() -> None:
    point = youden([0, 1, 0], [0.4, 0.4, 0.4])
    assert (point.threshold, point.sensitivity, point.specificity) == (0.4, 1.0, 0.0)


@pytest.mark.parametrize(
    ("labels", "words"), [([1, 1], "all 2 validation films are fractured"), ([0, 0], "not fractured")]
)
def test_one_class_gives_no_threshold(labels: list[int], words: str) -> None:
    for fit in (youden, fixed_sensitivity):
        with pytest.raises(DatasetError, match=words):
            fit(labels, [0.2, 0.4])


def test_nan_is_refused() -> None:
    with pytest.raises(DatasetError, match="1 of 2 is not a finite number"):
        fit_temperature([0.1, float("nan")], [0, 1])
    with pytest.raises(DatasetError, match="not a finite number"):
        youden([0, 1], [0.1, float("nan")])


@pytest.mark.parametrize("target", [0.0, 1.01, -1.0])
def test_targets_outside_the_range_are_refused(target: float) -> None:
    with pytest.raises(ValueError, match="target"):
        fixed_sensitivity([0, 1], [0.1, 0.9], target)
