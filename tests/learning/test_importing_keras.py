"""Keras, TensorFlow Lite and SavedModel files of others: the same answers, and a heat map that is the true gradient."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lucency.errors import BundleError
from lucency.learning.backend import choose_backend

choose_backend("tensorflow")
import keras  # noqa: E402
import onnxruntime  # noqa: E402
import tensorflow as tf  # noqa: E402
from keras import layers  # noqa: E402

from lucency.learning.foreign_model import ForeignModel, InputShape  # noqa: E402
from lucency.learning.importing import open_model, write_graph  # noqa: E402
from lucency.learning.input_convention import named  # noqa: E402
from lucency.learning.output_mapping import choose_mapping  # noqa: E402

SIDE = 20
FILMS = np.random.default_rng(1).integers(0, 256, (3, SIDE, SIDE, 1)).astype(np.float32)
GIVEN = np.repeat(FILMS, 3, axis=3) / np.float32(255)


def imported(model: ForeignModel, folder: Path, positive: str = "1") -> dict[str, np.ndarray]:  # type: ignore[type-arg]
    mapping = choose_mapping(units=model.units, activation=model.activation, positive=positive, names=(), output=None)
    outputs, parity = write_graph(model, named("zero_to_one"), mapping, folder / "bundle" / "model.onnx")
    assert parity.agrees or not model.exact
    session = onnxruntime.InferenceSession(folder / "bundle" / "model.onnx", providers=["CPUExecutionProvider"])
    return dict(zip(outputs, session.run(list(outputs), {"film": FILMS}), strict=True))


def features() -> list[Any]:
    return [keras.Input((SIDE, SIDE, 3)), layers.Conv2D(4, 3, activation="relu"), layers.MaxPooling2D(2)]


def inner() -> Any:
    entering = keras.Input((SIDE, SIDE, 3))
    x = layers.Conv2D(4, 3)(entering)
    x = layers.Add()([layers.Activation("relu")(x), layers.DepthwiseConv2D(1)(x)])
    return keras.Model(entering, x)


HEADS: dict[str, Any] = {
    "one sigmoid": lambda: keras.Sequential(
        [*features(), layers.Flatten(), layers.Dense(5, activation="relu"), layers.Dropout(0.5),
         layers.Dense(1, activation="sigmoid")]
    ),
    "two-unit softmax": lambda: keras.Sequential(
        [*features(), layers.GlobalAveragePooling2D(), layers.BatchNormalization(), layers.Dense(4, activation="tanh"),
         layers.LayerNormalization(),
         layers.Dense(2), layers.Softmax()]
    ),
    "three classes": lambda: keras.Sequential(
        [*features(), layers.GlobalMaxPooling2D(), layers.Dense(4), layers.LeakyReLU(0.1),
         layers.Dense(3, activation="softmax")]
    ),
    "nested": lambda: keras.Sequential(
        [keras.Input((SIDE, SIDE, 3)),
         keras.Sequential([keras.Input((SIDE, SIDE, 3)), inner(), layers.GlobalAveragePooling2D()]),
         keras.Sequential(
             [keras.Input((4,)), layers.Dense(3, activation="elu"), layers.Dense(2, activation="softmax")]
         )]
    ),
    "convolutions to the end": lambda: keras.Sequential(
        [*features(), layers.GlobalAveragePooling2D(keepdims=True), layers.Conv2D(3, 1, activation="relu"),
         layers.Conv2D(1, 1), layers.Flatten(), layers.Activation("sigmoid")]
    ),
    "no sigmoid at the end": lambda: keras.Sequential([*features(), layers.GlobalAveragePooling2D(), layers.Dense(1)]),
}  # fmt: skip


def settled(model: Any, seed: int = 0) -> Any:
    """Gives every weight, those of BatchNormalization too, a value that matters."""
    random = np.random.default_rng(seed)
    model.set_weights(
        [
            random.uniform(0.5, 1.5, value.shape) if "variance" in weight.name or "gamma" in weight.name
            else random.normal(0, 0.5, value.shape)
            for weight, value in zip(model.weights, model.get_weights(), strict=True)
        ]
    )  # fmt: skip
    return model


def log_odds(answer: Any, linear: bool, positive: int) -> Any:
    """The logit in TensorFlow, by its definition, of what a model answered (N, K)."""
    if answer.shape[1] == 1:
        logit = answer[:, 0] if linear else tf.math.log(answer[:, 0] / (1 - answer[:, 0]))
        return logit if positive == 1 else -logit
    above = answer[:, positive]
    return tf.math.log(above / (tf.reduce_sum(answer, axis=1) - above))


@pytest.mark.parametrize(("name", "positive"), [*zip(HEADS, [0, 1] * 3, strict=True), ("one sigmoid", 1)])
def test_logit_and_heat_map(name: str, positive: int, tmp_path: Path) -> None:
    model = settled(HEADS[name]())
    model.save(tmp_path / "model.keras")
    opened = open_model(tmp_path / "model.keras")
    assert opened.shape == InputShape(SIDE, SIDE, 3)
    assert opened.heatmap is None
    got = imported(opened, tmp_path, f"fractured={positive}")

    if name == "nested":
        bottom, pool = model.layers[0].layers
        rest = [pool, model.layers[1]]
    else:
        cut = next(index for index, layer in enumerate(model.layers) if isinstance(layer, layers.MaxPooling2D)) + 1
        bottom, rest = keras.Sequential(model.layers[:cut]), model.layers[cut:]
    maps = tf.constant(bottom(GIVEN, training=False))
    with tf.GradientTape() as tape:
        tape.watch(maps)
        x = maps
        for layer in rest:
            x = layer(x, training=False)
        logit = log_odds(x, name.startswith("no sigmoid"), positive)
    assert got["logit"] == pytest.approx(logit.numpy(), abs=2e-4)
    expected = tf.reduce_sum(tape.gradient(logit, maps) * maps, axis=-1).numpy() * maps.shape[1] * maps.shape[2]
    assert got["heatmap"] == pytest.approx(expected, rel=1e-3, abs=1e-3)
    assert got["embedding"] == pytest.approx(maps.numpy().mean(axis=(1, 2)), abs=1e-5)


def test_a_head_with_branches_has_no_heat_map(tmp_path: Path) -> None:
    entering = keras.Input((SIDE, SIDE, 3))
    x = layers.Conv2D(4, 3)(entering)
    x = layers.Concatenate()([layers.GlobalAveragePooling2D()(x), layers.GlobalMaxPooling2D()(x)])
    model = settled(keras.Model(entering, layers.Dense(1, activation="sigmoid")(x)))
    model.save(tmp_path / "model.h5")
    opened = open_model(tmp_path / "model.h5")
    assert "branches" in str(opened.heatmap)
    got = imported(opened, tmp_path)
    assert list(got) == ["logit"]
    p = model(GIVEN, training=False).numpy()[:, 0]
    assert got["logit"] == pytest.approx(np.log(p / (1 - p)), abs=2e-4)


def test_a_model_of_any_size_needs_one(tmp_path: Path) -> None:
    model = keras.Sequential(
        [keras.Input((None, None, 3)), layers.Rescaling(1 / 255), layers.Conv2D(4, 3), layers.GlobalAveragePooling2D(),
         layers.Dense(1, activation="sigmoid")]
    )  # fmt: skip
    model.save(tmp_path / "model.keras")
    with pytest.raises(BundleError, match="--input"):
        open_model(tmp_path / "model.keras")
    opened = open_model(tmp_path / "model.keras", shape=InputShape(SIDE, SIDE))
    assert opened.size == (SIDE, SIDE)
    assert "Rescaling" in str(opened.rescales)
    assert imported(opened, tmp_path)["heatmap"].shape == (3, SIDE - 2, SIDE - 2)


@pytest.mark.parametrize(("inputs", "outputs"), [(2, 1), (1, 2)])
def test_several_inputs_or_outputs_are_refused(inputs: int, outputs: int, tmp_path: Path) -> None:
    entering = [keras.Input((SIDE, SIDE, 3), name=f"picture_{index}") for index in range(inputs)]
    x = layers.Flatten()(layers.Add()(entering) if inputs > 1 else entering[0])
    model = keras.Model(entering, [layers.Dense(1, name=f"answer_{index}")(x) for index in range(outputs)])
    model.save(tmp_path / "model.keras")
    with pytest.raises(BundleError, match=r"has 2 (inputs|outputs)"):
        open_model(tmp_path / "model.keras")


@pytest.fixture(scope="module")
def plain() -> Any:
    return settled(HEADS["two-unit softmax"]())


def test_a_saved_model(plain: Any, tmp_path: Path) -> None:
    plain.export(tmp_path / "saved", verbose=False)
    opened = open_model(tmp_path / "saved")
    assert opened.file.format == "TensorFlow SavedModel"
    expected = log_odds(plain(GIVEN, training=False), False, 1).numpy()
    assert imported(opened, tmp_path)["logit"] == pytest.approx(expected, abs=2e-4)


@pytest.mark.parametrize("quantised", [False, True])
def test_tensorflow_lite(quantised: bool, plain: Any, tmp_path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        converter = tf.lite.TFLiteConverter.from_keras_model(plain)
        converter.optimizations = [tf.lite.Optimize.DEFAULT] * quantised
        (tmp_path / "model.tflite").write_bytes(converter.convert())
    opened = open_model(tmp_path / "model.tflite")
    expected = log_odds(plain(GIVEN, training=False), False, 0).numpy()
    got = imported(opened, tmp_path, "0")["logit"]
    assert got == pytest.approx(expected, abs=0.2 if quantised else 2e-4)
