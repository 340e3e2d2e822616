"""The result of an evaluation in plain words: one verdict, and notes on what weakens it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from lucency.evaluation.intervals import FEWEST_GROUPS

FEW_FILMS = 30
ENOUGH_OF_A_CLASS = 25
"""With fewer groups of a class than this, intervals of figures about it are somewhat too narrow."""

_SPLITS = {"test": "test", "val": "validation", "train": "training"}
_ANSWERS = {"fractured": "'fractured'", "not_fractured": "'not fractured'"}


def verdict_sentence(
    *,
    metrics: Mapping[str, Mapping[str, Any]],
    films: int,
    groups: int,
    fractured: int,
    split: str,
    baselines: Sequence[Mapping[str, Any]],
    optimistic_reason: str | None,
    unit: str = "film",
) -> str:
    """What the figures say, and first of all what speaks against them.

    Args:
        metrics: Figures by name, each with "value", "low", "high" and "reason".
        films: Number of films.
        groups: Number of groups.
        fractured: Number of fractured films.
        split: "test", "val" or "train".
        baselines: Each with "name", "accuracy" and "detail".
        optimistic_reason: A sentence that is appended, or None.
        unit: What is counted: "film" or "exam".

    Returns:
        One paragraph of plain text.
    """
    place = f"on {films} {_SPLITS.get(split, split)} {unit}s of {groups} group{'s' if groups != 1 else ''}"
    if films < FEWEST_GROUPS:
        told = f"Nothing can be said of the model {place}: that is too few for any figure."
        return told + (f" The figure is optimistic: {optimistic_reason.rstrip('.')}." if optimistic_reason else "")
    answer, always = _majority(baselines, films, fractured)
    accuracy = metrics["accuracy"]["value"]
    sentences = [
        f"{_auroc_words(metrics['auroc'])} {place}; always answering {answer} would be {_percent(always)} "
        f"accurate, this model is {_percent(accuracy)}."
    ]
    auroc = metrics["auroc"]
    if auroc["low"] is not None:
        if auroc["high"] < 0.5:
            sentences.append(f"It ranks {unit}s the wrong way round: check whether the labels are swapped.")
        elif auroc["low"] <= 0.5:
            sentences.append(f"The interval includes 0.5: on these {unit}s the model cannot be told from guessing.")
    if accuracy < always:
        sentences.append(f"At this operating point it is less accurate than always answering {answer}.")
    for baseline in baselines:
        if baseline["name"] == "nearest_neighbour" and baseline["accuracy"] >= accuracy:
            sentences.append(
                "Copying the label of the most similar training film is at least as accurate "
                f"({_percent(baseline['accuracy'])})."
            )
    if optimistic_reason:
        sentences.append(f"The figure is optimistic: {optimistic_reason.rstrip('.')}.")
    return " ".join(sentences)


def _majority(baselines: Sequence[Mapping[str, Any]], films: int, fractured: int) -> tuple[str, float]:
    for baseline in baselines:
        if baseline["name"] == "majority":
            return _ANSWERS.get(baseline["detail"].get("answer"), "the same"), float(baseline["accuracy"])
    answer = "fractured" if 2 * fractured > films else "not_fractured"
    return _ANSWERS[answer], max(fractured, films - fractured) / films


def _auroc_words(auroc: Mapping[str, Any]) -> str:
    if auroc["value"] is None:
        return f"AUROC cannot be computed ({auroc['reason']})"
    if auroc["low"] is None:
        return f"AUROC {auroc['value']:.2f} (no interval: {auroc['reason']})"
    return f"AUROC {auroc['value']:.2f} (95 % interval {auroc['low']:.2f} to {auroc['high']:.2f})"


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def reservations(
    *,
    films: int,
    fractured: int,
    distinct_scores: int,
    groups: int | None,
    unit: str = "film",
    groups_of_classes: tuple[int, int] | None = None,
) -> list[str]:
    """What a reader must know before believing any figure.

    Args:
        films: Number of films.
        fractured: Number of fractured films.
        distinct_scores: Number of different scores.
        groups: Number of groups, or None where no groups are known.
        unit: What is counted: "film" or "exam".
        groups_of_classes: How many groups hold a film without fracture, and how many a fractured one; a film without
            group counts as its own. The films of each class if left out.

    Returns:
        Sentences, possibly none.
    """
    notes = []
    rarer, word = min((fractured, "fractured"), (films - fractured, "not fractured"))
    if rarer == 0:
        common = "not fractured" if fractured == 0 else "fractured"
        notes.append(f"All {unit}s are {common}: AUROC and whatever else needs both classes cannot be computed.")
    if films < FEW_FILMS:
        notes.append(f"Only {films} {unit}{'s' if films != 1 else ''}: too few to judge a model by.")
    elif 0 < rarer < 10:
        notes.append(
            f"Only {rarer} of {films} {unit}s {'is' if rarer == 1 else 'are'} {word}: figures about such {unit}s "
            "are very uncertain."
        )
    held = groups_of_classes or (films - fractured, fractured)
    fewest, words = min((held[1], "fractured"), (held[0], "not fractured"))
    if FEWEST_GROUPS <= fewest < ENOUGH_OF_A_CLASS:
        where = f"Only {fewest} {unit}s are {words}"
        if fewest < (fractured if words == "fractured" else films - fractured):
            where = f"Only {fewest} groups hold {unit}s that are {words}"
        notes.append(
            f"{where}: intervals of figures about such {unit}s are somewhat too narrow (with ten about 90 of 100 hold "
            "the truth, not 95)."
        )
    if films > 1 and distinct_scores == 1:
        notes.append(f"All {unit}s have the same score: the model tells no {unit} from another.")
    if groups is None:
        notes.append(
            f"No groups (patients or exams) are known, so each {unit} counts as independent: if some {unit}s show "
            "the same patient, the intervals are too narrow."
        )
    elif groups == 1:
        notes.append(f"All {unit}s are of one group: no interval can be estimated.")
    return notes
