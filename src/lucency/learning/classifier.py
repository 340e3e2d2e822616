"""Backbone + head -> a trainable model.

It is a chain of named layers: random_* (augmentation), network_input, features, then the head, whose last layer gives
the logit; or, where the heat map is its own, one layer `localiser` that gives both.
"""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
from keras import layers

from lucency.errors import RecipeError
from lucency.learning.augment import RandomAffine, augmentation_layers
from lucency.learning.backbones import BACKBONES, CONVENTIONS, Convention
from lucency.learning.backend import jit
from lucency.learning.inference_twin import HEAD_GRADIENTS
from lucency.learning.localiser import localiser, two_maps
from lucency.learning.pretrained import load_weights
from lucency.learning.recipe import Recipe
from lucency.learning.recipe_sections import ModelSection


def network_input(size: tuple[int, int], convention: Convention) -> Any:
    """Grey films (B, H, W, 1), 0..255, to the three channels and the scale that a backbone expects.

    Made of Keras's own layers, so that a saved classifier can be loaded where Lucency is not installed.

    Args:
        size: Height and width in pixels.
        convention: Key of `CONVENTIONS`.
    """
    scale, offset = CONVENTIONS[convention]
    film = keras.Input((*size, 1), name="grey")
    channels = layers.Concatenate(name="three_channels")([film, film, film])
    scaled = layers.Rescaling(list(scale), list(offset), name="scale")(channels)
    return keras.Model(film, scaled, name="network_input")


def build_classifier(recipe: Recipe, *, cache: Path | None = None, weights: str | None = None) -> Any:
    """The trainable model of a recipe.

    Args:
        recipe: What is wanted.
        cache: Folder for downloaded weights.
        weights: Replaces `recipe.model.weights`, for a model that is about to be filled from a checkpoint.

    Returns:
        keras.Model from films (B, H, W, 1), grey 0..255, to logits (B, 1), or with `localisation` to {"logit": (B, 1),
        "map": (B, h, w)}; compiled for prediction alone.

    Raises:
        RecipeError: Unknown architecture, an input too small for it, weights that do not fit, or maps that cannot be
            merged.
    """
    name = recipe.model.architecture
    keras.utils.set_random_seed(recipe.seed)
    size = (recipe.input.height, recipe.input.width)
    wanted = recipe.model.weights if weights is None else weights
    augmentation = augmentation_layers(recipe.augmentation.model_dump(), recipe.seed)
    backbone = build_backbone(name, size, weights=wanted, cache=cache)
    convention = BACKBONES[name].convention
    if recipe.localisation.channels:
        # Films and boxes are moved together, before they come here.
        unmoved = [layer for layer in augmentation if not isinstance(layer, RandomAffine)]
        features = two_maps(backbone, name)
        head = localiser(features, recipe.localisation, dropout=recipe.model.dropout)
        model = _bound([*unmoved, network_input(size, convention), features, head], size)
    else:
        model = assemble(backbone, head_layers(name, recipe.model), convention=convention, augmentation=augmentation)
    if recipe.training.precision == "bfloat16" and keras.config.dtype_policy().name == "float32":
        _shorten_convolutions(model)
    return model


def build_backbone(name: str, size: tuple[int, int], *, weights: str = "none", cache: Path | None = None) -> Any:
    """A backbone of the table, from its input convention (B, H, W, 3) to the map that enters the head.

    Args:
        name: Key of `BACKBONES`.
        size: Height and width of the input in pixels.
        weights: "none", "imagenet", or the path of a weights file.
        cache: Folder for downloaded weights.

    Raises:
        RecipeError: Unknown name, an input too small for it, or weights that do not fit.
    """
    if name not in BACKBONES:
        close = difflib.get_close_matches(name, BACKBONES, n=1)
        raise RecipeError(
            f"model.architecture = '{name}' is unknown",
            hint=(f"Did you mean '{close[0]}'? " if close else "") + f"Known architectures: {', '.join(BACKBONES)}",
        )
    row = BACKBONES[name]
    if min(size) < row.smallest_side:
        raise RecipeError(
            f"{name} needs an input of at least {row.smallest_side} pixels a side, not {size[0]}x{size[1]}",
            hint="Raise input.height and input.width",
        )
    backbone = row.factory((*size, 3))
    load_weights(backbone, name, weights, cache=cache)
    if row.settle:
        row.settle(backbone)
    return backbone


