"""The training walk: folder -> manifest -> findings -> split -> prepared -> trained -> bundle -> report."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from lucency.errors import LucencyError, ResourceError, StrictError
from lucency.workflows.run_films import prepare_films, run_films
from lucency.workflows.run_folder import RunFolder, write_json, write_rows, write_text
from lucency.workflows.scan import read_films
from lucency.workflows.teller import Teller

if TYPE_CHECKING:
    from lucency.bundle import Bundle
    from lucency.datasets.audit.findings import Finding
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

    Raises:
        LucencyError: One of its kinds; nothing that was finished is lost.
        KeyboardInterrupt: The run can be resumed with `resume_training`.
    """
    teller = teller or Teller()
    wanted = _recipe(recipe, [*overrides, *([f"model.weights={weights}"] if weights else [])])
    if wanted.model.weights not in ("none", "imagenet"):
        # Whole, so that the run can be resumed from another folder.
        place = str(Path(wanted.model.weights).expanduser().resolve())
        wanted = wanted.model_copy(update={"model": wanted.model.model_copy(update={"weights": place})})
    manifest = read_films(data, labels=labels, groups=groups)
    model, device = _build(wanted)
    for note in manifest.notes:
        teller.say(note)
    path = Path(out) if out else Path("runs") / f"{wanted.name}-{datetime.now().strftime('%Y%m%d-%H%M%S')}"
    RunFolder.refuse_used(path)
    prepared = prepare_films(manifest, wanted.input_spec, path.parent / "prepared", workers=workers, teller=teller)
    layout = manifest.source.rpartition("(")[2].rstrip(")")
    plan = wanted.split
    manifest = _split(prepared.manifest, plan.val, plan.test, wanted.seed, plan.test_from_val)
    findings = [*prepared.findings, *_audit(manifest)]
    write_json(path / "findings.json", [finding.to_json() for finding in findings])
    _say_findings(findings, manifest, path, teller)
    severe = sum(finding.severity != "note" for finding in findings)
    if strict and severe:
        raise StrictError(
            f"{severe} finding(s) that --strict does not let pass",
            where=path / "findings.json",
            hint="Mend the data, or train without --strict",
        )
    write_text(path / "recipe.toml", wanted.to_toml())
    manifest.write(path / "manifest.csv")
    # Only now, so that whatever stops before leaves no half-made run behind; prepared films are kept for the next one.
    run = RunFolder.create(
        path,
        {
            "name": path.name,
            "recipe": wanted.name,
            "data": {"source": Path(data).name, "layout": layout, **_facts(manifest)},
            "seed": wanted.seed,
            "strict": strict,
            "device": device,
        },
    )
    return _go_on(run, wanted, model, manifest, prepared, teller, callbacks, schedule, h5, through)


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
    recipe = _recipe(folder.path / "recipe.toml", ())
    manifest, prepared = run_films(folder, recipe, workers=workers, teller=teller)
    from lucency.learning.backend import use_device

    folder.note(device=use_device().to_json())
    from lucency.learning.keeper import FitState

    # A checkpoint brings its own weights: the file that they began from may be gone by now.
    begun = FitState.read(folder.path / "checkpoints").checkpoint is not None
    model, _ = _build(recipe, weights="none" if begun else None)
    return _go_on(folder, recipe, model, manifest, prepared, teller, callbacks, schedule, h5, through)


def _recipe(recipe: str | os.PathLike[str], overrides: Sequence[str]) -> Recipe:
    from lucency.learning.backend import require

    require("keras", need="Training")
    from lucency.learning.recipe import load_recipe

    return load_recipe(recipe, overrides)


def _build(recipe: Recipe, weights: str | None = None) -> tuple[Any, dict[str, object]]:
    # Built before the films are decoded: a mistake in a recipe or its weights shows in seconds, not after minutes.
    from lucency.learning.backend import use_device

    device = use_device()
    from lucency.learning.classifier import build_classifier

    return build_classifier(recipe, weights=weights), device.to_json()


def _split(manifest: Manifest, val: float, test: float, seed: int, test_from_val: bool) -> Manifest:
    from lucency.datasets.split import assign_split

    return assign_split(manifest, val=val, test=test, seed=seed, test_from_val=test_from_val)


def _audit(manifest: Manifest) -> list[Finding]:
    from lucency.datasets.audit import audit

    return audit(manifest)


def _facts(manifest: Manifest) -> dict[str, Any]:
    counts = {
        split: {"films": len(part), "fractured": int(part.table["label"].sum())}
        for split in ("train", "val", "test")
        if len(part := manifest.subset(split))
    }
    return {"manifest_sha256": manifest.content_hash(), "test_is_val": manifest.test_is_val, "splits": counts}


