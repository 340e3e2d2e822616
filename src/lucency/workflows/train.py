"""The training walk: folder -> manifest -> findings -> split -> prepared -> trained -> bundle -> report."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from lucency.errors import RunError
from lucency.workflows.checked_films import CheckedFilms, check_films
from lucency.workflows.fit_run import fit_run
from lucency.workflows.run_films import prepare_films, run_films
from lucency.workflows.run_folder import RunFolder, write_text
from lucency.workflows.scan import read_films
from lucency.workflows.teller import Teller
from lucency.workflows.told_findings import tell_findings
from lucency.workflows.wanted_recipe import wanted_recipe

if TYPE_CHECKING:
    from lucency.bundle import Bundle
    from lucency.datasets.manifest import Manifest
    from lucency.datasets.prepared import Prepared
    from lucency.evaluation.report import EvaluationReport
    from lucency.learning.fit import Schedule
    from lucency.learning.recipe import Recipe


@dataclass(frozen=True)
class TrainResult:
    """What training gave.

    Attributes:
        run: The run folder.
        bundle: The bundle, or None where ONNX export is not possible here (see `lucency export`).
        report: The evaluation of the test films, or None likewise.
    """

    run: Path
    bundle: Bundle | None
    report: EvaluationReport | None


def train(
    data: str | os.PathLike[str],
    *,
    recipe: str | os.PathLike[str] = "mobilenet",
    weights: str | None = None,
    overrides: Sequence[str] = (),
    out: str | os.PathLike[str] | None = None,
    labels: Mapping[str, int] | None = None,
    groups: str | os.PathLike[str] | None = None,
    strict: bool = False,
    workers: int | None = None,
    teller: Teller | None = None,
    callbacks: Sequence[Any] = (),
    schedule: Schedule | None = None,
    h5: bool = False,
    through: Literal["trained", "evaluated"] = "evaluated",
    audit: bool = True,
) -> TrainResult:
    """Trains a classifier by a recipe and measures the bundle that comes of it.

    Args:
        data: Folder of films, or a CSV or Parquet table.
        recipe: Name of a recipe, or the path of a TOML file.
        weights: Replaces `model.weights`: "imagenet", "none", or the path of a weights file.
        overrides: Recipe values such as "training.epochs=5".
        out: Run folder to make; `runs/<recipe>-<time>` where None.
        labels: Further names of classes, such as {"bruch": 1, "heil": 0}.
        groups: CSV with image_id and group; films of one group stay on one side.
        strict: Stop before training where an error or a warning was found.
        workers: Processes that decode films.
        teller: Hears of progress.
        callbacks: Further Keras callbacks.
        schedule: Replaces the recipe's learning rates: (phase, steps of an epoch) -> a rate or a Keras schedule.
        h5: Save the model as `model.h5` too.
        through: Last stage; after "trained" there is no bundle, and no test film was looked at.
        audit: Look for copies in the films first, and keep them on one side of splits that are carved; otherwise only
            equal bytes are known.

    Raises:
        LucencyError: One of its kinds; nothing that was finished is lost.
        KeyboardInterrupt: The run can be resumed with `resume_training`.
    """
    teller = teller or Teller()
    wanted = wanted_recipe(recipe, weights, overrides)
    _say_unused(wanted, teller)
    manifest = read_films(data, labels=labels, groups=groups)
    model, device = _build(wanted)
    for note in manifest.notes:
        teller.say(note)
    path = Path(out) if out else Path("runs") / f"{wanted.name}-{datetime.now().strftime('%Y%m%d-%H%M%S')}"
    RunFolder.refuse_used(path)
    prepared = prepare_films(manifest, wanted.input_spec, path.parent / "prepared", workers=workers, teller=teller)
    layout = manifest.source.rpartition("(")[2].rstrip(")")
    plan = wanted.split
    checked = CheckedFilms(manifest)
    if audit:
        checked = check_films(manifest, path.parent / "prepared", workers=workers, teller=teller)
    films = checked.keep_together(prepared.manifest, teller)
    splits_are = "given" if films.table["split"].ne("").any() else "carved"
    manifest = _split(films, plan.val, plan.test, wanted.seed, plan.test_from_val)
    findings = checked.findings(prepared.manifest, manifest, prepared.findings)
    tell_findings(findings, path, strict=strict, teller=teller, notes=True)
    _say_splits(manifest, teller)
    write_text(path / "recipe.toml", wanted.to_toml())
    manifest.write(path / "manifest.csv")
    # Only now, so that whatever stops before leaves no half-made run behind; prepared films are kept for the next one.
    run = RunFolder.create(
        path,
        {
            "name": path.name,
            "recipe": wanted.name,
            "data": {"source": Path(data).name, "layout": layout, "splits_are": splits_are, **_facts(manifest)},
            "seed": wanted.seed,
            "strict": strict,
            "device": device,
        },
    )
    try:
        return _go_on(run, wanted, model, manifest, prepared, teller, callbacks, schedule, h5, through, workers)
    except RunError:
        from lucency.learning.keeper import FitState

        if not FitState.read(path / "checkpoints").epoch:
            # A loss that was no number from the start: there is nothing that could be gone on with.
            shutil.rmtree(path)
        raise


def resume_training(
    run: str | os.PathLike[str],
    *,
    workers: int | None = None,
    teller: Teller | None = None,
    callbacks: Sequence[Any] = (),
    schedule: Schedule | None = None,
    h5: bool = False,
    through: Literal["trained", "evaluated"] = "evaluated",
) -> TrainResult:
    """Goes on with a run that was interrupted, from its last whole epoch.

    With the same backend and machine the result is that of an unbroken run.

    Args:
        run: The run folder.
        workers: Processes that decode films.
        teller: Hears of progress.
        callbacks: As in `train`.
        schedule: As in `train`.
        h5: As in `train`.
        through: As in `train`.

    Raises:
        RunError: There is no run, or its films changed since.
    """
    teller = teller or Teller()
    folder = RunFolder.open(run)
    recipe = wanted_recipe(folder.path / "recipe.toml", None, ())
    manifest, prepared = run_films(folder, recipe, workers=workers, teller=teller)
    from lucency.learning.backend import use_device

    folder.note(device=use_device().to_json())
    from lucency.learning.keeper import FitState

    # A checkpoint brings its own weights: the file that they began from may be gone by now.
    begun = FitState.read(folder.path / "checkpoints").checkpoint is not None
    model, _ = _build(recipe, weights="none" if begun else None)
    return _go_on(folder, recipe, model, manifest, prepared, teller, callbacks, schedule, h5, through, workers)


def _build(recipe: Recipe, weights: str | None = None) -> tuple[Any, dict[str, object]]:
    # Built before the films are decoded: a mistake in a recipe or its weights shows in seconds, not after minutes.
    from lucency.learning.backend import use_device

    device = use_device()
    from lucency.learning.classifier import build_classifier

    return build_classifier(recipe, weights=weights), device.to_json()


def _split(manifest: Manifest, val: float, test: float, seed: int, test_from_val: bool) -> Manifest:
    from lucency.datasets.split import assign_split

    return assign_split(manifest, val=val, test=test, seed=seed, test_from_val=test_from_val)


def _facts(manifest: Manifest) -> dict[str, Any]:
    counts = {
        split: {"films": len(part), "fractured": int(part.table["label"].sum())}
        for split in ("train", "val", "test")
        if len(part := manifest.subset(split))
    }
    return {"manifest_sha256": manifest.content_hash(), "test_is_val": manifest.test_is_val, "splits": counts}


def _say_unused(recipe: Recipe, teller: Teller) -> None:
    plan = recipe.training
    if plan.cached_views and not plan.head_epochs and plan.unfreeze not in ("none", 0):
        teller.say("training.cached_views has no effect: no epoch of this recipe freezes the whole backbone")


def _say_splits(manifest: Manifest, teller: Teller) -> None:
    facts = _facts(manifest)["splits"]
    teller.say("; ".join(f"{split}: {c['films']} films, {c['fractured']} fractured" for split, c in facts.items()))


def _go_on(
    run: RunFolder,
    recipe: Recipe,
    model: Any,
    manifest: Manifest,
    prepared: Prepared,
    teller: Teller,
    callbacks: Sequence[Any],
    schedule: Schedule | None,
    h5: bool,
    through: str,
    workers: int | None,
) -> TrainResult:
    if not run.has("trained"):
        try:
            fit_run(run, recipe, model, manifest, prepared, teller=teller, callbacks=callbacks, schedule=schedule)
        except KeyboardInterrupt:
            teller.say(f"Stopped. Whole epochs are kept; go on with: lucency train --resume {run.path}")
            raise
    if h5:
        from lucency.workflows.export import save_h5

        teller.say(f"The model as HDF5: {save_h5(run.path)}")
    if through == "trained":
        return TrainResult(run.path, None, None)
    if os.environ.get("KERAS_BACKEND") != "tensorflow":
        teller.say(
            f"The model is trained: {run.path / 'model.keras'}. The ONNX bundle needs TensorFlow; where it is "
            f"installed, run: lucency export {run.path}"
        )
        return TrainResult(run.path, None, None)
    from lucency.workflows.evaluate import evaluate_run
    from lucency.workflows.export import export_run

    bundle = export_run(run.path, workers=workers, teller=teller)
    report = evaluate_run(run.path, workers=workers, teller=teller)
    return TrainResult(run.path, bundle, report)
