"""Run -> bundle: ONNX, calibration and operating points from the validation films."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lucency.bundle import Bundle, Card, write_bundle
from lucency.errors import LucencyError, RunError
from lucency.workflows.run_folder import RunFolder, now, read_rows, versions
from lucency.workflows.split_films import split_films
from lucency.workflows.teller import Teller

if TYPE_CHECKING:
    from lucency.learning.recipe import Recipe


def export_run(
    run: str | os.PathLike[str], *, out: str | os.PathLike[str] | None = None, teller: Teller | None = None
) -> Bundle:
    """Makes the bundle of a trained run; works on a machine where the films are not.

    Args:
        run: A run folder with `model.keras`, `recipe.toml` and `validation.csv`.
        out: Folder of the bundle; `RUN/bundle` where None.
        teller: Hears of progress.

    Raises:
        RunError: The run is not trained to its end.
        BundleError: Keras and ONNX do not agree.
        MissingExtraError: TensorFlow or tf2onnx is not installed.
    """
    teller = teller or Teller()
    folder = RunFolder.open(run)
    if not folder.has("trained"):
        raise RunError("is not trained to its end", where=run, hint=f"Go on with: lucency train --resume {run}")
    from lucency.learning.backend import choose_backend, require

    require("keras", "tensorflow", "tf2onnx", need="Export to ONNX")
    from lucency.learning.recipe import load_recipe

    recipe = load_recipe(folder.path / "recipe.toml")
    choose_backend("tensorflow")
    from lucency.learning.classifier import load_trained
    from lucency.learning.export import OUTPUTS, export_onnx

    target = Path(out) if out else folder.path / "bundle"
    parity = export_onnx(
        load_trained(folder.path / "model.keras"),
        recipe,
        target / "model.onnx",
        films=_validation_films(folder, recipe),
    )
    teller.say(f"ONNX and Keras agree: logits differ by at most {parity['logit']:.1g}")
    details = folder.details()
    card = Card(
        name=recipe.name,
        input=recipe.input_spec,
        model_sha256="",
        outputs=OUTPUTS,
        training_data=details["data"],
        recipe=recipe.model_dump(),
        provenance={
            "exported": now(),
            "trained": details["stages"]["trained"],
            "device": details.get("device", {}),
            "seed": recipe.seed,
            "parameters": details.get("parameters"),
            "best_epoch": details.get("best_epoch"),
            "parity": parity,
            "versions_of_training": details["versions"],
            "versions_of_export": versions(),
        },
        **_fitted(folder, recipe, teller),
    )
    bundle = write_bundle(target, card)
    folder.finish("exported")
    teller.say(f"Bundle {bundle.identity}: {bundle.folder}")
    return bundle


def _fitted(run: RunFolder, recipe: Recipe, teller: Teller) -> dict[str, Any]:
    import numpy as np

    from lucency.evaluation.calibrate import calibration_note, fit_temperature, fixed_sensitivity, youden

    rows = read_rows(run.path / "validation.csv")
    labels = np.array([int(row["label"]) for row in rows])
    logits = np.array([float(row["logit"]) for row in rows])
    calibration = fit_temperature(logits, labels)
    note = calibration_note(calibration, logits, labels)
    if note:
        teller.say(note)
    probabilities = calibration.probability(logits)
    points = (
        youden(labels, probabilities),
        fixed_sensitivity(labels, probabilities, recipe.evaluation.sensitivity),
    )
    default = points[0] if recipe.evaluation.operating_point == "youden" else points[1]
    return {"calibration": calibration, "operating_points": points, "default_operating_point": default.name}


def _validation_films(run: RunFolder, recipe: Recipe) -> Any:
    from lucency.workflows.train import run_films

    try:
        manifest, prepared = run_films(run, recipe)
    except LucencyError:
        # Elsewhere the films are not at hand; parity is then shown on noise and flat films alone.
        return None
    part = split_films(manifest, prepared, "val")
    return part.images[part.rows[:32]]
