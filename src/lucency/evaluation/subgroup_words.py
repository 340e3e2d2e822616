"""What the figures of subgroups come to, in plain words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from lucency.evaluation.compare import p_words
from lucency.evaluation.subgroup_tests import SIGNIFICANCE

TOO_WIDE = 0.2
"""An interval wider than this says nothing about how good a model is on films of a kind."""

FEWEST_OF_A_CLASS = 10
"""With fewer films of a class, figures about that class say nothing."""

_WORDS = {"auroc": "AUROC", "sensitivity": "sensitivity", "specificity": "specificity"}
_CLASSES = (("fractured", "fractured {}"), ("not_fractured", "{} without fracture"))

Row = Mapping[str, Any]


def called(trait: str, value: str) -> str:
    """A subgroup as it is called in sentences, such as "hip (body part)"."""
    return f"{value} ({trait.replace('_', ' ')})"


def doubt(row: Row, metric: str) -> str | None:
    """Why nothing can be said of a metric of a subgroup, as a sentence without full stop; None where something can.

    Args:
        row: "films", "fractured" and "metrics" of the subgroup.
        metric: "auroc", "sensitivity" or "specificity".
    """
    counts = {"fractured": row["fractured"], "not_fractured": row["films"] - row["fractured"]}
    needed = {"sensitivity": ("fractured",), "specificity": ("not_fractured",)}.get(metric, tuple(counts))
    few = [
        f"{counts[name] or 'no'} {words.format('film' if counts[name] == 1 else 'films')}"
        for name, words in _CLASSES
        if name in needed and counts[name] < FEWEST_OF_A_CLASS
    ]
    if few:
        return f"it has {' and '.join(few)}, and {FEWEST_OF_A_CLASS} of a class are the least"
    figure = row["metrics"][metric]
    if figure["low"] is None:
        return str(figure["reason"])
    if figure["high"] - figure["low"] > TOO_WIDE:
        width = f"{figure['low']:.2f} to {figure['high']:.2f}"
        return f"the interval of its {_WORDS[metric]}, {width}, is wider than {TOO_WIDE}"
    return None


def row_sentence(trait: str, row: Row, metric: str) -> str | None:
    """What cannot be said of a subgroup; None where its figures may be read.

    Args:
        trait: Name of the trait.
        row: Of the subgroup, with "difference".
        metric: What the trait's subgroups are compared by: "auroc" or "sensitivity".
    """
    why = doubt(row, metric)
    if why is None:
        return None
    name, words = called(trait, row["value"]), _WORDS[metric]
    if told_apart(row):
        side, how = ("lower", "low") if row["difference"]["value"] < 0 else ("higher", "high")
        return f"The {words} of {name} is {side} than that of the rest, but how {how} cannot be said: {why}."
    others = [
        f"{_WORDS[other]} {_figure(row['metrics'][other])}"
        for other in ("sensitivity", "specificity")
        if other != metric and doubt(row, other) is None
    ]
    if others:
        return f"Nothing can be said of the {words} of {name}: {why}. It has {' and '.join(others)}."
    return f"Nothing can be said of {name}: {why}."


def told_apart(row: Row) -> bool:
    """Whether a subgroup differs from the rest by more than chance, after the correction for all comparisons."""
    difference = row["difference"]
    return bool(difference and difference["p_adjusted"] is not None and difference["p_adjusted"] < SIGNIFICANCE)


def wholly_below(row: Row) -> bool:
    """Whether a subgroup is told apart, and its interval ends below that of the rest begins."""
    difference = row["difference"]
    if not told_apart(row) or difference["value"] >= 0:
        return False
    high, low = row["metrics"][difference["metric"]]["high"], difference["rest_low"]
    return high is not None and low is not None and bool(high < low)


def trait_sentence(trait: str, rows: Sequence[Row], *, fractured_only: bool) -> str:
    """What a trait tells.

    Args:
        trait: Its name.
        rows: Its subgroups, those whose value is not known among them.
        fractured_only: Whether only fractured films have the trait.
    """
    title = trait.replace("_", " ").capitalize()
    whose = "fractured films" if fractured_only else "films"
    known = [row for row in rows if row["known"]]
    if not known:
        return f"{title}: not known of any of the {whose}."
    unknown = sum(row["films"] for row in rows if not row["known"] and not row["pooled"])
    ending = f" It is not known of {unknown} of {sum(row['films'] for row in rows)} {whose}." if unknown else ""
    if len(rows) == 1:
        return f"{title}: all {whose} are of one value, {known[0]['value']}, so there is nothing to compare."
    apart = [
        f"{row['value']} has a {'lower' if row['difference']['value'] < 0 else 'higher'} {_comparison(row, whose)}"
        for row in known
        if told_apart(row)
    ]
    compared = [
        row for row in known if row["difference"] and row["difference"]["p"] is not None and not row["too_wide"]
    ]
    open_to_doubt = [row for row in known if row["too_wide"] and not told_apart(row)]
    if apart:
        said = f"{title}: {'; '.join(apart)}."
    elif compared:
        said = f"{title}: no difference from the other {whose} can be told for {_listed(compared)}."
    else:
        said = f"{title}: there are too few {whose} to compare."
    doubted = f" Nothing can be said of {_listed(open_to_doubt)}." if open_to_doubt else ""
    return said + doubted + ending


def worst_sentence(candidates: Sequence[tuple[str, Row]], metric: str, comparisons: int) -> str:
    """Names the worst subgroup by a metric, or says that none can be named.

    Args:
        candidates: (trait, row) of the subgroups compared by the metric.
        metric: "auroc" or "sensitivity".
        comparisons: How many comparisons Holm's correction was for.
    """
    words = _WORDS[metric]
    whose = "fractured films" if metric == "sensitivity" else "films"
    among = f"{comparisons} comparison{'s' if comparisons != 1 else ''}"
    worst = worst_of(candidates, metric)
    if worst is not None:
        trait, row = worst
        said = f"{called(trait, row['value'])} has a lower {_comparison(row, whose)}"
        return f"Worst subgroup: {said} after Holm's correction for {among}."
    maybe = [(trait, row) for trait, row in candidates if told_apart(row) and row["difference"]["value"] < 0]
    if maybe:
        trait, row = min(maybe, key=lambda one: float(one[1]["metrics"][metric]["value"]))
        said = f"{called(trait, row['value'])} has a lower {_comparison(row, whose)}"
        corrected = f"after Holm's correction for {among}, but the intervals overlap"
        return f"No worst subgroup is named by {words}: {said} {corrected}."
    if not candidates:
        return f"No subgroup has enough {whose} to be compared by {words}."
    if all(row["difference"]["p"] is None for _, row in candidates):
        return f"No subgroup can be compared by {words}: {candidates[0][1]['difference']['reason']}."
    return (
        f"No worst subgroup can be named by {words}: after Holm's correction for {among}, none is lower than the other"
        f" {whose} by more than chance. Some subgroup always has the lowest figure."
    )


def worst_of(candidates: Sequence[tuple[str, Row]], metric: str) -> tuple[str, Row] | None:
    """The subgroup with the lowest metric among those wholly below the rest; None where there is none.

    Args:
        candidates: (trait, row) of the subgroups compared by the metric.
        metric: "auroc" or "sensitivity".
    """
    below = [(trait, row) for trait, row in candidates if wholly_below(row)]
    return min(below, key=lambda one: float(one[1]["metrics"][metric]["value"]), default=None)


def _listed(rows: Sequence[Row]) -> str:
    values = [str(row["value"]) for row in rows]
    return values[0] if len(values) == 1 else f"{', '.join(values[:-1])} and {values[-1]}"


def _comparison(row: Row, whose: str) -> str:
    difference = row["difference"]
    metric = difference["metric"]
    rest = {"value": difference["rest"], "low": difference["rest_low"], "high": difference["rest_high"]}
    return (
        f"{_WORDS[metric]}, {_figure(row['metrics'][metric])}, than the other {whose}, {_figure(rest)};"
        f" {p_words(difference['p_adjusted'])}"
    )


def _figure(figure: Mapping[str, Any]) -> str:
    if figure["low"] is None:
        return f"{figure['value']:.2f}"
    return f"{figure['value']:.2f} ({figure['low']:.2f} to {figure['high']:.2f})"
