"""`lucency recalibrate`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from lucency.cli.data import GroupsOption, LabelOption, WorkersOption, labels_of
from lucency.cli.printing import PrintingTeller, table


def register(app: typer.Typer) -> None:
    """Adds the commands of this file."""
    app.command()(recalibrate)


def recalibrate(
    bundle: Annotated[str, typer.Argument(help="Bundle, run folder, or model in the box; it is only read.")],
    data: Annotated[
        Path, typer.Argument(help="100 to 500 films of the new site, at least 30 of each class: a folder or a table.")
    ],
    out: Annotated[
        Path | None, typer.Option(help="Folder of the new bundle; NAME-recalibrated otherwise.", show_default=False)
    ] = None,
    split: Annotated[
        str | None, typer.Option(help="Which films, where the data have splits.", show_default=False)
    ] = None,
    label: LabelOption = None,
    groups: GroupsOption = None,
    error_rate: Annotated[
        float | None,
        typer.Option(
            metavar="SHARE",
            help="Error rate by which the new bundle abstains where none is asked for; that of the old one otherwise.",
            show_default=False,
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print recalibration.json.")] = False,
    workers: WorkersOption = None,
) -> None:
    """Make a bundle for a new site from 100 to 500 of its films, and say how far the old one was off.

    At least 30 films of each class are needed. The network stays; calibration, operating points and abstention are
    fitted anew. What the new bundle should give is told by cross-validation. Research use only. Not a medical device.
    """
    if error_rate is not None and not 0 < error_rate < 1:
        raise typer.BadParameter("--error-rate lies above 0 and below 1, such as 0.05")
    if split not in (None, "train", "val", "test"):
        raise typer.BadParameter("--split is train, val or test")
    from lucency.workflows.recalibrate import recalibrate as recalibrate_bundle

    with PrintingTeller() as teller:
        made = recalibrate_bundle(
            bundle,
            data,
            out=out,
            split=split,
            labels=labels_of(label),
            groups=groups,
            error_rate=error_rate,
            workers=workers,
            teller=teller,
        )
    if as_json:
        print(json.dumps(made.record, indent=2, ensure_ascii=False, allow_nan=False))
        return
    old, new = made.record["old"], made.record["expected"]
    rows = [(title, _told(old, place), _told(new, place)) for title, place in _ROWS]
    print(table(("figure", "old bundle here", "new bundle, cross-validated"), rows))
    print(made.bundle.folder)


_ROWS = (
    ("calibration intercept (0)", ("calibration", "intercept")),
    ("calibration slope (1)", ("calibration", "slope")),
    ("log loss", ("calibration", "loss")),
    ("ECE", ("calibration", "ece")),
    ("ECE of a perfect one", ("calibration", "ece_floor")),
    ("AUROC", ("auroc",)),
)


def _told(side: dict[str, Any] | None, place: tuple[str, ...]) -> str:
    if side is None:
        return "-"
    figure: Any = side
    for key in place:
        figure = figure[key]
    if isinstance(figure, float):
        return f"{figure:.3f}"
    if figure["value"] is None:
        return "-"
    interval = "" if figure["low"] is None else f" ({figure['low']:.3f} to {figure['high']:.3f})"
    return f"{figure['value']:.3f}{interval}"
