"""External validation: what has shifted, what has not, and what cannot be told."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from scipy.stats import ks_2samp, norm
from sklearn.metrics import roc_auc_score

from lucency.evaluation.curves import score_histogram
from lucency.evaluation.figures import metric_figures
from lucency.evaluation.intervals import Draws
from lucency.evaluation.score_shift import score_shift
from lucency.evaluation.scores import ScoredFilms
from lucency.evaluation.shift import SHOWN, difference, measure_shift
from lucency.evaluation.shift_words import limits_sentences
from lucency.evaluation.subgroups import measure_subgroups


def drawn(seed: int, films: int, *, distance: float, share: float, extra: float = 0.0) -> tuple[Any, Any]:
    """Films with exact probabilities, if `extra` is 0: by Bayes' rule of two normal distributions."""
    random = np.random.default_rng(seed)
    labels = (random.random(films) < share).astype(int)
    scores = random.normal(size=films) + distance * (labels - 0.5)
    log_odds = distance * scores + np.log(share / (1 - share)) + extra
    return labels, 1 / (1 + np.exp(-log_odds))


def figures(labels: Any, probabilities: Any) -> dict[str, Any]:
    """All metrics with intervals, as a report holds them."""
    traits = {"all": ["one"] * len(labels)}
    result = measure_subgroups(labels, probabilities, probabilities >= 0.5, None, traits, resamples=200)
    metrics: dict[str, Any] = result["traits"][0]["rows"][0]["metrics"]
    return metrics


def card(labels: Any, probabilities: Any) -> dict[str, Any]:
    metrics = {"split": "test", "films": len(labels), "fractured": int(labels.sum())}
    films = ScoredFilms.sort(labels, probabilities, probabilities >= 0.5)
    return {
        "metrics": {**metrics, "figures": figures(labels, probabilities)},
        "scores": {"split": "val", **score_histogram(films)},
    }


@pytest.fixture(scope="module")
def home() -> dict[str, Any]:
    return card(*drawn(0, 800, distance=2.4, share=0.2))


def shifted(home: dict[str, Any], labels: Any, probabilities: Any, groups: Any = None) -> dict[str, Any]:
    found = measure_shift(home, labels, probabilities, groups, figures(labels, probabilities), resamples=300)
    # Plain values only, and no NaN.
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    return found


def test_a_fall_is_told(home: dict[str, Any]) -> None:
    labels, probabilities = drawn(1, 500, distance=1.0, share=0.2)
    found = shifted(home, labels, probabilities)
    row = found["differences"][0]
    before = home["metrics"]["figures"]["auroc"]["value"]
    assert row["name"] == "auroc"
    assert row["difference"]["value"] == pytest.approx(roc_auc_score(labels, probabilities) - before)
    assert row["worse"] is True
    assert row["overlap"] is False
    assert found["sentences"][0].startswith("AUROC is lower: 0.")
    assert "the two intervals do not overlap" in found["sentences"][0]
    assert [one["name"] for one in found["differences"]] == list(SHOWN)


def test_films_of_the_same_kind_have_not_shifted(home: dict[str, Any]) -> None:
    found = shifted(home, *drawn(12, 800, distance=2.4, share=0.2))
    assert found["sentences"][0].startswith("No change of AUROC can be told")
    assert "cannot be ruled out" in found["sentences"][0]
    assert "no difference can be told" in found["sentences"][1]
    assert not any(row["worse"] for row in found["differences"])
    assert all(row["p"] > 0.05 and row["psi"] < row["psi_by_chance"] for row in found["scores"].values())
    assert "recalibrate" not in " ".join(found["sentences"])
    assert found["reference"] == {"split": "test", "scores_split": "val", "films": 800, "fractured": 158}


def test_a_fall_is_not_told_from_noise_more_often_than_it_says() -> None:
    told = 0
    for seed in range(200):
        found = []
        for part in range(2):
            labels, probabilities = drawn(1000 + 2 * seed + part, 300, distance=2.0, share=0.3)
            films = ScoredFilms.sort(labels, probabilities, probabilities >= 0.5)
            # Films that stand alone need no resamples for their AUROC.
            found.append(metric_figures(films, Draws.plan(films, None), ["auroc"], {})["auroc"])
        told += difference(*found)[0]["p"] < 0.05
    assert 0.01 <= told / 200 <= 0.095


def test_probabilities_that_are_too_high_are_called_so(home: dict[str, Any]) -> None:
    labels, probabilities = drawn(3, 600, distance=2.4, share=0.2, extra=1.5)
    found = shifted(home, labels, probabilities)
    excess = found["calibration"]["excess"]
    assert excess["value"] == pytest.approx(float(np.mean(probabilities) - np.mean(labels)))
    assert excess["low"] > 0
    said = " ".join(found["sentences"])
    assert f"Probabilities are too high here by {excess['value']:.2f}" in said
    assert "lucency recalibrate BUNDLE FILMS" in said
    assert next(row for row in found["differences"] if row["name"] == "calibration_intercept")["worse"] is True


def test_probabilities_that_are_too_sure_are_called_so(home: dict[str, Any]) -> None:
    labels, probabilities = drawn(4, 600, distance=2.4, share=0.5)
    log_odds = 3 * np.log(probabilities / (1 - probabilities))
    said = " ".join(shifted(home, labels, 1 / (1 + np.exp(-log_odds)))["sentences"])
    assert "They are too sure of themselves: calibration slope 0.3" in said


def test_more_fractures_are_told(home: dict[str, Any]) -> None:
    found = shifted(home, *drawn(5, 600, distance=2.4, share=0.5))
    assert found["prevalence"]["difference"]["p"] < 0.001
    assert found["prevalence"]["overlap"] is False
    assert "predictive values change with that" in found["sentences"][1]


