"""Abstention: what is promised, checked by redraws, by exact counting and by the beta distribution."""

from __future__ import annotations

import itertools
import json

import numpy as np
import pytest
from scipy.stats import betabinom

from lucency.abstention import Abstention, films_needed
from lucency.evaluation.conformal import (
    MOST_FILMS,
    abstention_section,
    answer_figures,
    class_sentence,
    coverage_range,
    fit_abstention,
    mean_coverage,
)


def films(random: np.random.Generator, each: int) -> tuple[np.ndarray, np.ndarray]:
    labels = np.repeat([1, 0], each)
    return random.normal(np.where(labels == 1, 1.0, -1.0), 1.5), labels


@pytest.mark.parametrize("each", [60, 200])
@pytest.mark.parametrize("rate", [0.05, 0.1, 0.2])
def test_coverage_of_each_class_over_redraws(each: int, rate: float) -> None:
    # 1,000 redraws of calibration films, each tried on 200 new films of each class.
    random = np.random.default_rng(int(1000 * rate) + each)
    held = {1: [], 0: []}
    for _ in range(1000):
        abstention = fit_abstention(*films(random, each))
        lowest, highest = abstention.limits(rate)
        new, truth = films(random, 200)
        held[1].append((new[truth == 1] >= lowest).mean())
        held[0].append((new[truth == 0] <= highest).mean())
    for label in (1, 0):
        coverage = np.mean(held[label])
        # The finite sample gives 1 - k/(n + 1), at least what was asked for and at most 1/(n + 1) more.
        assert coverage == pytest.approx(mean_coverage(each, rate), abs=0.004)
        assert coverage == pytest.approx(1 - rate, abs=0.01 + 1 / (each + 1))
        assert mean_coverage(each, rate) >= 1 - rate - 1e-12
        low, high = coverage_range(each, rate)
        # Coverage on 200 films is beta-binomial: the range plus the noise of counting.
        odd = round((1 - mean_coverage(each, rate)) * (each + 1))
        ends = betabinom.ppf([0.025, 0.975], 200, each + 1 - odd, odd) / 200
        inside = np.mean([(ends[0] <= one <= ends[1]) for one in held[label]])
        assert 0.93 <= inside <= 0.985
        assert ends[0] <= low < high <= ends[1] + 0.005


@pytest.mark.parametrize(("each", "rate"), [(5, 0.2), (5, 0.5), (6, 0.34), (4, 0.1)])
def test_coverage_by_counting_every_order(each: int, rate: float) -> None:
    # Where films are exchangeable, every place of the new film among the others is equally likely.
    covered = []
    for place in range(each + 1):
        ranks = [float(rank) for rank in range(each + 1) if rank != place]
        abstention = Abstention(tuple(ranks), tuple(ranks))
        covered.append("fractured" in abstention.answer(float(place), rate))
        mirrored = "not_fractured" in abstention.answer(float(each - place), rate)
        swapped = Abstention(tuple(sorted(each - r for r in ranks)), tuple(sorted(each - r for r in ranks)))
        assert ("not_fractured" in swapped.answer(float(each - place), rate)) == covered[-1]
        assert isinstance(mirrored, bool)
    assert np.mean(covered) == pytest.approx(mean_coverage(each, rate))
    assert np.mean(covered) >= 1 - rate


def test_the_limit_is_the_textbook_quantile() -> None:
    # Angelopoulos and Bates 2021, "A gentle introduction to conformal prediction": the ceil((n + 1)(1 - a)) / n
    # quantile of the nonconformity scores, here minus the logit of fractured films.
    random = np.random.default_rng(0)
    for n, rate in itertools.product((19, 20, 57, 200), (0.05, 0.1, 0.25)):
        logits = random.normal(size=n)
        lowest, _ = fit_abstention(np.r_[logits, 0.0], np.r_[np.ones(n), 0].astype(int)).limits(rate)
        place = int(np.ceil((n + 1) * (1 - rate) - 1e-9))
        assert -lowest == np.sort(-logits)[place - 1]


def test_the_range_agrees_with_simulated_calibration_sets() -> None:
    # Of uniform scores the coverage of a threshold is the threshold itself.
    random = np.random.default_rng(1)
    scores = np.sort(random.random((20_000, 71)), axis=1)
    odd = int(0.1 * 72)
    simulated = np.quantile(1 - scores[:, odd - 1], [0.025, 0.975])
    assert coverage_range(71, 0.1) == pytest.approx(simulated, abs=0.003)


