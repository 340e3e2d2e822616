"""`lucency predict`."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lucency.cli.evaluating import ExamRuleOption, PerExamOption, exam_rule_of, in_the_box
from lucency.errors import MissingExtraError

if TYPE_CHECKING:
    from lucency.decision import ExamRule, OperatingPoint
    from lucency.predictor import Predictor
    from lucency.workflows.predict import FilmAnswer
    from lucency.workflows.predict_exams import ExamAnswer


def register(app: typer.Typer) -> None:
    """Adds the commands of this file."""
    app.command()(predict)


def predict(
    films: Annotated[
        list[str],
        typer.Argument(help="Image or DICOM files, folders, glob patterns, or tables with paths.", show_default=False),
    ],
    bundle: Annotated[
        str | None,
        typer.Option(
            "--bundle",
            "-b",
            metavar="BUNDLE",
            envvar="LUCENCY_BUNDLE",
            help="Bundle, run folder or model in the box to ask; the default model in the box otherwise.",
            show_default=False,
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV.")] = False,
    overlay: Annotated[
        Path | None,
        typer.Option(help="Folder for a picture of each film with its heat map, decision and probability."),
    ] = None,
    operating_point: Annotated[
        str | None, typer.Option(help="Operating point that decides; the bundle's default otherwise.")
    ] = None,
    error_rate: Annotated[
        float | None,
        typer.Option(
            metavar="SHARE",
            help="Share of the films of each class that may be answered wrongly, such as 0.05; where it cannot be kept "
            'the answer is "uncertain". The bundle\'s own otherwise; mostly none: every film is decided.',
            show_default=False,
        ),
    ] = None,
    ignore_gate: Annotated[
        bool,
        typer.Option("--ignore-gate", help="Give a probability to any picture, even one that is no radiograph."),
    ] = False,
    per_exam: PerExamOption = False,
    exam_rule: ExamRuleOption = None,
    workers: Annotated[int | None, typer.Option(min=1, help="Threads that decode films.")] = None,
) -> None:
    """Say for each film, or each exam of several films, how likely a fracture is.

    A film that cannot be read gets its error in the answer; the others still get theirs, and the exit code is 3.
    Research use only. Not a medical device.
    """
    if as_json and as_csv:
        raise typer.BadParameter("choose one of --json and --csv")
    rule_name = exam_rule_of(per_exam, exam_rule)
    if error_rate is not None and not 0 < error_rate < 1:
        raise typer.BadParameter("--error-rate lies above 0 and below 1, such as 0.05")
    if error_rate is not None and per_exam:
        raise typer.BadParameter("--error-rate is for single films: no exam is ever uncertain")
    from lucency.predictor import Predictor

    def predictor_of() -> Predictor:
        predictor = Predictor(bundle, operating_point=operating_point, error_rate=error_rate, gate=not ignore_gate)
        if bundle is None:
            print(in_the_box(predictor.bundle), file=sys.stderr)
        return predictor

    failures = Failures()
    if per_exam:
        from lucency.workflows.exam_rules import exam_rule as rule_of
        from lucency.workflows.find_exams import find_exams
        from lucency.workflows.predict_exams import predict_exams

        exams = find_exams(films)
        predictor = predictor_of()
        if predictor.error_rate is not None:
            print("Note: the bundle may be uncertain of single films; exams are always decided.", file=sys.stderr)
        rule = rule_of(predictor.bundle, rule_name)
        told = failures.watch_exams(predict_exams(predictor, exams, rule, overlays=overlay, workers=workers))
        if as_json:
            _print_exams_json(told, predictor, rule)
        elif as_csv:
            _print_exams_csv(told)
        else:
            _print_exam_lines(told, [exam.name for exam in exams])
    else:
        from lucency.workflows.predict import find_films, predict_films

        paths = find_films(films)
        predictor = predictor_of()
        abstention = predictor.bundle.card.abstention
        if abstention is not None and predictor.error_rate is not None:
            for doubt in abstention.doubts(predictor.error_rate):
                print(f"Warning: {doubt}", file=sys.stderr)
        answers = failures.watch(predict_films(predictor, paths, overlays=overlay, workers=workers))
        if as_json:
            point = _point(predictor)
            content = {
                "operating_point": None if point is None else {"name": point.name, "threshold": point.threshold},
                "predictions": [answer.to_json() for answer in answers],
            }
            print(json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False))
        elif as_csv:
            _print_csv(answers, _point(predictor))
        else:
            _print_lines(answers, paths, predictor)
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

    def watch_exams(self, exams: Iterator[ExamAnswer]) -> Iterator[ExamAnswer]:
        """Passes the exams on, once their films were heard."""
        for exam in exams:
            for _ in self.watch(iter(exam.films)):
                pass
            for warning in exam.warnings:
                print(f"Warning: exam {exam.exam.name}: {warning}.", file=sys.stderr)
            yield exam


def _point(predictor: Predictor) -> OperatingPoint | None:
    """The operating point that decides; None where an error rate does."""
    return predictor.operating_point if predictor.error_rate is None else None


def _print_csv(answers: Iterator[FilmAnswer], point: OperatingPoint | None) -> None:
    columns = (
        "path", "sha256", "probability", "logit", "decision", "bundle", "error_code", "error_message", "error_rate",
        "possible", "gate", "operating_point", "threshold",
    )  # fmt: skip
    writer = csv.DictWriter(sys.stdout, columns, restval="", extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    decides = {} if point is None else {"operating_point": point.name, "threshold": point.threshold}
    for answer in answers:
        _write_row(writer, answer.to_json() | ({} if answer.prediction is None else decides))


def _print_exams_csv(exams: Iterator[ExamAnswer]) -> None:
    columns = (
        "exam", "films", "probability", "decision", "highest_film", "rule", "threshold", "bundle", "error_code",
        "error_message",
    )  # fmt: skip
    writer = csv.DictWriter(sys.stdout, columns, restval="", extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    for exam in exams:
        _write_row(writer, {**exam.to_json(), "films": len(exam.films)})


def _write_row(writer: csv.DictWriter[str], entry: dict[str, Any]) -> None:
    error = entry.get("error", {})
    told = {
        "error_code": error.get("code", ""),
        "error_message": error.get("message", ""),
        "possible": " ".join(entry.get("possible", ())),
        "gate": " ".join(f"{name}={distance:.4g}" for name, distance in entry.get("gate", {}).items()),
    }
    writer.writerow({**entry, **told})
    sys.stdout.flush()


def _print_exams_json(exams: Iterator[ExamAnswer], predictor: Predictor, rule: ExamRule) -> None:
    content = {
        "rule": {**rule.to_json(), "fitted": rule.fitted},
        "operating_point": rule.operating_point(predictor.operating_point).name,
        "exams": [exam.to_json() for exam in exams],
    }
    print(json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False))


def _print_exam_lines(exams: Iterator[ExamAnswer], names: list[str]) -> None:
    width = min(60, max(4, *(len(name) for name in names)))
    print(f"{'exam'.ljust(width)}  films  probability  decision       highest film")
    for exam in exams:
        if exam.decision is None:
            continue
        highest = "-" if exam.highest is None else exam.highest.path
        print(
            f"{exam.exam.name.ljust(width)}  {len(exam.films):5d}  {_number(exam.probability)}  {exam.decision:13s}"
            f"  {highest}",
            flush=True,
        )
        for film in exam.films:
            for warning in film.prediction.warnings if film.prediction is not None else ():
                print(f"Warning: {film.path}: {warning}", file=sys.stderr)
            if film.overlay is not None:
                print(f"{''.ljust(width)}  overlay: {film.overlay}")
    if sys.stdout.isatty():
        print("Research use only. Not a medical device.", file=sys.stderr)


def _number(probability: float | None) -> str:
    return f"{'-':>11}" if probability is None else f"{probability:11.3f}"


def _print_lines(answers: Iterator[FilmAnswer], paths: list[str], predictor: Predictor) -> None:
    from lucency.workflows.predict import reason

    width = min(60, max(len(path) for path in paths))
    point = _point(predictor)
    rule = "" if point is None else f" ({point.name}: fractured from {point.threshold:.3f})"
    print(f"{'film'.ljust(width)}  probability  decision{rule}")
    for answer in answers:
        if answer.prediction is None:
            continue
        said, why = answer.prediction, reason(answer.prediction)
        line = f"{answer.path.ljust(width)}  {_number(said.probability)}  {said.decision}"
        print(f"{line}  {why}" if why else line, flush=True)
        for warning in said.warnings:
            print(f"Warning: {answer.path}: {warning}", file=sys.stderr)
        if answer.overlay is not None:
            print(f"{''.ljust(width)}  overlay: {answer.overlay}")
    if sys.stdout.isatty():
        print("Research use only. Not a medical device.", file=sys.stderr)
