"""Figures of abstention and of a recalibration, drawn from plain numbers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from matplotlib.figure import Figure

from lucency.reporting.canvas import FRACTURED, MUTED, NOT_FRACTURED, legend, new_figure, style


def abstention_figures(section: Mapping[str, Any]) -> dict[str, Figure]:
    """Share of uncertain films, and of wrong answers among the decided ones, against the error rate asked for.

    Args:
        section: As `evaluation.conformal.abstention_section` gives it.

    Returns:
        "abstention_rates".
    """
    figure = new_figure(4.8, 4.0)
    axes = figure.add_subplot()
    asked = [rate["error_rate"] for rate in section["rates"]]
    for name, colour, marker, words in (
        ("uncertain", NOT_FRACTURED, "o", "uncertain, of all films"),
        ("wrong", FRACTURED, "s", "wrong, of the decided films"),
    ):
        shown = [(rate["error_rate"], rate[name]) for rate in section["rates"] if rate[name]["value"] is not None]
        places, values = [at for at, _ in shown], [one["value"] for _, one in shown]
        axes.plot(places, values, color=colour, marker=marker, markersize=5, linewidth=1.5, label=words)
        for at, one in shown:
            if one["low"] is not None:
                axes.plot([at, at], [one["low"], one["high"]], color=colour, linewidth=1, alpha=0.6)
    axes.plot(asked, asked, color=MUTED, linewidth=1, linestyle=(0, (4, 3)), label="as many wrong as asked for")
    axes.set(ylim=(0, 1), xlim=(0, 1.1 * max(asked)))
    axes.set_xticks(asked, [f"{100 * rate:g} %" for rate in asked])
    style(axes, title="When it says uncertain", x="Error rate asked for, in each class", y="Share")
    legend(axes, "upper right")
    return {"abstention_rates": figure}


def decided_films(section: Mapping[str, Any], rate: Mapping[str, Any]) -> dict[str, tuple[int, int]]:
    """Films decided at an error rate and films in all: of "all" films, and of each class.

    Args:
        section: As `evaluation.conformal.abstention_section` gives it.
        rate: One of its "rates".
    """
    counted = {name: (rate["classes"][name]["uncertain"]["value"], films) for name, films in section["films"].items()}
    counted["all"] = (rate["uncertain"]["value"], sum(section["films"].values()))
    return {
        name: (0 if share is None else round((1 - share) * films), films) for name, (share, films) in counted.items()
    }


def reliability_points(side: Mapping[str, Any], *, title: str) -> Figure:
    """Said probability against the observed share of fractures.

    Args:
        side: "old" or "expected" of recalibration.json.
        title: Above it.
    """
    figure = new_figure(4.8, 4.4)
    axes = figure.add_subplot()
    axes.plot([0, 1], [0, 1], color=MUTED, linewidth=1, linestyle=(0, (4, 3)), label="perfectly calibrated")
    bins, fitted = side["reliability"], side["calibration"]
    axes.plot(
        [row["mean_probability"] for row in bins],
        [row["observed"] for row in bins],
        color=NOT_FRACTURED,
        linewidth=1.5,
        marker="o",
        markersize=5,
        clip_on=False,
        label=f"{len(bins)} bin{'s' if len(bins) != 1 else ''} of equally many films",
    )
    axes.set(xlim=(0, 1), ylim=(0, 1), aspect="equal")
    style(
        axes,
        title=f"{title}, ECE {fitted['ece']:.3f} (floor {fitted['ece_floor']:.3f})",
        x="Said probability of a fracture",
        y="Observed share of fractures",
    )
    legend(axes, "upper left")
    return figure
