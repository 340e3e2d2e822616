from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from lucency.errors import BundleError, RecipeError
from lucency.learning.backend import choose_backend

choose_backend()
import keras  # noqa: E402
import onnxruntime  # noqa: E402
import tensorflow as tf  # noqa: E402
from keras import layers  # noqa: E402

from lucency.learning.backbones import BACKBONES  # noqa: E402
from lucency.learning.classifier import (  # noqa: E402
    build_backbone,
    build_classifier,
    network_input,
    set_trainable,
)
from lucency.learning.export import export_onnx  # noqa: E402
from lucency.learning.inference_twin import InferenceTwin  # noqa: E402
from lucency.learning.pretrained import load_weights  # noqa: E402
from lucency.learning.recipe import load_recipe, recipe_names  # noqa: E402

SMALL = ["input.height=64", "input.width=96", "model.weights=none", "model.dropout=0.3", "augmentation.rotation=10"]
FILMS = np.random.default_rng(1).integers(0, 256, (3, 64, 96, 1)).astype(np.float32)


def stirred(model: keras.Model, spread: float = 0.05) -> keras.Model:
    """Weights and statistics unlike those of a fresh model, so that nothing is right by being zero or one."""
    draw = np.random.default_rng(2)
    model.set_weights(
        [w + (draw.normal(0, spread, w.shape) ** 2).astype(w.dtype) if np.ndim(w) else w for w in model.get_weights()]
    )
    if "logit" in [layer.name for layer in model.layers]:
        # Through dozens of layers the sums grow beyond what absolute tolerances can judge.
        height, width = model.input_shape[1:3]
        films = draw.integers(0, 256, (2, height, width, 1)).astype(np.float32)
        largest = float(np.abs(model.predict(films, verbose=0)).max())
        logit = model.get_layer("logit")
        logit.set_weights([w / max(1.0, largest / 4) for w in logit.get_weights()])
    return model


def heat_by_tape(twin: InferenceTwin, films: np.ndarray) -> np.ndarray:
    """The heat map by automatic differentiation: gradient of the logit times the map, times the number of cells."""
    with tf.GradientTape() as tape:
        entering = twin.features(twin.network_input(films), training=False)
        tape.watch(entering)
        x = entering
        for layer in twin.head:
            x = layer(x, training=False)
    gradient = tape.gradient(x, entering)
    cells = entering.shape[1] * entering.shape[2]
    heat: np.ndarray = np.asarray(tf.reduce_sum(gradient * entering, axis=-1)) * cells
    return heat


SMALL_NETWORKS = ("cnn-1conv", "cnn-3block", "four-block", "tiny-vgg", "tiny-vgg-augmented", "mobilenet")
POOLED = [name for name in recipe_names() if not load_recipe(name).localisation.channels]
"""Recipes whose heat map is worked out from the head; tests/learning/test_localiser.py is for the others."""
EVERY = [name if name in SMALL_NETWORKS else pytest.param(name, marks=pytest.mark.slow) for name in POOLED]
"""The walk of each recipe, tests/workflows/test_every_recipe.py, covers the larger ones in the default suite."""


@pytest.mark.parametrize("name", EVERY)
def test_the_heat_map_is_the_gradient_of_the_logit_times_the_map(name: str) -> None:
    model = stirred(build_classifier(load_recipe(name, SMALL)))
    twin = InferenceTwin(model)
    got = twin(FILMS, training=False)
    expected = heat_by_tape(twin, FILMS)
    np.testing.assert_allclose(np.asarray(got["heatmap"]), expected, atol=1e-4)
    np.testing.assert_allclose(np.asarray(got["logit"]), model.predict(FILMS, verbose=0)[:, 0], atol=1e-5)
    if load_recipe(name).model.hidden:
        return
    bias = float(np.asarray(model.get_layer("logit").bias)[0])
    np.testing.assert_allclose(np.asarray(got["heatmap"]).mean(axis=(1, 2)) + bias, np.asarray(got["logit"]), atol=1e-4)


