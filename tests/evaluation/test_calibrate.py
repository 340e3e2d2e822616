"""Temperature and operating points, and the films on which they cannot be fitted."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_curve

from lucency.calibration import Calibration
from lucency.errors import DatasetError
from lucency.evaluation.calibrate import (
    TEMPERATURE_BOUNDS,
    calibration_note,
    confirm,
    fit_temperature,
    operating_points,
    screening,
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


LABELS, PROBABILITIES = [1, 1, 0, 1, 0, 1, 0], [0.9, 0.7, 0.6, 0.5, 0.4, 0.25, 0.2]


@pytest.mark.parametrize(
    ("target", "sensitivity", "threshold"),
    [(0.9, 1.0, 0.225), (0.75, 0.75, 0.45), (0.5, 0.5, 0.65), (0.975, 1.0, 0.225)],
)
def test_screening_by_hand(target: float, sensitivity: float, threshold: float) -> None:
    point = screening(LABELS, PROBABILITIES, target)
    assert (point.name, point.sensitivity) == ("screening", sensitivity)
    assert point.threshold == pytest.approx(threshold)


@pytest.mark.parametrize(
    ("target", "specificity", "sensitivity", "threshold"),
    [(0.9, 1.0, 0.5, 0.65), (0.66, 2 / 3, 0.75, 0.45), (0.3, 1 / 3, 1.0, 0.225), (0.34, 2 / 3, 0.75, 0.45)],
)
def test_confirm_by_hand(target: float, specificity: float, sensitivity: float, threshold: float) -> None:
    point = confirm(LABELS, PROBABILITIES, target)
    assert (point.name, point.specificity, point.sensitivity) == ("confirm", pytest.approx(specificity), sensitivity)
    assert point.threshold == pytest.approx(threshold)


def test_confirm_calls_none_where_the_highest_is_wrong() -> None:
    # The film with the highest probability is not fractured, and one of one would be an error.
    point = confirm([0, 1, 1], [1.0, 0.8, 0.1])
    assert (point.sensitivity, point.specificity) == (0.0, 1.0)
    assert point.decide(1.0) == "not_fractured"


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("digits", [1, 2, 17])
def test_points_hold_exactly_on_the_films_they_were_fitted_on(seed: int, digits: int) -> None:
    scores, labels = logits(seed, films=60)
    probabilities = np.round(Calibration(2.5).probability(scores), digits)
    points = operating_points(labels, probabilities, sensitivity=0.9, specificity=0.95)
    assert [point.name for point in points] == ["youden", "screening", "confirm"]
    for point in points:
        called = np.array([point.decide(float(p)) == "fractured" for p in probabilities])
        assert called[labels == 1].mean() == pytest.approx(point.sensitivity)
        assert (~called[labels == 0]).mean() == pytest.approx(point.specificity)

    def gives(threshold: float) -> tuple[float, float]:
        called = probabilities >= threshold
        return called[labels == 1].mean(), (~called[labels == 0]).mean()

    _, first, second = points
    assert gives(first.threshold)[0] >= 0.9
    assert gives(second.threshold)[1] >= 0.95
    # The next score above would find too few fractures, the next below would call too many films fractured.
    above = probabilities[probabilities > probabilities[probabilities >= first.threshold].min()]
    below = probabilities[probabilities < second.threshold]
    assert len(above) == 0 or gives(above.min())[0] < 0.9
    assert len(below) == 0 or gives(below.max())[1] < 0.95


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
    for fit in (youden, screening, confirm):
        with pytest.raises(DatasetError, match=words):
            fit(labels, [0.2, 0.4])


def test_nan_is_refused() -> None:
    with pytest.raises(DatasetError, match="1 of 2 is not a finite number"):
        fit_temperature([0.1, float("nan")], [0, 1])
    with pytest.raises(DatasetError, match="not a finite number"):
        youden([0, 1], [0.1, float("nan")])


@pytest.mark.parametrize("target", [0.0, 1.01, -1.0])
def test_targets_outside_the_range_are_refused(target: float) -> None:
    with pytest.raises(ValueError, match="sensitivity"):
        screening([0, 1], [0.1, 0.9], target)
    with pytest.raises(ValueError, match="specificity"):
        confirm([0, 1], [0.1, 0.9], target)
