"""`lucency info` and `demo`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from lucency.cli.printing import PrintingTeller, table


def register(app: typer.Typer) -> None:
    """Adds the commands of this file."""
    app.command()(info)
    app.command()(demo)


def info(
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    device: Annotated[
        bool, typer.Option("--device/--no-device", help="Ask Keras for its device; takes seconds.")
    ] = True,
) -> None:
    """Say which versions, extras and device are here."""
    from lucency.workflows.info import installation

    facts = installation(device=device)
    if as_json:
        print(json.dumps(facts, indent=2))
        return
    print(f"lucency {facts['lucency']}, Python {facts['python']}, {facts['platform']}, {facts['cores']} cores")
    rows = [
        (
            extra,
            "installed" if not missing else f'missing {", ".join(missing)}: pip install "lucency[{extra}]"',
        )
        for extra, missing in facts["extras"].items()
    ]
    print(table(("extra", "state"), rows))
    print(f"Models in the box: {', '.join(facts['models']) or 'none'}")
    if facts["device"] is not None:
        found = facts["device"]
        print(f"Training runs on {', '.join(found['devices'])} with {found['backend']}, {found['precision']}")
    print(table(("package", "version"), list(facts["versions"].items())))


def demo(
    out: Annotated[Path, typer.Option(help="Folder for films, run and overlays.")] = Path("demo"),
    films: Annotated[int | None, typer.Option(min=60, help="Films to draw.", show_default=False)] = None,
    seed: Annotated[int, typer.Option(min=0, help="What the films are drawn from.")] = 0,
) -> None:
    """Tell the whole story on films that the program draws itself: train, measure, explain."""
    from lucency.workflows.demo import DEMO_FILMS
    from lucency.workflows.demo import demo as run_demo

    with PrintingTeller() as teller:
        result = run_demo(out, films=films or DEMO_FILMS, seed=seed, teller=teller)
    print(f"Run:    {result.training.run}")
    if result.training.bundle is not None:
        print(f"Bundle: {result.training.bundle.folder}")
        print(f"Report: {result.training.run / 'report.html'}")
        film = Path(result.answers[0].path)
        shown = film.relative_to(Path.cwd()) if film.is_relative_to(Path.cwd()) else film
        print(f"Try:    lucency predict {shown} --bundle {result.training.bundle.folder}")
