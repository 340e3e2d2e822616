"""`lucency models`."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterator, Mapping
from typing import Annotated, Any

import typer

_WIDTH, _HEADING = 110, 20
"""Columns of a line, and of what stands before its text."""


def register(app: typer.Typer) -> None:
    """Adds the commands of this file."""
    app.command()(models)


def models(
    name: Annotated[
        str | None, typer.Argument(help="A model in the box, to say more of it.", show_default=False)
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Say which trained models came with the package, what they were trained on and how well they do.

    Every figure is that of the model's own card. Research use only. Not a medical device.
    """
    from lucency.workflows.models import describe_models

    found = describe_models(name)
    if as_json:
        print(json.dumps(found, indent=2, ensure_ascii=False, allow_nan=False))
    elif not found["models"]:
        print("No model came with this installation; `lucency predict` needs a bundle of your own.")
    else:
        print("\n\n".join("\n".join(_lines(model, whole=name is not None)) for model in found["models"]))


def _lines(model: Mapping[str, Any], *, whole: bool) -> Iterator[str]:
    yield model["name"] + (" (answers where no bundle is named)" if model["default"] else "")
    rows = [*_short(model), *(_long(model) if whole else ())]
    for heading, text in rows:
        first, later = f"  {heading}".ljust(_HEADING), " " * _HEADING
        yield textwrap.fill(
            text, _WIDTH, initial_indent=first, subsequent_indent=later, break_long_words=False, break_on_hyphens=False
        )


def _short(model: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    shape, trained = model["input"], model["trained_on"]
    yield "size", f"{model['bytes'] / 1e6:.1f} MB"
    yield "input", f"{shape['height']} x {shape['width']} x {shape['channels']}, {shape['fit']}"
    counts = "" if trained["films"] is None else f": {trained['films']:,} films, {trained['fractured']:,} fractured"
    yield "trained on", f"{trained['source'] or 'not stated'}{counts}"
    yield "AUROC", _auroc(model["auroc"], model["measured_on"])
    yield "licence", model["licence"]


def _auroc(figure: Mapping[str, Any] | None, measured: Mapping[str, Any] | None) -> str:
    if figure is None or measured is None:
        return "the card has none"
    films = f" on {measured['films']:,} films" if measured["films"] else ""
    split = f" ({measured['split']})" if measured["split"] else ""
    doubt = f". Optimistic: {measured['optimistic_reason']}" if measured["optimistic_reason"] else ""
    return f"{_figure(figure, interval='95 % interval ')}{films}{split}{doubt}"


def _long(model: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    yield "intended use", model["intended_use"]
    for place, limit in enumerate(model["limits"]):
        yield "" if place else "limits", f"- {limit}"
    yield "bundle", model["bundle"]
    for place, point in enumerate(model["operating_points"]):
        chosen = " (decides)" if point["name"] == model["default_operating_point"] else ""
        gave = ", ".join(f"{key} {_figure(point[key])}" for key in ("sensitivity", "specificity") if point[key])
        told = f"; on validation films: {gave}" if gave else ""
        yield "" if place else "operating points", f"{point['name']}{chosen}: from {point['threshold']:.3f} on{told}"
    for place, (key, value) in enumerate(model["training_data"].items()):
        shown = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        yield "" if place else "training data", f"{key}: {shown}"
    yield "gate", "refuses what is no radiograph, or unlike the training films" if model["refuses"] else "none"
    yield "its own films", "known again by their prints" if model["knows_its_films"] else "not known"
    for place, (name, file) in enumerate(model["files"].items()):
        yield "" if place else "SHA-256", f"{file['sha256']}  {name}"
    yield "path", model["path"]


def _figure(figure: Mapping[str, Any], *, interval: str = "") -> str:
    if figure["value"] is None:
        return f"not known ({figure['reason']})" if figure["reason"] else "not known"
    ends = "" if figure["low"] is None else f" ({interval}{figure['low']:.3f} to {figure['high']:.3f})"
    return f"{figure['value']:.3f}{ends}"
