"""A report made by the evaluation room, so that the two rooms cannot drift apart."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from lucency.calibration import Calibration
from lucency.decision import OperatingPoint
from lucency.evaluation.baselines import Baseline
from lucency.evaluation.compare import ModelScores, compare_models
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


def make_comparison(labels: Any, *logits: Any) -> dict[str, Any]:
    """The content of compare.json for models "A", "B", ... as the evaluation room gives it."""
    names = "ABCDEF"[: len(logits)]
    models = []
    for name, scores in zip(names, logits, strict=True):
        probabilities = Calibration().probability(scores)
        models.append(ModelScores(name, probabilities, probabilities >= 0.5))
    groups = [f"patient {place // 2}" for place in range(len(labels))]
    found = compare_models(labels, models, groups=groups, resamples=60)
    reports = [make_report(labels, scores) for scores in logits]
    kept = ("temperature", "operating_point", "metrics", "ece_floor", "confusion", "roc", "precision_recall")
    content = {
        "sentences": ["B and A cannot be told apart."],
        "baseline": "A",
        "split": "test",
        **{key: reports[0][key] for key in ("films", "groups", "fractured", "bootstrap")},
        "runs": [
            {
                "name": name,
                "bundle": f"{name}@0",
                "recipe": "tiny-vgg",
                "threshold": 0.5,
                "size": {"model_bytes": 1_200_000, "bundle_bytes": 1_300_000, "parameters": 41_234},
                "latency": {"median_seconds": 0.004, "p95_seconds": 0.005, "ratio": 1.25},
                "training": {"epochs": 3, "best_epoch": 2, "seconds": 75.0, "device": "cpu:0"},
                **{key: report[key] for key in (*kept, "reliability")},
            }
            for name, report in zip(names, reports, strict=True)
        ],
        "differences": [
            {"run": name, "metrics": {metric: difference.to_json() for metric, difference in row.items()}}
            for name, row in found.items()
        ],
        "notes": [
            {"severity": "warning", "message": "Read me first"},
            {"severity": "note", "message": "By the way"},
        ],
        "recipe_differences": [{"key": "augmentation.rotation", "values": [0, 20]}],
        "data_differences": [],
        "timing": {
            "predictions": 50,
            "films": "real",
            "machine": {"platform": "Linux", "cores": 2, "load": 0.4, "onnxruntime": "1.31.1"},
        },
        "films_from": None,
        "made": "2026-01-01T00:00:00Z",
        "versions": {"python": "3.11.7"},
    }
    plain: dict[str, Any] = json.loads(json.dumps(content))
    return plain


@pytest.fixture
def comparison() -> dict[str, Any]:
    random = np.random.default_rng(2)
    labels = (np.arange(120) % 4 == 0).astype(int)
    return make_comparison(labels, random.normal(size=120) + labels, random.normal(size=120) + 2 * labels - 0.5)


@pytest.fixture
def one_class_comparison() -> dict[str, Any]:
    return make_comparison(np.zeros(40, dtype=int), np.linspace(-2, 1, 40), np.linspace(1, -2, 40) + 0.3)
