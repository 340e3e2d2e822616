"""Which interval each metric has, where films stand alone and where they do not."""

from __future__ import annotations

import numpy as np
import pytest
from statsmodels.stats.proportion import proportion_confint

from lucency.evaluation.figures import metric_figures, metric_intervals
from lucency.evaluation.intervals import Draws, bootstrap_intervals
from lucency.evaluation.metrics import METRICS
from lucency.evaluation.paired_tests import delong_interval
from lucency.evaluation.scores import ScoredFilms

SHARES = {"accuracy", "sensitivity", "specificity", "ppv", "npv"}


def films(count: int = 200, shift: float = 1.5) -> ScoredFilms:
    random = np.random.default_rng(1)
    labels = np.arange(count) % 5 == 0
    scores = 1 / (1 + np.exp(-(random.normal(size=count) + shift * labels - 1.2)))
    return ScoredFilms.sort(labels, scores, scores >= 0.4)


def test_films_that_stand_alone_have_wilson_and_delong() -> None:
    sample = films()
    found = metric_intervals(sample, None, names=tuple(METRICS), resamples=200)
    assert {name for name, interval in found.items() if interval.method == "wilson"} == SHARES
    assert {name for name, interval in found.items() if interval.method == "delong"} == {"auroc"}
    assert {interval.method for interval in found.values()} == {"wilson", "delong", "bootstrap", None}
    assert found["ece"].method is None
    fractured = sample.labels == 1
    expected = proportion_confint(int(sample.decisions[fractured].sum()), int(fractured.sum()), method="wilson")
    assert (found["sensitivity"].low, found["sensitivity"].high) == pytest.approx(expected)
    called = sample.decisions == 1
    expected = proportion_confint(int(sample.labels[called].sum()), int(called.sum()), method="wilson")
    assert (found["ppv"].low, found["ppv"].high) == pytest.approx(expected)
    assert (found["auroc"].low, found["auroc"].high) == delong_interval(sample.labels, sample.probabilities)


def test_one_pair_of_films_leaves_only_the_bootstrap() -> None:
    sample = films()
    groups = ["pair", "pair", *([""] * 198)]
    found = metric_intervals(sample, groups, names=tuple(METRICS), resamples=200)
    assert {interval.method for interval in found.values()} == {"bootstrap", None}
    assert found == bootstrap_intervals(sample, groups, resamples=200)


def test_formula_and_bootstrap_agree_on_many_films() -> None:
    sample = films(3000)
    drawn = bootstrap_intervals(sample, None, names=["auroc", *SHARES], resamples=1500)
    for name, interval in metric_intervals(sample, None, names=list(drawn)).items():
        assert interval.low == pytest.approx(drawn[name].low, abs=0.006), name
        assert interval.high == pytest.approx(drawn[name].high, abs=0.006), name


def test_all_of_twenty_has_an_interval_and_figures_are_plain() -> None:
    labels = np.arange(40) % 2
    sample = ScoredFilms.sort(labels, np.where(labels == 1, 0.9, 0.1) + np.arange(40) / 1000, labels)
    draws = Draws.plan(sample, None, resamples=50)
    found = metric_figures(sample, draws, ["sensitivity", "auroc", "positive_likelihood_ratio"], {})
    assert found["sensitivity"] == {
        "value": 1.0,
        "low": pytest.approx(0.8389, abs=1e-4),
        "high": 1.0,
        "reason": None,
        "dropped": 0,
        "method": "wilson",
    }
    assert found["auroc"]["low"] is None
    assert found["auroc"]["reason"] == "no film stands on the wrong side, so an interval cannot be estimated"
    assert found["positive_likelihood_ratio"]["value"] is None
    assert "at least one was called fractured" in found["positive_likelihood_ratio"]["reason"]


def test_delong_needs_films_to_compare() -> None:
    def auroc(labels: list[int], scores: list[float]) -> str:
        sample = ScoredFilms.sort(labels, scores, labels)
        return str(metric_intervals(sample, None, names=["auroc"])["auroc"].reason)

    assert auroc([1, 0, 0], [0.9, 0.2, 0.95]) == "there are only 3 films, and an interval needs 10"
    few = "films are fractured, and an interval needs 10"
    assert auroc([1, *[0] * 20], np.linspace(0.5, 0, 21).tolist()) == f"only 1 {few.replace('films are', 'film is')}"
    assert auroc([*[1] * 9, *[0] * 20], np.random.default_rng(0).random(29).tolist()) == f"only 9 {few}"
    assert auroc([0, 1] * 10, [0.3] * 20).startswith("all films have the same score")
    assert auroc([0] * 20, [0.3] * 20) == "it needs films of both classes"
