"""The table of predictions that lies beside a report."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy.typing as npt

from lucency.calibration import Calibration
from lucency.decision import OperatingPoint
from lucency.evaluation.intervals import group_numbers
from lucency.evaluation.scores import checked_scores


def prediction_rows(
    labels: npt.ArrayLike,
    logits: npt.ArrayLike,
    *,
    image_ids: Sequence[str],
    groups: Sequence[str] | None,
    calibration: Calibration,
    operating_point: OperatingPoint,
) -> list[dict[str, Any]]:
    """One row a film, for a table beside the report: image_id, group, label, logit, probability, decision.

    Args:
        labels: (N,) integers, 1 = fractured, 0 = not fractured.
        logits: (N,) outputs of the model, unbounded.
        image_ids: N names.
        groups: N names, or None.
        calibration: Turns logits into probabilities.
        operating_point: Turns probabilities into decisions.

    Raises:
        DatasetError: See `evaluate_scores`.
    """
    label_array, logit_array = checked_scores(labels, logits, image_ids=image_ids)
    group_numbers(groups, len(label_array))
    return [
        {
            "image_id": image_id,
            "group": groups[place] if groups is not None else "",
            "label": int(label_array[place]),
            "logit": float(logit_array[place]),
            "probability": probability,
            "decision": operating_point.decide(probability),
        }
        for place, (image_id, probability) in enumerate(
            zip(image_ids, calibration.probability(logit_array).tolist(), strict=True)
        )
    ]
