"""What is measured in each epoch: accuracy, precision, recall and AUROC at a threshold of one half."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import keras
from keras import ops


class _HardLabels:
    """Mixup blends labels; a blended film counts as the class that it holds more of."""

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any:
        return super().update_state(ops.round(y_true), y_pred, sample_weight)  # type: ignore[misc]


@keras.saving.register_keras_serializable("lucency")
class Accuracy(_HardLabels, keras.metrics.BinaryAccuracy):
    """Share of films whose logit has the sign of their label."""


@keras.saving.register_keras_serializable("lucency")
class Precision(_HardLabels, keras.metrics.Precision):
    """Share of fractured films among those with a logit above 0."""


@keras.saving.register_keras_serializable("lucency")
class Recall(_HardLabels, keras.metrics.Recall):
    """Share of fractured films whose logit is above 0."""


@keras.saving.register_keras_serializable("lucency")
class AreaUnderRoc(_HardLabels, keras.metrics.AUC):
    """Area under the ROC curve, from logits."""


# Evenly spaced in logits: spaced evenly in probability they would fail to tell apart the films of a model whose
# probabilities all lie near 0, as they do early in training on few fractures.
_THRESHOLDS = tuple(1 / (1 + math.exp(-step / 50)) for step in range(-600, 601))


def epoch_metrics() -> list[Any]:
    """Fresh metrics of logits (B, 1) against labels (B, 1)."""
    return [
        Accuracy(threshold=0.0, name="accuracy"),
        Precision(thresholds=0.0, name="precision"),
        Recall(thresholds=0.0, name="recall"),
        AreaUnderRoc(thresholds=list(_THRESHOLDS), from_logits=True, name="auroc"),
    ]


def figures_of_films(logs: Mapping[str, Any] | None) -> dict[str, float]:
    """What Keras tells of an epoch, with the names that figures of the logit have where it is the only output.

    Args:
        logs: As a callback gets them. Keras puts the name of the output in front where a model has several.
    """
    return {_of_film(name): float(value) for name, value in (logs or {}).items()}


def _of_film(name: str) -> str:
    output, _, rest = name.removeprefix("val_").partition("_")
    if output != "logit" or rest == "loss":
        return name
    return f"val_{rest}" if name.startswith("val_") else rest
