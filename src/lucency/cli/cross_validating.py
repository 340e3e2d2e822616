"""`lucency cross-validate`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from lucency.cli.data import GroupsOption, LabelOption, WorkersOption, labels_of
from lucency.cli.printing import PrintingTeller, table


def register(app: typer.Typer) -> None:
    """Adds the commands of this file."""
    app.command("cross-validate")(cross_validate)


def cross_validate(
    data: Annotated[
        Path | None, typer.Argument(help="Folder of films, or a CSV or Parquet table.", show_default=False)
    ] = None,
    recipe: Annotated[
        str | None, typer.Option("--recipe", "-r", help="Name of a recipe, or a TOML file; mobilenet otherwise.")
    ] = None,
    folds: Annotated[int | None, typer.Option(min=2, help="Number of folds; 5 otherwise.")] = None,
    repeats: Annotated[
        int | None, typer.Option(min=1, help="How many times the films are divided anew; 1 otherwise.")
    ] = None,
    all_films: Annotated[
        bool, typer.Option("--all-films", help="Divide the films that the data set gives as test, too.")
    ] = False,
    weights: Annotated[str | None, typer.Option(help='Pretrained weights: "imagenet", "none", or a file.')] = None,
    set_: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Change a recipe value. Can be repeated.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder to write; cross-validations/RECIPE-DATA otherwise.", show_default=False)
    ] = None,
    label: LabelOption = None,
    groups: GroupsOption = None,
    strict: Annotated[bool, typer.Option("--strict", help="Stop where the data have an error or a warning.")] = False,
    resume: Annotated[
        Path | None, typer.Option(help="Go on with this one; the same command again does so too.", show_default=False)
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print cross-validation.json.")] = False,
    workers: WorkersOption = None,
) -> None:
    """Measure a recipe on every film, each time with a model that did not see it.

    Whole groups go into one fold. Writes a report over all films, and out_of_fold.csv. Finished folds are not
    repeated.
    """
    if (data is None) == (resume is None):
        raise typer.BadParameter("give either DATA, or --resume FOLDER")
    if resume is not None and (
        recipe or folds or repeats or all_films or weights or set_ or out or label or groups or strict
    ):
        raise typer.BadParameter("--resume goes on with everything as it is and takes --workers alone")
    from lucency.workflows.cross_validate import cross_validate as cross_validate_recipe
    from lucency.workflows.cross_validate import resume_cross_validation

    with PrintingTeller() as teller:
        if resume is not None:
            result = resume_cross_validation(resume, workers=workers, teller=teller)
        else:
            assert data is not None
            result = cross_validate_recipe(
                data,
                recipe=recipe or "mobilenet",
                weights=weights,
                overrides=set_ or [],
                folds=folds or 5,
                repeats=repeats or 1,
                all_films=all_films,
                out=out,
                labels=labels_of(label),
                groups=groups,
                strict=strict,
                workers=workers,
                teller=teller,
            )
    content = result.content
    if as_json:
        print(json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False))
        return
    rows = []
    for name, spread in content["metrics"].items():
        figure = content["pooled"]["metrics"][name]
        interval = "" if figure["low"] is None else f"{figure['low']:.3f} to {figure['high']:.3f}"
        cells = (spread["mean"], spread["standard_deviation"], figure["value"])
        rows.append((name, *("n/a" if cell is None else f"{cell:.3f}" for cell in cells), interval))
    for baseline in content["pooled"]["baselines"]:
        rows.append((f"accuracy of {baseline['name']}", "", "", f"{baseline['accuracy']:.3f}", ""))
    headings = ("metric", "mean of folds", "deviation", "all films", "95 % interval")
    print(table(headings, rows, right=headings[1:4]))
    print(result.folder)
