"""The audit in one plain sentence, two at most: the worst thing that was found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from lucency.datasets.audit.findings import Finding

MUCH = 0.02
"""From this share of leaking films on, leakage is the first thing to say."""

_SPLITS = {"test": "test", "val": "validation"}
_WORDS = {"fractured": "fractured", "not_fractured": "not fractured"}


def audit_verdict(
    *,
    films: int,
    readable: int,
    classes: Mapping[str, Mapping[str, int]],
    splits_are: str,
    leakage: Mapping[str, Mapping[str, Any] | None],
    look_up: Mapping[str, Mapping[str, Any] | None],
    shortcuts: Sequence[Mapping[str, Any]] | None,
    findings: Sequence[Finding],
    searched: str,
) -> str:
    """What a person must know first.

    The order: nothing to look at, one class only, much leakage, damage that tells the class, a shortcut, labels that
    contradict each other, any other error or warning, a little leakage, nothing. Where much would leak from a random
    split, the next of these three has a second sentence.

    Args:
        films: Films in all.
        readable: Films that can be read.
        classes: For "fractured" and "not_fractured": "films" and "readable".
        splits_are: "given" or "random".
        leakage: For "val" and "test", as in the audit's JSON.
        look_up: Likewise.
        shortcuts: Likewise; None where nobody looked for them.
        findings: What the checks found.
        searched: "pixels" where copies were looked for in pixels, "bytes" where only equal files are known.

    Returns:
        Plain text that ends with a full stop.
    """
    if not films:
        return "There are no films."
    if not readable:
        return "The only film cannot be read." if films == 1 else f"None of the {films} films can be read."
    for key, word in _WORDS.items():
        if classes[key]["films"] == films:
            who = "The only film is" if films == 1 else f"All {films} films are"
            return f"{who} {word}: with one class only there is nothing to tell apart."
    worst = _worst(leakage)
    leak = _leakage(worst, leakage[worst] or {}, look_up.get(worst), splits_are == "random") if worst else ""
    much = worst is not None and _share(leakage[worst]) >= MUCH
    others = [_damage(findings), _shortcut(shortcuts or ()), _contradiction(findings)]
    told = [sentence for sentence in (leak if much else "", *others, _gravest(findings), leak) if sentence]
    if not told:
        unlooked = " Shortcuts were not looked for." if shortcuts is None else ""
        return _nothing(leakage, splits_are, searched) + unlooked
    # A split that nobody made spoils no figure yet: what is wrong with the films themselves is said too.
    further = next((sentence for sentence in others if sentence), "") if much and splits_are == "random" else ""
    return f"{told[0]} {further}".rstrip()


def _share(counts: Mapping[str, Any] | None) -> float:
    if counts is None:
        return 0.0
    return max(float(counts["share_with_copy_in_train"]), float(counts["share_of_group_in_train"] or 0.0))


def _worst(leakage: Mapping[str, Mapping[str, Any] | None]) -> str | None:
    # The test figure is the one that is quoted; val speaks where test has nothing to say, or a trace beside its much.
    leaking = [side for side in _SPLITS if _share(leakage.get(side))]
    return next((side for side in leaking if _share(leakage[side]) >= MUCH), leaking[0] if leaking else None)


def _leakage(side: str, counts: Mapping[str, Any], measured: Mapping[str, Any] | None, random: bool) -> str:
    copies, groups = counts["share_with_copy_in_train"], counts["share_of_group_in_train"] or 0.0
    inferred = counts["groups_known_from"] == "inferred"
    whose = f"the {_SPLITS[side]} films" if random else f"your {_SPLITS[side]} films"
    are = "would be" if random else "are"
    probably = ("would probably be" if random else "are probably") if inferred else are
    clause = f"{_percent(copies)} of {whose} {are} copies of training films"
    if not copies or (copies < MUCH and groups > 2 * copies):
        further = f", and {_percent(copies)} {are} copies" if copies else ""
        clause = f"{_percent(groups)} of {whose} {probably} of a patient or exam with films in training{further}"
    kept = "copies, patients and exams are" if counts["groups_known_from"] else "copies are"
    begins = f"Split at random, as notebooks do, {clause}" if random else clause
    if measured is None:
        return f"{begins}."
    as_split, grouped = measured["as_split"], measured["copies_grouped"]
    scored, again = _scores(as_split, grouped)
    scores = f"a nearest-neighbour look-up {scored} on {'such a' if random else 'your'} split"
    return f"{begins}: {scores} and {again} once {kept} kept on one side." if again else f"{begins}: {scores}."


def _scores(as_split: Mapping[str, Any], grouped: Mapping[str, Any] | None) -> tuple[str, str]:
    # Where one class is rare a look-up may be less accurate than one constant answer; its ranking still tells.
    blunt = as_split["accuracy"] <= as_split["majority_accuracy"]
    if blunt and as_split["auroc"] is not None and (grouped is None or grouped["auroc"] is not None):
        again = "" if grouped is None else f"{grouped['auroc']:.2f}"
        return f"reaches an AUROC of {as_split['auroc']:.2f}", again
    return f"scores {_percent(as_split['accuracy'])}", "" if grouped is None else _percent(grouped["accuracy"])


def _damage(findings: Sequence[Finding]) -> str:
    for finding in findings:
        if finding.check == "files" and finding.severity == "warning" and "chance" in finding.evidence:
            return finding.message
    return ""


def _shortcut(shortcuts: Sequence[Mapping[str, Any]]) -> str:
    strong = [probe for probe in shortcuts if probe.get("severity") == "warning" and probe.get("auroc") is not None]
    if not strong:
        return ""
    worst = max(strong, key=lambda probe: float(probe["auroc"]))
    title = str(worst["title"]).rstrip(".")
    return (
        f'The label can be told without looking at bone: "{title}" alone reaches an AUROC of {worst["auroc"]:.2f},'
        " where 0.5 is guessing."
    )


def _contradiction(findings: Sequence[Finding]) -> str:
    for finding in findings:
        if finding.check == "labels" and finding.severity == "warning" and "sets" in finding.evidence:
            return finding.message
    return ""


def _gravest(findings: Sequence[Finding]) -> str:
    for severity in ("error", "warning"):
        for finding in findings:
            # Leakage has a sentence of its own.
            if finding.severity == severity and not (finding.check == "leakage" and "share" in finding.evidence):
                return finding.message
    return ""


def _nothing(leakage: Mapping[str, Mapping[str, Any] | None], splits_are: str, searched: str) -> str:
    rest = "nothing was found that would make a test figure look better than it is."
    if not any(leakage.get(side) is not None for side in _SPLITS):
        return rest[0].upper() + rest[1:]
    how = ", byte for byte" if searched == "bytes" else ""
    if splits_are == "random":
        return f"Split at random, as notebooks do, no film would stand on two sides{how}, and {rest}"
    return f"No film stands on two sides of the split{how}, and {rest}"


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"
