"""`lucency evaluate`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from lucency.cli.data import GroupsOption, LabelOption, WorkersOption, labels_of
from lucency.cli.printing import PrintingTeller, table

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


def evaluate(
    bundle: Annotated[Path, typer.Argument(help="Bundle or run folder.")],
    data: Annotated[
        Path | None,
        typer.Argument(help="Folder of films or a table; a run's own films otherwise.", show_default=False),
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
        report = evaluate_bundle(
            bundle,
            data,
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
