"""Subgroups: what is measured, when a worst one is named, and when nothing can be said."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from scipy.stats import hypergeom, norm
from sklearn.metrics import recall_score, roc_auc_score
from statsmodels.stats.multitest import multipletests

from lucency.errors import DatasetError
from lucency.evaluation import subgroup_tests, subgroups
from lucency.evaluation.areas_of_parts import AreasOfDeals
from lucency.evaluation.metrics import METRICS, measure
from lucency.evaluation.subgroup_tests import Candidate, against_rest
from lucency.evaluation.subgroups import measure_subgroups


def apart(auroc: float) -> float:
    """How far apart two normal distributions of width 1 lie for an AUROC."""
    return float(np.sqrt(2) * norm.ppf(auroc))


def drawn(seed: int, films: int, aurocs: dict[str, float], share: float = 0.3) -> tuple[Any, Any, list[str]]:
    random = np.random.default_rng(seed)
    kinds = random.choice(list(aurocs), films)
    labels = (random.random(films) < share).astype(int)
    distance = np.array([apart(aurocs[kind]) for kind in kinds])
    return labels, norm.cdf((random.normal(size=films) + distance * (labels - 0.5)) / 2), kinds.tolist()


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the metrics that subgroups are compared by."""
    monkeypatch.setattr(subgroups, "METRICS", {name: METRICS[name] for name in ("auroc", "sensitivity", "specificity")})
    monkeypatch.setattr(subgroups, "ece_floor", lambda *_, **__: 0.0)


@pytest.fixture(scope="module")
def found() -> dict[str, Any]:
    """300 films, a third of them of a body part that the model answers far worse."""
    labels, probabilities, parts = drawn(0, 300, {"hand": 0.95, "leg": 0.95, "hip": 0.7})
    views = ["frontal"] * 280 + ["lateral"] * 12 + [""] * 8
    traits = {"body_part": parts, "view": views, "hardware": ["with metal" if one else "" for one in labels]}
    return measure_subgroups(labels, probabilities, probabilities >= 0.5, None, traits, resamples=200)


def row_of(found: dict[str, Any], trait: str, value: str) -> dict[str, Any]:
    rows = next(one for one in found["traits"] if one["name"] == trait)["rows"]
    chosen: dict[str, Any] = next(row for row in rows if row["value"] == value)
    return chosen


def test_figures_are_those_of_scikit_learn(found: dict[str, Any]) -> None:
    labels, probabilities, parts = drawn(0, 300, {"hand": 0.95, "leg": 0.95, "hip": 0.7})
    row = row_of(found, "body_part", "hip")
    inside = np.array(parts) == "hip"
    assert row["metrics"]["auroc"]["value"] == pytest.approx(roc_auc_score(labels[inside], probabilities[inside]))
    called = probabilities[inside] >= 0.5
    assert row["metrics"]["sensitivity"]["value"] == pytest.approx(recall_score(labels[inside], called))
    assert row["difference"]["rest"] == pytest.approx(roc_auc_score(labels[~inside], probabilities[~inside]))
    assert (row["films"], row["fractured"], row["groups"]) == (inside.sum(), labels[inside].sum(), inside.sum())
    assert list(row["metrics"]) == list(METRICS)
    assert row["metrics"]["auroc"]["low"] < row["metrics"]["auroc"]["value"] < row["metrics"]["auroc"]["high"]


def test_a_real_difference_is_named(found: dict[str, Any]) -> None:
    assert found["worst"]["auroc"] == {"trait": "body_part", "value": "hip"}
    assert found["sentences"][0].startswith("Worst subgroup: hip (body part) has a lower AUROC, 0.")
    assert "Body part: " in found["traits"][0]["sentence"]
    assert "hip has a lower AUROC" in found["traits"][0]["sentence"]


def test_everything_is_plain_json(found: dict[str, Any]) -> None:
    assert json.loads(json.dumps(found, allow_nan=False)) == found


def test_few_films_say_nothing(found: dict[str, Any]) -> None:
    row = row_of(found, "view", "lateral")
    assert row["too_wide"] is True
    assert row["difference"] is None
    assert row["sentence"].startswith("Nothing can be said of ")
    assert "10 of a class are the least" in row["sentence"]


def test_unknown_is_counted_comes_last_and_is_no_kind(found: dict[str, Any]) -> None:
    view = found["traits"][1]
    assert [row["value"] for row in view["rows"]] == ["frontal", "lateral", "unknown"]
    assert view["rows"][-1]["films"] == 8
    assert view["rows"][-1]["difference"] is None
    assert "It is not known of 8 of 300 films." in view["sentence"]


