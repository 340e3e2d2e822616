"""`lucency compare`."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from lucency.cli.data import GroupsOption, LabelOption, WorkersOption, labels_of
from lucency.cli.printing import PrintingTeller, table

_SHOWN = ("auroc", "average_precision", "accuracy", "sensitivity", "specificity", "ppv", "npv", "f1", "loss", "brier")
_COMPARED = ("auroc", "average_precision", "accuracy", "sensitivity", "specificity")


def register(app: typer.Typer) -> None:
    """Adds the commands of this file."""
    app.command()(compare)


def compare(
    runs: Annotated[
        list[str],
        typer.Argument(
            metavar="RUN RUN...", help="Run folders, bundles, or models in the box, two or more.", show_default=False
        ),
    ],
    baseline: Annotated[
        str | None,
        typer.Option(help="Run that the others are compared with; the first otherwise.", show_default=False),
    ] = None,
    films: Annotated[
        Path | None,
        typer.Option(
            help="Folder of films or a table to run all of them on; the test films that they share otherwise.",
            show_default=False,
        ),
    ] = None,
    split: Annotated[
        str | None,
        typer.Option(help="test or val; test otherwise. Films without splits are all taken.", show_default=False),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            help="Folder for the page; comparison-NAMES otherwise, with the films and val where they were named.",
            show_default=False,
        ),
    ] = None,
    label: LabelOption = None,
    groups: GroupsOption = None,
    latency: Annotated[
        int, typer.Option(min=0, help="Single-film predictions to time for each model; 0 for none.")
    ] = 100,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    workers: WorkersOption = None,
) -> None:
    """Compare models on the same films: figures, paired differences with intervals and p-values, size, latency.

    Writes compare.html, compare.json, predictions.csv and the figures as PNG. Films that trained one of the models, or
    chose its thresholds, are left out for all.
    """
    if split not in ("val", "test", None):
        raise typer.BadParameter("--split is val or test")
    from lucency.workflows.compare import compare as compare_runs

    with PrintingTeller() as teller:
        found = compare_runs(
            runs,
            baseline=baseline,
            films=films,
            split=split,
            out=out,
            labels=labels_of(label),
            groups=groups,
            latency=latency,
            workers=workers,
            teller=teller,
        )
    if as_json:
        print(json.dumps(found.content, indent=2, ensure_ascii=False, allow_nan=False))
        return
    print(_models(found.content))
    print()
    print(_differences(found.content))
    for words, key in (("the recipes", "recipe_differences"), ("the training data", "data_differences")):
        rows = [(row["key"], *(_plain(value) for value in row["values"])) for row in found.content[key]]
        if rows:
            print()
            print(table((f"differs in {words}", *(run["name"] for run in found.content["runs"])), rows))


def _models(content: Mapping[str, Any]) -> str:
    runs = content["runs"]
    rows: list[tuple[str, ...]] = [(name, *(_figure(run["metrics"][name]) for run in runs)) for name in _SHOWN]
    facts: dict[str, Callable[[Mapping[str, Any]], str]] = {
        "ece (floor)": lambda run: f"{_number(run['metrics']['ece']['value'])} ({run['ece_floor']:.3f})",
        "operating point": lambda run: f"{run['operating_point']} at {run['threshold']:.3f}",
        "parameters": lambda run: _whole(run["size"]["parameters"]),
        "model file": lambda run: f"{_whole(run['size']['model_bytes'])} bytes",
        "training": lambda run: _training(run["training"]),
    }
    if content["timing"]:
        facts["one film, median"] = lambda run: f"{1000 * run['latency']['median_seconds']:.1f} ms"
        facts["one film, p95"] = lambda run: f"{1000 * run['latency']['p95_seconds']:.1f} ms"
        facts[f"time against {content['baseline']}"] = lambda run: f"{run['latency']['ratio']:.2f}"
    rows += [(words, *(fact(run) for run in runs)) for words, fact in facts.items()]
    return table((_films(content), *(run["name"] for run in runs)), rows)


def _films(content: Mapping[str, Any]) -> str:
    source, split = content["films_from"], content["split"]
    if source is None:
        return f"{content['films']} {split} films"
    # Films of the user's own need not be test films of anything.
    return f"{content['films']} {'val ' if split == 'val' else ''}films of {source}"


def _differences(content: Mapping[str, Any]) -> str:
    rows = [
        (row["run"], name, _signed(found["value"]), _interval(found), _p(found["p_adjusted"]), found["p_by"] or "")
        for row in content["differences"]
        for name in _COMPARED
        if (found := row["metrics"][name])
    ]
    heading = (f"less {content['baseline']}", "metric", "difference", "95 % interval", "p", "by")
    return table(heading, rows, right=("difference", "p"))


def _figure(figure: Mapping[str, Any]) -> str:
    return _number(figure["value"]) + (f" ({_interval(figure)})" if figure["low"] is not None else "")


def _number(value: float | None) -> str:
    return "n/a" if value is None else f"{value:.3f}"


def _signed(value: float | None) -> str:
    return "n/a" if value is None else f"{value:+.3f}"


def _interval(figure: Mapping[str, Any]) -> str:
    return "" if figure["low"] is None else f"{figure['low']:.3f} to {figure['high']:.3f}"


def _p(p: float | None) -> str:
    return "" if p is None else "< 0.001" if p < 0.001 else f"{p:.3f}"


def _whole(count: int | None) -> str:
    return "n/a" if count is None else f"{count:,}"


def _training(training: Mapping[str, Any] | None) -> str:
    if training is None:
        return "n/a"
    seconds = "" if training["seconds"] is None else f" in {training['seconds']:.0f} s"
    return f"{training['epochs']} epochs{seconds}"


def _plain(value: Any) -> str:
    return "-" if value is None else value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
