from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import bootstrap

from lucency.evaluation.film_means import film_means


def test_mean_and_interval_of_lone_films_are_those_of_scipy() -> None:
    values = np.random.default_rng(0).normal(2, 1, 60)
    figure = film_means({"x": values}, None, resamples=4000, seed=1)["x"]
    expected = bootstrap((values,), np.mean, n_resamples=4000, method="percentile", rng=2).confidence_interval
    assert figure["value"] == pytest.approx(values.mean())
    assert (figure["low"], figure["high"]) == pytest.approx((expected.low, expected.high), abs=0.03)
    assert figure["reason"] is None


def test_groups_stay_together() -> None:
    # Ten films of each of eight patients, alike to the last digit: as little is known as of eight films.
    of_patient = np.random.default_rng(1).normal(0, 1, 8)
    values = np.repeat(of_patient, 10)
    groups = [f"patient {place // 10}" for place in range(80)]
    grouped = film_means({"x": values}, groups, resamples=4000, seed=1)["x"]
    eight = bootstrap((of_patient,), np.mean, n_resamples=4000, method="percentile", rng=2).confidence_interval
    assert (grouped["low"], grouped["high"]) == pytest.approx((eight.low, eight.high), abs=0.08)


def test_films_without_a_value_do_not_count() -> None:
    values = np.array([1.0, np.nan, 3.0, np.nan, 2.0, 4.0])
    figures = film_means({"x": values, "none": np.full(6, np.nan)}, None, resamples=300, seed=0)
    assert figures["x"]["value"] == pytest.approx(2.5)
    assert 1 <= figures["x"]["low"] <= figures["x"]["high"] <= 4
    assert (figures["none"]["value"], figures["none"]["reason"]) == (None, "no film has it")


def test_what_cannot_be_said_has_a_reason() -> None:
    assert "of one group" in film_means({"x": np.arange(3.0)}, ["a", "a", "a"], resamples=50, seed=0)["x"]["reason"]
    assert "no resamples" in film_means({"x": np.arange(3.0)}, None, resamples=0, seed=0)["x"]["reason"]
    assert "same value" in film_means({"x": np.ones(9)}, None, resamples=50, seed=0)["x"]["reason"]
    empty = film_means({"x": np.zeros(0)}, [], resamples=50, seed=0)["x"]
    assert (empty["value"], empty["low"]) == (None, None)
    assert film_means({}, None, resamples=50, seed=0) == {}
