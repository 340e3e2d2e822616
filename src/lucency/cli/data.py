"""`lucency scan`, `prepare` and `show`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from lucency.cli.printing import PrintingTeller, table

SHOWN = 5
"""How many films a finding names on the terminal."""

LabelOption = Annotated[
    list[str] | None,
    typer.Option(
        "--label",
        metavar="NAME=0|1",
        help="Meaning of a class name: NAME=1 for fractured, NAME=0 for not. Can be repeated.",
    ),
]
GroupsOption = Annotated[
    Path | None,
    typer.Option(help="CSV with image_id and group; films of one group stay on one side.", show_default=False),
]
WorkersOption = Annotated[int | None, typer.Option(min=1, help="Threads that decode films.", show_default=False)]


def register(app: typer.Typer) -> None:
    """Adds the commands of this file."""
    app.command()(scan)
    app.command()(prepare)
    app.command()(show)


def labels_of(texts: list[str] | None) -> dict[str, int] | None:
    """Turns ["bruch=1", "heil=0"] into {"bruch": 1, "heil": 0}."""
    if not texts:
        return None
    labels = {}
    for text in texts:
        name, equals, value = text.rpartition("=")
        if not equals or not name or value not in ("0", "1"):
            raise typer.BadParameter(f"--label {text}: expected NAME=1 or NAME=0")
        labels[name] = int(value)
    return labels


def scan(
    data: Annotated[Path, typer.Argument(help="Folder of films, or a CSV or Parquet table.")],
    out: Annotated[
        Path | None, typer.Option(help="Write the manifest here (.csv or .parquet).", show_default=False)
    ] = None,
    label: LabelOption = None,
    groups: GroupsOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Find the films of a data set and say what is known of them; decodes none."""
    from lucency.workflows.scan import describe_films, read_films

    manifest = read_films(data, labels=labels_of(label), groups=groups)
    if out is not None and out.resolve() == data.resolve():
        raise typer.BadParameter("--out is the table that was read; give another name")
    if out is not None:
        manifest.write(out)
    facts = describe_films(manifest)
    if as_json:
        print(json.dumps(facts, indent=2, ensure_ascii=False))
        return
    exams = f", {facts['exams']} exams" if facts["exams"] else ""
    print(f"{facts['films']} films, {facts['fractured']} fractured, {facts['groups']} groups{exams}: {facts['source']}")
    rows = [(name, counts["films"], counts["fractured"]) for name, counts in facts["splits"].items()]
    print(table(("split", "films", "fractured"), rows, right=("films", "fractured")))
    for note in facts["notes"]:
        print(f"note: {note}")
    for finding in facts["findings"]:
        print(f"{finding['severity']}: {finding['message']} {finding['action']}")
        if finding["severity"] != "note" and finding["image_ids"]:
            _print_films(finding["image_ids"])
    if out is not None:
        print(f"Manifest: {out}")


def _print_films(image_ids: Sequence[str]) -> None:
    more = len(image_ids) - SHOWN
    print("  " + ", ".join(image_ids[:SHOWN]) + (f" and {more} more" if more > 0 else ""))


def prepare(
    data: Annotated[Path, typer.Argument(help="Folder of films, or a CSV or Parquet table.")],
    recipe: Annotated[
        str, typer.Option("--recipe", "-r", help="Recipe whose input size and fit are wanted.")
    ] = "mobilenet",
    set_: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Change a recipe value. Can be repeated.")
    ] = None,
    out: Annotated[
        Path, typer.Option(help="Folder of prepared films; `train` uses runs/prepared for runs under runs/.")
    ] = Path("runs/prepared"),
    label: LabelOption = None,
    workers: WorkersOption = None,
) -> None:
    """Decode each film once into a memory-mapped array, and report the films that cannot be used."""
    from lucency.workflows.scan import prepare_data

    with PrintingTeller() as teller:
        prepared = prepare_data(
            data,
            recipe=recipe,
            overrides=set_ or [],
            out=out,
            labels=labels_of(label),
            workers=workers,
            teller=teller,
        )
    for finding in prepared.findings:
        print(f"{finding.severity}: {finding.message}")
        _print_films(finding.image_ids)
    print(f"{len(prepared.manifest)} films are ready in {out}")


def show(
    source: Annotated[Path, typer.Argument(help="A film, a folder of films, or a table.")],
    name: Annotated[
        list[str] | None,
        typer.Option("--film", metavar="NAME", help="Name of a film in the data set. Can be repeated."),
    ] = None,
    class_: Annotated[
        str | None, typer.Option("--class", help="fractured or not_fractured.", show_default=False)
    ] = None,
    count: Annotated[int, typer.Option("--count", "-n", min=1, max=400, help="Number of random films.")] = 1,
    seed: Annotated[
        int | None,
        typer.Option(help="Seed of the choice; a new one each time otherwise.", show_default=False),
    ] = None,
    out: Annotated[Path, typer.Option(help="Picture to write (.png or .jpg).")] = Path("show.png"),
    label: LabelOption = None,
    boxes: Annotated[bool, typer.Option("--boxes/--no-boxes", help="Draw the truth boxes where there are any.")] = True,
) -> None:
    """Write a picture of one film, or of a grid of films, as the program reads them."""
    if class_ not in (None, "fractured", "not_fractured"):
        raise typer.BadParameter("--class is fractured or not_fractured")
    from lucency.workflows.show import show_films

    shown = show_films(
        source, names=name or [], label={"fractured": 1, "not_fractured": 0}.get(class_ or ""), count=count, seed=seed,
        out=out, labels=labels_of(label), boxes=boxes,
    )  # fmt: skip
    for line in shown:
        print(line)
    print(f"Picture: {out}")
