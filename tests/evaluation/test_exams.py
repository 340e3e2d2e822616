from __future__ import annotations

import math

import numpy as np
import pytest

from lucency.calibration import Calibration
from lucency.decision import COMBINATIONS, ExamRule, OperatingPoint
from lucency.errors import DatasetError
from lucency.evaluation.exams import fit_exam_rule, gather_exams


def probability(combination: str, *views: float) -> float:
    odds = COMBINATIONS[combination](np.array([math.log(p / (1 - p)) for p in views]))
    return float(Calibration().probability(odds))


@pytest.mark.parametrize(
    ("combination", "views", "expected"),
    [
        ("highest", (0.2, 0.8, 0.5), 0.8),
        ("mean", (0.2, 0.8), 0.5),
        ("mean", (0.8, 0.8, 0.2, 0.5), 1 / (1 + math.exp(-math.log(4) / 4))),
        # 1 - 0.5 * 0.2 and 1 - 0.8 * 0.8 * 0.5.
        ("noisy_or", (0.5, 0.8), 0.9),
        ("noisy_or", (0.2, 0.2, 0.5), 0.68),
    ],
)
def test_combinations_by_hand(combination: str, views: tuple[float, ...], expected: float) -> None:
    assert probability(combination, *views) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("combination", COMBINATIONS)
@pytest.mark.parametrize("value", [-800.0, -40.0, -1e-3, 0.0, 3.0, 40.0, 800.0])
def test_one_view_answers_for_itself(combination: str, value: float) -> None:
    assert COMBINATIONS[combination](np.array([value])) == pytest.approx(value, abs=1e-9)


def test_noisy_or_of_many_sure_views_does_not_overflow() -> None:
    assert COMBINATIONS["noisy_or"](np.full(3, 700.0)) == pytest.approx(2100.0)
    # Of three improbable views, three times as probable.
    assert COMBINATIONS["noisy_or"](np.full(3, -60.0)) == pytest.approx(-60 + math.log(3))


def test_a_rule_divides_by_the_temperature_of_films_first() -> None:
    assert ExamRule("mean").logit([2.0, 4.0], Calibration(2.0)) == 1.5


def test_an_unknown_combination() -> None:
    with pytest.raises(ValueError, match="'best' is no combination; there are highest, mean, noisy_or"):
        ExamRule("best")


def test_a_rule_survives_json() -> None:
    rule = ExamRule("noisy_or", Calibration(1.5), (OperatingPoint("youden", 0.3, 0.9, 0.8),), "youden", {"exams": 4})
    assert ExamRule.from_json(rule.to_json()) == rule
    assert rule.operating_point(OperatingPoint("youden", 0.7)).threshold == 0.3
    assert rule.operating_point(OperatingPoint("other", 0.7)).threshold == 0.7


def test_films_become_exams() -> None:
    exams = gather_exams(
        [0, 1, 0, 0, 0],
        [1.0, -2.0, 3.0, 0.5, 0.25],
        ["a", "b", "a", "b", ""],
        rule=ExamRule(),
        calibration=Calibration(0.5),
    )
    assert exams.films == [[0, 2], [1, 3], [4]]
    assert exams.labels.tolist() == [0, 1, 0]
    assert exams.logits.tolist() == [6.0, 1.0, 0.5]
    assert exams.highest.tolist() == [2, 3, 4]
    assert exams.several == 2


def test_films_without_an_exam_stand_alone() -> None:
    exams = gather_exams([0, 1, 1], [1.0, 2.0, 3.0], ["", "", ""], rule=ExamRule(), calibration=Calibration())
    assert exams.films == [[0], [1], [2]]


def test_not_as_many_exams_as_films() -> None:
    with pytest.raises(DatasetError, match="2 exams were given for 3 films"):
        gather_exams([0, 1, 1], [1.0, 2.0, 3.0], ["a", "b"], rule=ExamRule(), calibration=Calibration())


def drawn(shows: str, exams: int = 300, views: int = 3, seed: int = 0) -> tuple[list[int], list[float], list[str]]:
    """Exams whose fracture "one" film shows, or "all" do; a film that shows it has a mean logit of 2, others of -2."""
    random = np.random.default_rng(seed)
    labels, logits, names = [], [], []
    for exam in range(exams):
        fractured = exam % 2
        where = random.integers(views)
        for view in range(views):
            visible = fractured and (shows == "all" or view == where)
            labels.append(int(bool(visible)))
            logits.append(float(random.normal(2 if visible else -2, 2)))
            names.append(f"e{exam}")
    return labels, logits, names


def test_the_rule_is_that_by_which_the_films_were_made() -> None:
    assert fit_exam_rule(*drawn("all"), calibration=Calibration()).combination == "mean"
    assert fit_exam_rule(*drawn("one"), calibration=Calibration()).combination in ("highest", "noisy_or")


def test_what_is_fitted_is_the_least_log_loss_of_exams() -> None:
    labels, logits, names = drawn("all")
    rule = fit_exam_rule(labels, logits, names, calibration=Calibration(2.0), sensitivity=0.8, default="screening")
    losses = rule.validation["log_loss"]
    assert list(losses) == list(COMBINATIONS)
    assert losses[rule.combination] == min(losses.values())
    assert (rule.validation["exams"], rule.validation["fractured"], rule.validation["several_films"]) == (300, 150, 300)
    exams = gather_exams(labels, logits, names, rule=rule, calibration=Calibration(2.0))
    chosen = rule.calibration.probability(exams.logits)
    by_hand = -np.log(np.where(exams.labels == 1, chosen, 1 - chosen)).mean()
    assert by_hand == pytest.approx(losses[rule.combination])
    assert rule.default_operating_point == "screening"
    point = rule.operating_points[1]
    assert np.mean(chosen[exams.labels == 1] >= point.threshold) == point.sensitivity
    assert point.sensitivity >= 0.8


def test_no_exam_with_several_films() -> None:
    with pytest.raises(DatasetError, match="none of the 4 validation exams has several films"):
        fit_exam_rule([0, 1, 0, 1], [0.0, 1.0, 2.0, 3.0], ["a", "b", "c", ""], calibration=Calibration())


def test_exams_of_one_class() -> None:
    with pytest.raises(DatasetError, match="so no threshold can be chosen"):
        fit_exam_rule([0, 1, 0, 1], [0.0, 1.0, 2.0, 3.0], ["a", "a", "b", "b"], calibration=Calibration())
