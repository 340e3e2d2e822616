"""Classifiers as files that plain Keras reads: `.keras` and the older HDF5 format."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import absl.logging
import h5py
import keras
from keras import layers

from lucency.errors import RunError


def plain(model: Any) -> Any:
    """A classifier without its augmentation, which does nothing at inference: layers of Keras alone, weights shared."""
    film = keras.Input(model.input_shape[1:], name="film")
    x = film
    for layer in model.layers[1:]:
        if not hasattr(layer, "strengths"):
            x = layer(x)
    return keras.Model(film, x, name=model.name)


def write_keras(model: Any, path: Path) -> Path:
    """Writes a classifier as `.keras`, whole or not at all."""
    part = path.with_name(f"part-{path.name}")
    plain(model).save(part)
    os.replace(part, path)
    return path


def load_trained(path: Path) -> Any:
    """A classifier that `write_keras` or `write_h5` saved.

    Raises:
        RunError: The file is missing or damaged.
    """
    try:
        return keras.saving.load_model(path, compile=False)
    except (OSError, ValueError) as error:
        reason = str(error).strip().splitlines()[0][:160]
        raise RunError(f"the model cannot be read ({reason})", where=path) from None


def write_h5(model: Any, path: Path) -> Path:
    """Writes a classifier as `.h5`, whole or not at all.

    The layers are described as in a `.keras` file, which Keras 3 reads in HDF5 files too: its older descriptions cannot
    hold MobileNetV3 (whose functions take plain numbers) and ConvNeXt (which has layers that are not public).
    """
    part = path.with_name(f"part-{path.name}")
    kept = _with_constants(plain(model))
    # Keras calls the format legacy with each file that is written; whoever asks for it knows.
    verbosity = absl.logging.get_verbosity()
    absl.logging.set_verbosity(absl.logging.ERROR)
    try:
        kept.save(part)
        with h5py.File(part, "r+") as file:
            file.attrs["model_config"] = json.dumps({"class_name": "Functional", "config": kept.get_config()})
        os.replace(part, path)
    finally:
        absl.logging.set_verbosity(verbosity)
        part.unlink(missing_ok=True)
    return path


def _with_constants(model: Any) -> Any:
    """The model with the statistics of its backbone's Normalization layers as constants instead of weights.

    Read from HDF5 inside a nested model, Normalization goes on with the statistics that it was built with.
    """
    features = model.get_layer("features")
    adapted = [layer for layer in features.layers if isinstance(layer, layers.Normalization) and layer.weights]
    if not adapted:
        return model

    def clone(layer: Any) -> Any:
        if layer not in adapted:
            return layer.__class__.from_config(layer.get_config())
        mean, variance, _ = layer.get_weights()
        return layers.Normalization(mean=mean.tolist(), variance=variance.tolist(), name=layer.name)

    copy = keras.models.clone_model(features, clone_function=clone)
    for ours, theirs in zip(copy.layers, features.layers, strict=True):
        if theirs not in adapted:
            ours.set_weights(theirs.get_weights())
    film = keras.Input(model.input_shape[1:], name="film")
    x = film
    for layer in model.layers[1:]:
        x = (copy if layer is features else layer)(x)
    return keras.Model(film, x, name=model.name)
