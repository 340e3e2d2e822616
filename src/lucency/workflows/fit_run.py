"""The model of a run, trained on its films; what its bundle will need is kept in the run folder."""

from __future__ import annotations

import errno
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from lucency.errors import LucencyError, ResourceError
from lucency.workflows.run_folder import RunFolder, write_rows, write_text
from lucency.workflows.teller import Teller

if TYPE_CHECKING:
    from lucency.datasets.manifest import Manifest
    from lucency.datasets.prepared import Prepared
    from lucency.learning.fit import Schedule
    from lucency.learning.recipe import Recipe


def fit_run(
    run: RunFolder,
    recipe: Recipe,
    model: Any,
    manifest: Manifest,
    prepared: Prepared,
    *,
    teller: Teller,
    callbacks: Sequence[Any] = (),
    schedule: Schedule | None = None,
) -> None:
    """Trains, or goes on, and leaves `model.keras` and `validation.csv`, from which a bundle is made.

    Args:
        run: The run.
        recipe: What is wanted.
        model: Model of `build_classifier`.
        manifest: Films with their split.
        prepared: The same films, decoded.
        teller: Hears of progress.
        callbacks: Further Keras callbacks.
        schedule: Replaces the recipe's learning rates.

    Raises:
        RunError: The loss is not a number any more.
        ResourceError: Memory or disk are full; the last whole epoch is kept.
    """
    from lucency.learning.classifier import describe, float32_copy, predict_logits
    from lucency.learning.fit import fit
    from lucency.learning.inference_twin import inference_twin
    from lucency.learning.keeper import Progress
    from lucency.learning.saving import write_keras
    from lucency.workflows.run_batches import run_batches
    from lucency.workflows.split_films import split_films

    device = run.details()["device"]
    short = device["precision"] == "float32" and recipe.training.precision != "float32"
    precision = f"{recipe.training.precision} in convolutions" if short else device["precision"]
    teller.say(f"Training on {', '.join(device['devices'])} with {device['backend']}, {precision}")
    batches = run_batches(recipe, manifest, prepared)
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
    model = float32_copy(recipe, model)
    write_keras(model, run.path / "model.keras")
    val = split_films(manifest, prepared, "val")
    # What the bundle will say: thresholds that a half-precision logit or half of an answer chose would not be its own.
    logits = predict_logits(inference_twin(model, recipe.model), batches["val"])
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
