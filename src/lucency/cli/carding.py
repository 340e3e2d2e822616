"""`lucency card`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from lucency.cli.printing import PrintingTeller, table


def register(app: typer.Typer) -> None:
    """Adds the commands of this file."""
    app.command()(card)


def card(
    bundle: Annotated[str, typer.Argument(help="Bundle, run folder, or model in the box.")],
    report: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="REPORT.json",
            help="report.json of a further evaluation of this bundle, audit.json of its films, or stress.json."
            " Can be repeated.",
            show_default=False,
        ),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder to write; RUN/card or card-NAME otherwise.", show_default=False)
    ] = None,
    answers: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.toml",
            help="Your answers to the questions that the files do not answer; those in questions.toml of the folder"
            " count too.",
            show_default=False,
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print checklists.json.")] = False,
) -> None:
    """Draft a model card and fill the checklists CLAIM 2024 and TRIPOD+AI from what the files say.

    Writes card.md (in the form of the Hugging Face Hub), claim-2024.md, tripod-ai.md, checklists.json, and
    questions.toml with what only you can answer. Nothing is sent anywhere.
    """
    from lucency.workflows.model_card import PAGES, write_card

    with PrintingTeller() as teller:
        found = write_card(bundle, reports=report or (), out=out, answers=answers, teller=teller)
    if as_json:
        print(json.dumps(found.content, indent=2, ensure_ascii=False, allow_nan=False))
        return
    rows = [
        (
            one["title"],
            one["items"],
            one["answered"],
            one["questions"],
            one["not_applicable"],
            f"{one['known']} of {one['knowable']}",
        )
        for one in found.content["checklists"].values()
    ]
    columns = ("checklist", "items", "answered", "questions", "not applicable", "known to the program")
    print(table(columns, rows, right=columns[1:]))
    print(f"Written to {found.folder}: card.md, {', '.join(PAGES.values())}, checklists.json, questions.toml")
