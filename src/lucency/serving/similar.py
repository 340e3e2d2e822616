"""What scores like this one meant on validation films."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

FEWEST = 20
"""Films that are counted together at least; fewer would make a share that says nothing."""


def similar_films(scores: Mapping[str, Any], probability: float) -> dict[str, Any] | None:
    """Validation films with a probability near this one, and how many of them were fractured.

    Args:
        scores: Of a card: "edges" (N + 1), and "fractured" and "not_fractured" (N counts each).
        probability: Calibrated, 0..1.

    Returns:
        {"films", "fractured", "low", "high"}: counts, and the range of probabilities that counts as near; it grows to
        both sides by one bin at a time until it holds `FEWEST` films. None where the card holds no scores.
    """
    if not scores or sum(scores["fractured"]) + sum(scores["not_fractured"]) == 0:
        return None
    edges = scores["edges"]
    bins = len(edges) - 1
    place = next((n for n in range(bins) if probability < edges[n + 1]), bins - 1)
    first = last = place

    def count(name: str) -> int:
        return int(sum(scores[name][first : last + 1]))

    while count("fractured") + count("not_fractured") < FEWEST and (first, last) != (0, bins - 1):
        first, last = max(0, first - 1), min(bins - 1, last + 1)
    fractured, low, high = count("fractured"), round(edges[first], 4), round(edges[last + 1], 4)
    return {"films": fractured + count("not_fractured"), "fractured": fractured, "low": low, "high": high}
