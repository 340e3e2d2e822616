"""A heat map of its own: maps of two resolutions merged into one channel, from which the logit is pooled.

A fracture is small: half of the boxes of FracAtlas cover under 0.4 % of the film. So the last map of the backbone is
joined with the one before it, which is twice as fine, as a feature pyramid does (Lin et al. 2017, arXiv 1612.03144),
and boxes can teach the result cell by cell. The logit is the log-sum-exp of that map, a soft maximum (Pinheiro and
Collobert 2015, arXiv 1411.6228), scaled and shifted, plus a linear term of the averaged deep features.
"""

from __future__ import annotations

import math
from typing import Any

import keras
from keras import layers, ops

from lucency.errors import RecipeError
from lucency.learning.recipe_sections import LocalisationSection

UNKNOWN = -1.0
"""Target of the cells of a film of which nobody said where the fracture is."""

CELL = 16
"""Pixels of the input that one cell of the heat map stands for, each way."""


def two_maps(backbone: Any, name: str) -> Any:
    """The backbone with two outputs: its last map that is twice as fine as the one at its end, and that one.

    Args:
        backbone: keras.Model (B, H, W, 3) -> (B, H / 32, W / 32, D).
        name: What it is called in the error.

    Returns:
        keras.Model (B, H, W, 3) -> [(B, H / 16, W / 16, C), (B, H / 32, W / 32, D)].

    Raises:
        RecipeError: A cell of its last map is not 32 pixels wide, or there is no finer map.
    """
    (last,) = backbone.outputs
    if len(last.shape) == 4 and last.shape[1] * 2 * CELL == backbone.input_shape[1]:
        for layer in reversed(backbone.layers):
            finer = layer.output
            if len(finer.shape) == 4 and finer.shape[1] == 2 * last.shape[1]:
                return keras.Model(backbone.input, [finer, last], name="features")
    raise RecipeError(
        f"the maps of {name} cannot be merged: cells of {2 * CELL} and of {CELL} pixels are wanted",
        hint="Set localisation.channels = 0, or choose another model.architecture",
    )


def localiser(features: Any, plan: LocalisationSection, *, dropout: float) -> Any:
    """The head: two maps -> the heat map and the logit.

    Args:
        features: Model of `two_maps`.
        plan: The recipe's `[localisation]`.
        dropout: Share of the channels that are left out in a training step.

    Returns:
        keras.Model [finer, last] -> {"logit": (B, 1), "map": (B, 2h, 2w)}, both in logits, float32.
    """
    finer, last = (
        keras.Input(map_.shape[1:], name=name) for map_, name in zip(features.outputs, ("finer", "last"), strict=True)
    )
    near = layers.Conv2D(plan.channels, 1, name="near")(finer)
    wide = layers.UpSampling2D(2, name="enlarge")(layers.Conv2D(plan.channels, 1, name="wide")(last))
    merged = layers.ReLU(name="merge_relu")(layers.Add(name="merge")([near, wide]))
    mixed = layers.Conv2D(plan.channels, 3, padding="same", activation="relu", name="mix")(merged)
    pooled = layers.GlobalAveragePooling2D(name="pool")(last)
    if dropout:
        mixed = layers.SpatialDropout2D(dropout, name="map_dropout")(mixed)
        pooled = layers.Dropout(dropout, name="dropout")(pooled)
    # Nearly every cell lies outside of a fracture: begun at 0, the first steps would do nothing but learn that.
    rare = keras.initializers.Constant(-3.0)
    heat = layers.Conv2D(1, 1, bias_initializer=rare, dtype="float32", name="cells")(mixed)
    heat = ops.squeeze(heat, axis=-1)
    # Less the logarithm of their number, so that the soft maximum of cells that are all alike is their value.
    cells = heat.shape[1] * heat.shape[2]
    peak = (ops.logsumexp(heat * plan.sharpness, axis=(1, 2)) - math.log(cells)) / plan.sharpness
    from_map = layers.Dense(1, kernel_initializer="ones", dtype="float32", name="from_map")(ops.expand_dims(peak, -1))
    from_film = layers.Dense(1, use_bias=False, dtype="float32", name="from_film")(pooled)
    logit = layers.Add(dtype="float32", name="logit")([from_map, from_film])
    return keras.Model([finer, last], {"logit": logit, "map": heat}, name="localiser")


@keras.saving.register_keras_serializable("lucency")
class BoxLoss(keras.losses.Loss):
    """Binary cross-entropy of the cells of a map against the share of each that boxes cover.

    Args:
        fracture_weight: How much more a cell that lies in a box counts than one outside.
    """

    def __init__(self, fracture_weight: float = 20.0, **kwargs: Any):
        super().__init__(**{"name": "box_loss", **kwargs})
        self.fracture_weight = fracture_weight

    def get_config(self) -> dict[str, Any]:
        """Plain values, from which Keras makes it again."""
        return {**super().get_config(), "fracture_weight": self.fracture_weight}

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Targets (B, h, w), 0..1 or `UNKNOWN`, and logits (B, h, w) -> loss (B,)."""
        target = ops.maximum(ops.cast(y_true, y_pred.dtype), 0)
        known = ops.cast(ops.cast(y_true, y_pred.dtype) >= 0, y_pred.dtype)
        loss = ops.softplus(y_pred) - target * y_pred
        return ops.mean(loss * known * (1 + (self.fracture_weight - 1) * target), axis=(1, 2))
