"""Metrics against scikit-learn and against examples worked by hand."""

from __future__ import annotations

import numpy as np
import pytest
import statsmodels.api as sm
from sklearn import metrics as sk

from lucency.errors import DatasetError
from lucency.evaluation.metrics import METRICS, ece_floor, measure
from lucency.evaluation.scores import ScoredFilms


def scored(seed: int, films: int = 200, *, tied: bool = False) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    labels = (random.random(films) < 0.3).astype(int)
    probabilities = 1 / (1 + np.exp(-(random.normal(size=films) + 1.5 * labels - 1)))
    if tied:
        probabilities = np.round(probabilities, 1)
    return labels, probabilities, probabilities >= 0.4


def regressed(y: np.ndarray, p: np.ndarray, w: np.ndarray, *, slope: bool) -> float:
    """Slope of the log-odds, or the intercept beside a slope of 1, by statsmodels."""
    log_odds = np.log(p / (1 - p))
    ones = np.ones_like(log_odds)
    design, offset = (np.stack([ones, log_odds], axis=1), None) if slope else (ones, log_odds)
    fitted = sm.GLM(y, design, family=sm.families.Binomial(), freq_weights=w, offset=offset).fit(tol=1e-13)
    return float(fitted.params[-1])


OUTSIDE = {
    "auroc": lambda y, p, d, w: sk.roc_auc_score(y, p, sample_weight=w),
    "average_precision": lambda y, p, d, w: sk.average_precision_score(y, p, sample_weight=w),
    "accuracy": lambda y, p, d, w: sk.accuracy_score(y, d, sample_weight=w),
    "balanced_accuracy": lambda y, p, d, w: sk.balanced_accuracy_score(y, d, sample_weight=w),
    "sensitivity": lambda y, p, d, w: sk.recall_score(y, d, sample_weight=w),
    "specificity": lambda y, p, d, w: sk.recall_score(y, d, pos_label=0, sample_weight=w),
    "ppv": lambda y, p, d, w: sk.precision_score(y, d, sample_weight=w),
    "npv": lambda y, p, d, w: sk.precision_score(y, d, pos_label=0, sample_weight=w),
    "f1": lambda y, p, d, w: sk.f1_score(y, d, sample_weight=w),
    "mcc": lambda y, p, d, w: sk.matthews_corrcoef(y, d, sample_weight=w),
    "loss": lambda y, p, d, w: sk.log_loss(y, p, sample_weight=w),
    "partial_auroc": lambda y, p, d, w: sk.roc_auc_score(y, p, sample_weight=w, max_fpr=0.2),
    "positive_likelihood_ratio": lambda y, p, d, w: sk.class_likelihood_ratios(y, d, sample_weight=w)[0],
    "negative_likelihood_ratio": lambda y, p, d, w: sk.class_likelihood_ratios(y, d, sample_weight=w)[1],
    "kappa": lambda y, p, d, w: sk.cohen_kappa_score(y, d, sample_weight=w),
    "calibration_slope": lambda y, p, d, w: regressed(y, p, w, slope=True),
    "calibration_intercept": lambda y, p, d, w: regressed(y, p, w, slope=False),
    "brier": lambda y, p, d, w: sk.brier_score_loss(y, p, sample_weight=w),
}


def test_every_metric_but_the_calibration_error_has_an_outside_value() -> None:
    assert set(OUTSIDE) == set(METRICS) - {"ece"}


@pytest.mark.parametrize("name", sorted(OUTSIDE))
@pytest.mark.parametrize("tied", [False, True])
def test_agrees_with_scikit_learn(name: str, tied: bool) -> None:
    labels, probabilities, decisions = scored(1, tied=tied)
    if tied:
        probabilities = np.clip(probabilities, 0.01, 0.99)
    weights = np.vstack([np.ones(200), np.random.default_rng(2).integers(0, 4, (3, 200))]).astype(float)
    ours = measure(labels, probabilities, decisions, weights=weights, names=[name])[name]
    theirs = [OUTSIDE[name](labels, probabilities, decisions, row) for row in weights]
    np.testing.assert_allclose(ours, theirs, rtol=1e-8 if name.startswith("calibration") else 1e-10)


@pytest.mark.parametrize("seed", range(20))
def test_partial_auroc_agrees_where_few_films_end_the_part(seed: int) -> None:
    # A dozen films: the part ends between two films, or inside a run of equal scores.
    random = np.random.default_rng(seed)
    labels = np.r_[1, 1, 0, 0, (random.random(8) < 0.5).astype(int)]
    probabilities = np.round(random.random(12), 1)
    ours = measure(labels, probabilities, labels, names=["partial_auroc"])["partial_auroc"][0]
    assert ours == pytest.approx(sk.roc_auc_score(labels, probabilities, max_fpr=0.2), rel=1e-12)


def test_kappa_of_a_published_table() -> None:
    # Two raters of 50 applications, 20 both yes, 15 both no, 5 and 10 apart: kappa 0.4 (Wikipedia, "Cohen's kappa",
    # "Simple example").
    labels = np.repeat([1, 1, 0, 0], [20, 5, 10, 15])
    decisions = np.repeat([1, 0, 1, 0], [20, 5, 10, 15])
    assert measure(labels, np.full(50, 0.5), decisions, names=["kappa"])["kappa"][0] == pytest.approx(0.4)


