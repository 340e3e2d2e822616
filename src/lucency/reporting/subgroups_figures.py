"""The figure of subgroups, drawn from the section "subgroups" of report.json."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from matplotlib.figure import Figure

from lucency.reporting.canvas import FRACTURED, INK, MUTED, NOT_FRACTURED, new_figure, printable, style

Section = Mapping[str, Any]

_TITLES = {"auroc": "AUROC", "sensitivity": "Sensitivity"}
_LONGEST = 44
_SHARES = ("auroc", "sensitivity", "specificity", "ppv", "npv")


def subgroups_figures(section: Section) -> dict[str, Figure]:
    """Both figures where the numbers allow: "subgroups_auroc" and "subgroups_sensitivity".

    Args:
        section: What `measure_subgroups` gave.
    """
    return {
        f"subgroups_{metric}": forest_figure(section, metric)
        for metric in _TITLES
        if any(_rows(metric, trait) for trait in section["traits"])
    }


def forest_figure(section: Section, metric: str) -> Figure:
    """A metric of every subgroup with its interval, beside that of all films; in brackets the fractured of its films.

    Full dots are subgroups of which something can be said; hollow ones, of which nothing can. Those told apart from the
    rest are in the warmer colour.

    Args:
        section: What `measure_subgroups` gave; at least one subgroup has the metric.
        metric: "auroc" or "sensitivity".
    """
    lines: list[tuple[str, Mapping[str, Any] | None]] = []
    for trait in section["traits"]:
        rows = _rows(metric, trait)
        if rows:
            lines.append((trait["name"].replace("_", " ").capitalize(), None))
            lines += [(_label(row), row) for row in rows]
    figure = new_figure(7.6, 1.1 + 0.3 * len(lines))
    axes = figure.add_subplot()
    overall = section["overall"][metric]
    if overall["value"] is not None:
        axes.axvline(overall["value"], color=MUTED, linewidth=1.2, linestyle=(0, (4, 3)))
        if overall["low"] is not None:
            axes.axvspan(overall["low"], overall["high"], color=MUTED, alpha=0.12, linewidth=0)
    for place, (_, row) in enumerate(lines):
        if row is None:
            continue
        found = row["metrics"][metric]
        colour = FRACTURED if _told_apart(section, row, metric) else NOT_FRACTURED
        doubtful = row["too_wide"] or not row["known"]
        if found["low"] is not None:
            axes.plot(
                [found["low"], found["high"]],
                [place, place],
                color=colour,
                linewidth=1.8,
                alpha=0.45 if doubtful else 1,
            )
        axes.plot(
            found["value"],
            place,
            linestyle="none",
            marker="o",
            markersize=6,
            markeredgecolor=colour,
            markerfacecolor="none" if doubtful else colour,
            clip_on=False,
        )
    axes.set_yticks(range(len(lines)), [printable(label) for label, _ in lines])
    axes.set_ylim(len(lines) - 0.4, -0.6)
    axes.set_xlim(min(0.5, _lowest(lines, metric)), 1.005)
    style(axes, title=f"{_TITLES[metric]} with 95 % interval; broken line: all films", x=_TITLES[metric])
    axes.tick_params(axis="y", length=0)
    for tick, (_, row) in zip(axes.get_yticklabels(), lines, strict=True):
        if row is None:
            tick.set_fontweight("bold")
        elif row["too_wide"] or not row["known"]:
            tick.set_color(MUTED)
    axes.spines["left"].set_color(INK)
    return figure


def figure_state(section: Section, row: Mapping[str, Any], metric: str) -> str:
    """How a figure of a subgroup is shown in a table.

    Args:
        section: What `measure_subgroups` gave.
        row: Of one of its traits.
        metric: One of the row's "metrics".

    Returns:
        "none" where the films of a class that it needs are too few, "faint" where its interval is too wide, or "plain".
    """
    figure, fewest = row["metrics"][metric], section["limits"]["fewest_of_a_class"]
    fractured, others = row["fractured"], row["films"] - row["fractured"]
    needed = {"sensitivity": fractured, "specificity": others}.get(metric, min(fractured, others))
    if figure["value"] is None or needed < fewest:
        return "none"
    if metric not in _SHARES or _told_apart(section, row, metric):
        return "plain"
    if figure["low"] is None:
        return "none"
    return "faint" if figure["high"] - figure["low"] > section["limits"]["too_wide"] else "plain"


def _rows(metric: str, trait: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    # One kind alone is all the films, which the broken line shows.
    if trait["compared_by"] != metric or len(trait["rows"]) < 2:
        return []
    return [row for row in trait["rows"] if row["metrics"][metric]["value"] is not None]


def _label(row: Mapping[str, Any]) -> str:
    name = row["value"] if len(row["value"]) <= _LONGEST else row["value"][: _LONGEST - 3] + "..."
    films = row["films"] if row["fractured"] == row["films"] else f"{row['fractured']} of {row['films']}"
    return f"{name} ({films})"


def _told_apart(section: Section, row: Mapping[str, Any], metric: str) -> bool:
    found = row["difference"]
    return bool(
        found
        and found["metric"] == metric
        and found["p_adjusted"] is not None
        and found["p_adjusted"] < 1 - section["bootstrap"]["level"]
    )


def _lowest(lines: list[tuple[str, Mapping[str, Any] | None]], metric: str) -> float:
    figures = [row["metrics"][metric] for _, row in lines if row is not None]
    return float(min(found["value"] if found["low"] is None else found["low"] for found in figures)) - 0.02
