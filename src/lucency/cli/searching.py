"""`lucency search`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from lucency.cli.data import GroupsOption, LabelOption, WorkersOption, labels_of
from lucency.cli.printing import PrintingTeller, table


def register(app: typer.Typer) -> None:
    """Adds the commands of this file."""
    app.command()(search)


def search(
    data: Annotated[
        Path | None, typer.Argument(help="Folder of films, or a CSV or Parquet table.", show_default=False)
    ] = None,
    recipe: Annotated[
        str | None, typer.Option("--recipe", "-r", help="Recipe to start from, or a TOML file; mobilenet otherwise.")
    ] = None,
    trials: Annotated[
        int | None, typer.Option(min=1, help="Trials in all, with those that are done; 20 otherwise.")
    ] = None,
    tune: Annotated[
        list[str] | None,
        typer.Option(
            metavar="KEY=RANGE",
            help="Search this recipe value: KEY=LOW:HIGH, KEY=LOW:HIGH:log, KEY=a,b,c, or KEY for its usual range. "
            "Can be repeated; without it, the usual values of the recipe are searched.",
        ),
    ] = None,
    weights: Annotated[str | None, typer.Option(help='Pretrained weights: "imagenet", "none", or a file.')] = None,
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Fix a recipe value for all trials. Can be repeated."),
    ] = None,
    pruner: Annotated[
        str | None, typer.Option(help="What ends poor trials early: median, asha or none; median otherwise.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder of the search; searches/RECIPE-DATA otherwise.", show_default=False)
    ] = None,
    label: LabelOption = None,
    groups: GroupsOption = None,
    strict: Annotated[bool, typer.Option("--strict", help="Stop where the data have an error or a warning.")] = False,
    keep: Annotated[
        bool, typer.Option("--keep", help="Keep the weights of all trials, not of the best alone.")
    ] = False,
    resume: Annotated[
        Path | None,
        typer.Option(help="Go on with this search; the same command again does so too.", show_default=False),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print search.json.")] = False,
    workers: WorkersOption = None,
) -> None:
    """Search for a better recipe: many short trainings, judged on validation films alone.

    Writes best.toml, trials.csv and a page. Ctrl-C or a kill loses at most the epoch under way.
    """
    if (data is None) == (resume is None):
        raise typer.BadParameter("give either DATA, or --resume SEARCH")
    if resume is not None and (recipe or tune or weights or set_ or pruner or out or label or groups or strict or keep):
        raise typer.BadParameter("--resume goes on with the search as it is and takes --trials and --workers alone")
    from lucency.workflows.search import resume_search
    from lucency.workflows.search import search as search_recipe

    with PrintingTeller() as teller:
        if resume is not None:
            result = resume_search(resume, trials=trials, workers=workers, teller=teller)
        else:
            assert data is not None
            result = search_recipe(
                data,
                recipe=recipe or "mobilenet",
                weights=weights,
                overrides=set_ or [],
                tune=tune or [],
                trials=trials or 20,
                pruner=pruner or "median",
                out=out,
                labels=labels_of(label),
                groups=groups,
                strict=strict,
                keep=keep,
                workers=workers,
                teller=teller,
            )
    content = result.content
    if as_json:
        print(json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False))
        return
    best = content["best"]["values"]
    rows = [(dimension["key"], dimension["own"], best[dimension["key"]]) for dimension in content["dimensions"]]
    print(table(("searched", "recipe", "best"), rows, right=("recipe", "best")))
    print(result.recipe)
