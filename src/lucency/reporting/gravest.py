"""What a reader of a report must not miss, taken from its sections."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def gravest_facts(evidence: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Where the heat map fails, and the worst subgroup, as sentences; empty where neither is the case.

    Args:
        evidence: "evidence" of report.json.
    """
    facts = []
    maps = evidence.get("heat_maps") or {}
    if maps.get("sets") and _position_beats(maps["sets"][0]):
        facts.append(f"Do not trust the heat map. {maps['verdict']}")
    shuffled = maps.get("randomisation") or {}
    if shuffled.get("changes") is False:
        facts.append(f"Do not trust the heat map. {shuffled['verdict']}")
    kinds = evidence.get("subgroups") or {}
    worst = kinds.get("worst") or {}
    facts += [
        sentence
        for metric, sentence in zip(("auroc", "sensitivity"), kinds.get("sentences", ()), strict=False)
        if worst.get(metric)
    ]
    return facts


def _position_beats(everything: Mapping[str, Any]) -> bool:
    """Whether the better of the two guesses by position points into boxes more often, beyond chance."""
    known = {
        name: everything["maps"][name]["pointing"]["value"]
        for name in ("centre", "elsewhere")
        if everything["maps"][name]["pointing"]["value"] is not None
    }
    if not known:
        return False
    rival = max(known, key=lambda name: float(known[name]))
    high = everything["differences"][rival]["pointing"]["high"]
    return high is not None and bool(high < 0)
