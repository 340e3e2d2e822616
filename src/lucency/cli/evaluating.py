"""`lucency evaluate`."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lucency.cli.data import GroupsOption, LabelOption, WorkersOption, labels_of
from lucency.cli.printing import PrintingTeller, table
from lucency.errors import DatasetError

if TYPE_CHECKING:
    from lucency.bundle import Bundle

PerExamOption = Annotated[
    bool,
    typer.Option("--per-exam", help="Answer for exams of several films instead of single films."),
]
ExamRuleOption = Annotated[
    str | None,
    typer.Option(
        metavar="highest|fitted",
        help="How the films of an exam answer together: highest probability (otherwise), or the rule fitted on"
        " validation films; with --per-exam.",
        show_default=False,
    ),
]


def register(app: typer.Typer) -> None:
    """Adds the commands of this file."""
    app.command()(evaluate)


def exam_rule_of(per_exam: bool, name: str | None) -> str:
    """The name of a rule for exams, checked."""
    if name is not None and not per_exam:
        raise typer.BadParameter("--exam-rule goes with --per-exam")
    if name not in (None, "highest", "fitted"):
        raise typer.BadParameter("--exam-rule is highest or fitted")
    return name or "highest"


def in_the_box(bundle: Bundle) -> str:
    """Says that nobody named the bundle that answers."""
    return f"{bundle.identity} answers, the model in the box: no bundle was named. What it is: lucency models"


def _single(given: str, teller: PrintingTeller) -> tuple[str | Bundle, Path | None]:
    """Model and films where one word was given: a run brings its films, and films are asked of the usual model."""
    from lucency.bundle import read_bundle
    from lucency.shipped import DEFAULT_MODEL, MODELS

    place = Path(given)
    if (place / "run.json").is_file():
        return given, None
    if given in MODELS:
        also = f"; for the films in the folder of that name give ./{given}" if place.exists() else ""
        raise DatasetError(
            "no films were given for this model in the box",
            where=given,
            hint=f"Give them after it, as in: lucency evaluate {given} films{also}",
        )
    if any((place / name).is_file() for name in ("card.json", "bundle/card.json")):
        raise DatasetError(
            "holds a bundle, and no films were given",
            where=given,
            hint=f"To measure it give films after it; if its films are meant: lucency evaluate {DEFAULT_MODEL} {given}",
        )
    if not place.exists():
        raise DatasetError(
            "does not exist: neither films, nor a run, nor a model in the box",
            where=given,
            hint="Give films, a run, or a bundle and films; the models in the box are told by: lucency models",
        )
    named = os.environ.get("LUCENCY_BUNDLE") or None
    bundle = read_bundle(named)
    teller.say(f"{bundle.identity} answers, named by LUCENCY_BUNDLE" if named else in_the_box(bundle))
    return bundle, place


def evaluate(
    bundle: Annotated[
        str,
        typer.Argument(
            metavar="BUNDLE|DATA",
            help="Bundle, run folder or model in the box; or films alone, for the bundle that LUCENCY_BUNDLE names or"
            " the model in the box.",
            show_default=False,
        ),
    ],
    data: Annotated[
        Path | None,
        typer.Argument(metavar="DATA", help="Folder of films or a table; a run has its own.", show_default=False),
    ] = None,
    split: Annotated[str, typer.Option(help="train, val or test, where the data have splits.")] = "test",
    out: Annotated[Path | None, typer.Option(help="Folder for the report.", show_default=False)] = None,
    label: LabelOption = None,
    groups: GroupsOption = None,
    operating_point: Annotated[
        str | None, typer.Option(help="Operating point that decides; the bundle's default otherwise.")
    ] = None,
    per_exam: PerExamOption = False,
    exam_rule: ExamRuleOption = None,
    allow_seen: Annotated[
        bool,
        typer.Option("--allow-seen", help="Measure films too that the bundle has seen, and copies of them."),
    ] = False,
    prevalence: Annotated[
        list[float] | None,
        typer.Option(
            help="Tell PPV and NPV where this share of films is fractured, such as 0.05. Can be repeated.",
            show_default=False,
        ),
    ] = None,
    occlusion: Annotated[
        int, typer.Option(min=0, help="Check the heat map by occlusion on so many films; about 2 seconds a film.")
    ] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False,
    workers: WorkersOption = None,
) -> None:
    """Measure a bundle on films: figures with 95 % intervals, an HTML page, report.json and predictions.csv."""
    if split not in ("train", "val", "test"):
        raise typer.BadParameter("--split is train, val or test")
    if any(not 0 < share < 1 for share in prevalence or ()):
        raise typer.BadParameter("--prevalence lies above 0 and below 1")
    rule = exam_rule_of(per_exam, exam_rule)
    from lucency.workflows.evaluate import evaluate as evaluate_bundle

    with PrintingTeller() as teller:
        model, films = (bundle, data) if data is not None else _single(bundle, teller)
        report = evaluate_bundle(
            model,
            films,
            split=split,
            out=out,
            labels=labels_of(label),
            groups=groups,
            operating_point=operating_point,
            per_exam=per_exam,
            exam_rule=rule,
            allow_seen=allow_seen,
            prevalences=tuple(prevalence or ()),
            occluded=occlusion,
            workers=workers,
            teller=teller,
        )
    if as_json:
        print(json.dumps(report.to_json(), indent=2, ensure_ascii=False, allow_nan=False))
        return
    rows = []
    for name, figure in report.metrics.items():
        value = "n/a" if figure["value"] is None else f"{figure['value']:.3f}"
        interval = "" if figure["low"] is None else f"{figure['low']:.3f} to {figure['high']:.3f}"
        rows.append((name, value, interval))
    for baseline in report.baselines:
        rows.append((f"accuracy of {baseline['name']}", f"{baseline['accuracy']:.3f}", ""))
    print(table(("metric", "value", "95 % interval"), rows, right=("value",)))
