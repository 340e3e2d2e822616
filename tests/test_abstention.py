from __future__ import annotations

import json
import math

import pytest

from lucency.abstention import Abstention

TEN = tuple(map(float, range(10)))
MINUS_TEN = tuple(map(float, range(-9, 1)))


@pytest.mark.parametrize(
    ("rate", "lowest", "highest"),
    # Of 11 places, 1 at 0.1, 2 at 0.2 and 5 at 0.5 may be answered wrongly; at 0.05 not one.
    [(0.1, 0.0, 0.0), (0.2, 1.0, -1.0), (0.5, 4.0, -4.0), (0.05, -math.inf, math.inf), (0.99, 9.0, -9.0)],
)
def test_limits_by_hand(rate: float, lowest: float, highest: float) -> None:
    assert Abstention(TEN, MINUS_TEN).limits(rate) == (lowest, highest)


@pytest.mark.parametrize(
    ("logit", "rate", "answer"),
    [
        (3.0, 0.2, ("fractured",)),
        (1.0, 0.2, ("fractured",)),
        (0.5, 0.2, ()),
        (-1.0, 0.2, ("not_fractured",)),
        (0.0, 0.1, ("fractured", "not_fractured")),
        (-50.0, 0.05, ("fractured", "not_fractured")),
    ],
)
def test_answers_by_hand(logit: float, rate: float, answer: tuple[str, ...]) -> None:
    assert Abstention(TEN, MINUS_TEN).answer(logit, rate) == answer


@pytest.mark.parametrize("rate", [0.0, 1.0, -0.1, float("nan")])
def test_error_rates_out_of_range(rate: float) -> None:
    with pytest.raises(ValueError, match="above 0 and below 1"):
        Abstention(TEN, TEN, rate)
    with pytest.raises(ValueError, match="above 0 and below 1"):
        Abstention(TEN, TEN).limits(rate)


@pytest.mark.parametrize("logits", [(1.0, 0.0), (0.0, float("nan"))])
def test_logits_must_rise(logits: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match="numbers that rise"):
        Abstention(logits, TEN)


@pytest.mark.parametrize("rate", [None, 0.1])
def test_an_abstention_survives_json(rate: float | None) -> None:
    kept = Abstention(TEN, (), rate)
    assert Abstention.from_json(json.loads(json.dumps(kept.to_json()))) == kept
    assert kept.limits(0.3)[1] == math.inf
