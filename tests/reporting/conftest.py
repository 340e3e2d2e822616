"""A report made by the evaluation room, so that the two rooms cannot drift apart."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from lucency.decision import Calibration, OperatingPoint
from lucency.evaluation.baselines import Baseline
from lucency.evaluation.report import evaluate_scores


def make_report(labels: Any, logits: Any, **changes: Any) -> dict[str, Any]:
    settings: dict[str, Any] = {
        "groups": [f"patient {i // 2}" for i in range(len(labels))],
        "calibration": Calibration(1.2),
        "operating_point": OperatingPoint("youden", 0.4, 0.8, 0.9),
        "other_points": [OperatingPoint("sensitivity_90", 0.2, 0.9, 0.7)],
        "baselines": [
            Baseline("majority", 0.75, None, {"answer": "not_fractured"}),
            Baseline("nearest_neighbour", 0.7, 0.6),
        ],
        "resamples": 100,
    }
    content: dict[str, Any] = json.loads(json.dumps(evaluate_scores(labels, logits, **(settings | changes)).to_json()))
    return content


@pytest.fixture(scope="session")
def report() -> dict[str, Any]:
    random = np.random.default_rng(0)
    labels = (random.random(200) < 0.25).astype(int)
    return make_report(labels, random.normal(size=200) + 2 * labels - 1)


@pytest.fixture(scope="session")
def one_class_report() -> dict[str, Any]:
    return make_report(np.zeros(40, dtype=int), np.linspace(-2, 1, 40))


@pytest.fixture(scope="session")
def films() -> list[np.ndarray]:
    random = np.random.default_rng(1)
    return [random.integers(0, 256, shape, dtype=np.uint8) for shape in ((40, 60, 3), (60, 40, 3), (50, 50))]
