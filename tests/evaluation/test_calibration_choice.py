"""Platt and isotonic calibration, and the choice among the three."""

from __future__ import annotations

import numpy as np
import pytest
import statsmodels.api as sm
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss, roc_auc_score

from lucency.evaluation.calibrate import TEMPERATURE_BOUNDS, fit_temperature
from lucency.evaluation.calibration_choice import (
    FILMS_A_STEP,
    METHODS,
    choose_calibration,
    fit_isotonic,
    fit_platt,
)


def drawn(seed: int, films: int = 600, *, slope: float = 0.5, intercept: float = -1.0) -> tuple[np.ndarray, np.ndarray]:
    """Labels drawn from `slope` times the logit plus `intercept`."""
    random = np.random.default_rng(seed)
    logits = random.normal(scale=3.0, size=films)
    labels = (random.random(films) < 1 / (1 + np.exp(-(slope * logits + intercept)))).astype(int)
    return logits, labels


def test_platt_is_logistic_regression() -> None:
    logits, labels = drawn(0)
    fitted = fit_platt(logits, labels)
    expected = sm.Logit(labels, sm.add_constant(logits)).fit(disp=0, tol=1e-12).params
    assert fitted.method == "platt"
    assert fitted.intercept == pytest.approx(expected[0], abs=1e-6)
    assert 1 / fitted.temperature == pytest.approx(expected[1], abs=1e-6)
    # With an intercept and by plain maximum likelihood the mean probability is the share of fractures.
    assert fitted.probability(logits).mean() == pytest.approx(labels.mean(), abs=1e-9)


@pytest.mark.parametrize(("turn", "bound"), [(1, TEMPERATURE_BOUNDS[0]), (-1, TEMPERATURE_BOUNDS[1])])
def test_a_slope_without_end_stops_at_its_bound_and_never_turns_the_order(turn: int, bound: float) -> None:
    logits = np.linspace(-1, 2, 40)
    labels = (turn * logits > 0).astype(int)
    fitted = fit_platt(logits, labels)
    assert fitted.temperature == pytest.approx(bound)
    assert np.isfinite(fitted.log_odds(logits)).all()
    assert (np.diff(fitted.log_odds(logits)) > 0).all()


@pytest.mark.parametrize("far", [-300.0, 60.0])
def test_logits_far_from_zero_are_calibrated_as_any(far: float) -> None:
    logits, labels = drawn(1, slope=1.5)
    near, moved = fit_platt(logits, labels), fit_platt(logits + far, labels)
    assert moved.log_odds(logits + far) == pytest.approx(near.log_odds(logits), abs=1e-6)


def test_reversed_scores_keep_their_order_too() -> None:
    logits, labels = drawn(1, slope=-0.5)
    fitted = fit_platt(logits, labels)
    assert fitted.temperature == pytest.approx(TEMPERATURE_BOUNDS[1])
    # The intercept alone is what is left to fit.
    offset = sm.GLM(labels, np.ones(len(labels)), family=sm.families.Binomial(), offset=logits / fitted.temperature)
    assert fitted.intercept == pytest.approx(offset.fit().params[0], abs=1e-6)


@pytest.mark.parametrize("fit", [fit_platt, fit_temperature])
@pytest.mark.parametrize(("logits", "labels"), [([1.0, 2.0], [1, 1]), ([1.0, 1.0], [0, 1])])
def test_films_that_say_nothing(fit: object, logits: list[float], labels: list[int]) -> None:
    fitted = fit(logits, labels)  # type: ignore[operator]
    assert (fitted.temperature, fitted.intercept) == (1.0, 0.0)


def test_isotonic_follows_what_scikit_learn_finds() -> None:
    # Far more films than steps: Jeffreys' half film and the packs of ten matter little.
    random = np.random.default_rng(2)
    logits = random.normal(size=20_000)
    truth = np.where(logits < 0, 0.1, np.where(logits < 1, 0.3, 0.9))
    labels = (random.random(len(logits)) < truth).astype(int)
    fitted = fit_isotonic(logits, labels)
    assert fitted is not None
    reference = IsotonicRegression().fit(logits, labels).predict(logits)
    assert np.abs(fitted.probability(logits) - reference).mean() < 0.02
    assert np.abs(fitted.probability([-1.0, 0.5, 2.0]) - [0.1, 0.3, 0.9]).max() < 0.05


def test_isotonic_by_hand() -> None:
    # Packs of ten: 0, 2, 1 and 10 fractures. The second and third fall, so they are one step of 20 films.
    logits = np.arange(40.0)
    labels = np.zeros(40, dtype=int)
    labels[[12, 15, 23]] = 1
    labels[30:] = 1
    fitted = fit_isotonic(logits, labels)
    assert fitted is not None
    at, said = np.array(fitted.knots).T
    assert at.tolist() == [4.5, 19.5, 34.5]
    assert 1 / (1 + np.exp(-said)) == pytest.approx([0.5 / 11, 3.5 / 21, 10.5 / 11])


