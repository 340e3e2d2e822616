"""Reporting checklists, filled from facts and from the author's answers; what neither tells stays a question."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from lucency.reporting.author_questions import QUESTIONS
from lucency.reporting.card_sources import Fact
from lucency.reporting.figure_words import code, percent, table

Status = Literal["answered", "question", "not applicable"]


@dataclass(frozen=True)
class Item:
    """One row of a checklist.

    Attributes:
        number: As the checklist numbers it.
        asks: What it asks for, in our own words.
        needs: Names of facts, all of which the program's part of the answer takes; empty where it can know nothing.
        adds: Names of facts that are told too where they are known.
        author: Keys of `QUESTIONS` that the author's part takes.
        not_applicable: Why it does not concern a classifier of films; "" where it does.
    """

    number: str
    asks: str
    needs: tuple[str, ...] = ()
    adds: tuple[str, ...] = ()
    author: tuple[str, ...] = ()
    not_applicable: str = ""


@dataclass(frozen=True)
class Checklist:
    """A published checklist.

    Attributes:
        key: Short name, in `checklists.json`.
        title: Its name.
        citation: The paper that it is from.
        sections: Name of a section -> its rows.
    """

    key: str
    title: str
    citation: str
    sections: Mapping[str, tuple[Item, ...]]


@dataclass(frozen=True)
class FilledItem:
    """One item, filled.

    Attributes:
        item: Its number.
        section: Of the checklist.
        asks: What it asks for.
        status: "answered" in full; "question" where at least a part is left to the author or could not be found;
            "not applicable".
        text: The answer as far as it is known, in Markdown; "" where nothing is.
        source: Files that the text was drawn from; "" without text.
        questions: What is left to be said.
        knowable: Whether the program can know the answer, or a part of it.
        known: Whether it knows that.
    """

    item: str
    section: str
    asks: str
    status: Status
    text: str
    source: str
    questions: tuple[str, ...]
    knowable: bool
    known: bool


def fill(checklist: Checklist, facts: Mapping[str, Fact | None], answers: Mapping[str, str]) -> list[FilledItem]:
    """Every item with what is known.

    Args:
        checklist: What is asked.
        facts: Name -> fact; None where it is not known.
        answers: Key of `QUESTIONS` -> the author's answer.
    """
    return [_fill(item, name, facts, answers) for name, items in checklist.sections.items() for item in items]


def _fill(item: Item, section: str, facts: Mapping[str, Fact | None], answers: Mapping[str, str]) -> FilledItem:
    if item.not_applicable:
        return FilledItem(
            item.number,
            section,
            item.asks,
            "not applicable",
            item.not_applicable,
            "how Lucency works",
            (),
            False,
            False,
        )
    known = [fact for name in (*item.needs, *item.adds) if (fact := facts[name]) is not None]
    lacking = [name for name in item.needs if facts[name] is None]
    questions = [f"The program found no {FACT_WORDS[name]}." for name in lacking]
    for key in item.author:
        stand_in = facts[QUESTIONS[key].fact] if QUESTIONS[key].fact else None
        if key in answers:
            known.append(Fact(answers[key], "the author"))
        elif stand_in is not None:
            known.append(stand_in)
        else:
            questions.append(f"{QUESTIONS[key].asks} (`{key}`)")
    sources = dict.fromkeys(part for fact in known for part in fact.source.split("; "))
    return FilledItem(
        item.number,
        section,
        item.asks,
        "question" if questions else "answered",
        "\n".join(dict.fromkeys(fact.text for fact in known)),
        "; ".join(sources),
        tuple(questions),
        bool(item.needs),
        bool(item.needs) and not lacking,
    )


def tally(filled: Sequence[FilledItem]) -> dict[str, Any]:
    """How much of a checklist is filled.

    Returns:
        "items", "answered", "questions", "not_applicable"; "knowable": items of which the program can know the answer
        or a part of it; "known": of these, those of which it does; "share": known of knowable, None without any.
    """
    statuses = [one.status for one in filled]
    knowable = [one for one in filled if one.knowable]
    known = sum(one.known for one in knowable)
    return {
        "items": len(filled),
        "answered": statuses.count("answered"),
        "questions": statuses.count("question"),
        "not_applicable": statuses.count("not applicable"),
        "knowable": len(knowable),
        "known": known,
        "share": known / len(knowable) if knowable else None,
    }


def tally_words(counts: Mapping[str, Any]) -> str:
    """What `tally` gave, as a sentence or two."""
    share = "" if counts["share"] is None else f" ({percent(counts['share'])})"
    return (
        f"Of {counts['items']} items {counts['answered']} are answered in full, {counts['questions']} hold a question"
        f" for the author, {counts['not_applicable']} do not apply. Of the {counts['knowable']} items that the program"
        f" can answer in whole or in part it filled {counts['known']}{share}."
    )


def checklist_page(checklist: Checklist, filled: Sequence[FilledItem], identity: str) -> str:
    """A filled checklist in Markdown.

    Args:
        checklist: What is asked.
        filled: What `fill` gave.
        identity: Of the bundle.
    """
    rows = []
    for one in filled:
        questions = [f"**Question for the author:** {question}" for question in one.questions]
        source = f"*From: {one.source}*" if one.source else ""
        rows.append(
            (
                one.item,
                f"{one.section}: {one.asks}",
                "\n".join(part for part in (one.text, source, *questions) if part),
                one.status,
            )
        )
    return "\n".join(
        [
            f"# {checklist.title}: {code(identity)}",
            "",
            f"{checklist.citation} The items are told in our own words; the paper holds theirs.",
            "",
            tally_words(tally(filled)),
            "",
            *table(("Item", "What it asks", "Answer", "Status"), rows),
            "",
        ]
    )


def checklist_json(checklist: Checklist, filled: Sequence[FilledItem]) -> dict[str, Any]:
    """A filled checklist as plain JSON values: "title", "citation", the keys of `tally`, and "filled"."""
    return {
        "title": checklist.title,
        "citation": checklist.citation,
        **tally(filled),
        "filled": [{**asdict(one), "questions": list(one.questions)} for one in filled],
    }


FACT_WORDS: dict[str, str] = {
    "data_source": "name of the training data",
    "origin": "note on where the films were fetched",
    "counts": "counts of films by split",
    "assignment": "record of the split",
    "disjoint": "manifest to compare the splits in",
    "composition": "manifest with body parts and views",
    "labels": "record of the labels",
    "left_out": "record of films that were left out",
    "missing": "manifest and findings to count what is missing",
    "quality": "findings of an audit",
    "precision": "interval of the sensitivity",
    "technique": "description of the network",
    "intended_use": "statement of the intended use",
    "goal": "record of what was done",
    "preprocessing": "description of the input",
    "film_use": "description of the input",
    "model": "description of the network",
    "software": "versions of the software",
    "initialization": "record of the first weights",
    "training": "record of the training",
    "selection": "record of how the weights were chosen",
    "ensembling": "description of the model file",
    "imbalance": "record of how the classes were balanced",
    "calibration": "calibration",
    "abstention": "rule of abstention",
    "gate": "gate",
    "output": "operating points",
    "bad_input": "description of the input",
    "heat_map": "description of the outputs",
    "bundle": "hash of the model",
    "record": "recipe",
    "performance": "evaluation",
    "diagnostic": "evaluation",
    "metrics": "evaluation",
    "uncertainty": "evaluation",
    "verdict": "evaluation",
    "internal": "evaluation on test films of the run",
    "external": "evaluation",
    "failures": "counts of right and wrong decisions (report.json)",
    "subgroups": "figures of subgroups (`lucency evaluate RUN` writes them into report.json)",
    "heat_map_quality": "comparison of heat maps with boxes",
    "robustness": "test of robustness (`lucency stress RUN` writes stress.json)",
    "prediction": "evaluation",
    "updating": "report of this very bundle",
    "evaluation_data": "counts of training films to compare with",
    "limits": "limits",
}
"""What is said to be missing where a fact is not known."""
