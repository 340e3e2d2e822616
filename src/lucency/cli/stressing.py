"""`lucency stress`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from lucency.cli.data import GroupsOption, LabelOption, WorkersOption, labels_of
from lucency.cli.printing import PrintingTeller, table

_BROKEN = {"auroc": "AUROC", "sensitivity": "sens", "specificity": "spec"}
"""What broke, in a cell of the table."""


def register(app: typer.Typer) -> None:
    """Adds the commands of this file."""
    app.command()(stress)


def stress(
    bundle: Annotated[str, typer.Argument(help="Bundle, run folder, or model in the box.")],
    data: Annotated[
        Path | None,
        typer.Argument(help="Folder of films or a table; a run's own test films otherwise.", show_default=False),
    ] = None,
    corruption: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="One of the twelve corruptions; all otherwise. Can be repeated."),
    ] = None,
    severity: Annotated[
        list[int] | None,
        typer.Option(min=1, max=5, metavar="1..5", help="One of the five severities; all otherwise. Can be repeated."),
    ] = None,
    limit: Annotated[
        int,
        typer.Option(min=0, help="About how many films, whole groups at random; 0 for all."),
    ] = 500,
    split: Annotated[str, typer.Option(help="train, val or test, where the data have splits.")] = "test",
    out: Annotated[
        Path | None,
        typer.Option(help="Folder for the page; RUN/stress, or stress-DATA, otherwise.", show_default=False),
    ] = None,
    label: LabelOption = None,
    groups: GroupsOption = None,
    operating_point: Annotated[
        str | None,
        typer.Option(help="Operating point that decides; the bundle's default otherwise.", show_default=False),
    ] = None,
    resamples: Annotated[int, typer.Option(min=0, help="Resamples of the bootstrap.")] = 1000,
    seed: Annotated[int, typer.Option(min=0, help="Of the choice of films and of the bootstrap.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    workers: WorkersOption = None,
) -> None:
    """Damage films in twelve ways at five severities, and say at which severity the bundle's answers break.

    The corruptions: noise, blur, exposure, gamma, inversion, rotation, crop, rescaling, jpeg, markers, metal,
    collimation. Writes stress.html, stress.json, stress.csv and the figures as PNG.
    """
    if split not in ("train", "val", "test"):
        raise typer.BadParameter("--split is train, val or test")
    from lucency.workflows.stress import stress as stress_bundle

    with PrintingTeller() as teller:
        report = stress_bundle(
            bundle,
            data,
            split=split,
            out=out,
            corruptions=corruption or None,
            severities=severity or None,
            limit=limit,
            labels=labels_of(label),
            groups=groups,
            operating_point=operating_point,
            resamples=resamples,
            seed=seed,
            workers=workers,
            teller=teller,
        )
    if as_json:
        print(json.dumps(report.content, indent=2, ensure_ascii=False, allow_nan=False))
        return
    print(_table(report.content))
    limits = report.content["limits"]
    print(
        f"AUROC, sens, spec: that breaks, AUROC by a fall of {limits['auroc']:.2f} or more, sensitivity or specificity "
        f"by one of {limits['sensitivity']:.2f} or more; ? the films are too few to tell"
    )


def _table(content: Mapping[str, Any]) -> str:
    levels = [str(cell["severity"]) for cell in content["corruptions"][0]["severities"]]
    rows = []
    for row in content["corruptions"]:
        rows.append((row["name"], *(_cell(cell) for cell in row["severities"]), _breaks_at(row)))
    clean = content["clean"]["auroc"]["value"]
    return table((f"AUROC ({clean:.3f} as they are)", *levels, "breaks at"), rows)


def _cell(cell: Mapping[str, Any]) -> str:
    mark = "?" if cell["state"] == "unclear" else "".join(f" {_BROKEN[name]}" for name in cell["breaks"])
    return f"{cell['auroc']:.3f}{mark}"


def _breaks_at(row: Mapping[str, Any]) -> str:
    if row["status"] == "holds":
        return "not within these"
    if row["status"] == "unclear":
        return "too few films to tell"
    cell = next(cell for cell in row["severities"] if cell["severity"] == row["breaks_at"])
    return f"{cell['severity']}: {cell['label']}"
