"""Files that Keras 2 wrote, made by tf-keras: rebuilt under Keras 3, they answer as they did."""

from __future__ import annotations

import json
import logging
import warnings
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from lucency.errors import BundleError, MissingExtraError
from lucency.learning.backend import choose_backend

choose_backend("tensorflow")

from lucency.learning import foreign_keras  # noqa: E402
from lucency.learning.foreign_file import identify  # noqa: E402
from lucency.learning.importing import open_model, write_graph  # noqa: E402
from lucency.learning.input_convention import named  # noqa: E402
from lucency.learning.keras2_files import rebuild  # noqa: E402
from lucency.learning.output_mapping import choose_mapping  # noqa: E402

SIDE = 24
GIVEN = np.random.default_rng(1).uniform(0, 2, (3, SIDE, SIDE, 3)).astype(np.float32)


@pytest.fixture(scope="module")
def k2() -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = pytest.importorskip("tf_keras", reason="tf-keras, which writes Keras 2 files, is not installed")
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    return found


def preprocessing(k2: Any) -> Any:
    """A functional model with preprocessing as TensorFlow calls, augmentation, and a frozen model inside."""
    layers = k2.layers
    inside = k2.Input((SIDE, SIDE, 3))
    x = layers.Conv2D(4, 3, strides=2, use_bias=False, name="conv")(inside)
    x = layers.BatchNormalization(name="conv/bn")(x)
    x = layers.DepthwiseConv2D(3, padding="same")(layers.ReLU(6.0)(x))
    x = layers.Add()([x, layers.SeparableConv2D(4, 3, padding="same")(x)])
    base = k2.Model(inside, x, name="base")
    base.trainable = False
    films = k2.Input((SIDE, SIDE, 3))
    x = layers.RandomFlip()(films)
    x = k2.applications.mobilenet_v2.preprocess_input(x)
    x = layers.GlobalAveragePooling2D()(base(x, training=False))
    x = layers.LeakyReLU(alpha=0.2)(layers.BatchNormalization()(layers.Dense(6)(x)))
    return k2.Model(films, layers.Dense(3, activation="softmax")(layers.Dropout(0.4)(x)))


def teachable(k2: Any) -> Any:
    """As Teachable Machine builds: a Sequential of features and a Sequential of a head, in a Sequential."""
    layers = k2.layers
    inside = k2.Input((SIDE, SIDE, 3))
    x = layers.BatchNormalization()(layers.DepthwiseConv2D(3, use_bias=False)(layers.Conv2D(5, 3)(inside)))
    features = k2.Sequential([k2.Model(inside, x), layers.GlobalAveragePooling2D()])
    head = k2.Sequential(
        [layers.Dense(6, activation="relu", input_shape=(5,)), layers.Dense(2, activation="softmax", use_bias=False)]
    )
    model = k2.Sequential([features, head])
    model.build((None, SIDE, SIDE, 3))
    return model


MODELS = {"preprocessing": preprocessing, "teachable": teachable}


def saved(model: Any, path: Path) -> Path:
    random = np.random.default_rng(0)
    model.set_weights(
        [
            random.uniform(0.5, 1.5, value.shape) if "variance" in weight.name or "gamma" in weight.name
            else random.normal(0, 0.4, value.shape)
            for weight, value in zip(model.weights, model.get_weights(), strict=True)
        ]
    )  # fmt: skip
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.save(path)
    return path


@pytest.mark.parametrize("suffix", [".h5", ".keras"])
@pytest.mark.parametrize("name", MODELS)
def test_it_answers_as_it_did(name: str, suffix: str, k2: Any, tmp_path: Path) -> None:
    original = MODELS[name](k2)
    path = saved(original, tmp_path / f"model{suffix}")
    given = GIVEN * np.array([1, 100, 0.01], np.float32)[:, None, None, None]
    expected = original(given, training=False).numpy()
    assert np.ptp(expected, axis=0).max() > 1e-3
    assert rebuild(identify(path))(given, training=False).numpy() == pytest.approx(expected, abs=1e-5)


