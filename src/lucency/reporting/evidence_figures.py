"""Figures of the sections that a report has beyond its metrics."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from matplotlib.figure import Figure

from lucency.reporting.abstention_figures import abstention_figures
from lucency.reporting.decision_curve_figures import decision_curve_figures
from lucency.reporting.heat_maps_figures import heat_maps_figures
from lucency.reporting.shift_figures import shift_figures
from lucency.reporting.subgroups_figures import subgroups_figures

EVIDENCE_FIGURES: Mapping[str, Callable[[Mapping[str, Any]], dict[str, Figure]]] = {
    "shift": shift_figures,
    "decision_curve": decision_curve_figures,
    "abstention": abstention_figures,
    "subgroups": subgroups_figures,
    "heat_maps": heat_maps_figures,
}
"""For each section that has figures the function that draws them; their names begin with that of the section."""


def evidence_figures(evidence: Mapping[str, Mapping[str, Any]]) -> dict[str, Figure]:
    """All figures of a report's sections, by name.

    Args:
        evidence: "evidence" of report.json.
    """
    found: dict[str, Figure] = {}
    for name, draw in EVIDENCE_FIGURES.items():
        if name in evidence:
            found |= draw(evidence[name])
    return found
