"""What has shifted on films of another site, in plain words, and what cannot be told."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lucency.evaluation.compare import SIGNIFICANCE, p_words
from lucency.evaluation.scores import IntArray

FEWEST_OF_A_CLASS = 10
"""With fewer films of a class hardly any shift can be told."""

LARGE_PSI = 0.25
"""By custom (Siddiqi 2006) a population stability index above this is a large shift."""

_SPLITS = {"test": "test films", "val": "validation films", "train": "training films"}
_RECALIBRATE = "With labelled films of this site, adjust them: lucency recalibrate BUNDLE FILMS."


def auroc_sentence(row: Mapping[str, Any], split: str | None) -> str:
    """Whether the AUROC fell.

    Args:
        row: Of "differences", for AUROC.
        split: Which films of the bundle the reference was measured on.
    """
    here, there, found = row["here"], row["reference"], row["difference"]
    whose = f"on the {_SPLITS.get(split or '', 'films')} of the bundle"
    if here is None or here["value"] is None:
        return f"AUROC cannot be computed here: {'it was not measured' if here is None else here['reason']}."
    if there is None or there["value"] is None:
        return f"AUROC is {_figure(here)} here; what it was {whose} is unknown, so whether it fell cannot be said."
    said = f"{_figure(here)} here against {_figure(there)} {whose}"
    if found["low"] is None:
        return f"AUROC: {said}. Whether that is more than chance cannot be said: {found['reason']}."
    overlap = "the two intervals overlap" if row["overlap"] else "the two intervals do not overlap"
    ends = f"{_ends(found)}; {p_words(found['p'])}; {overlap}"
    if found["p"] >= SIGNIFICANCE:
        ruled_out = f" A fall of up to {-found['low']:.2f} cannot be ruled out." if found["low"] < 0 else ""
        return f"No change of AUROC can be told: {said} (difference {found['value']:+.2f}, {ends}).{ruled_out}"
    word = "lower" if found["value"] < 0 else "higher"
    return f"AUROC is {word}: {said} (difference {found['value']:+.2f}, {ends})."


def prevalence_sentence(prevalence: Mapping[str, Any]) -> str:
    """Whether fractures are more or less frequent."""
    here, there, found = prevalence["here"], prevalence["reference"], prevalence["difference"]
    said = f"{100 * here['value']:.1f} % of the films are fractured here"
    if there is None:
        return f"{said}; how many were where the bundle was measured is unknown."
    said += f", {100 * there['value']:.1f} % where the bundle was measured"
    if found["p"] is None:
        return f"{said}; whether that is more than chance cannot be said: {found['reason']}."
    if found["p"] >= SIGNIFICANCE:
        return f"{said}: no difference can be told ({p_words(found['p'])})."
    return f"{said} ({p_words(found['p'])}): predictive values change with that, whatever the model does."


def scores_sentence(scores: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Whether the scores have moved, class by class; one sentence where that is unknown for both."""
    reasons = {row["reason"] for row in scores.values()}
    if len(reasons) == 1 and None not in reasons:
        return [f"Whether the scores have moved cannot be said: {reasons.pop()}."]
    said = []
    for name, words in (("fractured", "fractured films"), ("not_fractured", "films without fracture")):
        row = scores[name]
        if row["reason"] is not None:
            said.append(f"Whether the scores of {words} have moved cannot be said: {row['reason']}.")
            continue
        measures = (
            f"Kolmogorov-Smirnov distance {row['ks']:.2f}, {p_words(row['p'])}; stability index {row['psi']:.2f}, where"
            f" chance alone stays below {row['psi_by_chance']:.2f} in 95 % of cases"
        )
        if row["p"] >= SIGNIFICANCE:
            said.append(f"No shift of the scores of {words} can be told ({measures}).")
        else:
            large = "much " if row["psi"] > max(LARGE_PSI, row["psi_by_chance"]) else ""
            side = "higher" if row["moved"] > 0 else "lower"
            said.append(
                f"Scores of {words} are {large}{side} here, by {abs(row['moved']):.2f} on average ({measures})."
            )
    return said


