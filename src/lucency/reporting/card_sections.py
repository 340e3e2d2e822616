"""SECTIONS: the text of a model card, section by section."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from lucency.reporting.author_questions import QUESTIONS
from lucency.reporting.card_limits import limits
from lucency.reporting.card_sources import CardSources, Fact
from lucency.reporting.evidence_tables import evidence_lines
from lucency.reporting.facts_of_data import SPLITS, split_counts
from lucency.reporting.facts_of_results import AT_THRESHOLD, films_of, title
from lucency.reporting.figure_words import code, figure, number, percent, plain, table


@dataclass(frozen=True)
class Draft:
    """What the sections are written from.

    Attributes:
        sources: All that is known.
        facts: What was drawn from it.
        answers: The author's answers, by key of `QUESTIONS`.
        command: By which the run was started, without folders; "" where it is not known.
    """

    sources: CardSources
    facts: Mapping[str, Fact | None]
    answers: Mapping[str, str]
    command: str = ""

    def told(self, *names: str) -> list[str]:
        """The known facts of these names, a paragraph each."""
        return [line for name in names if (fact := self.facts[name]) is not None for line in (*_lines(fact.text), "")]


def _lines(text: str) -> list[str]:
    parts = text.split("\n")
    return parts if len(parts) == 1 else [f"- {part}" for part in parts]


def _about(draft: Draft) -> list[str]:
    return draft.told("technique", "goal", "verdict", "model", "output")


def _not_for(draft: Draft) -> list[str]:
    return [
        *draft.told("intended_use"),
        "It must not be used",
        "",
        "- to diagnose, to triage, or to decide anything about a patient;",
        "- in place of a reader, or to hurry one;",
        "- on films unlike those that it was measured on (see Limits).",
        "",
    ]


def _use(draft: Draft) -> list[str]:
    point = code(draft.sources.card.get("default_operating_point"))
    return [
        "```sh",
        "pip install lucency",
        "lucency predict film.jpg --bundle BUNDLE",
        "lucency evaluate BUNDLE FOLDER",
        "```",
        "",
        "`BUNDLE` is the folder with `model.onnx` and `card.json`. The first command gives a probability and a decision"
        f" (by {point} unless `--operating-point` names another); the second measures the model on films of your own.",
        "",
    ]


def _training_data(draft: Draft) -> list[str]:
    rows = [
        (
            SPLITS[split],
            f"{row['films']:,}",
            f"{row['fractured']:,}",
            percent(row["fractured"] / row["films"]) if row["films"] else "-",
        )
        for split, row in split_counts(draft.sources).items()
    ]
    counted = [*table(("Split", "Films", "Fractured", "Share"), rows), ""] if rows else []
    return [
        *draft.told("data_source", "origin"),
        *counted,
        *draft.told("labels", "assignment", "disjoint", "composition", "missing", "quality"),
    ]


def _performance(draft: Draft) -> list[str]:
    main = draft.sources.main
    if main is None:
        return []
    lines = [f"{films_of(main)}. Intervals are 95 % intervals.", ""]
    lines += [
        *table(
            ("Measure", "Value (interval)"), [(title(name), figure(found)) for name, found in main["metrics"].items()]
        ),
        "",
    ]
    points = main.get("operating_points") or ()
    if points:
        rows = [
            (
                code(point["name"]),
                number(point.get("threshold")),
                *(figure(point.get(name)) for name in AT_THRESHOLD),
                _validation(point),
            )
            for point in points
        ]
        heads = (
            "Operating point",
            "Threshold",
            *map(title, AT_THRESHOLD),
            "On the films that fixed it: sensitivity, specificity",
        )
        decided = f"The figures above are at {code(main.get('operating_point'))}."
        lines += [decided, "", *table(heads, rows), ""]
    baselines = [
        (plain(str(one.get("name", "")).replace("_", " ")), number(one.get("accuracy")), number(one.get("auroc")))
        for one in main.get("baselines") or ()
    ]
    if baselines:
        lines += ["What needs no network:", "", *table(("Baseline", "Accuracy", title("auroc")), baselines), ""]
    curve = evidence_lines("decision_curve", draft.sources.evidence("decision_curve"))
    return [*lines, *draft.told("failures", "uncertainty"), *curve, *draft.told("external"), *_shift(draft)]


def _shift(draft: Draft) -> list[str]:
    # Only an evaluation on other films knows how far they are from those of training.
    reports = [draft.sources.main, *draft.sources.others]
    found = [(report.get("evidence") or {}).get("shift") for report in reports if report is not None]
    return [line for section in found for line in evidence_lines("shift", section)]


def _validation(point: Mapping[str, Any]) -> str:
    found = point.get("validation") or {}
    return f"{number(found.get('sensitivity'))}, {number(found.get('specificity'))}"


def _calibration(draft: Draft) -> list[str]:
    lines, main = draft.told("calibration"), draft.sources.main
    error = None if main is None else main["metrics"].get("ece")
    if main is not None and error is not None and error.get("value") is not None:
        floor = main.get("ece_floor")
        beside = "" if floor is None else f"; a perfectly calibrated model would show {number(floor)} on so many films"
        lines += [f"{title('ece')} {number(error['value'])}{beside}.", ""]
    return lines


def _abstention(draft: Draft) -> list[str]:
    told = draft.told("abstention") or ["The bundle does not abstain: every film gets a decision.", ""]
    return told + evidence_lines("abstention", draft.sources.evidence("abstention"))


def _gate(draft: Draft) -> list[str]:
    told = draft.told("gate") or ["The bundle has no gate: any picture that can be read gets a probability.", ""]
    return told + evidence_lines("gate", draft.sources.evidence("gate"))


def _subgroups(draft: Draft) -> list[str]:
    section = draft.sources.evidence("subgroups")
    if section is None:
        return ["The report has no figures of subgroups.", ""]
    return [*draft.told("subgroups"), *evidence_lines("subgroups", section, sentences=False)]


def _heat_maps(draft: Draft) -> list[str]:
    section = draft.sources.evidence("heat_maps")
    told = evidence_lines("heat_maps", section) or [
        "How well the heat maps find fractures was not measured in the report.",
        "",
    ]
    return [*draft.told("heat_map"), *told]


def _robustness(draft: Draft) -> list[str]:
    told = evidence_lines("stress", draft.sources.stress)
    return told or ["No test of robustness was given to this card.", ""]


def _limits(draft: Draft) -> list[str]:
    return [*(f"- {fact.text} ({fact.source})" for fact in limits(draft.sources)), ""]


def _reproduce(draft: Draft) -> list[str]:
    sources = draft.sources
    facts = [("Bundle", code(sources.identity))]
    stored = sources.card.get("model")
    if isinstance(stored, Mapping):
        facts.append(("SHA-256 of the model", code(stored.get("sha256"))))
    for key, name in (("manifest_sha256", "SHA-256 of films, labels, splits and groups"), ("source", "Films")):
        if sources.data.get(key):
            facts.append((name, code(sources.data[key])))
    if sources.recipe:
        facts += [("Recipe", code(sources.recipe.get("name"))), ("Seed", plain(sources.recipe.get("seed")))]
    facts += [
        (key.capitalize(), plain(sources.provenance[key]))
        for key in ("trained", "exported")
        if sources.provenance.get(key)
    ]
    if draft.command:
        facts.append(("Started with", code(draft.command)))
    lines = [*table(("What", "Value"), facts), ""]
    if sources.recipe and draft.command.startswith("lucency cross-validate"):
        table_of_fold = plain(sources.data.get("source") or "FOLD.csv")
        lines += [
            "This model is one fold of a cross-validation. The command above makes all folds again; this one alone"
            " comes from the table of its films and splits, beside its run, and the `recipe.toml` of the run:",
            "",
            "```sh",
            f"lucency train {table_of_fold} --recipe recipe.toml",
            "```",
            "",
        ]
    elif sources.recipe:
        lines += [
            "With the `recipe.toml` of the run and the same films:",
            "",
            "```sh",
            "lucency train FILMS --recipe recipe.toml",
            "```",
            "",
        ]
    return [*lines, *draft.told("initialization", "training", "selection", "imbalance", "software")]


def _licence(draft: Draft) -> list[str]:
    licence = draft.sources.card.get("licence")
    told = [f"Licence of the weights, as the bundle states it: {plain(licence)}", ""] if licence else []
    source = draft.sources.recipe.get("source")
    return [*told, *([f"Source of the recipe: {plain(source)}", ""] if source else []), *draft.told("origin")]


def _citation(draft: Draft) -> list[str]:
    cite = draft.sources.origin.get("cite")
    return [
        f"Name the bundle by its identity, {code(draft.sources.identity)}: it changes with all that changes an answer.",
        "",
        *([f"The films: {plain(cite)}", ""] if cite else []),
    ]


SECTIONS: dict[str, Callable[[Draft], list[str]]] = {
    "What it is": _about,
    "What it is not for": _not_for,
    "How to use it": _use,
    "Training data": _training_data,
    "Preprocessing": lambda draft: draft.told("preprocessing", "film_use", "bad_input"),
    "Performance": _performance,
    "Calibration": _calibration,
    "Abstention": _abstention,
    "Gate": _gate,
    "Subgroups": _subgroups,
    "Heat maps": _heat_maps,
    "Robustness": _robustness,
    "Limits": _limits,
    "How to reproduce": _reproduce,
    "Licence and attribution": _licence,
    "Citation": _citation,
}
"""Title -> lines; a section that has nothing to say says so."""


def section_lines(name: str, draft: Draft) -> list[str]:
    """A section with its heading and what the author added to it."""
    lines = SECTIONS[name](draft)
    for key, question in QUESTIONS.items():
        if question.section == name and key in draft.answers:
            lines += [f"**{question.asks}** {draft.answers[key]}", ""]
    return [f"## {name}", "", *(lines or ["Nothing is known of this.", ""])]
