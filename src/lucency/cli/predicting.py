"""`lucency predict`."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lucency.errors import MissingExtraError

if TYPE_CHECKING:
    from lucency.workflows.predict import FilmAnswer


def register(app: typer.Typer) -> None:
    """Adds the commands of this file."""
    app.command()(predict)


def predict(
    films: Annotated[
        list[str], typer.Argument(help="Image or DICOM files, folders, or glob patterns.", show_default=False)
    ],
    bundle: Annotated[
        Path,
        typer.Option(
            "--bundle", "-b", envvar="LUCENCY_BUNDLE", help="Bundle or run folder to ask.", show_default=False
        ),
    ],
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV.")] = False,
    overlay: Annotated[
        Path | None,
        typer.Option(help="Folder for a picture of each film with its heat map, decision and probability."),
    ] = None,
    operating_point: Annotated[
        str | None, typer.Option(help="Operating point that decides; the bundle's default otherwise.")
    ] = None,
    workers: Annotated[int | None, typer.Option(min=1, help="Threads that decode films.")] = None,
) -> None:
    """Say for each film how likely a fracture is.

    A film that cannot be read gets its error in the answer; the others still get theirs, and the exit code is 3.
    Research use only. Not a medical device.
    """
    if as_json and as_csv:
        raise typer.BadParameter("choose one of --json and --csv")
    from lucency.predictor import Predictor
    from lucency.workflows.predict import find_films, predict_films

    paths = find_films(films)
    answers = predict_films(
        Predictor(bundle, operating_point=operating_point), paths, overlays=overlay, workers=workers
    )
    failures = Failures()
    if as_json:
        entries = [answer.to_json() for answer in failures.watch(answers)]
        print(json.dumps({"predictions": entries}, indent=2, ensure_ascii=False, allow_nan=False))
    elif as_csv:
        columns = ("path", "sha256", "probability", "logit", "decision", "bundle", "error_code", "error_message")
        writer = csv.DictWriter(sys.stdout, columns, restval="", extrasaction="ignore", lineterminator="\n")
        writer.writeheader()
        for answer in failures.watch(answers):
            entry = answer.to_json()
            error = entry.get("error", {})
            writer.writerow({**entry, "error_code": error.get("code", ""), "error_message": error.get("message", "")})
            sys.stdout.flush()
    else:
        _print_lines(failures.watch(answers), paths)
    if failures.exit_code:
        raise typer.Exit(failures.exit_code)


class Failures:
    """Says each failure on stderr as it comes, and remembers the exit code of the gravest."""

    def __init__(self) -> None:
        self.exit_code = 0

    def watch(self, answers: Iterator[FilmAnswer]) -> Iterator[FilmAnswer]:
        """Passes the answers on."""
        for answer in answers:
            for error in (answer.error, answer.overlay_error):
                if error is not None:
                    print(f"Error: {error}", file=sys.stderr, flush=True)
                    lacking = error.code == MissingExtraError.code
                    self.exit_code = max(self.exit_code, MissingExtraError.exit_code if lacking else error.exit_code)
            yield answer


def _print_lines(answers: Iterator[FilmAnswer], paths: list[str]) -> None:
    width = min(60, max(len(path) for path in paths))
    print(f"{'film'.ljust(width)}  probability  decision")
    for answer in answers:
        if answer.prediction is None:
            continue
        said = answer.prediction
        print(f"{answer.path.ljust(width)}  {said.probability:11.3f}  {said.decision}", flush=True)
        for warning in said.warnings:
            print(f"Warning: {answer.path}: {warning}", file=sys.stderr)
        if answer.overlay is not None:
            print(f"{''.ljust(width)}  overlay: {answer.overlay}")
    if sys.stdout.isatty():
        print("Research use only. Not a medical device.", file=sys.stderr)