def test_the_bundle_agrees_with_tf_keras_and_has_a_heat_map(k2: Any, tmp_path: Path) -> None:
    model = open_model(saved(teachable(k2), tmp_path / "keras_model.h5"))
    assert model.witness == "tf-keras on the file itself"
    mapping = choose_mapping(units=2, activation=model.activation, positive="0", names=(), output=None)
    outputs, parity = write_graph(model, named("minus_one_to_one"), mapping, tmp_path / "b" / "model.onnx")
    assert outputs == ("logit", "heatmap", "embedding")
    assert parity.agrees
    assert parity.logit < 1e-4


def test_without_tf_keras_the_rebuilt_model_is_asked(k2: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(foreign_keras, "find_spec", lambda name: None)
    original = teachable(k2)
    model = open_model(saved(original, tmp_path / "keras_model.h5"))
    assert "rebuilt under Keras 3" in model.witness
    assert model.answer(GIVEN) == pytest.approx(original(GIVEN, training=False).numpy(), abs=1e-5)


def test_weights_are_found_by_order_where_names_say_nothing(k2: Any, tmp_path: Path) -> None:
    original = teachable(k2)
    path = saved(original, tmp_path / "model.h5")
    with h5py.File(path, "r+") as file:
        for group in file["model_weights"].values():
            names = [name.decode() if isinstance(name, bytes) else name for name in group.attrs["weight_names"]]
            for index, name in enumerate(names):
                group[f"w{index}"] = group[name][()]
            group.attrs["weight_names"] = [f"w{index}".encode() for index in range(len(names))]
    expected = original(GIVEN, training=False).numpy()
    assert rebuild(identify(path))(GIVEN, training=False).numpy() == pytest.approx(expected, abs=1e-5)


def test_weights_that_do_not_fit_are_refused(k2: Any, tmp_path: Path) -> None:
    path = saved(teachable(k2), tmp_path / "model.h5")
    with h5py.File(path, "r+") as file:
        config = json.loads(file.attrs["model_config"])
        config["config"]["layers"][-1]["config"]["layers"][-1]["config"]["units"] = 3
        file.attrs["model_config"] = json.dumps(config)
    with pytest.raises(BundleError, match="do not fit"):
        open_model(path)


def test_a_layer_that_keras_3_has_not_goes_through_tf_keras(
    k2: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    layers = k2.layers
    model = k2.Sequential(
        [layers.Conv2D(4, 3, input_shape=(SIDE, SIDE, 3)), layers.ThresholdedReLU(0.1),
         layers.GlobalAveragePooling2D(), layers.Dense(1, activation="sigmoid")]
    )  # fmt: skip
    path = saved(model, tmp_path / "model.h5")
    opened = open_model(path)
    assert "ThresholdedReLU" in " ".join(opened.notes)
    mapping = choose_mapping(units=1, activation=opened.activation, positive="1", names=(), output=None)
    assert write_graph(opened, named("zero_to_one"), mapping, tmp_path / "b" / "model.onnx")[1].agrees

    monkeypatch.setattr(foreign_keras, "find_spec", lambda name: None)
    with pytest.raises((BundleError, MissingExtraError), match="pip install --no-deps tf-keras"):
        open_model(path)


@pytest.mark.slow
@pytest.mark.parametrize("suffix", [".h5", ".keras"])
def test_teachable_machine_with_its_own_backbone(suffix: str, k2: Any, tmp_path: Path) -> None:
    backbone = k2.applications.MobileNetV2(input_shape=(96, 96, 3), alpha=0.35, include_top=False, weights=None)
    features = k2.Sequential([backbone, k2.layers.GlobalAveragePooling2D()])
    head = k2.Sequential(
        [k2.layers.Dense(100, activation="relu", input_shape=(1280,)), k2.layers.Dense(2, activation="softmax")]
    )
    model = k2.Sequential([features, head])
    model.build((None, 96, 96, 3))
    opened = open_model(saved(model, tmp_path / f"model{suffix}"))
    mapping = choose_mapping(units=2, activation=opened.activation, positive="0", names=(), output=None)
    outputs, parity = write_graph(opened, named("minus_one_to_one"), mapping, tmp_path / "b" / "model.onnx")
    assert "heatmap" in outputs
    assert parity.agrees
