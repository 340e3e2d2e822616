"""Bootstrap intervals: groups, and when there is none. How often they cover: test_interval_coverage.py."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import bootstrap, norm

from lucency.errors import DatasetError
from lucency.evaluation.intervals import Draws, bootstrap_intervals, computed, group_numbers, percentile_interval
from lucency.evaluation.metrics import METRICS
from lucency.evaluation.scores import ScoredFilms


def films(seed: int, count: int, shift: float = 1.5) -> ScoredFilms:
    random = np.random.default_rng(seed)
    labels = np.arange(count) < count // 5
    scores = norm.cdf((random.normal(size=count) + shift * labels) / 2)
    return ScoredFilms.sort(labels, scores, scores >= norm.cdf(0.5))


def test_agrees_with_scipy_on_accuracy() -> None:
    sample = films(1, 250)
    ours = bootstrap_intervals(sample, None, names=["accuracy"], resamples=4000)["accuracy"]
    right = (sample.labels == sample.decisions).astype(float)
    theirs = bootstrap((right,), np.mean, n_resamples=4000, method="percentile", rng=0).confidence_interval
    assert ours.low == pytest.approx(theirs.low, abs=0.01)
    assert ours.high == pytest.approx(theirs.high, abs=0.01)


def test_copies_of_films_do_not_narrow_a_grouped_interval() -> None:
    single = films(2, 150)
    order = np.arange(150).repeat(4)
    copied = ScoredFilms.sort(single.labels[order], single.probabilities[order], single.decisions[order])

    def width(sample: ScoredFilms, groups: list[str] | None) -> float:
        found = bootstrap_intervals(sample, groups, names=["auroc"], resamples=2000)["auroc"]
        assert found.low is not None
        assert found.high is not None
        return found.high - found.low

    alone = width(single, None)
    assert width(copied, [f"g{i}" for i in order]) == pytest.approx(alone, rel=0.08)
    assert width(copied, None) == pytest.approx(alone / 2, rel=0.12)


def test_groups_follow_their_films_through_the_sorting() -> None:
    # Ten groups of six films, half of them all right and half all wrong: only tenths can be drawn.
    random = np.random.default_rng(0)
    group = random.permutation(np.arange(10).repeat(6))
    labels = random.integers(0, 2, 60)
    decisions = np.where(group % 2 == 0, labels, 1 - labels)
    sample = ScoredFilms.sort(labels, random.random(60), decisions)
    draws = Draws.plan(sample, [str(number) for number in group], resamples=200)
    drawn = draws.values(lambda weights: computed(sample, weights, ["accuracy"]))["accuracy"]
    np.testing.assert_allclose(drawn * 10, np.round(drawn * 10), atol=1e-9)
    assert drawn.std() == pytest.approx(np.sqrt(0.25 / 10), rel=0.15)


def test_the_same_seed_gives_the_same_interval_whatever_the_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    sample = films(3, 120)
    first = bootstrap_intervals(sample, None, resamples=150, seed=4)
    assert bootstrap_intervals(sample, None, resamples=150, seed=4) == first
    assert bootstrap_intervals(sample, None, resamples=150, seed=5) != first
    monkeypatch.setattr("lucency.evaluation.intervals._CELLS", 120 * 7)
    in_small_chunks = bootstrap_intervals(sample, None, resamples=150, seed=4)
    for name in METRICS:
        assert in_small_chunks[name].low == pytest.approx(first[name].low), name


def test_undefined_resamples_are_dropped_and_counted() -> None:
    # One fracture among 20: it is missed by (19/20)^20 = 36 % of the resamples.
    labels = np.r_[1, np.zeros(19)]
    sample = ScoredFilms.sort(labels, np.r_[0.7, np.linspace(0.1, 0.9, 19)], labels)
    values = Draws.plan(sample, None).values(lambda weights: computed(sample, weights, ["auroc", "sensitivity"]))
    found = {name: percentile_interval(drawn, 0.95) for name, drawn in values.items()}
    assert found["auroc"].dropped == pytest.approx(358, abs=50)
    # An AUROC whose one fracture never changes has an interval that says nothing of other fractures.
    assert found["auroc"].low is None
    assert "undefined in" in str(found["auroc"].reason)
    assert found["sensitivity"].low is None
    assert "undefined in" in str(found["sensitivity"].reason)


def test_a_few_undefined_resamples_are_left_out() -> None:
    # Of 40 films four are called fractured: none of them is drawn in (36/40)^40 = 1.5 % of the resamples.
    labels, decisions = np.arange(40) % 2, np.arange(40) < 4
    sample = ScoredFilms.sort(labels, np.random.default_rng(0).random(40), decisions)
    found = bootstrap_intervals(sample, None, names=["ppv"], resamples=2000)["ppv"]
    assert found.low is not None
    assert found.dropped == pytest.approx(30, abs=17)


def test_values_without_bound_count_as_the_highest() -> None:
    values = np.r_[np.arange(1, 99.0), np.inf, np.inf].repeat(10)
    found = percentile_interval(values, 0.95)
    assert (found.low, found.high) == (pytest.approx(3, abs=1), pytest.approx(98, abs=1))
    endless = percentile_interval(np.r_[np.arange(900.0), np.full(100, np.inf)], 0.95)
    assert endless.low is None
    assert endless.reason == "it is without bound in 100 of 1000 resamples: there are too few films"


def test_all_right_is_no_certainty() -> None:
    sample = ScoredFilms.sort(np.ones(20), np.linspace(0, 1, 20), np.ones(20))
    found = bootstrap_intervals(sample, None, names=["sensitivity"], resamples=100)["sensitivity"]
    assert "same value" in str(found.reason)


def test_too_few_defined_resamples_give_no_interval() -> None:
    # Correlation needs the one film called fractured: 1/e = 37 % of the resamples lack it.
    labels, decisions = np.arange(30) % 2, np.eye(30)[8]
    sample = ScoredFilms.sort(labels, np.linspace(0, 1, 30), decisions)
    found = bootstrap_intervals(sample, None, names=["mcc"], resamples=1000)["mcc"]
    assert found.low is None
    assert found.dropped == pytest.approx(362, abs=60)
    assert found.reason is not None
    assert "too few films" in found.reason


@pytest.mark.parametrize(
    ("groups", "resamples", "reason"),
    [
        (["a"] * 30, 100, "one group"),
        (list("abcdefghi") + ["i"] * 21, 100, "only 9 groups of films, and an interval needs 10"),
        (None, 0, "no resamples"),
    ],
)
def test_reasons_for_no_interval(groups: list[str] | None, resamples: int, reason: str) -> None:
    found = bootstrap_intervals(films(5, 30), groups, names=["accuracy", "ece"], resamples=resamples)
    assert found["accuracy"].low is None
    assert found["accuracy"].reason is not None
    assert reason in found["accuracy"].reason
    assert found["ece"].reason is not None


@pytest.mark.parametrize(("fractured_groups", "word"), [(4, "groups hold"), (1, "group holds")])
def test_ten_groups_of_every_class_that_a_figure_needs(fractured_groups: int, word: str) -> None:
    random = np.random.default_rng(2)
    patient = np.arange(120) // 3
    labels = patient < fractured_groups
    scores = random.random(120)
    sample = ScoredFilms.sort(labels, scores, scores > 0.5)
    found = bootstrap_intervals(sample, [f"p{number}" for number in patient], resamples=200)
    given = {name for name, interval in found.items() if interval.low is not None}
    assert given == {"accuracy", "specificity", "loss", "brier"}
    for name in ("auroc", "sensitivity", "ppv", "npv", "f1", "calibration_slope"):
        assert found[name].reason == f"only {fractured_groups} {word} a fractured film, and an interval needs 10"
    swapped = ScoredFilms.sort(~labels, scores, scores > 0.5)
    found = bootstrap_intervals(swapped, [f"p{number}" for number in patient], resamples=200)
    assert found["sensitivity"].low is not None
    assert found["specificity"].reason == (
        f"only {fractured_groups} {word} a film without fracture, and an interval needs 10"
    )


def test_ten_groups_of_a_class_are_enough() -> None:
    patient = np.arange(120) // 3
    scores = np.random.default_rng(2).random(120)
    sample = ScoredFilms.sort(patient < 10, scores, scores > 0.5)
    found = bootstrap_intervals(sample, [f"p{number}" for number in patient], names=["auroc"], resamples=200)
    assert found["auroc"].low is not None


def test_one_class_has_no_auroc_interval_but_a_specificity_interval() -> None:
    sample = ScoredFilms.sort(np.zeros(50), np.linspace(0, 1, 50), np.linspace(0, 1, 50) > 0.7)
    found = bootstrap_intervals(sample, None, names=["auroc", "specificity"], resamples=200)
    assert found["auroc"].reason == "it needs films of both classes"
    assert found["specificity"].low is not None


def test_films_without_group_stand_alone() -> None:
    numbers, count = group_numbers(["a", "", "a", "", "film 1"], 5)
    assert numbers.tolist() == [0, 1, 0, 2, 3]
    assert count == 4
    assert group_numbers(None, 3)[1] == 3


def test_wrong_number_of_groups_is_refused() -> None:
    with pytest.raises(DatasetError, match="2 groups were given for 30 films"):
        bootstrap_intervals(films(5, 30), ["a", "b"])