@pytest.mark.parametrize("seed", range(4))
def test_isotonic_ranks_as_the_logits_do_between_its_ends(seed: int) -> None:
    logits, labels = drawn(seed, films=300)
    fitted = fit_isotonic(logits, labels)
    assert fitted is not None
    inside = np.sort(logits[(logits > fitted.knots[0][0]) & (logits < fitted.knots[-1][0])])
    assert len(inside) > 150
    assert (np.diff(fitted.log_odds(inside)) > 0).all()
    assert len(fitted.knots) <= 300 / FILMS_A_STEP
    steps = IsotonicRegression(out_of_bounds="clip").fit(logits, labels).predict(logits)
    mended = roc_auc_score(labels, fitted.log_odds(logits))
    raw = roc_auc_score(labels, logits)
    # The ties of plain isotonic regression change the AUROC; these hardly do.
    assert abs(mended - raw) < abs(roc_auc_score(labels, steps) - raw)
    assert abs(mended - raw) < 0.01


def test_equal_logits_stay_together() -> None:
    logits = np.repeat([0.0, 1.0, 2.0], [15, 4, 30])
    labels = np.r_[np.zeros(15), [0, 1, 0, 1], np.ones(30)].astype(int)
    fitted = fit_isotonic(logits, labels)
    assert fitted is not None
    # Four films are no pack: they go with the films above them.
    assert [knot[0] for knot in fitted.knots] == [0.0, pytest.approx((4 * 1.0 + 30 * 2.0) / 34)]


@pytest.mark.parametrize("labels", [np.r_[np.ones(20), np.zeros(20)], np.zeros(40)])
def test_one_step_is_no_calibration(labels: np.ndarray) -> None:
    assert fit_isotonic(np.arange(40.0), labels.astype(int)) is None


def test_the_losses_are_those_of_films_that_were_left_out() -> None:
    logits, labels = drawn(3)
    chosen, table = choose_calibration(logits, labels, None, seed=3)
    losses = {row["method"]: row["log_loss"] for row in table["methods"]}
    in_sample = {name: fit(logits, labels) for name, fit in METHODS.items()}
    for name, fitted in in_sample.items():
        assert fitted is not None
        assert log_loss(labels, fitted.probability(logits)) < losses[name]
    # Isotonic regression wins on its own films, and only there.
    own = {name: log_loss(labels, fitted.probability(logits)) for name, fitted in in_sample.items() if fitted}
    assert min(own, key=own.__getitem__) == "isotonic"
    assert min(losses, key=losses.__getitem__) == "platt"
    assert (table["chosen"], chosen.method) == ("platt", "platt")
    assert chosen == fit_platt(logits, labels)
    # Each is held against the one that was in the lead, and by that alone it is chosen.
    assert [row["over"] for row in table["methods"]] == [None, "temperature", "platt"]
    assert [row["gain"] > row["standard_error"] for row in table["methods"][1:]] == [True, False]
    losses = [row["log_loss"] for row in table["methods"]]
    assert table["methods"][2]["gain"] == pytest.approx(losses[1] - losses[2])
    assert (table["films"], table["fractured"], table["groups"], table["folds"]) == (600, int(labels.sum()), 600, 5)


@pytest.mark.parametrize("seed", range(5))
def test_each_film_set_gets_the_method_that_it_was_made_by(seed: int) -> None:
    logits, labels = drawn(seed, intercept=0.0)
    assert choose_calibration(logits, labels, None, seed)[1]["chosen"] == "temperature"
    logits, labels = drawn(seed, intercept=-1.5)
    assert choose_calibration(logits, labels, None, seed)[1]["chosen"] == "platt"
    random = np.random.default_rng(seed)
    labels = (random.random(600) < np.where(logits < 0, 0.05, 0.6)).astype(int)
    assert choose_calibration(logits, labels, None, seed)[1]["chosen"] == "isotonic"


def test_the_noise_is_that_of_groups() -> None:
    # The same 80 films ten times over, as groups: no more is known than of 80 films.
    logits, labels = drawn(4, films=80)
    many = np.tile(logits, 10), np.tile(labels, 10)
    groups = [str(number) for number in range(80)] * 10
    together = choose_calibration(*many, groups)[1]
    alone = choose_calibration(*many, None)[1]
    assert together["groups"] == 80
    assert together["methods"][1]["standard_error"] > 2.5 * alone["methods"][1]["standard_error"]


@pytest.mark.parametrize(
    ("fractured", "others", "words"),
    [(9, 100, "9 fractured films are too few"), (100, 8, "8 not fractured films"), (0, 50, "no film is fractured")],
)
def test_few_films_get_a_temperature_without_a_comparison(fractured: int, others: int, words: str) -> None:
    logits = np.random.default_rng(0).normal(size=fractured + others)
    labels = np.r_[np.ones(fractured), np.zeros(others)].astype(int)
    chosen, table = choose_calibration(logits, labels, None)
    assert chosen == fit_temperature(logits, labels)
    assert words in table["why"]
    assert [row["log_loss"] for row in table["methods"]] == [None] * 3


def test_many_films_of_few_patients_are_few() -> None:
    logits, labels = drawn(5, films=200)
    table = choose_calibration(logits, labels, [str(number // 25) for number in range(200)])[1]
    assert "of 8 groups are too few" in table["why"]


def test_a_slope_of_unregularised_scikit_learn_agrees() -> None:
    logits, labels = drawn(6)
    reference = LogisticRegression(C=1e12, tol=1e-10).fit(logits[:, None], labels)
    assert 1 / fit_platt(logits, labels).temperature == pytest.approx(reference.coef_[0, 0], rel=1e-3)
