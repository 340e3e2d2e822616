"""One HTML file that tells a whole search and opens offline."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from matplotlib.figure import Figure

from lucency.reporting.html import embedded, page_environment

_WORDS = {
    "history": "The value of each trial with the best so far",
    "values": "What was tried of each dimension against what came of it",
    "importance": "How much each dimension decided how good a trial was",
}


def render_search(search: Mapping[str, Any], figures: Mapping[str, Figure]) -> str:
    """The search as one page without any outside resource.

    Args:
        search: The content of search.json, schema 1, with "best" not None.
        figures: As `search_figures` gives them.

    Returns:
        The HTML text.
    """
    best = search["best"]["trial"]
    sign = -1 if search["direction"] == "maximize" else 1
    order = {"complete": 0, "pruned": 1, "failed": 2}
    ranked = sorted(
        search["trials"],
        key=lambda trial: (order[trial["state"]], sign * (trial["value"] or 0.0), trial["trial"]),
    )
    return (
        page_environment()
        .get_template("search.html.j2")
        .render(
            title=f"Lucency search: {search['recipe']}",
            search=search,
            ranked=ranked,
            best=best,
            figures={name: embedded(figure, name=name, words=_WORDS[name]) for name, figure in figures.items()},
        )
    )
