"""Bootstrap intervals: coverage by simulation, groups, and when there is none."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import bootstrap, norm

from lucency.errors import DatasetError
from lucency.evaluation.intervals import bootstrap_intervals, group_numbers
from lucency.evaluation.metrics import METRICS
from lucency.evaluation.scores import ScoredFilms


def films(seed: int, count: int, shift: float = 1.5) -> ScoredFilms:
    random = np.random.default_rng(seed)
    labels = np.arange(count) < count // 5
    scores = norm.cdf((random.normal(size=count) + shift * labels) / 2)
    return ScoredFilms.sort(labels, scores, scores >= norm.cdf(0.5))


def test_coverage_is_near_95_percent() -> None:
    # Normal scores 1.5 apart: AUROC is Phi(1.5 / sqrt 2), sensitivity at a threshold of 1.0 is Phi(0.5).
    truth = {"auroc": norm.cdf(1.5 / np.sqrt(2)), "sensitivity": norm.cdf(0.5)}
    hits = dict.fromkeys(truth, 0)
    for seed in range(200):
        for name, found in bootstrap_intervals(films(seed, 300), None, names=truth, resamples=300, seed=seed).items():
            assert found.low is not None
            assert found.high is not None
            hits[name] += found.low <= truth[name] <= found.high
    # The standard error of 200 simulations is 1.5 points; the method runs a little low on 60 fractures.
    assert 0.90 <= hits["auroc"] / 200 <= 0.985
    assert 0.90 <= hits["sensitivity"] / 200 <= 0.985


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
    # Two groups: one all right, one all wrong. Whole groups drawn give accuracies of 0, 0.5 and 1 only.
    labels = np.array([0, 1, 0, 1, 0, 1])
    decisions = np.array([0, 1, 1, 0, 0, 0])
    sample = ScoredFilms.sort(labels, [0.1, 0.9, 0.8, 0.2, 0.3, 0.4], decisions)
    groups = ["right", "right", "wrong", "wrong", "right", "wrong"]
    found = bootstrap_intervals(sample, groups, names=["accuracy"], resamples=200)["accuracy"]
    assert (found.low, found.high) == (0.0, 1.0)


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
    found = bootstrap_intervals(sample, None, names=["auroc", "sensitivity"], resamples=1000)
    assert found["auroc"].low is not None
    assert found["auroc"].dropped == pytest.approx(358, abs=50)
    assert found["sensitivity"].low is None
    assert found["sensitivity"].reason is not None
    assert "same value" in found["sensitivity"].reason


def test_too_few_defined_resamples_give_no_interval() -> None:
    # Correlation needs the one fracture and the one film called so: 1 - (1 - 1/e) ** 2 = 60 % lack one.
    labels, decisions = np.eye(30)[3], np.eye(30)[8]
    sample = ScoredFilms.sort(labels, np.linspace(0, 1, 30), decisions)
    found = bootstrap_intervals(sample, None, names=["mcc"], resamples=1000)["mcc"]
    assert found.low is None
    assert found.dropped == pytest.approx(600, abs=60)
    assert found.reason is not None
    assert "too few films" in found.reason


@pytest.mark.parametrize(
    ("groups", "resamples", "reason"),
    [(["a"] * 30, 100, "one group"), (None, 0, "no resamples")],
)
def test_reasons_for_no_interval(groups: list[str] | None, resamples: int, reason: str) -> None:
    found = bootstrap_intervals(films(5, 30), groups, names=["accuracy", "ece"], resamples=resamples)
    assert found["accuracy"].low is None
    assert found["accuracy"].reason is not None
    assert reason in found["accuracy"].reason
    assert found["ece"].reason is not None


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