def test_a_likelihood_ratio_without_bound_is_infinite() -> None:
    values = measure([1, 1, 0, 0], [0.9, 0.8, 0.2, 0.1], [1, 0, 0, 0])
    assert values["positive_likelihood_ratio"][0] == np.inf
    assert values["negative_likelihood_ratio"][0] == 0.5
    assert measure([1, 1, 0], [0.9, 0.8, 0.7], [1, 0, 1])["negative_likelihood_ratio"][0] == np.inf


def test_auroc_by_hand_with_a_tie() -> None:
    # Pairs (fractured, not): 0.9 beats both, 0.5 beats 0.2 and ties with 0.5: (2 + 1.5) / 4.
    values = measure([1, 1, 0, 0], [0.9, 0.5, 0.5, 0.2], [1, 1, 1, 0])
    assert values["auroc"][0] == pytest.approx(0.875)
    assert values["ppv"][0] == pytest.approx(2 / 3)
    assert values["mcc"][0] == pytest.approx(1 / np.sqrt(3))


def test_auroc_of_equal_scores_is_one_half() -> None:
    assert measure([1, 0, 0, 1, 0], np.full(5, 0.3), np.zeros(5))["auroc"][0] == 0.5


def test_order_of_films_does_not_matter() -> None:
    labels, probabilities, decisions = scored(5, tied=True)
    shuffle = np.random.default_rng(0).permutation(len(labels))
    first = measure(labels, probabilities, decisions)
    second = measure(labels[shuffle], probabilities[shuffle], decisions[shuffle])
    for name in METRICS:
        assert first[name][0] == pytest.approx(second[name][0], rel=1e-12), name


def test_calibration_error_by_hand() -> None:
    # Twenty films, ten bins of two. Each bin holds one fracture and says p: |0.5 - p| each.
    probabilities = np.repeat(np.arange(10) / 10 + 0.05, 2) + np.tile([0.0, 0.001], 10)
    labels = np.tile([0, 1], 10)
    expected = np.mean(np.abs(0.5 - (np.arange(10) / 10 + 0.0505)))
    assert measure(labels, probabilities, labels)["ece"][0] == pytest.approx(expected)


def test_calibration_error_puts_equal_scores_into_one_bin() -> None:
    # One bin: 3 of 10 fractured, said 0.5.
    labels = np.array([1, 1, 1, 0, 0, 0, 0, 0, 0, 0])
    assert measure(labels, np.full(10, 0.5), labels)["ece"][0] == pytest.approx(0.2)


OF_BOTH = {
    "auroc",
    "partial_auroc",
    "average_precision",
    "balanced_accuracy",
    "positive_likelihood_ratio",
    "negative_likelihood_ratio",
    "calibration_slope",
    "calibration_intercept",
}


@pytest.mark.parametrize(
    ("labels", "decisions", "undefined"),
    [
        ([1, 1, 1], [1, 1, 0], {*OF_BOTH, "specificity", "mcc"}),
        ([0, 0, 0], [1, 0, 0], {*OF_BOTH, "sensitivity", "mcc"}),
        ([0, 1, 0], [0, 0, 0], {"ppv", "mcc", "positive_likelihood_ratio"}),
        ([0, 1, 0], [1, 1, 1], {"npv", "mcc", "negative_likelihood_ratio"}),
        ([0, 0], [0, 0], {*OF_BOTH, "sensitivity", "mcc", "ppv", "f1", "kappa"}),
    ],
)
def test_nothing_over_nothing_is_nan(labels: list[int], decisions: list[int], undefined: set[str]) -> None:
    values = measure(labels, np.linspace(0.2, 0.8, len(labels)), decisions)
    assert {name for name, value in values.items() if np.isnan(value[0])} == undefined
    assert all(METRICS[name].undefined for name in undefined)


def test_a_sure_and_wrong_probability_gives_a_finite_loss() -> None:
    assert 10 < measure([1, 0], [0.0, 1.0], [0, 1])["loss"][0] < 40


def test_floor_is_what_a_calibrated_model_shows() -> None:
    random = np.random.default_rng(11)
    probabilities = random.beta(1, 4, 400)
    floor = ece_floor(ScoredFilms.sort(np.zeros(400), probabilities, np.zeros(400)), seed=3)
    seen = [
        measure((random.random(400) < probabilities).astype(int), probabilities, np.zeros(400), names=["ece"])["ece"][0]
        for _ in range(200)
    ]
    assert floor == pytest.approx(np.mean(seen), rel=0.05)


def test_floor_falls_with_the_number_of_films_and_keeps_its_seed() -> None:
    def floor(films: int, seed: int = 0) -> float:
        spread = np.linspace(0.05, 0.95, films)
        return ece_floor(ScoredFilms.sort(np.zeros(films), spread, np.zeros(films)), seed=seed)

    assert floor(400) == floor(400)
    assert floor(400) == pytest.approx(2 * floor(1600), rel=0.1)


@pytest.mark.parametrize(
    ("labels", "probabilities", "message"),
    [
        ([], [], "no film"),
        ([0, 1], [0.1], "2 labels were given for 1 scores"),
        ([0, 2], [0.1, 0.2], "1 of 2 is neither 0 nor 1, such as 2"),
        ([0, 1, 1], [0.1, float("nan"), float("inf")], "2 of 3 are not a finite number"),
        ([0, 1], [0.1, 1.2], "outside 0 to 1"),
        ([[0, 1]], [[0.1, 0.2]], "flat"),
    ],
)
def test_bad_input_is_refused_in_words(labels: list[int], probabilities: list[float], message: str) -> None:
    with pytest.raises(DatasetError, match=message):
        measure(labels, probabilities, np.zeros(len(labels)))