@pytest.mark.parametrize(("rate", "needed"), [(0.05, 19), (0.1, 9), (0.01, 99), (0.5, 1), (0.3, 3)])
def test_too_few_films_rule_nothing_out(rate: float, needed: int) -> None:
    assert films_needed(rate) == needed
    enough = Abstention(tuple(map(float, range(needed))), tuple(map(float, range(needed))))
    assert np.isfinite(enough.limits(rate)).all()
    assert enough.doubts(rate) == ()
    few = Abstention(enough.fractured[1:], enough.not_fractured)
    assert few.limits(rate)[0] == -np.inf
    assert coverage_range(needed - 1, rate) == (1.0, 1.0)
    (doubt,) = few.doubts(rate)
    assert f"takes {needed} fractured calibration films" in doubt
    assert "no film can be called not fractured" in doubt
    assert class_sentence("fractured", needed - 1, rate).endswith("no film can be called not fractured.")
    assert "will be answered without" in class_sentence("fractured", needed, rate)


def test_a_large_validation_set_is_thinned_at_random() -> None:
    random = np.random.default_rng(2)
    logits, labels = random.normal(size=5000), np.r_[np.ones(2500), np.zeros(2500)].astype(int)
    kept = fit_abstention(logits, labels, seed=1)
    assert (len(kept.fractured), len(kept.not_fractured)) == (MOST_FILMS, MOST_FILMS)
    assert set(kept.fractured) < set(logits[:2500])
    assert kept != fit_abstention(logits, labels, seed=2)
    assert kept.limits(0.1)[0] == pytest.approx(np.quantile(logits[:2500], 0.1), abs=0.1)


def test_answers_by_hand() -> None:
    # Both, none, right, wrong; then the same for films that are not fractured.
    fractured = np.array([1, 0, 1, 0, 1, 0, 0, 1], dtype=bool)
    other = np.array([1, 0, 0, 1, 1, 0, 1, 0], dtype=bool)
    labels = np.array([1, 1, 1, 1, 0, 0, 0, 0])
    values = {name: one["value"] for name, one in answer_figures(fractured, other, labels, None).items()}
    assert values == {
        "uncertain": 0.5, "both": 0.25, "none": 0.25, "wrong": 0.5, "sensitivity": 0.5, "specificity": 0.5,
        "fractured coverage": 0.5, "fractured uncertain": 0.5, "not_fractured coverage": 0.5,
        "not_fractured uncertain": 0.5,
    }  # fmt: skip


def test_the_section() -> None:
    random = np.random.default_rng(3)
    calibration, (logits, labels) = films(random, 150), films(random, 300)
    abstention = fit_abstention(*calibration, error_rate=0.15)
    groups = [str(number // 2) for number in range(600)]
    section = abstention_section(abstention, labels, logits, groups, resamples=200)
    json.dumps(section, allow_nan=False)
    assert [rate["error_rate"] for rate in section["rates"]] == [0.01, 0.05, 0.1, 0.15, 0.2]
    uncertain = [rate["uncertain"]["value"] for rate in section["rates"]]
    assert uncertain == sorted(uncertain, reverse=True)
    for rate in section["rates"]:
        lowest, highest = abstention.limits(rate["error_rate"])
        row = rate["classes"]["fractured"]
        assert row["coverage"]["value"] == pytest.approx((logits[labels == 1] >= lowest).mean())
        assert row["limit"] == lowest
        decided = (logits >= lowest) != (logits <= highest)
        assert rate["sensitivity"]["value"] == pytest.approx((logits >= lowest)[decided & (labels == 1)].mean())
        assert row["enough"]
        assert row["range"]["low"] < row["expected"] < row["range"]["high"]
    assert any("300 groups" in note for note in section["notes"])
    assert not any("groups" in note for note in abstention_section(abstention, labels, logits, None)["notes"])


def test_a_section_with_too_few_calibration_films_says_so() -> None:
    section = abstention_section(Abstention((0.0,), (0.0, 1.0)), [1, 0], [2.0, -2.0], None, (0.1,))
    (rate,) = section["rates"]
    assert [row["enough"] for row in rate["classes"].values()] == [False, False]
    assert [row["limit"] for row in rate["classes"].values()] == [None, None]
    assert rate["uncertain"]["value"] == 1.0
    assert rate["wrong"]["value"] is None
    assert "that is of all" in rate["sentence"]
    json.dumps(section, allow_nan=False)
