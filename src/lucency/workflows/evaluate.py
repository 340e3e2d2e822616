"""Bundle + films -> report: the shipped ONNX file is what is evaluated."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from lucency.bundle import Bundle, read_bundle, write_bundle
from lucency.errors import DatasetError, RunError
from lucency.workflows.evidence import MAPS_FILE
from lucency.workflows.exam_rules import exam_rule as rule_of
from lucency.workflows.exam_rules import fit_run_rule
from lucency.workflows.export import shareable
from lucency.workflows.known_films import SEEN_FILE, films_seen
from lucency.workflows.measure import measure
from lucency.workflows.run_films import prepare_films, run_films
from lucency.workflows.run_folder import RunFolder, read_rows
from lucency.workflows.scan import read_films
from lucency.workflows.teller import Teller

if TYPE_CHECKING:
    from lucency.evaluation.report import EvaluationReport

_WRITTEN = frozenset(
    ("report.json", "report.html", "predictions.csv", "views.csv", "figures", MAPS_FILE, SEEN_FILE, "prepared")
)


def evaluate(
    bundle: Bundle | str | os.PathLike[str],
    data: str | os.PathLike[str] | None = None,
    *,
    split: str = "test",
    out: str | os.PathLike[str] | None = None,
    labels: Mapping[str, int] | None = None,
    groups: str | os.PathLike[str] | None = None,
    operating_point: str | None = None,
    per_exam: bool = False,
    exam_rule: str = "highest",
    allow_seen: bool = False,
    prevalences: Sequence[float] = (),
    occluded: int = 0,
    resamples: int = 1000,
    seed: int = 0,
    workers: int | None = None,
    teller: Teller | None = None,
) -> EvaluationReport:
    """Measures a bundle on films, and writes `report.json`, `report.html`, `predictions.csv` and `figures/`.

    Args:
        bundle: A bundle, its folder, a run folder, or the name of a model in the box.
        data: Folder of films or table; where None, `bundle` must be a run folder, whose own films are used.
        split: Which films, where the data have splits: "test", "val" or "train". Data without splits are used whole.
        out: Folder for what is written; `evaluation-<name of the data>` in the working folder, or as in `evaluate_run`.
        labels: Further names of classes; only with `data`.
        groups: CSV with image_id and group; whole groups are resampled for the intervals. Only with `data`.
        operating_point: Name of the operating point that decides; the bundle's default where None.
        per_exam: Measure exams (study_id) instead of films; an exam is fractured where any of its films is.
        exam_rule: How the films of an exam answer: "highest" probability, or "fitted": the rule that the bundle
            holds. Of a run, the rule is fitted on its validation films and kept in the card.
        allow_seen: Measure films too that trained the bundle or chose its thresholds, and copies of them; otherwise
            they are left out. Either way `seen_films.csv` names them.
        prevalences: Shares of fractured films at which PPV and NPV are told, each above 0 and below 1.
        occluded: On how many films the heat map is checked by occlusion.
        resamples: Of the bootstrap.
        seed: Of the bootstrap.
        workers: Processes that decode films.
        teller: Hears of progress.

    Raises:
        BundleError: The bundle cannot be used.
        DatasetError: The films cannot be used, or the bundle has seen all of them, or all of one class.
    """
    teller = teller or Teller()
    if data is None:
        if labels or groups:
            raise DatasetError("labels and groups go with films of their own", hint="Give the films as well")
        if isinstance(bundle, Bundle) or not (Path(bundle) / "run.json").is_file():
            raise DatasetError(
                "no films were given", hint="Give a folder of films or a table, or a run folder as the bundle"
            )
        return evaluate_run(
            bundle,
            split=split,
            out=out,
            operating_point=operating_point,
            per_exam=per_exam,
            exam_rule=exam_rule,
            prevalences=prevalences,
            occluded=occluded,
            workers=workers,
            teller=teller,
        )
    from lucency.datasets.audit import audit

    opened = bundle if isinstance(bundle, Bundle) else read_bundle(bundle)
    # Before films are decoded, which may take long.
    opened.card.operating_point(operating_point)
    rule = rule_of(opened, exam_rule) if per_exam else None
    target = Path(out) if out else Path(f"evaluation-{Path(data).resolve().stem}")
    _refuse_occupied(target)
    manifest = read_films(data, labels=labels, groups=groups)
    if split != "test" and not manifest.table["split"].ne("").any():
        raise DatasetError(
            "has no splits, so there is nothing to choose", where=data, hint=f"Leave --split {split} away"
        )
    prepared = prepare_films(manifest, opened.card.input, target / "prepared", workers=workers, teller=teller)
    manifest = prepared.manifest
    if not (manifest.table["split"] == split).any():
        given = sorted(set(manifest.table["split"]) - {""})
        if given:
            raise DatasetError(
                f"has no films of split '{split}'",
                where=data,
                hint=f"It has: {', '.join(given)}; choose with --split",
            )
        manifest = replace(manifest, table=manifest.table.assign(split=split))
    seen = films_seen(opened, manifest.subset(split), target / "prepared", workers=workers, teller=teller)
    leak = seen.finding(kept=allow_seen)
    if "imported" in opened.card.provenance:
        teller.say("The model was imported: whether these films were in its training cannot be known.")
    elif seen.unlooked:
        teller.say(f"Near copies of the bundle's own films were not all looked for: {seen.unlooked}")
    seen.write(target)
    if not allow_seen:
        manifest = seen.leave_out(manifest, split)
    findings = [*([leak] if leak else []), *prepared.findings, *audit(manifest), *seen.notes()]
    for finding in findings:
        if finding.severity != "note":
            teller.say(f"{finding.severity}: {finding.message}")
    return measure(
        opened,
        manifest,
        prepared,
        split=split,
        out=target,
        operating_point=operating_point,
        rule=rule,
        resamples=resamples,
        seed=seed,
        findings=[finding.to_json() for finding in findings],
        optimistic=leak.message if leak and allow_seen else None,
        details={"data": Path(data).name},
        teller=teller,
        prevalences=prevalences,
        occluded=occluded,
        external=True,
    )


def evaluate_run(
    run: str | os.PathLike[str],
    *,
    split: str = "test",
    out: str | os.PathLike[str] | None = None,
    operating_point: str | None = None,
    per_exam: bool = False,
    exam_rule: str = "highest",
    prevalences: Sequence[float] = (),
    occluded: int = 0,
    workers: int | None = None,
    teller: Teller | None = None,
) -> EvaluationReport:
    """Measures the bundle of a run on the run's own films; figures of the test films go into its card.

    Args:
        run: The run folder.
        split: "test", "val" or "train".
        out: Folder for what is written; the run folder for the test films at the default operating point,
            `RUN/evaluation-<split>[-<operating point>][-exams[-fitted]]` otherwise.
        operating_point: As in `evaluate`.
        per_exam: As in `evaluate`.
        exam_rule: As in `evaluate`.
        prevalences: As in `evaluate`.
        occluded: As in `evaluate`.
        workers: As in `evaluate`.
        teller: As in `evaluate`.
    """
    from lucency.learning.recipe import load_recipe

    teller = teller or Teller()
    folder = RunFolder.open(run)
    opened = read_bundle(folder.path)
    recipe = load_recipe(folder.path / "recipe.toml")
    rule = None
    if per_exam:
        if exam_rule == "fitted":
            opened = fit_run_rule(folder, opened, recipe)
        rule = rule_of(opened, exam_rule)
    manifest, prepared = run_films(folder, recipe, workers=workers, teller=teller)
    own = out is None and split == "test" and operating_point is None and rule is None
    other = f"evaluation-{split}" + (f"-{operating_point}" if operating_point else "")
    if rule is not None:
        other += "-exams" + ("-fitted" if rule.fitted else "")
    target = Path(out) if out else folder.path if own else folder.path / other
    if not own:
        RunFolder.refuse_run(target)
    details = folder.details()
    history = read_rows(folder.path / "history.csv")
    optimistic = None
    if split == "train":
        optimistic = "These are the films that the model was trained on"
    elif split == "val" or manifest.test_is_val:
        optimistic = "These validation films chose the best epoch, the calibration and the thresholds"
    report = measure(
        opened,
        manifest,
        prepared,
        split=split,
        out=target,
        operating_point=operating_point,
        rule=rule,
        resamples=recipe.evaluation.resamples,
        seed=recipe.seed,
        findings=folder.read_json("findings.json"),
        optimistic=optimistic,
        details={**{key: value for key, value in details.items() if key != "command"}, "recipe": shareable(recipe)},
        history=history,
        summary=(folder.path / "summary.txt").read_text("utf-8"),
        teller=teller,
        prevalences=prevalences,
        occluded=occluded,
    )
    if own:
        metrics = {
            "split": split,
            "films": report.films,
            "groups": report.groups,
            "fractured": report.fractured,
        }
        metrics.update({"optimistic_reason": report.optimistic_reason, "figures": dict(report.metrics)})
        write_bundle(opened.folder, replace(opened.card, metrics=metrics))
        folder.finish("evaluated")
    return report


def _refuse_occupied(target: Path) -> None:
    """Only an earlier evaluation, or one that was interrupted, may be written over."""
    RunFolder.refuse_run(target)
    if target.exists() and not target.is_dir():
        raise RunError("is a file, and an evaluation writes a folder", where=target, hint="Give another --out")
    others = {entry.name for entry in target.iterdir()} - _WRITTEN if target.is_dir() else set()
    if others:
        raise RunError(f"holds what no evaluation wrote ({min(others)})", where=target, hint="Give another --out")
