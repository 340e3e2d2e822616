"""Augmentations, as Keras layers that work on grey films inside the graph."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

import keras
from keras import ops


@dataclass(frozen=True)
class Augmentation:
    """One row: what an augmentation does and what its number means.

    Attributes:
        kind: Geometry rows are composed into one affine resampling; intensity rows change grey values in place.
        meaning: The number that a recipe gives, with its unit.
    """

    kind: Literal["geometry", "intensity"]
    meaning: str


AUGMENTATIONS = {
    "flip_horizontal": Augmentation("geometry", "probability of a left-right mirror"),
    "flip_vertical": Augmentation("geometry", "probability of an upside-down mirror"),
    "rotation": Augmentation("geometry", "largest angle in degrees, either way"),
    "shear": Augmentation("geometry", "largest shear angle in degrees, either way"),
    "zoom": Augmentation("geometry", "largest relative change of size, either way"),
    "shift": Augmentation("geometry", "largest shift as a share of the side, either way, along each axis"),
    "brightness": Augmentation("intensity", "largest shift of grey as a share of the 0..255 range, either way"),
    "contrast": Augmentation("intensity", "largest relative change of contrast about the film's own mean"),
    "gamma": Augmentation(
        "intensity", "largest logarithm of the exponent that grey, as a share of its range, is raised to"
    ),
    "noise": Augmentation("intensity", "largest standard deviation of Gaussian noise as a share of the range"),
}
"""Every augmentation that a recipe can ask for."""


class _Random(keras.layers.Layer):
    """A layer that changes films in training and is the identity at inference."""

    def __init__(self, strengths: dict[str, float], seed: int = 0, **kwargs: Any):
        super().__init__(**kwargs)
        self.strengths = dict(strengths)
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed)
        # TensorFlow's projective transform has no XLA kernel; JAX must be jitted to be usable.
        self.supports_jit = keras.backend.backend() != "tensorflow"

    def get_config(self) -> dict[str, Any]:
        # Keras turns attributes that are dictionaries into ones of its own, which an HDF5 file cannot hold.
        return {**super().get_config(), "strengths": dict(self.strengths), "seed": self.seed}

    def compute_output_shape(self, input_shape: Any) -> Any:
        return input_shape

    def _uniform(self, count: Any, name: str) -> Any:
        limit = self.strengths.get(name, 0.0)
        return keras.random.uniform((count,), -limit, limit, seed=self.seed_generator)

    def _sign(self, count: Any, name: str) -> Any:
        draw = keras.random.uniform((count,), seed=self.seed_generator)
        return ops.where(draw < self.strengths.get(name, 0.0), -1.0, 1.0)


@keras.saving.register_keras_serializable("lucency")
class RandomAffine(_Random):
    """Flips, rotation, shear, zoom and shift composed into one bilinear resampling; what comes from outside is black.

    Input and output: (B, H, W, C), 0..255.
    """

    def call(self, films: Any, training: bool = False) -> Any:
        if not training:
            return films
        films = ops.cast(films, "float32")
        count, height, width = ops.shape(films)[0], films.shape[1], films.shape[2]
        angle = self._uniform(count, "rotation") * (math.pi / 180)
        shear = ops.tan(self._uniform(count, "shear") * (math.pi / 180))
        scale_x = self._sign(count, "flip_horizontal") / (1 + self._uniform(count, "zoom"))
        scale_y = ops.abs(scale_x) * self._sign(count, "flip_vertical")
        cos, sin = ops.cos(angle), ops.sin(angle)
        # Output pixel -> input pixel: rotation times shear times scale, about the centre of the film.
        xx, xy = cos * scale_x, (cos * shear - sin) * scale_y
        yx, yy = sin * scale_x, (sin * shear + cos) * scale_y
        centre_x, centre_y = (width - 1) / 2, (height - 1) / 2
        to_x = centre_x + self._uniform(count, "shift") * width - xx * centre_x - xy * centre_y
        to_y = centre_y + self._uniform(count, "shift") * height - yx * centre_x - yy * centre_y
        nought = ops.zeros_like(xx)
        transform = ops.stack([xx, xy, to_x, yx, yy, to_y, nought, nought], axis=1)
        return ops.image.affine_transform(
            films, transform, interpolation="bilinear", fill_mode="constant", fill_value=0
        )


@keras.saving.register_keras_serializable("lucency")
class RandomIntensity(_Random):
    """Contrast, brightness, gamma and noise, clipped to 0..255. Input and output: (B, H, W, C)."""

    def call(self, films: Any, training: bool = False) -> Any:
        if not training:
            return films
        films = ops.cast(films, "float32")
        count = ops.shape(films)[0]

        def per_film(values: Any) -> Any:
            return ops.reshape(values, (-1, 1, 1, 1))

        if self.strengths.get("contrast"):
            mean = ops.mean(films, axis=(1, 2, 3), keepdims=True)
            films = (films - mean) * per_film(1 + self._uniform(count, "contrast")) + mean
        if self.strengths.get("brightness"):
            films = films + per_film(self._uniform(count, "brightness") * 255)
        if self.strengths.get("gamma"):
            exponent = per_film(ops.exp(self._uniform(count, "gamma")))
            films = 255 * ops.power(ops.clip(films, 0, 255) / 255, exponent)
        if self.strengths.get("noise"):
            spread = per_film(ops.abs(self._uniform(count, "noise")) * 255)
            films = films + spread * keras.random.normal(ops.shape(films), seed=self.seed_generator)
        return ops.clip(films, 0, 255)


def augmentation_layers(strengths: dict[str, float], seed: int) -> list[Any]:
    """The layers that a recipe's `[augmentation]` asks for; none where every strength is 0.

    Args:
        strengths: Value of each row of `AUGMENTATIONS` that is wanted.
        seed: Seed of the random draws.
    """
    layers: list[Any] = []
    for kind, layer in (("geometry", RandomAffine), ("intensity", RandomIntensity)):
        wanted = {
            name: strengths[name] for name, row in AUGMENTATIONS.items() if row.kind == kind and strengths.get(name)
        }
        if wanted:
            layers.append(
                layer(wanted, seed=seed + len(layers), name=f"random_{'affine' if kind == 'geometry' else kind}")
            )
    return layers
