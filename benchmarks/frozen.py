"""Epochs of a head on a frozen backbone: features kept by `fit`, against plain Keras on the films in every epoch."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.measurement import Figure
from benchmarks.workbench import SIDE, Workbench
from lucency.datasets.manifest import Manifest
from lucency.datasets.split import assign_split
from lucency.learning.recipe import Recipe, load_recipe

EPOCHS = 10
VIEWS = 4
UNCHANGED = (
    "flip_horizontal=0", "flip_vertical=0", "rotation=0", "shear=0", "zoom=0", "shift=0", "brightness=0", "contrast=0",
    "noise=0",
)  # fmt: skip


def frozen(bench: Workbench) -> list[Figure]:
    """Seconds and validation AUROC of ten epochs of a head, with and without augmentation."""
    figures = []
    weights = bench.weights or "none"
    for name, given in (("efficientnetb3", "none"), ("mobilenet", str(weights))):
        plain = _plain(bench, _recipe(name, given, UNCHANGED))
        kept = _kept(bench, _recipe(name, given, UNCHANGED))
        target = ("at least", 8.0) if name == "efficientnetb3" else None
        figures.append(
            Figure(
                "frozen",
                f"{name}: {EPOCHS} epochs of the head, features kept",
                "s",
                kept[0],
                plain[0],
                plain[0] / kept[0],
                target,
                note=f"{name}, weights {Path(given).name}: validation AUROC {kept[1]:.3f} with kept features, "
                f"{plain[1]:.3f} with plain fit, at their best epochs",
            )
        )
    changed = _plain(bench, _recipe("mobilenet", str(weights)))
    views = _kept(bench, _recipe("mobilenet", str(weights), extra=(f"training.cached_views={VIEWS}",)))
    figures.append(
        Figure(
            "frozen",
            f"mobilenet, augmented: the same, {VIEWS} views kept",
            "s",
            views[0],
            changed[0],
            changed[0] / views[0],
            note=f"mobilenet, augmented: validation AUROC {views[1]:.3f} with {VIEWS} kept views, {changed[1]:.3f} "
            "with views drawn anew in every epoch",
        )
    )
    return figures


def _recipe(name: str, weights: str, augmentation: tuple[str, ...] = (), extra: tuple[str, ...] = ()) -> Recipe:
    return load_recipe(
        name,
        [
            f"input.height={SIDE}", f"input.width={SIDE}", f"model.weights={weights}", "training.head_epochs=0",
            f"training.epochs={EPOCHS}", "training.unfreeze=none", "training.patience=0", "training.monitor=val_auroc",
            "training.schedule=constant", "training.learning_rate=1e-3", "input.fit=letterbox",
            *(f"augmentation.{value}" for value in augmentation), *extra,
        ],
    )  # fmt: skip


def _batches(bench: Workbench, recipe: Recipe) -> tuple[Any, Any]:
    from lucency.learning.loader import FilmBatches

    manifest: Manifest = assign_split(bench.prepared.manifest, val=0.25, test=0.01, seed=0)
    split, labels = np.asarray(manifest.table["split"]), np.asarray(manifest.table["label"])
    rows, images = bench.prepared.rows, bench.prepared.images
    size = recipe.training.batch_size
    train, val = (
        FilmBatches(images, rows[split == part], labels[split == part], batch_size=size, shuffle=part == "train")
        for part in ("train", "val")
    )
    return train, val


def _plain(bench: Workbench, recipe: Recipe) -> tuple[float, float]:
    import keras

    from lucency.learning.backend import choose_backend, jit
    from lucency.learning.classifier import build_classifier, set_trainable
    from lucency.learning.epoch_metrics import epoch_metrics

    choose_backend()
    train, val = _batches(bench, recipe)
    model = build_classifier(recipe)
    set_trainable(model, "none", pretrained=True)
    begun = time.perf_counter()
    model.compile(
        optimizer=keras.optimizers.Adam(recipe.training.learning_rate),
        loss=keras.losses.BinaryCrossentropy(from_logits=True),
        metrics=epoch_metrics(),
        jit_compile=jit(),
    )
    history = model.fit(train, validation_data=val, epochs=EPOCHS, verbose=0).history
    seconds = time.perf_counter() - begun
    keras.backend.clear_session()
    return seconds, max(history["val_auroc"])


def _kept(bench: Workbench, recipe: Recipe) -> tuple[float, float]:
    import keras

    from lucency.learning.classifier import build_classifier
    from lucency.learning.fit import fit

    train, val = _batches(bench, recipe)
    model = build_classifier(recipe)
    run = bench.folder / f"kept-{recipe.name}-{recipe.training.cached_views}"
    begun = time.perf_counter()
    _, state = fit(model, recipe, train, val, run)
    seconds = time.perf_counter() - begun
    keras.backend.clear_session()
    return seconds, max(row["val_auroc"] for row in state.rows)
