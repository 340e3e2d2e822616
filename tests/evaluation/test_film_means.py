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
    # Ten films of each of twelve patients, alike to the last digit: as little is known as of twelve films.
    of_patient = np.random.default_rng(1).normal(0, 1, 12)
    values = np.repeat(of_patient, 10)
    groups = [f"patient {place // 10}" for place in range(120)]
    grouped = film_means({"x": values}, groups, resamples=4000, seed=1)["x"]
    twelve = bootstrap((of_patient,), np.mean, n_resamples=4000, method="percentile", rng=2).confidence_interval
    assert (grouped["low"], grouped["high"]) == pytest.approx((twelve.low, twelve.high), abs=0.08)


def test_films_without_a_value_do_not_count() -> None:
    values = np.tile([1.0, np.nan, 3.0, np.nan, 2.0, 4.0], 3)
    figures = film_means({"x": values, "none": np.full(18, np.nan)}, None, resamples=300, seed=0)
    assert figures["x"]["value"] == pytest.approx(2.5)
    assert 1 <= figures["x"]["low"] <= figures["x"]["high"] <= 4
    assert (figures["none"]["value"], figures["none"]["reason"]) == (None, "no film has it")


def test_what_cannot_be_said_has_a_reason() -> None:
    assert "of one group" in film_means({"x": np.arange(3.0)}, ["a", "a", "a"], resamples=50, seed=0)["x"]["reason"]
    assert "no resamples" in film_means({"x": np.arange(12.0)}, None, resamples=0, seed=0)["x"]["reason"]
    assert "same value" in film_means({"x": np.ones(12)}, None, resamples=50, seed=0)["x"]["reason"]
    empty = film_means({"x": np.zeros(0)}, [], resamples=50, seed=0)["x"]
    assert (empty["value"], empty["low"]) == (None, None)
    assert film_means({}, None, resamples=50, seed=0) == {}


def test_few_groups_have_no_interval() -> None:
    few = film_means({"x": np.arange(9.0)}, None, resamples=50, seed=0)["x"]
    assert (few["value"], few["low"]) == (4.0, None)
    assert few["reason"] == "there are only 9 films, and an interval needs 10"
    # Of forty films in twenty groups, ten in five groups have the value.
    values = np.where(np.arange(40) < 10, np.arange(40.0), np.nan)
    held = film_means({"x": values}, [str(n // 2) for n in range(40)], resamples=50, seed=0)["x"]
    assert (held["low"], held["reason"]) == (None, "there are only 5 groups of films, and an interval needs 10")
