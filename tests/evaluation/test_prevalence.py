"""Predictive values at other prevalences: Bayes, and intervals against statsmodels."""

from __future__ import annotations

import numpy as np
import pytest
from statsmodels.stats.proportion import confint_proportions_2indep

from lucency.errors import DatasetError
from lucency.evaluation.intervals import Draws, computed
from lucency.evaluation.prevalence import at_prevalence, checked_prevalences, logit_intervals, prevalence_section
from lucency.evaluation.scores import ScoredFilms

# Mercaldo, Lau and Zhou 2007, table VIII: the e4 allele of ApoE in 418 people with Alzheimer's disease and 375 without.
ALZHEIMER = {"tp": 240, "fn": 178, "fp": 87, "tn": 288}


def odds(probability: float) -> float:
    return probability / (1 - probability)


def test_a_positive_test_for_a_rare_disease_is_right_half_the_time() -> None:
    # The textbook case: 99 % sensitive, 99 % specific, one in a hundred is ill.
    ppv, npv = at_prevalence(np.array([0.99, 1.0, 0.0]), np.array([0.99, 0.0, 1.0]), 0.01)
    assert ppv[0] == pytest.approx(0.5)
    assert npv[0] == pytest.approx(0.99 * 0.99 / (0.99 * 0.99 + 0.01 * 0.01))
    assert ppv[1] == pytest.approx(0.01)
    assert np.isnan(npv[1])
    assert np.isnan(ppv[2])


@pytest.mark.parametrize("prevalence", [0.03, 0.5])
@pytest.mark.parametrize("level", [0.9, 0.95])
def test_logit_intervals_are_those_of_the_likelihood_ratios(prevalence: float, level: float) -> None:
    # Bayes' rule in odds: those of the prevalence times a ratio of two shares, whose interval statsmodels gives.
    (low, high), (npv_low, npv_high) = logit_intervals(**ALZHEIMER, prevalence=prevalence, level=level)
    settings = {"compare": "ratio", "method": "log", "alpha": 1 - level}
    of_call = confint_proportions_2indep(240, 418, 87, 375, **settings)
    assert (odds(low), odds(high)) == pytest.approx([ratio * odds(prevalence) for ratio in of_call], rel=1e-9)
    of_rest = confint_proportions_2indep(288, 375, 178, 418, **settings)
    expected = [ratio / odds(prevalence) for ratio in of_rest]
    assert (odds(npv_low), odds(npv_high)) == pytest.approx(expected, rel=1e-9)


def test_a_count_of_zero_is_adjusted_by_the_paper() -> None:
    # Mercaldo's table II: z^2 / 2 is added to each count, z^2 to each total.
    half = 1.959963984540054**2 / 2
    (low, high), _ = logit_intervals(20, 0, 90, 10, 0.1)
    expected = confint_proportions_2indep(
        20 + half, 20 + 2 * half, 10 + half, 100 + 2 * half, compare="ratio", method="log"
    )
    assert (odds(low), odds(high)) == pytest.approx([ratio * odds(0.1) for ratio in expected], rel=1e-9)


def section(labels: np.ndarray, decisions: np.ndarray, groups: list[str] | None, *prevalences: float) -> dict:
    films = ScoredFilms.sort(labels, np.linspace(0.9, 0.1, len(labels)), decisions)
    draws = Draws.plan(films, groups, resamples=400)

    values = draws.values(lambda weights: computed(films, weights, ("sensitivity", "specificity")))
    counts = np.bincount(2 * films.labels + films.decisions, minlength=4)
    confusion = dict(zip(("tn", "fp", "fn", "tp"), counts.tolist(), strict=True))
    return prevalence_section(
        prevalences, confusion, draws, values.get("sensitivity"), values.get("specificity"), operating_point="youden"
    )


LABELS = np.tile([1, 0, 0, 0], 100)
DECISIONS = np.tile([1, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0], 25)


def test_at_their_own_prevalence_films_have_their_own_values() -> None:
    row = section(LABELS, DECISIONS, None, 0.25)["rows"][0]
    assert row["ppv"]["value"] == pytest.approx(75 / 100)
    assert row["npv"]["value"] == pytest.approx(275 / 300)
    assert row["ppv"]["method"] == "logit"
    assert row["ppv"]["low"] < 0.75 < row["ppv"]["high"]


def test_groups_of_one_film_and_the_formula_agree_and_copies_do_not_narrow() -> None:
    alone = section(LABELS, DECISIONS, None, 0.05)["rows"][0]["ppv"]
    order = np.arange(400).repeat(3)
    copied = section(LABELS[order], DECISIONS[order], [str(place) for place in order], 0.05)["rows"][0]["ppv"]
    assert copied["method"] == "bootstrap"
    assert copied["value"] == pytest.approx(alone["value"])
    assert copied["high"] - copied["low"] == pytest.approx(alone["high"] - alone["low"], rel=0.15)


def test_what_cannot_be_said_has_a_reason() -> None:
    of_one_class = section(np.zeros(40, dtype=int), np.tile([0, 1], 20), None, 0.1)
    assert of_one_class["of_these_films"] == 0
    assert of_one_class["rows"][0]["npv"]["reason"] == "it needs films of both classes"
    all_called = section(LABELS, np.ones(400, dtype=int), None, 0.1)["rows"][0]
    assert all_called["npv"]["value"] is None
    assert "every film was called fractured" in all_called["npv"]["reason"]
    few = section(LABELS[:4], DECISIONS[:4], None, 0.1)["rows"][0]
    assert few["ppv"]["low"] is None
    assert "only 4 films" in few["ppv"]["reason"]
    one_group = section(LABELS, DECISIONS, ["p"] * 400, 0.1)["rows"][0]
    assert "one group" in one_group["npv"]["reason"]


def test_an_interval_holds_its_value_even_at_one() -> None:
    never_missed = section(LABELS, LABELS, None, 0.1)["rows"][0]
    assert never_missed["npv"]["value"] == never_missed["npv"]["high"] == 1.0
    assert never_missed["npv"]["low"] < 1


def test_prevalences_are_checked() -> None:
    assert checked_prevalences([0.3, 0.05, 0.3]) == [0.05, 0.3]
    for wrong in (0.0, 1.0, 5.0, float("nan")):
        with pytest.raises(DatasetError, match=r"not between 0 and 1\. Give a share such as 0\.05"):
            checked_prevalences([wrong])
