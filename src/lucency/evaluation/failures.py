"""Which films a reader should look at: the worst errors, and those that could have gone either way."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from lucency.decision import Decision
from lucency.errors import DatasetError
from lucency.evaluation.scores import checked_scores

SHOWN = 12
"""Films of each kind that are named at most."""

_EDGE = 1e-12


def failure_section(
    labels: npt.ArrayLike,
    probabilities: npt.ArrayLike,
    decisions: Sequence[Decision],
    *,
    image_ids: Sequence[str],
    threshold: float,
    shown: int = SHOWN,
) -> dict[str, Any]:
    """The films to look at.

    Args:
        labels: (N,) integers, 1 = fractured, 0 = not fractured.
        probabilities: (N,) calibrated probabilities, 0..1.
        decisions: N of "fractured" and "not_fractured".
        image_ids: N names.
        threshold: Of the operating point, 0..1.
        shown: How many of each kind are named.

    Returns:
        "false_negatives" (least probable first), "false_positives" (most probable first) and "uncertain" (nearest to
        the threshold in log-odds first, right or wrong, that are in neither of the other two lists), each {"films": how
        many there are in all, "share": of the films of that class, or None, "shown": [{"image_id", "place" (among the
        N), "label", "probability", "decision"}]}. Films of equal probability stand in the order of their names.

    Raises:
        DatasetError: The films cannot be used, see `checked_scores`.
    """
    label_array, probability_array = checked_scores(labels, probabilities, image_ids=image_ids)
    if len(decisions) != len(label_array):
        raise DatasetError(f"{len(decisions)} decisions were given for {len(label_array)} films")
    called = np.array([decision == "fractured" for decision in decisions])
    by_name = np.argsort(np.asarray(image_ids, dtype=object), kind="stable")

    def rows(places: npt.NDArray[np.int64], key: npt.NDArray[np.float64]) -> list[dict[str, Any]]:
        named = by_name[np.isin(by_name, places)]
        return [
            {
                "image_id": image_ids[place],
                "place": int(place),
                "label": int(label_array[place]),
                "probability": float(probability_array[place]),
                "decision": decisions[place],
            }
            for place in named[np.argsort(key[named], kind="stable")][:shown].tolist()
        ]

    missed = np.flatnonzero((label_array == 1) & ~called)
    alarms = np.flatnonzero((label_array == 0) & called)
    section: dict[str, Any] = {
        "false_negatives": {
            "films": len(missed),
            "share": _share(len(missed), int((label_array == 1).sum())),
            "shown": rows(missed, probability_array),
        },
        "false_positives": {
            "films": len(alarms),
            "share": _share(len(alarms), int((label_array == 0).sum())),
            "shown": rows(alarms, -probability_array),
        },
    }
    told = {row["place"] for kind in section.values() for row in kind["shown"]}
    others = np.array([place for place in range(len(label_array)) if place not in told], dtype=np.int64)
    distance = np.abs(_log_odds(probability_array) - _log_odds(np.array([threshold])))
    section["uncertain"] = {"films": len(label_array), "share": None, "shown": rows(others, distance)}
    return section


def _share(count: int, of: int) -> float | None:
    return count / of if of else None


def _log_odds(probability: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    kept = np.clip(probability, _EDGE, 1 - _EDGE)
    return np.asarray(np.log(kept / (1 - kept)), dtype=np.float64)
