"""Runs to compare, made from a trained one without training again."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from lucency.bundle import read_bundle, write_bundle
from lucency.calibration import Calibration
from lucency.workflows.run_folder import read_rows, write_rows

Row = dict[str, str]


def sibling(run: Path, target: Path, *, shift: float = 0.5, rotation: float = 20.0, seed: int = 1) -> Path:
    """A copy of a run whose model answers otherwise: another temperature, noise in the logits, another recipe value.

    Args:
        run: A trained and evaluated run.
        target: Folder to make.
        shift: How far the logits of fractured films are raised, in units of their spread.
        rotation: `augmentation.rotation` of its recipe.
        seed: Of the noise.
    """
    shutil.copytree(run, target, ignore=shutil.ignore_patterns("checkpoints", "tensorboard", "model.keras"))
    bundle = read_bundle(target)
    recipe = {**bundle.card.recipe}
    recipe["augmentation"] = {**recipe["augmentation"], "rotation": rotation}
    card = replace(bundle.card, calibration=Calibration(bundle.card.calibration.temperature + seed), recipe=recipe)
    bundle = write_bundle(bundle.folder, card)
    report = json.loads((target / "report.json").read_text("utf-8"))
    (target / "report.json").write_text(json.dumps({**report, "bundle": bundle.identity}), "utf-8")
    random = np.random.default_rng(seed)
    rows = read_rows(target / "predictions.csv")
    spread = float(np.std([float(row["logit"]) for row in rows]))
    change(
        target / "predictions.csv",
        lambda row: {
            **row,
            "logit": str(float(row["logit"]) + spread * (random.normal() + shift * int(row["label"]))),
        },
    )
    return target


def change(path: Path, row_of: Callable[[Row], Row | None]) -> None:
    """Rewrites a CSV file row by row; None leaves a row out."""
    rows = read_rows(path)
    with path.open(newline="", encoding="utf-8") as file:
        columns = next(csv.reader(file))
    write_rows(path, columns, [kept for row in rows if (kept := row_of(row)) is not None])


def resplit(run: Path, side_of: Callable[[Row], str]) -> None:
    """Gives the films of a run another split, as if it had been trained so; its bundle knows no film."""
    change(run / "manifest.csv", lambda row: {**row, "split": side_of(row)})
    test = {row["image_id"] for row in read_rows(run / "manifest.csv") if row["split"] == "test"}
    known = {row["image_id"]: row for row in read_rows(run / "predictions.csv")}
    columns = list(next(iter(known.values())))
    films = [row for row in read_rows(run / "manifest.csv") if row["image_id"] in test]
    blank = {"group": "", "logit": "0.1", "probability": "0.5", "decision": "fractured"}
    rows = [
        known.get(film["image_id"], {**blank, "image_id": film["image_id"], "label": film["label"]}) for film in films
    ]
    write_rows(run / "predictions.csv", columns, rows)
    bundle = read_bundle(run)
    write_bundle(bundle.folder, bundle.card, films={"train": [], "val": []})
