"""Bundle (+ run, reports, answers) -> model card and filled checklists."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lucency.bundle import read_bundle
from lucency.errors import MissingExtraError
from lucency.workflows.card_answers import add_questions, read_answers
from lucency.workflows.card_inputs import gather, started_with
from lucency.workflows.run_folder import RunFolder, write_json, write_text
from lucency.workflows.teller import Teller

if TYPE_CHECKING:
    from lucency.reporting.checklists import Checklist, FilledItem

CARD, JSON, QUESTIONS_FILE = "card.md", "checklists.json", "questions.toml"
PAGES = {"claim_2024": "claim-2024.md", "tripod_ai": "tripod-ai.md"}
"""Key of a checklist -> its file."""


@dataclass(frozen=True)
class CardResult:
    """What was written.

    Attributes:
        folder: Where.
        content: Of `checklists.json`.
        open_questions: Keys of the questions that are left to the author.
    """

    folder: Path
    content: Mapping[str, Any]
    open_questions: tuple[str, ...]


def write_card(
    bundle: str | os.PathLike[str],
    *,
    reports: Sequence[str | os.PathLike[str]] = (),
    out: str | os.PathLike[str] | None = None,
    answers: str | os.PathLike[str] | None = None,
    teller: Teller | None = None,
) -> CardResult:
    """Drafts `card.md`, `claim-2024.md`, `tripod-ai.md`, `checklists.json`, and asks the rest in `questions.toml`.

    Nothing is sent anywhere or fetched from anywhere, and nothing is said that the files do not hold.

    Args:
        bundle: The folder of a bundle, or the run folder that holds it (what the run folder knows is used too), or the
            name of a model in the box.
        reports: Further files of this bundle: report.json of evaluations, audit.json, stress.json.
        out: Folder for what is written; `RUN/card`, or `card-<name of the bundle>` for a bundle alone.
        answers: The author's answers. Those in `questions.toml` of the folder are used too, and that file is never
            rewritten: questions that it lacks are added at its end.
        teller: Hears how far the checklists are filled.

    Raises:
        BundleError: There is no bundle, or it was altered.
        RunError: A report is broken, or is of another bundle.
        DatasetError: The answers cannot be used.
        MissingExtraError: huggingface_hub is not installed.
    """
    teller = teller or Teller()
    opened = read_bundle(bundle)
    try:
        import huggingface_hub  # noqa: F401

        from lucency.reporting.card_facts import draw_facts
        from lucency.reporting.card_sections import Draft
        from lucency.reporting.checklists import checklist_json, checklist_page, fill, tally, tally_words
        from lucency.reporting.claim_2024 import CLAIM_2024
        from lucency.reporting.model_card import open_questions, render_card
        from lucency.reporting.tripod_ai import TRIPOD_AI
    except ModuleNotFoundError as error:
        raise MissingExtraError(str(error.name), extra="train", need="A model card") from None
    sources, run = gather(opened, reports)
    target = Path(out) if out else run.path / "card" if run else Path(f"card-{opened.card.name}")
    RunFolder.refuse_run(target)
    given = {**read_answers(target / QUESTIONS_FILE), **(read_answers(Path(answers), wanted=True) if answers else {})}
    facts = draw_facts(sources)
    filled: dict[str, tuple[Checklist, list[FilledItem]]] = {
        checklist.key: (checklist, fill(checklist, facts, given)) for checklist in (CLAIM_2024, TRIPOD_AI)
    }
    counts = [f"{checklist.title}: {tally_words(tally(items))}" for checklist, items in filled.values()]
    draft = Draft(sources, facts, given, started_with(sources.run))
    write_text(target / CARD, render_card(draft, counts))
    for key, (checklist, items) in filled.items():
        write_text(target / PAGES[key], checklist_page(checklist, items, opened.identity))
    content = {
        "schema_version": 1,
        "bundle": opened.identity,
        "checklists": {key: checklist_json(checklist, items) for key, (checklist, items) in filled.items()},
    }
    write_json(target / JSON, content)
    left = open_questions(facts, given)
    add_questions(target / QUESTIONS_FILE, left, filled.values())
    for sentence in counts:
        teller.say(sentence)
    if left:
        teller.say(
            f"{len(left)} questions are left to you: answer them in {target / QUESTIONS_FILE}, and run this again"
        )
    return CardResult(target, content, tuple(left))
