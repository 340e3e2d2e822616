"""`lucency import`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lucency.cli.data import LabelOption, WorkersOption, labels_of
from lucency.cli.printing import PrintingTeller, table

if TYPE_CHECKING:
    from lucency.workflows.import_check import FilmCheck


def register(app: typer.Typer) -> None:
    """Adds the commands of this file."""
    app.command("import")(import_)


def import_(
    model: Annotated[Path, typer.Argument(help=".keras, .h5, .onnx, .tflite, or the folder of a SavedModel.")],
    out: Annotated[
        Path | None, typer.Option(help="Folder of the bundle; NAME-bundle otherwise.", show_default=False)
    ] = None,
    name: Annotated[
        str | None, typer.Option(help="Name of the bundle; that of the file otherwise.", show_default=False)
    ] = None,
    positive: Annotated[
        str | None,
        typer.Option(
            metavar="fractured=CLASS",
            help="Which classes mean fractured: fractured=0, fractured=1,3, or names of classes. A single sigmoid is "
            "P(class 1).",
            show_default=False,
        ),
    ] = None,
    classes: Annotated[
        str | None,
        typer.Option(
            help="Class names in order: a file such as labels.txt, or names with commas; labels.txt beside the model "
            "otherwise.",
            show_default=False,
        ),
    ] = None,
    input_: Annotated[
        str | None,
        typer.Option(
            "--input", metavar="HEIGHTxWIDTHxCHANNELS", help="Where the model does not fix it.", show_default=False
        ),
    ] = None,
    scale: Annotated[
        str | None,
        typer.Option(
            metavar="SCALE[,OFFSET]", help='How grey 0..255 is scaled: 1/255, or "1/127.5,-1".', show_default=False
        ),
    ] = None,
    convention: Annotated[
        str | None,
        typer.Option(
            help="The same by name: unchanged, zero_to_one, minus_one_to_one, caffe or torch.", show_default=False
        ),
    ] = None,
    mean: Annotated[
        str | None, typer.Option(help="Subtracted after the scale: one number, or one a channel.", show_default=False)
    ] = None,
    std: Annotated[
        str | None, typer.Option(help="Divides after that: one number, or one a channel.", show_default=False)
    ] = None,
    output: Annotated[
        str | None,
        typer.Option(help="probability or logit, where the model does not show it.", show_default=False),
    ] = None,
    fit: Annotated[
        str, typer.Option(help="squash stretches a film to the input; letterbox keeps its proportions.")
    ] = "squash",
    interpolation: Annotated[str, typer.Option(help="nearest, bilinear, bicubic, lanczos or area.")] = "bilinear",
    check: Annotated[
        Path | None,
        typer.Option(
            help="Folder or table of films with known labels: tells when scale or class order look wrong.",
            show_default=False,
        ),
    ] = None,
    label: LabelOption = None,
    fit_threshold: Annotated[
        bool,
        typer.Option(
            "--fit-threshold", help="Fit calibration, operating points and abstention on the films of --check."
        ),
    ] = False,
    licence: Annotated[
        str | None, typer.Option(help="Licence of the weights, if you know it.", show_default=False)
    ] = None,
    trust: Annotated[
        bool, typer.Option("--trust", help="Open the model even where it holds code that would run.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    workers: WorkersOption = None,
) -> None:
    """Make a bundle of a model that somebody else trained.

    Every assumption is printed. Without --positive, and without class names that say it, the import is refused.
    """
    from lucency.workflows.import_model import import_model

    with PrintingTeller() as teller:
        result = import_model(
            model,
            out=out,
            name=name,
            input_shape=input_,
            convention=convention,
            scale=scale,
            mean=mean,
            deviation=std,
            positive=positive,
            classes=classes,
            output=output,
            fit=fit,
            interpolation=interpolation,
            check=check,
            labels=labels_of(label),
            fit_threshold=fit_threshold,
            licence=licence,
            trust=trust,
            workers=workers,
            teller=teller,
        )
    if as_json:
        content = {"bundle": result.bundle.identity, "folder": str(result.bundle.folder), "imported": result.facts}
        print(json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False))
        return
    if result.check is not None:
        _print_check(result.check)
    print(result.bundle.folder)


def _print_check(check: FilmCheck) -> None:
    rows = [
        (
            row.convention + (" (as imported)" if index == 0 else ""),
            f"{row.auroc:.3f}",
            f"{1 - row.auroc:.3f}",
            f"{row.saturated:.0%}",
            f"{row.lowest:.2f} to {row.highest:.2f}",
        )
        for index, row in enumerate(check.rows)
    ]
    columns = ("convention", "AUROC", "classes turned round", "saturated", "logits")
    print(f"{check.films} films, {check.fractured} fractured")
    print(table(columns, rows, right=columns[1:4]))
