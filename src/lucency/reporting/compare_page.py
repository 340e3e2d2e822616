"""One HTML file that tells a whole comparison and opens offline."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from matplotlib.figure import Figure

from lucency.reporting.html import METRIC_WORDS, embedded, page_environment

_FIGURES = {
    "training": "Loss, accuracy and AUROC of all runs over the epochs of training",
    "roc": "Receiver operating characteristic of all models with their operating points",
    "precision_recall": "Precision against recall of all models, with the share of fractured films as a floor",
    "reliability": "Said probability against the observed share of fractures, for all models",
    "differences": "Differences to the baseline with their intervals",
}
_TESTS = {"bootstrap": "bootstrap", "delong": "DeLong", "mcnemar": "McNemar"}


def render_comparison(content: Mapping[str, Any], figures: Mapping[str, Figure | bytes]) -> str:
    """The comparison as one page without any outside resource.

    Args:
        content: The content of compare.json, schema 1.
        figures: By name: "training", "roc", "precision_recall", "reliability" and "differences".

    Returns:
        The HTML text.
    """
    environment = page_environment()
    environment.filters.update(
        signed=signed, p_value=p_value, size=size, duration=duration, milliseconds=milliseconds, plain=plain
    )
    return environment.get_template("compare.html.j2").render(
        title="Lucency comparison: " + ", ".join(run["name"] for run in content["runs"]),
        content=content,
        metric_names=METRIC_WORDS,
        tests=_TESTS,
        figures={
            name: embedded(figure, name=f"compare {name}", words=_FIGURES.get(name, name))
            for name, figure in figures.items()
        },
    )


def signed(value: float | None, digits: int = 3) -> str:
    """A difference with its sign: "+0.012"."""
    return "-" if value is None else f"{value:+.{digits}f}"


def p_value(p: float | None) -> str:
    """A p-value: "0.048", "< 0.001"."""
    return "-" if p is None else "< 0.001" if p < 0.001 else f"{p:.3f}"


def size(count: int | None) -> str:
    """Bytes as a person reads them: "128.5 kB"."""
    if count is None:
        return "-"
    return f"{count / 1e6:.1f} MB" if count >= 1e6 else f"{count / 1e3:.1f} kB"


def duration(seconds: float | None) -> str:
    """Seconds as a person reads them: "3.4 s", "12 min", "2.5 h"."""
    if seconds is None:
        return "-"
    if seconds < 120:
        return f"{seconds:.1f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


def milliseconds(seconds: float | None) -> str:
    """Seconds in thousandths: "4.1 ms"."""
    return "-" if seconds is None else f"{1000 * seconds:.1f} ms"


def plain(value: Any) -> str:
    """A recipe value as text; "-" where there is none."""
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
