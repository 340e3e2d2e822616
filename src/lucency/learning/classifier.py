"""Backbone + head -> a trainable model, and its inference twin (logit, heat map, embedding).

The trainable model is a chain of named layers: random_* (augmentation), network_input, features, then the head, whose
last layer gives the logit. The twin walks the same layers, so both share their weights.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
from keras import layers, ops

from lucency.errors import RecipeError, RunError
from lucency.learning.augment import augmentation_layers
from lucency.learning.backbones import BACKBONES, CONVENTIONS, load_weights
from lucency.learning.recipe import Recipe


@keras.saving.register_keras_serializable("lucency")
class NetworkInput(layers.Layer):
    """Grey films (B, H, W, 1), 0..255, to the three channels and the scale that a backbone expects."""

    def __init__(self, scale: float, offset: float, **kwargs: Any):
        super().__init__(**kwargs)
        self.scale = scale
        self.offset = offset

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "scale": self.scale, "offset": self.offset}

    def call(self, films: Any) -> Any:
        grey = ops.cast(films, self.compute_dtype) * self.scale + self.offset
        return ops.tile(grey, (1, 1, 1, 3))

    def compute_output_shape(self, input_shape: Any) -> Any:
        return (*input_shape[:-1], 3)


def build_classifier(recipe: Recipe, *, cache: Path | None = None, weights: str | None = None) -> Any:
    """The trainable model of a recipe.

    Args:
        recipe: What is wanted.
        cache: Folder for downloaded weights.
        weights: Replaces `recipe.model.weights`, for a model that is about to be filled from a checkpoint.

    Returns:
        keras.Model from films (B, H, W, 1), grey 0..255, to logits (B, 1); not compiled.

    Raises:
        RecipeError: Unknown architecture, an input too small for it, or weights that do not fit.
    """
    name = recipe.model.architecture
    if name not in BACKBONES:
        raise RecipeError(
            f"model.architecture = '{name}' is unknown",
            hint=f"Known architectures: {', '.join(sorted(BACKBONES))}",
        )
    row = BACKBONES[name]
    height, width = recipe.input.height, recipe.input.width
    if min(height, width) < row.smallest_side:
        raise RecipeError(f"{name} needs an input of at least {row.smallest_side} pixels a side, not {height}x{width}")
    keras.utils.set_random_seed(recipe.seed)
    films = keras.Input((height, width, 1), name="film")
    x = films
    for layer in augmentation_layers(recipe.augmentation.model_dump(), recipe.seed):
        x = layer(x)
    x = NetworkInput(*CONVENTIONS[row.convention], name="network_input")(x)
    backbone = row.factory((height, width, 3))
    load_weights(backbone, name, recipe.model.weights if weights is None else weights, cache=cache)
    x = backbone(x)
    x = layers.GlobalAveragePooling2D(name="pool")(x) if row.pooling == "average" else layers.Flatten(name="flatten")(x)
    if recipe.model.dropout:
        x = layers.Dropout(recipe.model.dropout, name="dropout")(x)
    # The logit stays in float32 under mixed precision: a half-precision logit has steps that a calibration would see.
    logit = layers.Dense(1, name="logit", dtype="float32")(x)
    return keras.Model(films, logit, name="classifier")


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
    """The trained weights in a model that computes in float32 whatever precision it was trained in."""
    policy = keras.config.dtype_policy()
    keras.config.set_dtype_policy("float32")
    try:
        model = build_classifier(recipe, weights="none")
    finally:
        keras.config.set_dtype_policy(policy)
    model.set_weights(trained.get_weights())
    return model


def load_trained(path: Path) -> Any:
    """A model that `train` saved.

    Raises:
        RunError: The file is missing or damaged.
    """
    try:
        return keras.saving.load_model(path, compile=False)
    except (OSError, ValueError) as error:
        reason = str(error).strip().splitlines()[0][:160]
        raise RunError(f"the model cannot be read ({reason})", where=path) from None


def predict_logits(model: Any, batches: Any) -> npt.NDArray[np.float64]:
    """Logits, float64 (N,), of all films of a `FilmBatches` that does not shuffle."""
    parts = [model.predict_on_batch(batches[index][0])[:, 0] for index in range(len(batches))]
    return np.concatenate(parts).astype(np.float64)


def describe(model: Any) -> str:
    """The layers of a model and of its backbone, as text."""
    lines: list[str] = []
    model.summary(print_fn=lambda text, *_: lines.append(text), expand_nested=True, line_length=100)
    return "\n".join(lines) + "\n"