def test_the_gradient_passes_hidden_layers_of_a_head() -> None:
    films = keras.Input((32, 32, 1))
    x = network_input((32, 32), "zero_to_one")(films)
    features = keras.Sequential(
        [keras.Input((32, 32, 3)), layers.Conv2D(6, 5, strides=4, activation="relu")], name="features"
    )
    x = layers.Flatten()(features(x))
    x = layers.BatchNormalization()(layers.Dense(9, activation="relu")(x))
    x = layers.Dropout(0.5)(layers.GaussianNoise(0.1)(x))
    model = stirred(keras.Model(films, layers.Dense(1, name="logit")(x)))
    twin = InferenceTwin(model)
    batch = FILMS[:, :32, :32]
    expected = heat_by_tape(twin, batch)
    assert np.abs(expected).max() > 1e-3
    np.testing.assert_allclose(np.asarray(twin(batch, training=False)["heatmap"]), expected, atol=1e-4)


@pytest.mark.parametrize("name", EVERY)
def test_export_says_what_keras_says_for_any_batch_size(name: str, tmp_path: Path) -> None:
    recipe = load_recipe(name, SMALL)
    model = stirred(build_classifier(recipe), 0.05 if name in SMALL_NETWORKS else 0.02)
    differences = export_onnx(model, recipe, tmp_path / "model.onnx")
    assert differences["logit"] <= 1e-4
    session = onnxruntime.InferenceSession(str(tmp_path / "model.onnx"), providers=["CPUExecutionProvider"])
    assert [value.name for value in session.get_inputs()] == ["film"]
    assert {value.name for value in session.get_outputs()} == {"logit", "heatmap", "embedding"}
    for count in (1, 3):
        logit, heatmap, embedding = session.run(["logit", "heatmap", "embedding"], {"film": FILMS[:count]})
        np.testing.assert_allclose(logit, model.predict(FILMS[:count], verbose=0)[:, 0], atol=1e-4)
        assert heatmap.shape[0] == embedding.shape[0] == count
        assert heatmap.ndim == 3


@pytest.mark.slow
@pytest.mark.parametrize("name", POOLED)
def test_at_its_full_size_it_answers_and_exports(name: str, tmp_path: Path) -> None:
    recipe = load_recipe(name, ["model.weights=none"])
    model = stirred(build_classifier(recipe), 0.01)
    film = np.random.default_rng(4).integers(0, 256, (2, recipe.input.height, recipe.input.width), dtype=np.uint8)
    assert np.isfinite(model.predict(film[..., None], verbose=0)).all()
    assert export_onnx(model, recipe, tmp_path / "model.onnx", films=film)["logit"] <= 1e-4


STOCK = {
    "cnn-1conv": None,
    "cnn-3block": None,
    "four-block": None,
    "tiny-vgg": None,
    "mobilenet": "mobilenet",
    "mobilenetv2": "mobilenet_v2",
    "mobilenetv3": "mobilenet_v3",
    "efficientnetb2": "efficientnet",
    "efficientnetb3": "efficientnet",
    "efficientnetv2b0": "efficientnet_v2",
    "vgg16": "vgg16",
    "resnet50": "resnet",
    "densenet121": "densenet",
    "convnext-tiny": "convnext",
}
"""The module of keras.applications whose `preprocess_input` a backbone wants; None: grey / 255, as notebooks do."""


@pytest.mark.parametrize("architecture", BACKBONES)
def test_the_input_convention_is_that_of_the_stock_function(architecture: str) -> None:
    ours = network_input((64, 96), BACKBONES[architecture].convention)(FILMS)
    grey = np.repeat(FILMS, 3, axis=-1)
    module = STOCK[architecture]
    stock = grey / 255 if module is None else getattr(keras.applications, module).preprocess_input(grey.copy())
    np.testing.assert_allclose(np.asarray(ours), stock, atol=1e-5)


