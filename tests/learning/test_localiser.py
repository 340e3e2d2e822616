"""A heat map of its own: what it is made of, what it learns from, and what it comes through unchanged."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lucency.errors import RecipeError
from lucency.learning.backend import choose_backend

choose_backend()
import keras  # noqa: E402
import onnx  # noqa: E402
import onnxruntime  # noqa: E402

from lucency.learning.backbones import BACKBONES, Backbone  # noqa: E402
from lucency.learning.boxed_batches import BoxedBatches  # noqa: E402
from lucency.learning.classifier import build_classifier, float32_copy, predict_logits  # noqa: E402
from lucency.learning.export import export_onnx  # noqa: E402
from lucency.learning.fit import fit  # noqa: E402
from lucency.learning.inference_twin import inference_twin  # noqa: E402
from lucency.learning.localiser import UNKNOWN, BoxLoss  # noqa: E402
from lucency.learning.recipe import Recipe, load_recipe  # noqa: E402
from lucency.learning.saving import load_trained, write_keras  # noqa: E402

DRAW = np.random.default_rng(0)
LABELS = np.arange(24) % 2
IMAGES = DRAW.integers(60, 90, (24, 64, 64), dtype=np.uint8)
IMAGES[1::2, 16:32, 32:48] = 255
BOXES = [np.array([[32.0, 16.0, 16.0, 16.0]]) if label else np.zeros((0, 4)) for label in LABELS]


def small_backbone(shape: tuple[int, int, int]) -> Any:
    """A network with cells of 16 and of 32 pixels that learns in seconds."""
    film = x = keras.Input(shape)
    for channels, stride in ((8, 4), (16, 4), (32, 2)):
        x = keras.layers.Conv2D(channels, 5, stride, padding="same", activation="relu")(x)
    return keras.Model(film, x)


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    row = Backbone(small_backbone, "minus_one_to_one", "average", smallest_side=32)
    monkeypatch.setitem(BACKBONES, "small", row)


def recipe(*overrides: str) -> Recipe:
    return load_recipe(
        "mobilenet",
        [
            "model.architecture=small",
            "input.height=64",
            "input.width=64",
            "model.weights=none",
            "localisation.channels=8",
            "training.head_epochs=0",
            "training.batch_size=8",
            "training.monitor=last",
            "training.patience=0",
            *overrides,
        ],
    )


def batches(**options: Any) -> tuple[BoxedBatches, BoxedBatches]:
    train = BoxedBatches(IMAGES, np.arange(16), LABELS[:16], BOXES[:16], batch_size=8, shuffle=True, **options)
    return train, BoxedBatches(IMAGES, np.arange(16, 24), LABELS[16:], BOXES[16:], batch_size=8)


def stirred(wanted: Recipe) -> Any:
    """A classifier whose weights are unlike those of a fresh one."""
    model = build_classifier(wanted)
    draw = np.random.default_rng(2)
    head = model.get_layer("localiser")
    head.set_weights([w + draw.normal(0, 0.05, w.shape).astype(w.dtype) for w in head.get_weights()])
    return model


def test_the_logit_is_pooled_from_the_map_and_the_film() -> None:
    wanted = recipe("localisation.sharpness=2.5")
    model = stirred(wanted)
    said = model.predict_on_batch(IMAGES[:3, ..., None])
    assert said["logit"].shape == (3, 1)
    assert said["map"].shape == (3, 4, 4)
    head = model.get_layer("localiser")
    maps = model.get_layer("features")(model.get_layer("network_input")(IMAGES[:3, ..., None].astype(np.float32)))
    peak = np.log(np.exp(2.5 * said["map"].astype(np.float64)).mean(axis=(1, 2))) / 2.5
    (scale,), (shift,) = (w.ravel() for w in head.get_layer("from_map").get_weights())
    (linear,) = head.get_layer("from_film").get_weights()
    pooled = keras.ops.convert_to_numpy(maps[1]).mean(axis=(1, 2)) @ linear
    np.testing.assert_allclose(said["logit"][:, 0], scale * peak + shift + pooled[:, 0], rtol=1e-4)


def test_box_loss_is_weighted_cross_entropy_of_known_cells() -> None:
    logits = np.array([[[2.0, -1.0], [0.5, 0.0]], [[3.0, 3.0], [3.0, 3.0]]], np.float32)
    target = np.array([[[1.0, 0.0], [0.25, 0.0]], np.full((2, 2), UNKNOWN)], np.float32)
    share = 1 / (1 + np.exp(-logits[0].astype(np.float64)))
    entropy = -(target[0] * np.log(share) + (1 - target[0]) * np.log(1 - share))
    expected = (entropy * (1 + 4 * target[0])).mean()
    found = keras.ops.convert_to_numpy(BoxLoss(5.0).call(target, logits))
    np.testing.assert_allclose(found, [expected, 0.0], rtol=1e-5)


def test_boxes_teach_the_map_where_to_look(tmp_path: Path) -> None:
    wanted = recipe("training.epochs=12", "training.learning_rate=0.003", "training.optimizer=adam")
    model, state = fit(build_classifier(wanted), wanted, *batches(), tmp_path)
    assert state.best_epoch == 12
    assert {"auroc", "val_auroc", "map_loss", "val_map_loss"} <= set(state.rows[-1])
    assert state.rows[-1]["map_loss"] < state.rows[0]["map_loss"] / 2
    heat = model.predict_on_batch(IMAGES[16:, ..., None])["map"]
    assert [np.unravel_index(one.argmax(), (4, 4)) for one in heat[1::2]] == [(1, 2)] * 4


def test_a_resumed_run_ends_like_an_unbroken_one(tmp_path: Path) -> None:
    wanted = recipe("training.epochs=3", "training.average=0.8", "training.gradient_norm=1", "augmentation.rotation=10")
    moved = {"geometry": {"rotation": 10.0}}
    _, whole = fit(build_classifier(wanted), wanted, *batches(**moved), tmp_path / "whole")

    class Stop(keras.callbacks.Callback):
        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            if epoch + 1 == 2:
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fit(build_classifier(wanted), wanted, *batches(**moved), tmp_path / "broken", callbacks=[Stop()])
    _, resumed = fit(build_classifier(wanted), wanted, *batches(**moved), tmp_path / "broken")
    assert len(resumed.rows) == 3
    for left, right in zip(whole.rows, resumed.rows, strict=True):
        assert left["loss"] == pytest.approx(right["loss"], rel=2e-3)
        assert left["val_loss"] == pytest.approx(right["val_loss"], rel=2e-3)


def test_what_is_validated_and_kept_is_the_average(tmp_path: Path) -> None:
    wanted = recipe("training.epochs=3", "training.average=0.9", "training.learning_rate=0.01")
    seen: list[list[Any]] = []

    class Record(keras.callbacks.Callback):
        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            seen.append([keras.ops.convert_to_numpy(v) for v in self.model.trainable_variables])

    model, state = fit(build_classifier(wanted), wanted, *batches(), tmp_path, callbacks=[Record()])
    # Of six steps a memory of 0.9 would keep the beginning; it is shortened until that counts for exp(-2.5).
    memory = 1 - 2.5 / len(seen)
    average = seen[0]
    for weights in seen[1:]:
        average = [memory * old + (1 - memory) * new for old, new in zip(average, weights, strict=True)]
    for kept, expected in zip(model.trainable_variables, average, strict=True):
        np.testing.assert_allclose(keras.ops.convert_to_numpy(kept), expected, rtol=1e-3, atol=1e-5)
    _, val = batches()
    model.compile(loss="mse")
    logits = predict_logits(model, val)
    sign = (logits > 0).astype(int)
    assert state.rows[-1]["val_accuracy"] == pytest.approx(float((sign == LABELS[16:]).mean()))


def test_it_comes_through_saving_and_export(tmp_path: Path) -> None:
    wanted = recipe("augmentation.contrast=0.1", "model.dropout=0.2")
    model = stirred(wanted)
    films = IMAGES[:4]
    expected = inference_twin(model, wanted.model)(films[..., None].astype(np.float32))
    assert expected["heatmap"].shape == (4, 4, 4)
    assert expected["embedding"].shape == (4, 32)
    export_onnx(model, wanted, tmp_path / "model.onnx", films=films)
    session = onnxruntime.InferenceSession(str(tmp_path / "model.onnx"))
    said = session.run(["logit", "heatmap", "embedding"], {"film": films[..., None].astype(np.float32)})
    for name, got in zip(("logit", "heatmap", "embedding"), said, strict=True):
        np.testing.assert_allclose(got, keras.ops.convert_to_numpy(expected[name]), rtol=1e-3, atol=1e-4)
    write_keras(model, tmp_path / "model.keras")
    again = load_trained(tmp_path / "model.keras").predict_on_batch(films[..., None])
    np.testing.assert_allclose(again["logit"][:, 0], said[0], rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        (["input.height=80"], "multiples of 32"),
        (["training.mixup=0.2"], "training.mixup"),
        (["model.hidden=[8]"], "model.hidden"),
        (["model.scales=[0.8]"], "multiples of 32, not 0.8.* 64x64 want multiples of 0.5"),
        (["model.scales=[0.3]", "input.height=96"], "96x64 want multiples of 1"),
        (["model.scales=[0.25,0.5,1,1.5,2]"], "should be at most 4 values"),
        (["model.scales=0.5"], "should be a list"),
        (["model.scales=[0.5,0.5]"], "shares that differ"),
        (["model.scales=[0.5]", "localisation.channels=0"], "a heat map of its own"),
        (["training.patience=2"], "watch a figure"),
        (["training.stop_at=0.9"], "watch a figure"),
    ],
)
def test_what_does_not_go_together_is_refused(overrides: list[str], said: str) -> None:
    with pytest.raises(RecipeError, match=said):
        recipe(*overrides)


def test_a_share_without_exact_decimals_is_taken() -> None:
    sides = ("input.height=480", "input.width=480")
    assert recipe(*sides, "model.scales=[0.866667]").model.scales == (0.866667,)
    with pytest.raises(RecipeError, match="shares that differ"):
        recipe(*sides, "model.scales=[0.866667,0.8666666666666667]")


def test_a_backbone_without_two_maps_is_refused() -> None:
    with pytest.raises(RecipeError, match="four-block cannot be merged"):
        build_classifier(recipe("model.architecture=four-block"))


def test_a_mirrored_model_answers_a_film_and_its_mirror_image_alike(tmp_path: Path) -> None:
    wanted, plain = recipe("model.mirror=true"), recipe()
    model = stirred(wanted)
    films = IMAGES[:3, ..., None].astype(np.float32)
    once = {name: keras.ops.convert_to_numpy(v) for name, v in inference_twin(model, plain.model)(films).items()}
    other = inference_twin(model, plain.model)(films[:, :, ::-1])
    flipped = {name: keras.ops.convert_to_numpy(values) for name, values in other.items()}
    assert np.abs(once["logit"] - flipped["logit"]).max() > 1e-4
    export_onnx(model, wanted, tmp_path / "model.onnx")
    session = onnxruntime.InferenceSession(str(tmp_path / "model.onnx"))
    names = ["logit", "heatmap", "embedding"]
    said = dict(zip(names, session.run(names, {"film": films}), strict=True))
    np.testing.assert_allclose(said["logit"], (once["logit"] + flipped["logit"]) / 2, atol=1e-4)
    np.testing.assert_allclose(said["heatmap"], (once["heatmap"] + flipped["heatmap"][:, :, ::-1]) / 2, atol=1e-4)
    np.testing.assert_allclose(said["embedding"], (once["embedding"] + flipped["embedding"]) / 2, atol=1e-4)
    # Weights stand in the file once, not for each side.
    export_onnx(model, plain, tmp_path / "plain.onnx")
    assert (tmp_path / "model.onnx").stat().st_size < 1.3 * (tmp_path / "plain.onnx").stat().st_size


@pytest.mark.parametrize("scales", [(1.5, 0.5), (1.0, 0.5, 1.5), (1.5,)])
def test_a_film_is_looked_at_at_several_scales_by_the_same_weights(tmp_path: Path, scales: tuple[float, ...]) -> None:
    wanted, plain = recipe(f"model.scales={list(scales)}"), recipe()
    model = stirred(wanted)
    films = IMAGES[:3, ..., None].astype(np.float32)
    cells = int(4 * scales[0])
    alone = []
    for scale in scales:
        side = int(64 * scale)
        small = recipe(f"input.height={side}", f"input.width={side}")
        twin = build_classifier(small)
        twin.set_weights(model.get_weights())
        resized = keras.ops.image.resize(films, (side, side), interpolation="bilinear")
        alone.append({n: keras.ops.convert_to_numpy(v) for n, v in inference_twin(twin, plain.model)(resized).items()})
        # Each size counts its own cells when it pools; here the count is that of the full size.
        (scale,), _ = (w.ravel() for w in model.get_layer("localiser").get_layer("from_map").get_weights())
        alone[-1]["logit"] += scale * (np.log((side // 16) ** 2) - np.log(16)) / wanted.localisation.sharpness
        heat = keras.ops.image.resize(alone[-1]["heatmap"][..., None], (cells, cells), interpolation="bilinear")
        alone[-1]["heatmap"] = keras.ops.convert_to_numpy(heat)[..., 0]
    export_onnx(model, wanted, tmp_path / "model.onnx")
    session = onnxruntime.InferenceSession(str(tmp_path / "model.onnx"))
    for name in ("logit", "heatmap", "embedding"):
        (said,) = session.run([name], {"film": films})
        np.testing.assert_allclose(said, np.mean([one[name] for one in alone], axis=0), rtol=1e-3, atol=1e-4)
    twin = inference_twin(model, wanted.model)
    np.testing.assert_array_equal(twin(IMAGES[:3, ..., None])["heatmap"], twin(films)["heatmap"])
    weights = [
        (tensor.data_type, tuple(tensor.dims), onnx.numpy_helper.to_array(tensor).tobytes())
        for tensor in onnx.load(tmp_path / "model.onnx").graph.initializer
    ]
    assert len(weights) == len(set(weights))


def test_bfloat16_is_for_training_and_leaves_no_trace(tmp_path: Path) -> None:
    wanted = recipe("training.precision=bfloat16", "training.epochs=1")
    model = build_classifier(wanted)
    policies = {
        layer.name: layer.dtype_policy.name
        for layer in model.get_layer("localiser").layers
        if "conv" in str(type(layer))
    }
    assert policies == {"near": "mixed_bfloat16", "wide": "mixed_bfloat16", "mix": "mixed_bfloat16", "cells": "float32"}
    trained, _ = fit(model, wanted, *batches(), tmp_path)
    exact = float32_copy(wanted, trained)
    assert {layer.dtype_policy.name for layer in exact._flatten_layers()} == {"float32"}
    _, val = batches()
    np.testing.assert_allclose(predict_logits(exact, val), predict_logits(trained, val), atol=0.05)
    assert (predict_logits(exact, val) != predict_logits(trained, val)).any()


@pytest.mark.slow
def test_the_recipe_of_the_model_in_the_box_exports_at_its_full_size(tmp_path: Path) -> None:
    wanted = load_recipe("lucency-1", ["model.weights=none"])
    film = DRAW.integers(0, 256, (2, wanted.input.height, wanted.input.width), dtype=np.uint8)
    assert export_onnx(build_classifier(wanted), wanted, tmp_path / "model.onnx", films=film)["logit"] <= 1e-4
    assert (tmp_path / "model.onnx").stat().st_size < 1.01 * 4 * wanted.parameters
