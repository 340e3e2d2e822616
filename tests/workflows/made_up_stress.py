"""A made-up stress.json for tests of its figures and its page."""

from __future__ import annotations

from typing import Any


def figure(value: float, spread: float | None = 0.02) -> dict[str, Any]:
    """A figure with an interval, or without one where `spread` is None."""
    if spread is None:
        return {"value": value, "low": None, "high": None, "reason": "none here", "dropped": 0, "method": None}
    ends = {"low": value - spread, "high": value + spread}
    return {"value": value, **ends, "reason": None, "dropped": 0, "method": "bootstrap"}


def cell(severity: int, fall: float, state: str, breaks: tuple[str, ...] = ()) -> dict[str, Any]:
    """One corruption at one severity."""
    spread = None if fall == 0 else 0.02
    changes = {"auroc": -fall, "sensitivity": -fall / 2, "specificity": 0.01, "probability": fall, "flips": fall}
    return {
        "severity": severity,
        "value": float(severity),
        "label": f"{severity} % of all",
        "state": state,
        "breaks": list(breaks),
        "auroc": 0.93 - fall,
        "sensitivity": 0.9 - fall / 2,
        "specificity": 0.86,
        "changes": {name: figure(value, spread) for name, value in changes.items()},
    }


def made_up_stress(titles: tuple[str, ...] = ("Blur", "Metal", "JPEG")) -> dict[str, Any]:
    """Each corruption breaks the model at severity 4, by its decisions alone, and at 5."""
    rows = [
        {
            "name": title.lower(),
            "title": title,
            "meaning": "Something happens to the film.",
            "status": "breaks",
            "breaks_at": 4,
            "sentence": f"{title} breaks the model at severity 4.",
            "severities": [
                cell(1, 0.0, "holds"),
                cell(2, 0.01, "holds"),
                cell(3, 0.03, "unclear"),
                cell(4, 0.04, "breaks", ("sensitivity",)),
                cell(5, 0.3, "breaks", ("auroc", "sensitivity")),
            ],
        }
        for title in titles
    ]
    return {
        "schema_version": 1,
        "verdict": f"{len(rows)} of {len(rows)} corruptions break the model.",
        "bundle": "four-block@0123456789ab",
        "operating_point": "youden",
        "threshold": 0.4,
        "films": 180,
        "groups": 93,
        "fractured": 90,
        "films_in_split": 400,
        "clean": {"auroc": figure(0.93), "sensitivity": figure(0.9), "specificity": figure(0.85)},
        "corruptions": rows,
        "left_out": [{"image_id": "cut.jpg", "reason": "It ends too soon."}],
        "without_boxes": 3,
        "limits": {"auroc": 0.05, "sensitivity": 0.1, "specificity": 0.1},
        "notes": ["Something to know."],
        "optimistic_reason": None,
        "bootstrap": {"resamples": 1000, "level": 0.95, "seed": 0},
        "split": "test",
        "data": "films",
        "limit": 500,
        "made": "2026-01-01T00:00:00Z",
        "versions": {"python": "3.11"},
    }
