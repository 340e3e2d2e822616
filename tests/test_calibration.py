from __future__ import annotations

import json
import math

import numpy as np
import pytest

from lucency.calibration import Calibration

KNOTS = ((-2.0, -3.0), (0.0, -1.0), (4.0, 1.0))


@pytest.mark.parametrize(
    ("calibration", "logits", "log_odds"),
    [
        (Calibration(2.0), [-1.0, 4.0], [-0.5, 2.0]),
        (Calibration(2.0, -1.0), [-1.0, 4.0], [-1.5, 1.0]),
        # Straight between the knots, constant outside.
        (Calibration(knots=KNOTS), [-9.0, -2.0, -1.0, 1.0, 4.0, 9.0], [-3.0, -3.0, -2.0, -0.5, 1.0, 1.0]),
    ],
)
def test_log_odds_by_hand(calibration: Calibration, logits: list[float], log_odds: list[float]) -> None:
    assert calibration.log_odds(logits).tolist() == log_odds
    assert calibration.probability(logits) == pytest.approx([1 / (1 + math.exp(-value)) for value in log_odds])
    assert calibration.log_odds(np.array([logits])).shape == (1, len(logits))


@pytest.mark.parametrize(
    ("calibration", "method"),
    [(Calibration(1.7), "temperature"), (Calibration(0.5, 0.25), "platt"), (Calibration(knots=KNOTS), "isotonic")],
)
def test_a_calibration_survives_json(calibration: Calibration, method: str) -> None:
    assert calibration.method == method
    assert Calibration.from_json(json.loads(json.dumps(calibration.to_json()))) == calibration


def test_a_card_of_the_first_version_is_read() -> None:
    assert Calibration.from_json({"method": "temperature", "temperature": 1.5}) == Calibration(1.5)


@pytest.mark.parametrize(
    "values",
    [
        {"temperature": 0.0},
        {"temperature": float("nan")},
        {"intercept": float("inf")},
        {"knots": ((0.0, 1.0), (0.0, 2.0))},
        {"knots": ((0.0, 1.0), (1.0, 0.5))},
        {"knots": ((0.0, float("inf")),)},
    ],
)
def test_what_calibrates_nothing_is_refused(values: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="calibra"):
        Calibration(**values)  # type: ignore[arg-type]


def test_an_unknown_method_is_refused() -> None:
    with pytest.raises(ValueError, match="'spline' is no calibration"):
        Calibration.from_json({"method": "spline", "temperature": 1.0})
    with pytest.raises(ValueError, match="needs knots"):
        Calibration.from_json({"method": "isotonic", "knots": []})
