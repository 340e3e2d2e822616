"""Run -> bundle: ONNX, calibration and operating points from the validation films."""

from __future__ import annotations

import math
import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from lucency.bundle import POOLED_HEAT_SCALE, Bundle, Card, write_bundle
from lucency.errors import FilmError, MissingExtraError, RunError
from lucency.imaging.geometry import to_input
from lucency.imaging.readers import read_radiograph
from lucency.workflows.about import About, cross_validated, read_about
from lucency.workflows.bundle_gate import fit_bundle_gate
from lucency.workflows.exam_rules import rule_or_none
from lucency.workflows.film_fingerprints import fingerprint_run
from lucency.workflows.run_folder import RunFolder, now, read_rows, versions
from lucency.workflows.teller import Teller

if TYPE_CHECKING:
    from lucency.learning.recipe import Recipe

PARITY_FILMS = 32
"""How many validation films the export is checked on, where they are at hand."""


def export_run(
    run: str | os.PathLike[str],
    *,
    out: str | os.PathLike[str] | None = None,
    about: str | os.PathLike[str] | None = None,
    cross_validation: str | os.PathLike[str] | None = None,
    workers: int | None = None,
    teller: Teller | None = None,
) -> Bundle:
    """Makes the bundle of a trained run; works on a machine where the films are not.

    Args:
        run: A run folder with `model.keras`, `recipe.toml` and `validation.csv`.
        out: Folder of the bundle; `RUN/bundle` where None.
        about: TOML file with what the run cannot know: see `read_about`.
        cross_validation: Finished cross-validation of the same recipe, whose figures the card then holds.
        workers: Threads that decode films for the gate and the fingerprints.
        teller: Hears of progress.

    Raises:
        RunError: The run is not trained to its end, or the cross-validation is not finished or of another recipe.
        BundleError: Keras and ONNX do not agree, or `about` holds something else.
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
    from lucency.learning.backbones import BACKBONES
    from lucency.learning.export import OUTPUTS, export_onnx
    from lucency.learning.saving import load_trained

    target = Path(out) if out else folder.path / "bundle"
    if target.resolve() != (folder.path / "bundle").resolve() and target.is_dir() and any(target.iterdir()):
        raise RunError("is not empty, and a bundle has a folder of its own", where=target, hint="Give another --out")
    stated = About() if about is None else read_about(about)
    metrics = {}
    if cross_validation is not None:
        trained_on = [row["sha256"] for row in read_rows(folder.path / "manifest.csv") if row["split"] == "train"]
        metrics = cross_validated(cross_validation, shareable(recipe), trained_on)
    films = _validation_films(folder, recipe)
    trained = load_trained(folder.path / "model.keras")
    parity = export_onnx(trained, recipe, target / "model.onnx", films=films)
    shown_on = 0 if films is None else len(films)
    teller.say(
        f"ONNX and Keras agree: logits differ by at most {parity['logit']:.1g} ({shown_on} films, noise and flat)"
    )
    details = folder.details()
    pretrained = recipe.model.weights != "none"
    backbone_licence = BACKBONES[recipe.model.architecture].weights_licence
    rules, fitted_on = _fitted(folder, recipe, teller)
    card = Card(
        name=recipe.name,
        input=recipe.input_spec,
        model_sha256="",
        outputs=OUTPUTS,
        training_data=details["data"],
        heat_scale=heat_scale(recipe),
        metrics=metrics,
        recipe=shareable(recipe),
        provenance={
            "exported": now(),
            "trained": details["stages"]["trained"],
            "device": details.get("device", {}),
            "seed": recipe.seed,
            "parameters": details.get("parameters"),
            "best_epoch": details.get("best_epoch"),
            "parity": {**parity, "films": shown_on},
            "validation": fitted_on,
            "versions_of_training": details["versions"],
            "versions_of_export": versions(),
        },
        licence=(f"Pretrained weights of the backbone: {backbone_licence or 'not stated'}. " if pretrained else "")
        + "The licence of the training films applies too; this card does not know it.",
        **rules,
    )
    card = stated.added_to(card)
    card = replace(card, gate=fit_bundle_gate(folder, Bundle(target, card), workers=workers, teller=teller))
    bundle = write_bundle(target, card, films=fingerprint_run(folder, workers=workers, teller=teller))
    folder.finish("exported")
    teller.say(f"Bundle {bundle.identity}: {bundle.folder}")
    return bundle


def save_h5(run: str | os.PathLike[str]) -> Path:
    """Writes the model of a trained run as `model.h5` too, for programs that read Keras's older format.

    Args:
        run: A run folder with `model.keras`.

    Raises:
        RunError: The run is not trained to its end.
        MissingExtraError: Keras is not installed.
    """
    folder = RunFolder.open(run)
    if not folder.has("trained"):
        raise RunError("is not trained to its end", where=run, hint=f"Go on with: lucency train --resume {run}")
    from lucency.learning.backend import choose_backend

    choose_backend()
    from lucency.learning.saving import load_trained, write_h5

    return write_h5(load_trained(folder.path / "model.keras"), folder.path / "model.h5")


def heat_scale(recipe: Recipe) -> float:
    """Logits at which the heat map of a recipe is drawn strongest.

    Where boxes taught the map, cells in a box counted `fracture_weight` times, which adds its logarithm to the log-odds
    of every cell (Elkan 2001, "The Foundations of Cost-Sensitive Learning"): what is drawn at half strength lies in a
    box as likely as not, and what is drawn at full strength at odds of `fracture_weight` to 1.
    """
    plan = recipe.localisation
    if not plan.channels or plan.fracture_weight < 2:
        return POOLED_HEAT_SCALE
    return round(2 * math.log(plan.fracture_weight), 3)


def shareable(recipe: Recipe) -> dict[str, Any]:
    """The recipe as plain values, with the name of the weights file instead of where it lies on this machine."""
    values = recipe.model_dump(exclude={"parameters"})
    values["model"]["weights"] = Path(recipe.model.weights).name
    return values


def _fitted(run: RunFolder, recipe: Recipe, teller: Teller) -> tuple[dict[str, Any], dict[str, Any]]:
    from lucency.workflows.fitted_rules import fit_rules

    rows = read_rows(run.path / "validation.csv")
    groups = [row.get("group", "") for row in rows]
    rules, facts = fit_rules(
        np.array([int(row["label"]) for row in rows]),
        np.array([float(row["logit"]) for row in rows]),
        groups if any(groups) else None,
        sensitivity=recipe.evaluation.sensitivity,
        specificity=recipe.evaluation.specificity,
        error_rate=recipe.evaluation.error_rate,
        default=recipe.evaluation.operating_point,
        split="val",
        seed=recipe.seed,
        teller=teller,
    )
    return {**rules, "exams": rule_or_none(run, recipe, rules["calibration"])}, facts


def _validation_films(run: RunFolder, recipe: Recipe) -> npt.NDArray[np.uint8] | None:
    # Elsewhere the films may not be at hand; parity is then shown on noise and flat films alone.
    if not (run.path / "manifest.csv").is_file():
        return None
    found = []
    for row in [row for row in read_rows(run.path / "manifest.csv") if row["split"] == "val"][:PARITY_FILMS]:
        try:
            film = read_radiograph(run.path / row["path"])
        except (FilmError, MissingExtraError):
            continue
        if film.sha256 == row["sha256"]:
            found.append(to_input(film.pixels, recipe.input_spec)[0][..., 0])
    return np.stack(found) if found else None
