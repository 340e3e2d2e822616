"""Net benefit against what the R package of the method's authors gives, and its section."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import confusion_matrix

from lucency.evaluation.decision_curve import THRESHOLDS, curve_values, decision_curve_section, net_benefit
from lucency.evaluation.intervals import Draws
from lucency.evaluation.scores import ScoredFilms

# Of 750 patients with 105 cancers, the model on age alone: finds and false alarms at some thresholds, and the net
# benefit of the model and of treating all, as R's dcurves gives them. From tests/benchmark_data/
# r_simple_binary_dca_result_df.csv of https://github.com/MSKCC-Epi-Bio/dcurves (rates times 750).
DCURVES = (
    (0.05, 98, 454, 0.09880701754385966, 0.09473684210526317),
    (0.10, 84, 289, 0.0691851851851852, 0.04444444444444445),
    (0.15, 69, 175, 0.05082352941176472, -0.011764705882352927),
    (0.20, 59, 110, 0.04200000000000001, -0.07499999999999998),
    (0.30, 35, 46, 0.02038095238095238, -0.2285714285714286),
    (0.40, 21, 23, 0.007555555555555558, -0.43333333333333335),
    (0.50, 14, 7, 0.009333333333333336, -0.72),
)


def patients() -> ScoredFilms:
    """Films with these finds and false alarms: between two thresholds lie as many as the counts differ by."""
    labels, probabilities = [], []
    above = (0, 0)
    for threshold, finds, alarms, *_ in reversed(DCURVES):
        labels += [1] * (finds - above[0]) + [0] * (alarms - above[1])
        # At the threshold itself, where "at or above" decides.
        probabilities += [threshold] * (finds + alarms - sum(above))
        above = finds, alarms
    labels += [1] * (105 - above[0]) + [0] * (645 - above[1])
    return ScoredFilms.sort(labels, np.array(probabilities + [0.001] * (750 - sum(above))), np.zeros(750))


def test_net_benefit_is_that_of_the_authors() -> None:
    films, cuts = patients(), [row[0] for row in DCURVES]
    assert net_benefit(films, np.ones((1, 750)), cuts)[0] == pytest.approx([row[3] for row in DCURVES], abs=1e-12)
    section = decision_curve_section(films, Draws.plan(films, None), None, threshold=0.1, name="youden")
    places = [THRESHOLDS.index(cut) for cut in cuts]
    assert [section["model"][place] for place in places] == pytest.approx([row[3] for row in DCURVES], abs=1e-12)
    assert [section["treat_all"][place] for place in places] == pytest.approx([row[4] for row in DCURVES], abs=1e-12)


def test_weights_are_copies_of_films() -> None:
    random = np.random.default_rng(0)
    labels, probabilities = random.integers(0, 2, 60), np.round(random.random(60), 2)
    films = ScoredFilms.sort(labels, probabilities, labels)
    weights = random.integers(0, 3, (4, 60)).astype(float)
    ours = net_benefit(films, weights, THRESHOLDS)
    for row, benefit in zip(weights, ours, strict=True):
        y, p = (np.repeat(values, row.astype(int)) for values in (films.labels, films.probabilities))
        for place in (0, 9, 49, 98):
            cut = THRESHOLDS[place]
            (_, fp), (_, tp) = confusion_matrix(y, p >= cut, labels=[0, 1])
            assert benefit[place] == pytest.approx((tp - fp * cut / (1 - cut)) / row.sum())


def made(labels: np.ndarray, probabilities: np.ndarray, groups: list[str] | None, threshold: float = 0.3) -> dict:
    films = ScoredFilms.sort(labels, probabilities, probabilities >= threshold)
    draws = Draws.plan(films, groups, resamples=300)
    values = draws.values(lambda weights: {"": curve_values(films, weights, threshold)}).get("")
    return decision_curve_section(films, draws, values, threshold=threshold, name="youden")


def scores(seed: int = 0, films: int = 200) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    labels = (np.arange(films) % 4 == 0).astype(int)
    return labels, 1 / (1 + np.exp(-(random.normal(size=films) + 2 * labels - 1.8)))


def test_the_section_and_its_words() -> None:
    section = made(*scores(), None)
    assert len(section["thresholds"]) == len(section["model"]) == len(section["low"]) == 99
    for low, value, high in zip(section["low"], section["model"], section["high"], strict=True):
        assert low - 0.02 <= value <= high + 0.02
    used = section["operating_point"]
    assert used["model"]["value"] == pytest.approx(section["model"][29])
    ends = pytest.approx((section["low"][29], section["high"][29]))
    assert (used["model"]["low"], used["model"]["high"]) == ends
    finds = used["finds_per_100"]
    assert finds["value"] == pytest.approx(100 * used["model"]["value"])
    assert 0 < finds["low"] < finds["value"] < finds["high"]
    # In some resamples calling all is the better of the two.
    assert finds["low"] <= 100 * used["model"]["low"]
    assert section["sentence"] == (
        f"At a threshold of 0.30 a hundred films bring {finds['value']:.1f} more finds than calling none, false alarms "
        f"set off (95 % interval of the difference {finds['low']:.1f} to {finds['high']:.1f})."
    )
    low, high = section["shown"]
    assert 0 < low < 0.25 < high <= 0.99


def test_a_threshold_that_calls_everything_is_worth_as_much_as_calling_everything() -> None:
    section = made(*scores(), None, threshold=1e-9)
    assert "as many finds as calling every film fractured" in section["sentence"]


def test_a_model_that_guesses_is_worth_less_than_calling_none() -> None:
    labels, probabilities = scores()
    assert "fewer finds than calling none" in made(labels, probabilities[::-1], None, threshold=0.4)["sentence"]


def test_a_gain_that_may_be_none_is_not_claimed() -> None:
    random = np.random.default_rng(3)
    labels = (np.arange(60) % 4 == 0).astype(int)
    probabilities = 1 / (1 + np.exp(-(random.normal(size=60) + 0.7 * labels - 1)))
    section = made(labels, probabilities, None, threshold=0.4)
    finds = section["operating_point"]["finds_per_100"]
    assert finds["low"] < 0 < finds["high"]
    assert section["sentence"].startswith("At a threshold of 0.40 the decisions cannot be told from calling none: ")
    without = made(*scores(), ["p"] * 200)["sentence"]
    assert "cannot be told from calling none" in without
    assert without.endswith("since all films are of one group, so an interval cannot be estimated.")


def test_the_operating_point_is_that_of_the_decisions() -> None:
    # Two models with thresholds of their own: at the mean of them other films would be called.
    labels, probabilities = scores()
    thresholds = np.where(np.arange(200) < 100, 0.2, 0.4)
    films = ScoredFilms.sort(labels, probabilities, called := probabilities >= thresholds)
    section = decision_curve_section(films, Draws.plan(films, None), None, threshold=0.3, name="youden")
    alarms = (called & (labels == 0)).mean() * 0.3 / 0.7
    expected = (called & (labels == 1)).mean() - alarms
    assert section["operating_point"]["model"]["value"] == pytest.approx(expected)
    assert section["operating_point"]["model"]["value"] != pytest.approx(section["model"][29])


def test_few_fractured_groups_have_no_band() -> None:
    labels, probabilities = scores()
    groups = [f"p{place % 8}" if label else f"n{place}" for place, label in enumerate(labels)]
    section = made(labels, probabilities, groups)
    held = len({name for name in groups if name.startswith("p")})
    assert section["band_reason"] == f"only {held} groups hold a fractured film, and an interval needs 10"
    assert section["low"] == []


@pytest.mark.parametrize("label", [0, 1])
def test_one_class_has_no_curve(label: int) -> None:
    section = made(np.full(40, label), np.linspace(0, 1, 40), None)
    assert section == {"reason": "a decision curve needs films of both classes", "thresholds": []}


def test_one_group_has_a_curve_without_band() -> None:
    section = made(*scores(), ["p"] * 200)
    assert (section["low"], section["high"]) == ([], [])
    assert "one group" in section["band_reason"]
    assert section["operating_point"]["model"]["low"] is None
