"""`lucency train`, `export` and `recipes`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from lucency.cli.data import GroupsOption, LabelOption, WorkersOption, labels_of
from lucency.cli.printing import PrintingTeller, table


def register(app: typer.Typer) -> None:
    """Adds the commands of this file."""
    app.command()(train)
    app.command()(export)
    app.command()(recipes)


def train(
    data: Annotated[
        Path | None, typer.Argument(help="Folder of films, or a CSV or Parquet table.", show_default=False)
    ] = None,
    recipe: Annotated[
        str | None, typer.Option("--recipe", "-r", help="Name of a recipe, or a TOML file; mobilenet otherwise.")
    ] = None,
    weights: Annotated[
        str | None,
        typer.Option(help='Pretrained weights: "imagenet", "none", or a file. Short for --set model.weights=...'),
    ] = None,
    set_: Annotated[
        list[str] | None,
        typer.Option(
            "--set", metavar="KEY=VALUE", help="Change a recipe value, such as training.epochs=5. Can be repeated."
        ),
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Run folder to make; runs/RECIPE-TIME otherwise.")] = None,
    label: LabelOption = None,
    groups: GroupsOption = None,
    test_from_val: Annotated[
        bool,
        typer.Option(
            "--test-from-val",
            help="Where no test films are given, test on the validation films; the report says it is optimistic.",
        ),
    ] = False,
    strict: Annotated[bool, typer.Option("--strict", help="Stop where the data have an error or a warning.")] = False,
    resume: Annotated[
        Path | None,
        typer.Option(help="Go on with this run folder instead of starting a new one.", show_default=False),
    ] = None,
    h5: Annotated[bool, typer.Option("--h5", help="Save the model as model.h5 too, beside model.keras.")] = False,
    no_audit: Annotated[
        bool, typer.Option("--no-audit", help="Do not look for copies in the films; only equal bytes are known then.")
    ] = False,
    workers: WorkersOption = None,
) -> None:
    """Train a classifier on a folder of films, make its bundle and measure it.

    Ctrl-C leaves a run that `--resume RUN` continues to the same result.
    """
    if (data is None) == (resume is None):
        raise typer.BadParameter("give either DATA, or --resume RUN")
    if resume is not None and (
        recipe or weights or set_ or out or label or groups or test_from_val or strict or no_audit
    ):
        raise typer.BadParameter("--resume goes on with the run as it is and takes --workers and --h5 alone")
    from lucency.workflows.train import resume_training
    from lucency.workflows.train import train as train_model

    with PrintingTeller() as teller:
        if resume is not None:
            result = resume_training(resume, workers=workers, h5=h5, teller=teller)
        else:
            assert data is not None
            overrides = [*(set_ or []), *(["split.test_from_val=true"] if test_from_val else [])]
            result = train_model(
                data,
                recipe=recipe or "mobilenet",
                weights=weights,
                overrides=overrides,
                out=out,
                labels=labels_of(label),
                groups=groups,
                strict=strict,
                workers=workers,
                h5=h5,
                audit=not no_audit,
                teller=teller,
            )
    print(result.run)


def export(
    run: Annotated[Path, typer.Argument(help="Folder of a trained run.")],
    out: Annotated[Path | None, typer.Option(help="Folder of the bundle; RUN/bundle otherwise.")] = None,
    h5: Annotated[bool, typer.Option("--h5", help="Save the Keras model as RUN/model.h5 too.")] = False,
    about: Annotated[
        Path | None,
        typer.Option(help="TOML file with licence, intended_use, attribution and limits, for the card."),
    ] = None,
    cross_validation: Annotated[
        Path | None,
        typer.Option(help="Finished cross-validation of the same recipe; its figures go into the card."),
    ] = None,
) -> None:
    """Make the ONNX bundle of a trained run; needs TensorFlow, but not the films."""
    from lucency.workflows.export import export_run, save_h5

    with PrintingTeller() as teller:
        if h5:
            teller.say(f"The model as HDF5: {save_h5(run)}")
        bundle = export_run(run, out=out, about=about, cross_validation=cross_validation, teller=teller)
    print(bundle.folder)


def recipes(
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    show: Annotated[
        str | None, typer.Option(help="Print one recipe as TOML, with every value.", show_default=False)
    ] = None,
) -> None:
    """List the recipes that ship with the package."""
    try:
        from lucency.learning.recipe import load_recipe, recipe_names
    except ModuleNotFoundError as error:
        from lucency.errors import MissingExtraError

        raise MissingExtraError(str(error.name), extra="train", need="Reading recipes") from None
    if show is not None:
        print(load_recipe(show).to_toml(), end="")
        return
    loaded = [load_recipe(name) for name in recipe_names()]
    if as_json:
        entries = [
            {
                "name": r.name,
                "parameters": r.parameters,
                "input": f"{r.input.height}x{r.input.width}x3",
                "source": r.source,
            }
            for r in loaded
        ]
        print(json.dumps({"recipes": entries}, indent=2, ensure_ascii=False))
        return
    rows = [(r.name, f"{r.parameters:,}", f"{r.input.height}x{r.input.width}x3", r.title) for r in loaded]
    print(table(("recipe", "parameters", "input", "what it is"), rows, right=("parameters",)))