def calibration_sentence(
    calibration: Mapping[str, Any], metrics: Mapping[str, Mapping[str, Any]], labels: IntArray
) -> list[str]:
    """Whether probabilities mean here what they say, and what to do.

    Args:
        calibration: "said", "found" and "excess".
        metrics: Figures of these films; "calibration_slope" is read.
        labels: (N,) int64, 1 = fractured.
    """
    excess = calibration["excess"]
    means = f"they say {calibration['said']:.2f} on average, and {calibration['found']:.2f} of the films are fractured"
    if excess["low"] is None:
        return [f"Whether probabilities are too high or too low here cannot be said ({means}): {excess['reason']}."]
    off = excess["low"] > 0 or excess["high"] < 0
    if off:
        word = "high" if excess["value"] > 0 else "low"
        ends = sorted(abs(excess[end]) for end in ("low", "high"))
        by = f"{abs(excess['value']):.2f} ({ends[0]:.2f} to {ends[1]:.2f})"
        said = [f"Probabilities are too {word} here by {by}: {means}."]
    else:
        said = [
            "Probabilities are, on average, neither too high nor too low by more than chance (difference"
            f" {excess['value']:+.2f}, {_ends(excess)}): {means}."
        ]
    slope = metrics.get("calibration_slope")
    if slope is not None and slope["low"] is not None and not slope["low"] <= 1 <= slope["high"]:
        off = True
        words = "too sure of themselves" if slope["value"] < 1 else "too timid"
        said.append(f"They are {words}: calibration slope {_figure(slope)}, where 1 would be right.")
    if off and min(int(labels.sum()), int((1 - labels).sum())) >= FEWEST_OF_A_CLASS:
        said.append(_RECALIBRATE)
    return said


def limits_sentences(
    labels: IntArray,
    reference: Mapping[str, Any],
    *,
    groups_known: bool,
    reference_share: Mapping[str, Any] | None = None,
    histogram_split: str | None = None,
) -> list[str]:
    """What a reader must know before believing any shift.

    Args:
        labels: (N,) int64, 1 = fractured.
        reference: "metrics" of the bundle's card.
        groups_known: Whether groups of these films are known.
        reference_share: Figure of the share of fractures where the bundle was measured, if known.
        histogram_split: Which films of the bundle its scores were counted on, if they were.
    """
    fractured = int(labels.sum())
    rarer, words = min((fractured, "fractured"), (len(labels) - fractured, "without fracture"))
    notes = []
    if rarer < FEWEST_OF_A_CLASS:
        notes.append(
            f"Only {rarer} of {len(labels)} films {'is' if rarer == 1 else 'are'} {words}: of most shifts nothing can"
            " be said from these films."
        )
    if reference.get("optimistic_reason"):
        reason = str(reference["optimistic_reason"]).rstrip(".")
        notes.append(f"The bundle's own figures are optimistic, so a fall may be no fall: {reason}.")
    if reference_share is not None:
        said = "Where the bundle was measured, the interval of the share of fractures counts each film as independent"
        notes.append(f"{said}: if films there shared patients, it is too narrow.")
    if histogram_split == "val":
        notes.append(
            "The bundle's scores are those of its validation films, on which its epoch and its calibration were chosen:"
            " they may lie further apart there than on new films."
        )
    if not groups_known:
        notes.append("No groups (patients or exams) are known here: shifts may look surer than they are.")
    return notes


def _figure(figure: Mapping[str, Any]) -> str:
    if figure["low"] is None:
        return f"{figure['value']:.2f}"
    return f"{figure['value']:.2f} ({figure['low']:.2f} to {figure['high']:.2f})"


def _ends(figure: Mapping[str, Any]) -> str:
    return f"95 % interval {figure['low']:+.2f} to {figure['high']:+.2f}"
