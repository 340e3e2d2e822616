"""Paired differences: against other sources, by simulation, and in words."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binomtest, bootstrap

from lucency.calibration import Calibration
from lucency.evaluation.compare import Difference, ModelScores, compare_models, difference_sentence, p_words
from lucency.evaluation.metrics import METRICS, measure
from lucency.evaluation.paired_tests import delong_difference


def model(name: str, logits: np.ndarray, threshold: float = 0.5) -> ModelScores:
    probabilities = Calibration().probability(logits)
    return ModelScores(name, probabilities, probabilities >= threshold)


def drawn(seed: int, films: int, *signals: float) -> tuple[np.ndarray, list[ModelScores]]:
    """Films whose difficulty all models share, and models that see the truth with the given strengths."""
    random = np.random.default_rng(seed)
    labels = (np.arange(films) % 3 == 0).astype(int)
    shared = random.normal(size=films)
    models = [
        model(f"m{place}", signal * labels - signal / 3 + shared + random.normal(size=films))
        for place, signal in enumerate(signals)
    ]
    return labels, models


def test_values_are_the_metric_of_one_less_that_of_the_other() -> None:
    labels, models = drawn(0, 120, 1.0, 2.0)
    found = compare_models(labels, models, groups=None, resamples=50)["m1"]
    alone = [measure(labels, one.probabilities, one.decisions) for one in models]
    assert list(found) == [*METRICS]
    for name, difference in found.items():
        assert difference.value == pytest.approx(alone[1][name][0] - alone[0][name][0]), name


def test_independent_films_are_tested_by_delong_and_mcnemar() -> None:
    labels, models = drawn(1, 150, 0.5, 2.0)
    found = compare_models(labels, models, groups=[""] * 150, resamples=200)["m1"]
    delong = delong_difference(labels, models[0].probabilities, models[1].probabilities)
    assert (found["auroc"].low, found["auroc"].high, found["auroc"].p) == (delong.low, delong.high, delong.p)
    assert (found["auroc"].interval_by, found["auroc"].p_by) == ("delong", "delong")
    first, second = (one.decisions[labels == 1] for one in models)
    expected = binomtest(int((first & ~second).sum()), int((first != second).sum())).pvalue
    assert found["sensitivity"].p == pytest.approx(expected)
    assert (found["sensitivity"].interval_by, found["sensitivity"].p_by) == ("bootstrap", "mcnemar")
    assert (found["accuracy"].p_by, found["specificity"].p_by) == ("mcnemar", "mcnemar")
    assert found["f1"].p_by == "bootstrap"


def test_groups_leave_only_the_bootstrap() -> None:
    labels, models = drawn(1, 150, 0.5, 2.0)
    groups = [f"patient {place // 2}" for place in range(150)]
    found = compare_models(labels, models, groups=groups, resamples=200)["m1"]
    assert {difference.p_by for difference in found.values()} == {"bootstrap", None}
    assert {difference.interval_by for difference in found.values()} == {"bootstrap", None}


def test_the_bootstrap_agrees_with_scipy_on_accuracy() -> None:
    labels, models = drawn(2, 240, 0.8, 1.4)
    ours = compare_models(labels, models, groups=None, resamples=4000)["m1"]["accuracy"]
    right = [(one.decisions == labels).astype(float) for one in models]
    theirs = bootstrap((right[1] - right[0],), np.mean, n_resamples=4000, method="percentile", rng=0)
    assert ours.low == pytest.approx(theirs.confidence_interval.low, abs=0.01)
    assert ours.high == pytest.approx(theirs.confidence_interval.high, abs=0.01)


def test_delong_and_bootstrap_agree_where_both_hold() -> None:
    labels, models = drawn(3, 400, 0.6, 1.0)
    delong = compare_models(labels, models, groups=None, resamples=10)["m1"]["auroc"]
    # One pair of films shares a group, so the bootstrap must do without DeLong; the films are as good as independent.
    groups = ["pair", "pair", *([""] * 398)]
    drawn_again = compare_models(labels, models, groups=groups, resamples=4000)["m1"]["auroc"]
    assert drawn_again.p_by == "bootstrap"
    assert (drawn_again.low, drawn_again.high) == pytest.approx((delong.low, delong.high), abs=0.012)
    assert drawn_again.p == pytest.approx(delong.p, abs=0.02)


@pytest.mark.parametrize("paired", [False, True])
def test_equal_models_are_told_apart_in_one_case_of_twenty(paired: bool) -> None:
    # Copies of each film, five times over: drawn one by one they would tell equal models apart far too often.
    wrong = 0
    for seed in range(150):
        labels, models = drawn(seed, 60, 1.0, 1.0)
        order = np.arange(60).repeat(5) if paired else np.arange(60)
        copies = [ModelScores(one.name, one.probabilities[order], one.decisions[order]) for one in models]
        groups = [str(place) for place in order] if paired else None
        found = compare_models(labels[order], copies, groups=groups, resamples=200, seed=seed)["m1"]["auroc"]
        assert found.p is not None
        wrong += found.p < 0.05
    # The standard error of 150 simulations is 1.8 points.
    assert 0.005 <= wrong / 150 <= 0.11


def test_several_models_are_corrected_by_holm() -> None:
    labels, models = drawn(4, 200, 0.5, 1.0, 2.5)
    found = compare_models(labels, models, groups=None, resamples=100)
    small, large = found["m2"]["auroc"], found["m1"]["auroc"]
    assert small.p is not None
    assert large.p is not None
    assert small.p < large.p
    assert small.p_adjusted == pytest.approx(2 * small.p)
    assert large.p_adjusted == pytest.approx(max(2 * small.p, large.p))
    alone = compare_models(labels, models[:2], groups=None, resamples=100)["m1"]["auroc"]
    assert alone.p_adjusted == alone.p


def test_answers_that_are_the_same_have_a_reason_instead_of_an_interval() -> None:
    labels, (one, _) = drawn(5, 60, 1.0, 1.0)
    twin = ModelScores("twin", one.probabilities, one.decisions)
    found = compare_models(labels, [one, twin], groups=None, resamples=100)["twin"]
    assert {difference.value for difference in found.values()} == {0.0}
    assert found["auroc"].low is None
    assert "same value" in str(found["auroc"].reason)
    assert found["accuracy"].p == 1.0


def test_one_class_and_one_group() -> None:
    labels, models = drawn(6, 40, 1.0, 2.0)
    found = compare_models(np.zeros(40), models, groups=None, resamples=100)["m1"]
    assert found["auroc"] == Difference(None, reason="it needs films of both classes")
    assert found["specificity"].p_by == "mcnemar"
    found = compare_models(labels, models, groups=["one"] * 40, resamples=100)["m1"]
    assert found["auroc"].value is not None
    assert found["auroc"].low is None
    assert "one group" in str(found["auroc"].reason)


def test_few_groups_have_no_interval() -> None:
    labels, models = drawn(6, 40, 1.0, 2.0)
    found = compare_models(labels, models, groups=[str(n // 5) for n in range(40)], resamples=100)["m1"]
    assert (found["auroc"].low, found["auroc"].p) == (None, None)
    assert found["auroc"].reason == "there are only 8 groups of films, and an interval needs 10"
    few = np.r_[np.flatnonzero(labels == 1)[:4], np.flatnonzero(labels == 0)[:4]]
    alone = [ModelScores(one.name, one.probabilities[few], one.decisions[few]) for one in models]
    found = compare_models(labels[few], alone, groups=None, resamples=100)["m1"]
    assert (found["auroc"].low, found["auroc"].p) == (None, None)
    assert found["accuracy"].p_by == "mcnemar"


def sentence(found: Difference, **others: Difference) -> str:
    nothing = Difference(0.0, -0.1, 0.1, 1.0, 1.0, "bootstrap", "bootstrap")
    differences = {"auroc": found, "accuracy": nothing, "sensitivity": nothing, "specificity": nothing, **others}
    figures = dict.fromkeys(differences, (0.80, 0.812))
    return difference_sentence("A", "B", figures, differences, films=512)


def test_sentence_of_models_that_cannot_be_told_apart() -> None:
    said = sentence(Difference(0.012, -0.020, 0.045, 0.47, 0.47, "bootstrap", "bootstrap"))
    assert said == (
        "B and A cannot be told apart on these 512 films: difference in AUROC 0.012 (-0.020 to 0.045), p = 0.47 by "
        "bootstrap of whole groups."
    )


def test_sentence_of_a_better_model_names_it_first() -> None:
    better = sentence(Difference(0.012, 0.003, 0.02, 0.0004, 0.0004, "delong", "delong"))
    assert better.startswith("B tells fractured from other films better than A on these 512 films: AUROC 0.812 against")
    assert better.endswith("p < 0.001 by DeLong's test.")
    worse = sentence(Difference(-0.012, -0.02, -0.003, 0.0004, 0.0004, "delong", "delong"))
    assert worse.startswith("A tells fractured from other films better than B")
    assert "difference 0.012 (0.003 to 0.020)" in worse


def test_what_holm_takes_back_is_not_claimed() -> None:
    said = sentence(Difference(0.012, 0.001, 0.02, 0.03, 0.06, "delong", "delong"))
    assert "cannot be told apart" in said


def test_sentence_tells_of_other_decisions() -> None:
    said = sentence(
        Difference(0.012, -0.02, 0.04, 0.5, 0.5, "delong", "delong"),
        sensitivity=Difference(0.012, 0.01, 0.02, 0.01, 0.01, "bootstrap", "mcnemar"),
    )
    assert said.endswith("At their own operating points they decide differently: sensitivity 0.812 against 0.800.")


def test_sentence_without_an_interval_says_why() -> None:
    said = sentence(Difference(0.01, reason="all films are of one group"))
    assert said.startswith("Whether B and A differ cannot be said")
    assert said.endswith("since all films are of one group.")


@pytest.mark.parametrize(
    ("p", "words"),
    [(0.0004, "p < 0.001"), (0.0042, "p = 0.0042"), (0.0481, "p = 0.048"), (0.4711, "p = 0.47"), (1.0, "p = 1.00")],
)
def test_p_words(p: float, words: str) -> None:
    assert p_words(p) == words
