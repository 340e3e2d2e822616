"""What speaks against the figures of a bundle, drawn from what is known of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lucency.reporting.card_sources import CardSources, Fact
from lucency.reporting.facts_of_data import SPLITS, precision
from lucency.reporting.facts_of_results import films_of, flattery, subgroups
from lucency.reporting.figure_words import counted, listed, number, percent, plain


def limits(sources: CardSources) -> list[Fact]:
    """The limits: first why figures flatter, then how wide they are, then what is not known, then not measured."""
    return [*_flattery(sources), *_of_figures(sources), *_of_films(sources), *_not_measured(sources)]


def _flattery(sources: CardSources) -> list[Fact]:
    found = []
    reason = None if sources.main is None else sources.main.get("optimistic_reason")
    if reason:
        found.append(Fact(f"The figures are too good: {plain(reason).rstrip('.')}.", sources.main_place))
    for one in sources.others:
        films = f"A further report ({films_of(one)})"
        if one.get("optimistic_reason"):
            found.append(Fact(f"{films}: {flattery(one)}", "report.json (optimistic_reason)"))
        found += [
            Fact(f"{films}: {plain(finding['message'])}", "report.json (findings)")
            for finding in one.get("findings") or ()
            if finding.get("check") == "leakage"
            and finding.get("severity") in ("error", "warning")
            and finding.get("message")
            and plain(finding["message"]).rstrip(".") not in flattery(one)
        ]
    if sources.audit is not None and sources.audit.get("verdict"):
        found.append(Fact(f"Audit: {plain(sources.audit['verdict'])}", "audit.json (verdict)"))
    return found + [
        Fact(f"Audit, {plain(one.get('check', ''))}: {plain(one['message'])}", _finding_place(sources, one))
        for one in sources.all_findings
        if one.get("severity") in ("error", "warning") and one.get("message")
    ]


def _of_figures(sources: CardSources) -> list[Fact]:
    main, place = sources.main, sources.main_place
    if main is None:
        return [Fact("Nothing was measured: no report was given, and the card has no figures.", "card.json (metrics)")]
    found = []
    narrow = precision(sources)
    if narrow is not None:
        found.append(Fact(narrow.text, place))
    found += [Fact(plain(note), place) for note in main.get("notes") or ()]
    error, floor = (main["metrics"].get("ece") or {}).get("value"), main.get("ece_floor")
    if error is not None and floor is not None and error > floor:
        found.append(
            Fact(
                f"Calibration error (ECE) {number(error)} is above {number(floor)}, what a perfectly calibrated model"
                " would show on so many films: a probability does not quite mean what it says.",
                place,
            )
        )
    accuracy = (main["metrics"].get("accuracy") or {}).get("value")
    for baseline in main.get("baselines") or ():
        if accuracy is not None and baseline.get("accuracy", -1) >= accuracy:
            found.append(
                Fact(
                    f"The baseline {plain(str(baseline['name']).replace('_', ' '))} is at least as accurate"
                    f" ({percent(baseline['accuracy'])}) as the model ({percent(accuracy)}).",
                    place,
                )
            )
    return found


def _of_films(sources: CardSources) -> list[Fact]:
    found = []
    films = sources.films
    if films is not None:
        total, patients = films["films"], films["known"]["patient_id"]
        if patients < total:
            instead = [
                word for word, column in (("studies", "study_id"), ("groups", "group")) if films["known"][column]
            ]
            used = (
                f"; films are kept together by {listed(instead)}, which need not be patients"
                if instead
                else "; nothing tells which films belong together"
            )
            found.append(
                Fact(
                    f"The patient is unknown for {_lacking(total, patients)}{used}. Films of one patient may"
                    " stand in two splits, and intervals may be too narrow.",
                    "manifest.csv",
                )
            )
        found += [
            Fact(
                f"Only {counted(row['fractured'], 'fractured film')} for {SPLITS[split]}: thresholds and calibration"
                " rest on them.",
                "manifest.csv",
            )
            for split, row in films["splits"].items()
            if split == "val" and row["fractured"] < 100
        ]
    again = sources.recalibrated
    if again is not None and again.get("fractured", 0) < 100:
        found.append(
            Fact(
                f"Only {counted(again.get('fractured', 0), 'fractured film')} recalibrated it: thresholds and"
                " calibration rest on them.",
                "card.json (provenance.recalibrated)",
            )
        )
    if sources.imported is not None:
        found += [
            Fact(f"Not known: {plain(what)}.", "card.json (provenance.imported)")
            for what in sources.imported.get("not_known") or ()
        ]
    return found


def _lacking(total: int, known: int) -> str:
    return f"all {counted(total, 'film')}" if not known else f"{total - known:,} of {counted(total, 'film')}"


def _not_measured(sources: CardSources) -> list[Fact]:
    found = []
    if sources.main is not None:
        why = "how the model does on films of another site is not known"
        if sources.elsewhere or not sources.own_figures:
            why = "whether films that were measured come from another site, no file tells"
        found.append(Fact(f"No external validation is known to the program: {why}.", sources.main_place))
    worst = subgroups(sources)
    if worst is not None:
        found.append(Fact(f"Subgroups: {worst.text}", worst.source))
    elif sources.main is not None:
        found.append(
            Fact("Figures of subgroups (body part, view, age, sex) are not part of the report.", sources.main_place)
        )
    maps = (sources.evidence("heat_maps") or {}).get("verdict")
    if maps:
        found.append(Fact(f"Heat maps: {plain(maps)}", f"{sources.main_place} (evidence.heat_maps)"))
    if sources.stress is None:
        found.append(
            Fact(
                "How the answers change with noise, exposure or cropping was not shown to this card.", "no stress.json"
            )
        )
    if "abstention" not in sources.card:
        found.append(Fact("It does not abstain: every film gets a decision, however close.", "card.json"))
    if "gate" not in sources.card:
        found.append(Fact("It has no gate: a picture that is no radiograph gets a probability too.", "card.json"))
    if not sources.findings_known:
        found.append(
            Fact("No audit of the films was given: copies, leakage and shortcuts are not excluded.", "no findings.json")
        )
    return found


def _finding_place(sources: CardSources, finding: Mapping[str, Any]) -> str:
    if sources.findings is not None and finding in sources.findings:
        return "findings.json"
    main = sources.main
    return sources.main_place if main is not None and finding in (main.get("findings") or ()) else "audit.json"