def head_layers(name: str, plan: ModelSection) -> list[Any]:
    """The layers of a head, from the map of a backbone to the logit.

    Args:
        name: Key of `BACKBONES`; its row says how the map becomes a vector.
        plan: The recipe's `[model]`.
    """
    head: list[Any] = []
    if plan.feature_noise:
        head.append(layers.GaussianNoise(plan.feature_noise, name="feature_noise"))
    if BACKBONES[name].pooling == "average":
        head.append(layers.GlobalAveragePooling2D(name="pool"))
    else:
        head.append(layers.Flatten(name="flatten"))
    for index, units in enumerate(plan.hidden, start=1):
        head.append(layers.Dense(units, activation="relu", name=f"hidden_{index}"))
        if plan.hidden_normalization:
            head.append(layers.BatchNormalization(name=f"hidden_{index}_normalization"))
        if plan.hidden_noise:
            head.append(layers.GaussianNoise(plan.hidden_noise, name=f"hidden_{index}_noise"))
    if plan.dropout:
        head.append(layers.Dropout(plan.dropout, name="dropout"))
    # The logit stays in float32 under mixed precision: a half-precision logit has steps that a calibration would see.
    head.append(layers.Dense(1, name="logit", dtype="float32"))
    return head


def assemble(
    backbone: Any, head: Sequence[Any], *, convention: Convention = "unchanged", augmentation: Sequence[Any] = ()
) -> Any:
    """Binds a backbone and a head into a classifier that `fit`, `InferenceTwin` and `export_onnx` understand.

    Args:
        backbone: keras.Model from (B, H, W, 3) to a map (B, h, w, channels).
        head: Layers of the kinds in `HEAD_GRADIENTS`; the last is `Dense(1)`, which gives the logit.
        convention: Key of `CONVENTIONS`: what the backbone expects.
        augmentation: Layers that change films (B, H, W, 1), 0..255, in training and not at inference.

    Returns:
        keras.Model from films (B, H, W, 1), grey 0..255, to logits (B, 1); compiled for prediction alone.

    Raises:
        ValueError: The head holds a layer for which there is no gradient rule.
    """
    unknown = [layer.name for layer in head if type(layer) not in HEAD_GRADIENTS]
    if unknown:
        known = ", ".join(kind.__name__ for kind in HEAD_GRADIENTS)
        raise ValueError(f"no gradient rule for the head's layer {unknown[0]}; a head may hold {known}")
    # Some factories of Keras look their own name up in a table, so it cannot be given to them.
    backbone.name = "features"
    _, height, width, _ = backbone.input_shape
    return _bound([*augmentation, network_input((height, width), convention), backbone, *head], (height, width))


def _shorten_convolutions(model: Any) -> None:
    """Lets convolutions compute in bfloat16; weights, sums over films and all other layers stay in float32.

    Depthwise convolutions and normalisations have no fast kernels in bfloat16, and a heat map needs its digits.
    """
    for layer in model._flatten_layers(include_self=False):
        if type(layer) is layers.Conv2D and layer.name != "cells":
            layer.dtype_policy = "mixed_bfloat16"


def _bound(chain: Sequence[Any], size: tuple[int, int]) -> Any:
    films = keras.Input((*size, 1), name="film")
    x = films
    for layer in chain:
        x = layer(x)
    model = keras.Model(films, x, name="classifier")
    model.compile(jit_compile=jit())
    return model


def set_trainable(model: Any, unfreeze: int | str, *, pretrained: bool) -> None:
    """Freezes the backbone but for its last layers; the head always trains.

    Args:
        model: Model of `build_classifier`.
        unfreeze: "all", "none", or how many of the backbone's last layers train.
        pretrained: Whether BatchNormalization keeps its statistics. The layers themselves are frozen, because Keras 3
            does not honour `training=False` of a nested model inside `fit` once it is trainable.
    """
    backbone = model.get_layer("features")
    backbone.trainable = True
    count = len(backbone.layers)
    first = 0 if unfreeze == "all" else count if unfreeze == "none" else max(0, count - int(unfreeze))
    for index, layer in enumerate(backbone.layers):
        layer.trainable = index >= first and not (pretrained and isinstance(layer, layers.BatchNormalization))


def float32_copy(recipe: Recipe, trained: Any) -> Any:
    """The trained weights in a model that computes in float32 whatever precision it was trained in.

    A model that computes in float32 throughout is given back as it is: to build a large network takes seconds.
    """
    if all(layer.dtype_policy.name == "float32" for layer in trained._flatten_layers()):
        return trained
    policy = keras.config.dtype_policy()
    keras.config.set_dtype_policy("float32")
    exact = recipe.model_copy(update={"training": recipe.training.model_copy(update={"precision": "float32"})})
    try:
        model = build_classifier(exact, weights="none")
    finally:
        keras.config.set_dtype_policy(policy)
    model.set_weights(trained.get_weights())
    return model


def predict_logits(model: Any, batches: Any) -> npt.NDArray[np.float64]:
    """Logits, float64 (N,), of all films of a `FilmBatches` that does not shuffle, by a classifier or its twin."""
    said = [model.predict_on_batch(batches[index][0]) for index in range(len(batches))]
    parts = [batch["logit"] if isinstance(batch, dict) else batch for batch in said]
    return np.concatenate(parts).reshape(-1).astype(np.float64)


def describe(model: Any) -> str:
    """The layers of a model and of its backbone, as text."""
    lines: list[str] = []
    model.summary(print_fn=lambda text, *_: lines.append(text), expand_nested=True, line_length=100)
    return "\n".join(lines) + "\n"