def test_films_of_one_class_get_no_figure_of_both(found: dict[str, Any]) -> None:
    metrics = row_of(found, "hardware", "with metal")["metrics"]
    assert metrics["sensitivity"]["value"] is not None
    # All of them are fractured, so that every call of a fracture is right: a PPV of 1 would praise nobody.
    for name in ("auroc", "ppv", "accuracy", "specificity"):
        assert metrics[name]["value"] is None
        assert metrics[name]["reason"] == "all of them are fractured"


@pytest.mark.usefixtures("quick")
def test_noise_crowns_no_worst_subgroup() -> None:
    named = lowest = 0
    for seed in range(30):
        labels, probabilities, parts = drawn(seed, 300, dict.fromkeys("abcdef", 0.93), share=0.4)
        views = np.random.default_rng(seed + 1000).choice(["frontal", "lateral", "oblique"], 300).tolist()
        traits = {"body_part": parts, "view": views}
        result = measure_subgroups(labels, probabilities, probabilities >= 0.5, None, traits, resamples=200, seed=seed)
        named += result["worst"]["auroc"] is not None
        rows = [row for trait in result["traits"] for row in trait["rows"] if row["difference"]]
        ends = [(row["metrics"]["auroc"]["high"], row["difference"]["rest"]) for row in rows]
        lowest += any(high is not None and high < rest for high, rest in ends)
        if result["worst"]["auroc"] is None:
            assert result["sentences"][0].startswith("No worst subgroup ")
    # Of 30 draws at 5 %, five or more come up in two of a hundred runs.
    assert named <= 4
    # The temptation is real: intervals that miss the rest are far more frequent.
    assert lowest >= 6


@pytest.mark.usefixtures("quick")
def test_a_real_difference_is_named_again_and_again() -> None:
    hits = 0
    for seed in range(6):
        labels, probabilities, parts = drawn(seed, 300, {"hand": 0.95, "leg": 0.95, "hip": 0.7}, share=0.4)
        result = measure_subgroups(
            labels, probabilities, probabilities >= 0.5, None, {"body_part": parts}, resamples=200, seed=seed
        )
        hits += result["worst"]["auroc"] == {"trait": "body_part", "value": "hip"}
    assert hits >= 5


@pytest.mark.usefixtures("quick")
def test_boxes_concern_fractured_films_only() -> None:
    random = np.random.default_rng(3)
    labels = np.repeat([1, 0], [160, 240])
    small = np.arange(160) % 2 == 0
    probabilities = np.r_[np.where(small, random.uniform(0, 0.7, 160), random.uniform(0.4, 1, 160)), np.zeros(240)]
    sizes = ["small" if one else "large" for one in small] + ["small"] * 240
    result = measure_subgroups(
        labels,
        probabilities,
        probabilities >= 0.5,
        None,
        {"box_size": sizes},
        orders={"box_size": ["small", "large"]},
        fractured_only=["box_size"],
        resamples=200,
    )
    trait = result["traits"][0]
    assert [(row["value"], row["films"], row["fractured"]) for row in trait["rows"]] == [
        ("small", 80, 80),
        ("large", 80, 80),
    ]
    assert trait["compared_by"] == "sensitivity"
    assert result["worst"] == {"auroc": None, "sensitivity": {"trait": "box_size", "value": "small"}}
    # Small against large, and large against small, are one comparison.
    assert result["comparisons"] == 1


@pytest.mark.usefixtures("quick")
def test_rare_values_are_one_row() -> None:
    labels, probabilities, _ = drawn(0, 200, {"a": 0.9})
    values = [f"part {place % 20:02}" for place in range(200)]
    rows = measure_subgroups(labels, probabilities, probabilities >= 0.5, None, {"body_part": values}, resamples=20)[
        "traits"
    ][0]["rows"]
    assert len(rows) == subgroups.MOST_VALUES
    assert rows[-1]["value"] == "9 other values"
    assert sum(row["films"] for row in rows) == 200


@pytest.mark.usefixtures("quick")
def test_nothing_known_nothing_compared() -> None:
    labels, probabilities, _ = drawn(0, 60, {"a": 0.9})
    traits = {"view": [""] * 60, "body_part": ["hand"] * 60}
    result = measure_subgroups(labels, probabilities, probabilities >= 0.5, None, traits, resamples=50)
    assert [trait["sentence"] for trait in result["traits"]] == [
        "View: not known of any of the films.",
        "Body part: all films are of one value, hand, so there is nothing to compare.",
    ]
    assert result["sentences"] == ["No subgroup has enough films to be compared by AUROC."]


