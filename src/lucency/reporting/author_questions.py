"""QUESTIONS: what only the author of a model can say, asked once for the card and both checklists."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from lucency.errors import DatasetError


@dataclass(frozen=True)
class Question:
    """One row of `QUESTIONS`.

    Attributes:
        asks: The question.
        section: Title of the section of the card that shows the answer; "" where it changes the front matter only.
        fact: Name of the fact that answers it where the program knows it; "" where it never can.
    """

    asks: str
    section: str
    fact: str = ""


_ASKED: dict[str, dict[str, str]] = {
    "What it is": {
        "background": "What is the clinical and scientific background, and which models for this exist already?",
        "population": "Which patients is the model meant for, at which point of their care, and who would use it?",
        "aims": "What are the aims of the study, and its hypotheses if it has any?",
    },
    "Performance": {
        "conclusions": "What do you conclude, beside what is known already, and is the result fair to all groups?",
        "external_films": "Do the films of a further report come from another site? If none do, why not?",
        "failures": "Seen by a radiologist: what kinds of fracture are missed, and what is taken for one?",
    },
    "Training data": {
        "design": "Were the films collected for this study (prospective), or before it (retrospective)?",
        "data_origin": "Where do the films come from (data set, address, kind of care), and whom do they represent?",
        "dates": "From when to when were the films taken?",
        "setting": "In which kind of care, how many hospitals, and where, were they taken?",
        "eligibility": "Which patients and films were taken in, and which left out, before Lucency saw them? How many?",
        "treatments": "Do films show treatment (casts, plates, follow-up), and how was that dealt with?",
        "deidentification": "How were the films freed of what identifies patients, by which rules?",
        "acquisition": "With which devices and settings were the films taken, and when in the patient's care?",
        "demographics": "How are age, sex and other traits of the patients distributed in each split?",
        "inequalities": "Which inequalities in health between groups of people are known here?",
        "reference_standard": "By which method was it decided whether a film shows a fracture, and when?",
        "reference_rationale": "Why this reference standard and not another, such as CT or follow-up?",
        "annotators": "Who labelled the films: how many, with which training and experience?",
        "test_annotation": "How were the test films labelled: instructions, software, steps?",
        "rater_agreement": "How well did the labellers agree, and how were differences settled?",
        "blinding": "What did the labellers not know while they labelled, such as the model's answer?",
        "sample_size": "How was the number of films decided on, and why is it enough?",
    },
    "How to reproduce": {
        "tuning": "Were recipes or their values tried out before this run, on which films, and over which ranges?",
        "protocol": "Where is the study protocol, or was none written?",
        "registration": "Where is the study registered, or is it not?",
    },
    "Subgroups": {
        "sites": "From how many sites or devices are the test films, and do figures differ between them?",
        "fairness": "What was done so that the model serves all groups of patients alike, and why?",
    },
    "Limits": {
        "implications": "What would it mean for practice, and what stands between here and use?",
        "next_steps": "Which studies should come next?",
    },
    "How to use it": {
        "users": "What must a user do and know to use it rightly?",
    },
    "Licence and attribution": {
        "availability": "Where can others get the model and the code, and under which terms?",
        "data_sharing": "Where can others get the films, and under which terms?",
        "ethics": "Which ethics committee approved the study or waived consent?",
        "funding": "Who paid for it, and what part had the funders?",
        "conflicts": "Which conflicts of interest have the authors?",
        "patients_involved": "What part had patients or the public in the study, or none?",
    },
    "Citation": {
        "citation": "How should the model be cited? (Authors, title, year, address.)",
    },
    "": {
        "licence": "Licence of the weights as an identifier of the Hugging Face Hub, such as cc-by-4.0?",
        "datasets": "Identifiers of the data sets on the Hugging Face Hub, with commas between?",
    },
}
"""Section of the card -> key in the author's file -> question. To ask a further one, add a row."""

_TOLD = {"data_origin": "origin"}
"""Key -> name of the fact that answers it where it is known."""

QUESTIONS: dict[str, Question] = {
    key: Question(asks, section, _TOLD.get(key, "")) for section, asked in _ASKED.items() for key, asks in asked.items()
}
"""Key in the author's file -> question."""


def check_answers(content: Mapping[str, Any], where: str) -> dict[str, str]:
    """The answers of an author, without the empty ones.

    Args:
        content: What the TOML file holds.
        where: Its name, for errors.

    Raises:
        DatasetError: A key is unknown, or an answer is not text.
    """
    answers = {}
    for key, value in content.items():
        if key not in QUESTIONS:
            near = difflib.get_close_matches(key, QUESTIONS, n=1)
            hint = f"Did you mean {near[0]}?" if near else "questions.toml lists them"
            raise DatasetError(f"there is no question '{key}'", where=where, hint=hint)
        if not isinstance(value, str):
            raise DatasetError(f"the answer to '{key}' is not text", where=where, hint='Write it as "..." or """..."""')
        if value.strip():
            answers[key] = value.strip()
    return answers


def questions_toml(open_keys: Iterable[str], uses: Mapping[str, str]) -> str:
    """Questions as lines of a TOML file, each with an empty answer.

    Args:
        open_keys: Keys of `QUESTIONS`.
        uses: Key -> where the answer goes.
    """
    lines = []
    for key in open_keys:
        lines += [
            f"# {QUESTIONS[key].asks}",
            *([f"# For: {uses[key]}"] if uses.get(key) else []),
            f"{key} = {json.dumps('')}",
            "",
        ]
    return "\n".join(lines)
