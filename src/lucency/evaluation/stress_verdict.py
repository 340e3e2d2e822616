"""The result of a stress test in plain words: a sentence on each corruption, and one verdict."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from lucency.evaluation.stress import LIMITS

_WORDS = {"auroc": "AUROC", "sensitivity": "sensitivity", "specificity": "specificity"}


def corruption_sentence(row: Mapping[str, Any], clean: Mapping[str, Mapping[str, Any]], *, films: int) -> str:
    """What came of one corruption.

    Args:
        row: An entry of "corruptions" as `evaluate_stress` gives it.
        clean: Its "clean".
        films: Its "films".
    """
    cells, title = row["severities"], row["title"]
    if row["status"] == "breaks":
        cell = next(cell for cell in cells if cell["severity"] == row["breaks_at"])
        falls = " and ".join(
            f"{_WORDS[name]} falls from {clean[name]['value']:.2f} to {cell[name]:.2f}, a change of "
            f"{_change(cell['changes'][name])}"
            for name in cell["breaks"]
        )
        before = [other["severity"] for other in cells if other["severity"] < cell["severity"]]
        unsure = [
            other["severity"] for other in cells if other["severity"] < cell["severity"] and other["state"] == "unclear"
        ]
        doubt = ""
        if unsure:
            doubt = f" At severity {_list(unsure)} the films are too few to rule a break out."
        elif before:
            doubt = " It holds before that."
        return f"{title}: the model breaks at severity {cell['severity']} ({cell['label']}). {_sentence(falls)}.{doubt}"
    if row["status"] == "holds":
        if all(figure["value"] == 0 for cell in cells for figure in cell["changes"].values()):
            return f"{title}: the model does not break {_tried(cells)}. No answer changes."
        name, cell = _worst(cells, "value")
        said = f"the largest fall is in {_WORDS[name]} at severity {cell['severity']} ({cell['label']})"
        if cell["changes"][name]["value"] >= 0:
            return f"{title}: the model does not break {_tried(cells)}. Neither AUROC nor the decisions get worse."
        change = _change(cell["changes"][name])
        return f"{title}: the model does not break {_tried(cells)}. {_sentence(said)}, a change of {change}."
    name, cell = _worst(cells, "low")
    return (
        f"{title}: no break is shown {_tried(cells)}, but {films} films are too few to rule one out: at "
        f"severity {cell['severity']} ({cell['label']}) {_WORDS[name]} changes by {_change(cell['changes'][name])}."
    )


def stress_verdict(content: Mapping[str, Any], *, optimistic_reason: str | None = None) -> str:
    """The whole test in a few sentences.

    Args:
        content: As `evaluate_stress` gives it.
        optimistic_reason: Why the clean figures are too good, as a sentence, or None.
    """
    rows: Sequence[Mapping[str, Any]] = content["corruptions"]
    auroc, films = content["clean"]["auroc"], content["films"]
    optimistic = [f"The figures are optimistic: {optimistic_reason.rstrip('.')}."] if optimistic_reason else []
    measured = f"{films} films of {content['groups']} groups, {content['fractured']} fractured"
    # A model without a mistake has no interval.
    if (auroc["value"] if auroc["low"] is None else auroc["low"]) <= 0.5:
        interval = f", 95 % interval {auroc['low']:.2f} to {auroc['high']:.2f}" if auroc["low"] is not None else ""
        told = (
            f"On the films as they are ({measured}) the model is not shown to tell fractured from other films (AUROC "
            f"{auroc['value']:.2f}{interval}). What knows nothing has nothing to lose: no corruption can be judged."
        )
        return " ".join([told, *optimistic])
    sentences = []
    broken = sorted((row for row in rows if row["status"] == "breaks"), key=lambda row: int(row["breaks_at"]))
    unclear = [row for row in rows if row["status"] == "unclear"]
    if not broken:
        breaks = "No corruption is shown to break the model" if len(rows) > 1 else "It is not shown to break the model"
        tried = _tried(rows[0]["severities"])
        sentences.append(f"{breaks} {tried}, on {measured}.")
    else:
        named = "; ".join(f"{_inside(row['title'])} at severity {row['breaks_at']} ({_label(row)})" for row in broken)
        sentences.append(
            f"{len(broken)} of {len(rows)} corruption{'s' if len(rows) != 1 else ''} "
            f"break{'s' if len(broken) == 1 else ''} the model on {measured}: {named}."
        )
    held = [_inside(row["title"]) for row in rows if row["status"] == "holds"]
    if held and len(rows) > 1:
        sentences.append(f"It holds under {_names(held)}.")
    if unclear:
        sentences.append(
            f"For {_names([_inside(row['title']) for row in unclear])}, {films} films are too few to tell."
        )
    return " ".join([*sentences, *optimistic])


def _sentence(words: str) -> str:
    return words[0].upper() + words[1:]


def _inside(title: str) -> str:
    """A title within a sentence: "side markers", but "JPEG"."""
    return title if title.isupper() else title.lower()


def _worst(cells: Sequence[Mapping[str, Any]], key: str) -> tuple[str, Mapping[str, Any]]:
    """The metric and the cell that come closest to breaking, by the value or by the lower end of the interval."""

    def nearness(name: str, cell: Mapping[str, Any]) -> float:
        figure = cell["changes"][name]
        end = figure[key] if figure[key] is not None else figure["value"]
        return float(end) / LIMITS[name]

    # Where the state of a cell is known it is no reason for doubt.
    doubtful = [cell for cell in cells if cell["state"] == "unclear"] if key == "low" else cells
    return min(((name, cell) for cell in doubtful for name in LIMITS), key=lambda pair: nearness(*pair))


def _change(figure: Mapping[str, Any]) -> str:
    value = f"{figure['value']:+.3f}"
    if figure["low"] is None:
        return f"{value} (no interval: {figure['reason']})"
    return f"{value} (95 % interval {figure['low']:+.3f} to {figure['high']:+.3f})"


def _label(row: Mapping[str, Any]) -> str:
    return next(str(cell["label"]) for cell in row["severities"] if cell["severity"] == row["breaks_at"])


def _tried(cells: Sequence[Mapping[str, Any]]) -> str:
    if len(cells) == 5:
        return "within the five severities"
    return f"at severity {_list([cell['severity'] for cell in cells])}"


def _list(numbers: Sequence[int]) -> str:
    return _names([str(number) for number in numbers])


def _names(words: Sequence[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
