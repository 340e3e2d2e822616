"""Backbone + head -> a trainable model, and its inference twin (logit, heat map, embedding).

The trainable model is a chain of named layers: random_* (augmentation), network_input, features, then the head, whose
last layer gives the logit. The twin walks the same layers, so both share their weights.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
from keras import layers, ops

from lucency.errors import RecipeError
from lucency.learning.augment import augmentation_layers
from lucency.learning.backbones import BACKBONES, CONVENTIONS, Convention
from lucency.learning.backend import jit
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
        keras.Model from films (B, H, W, 1), grey 0..255, to logits (B, 1); compiled for prediction alone.

    Raises:
        RecipeError: Unknown architecture, an input too small for it, or weights that do not fit.
    """
    name = recipe.model.architecture
    keras.utils.set_random_seed(recipe.seed)
    backbone = build_backbone(
        name,
        (recipe.input.height, recipe.input.width),
        weights=recipe.model.weights if weights is None else weights,
        cache=cache,
    )
    augmentation = augmentation_layers(recipe.augmentation.model_dump(), recipe.seed)
    return assemble(
        backbone, head_layers(name, recipe.model), convention=BACKBONES[name].convention, augmentation=augmentation
    )


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
    films = keras.Input((height, width, 1), name="film")
    x = films
    for layer in (*augmentation, network_input((height, width), convention), backbone, *head):
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


def _through_pool(layer: Any, entering: Any, gradient: Any) -> Any:
    _, height, width, channels = entering.shape
    return ops.reshape(gradient, (-1, 1, 1, channels)) * ops.ones((1, height, width, 1)) / (height * width)


def _through_flatten(layer: Any, entering: Any, gradient: Any) -> Any:
    return ops.reshape(gradient, (-1, *entering.shape[1:]))


def _through_dense(layer: Any, entering: Any, gradient: Any) -> Any:
    if layer.activation is keras.activations.relu:
        before = ops.matmul(entering, layer.kernel) + layer.bias
        gradient = gradient * ops.cast(before > 0, gradient.dtype)
    elif layer.activation is not keras.activations.linear:
        raise ValueError(f"no gradient rule for a Dense layer with activation {layer.activation}")
    return ops.matmul(gradient, ops.transpose(layer.kernel))


def _through_batch_normalization(layer: Any, entering: Any, gradient: Any) -> Any:
    scale = 1 / ops.sqrt(layer.moving_variance + layer.epsilon)
    return gradient * (scale * layer.gamma if layer.scale else scale)


def _unchanged(layer: Any, entering: Any, gradient: Any) -> Any:
    return gradient


HEAD_GRADIENTS: dict[type, Callable[[Any, Any, Any], Any]] = {
    layers.GlobalAveragePooling2D: _through_pool,
    layers.Flatten: _through_flatten,
    layers.Dense: _through_dense,
    layers.BatchNormalization: _through_batch_normalization,
    layers.Dropout: _unchanged,
    layers.GaussianNoise: _unchanged,
}
"""How the gradient of the logit passes each layer that a head may hold, written as forward operations."""


class InferenceTwin(keras.Model):
    """The same weights without augmentation: films -> logit, heat map, embedding.

    The heat map is HiResCAM (Draelos and Carin 2020, arXiv 2011.08891): the gradient of the logit with respect to the
    map that enters the head, times that map, summed over channels; here times the number of cells, so that for a head
    without hidden layers the mean of the heat map plus the bias is the logit. The embedding is the mean of that map.
    """

    def __init__(self, model: Any):
        super().__init__(name="inference", dtype="float32")
        names = [layer.name for layer in model.layers]
        self.network_input = model.get_layer("network_input")
        self.features = model.get_layer("features")
        self.head = model.layers[names.index("features") + 1 :]

    def call(self, films: Any, training: bool = False) -> dict[str, Any]:
        """Films (B, H, W, 1), grey 0..255 -> logit (B,), heatmap (B, h, w), embedding (B, channels), float32."""
        entering = self.features(self.network_input(films), training=False)
        x, passed = entering, []
        for layer in self.head:
            passed.append((layer, x))
            x = layer(x, training=False)
        gradient = ops.ones_like(x)
        for layer, before in reversed(passed):
            gradient = HEAD_GRADIENTS[type(layer)](layer, before, gradient)
        _, height, width, _ = entering.shape
        heatmap = ops.sum(gradient * entering, axis=-1) * (height * width)
        return {"logit": x[:, 0], "heatmap": heatmap, "embedding": ops.mean(entering, axis=(1, 2))}


def float32_copy(recipe: Recipe, trained: Any) -> Any:
    """The trained weights in a model that computes in float32 whatever precision it was trained in.

    A model that computes in float32 throughout is given back as it is: to build a large network takes seconds.
    """
    if all(layer.dtype_policy.name == "float32" for layer in trained._flatten_layers()):
        return trained
    policy = keras.config.dtype_policy()
    keras.config.set_dtype_policy("float32")
    try:
        model = build_classifier(recipe, weights="none")
    finally:
        keras.config.set_dtype_policy(policy)
    model.set_weights(trained.get_weights())
    return model


def predict_logits(model: Any, batches: Any) -> npt.NDArray[np.float64]:
    """Logits, float64 (N,), of all films of a `FilmBatches` that does not shuffle."""
    parts = [model.predict_on_batch(batches[index][0])[:, 0] for index in range(len(batches))]
    return np.concatenate(parts).astype(np.float64)


def describe(model: Any) -> str:
    """The layers of a model and of its backbone, as text."""
    lines: list[str] = []
    model.summary(print_fn=lambda text, *_: lines.append(text), expand_nested=True, line_length=100)
    return "\n".join(lines) + "\n"
