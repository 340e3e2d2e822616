"""Slope and intercept against statsmodels, and where they do not exist."""

from __future__ import annotations

import numpy as np
import pytest
import statsmodels.api as sm

from lucency.evaluation.calibration_line import calibration_intercepts, calibration_section, calibration_slopes
from lucency.evaluation.scores import ScoredFilms


def few_films(seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A dozen films under 40 sets of weights, many of which part the classes or nearly so."""
    random = np.random.default_rng(seed)
    labels = (random.random(12) < 0.4).astype(np.int64)
    log_odds = np.round(3 * random.normal(size=12) + 4 * labels - 1, 1)
    order = np.argsort(-log_odds, kind="stable")
    return random.multinomial(12, np.full(12, 1 / 12), size=40).astype(float), labels[order], log_odds[order]


@pytest.mark.parametrize("seed", range(12))
def test_few_films_agree_with_statsmodels_and_parted_classes_have_no_slope(seed: int) -> None:
    weights, labels, log_odds = few_films(seed)
    slopes = calibration_slopes(weights, labels, log_odds)
    intercepts = calibration_intercepts(weights, labels, log_odds)
    for row, slope, intercept in zip(weights, slopes, intercepts, strict=True):
        there = row > 0
        fractured, others = log_odds[there & (labels == 1)], log_odds[there & (labels == 0)]
        if len(fractured) == 0 or len(others) == 0:
            assert np.isnan(slope)
            assert np.isnan(intercept)
            continue
        settings = {"family": sm.families.Binomial(), "freq_weights": row[there]}
        flat = sm.GLM(labels[there], np.ones(there.sum()), offset=log_odds[there], **settings)
        assert intercept == pytest.approx(flat.fit(tol=1e-13).params[0], abs=1e-7)
        overlap = fractured.min() < others.max() and others.min() < fractured.max()
        assert np.isfinite(slope) == overlap
        if overlap:
            line = sm.GLM(labels[there], sm.add_constant(log_odds[there]), **settings)
            assert slope == pytest.approx(line.fit(tol=1e-13, maxiter=500).params[1], rel=1e-5)


def test_a_cut_that_parts_the_classes_has_a_slope_without_end() -> None:
    labels, log_odds = np.array([1, 1, 0, 0]), np.array([2.0, 1.0, 1.0, -1.0])
    weights = np.array([[1, 1, 1, 1], [1, 0, 0, 2], [0, 1, 1, 0], [1, 1, 0, 0]], dtype=np.float64)
    slopes = calibration_slopes(weights, labels, log_odds)
    assert slopes[:2].tolist() == [np.inf, np.inf]
    # Equal log-odds, and one class only.
    assert np.isnan(slopes[2:]).all()
    assert calibration_slopes(weights[:1], 1 - labels, log_odds)[0] == -np.inf


def test_probabilities_that_are_too_bold_have_a_slope_below_one() -> None:
    random = np.random.default_rng(0)
    true = np.sort(random.normal(scale=2, size=100_000))[::-1]
    labels = (random.random(100_000) < 1 / (1 + np.exp(-true))).astype(np.int64)
    said = 2 * true + 0.5
    once = np.ones((1, len(true)))
    assert calibration_slopes(once, labels, said)[0] == pytest.approx(0.5, abs=0.015)
    assert calibration_intercepts(once, labels, true + 0.7)[0] == pytest.approx(-0.7, abs=0.03)
    assert calibration_slopes(once, 1 - labels, said)[0] == pytest.approx(-0.5, abs=0.015)


def test_equal_scores_have_no_slope_but_an_intercept() -> None:
    labels = np.repeat([1, 0], [1, 3])
    assert np.isnan(calibration_slopes(np.ones((1, 4)), labels, np.zeros(4))[0])
    assert calibration_intercepts(np.ones((1, 4)), labels, np.zeros(4))[0] == pytest.approx(np.log(1 / 3))


def test_certain_probabilities_stay_finite() -> None:
    films = ScoredFilms.sort([1, 1, 0, 0, 1, 0], [1.0, 0.0, 1.0, 0.0, 0.9, 0.2], np.zeros(6))
    assert np.isfinite(films.log_odds).all()
    once = np.ones((1, 6))
    assert np.isfinite(calibration_slopes(once, films.labels, films.log_odds)).all()
    assert np.isfinite(calibration_intercepts(once, films.labels, films.log_odds)).all()


def test_the_section_says_what_was_said_and_what_was_there() -> None:
    films = ScoredFilms.sort([1, 0, 0, 0], [0.7, 0.5, 0.2, 0.2], np.zeros(4))
    section = calibration_section({"method": "platt", "temperature": 2.0, "intercept": 0.1}, films)
    assert section["method"] == "platt"
    assert (section["mean_probability"], section["observed"]) == (pytest.approx(0.4), 0.25)
    assert section["sentence"] == "On average the model says 40.0 %, and 25.0 % are fractured."