def test_what_the_card_does_not_know_is_unknown() -> None:
    labels, probabilities = drawn(6, 200, distance=2.4, share=0.3)
    found = shifted({"metrics": {}, "scores": {}}, labels, probabilities)
    said = " ".join(found["sentences"])
    assert "what it was on the films of the bundle is unknown" in said
    assert "how many were where the bundle was measured is unknown" in said
    assert "the bundle keeps no scores to compare with" in said
    assert found["reference_histogram"] is None
    assert all(row["difference"]["reason"] == "it is unknown in the bundle's card" for row in found["differences"])
    assert any("No groups" in note for note in found["notes"])


def test_few_films_tell_nothing(home: dict[str, Any]) -> None:
    labels = np.array([1, 1, 0, 0, 0, 0, 0, 0])
    found = shifted(home, labels, np.linspace(0.9, 0.1, 8))
    said = " ".join(found["sentences"])
    assert "Whether that is more than chance cannot be said" in said
    assert "Whether the scores have moved cannot be said" in said or "there are 2 independent films here" in said
    assert "recalibrate" not in said
    assert found["notes"][0].startswith("Only 2 of 8 films are fractured")


def test_one_class_has_no_auroc(home: dict[str, Any]) -> None:
    found = shifted(home, np.zeros(40, dtype=int), np.linspace(0.01, 0.3, 40))
    assert found["sentences"][0].startswith("AUROC cannot be computed here: all of them are without fracture")


def test_an_optimistic_reference_is_said(home: dict[str, Any]) -> None:
    reference = {**home, "metrics": {**home["metrics"], "optimistic_reason": "The films chose the thresholds."}}
    notes = shifted(reference, *drawn(7, 100, distance=2.4, share=0.3))["notes"]
    assert "optimistic, so a fall may be no fall: The films chose the thresholds." in notes[0]


def test_difference_of_two_proportions() -> None:
    # The usual z-test of 60 of 100 against 45 of 100, unpooled: error sqrt((0.24 + 0.2475) / 100), z = 2.1483.
    def share(value: float) -> dict[str, Any]:
        reach = float(norm.ppf(0.975)) * (value * (1 - value) / 100) ** 0.5
        return {"value": value, "low": value - reach, "high": value + reach, "reason": None}

    found, overlap = difference(share(0.6), share(0.45))
    assert found["p"] == pytest.approx(0.0317, abs=1e-4)
    assert (found["low"], found["high"]) == pytest.approx((0.0131, 0.2869), abs=1e-4)
    # Intervals that overlap may still belong to a difference that is told (Schenker and Gentleman 2001).
    assert overlap is True


def test_ks_is_that_of_scipy_on_the_bins() -> None:
    random = np.random.default_rng(8)
    edges = np.linspace(0, 1, 21)
    here, there = random.beta(2, 3, 300), random.beta(2, 4, 500)
    counts = [np.histogram(values, edges)[0] for values in (here, there)]
    found = score_shift(
        {"fractured": counts[0].tolist(), "not_fractured": counts[0].tolist()},
        {"edges": edges.tolist(), "fractured": counts[1].tolist(), "not_fractured": counts[1].tolist()},
        {"fractured": 300, "not_fractured": 150},
    )
    middles = (edges[:-1] + edges[1:]) / 2
    theirs = ks_2samp(middles.repeat(counts[0]), middles.repeat(counts[1]), method="asymp")
    assert found["fractured"]["ks"] == pytest.approx(theirs.statistic)
    assert found["fractured"]["p"] == pytest.approx(theirs.pvalue)
    assert found["fractured"]["moved"] == pytest.approx(here.mean() - there.mean(), abs=0.01)
    # Films of one patient count once.
    assert found["not_fractured"]["p"] > found["fractured"]["p"]


def test_the_stability_index_stays_below_its_chance_value_as_often_as_it_says() -> None:
    random = np.random.default_rng(9)
    edges = np.linspace(0, 1, 21)
    below = 0
    for _ in range(200):
        kept, new = (np.histogram(random.random(count), edges)[0].tolist() for count in (2000, 1000))
        row = score_shift(
            {"fractured": new, "not_fractured": new},
            {"edges": edges.tolist(), "fractured": kept, "not_fractured": kept},
            {"fractured": 1000, "not_fractured": 1000},
        )["fractured"]
        below += row["psi"] < row["psi_by_chance"]
    assert 0.90 <= below / 200 <= 0.99


def test_the_stability_index_of_a_worked_example() -> None:
    # Shares 0.3/0.7 against 0.5/0.5 of very many films: 0.2 log(5/3) + 0.2 log(7/5) = 0.16946.
    edges = [0.0, 0.5, 1.0]
    row = score_shift(
        {"fractured": [300_000, 700_000], "not_fractured": [1, 0]},
        {"edges": edges, "fractured": [500_000, 500_000], "not_fractured": [1, 0]},
        {"fractured": 1_000_000, "not_fractured": 1},
    )["fractured"]
    assert row["psi"] == pytest.approx(0.16946, abs=1e-4)


def test_limits_of_the_reference_are_said() -> None:
    labels = np.arange(60) % 2
    share = {"value": 0.2, "low": 0.1, "high": 0.3}
    notes = limits_sentences(labels, {}, groups_known=True, reference_share=share, histogram_split="val")
    assert "counts each film as independent" in notes[0]
    assert "validation films, on which its epoch and its calibration were chosen" in notes[1]
    assert limits_sentences(labels, {}, groups_known=True, histogram_split="test") == []
