"""One HTML file that tells how far a bundle was off at a site, and opens offline."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lucency.reporting.abstention_figures import reliability_points
from lucency.reporting.html import embedded, page_environment

_WORDS = {
    "reliability_old": ("old", "Old bundle: said probability against the observed share of fractures"),
    "reliability_expected": ("expected", "New bundle, cross-validated: said probability against the observed share"),
}


def render_recalibration(record: Mapping[str, Any]) -> str:
    """The recalibration as one page without any outside resource.

    Args:
        record: The content of recalibration.json, schema 1.

    Returns:
        The HTML text.
    """
    figures = {
        name: embedded(reliability_points(record[side], title=words.partition(":")[0]), name=name, words=words)
        for name, (side, words) in _WORDS.items()
        if record[side] is not None
    }
    return (
        page_environment()
        .get_template("recalibration.html.j2")
        .render(title=f"Lucency recalibration: {record['data']}", record=record, figures=figures)
    )