def _say_findings(findings: Sequence[Finding], manifest: Manifest, run: Path, teller: Teller) -> None:
    unreadable = [finding for finding in findings if finding.check == "files" and finding.severity == "error"]
    if unreadable:
        count = len({image for finding in unreadable for image in finding.image_ids})
        teller.say(
            f"{count} film(s) cannot be used and are left out; {run / 'findings.json'} names each with its reason"
        )
    for finding in findings:
        if finding not in unreadable:
            teller.say(f"{finding.severity}: {finding.message}")
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
) -> TrainResult:
    if not run.has("trained"):
        try:
            _fit(run, recipe, model, manifest, prepared, teller, callbacks, schedule)
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

    bundle = export_run(run.path, teller=teller)
    report = evaluate_run(run.path, teller=teller)
    return TrainResult(run.path, bundle, report)


def _fit(
    run: RunFolder,
    recipe: Recipe,
    model: Any,
    manifest: Manifest,
    prepared: Prepared,
    teller: Teller,
    callbacks: Sequence[Any],
    schedule: Schedule | None,
) -> None:
    from lucency.learning.classifier import describe, float32_copy, predict_logits
    from lucency.learning.fit import fit
    from lucency.learning.keeper import Progress
    from lucency.learning.loader import FilmBatches
    from lucency.learning.saving import write_keras
    from lucency.workflows.split_films import split_films

    device = run.details()["device"]
    teller.say(f"Training on {', '.join(device['devices'])} with {device['backend']}, {device['precision']}")
    plan = recipe.training
    changes: dict[str, Any] = {"train": {"shuffle": True, "balance": plan.balance, "mixup": plan.mixup}}
    batches = {}
    for split in ("train", "val"):
        part = split_films(manifest, prepared, split)
        batches[split] = FilmBatches(
            part.images,
            part.rows,
            part.labels,
            batch_size=recipe.training.batch_size,
            seed=recipe.seed,
            **changes.get(split, {}),
        )
    write_text(run.path / "summary.txt", describe(model))

    def listen(at: Progress) -> None:
        if at.seconds_left is None:
            teller.progress("frozen features", at.step, at.steps)
            return
        left = f"{at.seconds_left / 60:.0f} min" if at.seconds_left >= 90 else f"{at.seconds_left:.0f} s"
        teller.progress(f"epoch {at.epoch} of {at.epochs}", at.step, at.steps, f"{left} left in all")
        if at.row is not None:
            shown = ", ".join(
                f"{name} {at.row[name]:.4f}" for name in ("loss", "val_loss", "auroc", "val_auroc") if name in at.row
            )
            text = f"epoch {at.epoch} of {at.epochs} ({at.phase}, {at.row['seconds']:.0f} s): {shown}"
            run.log(text)
            teller.say(text)

    try:
        model, state = fit(
            model,
            recipe,
            batches["train"],
            batches["val"],
            run.path,
            listener=listen,
            callbacks=callbacks,
            schedule=schedule,
            features=run.path.parent / "prepared" / "features",
        )
    except (LucencyError, KeyboardInterrupt):
        raise
    except Exception as error:
        raise _resource_error(error, run) or error from None
    teller.say(f"Best epoch: {state.best_epoch}")
    write_keras(model, run.path / "model.keras")
    val = split_films(manifest, prepared, "val")
    # In single precision, like the bundle: thresholds that a half-precision logit chose would not be its own.
    logits = predict_logits(float32_copy(recipe, model), batches["val"])
    rows = [
        {"image_id": image_id, "label": label, "group": group, "logit": repr(float(logit))}
        for image_id, label, group, logit in zip(
            val.image_ids, val.labels, val.groups or [""] * len(logits), logits, strict=True
        )
    ]
    write_rows(run.path / "validation.csv", ("image_id", "label", "group", "logit"), rows)
    run.note(best_epoch=state.best_epoch, parameters=int(model.count_params()))
    run.finish("trained")


def _resource_error(error: Exception, run: RunFolder) -> ResourceError | None:
    import errno

    if isinstance(error, OSError) and error.errno == errno.ENOSPC:
        return ResourceError(
            "the disk is full", where=run.path, hint=f"Make room, then: lucency train --resume {run.path}"
        )
    if (
        isinstance(error, MemoryError)
        or "ResourceExhausted" in type(error).__name__
        or "RESOURCE_EXHAUSTED" in str(error)
    ):
        return ResourceError(
            "out of memory", where=run.path, hint="Lower training.batch_size or input.height and input.width"
        )
    return None