def test_efficientnet_sees_what_keras_shows_it_with_imagenet_weights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Keras adds a layer with weights="imagenet" alone, and the statistics of another come with the file.
    from keras.src.applications import efficientnet

    source = keras.applications.EfficientNetB2(include_top=False, weights=None, input_shape=(64, 96, 3))
    stirred(source, 0.01)
    normalization = next(layer for layer in source.layers if isinstance(layer, layers.Normalization))
    normalization.set_weights([np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225]) ** 2, np.array(0)])
    source.save_weights(tmp_path / "b2.weights.h5")
    monkeypatch.setattr(efficientnet.file_utils, "get_file", lambda *_, **__: str(tmp_path / "b2.weights.h5"))
    stock = keras.applications.EfficientNetB2(include_top=False, weights="imagenet", input_shape=(64, 96, 3))
    ours = build_backbone("efficientnetb2", (64, 96), weights=str(tmp_path / "b2.weights.h5"))
    grey = np.repeat(FILMS, 3, axis=-1)
    expected = np.asarray(stock(grey, training=False))
    assert np.ptp(expected) > 1e-3
    np.testing.assert_allclose(np.asarray(ours(grey, training=False)), expected, atol=1e-4 * np.abs(expected).max())


def test_freezing_keeps_batch_normalization_of_a_pretrained_backbone() -> None:
    model = build_classifier(load_recipe("mobilenet", SMALL))
    backbone = model.get_layer("features")
    set_trainable(model, "none", pretrained=True)
    assert len(model.trainable_weights) == 2
    set_trainable(model, "all", pretrained=True)
    normalizations = [layer for layer in backbone.layers if isinstance(layer, layers.BatchNormalization)]
    assert normalizations
    assert not any(layer.trainable for layer in normalizations)
    assert all(layer.trainable for layer in backbone.layers if isinstance(layer, layers.Conv2D))
    set_trainable(model, 6, pretrained=False)
    assert [layer.trainable for layer in backbone.layers] == [False] * (len(backbone.layers) - 6) + [True] * 6


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        (["model.architecture=mobilnet"], "Known architectures"),
        (["model.weights=/nowhere/w.h5"], "does not exist"),
    ],
)
def test_an_impossible_model_is_one_clear_line(overrides: list[str], words: str) -> None:
    with pytest.raises(RecipeError, match=words):
        build_classifier(load_recipe("mobilenet", [*SMALL, *overrides]))


@pytest.mark.parametrize(
    "content", [b"", b"version https://git-lfs.github.com/spec/v1\n", b"\x89HDF\r\n\x1a\n" + b"0" * 300]
)
def test_a_broken_weights_file_is_one_clear_line(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "w.weights.h5"
    file.write_bytes(content)
    with pytest.raises(RecipeError, match=r"w\.weights\.h5") as caught:
        load_weights(BACKBONES["mobilenet"].factory((64, 64, 3)), "mobilenet", str(file))
    assert "\n" not in str(caught.value)


def test_weights_of_another_architecture_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "vgg.weights.h5"
    BACKBONES["tiny-vgg"].factory((64, 64, 3)).save_weights(file)
    with pytest.raises(RecipeError, match="do not fit mobilenet"):
        load_weights(BACKBONES["mobilenet"].factory((64, 64, 3)), "mobilenet", str(file))


@pytest.mark.parametrize("wrong", [0.01, float("nan")])
def test_an_export_that_says_something_else_is_refused(
    wrong: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = load_recipe("tiny-vgg", SMALL)
    kept = onnxruntime.InferenceSession

    class Drifting:
        def __init__(self, *arguments: object, **options: object):
            self.session = kept(*arguments, **options)

        def run(self, names: list[str], inputs: dict[str, np.ndarray]) -> list[np.ndarray]:
            logit, *rest = self.session.run(names, inputs)
            return [logit + wrong, *rest]

    monkeypatch.setattr(onnxruntime, "InferenceSession", Drifting)
    with pytest.raises(BundleError, match="does not say what the Keras model says"):
        export_onnx(build_classifier(recipe), recipe, tmp_path / "model.onnx")
    assert not list(tmp_path.iterdir())