@pytest.mark.usefixtures("quick")
def test_films_of_one_patient_are_no_evidence() -> None:
    labels, probabilities, parts = drawn(0, 300, {"hand": 0.95, "leg": 0.95, "hip": 0.7})
    patients = [f"patient {place % 4}" for place in range(300)]
    result = measure_subgroups(
        labels, probabilities, probabilities >= 0.5, patients, {"body_part": parts}, resamples=50
    )
    assert result["worst"]["auroc"] is None
    assert result["sentences"][0].startswith("No subgroup can be compared by AUROC: there are only 4 groups")


def test_a_trait_needs_a_value_for_each_film() -> None:
    with pytest.raises(DatasetError, match="the trait view has 1 values for 20 films"):
        measure_subgroups([0, 1] * 10, [0.5] * 20, [True] * 20, None, {"view": ["frontal"]})


def test_all_of_a_few_is_not_taken_for_certainty() -> None:
    # All of 25 found against 68 of 80: a bootstrap sees no spread in the 25, and so a difference beyond doubt.
    found = np.r_[np.ones(25), np.ones(68), np.zeros(12)]
    inside = np.arange(105) < 25
    candidate = Candidate("sensitivity", inside, ~inside)
    labels = np.ones(105, dtype=np.int64)
    ((ours,), _) = against_rest(labels, found * 0.8 + 0.1, found == 1, None, [candidate], resamples=500)
    assert ours.value == pytest.approx(1 - 68 / 80)
    # Fisher's exact probability that the 12 missed all fall outside, twice for both sides.
    assert ours.p is not None
    assert ours.p == pytest.approx(2 * hypergeom.pmf(0, 105, 12, 25), rel=0.25)
    assert float(ours.p) > 0.05


def test_holm_is_that_of_statsmodels() -> None:
    labels, probabilities, kinds = drawn(5, 400, {"a": 0.9, "b": 0.8, "c": 0.85}, share=0.5)
    every = np.array(kinds)
    candidates = [Candidate("auroc", every == kind, every != kind) for kind in "abc"]
    contrasts, comparisons = against_rest(labels, probabilities, probabilities >= 0.5, None, candidates, resamples=300)
    assert comparisons == 3
    expected = multipletests([one.p for one in contrasts], method="holm")[1]
    assert [one.p_adjusted for one in contrasts] == pytest.approx(list(expected))


def test_only_comparisons_with_a_p_value_are_counted() -> None:
    # Both sides fully apart: every resample gives the same difference, so that there is nothing to test.
    labels = np.tile([0, 1], 100)
    probabilities, inside = 0.1 + 0.8 * labels, np.arange(200) < 100
    candidates = [Candidate("auroc", inside, ~inside)]
    ((ours,), comparisons) = against_rest(labels, probabilities, labels == 1, None, candidates, resamples=50)
    assert ours.p is None
    assert comparisons == 0


@pytest.mark.parametrize("digits", [1, 12])
def test_sides_are_measured_as_if_each_stood_alone(digits: int) -> None:
    labels, probabilities, kinds = drawn(6, 200, {"a": 0.9, "b": 0.7, "c": 0.8})
    probabilities, every = probabilities.round(digits), np.array(kinds)
    among = np.arange(200) >= 20
    candidates = [Candidate("auroc", among & (every == kind), among & (every != kind)) for kind in "abc"]
    candidates.append(Candidate("auroc", candidates[0].outside, candidates[0].inside))
    weights = np.random.default_rng(0).integers(0, 3, (20, 200)).astype(np.float64)
    weights[0, labels == 1] = 0
    found = subgroup_tests._Sides(labels, probabilities, probabilities >= 0.5, candidates).values(weights)
    assert len(found) == 6
    for one in candidates:
        for mask in (one.inside, one.outside):
            given = labels[mask], probabilities[mask], probabilities[mask] >= 0.5
            expected = measure(*given, weights=weights[:, mask], names=["auroc"])["auroc"]
            assert found["auroc", mask.tobytes()] == pytest.approx(expected, abs=1e-12, nan_ok=True)


@pytest.mark.parametrize("digits", [1, 12])
def test_deals_are_measured_as_if_each_stood_alone(digits: int) -> None:
    labels, probabilities, _ = drawn(7, 60, {"a": 0.8})
    order = np.argsort(-probabilities.round(digits), kind="stable")
    labels, probabilities = labels[order], probabilities.round(digits)[order]
    dealt = np.random.default_rng(0).integers(0, 2, (20, 60)).astype(np.uint8)
    found = AreasOfDeals(labels, probabilities).difference(dealt[:, labels == 1], dealt[:, labels == 0])
    inside, outside = (
        measure(labels, probabilities, labels, weights=weights, names=["auroc"])["auroc"]
        for weights in (dealt, 1 - dealt)
    )
    assert found == pytest.approx(inside - outside, abs=1e-12)
