"""Data and a recipe -> how well the recipe does on films that its models never saw, fold by fold and over all films."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lucency.errors import DatasetError, RunError
from lucency.workflows.checked_films import COPIES_TOGETHER, check_series
from lucency.workflows.fold_record import write_record
from lucency.workflows.fold_runs import Fold, fold_films, fold_report, planned_folds, run_fold
from lucency.workflows.run_series import RunSeries, readable_films, try_recipe
from lucency.workflows.teller import Teller
from lucency.workflows.told_findings import tell_findings
from lucency.workflows.wanted_recipe import wanted_recipe

if TYPE_CHECKING:
    from lucency.datasets.manifest import Manifest
    from lucency.evaluation.report import EvaluationReport

RUNS = "folds"


@dataclass(frozen=True)
class CrossValidation:
    """What a cross-validation gave.

    Attributes:
        folder: `cross-validation.json`, `cross-validation.html`, `out_of_fold.csv`, `figures/`, the runs in `folds/`.
        report: Of all films together, each answered by the model that did not see it.
        content: The content of `cross-validation.json`.
    """

    folder: Path
    report: EvaluationReport
    content: Mapping[str, Any]


def cross_validate(
    data: str | os.PathLike[str],
    *,
    recipe: str | os.PathLike[str] = "mobilenet",
    weights: str | None = None,
    overrides: Sequence[str] = (),
    folds: int = 5,
    repeats: int = 1,
    all_films: bool = False,
    out: str | os.PathLike[str] | None = None,
    labels: Mapping[str, int] | None = None,
    groups: str | os.PathLike[str] | None = None,
    strict: bool = False,
    workers: int | None = None,
    teller: Teller | None = None,
) -> CrossValidation:
    """Cross-validates a recipe; called again with the same arguments, it goes on where it stopped.

    Each fold is a run of its own: the fold is its test, validation films are carved from the others by whole groups,
    and they alone fix the best epoch, the calibration and the thresholds. Films that the data set gives as test take
    no part unless `all_films`; those given for validation are divided like the others.

    Args:
        data: Folder of films, or a CSV or Parquet table.
        recipe: Name of a recipe, or the path of a TOML file.
        weights: Replaces `model.weights`.
        overrides: Recipe values such as "training.epochs=5".
        folds: Number of folds.
        repeats: How many times the films are divided anew.
        all_films: Divide the films that the data set gives as test, too.
        out: Folder; `cross-validations/<recipe>-<name of the data>` where None.
        labels: Further names of classes.
        groups: CSV with image_id and group; films of one group stay in one fold.
        strict: Stop before the first fold where an error or a warning was found.
        workers: Threads that decode films.
        teller: Hears of progress.

    Raises:
        DatasetError: A class has fewer groups than there are folds, or no film can be used.
        RunError: Another cross-validation lies in the folder, or a fold failed.
        LucencyError: Another of its kinds; folds that are finished are kept.
        KeyboardInterrupt: The cross-validation can be resumed.
    """
    teller = teller or Teller()
    wanted = wanted_recipe(recipe, weights, overrides)
    _use_tensorflow()
    plan = {"folds": folds, "repeats": repeats, "all_films": all_films}
    name = f"{wanted.name}-{Path(data).resolve().stem}"
    series = RunSeries(Path(out) if out else Path("cross-validations") / name, RUNS)
    series.refuse_other()
    if not series.begun:
        try_recipe(wanted)
    given, findings = readable_films(data, wanted, series, labels=labels, groups=groups, workers=workers, teller=teller)
    checked = check_series(series, given, workers=workers, teller=teller)
    films = checked.keep_together(given, teller)
    # Before anything is written or refused: too few groups show here, not after hours, and in every folder alike.
    fold_films(_divided(films, all_films), wanted, folds=folds, repeats=repeats)
    if series.begun:
        series.refuse_change(plan, wanted, films)
    else:
        tell_findings(checked.findings(given, films, findings), series.path, strict=strict, teller=teller)
        series.begin({**plan, COPIES_TOGETHER: True}, wanted, films)
    return _go_on(series, workers, teller)


def resume_cross_validation(
    folder: str | os.PathLike[str], *, workers: int | None = None, teller: Teller | None = None
) -> CrossValidation:
    """Goes on with a cross-validation that was interrupted.

    Args:
        folder: Its folder.
        workers: Threads that decode films.
        teller: Hears of progress.

    Raises:
        RunError: There is none, or its films changed since.
    """
    series = RunSeries(Path(folder), RUNS)
    series.plan()
    _use_tensorflow()
    return _go_on(series, workers, teller or Teller())


def _use_tensorflow() -> None:
    from lucency.learning.backend import choose_backend

    if choose_backend() != "tensorflow":
        raise RunError(
            "each fold is measured with its ONNX bundle, which needs TensorFlow", hint="Set KERAS_BACKEND=tensorflow"
        )


def _go_on(series: RunSeries, workers: int | None, teller: Teller) -> CrossValidation:
    from lucency.datasets.folder_lock import folder_lock

    plan, recipe, given = series.plan(), series.recipe(), series.films()
    films = _divided(given, plan["all_films"])
    counts = {"folds": plan["folds"], "repeats": plan["repeats"]}
    folds = planned_folds(series, **counts)
    with folder_lock(series.path, wait=0):
        _run_folds(series, folds, fold_films(films, recipe, **counts), workers, teller)
        report, content = write_record(series, folds, films, recipe, left_out=len(given) - len(films))
    for note in content["notes"]:
        teller.say(note)
    teller.say(report.verdict)
    teller.say(f"Report: {series.path / 'cross-validation.html'}")
    return CrossValidation(series.path, report, content)


def _divided(films: Manifest, all_films: bool) -> Manifest:
    kept = films if all_films else films.keep(films.table["split"] != "test")
    if not len(kept):
        raise DatasetError(
            "all films are given as test", where=films.source, hint="Divide them all the same with --all-films"
        )
    return kept


def _run_folds(
    series: RunSeries, folds: Sequence[Fold], films: Sequence[Manifest], workers: int | None, teller: Teller
) -> None:
    from lucency.learning.trial_hooks import forget_models

    done = sum(fold.finished for fold in folds)
    if done:
        teller.say(f"{done} of {len(folds)} folds are done")
    for fold, parts in zip(folds, films, strict=True):
        if fold.finished:
            continue
        try:
            run_fold(series, fold, parts, workers=workers, teller=teller)
        except KeyboardInterrupt:
            done = sum(other.finished for other in folds)
            teller.say(
                f"Stopped after {done} of {len(folds)} folds; go on with: lucency cross-validate --resume {series.path}"
            )
            raise
        forget_models()
        metrics = fold_report(fold)["metrics"]
        shown = {name: metrics[name]["value"] for name in ("auroc", "accuracy")}
        words = ", ".join(f"{name} {value:.3f}" for name, value in shown.items() if value is not None)
        teller.say(f"{fold.words}: {words}")
