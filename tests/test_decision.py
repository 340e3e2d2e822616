from __future__ import annotations

import warnings

import numpy as np
import pytest

from lucency.calibration import Calibration
from lucency.decision import OperatingPoint


def test_temperature_divides_the_logit() -> None:
    # 1 / (1 + e^-1) from a table of the logistic function.
    assert Calibration(2.0).probability(2.0) == pytest.approx(0.7310585786300049, abs=1e-15)
    assert Calibration(2.0).probability(-2.0) == pytest.approx(1 - 0.7310585786300049, abs=1e-15)


def test_no_logit_overflows() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert Calibration().probability(np.array([-1e6, 0.0, 1e6])).tolist() == [0.0, 0.5, 1.0]


def test_a_film_on_the_threshold_is_called_fractured() -> None:
    point = OperatingPoint("p", 0.4)
    assert [point.decide(value) for value in (0.4, 0.3999)] == ["fractured", "not_fractured"]
