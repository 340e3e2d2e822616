"""The page decides as the predictor does, and says so in words that fit the numbers."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from service_process import png
from small_bundle import small_bundle

from lucency.abstention import Abstention
from lucency.bundle import Bundle
from lucency.decision import OperatingPoint
from lucency.predictor import Predictor
from lucency.serving.film_report import rule_words
from lucency.serving.page_rules import (
    decisions,
    in_ten,
    nowhere_words,
    percents,
    point_meaning,
    probability_words,
    rules,
    similar_words,
)
from lucency.workflows.predict import FilmAnswer, caption

ABSTENTION = Abstention(tuple(np.linspace(-1, 4, 40)), tuple(np.linspace(-5, 1, 40)))


@pytest.fixture(scope="module")
def wavering(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return small_bundle(tmp_path_factory.mktemp("bundles") / "wavering", abstention=ABSTENTION)


@pytest.mark.parametrize("grey", [40, 110, 128, 140, 160, 250])
def test_every_rule_decides_as_the_predictor(wavering: Bundle, grey: int) -> None:
    film = png(grey)
    prediction = FilmAnswer("", Predictor(wavering).predict(film)).to_json()
    found = decisions(wavering.card, prediction)
    assert len(found) == 5
    for rule in rules(wavering.card):
        assert found[rule.key] == Predictor(wavering, **rule.asked).predict(film).decision


def test_a_refused_film_is_refused_by_every_rule(wavering: Bundle) -> None:
    refused = {"logit": None, "probability": None, "decision": "not_a_radiograph"}
    assert set(decisions(wavering.card, refused).values()) == {"not_a_radiograph"}
    assert "no probability" in probability_words(refused)


def test_the_rule_of_the_bundle_comes_first(wavering: Bundle, tmp_path: Path) -> None:
    assert rules(wavering.card)[0].key == "screening"
    own = small_bundle(tmp_path / "own", abstention=Abstention(ABSTENTION.fractured, ABSTENTION.not_fractured, 0.15))
    # Such a bundle abstains whatever operating point is named, so none is offered.
    assert [rule.asked for rule in rules(own.card)] == [{"error_rate": rate} for rate in (0.15, 0.05, 0.1, 0.2)]
    first = rules(own.card)[0]
    film = png(128)
    assert Predictor(own).predict(film).decision == Predictor(own, **first.asked).predict(film).decision


@pytest.mark.parametrize(
    ("share", "words"),
    [(0.0, "0 in 100"), (0.001, "fewer than 1 in 100"), (0.005, "fewer than 1 in 100"), (0.03, "3 in 100"),
     (0.1, "1 in 10"), (0.71, "7 in 10"), (0.9, "9 in 10"), (0.93, "93 in 100"), (0.995, "more than 99 in 100"),
     (0.999, "more than 99 in 100"), (1.0, "100 in 100")],
)  # fmt: skip
def test_shares_in_words(share: float, words: str) -> None:
    assert in_ten(share) == words


def test_a_probability_near_an_end_is_not_about_it() -> None:
    assert probability_words({"probability": 0.7}) == "Probability of a fracture: 0.70, about 7 in 10."
    assert probability_words({"probability": 0.998}) == "Probability of a fracture: > 0.99, more than 99 in 100."
    assert probability_words({"probability": 1.0}) == "Probability of a fracture: > 0.99, more than 99 in 100."
    assert probability_words({"probability": 0.005}) == "Probability of a fracture: < 0.01, fewer than 1 in 100."
    assert probability_words({"probability": 0.0}) == "Probability of a fracture: < 0.01, fewer than 1 in 100."


@pytest.mark.parametrize(
    ("probability", "shown"), [(0.998, "> 0.99"), (0.994, "0.99"), (0.5, "0.50"), (0.0051, "0.01"), (0.002, "< 0.01")]
)
def test_no_picture_says_that_it_is_certain(bright: Bundle, probability: float, shown: str) -> None:
    prediction = replace(Predictor(bright).predict(png(140)), probability=probability)
    assert caption(prediction)[0].startswith(f"fractured: probability of a fracture {shown} (")


def test_the_page_names_operating_points_as_pictures_and_reports_do(bright: Bundle) -> None:
    for rule in rules(bright.card):
        (line,) = caption(Predictor(bright, **rule.asked).predict(png(140)))[:1]
        assert line.endswith(f", {rule.key})")
        assert rule.name.lower() == rule.key
        assert f'"{rule.name}"' in rule_words(bright.card, rule)


def test_what_an_operating_point_gave_is_said_of_validation_films_and_not_rounded_up(tmp_path: Path) -> None:
    point = OperatingPoint("screening", 0.3, 0.996, 0.7)
    card = small_bundle(tmp_path / "keen", operating_points=(point,)).card
    assert point_meaning(card, "screening") == "On validation films: sensitivity 99.6 %, specificity 70.0 %."


def test_similar_films_in_words() -> None:
    said = similar_words({"films": 30, "fractured": 21, "low": 0.65, "high": 0.8})
    assert said == (
        "Of validation films scored like this, 7 in 10 were fractured "
        "(21 of 30 films with a probability of 0.65 to 0.80)."
    )
    assert similar_words(None) == ""


def test_measured_shares_have_digits_alike_and_none_is_rounded_to_all_or_nothing() -> None:
    assert percents(0.9101, 0.638) == ["91 %", "64 %"]
    assert percents(0.9996, 0.638) == ["99.96 %", "63.80 %"]
    assert percents(1.0, 0.0) == ["100 %", "0 %"]


def test_a_film_called_fractured_without_any_colour_says_by_what(wavering: Bundle) -> None:
    screening, *_, rate = rules(wavering.card)
    whole = "The model points at no place on this film: the film as a whole scored "
    assert nowhere_words(wavering.card, screening, "fractured") == f"{whole}above the threshold of 0.30."
    assert nowhere_words(wavering.card, rate, "fractured").endswith("fractured at an error rate of 20 %.")
    assert nowhere_words(wavering.card, screening, "not_fractured") == ""


def test_a_rate_that_the_calibration_films_cannot_keep_says_so(tmp_path: Path) -> None:
    few = small_bundle(tmp_path / "few", abstention=Abstention((0.0, 1.0), ABSTENTION.not_fractured)).card
    rule = next(rule for rule in rules(few) if rule.key == "error_rate_0.05")
    for words in (rule.meaning, rule_words(few, rule)):
        assert (
            "takes 19 fractured calibration films, and the bundle has 2: no film can be called not fractured" in words
        )
