"""What a gate does to films that it should let through, and to drawn pictures that it should not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from lucency.evaluation.proportions import wilson
from lucency.gate import GateAnswer

_SHOWN = 50


def gate_section(
    labels: npt.ArrayLike,
    answers: Sequence[GateAnswer],
    *,
    image_ids: Sequence[str],
    drawn: Mapping[str, Sequence[GateAnswer]] | None = None,
) -> dict[str, Any]:
    """The section "gate" of a report.

    Args:
        labels: (N,) integers of the evaluated films, 1 = fractured.
        answers: What the gate says of each, N.
        image_ids: Their names, N.
        drawn: What it says of drawn pictures, by kind; kinds whose name ends in "_film" are drawn radiographs of
            another anatomy. None where it was not tried on any.

    Returns:
        "films"; "refused": figures (share with Wilson interval) for "all", "fractured" and "not_fractured", each with
        its counts; "reasons": how many films for each refusal; "images": the refused films, farthest first; "drawn":
        where tried, for each kind its count, the share refused and by which name, and the AUROC of the largest
        distance against the evaluated films, with "pictures" and "other_anatomy" in all; "sentences".

    Raises:
        ValueError: Not as many labels, answers and names.
    """
    truth = np.asarray(labels)
    if not len(truth) == len(answers) == len(image_ids):
        raise ValueError(
            f"{len(truth)} labels, {len(answers)} answers and {len(image_ids)} names do not belong together"
        )
    refused = np.array([answer.refusal is not None for answer in answers], dtype=bool)
    far = np.array([answer.distance for answer in answers], dtype=np.float64)
    rows = {
        name: _share(refused[chosen])
        for name, chosen in (
            ("all", np.ones(len(truth), dtype=bool)),
            ("fractured", truth == 1),
            ("not_fractured", truth == 0),
        )
    }
    order = [int(place) for place in np.argsort(-far, kind="stable") if refused[place]]
    section: dict[str, Any] = {
        "films": len(answers),
        "refused": rows,
        "reasons": _reasons(answers),
        "images": [
            {
                "image_id": image_ids[place],
                "fractured": bool(truth[place] == 1),
                "refusal": answers[place].refusal,
                "distances": {name: float(value) for name, value in answers[place].distances.items()},
            }
            for place in order[:_SHOWN]
        ],
        "drawn": None if drawn is None else _drawn(drawn, far),
    }
    section["sentences"] = _sentences(section)
    return section


def _reasons(answers: Sequence[GateAnswer]) -> dict[str, int]:
    return {
        reason: sum(answer.refusal == reason for answer in answers)
        for reason in ("not_a_radiograph", "unlike_training_films")
    }


def _share(refused: npt.NDArray[np.bool_]) -> dict[str, Any]:
    films, count = len(refused), int(refused.sum())
    figure: dict[str, Any] = {"value": None, "low": None, "high": None, "reason": "there are no such films"}
    if films:
        low, high = wilson(count, films)
        figure = {"value": count / films, "low": low, "high": high, "reason": None}
    return {**figure, "dropped": 0, "films": films, "refused": count}


def _drawn(drawn: Mapping[str, Sequence[GateAnswer]], films: npt.NDArray[np.float64]) -> dict[str, Any]:
    def row(kind: str, answers: Sequence[GateAnswer]) -> dict[str, Any]:
        return {
            "kind": kind,
            **_share(np.array([answer.refusal is not None for answer in answers], dtype=bool)),
            **_reasons(answers),
            "auroc": _auroc(films, np.array([answer.distance for answer in answers])),
        }

    pictures = [answer for kind, group in drawn.items() if not kind.endswith("_film") for answer in group]
    foreign = [answer for kind, group in drawn.items() if kind.endswith("_film") for answer in group]
    return {
        "pictures": row("pictures", pictures) if pictures else None,
        "other_anatomy": row("other_anatomy", foreign) if foreign else None,
        "kinds": [row(kind, answers) for kind, answers in drawn.items()],
    }


def _auroc(films: npt.NDArray[np.float64], others: npt.NDArray[np.float64]) -> float | None:
    if not len(films) or not len(others):
        return None
    order = np.sort(films)
    below, upto = np.searchsorted(order, others, "left"), np.searchsorted(order, others, "right")
    return float((below + upto).mean() / 2 / len(films))


def _sentences(section: Mapping[str, Any]) -> list[str]:
    every = section["refused"]["all"]
    films = section["films"]
    if not films:
        return []
    told = [
        f"The gate refuses {every['refused']} of these {films} films ({100 * every['value']:.1f} %, 95 % interval "
        f"{100 * every['low']:.1f} to {100 * every['high']:.1f} %). The figures of this report count every film, "
        "whatever the gate says"
    ]
    drawn = section["drawn"] or {}
    if drawn.get("pictures"):
        row = drawn["pictures"]
        told.append(
            f"Of {row['films']} drawn pictures that are no radiographs it refuses {row['refused']}; its largest "
            f"distance tells them from these films with an AUROC of {row['auroc']:.4f}"
        )
    if drawn.get("other_anatomy"):
        row = drawn["other_anatomy"]
        told.append(
            f"Of {row['films']} drawn chest and skull films it refuses {row['refused']}. They are rough drawings, and "
            "prove nothing about real ones"
        )
    return told
