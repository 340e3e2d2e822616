"""Keras 2 files written by hand and opened where tf-keras is not installed: answers worked by hand, and refusals."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from lucency.errors import MissingExtraError
from lucency.learning.backend import choose_backend

choose_backend("tensorflow")

from lucency.learning import foreign_keras  # noqa: E402
from lucency.learning.importing import open_model, write_graph  # noqa: E402
from lucency.learning.input_convention import named  # noqa: E402
from lucency.learning.keras2_layers import LayerScale, UnknownLayerError, call_arguments, make_layer  # noqa: E402
from lucency.learning.output_mapping import choose_mapping  # noqa: E402
from lucency.workflows.import_model import import_model  # noqa: E402
from lucency.workflows.teller import Teller  # noqa: E402

SIDE = 8


@pytest.fixture(autouse=True)
def _no_tf_keras(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(foreign_keras, "find_spec", lambda name: None)


def written(path: Path, layers: list[dict[str, Any]], weights: dict[str, dict[str, Any]], **inside: Any) -> Path:
    """A file as Keras 2.11 wrote it: a Sequential, or a graph where `inside` says its ends."""
    kind = "Functional" if inside else "Sequential"
    config = {"class_name": kind, "config": {"name": "model", "layers": layers, **inside}}
    with h5py.File(path, "w") as file:
        file.attrs.update(keras_version="2.11.0", backend="tensorflow", model_config=json.dumps(config))
        store = file.create_group("model_weights")
        for entry in layers:
            name = entry["config"]["name"]
            group, arrays = store.create_group(name), weights.get(name, {})
            group.attrs["weight_names"] = [f"{name}/{key}:0".encode() for key in arrays]
            for key, array in arrays.items():
                group.create_dataset(f"{name}/{key}:0", data=np.asarray(array, np.float32))
    return path


def entry(kind: str, name: str, **config: Any) -> dict[str, Any]:
    return {"class_name": kind, "name": name, "config": {"name": name, **config}}


ENTERING = entry("InputLayer", "given", batch_input_shape=[None, SIDE, SIDE, 1])


def hard(path: Path, activation: Any) -> Path:
    """Grey g of 0..1 -> hard sigmoid of 2 g - 1 -> mean -> logit 3 m - 1."""
    layers = [
        ENTERING,
        entry("Conv2D", "conv", filters=1, kernel_size=[1, 1], activation=activation),
        entry("GlobalAveragePooling2D", "mean"),
        entry("Dense", "dense", units=1, activation="sigmoid"),
    ]
    weights = {"conv": {"kernel": [[[[2]]]], "bias": [-1]}, "dense": {"kernel": [[3]], "bias": [-1]}}
    return written(path, layers, weights)


@pytest.mark.parametrize("activation", ["hard_sigmoid", {"class_name": "function", "config": "hard_sigmoid"}], ids=str)
def test_the_hard_sigmoid_is_that_of_keras_2(activation: Any, tmp_path: Path) -> None:
    model = open_model(hard(tmp_path / "model.h5", activation))
    greys = np.array([0, 0.25, 1], np.float32)
    answer = model.answer(np.broadcast_to(greys[:, None, None, None], (3, SIDE, SIDE, 1)).copy())[:, 0]
    # 0.2 (2 g - 1) + 0.5 is 0.3, 0.4 and 0.7, so that 3 m - 1 is -0.1, 0.2 and 1.1.
    assert np.log(answer / (1 - answer)) == pytest.approx([-0.1, 0.2, 1.1], abs=1e-5)


def test_a_hard_sigmoid_at_the_end_is_clipped(tmp_path: Path) -> None:
    layers = [ENTERING, entry("GlobalAveragePooling2D", "mean"), entry("Activation", "last", activation="hard_sigmoid")]
    model = open_model(written(tmp_path / "model.h5", layers, {}))
    answer = model.answer(np.stack([np.full((SIDE, SIDE, 1), grey, np.float32) for grey in (-9, -1, 1, 9)]))
    assert answer[:, 0] == pytest.approx([0, 0.3, 0.7, 1])
    assert model.activation == "unknown"


def test_a_hard_sigmoid_inside_another_layer_is_refused() -> None:
    inner = {"class_name": "Dense", "config": {"name": "inner", "units": 1, "activation": "hard_sigmoid"}}
    with pytest.raises(UnknownLayerError, match="hard sigmoid of Keras 2"):
        make_layer("TimeDistributed", {"name": "outer", "layer": inner}, "outer")


def test_nothing_is_said_to_agree_with_the_file(tmp_path: Path) -> None:
    lines: list[str] = []

    class Heard(Teller):
        def say(self, text: str) -> None:
            lines.append(text)

    path = hard(tmp_path / "model.h5", "relu")
    facts = import_model(path, positive="1", scale="1/255", out=tmp_path / "b", teller=Heard()).facts
    said = "\n".join(lines)
    assert " agree:" not in said
    assert "Warning: the bundle was checked only against the model rebuilt under Keras 3" in said
    assert facts["parity"]["independent"] is False


@pytest.mark.parametrize(
    ("function", "arguments"),
    [
        ("image.resize", {"size": [4, 4], "method": "nearest"}),
        ("image.resize", {"size": [4, 4], "antialias": True}),
        ("image.resize", {"size": [4, 4], "method": "bilinear", "preserve_aspect_ratio": True}),
        ("cast", {"dtype": "uint8"}),
        ("cast", {"dtype": "float16"}),
        ("nn.silu", {"beta": 2.0}),
    ],
)
def test_a_call_that_would_compute_something_else_is_refused(
    function: str, arguments: dict[str, Any], tmp_path: Path
) -> None:
    layers = [
        {**ENTERING, "inbound_nodes": []},
        {**entry("TFOpLambda", "call", function=function), "inbound_nodes": [["given", 0, 0, arguments]]},
        {**entry("GlobalAveragePooling2D", "mean"), "inbound_nodes": [[["call", 0, 0, {}]]]},
        {**entry("Activation", "last", activation="sigmoid"), "inbound_nodes": [[["mean", 0, 0, {}]]]},
    ]
    ends = {"input_layers": [["given", 0, 0]], "output_layers": [["last", 0, 0]]}
    with pytest.raises((UnknownLayerError, MissingExtraError), match="in a way that is not known here"):
        open_model(written(tmp_path / "model.h5", layers, {}, **ends))


def test_a_bilinear_resize_is_the_mean_of_neighbours(tmp_path: Path) -> None:
    call = make_layer("TFOpLambda", {"name": "resize", "function": "image.resize"}, "resize")
    arguments = call_arguments(call, {"size": [1, 2], "method": "bilinear", "antialias": False, "name": None})
    film = np.array([[1, 3, 5, 9], [1, 3, 5, 9]], np.float32)[None, ..., None]
    # The middle of each half of the row lies between its two cells.
    assert np.asarray(call(film, **arguments))[0, 0, :, 0] == pytest.approx([2, 7])


def test_the_layer_scale_of_convnext() -> None:
    layer = make_layer("LayerScale", {"name": "scale", "init_values": 0.5, "projection_dim": 2}, "scale")
    assert isinstance(layer, LayerScale)
    assert np.asarray(layer(np.array([[[[2.0, 6.0]]]], np.float32)))[0, 0, 0] == pytest.approx([1, 3])
    layer.set_weights([np.array([1, -1], np.float32)])
    assert np.asarray(layer(np.array([[[[2.0, 6.0]]]], np.float32)))[0, 0, 0] == pytest.approx([2, -6])


def test_the_bundle_says_the_logit_worked_by_hand(tmp_path: Path) -> None:
    import onnxruntime

    model = open_model(hard(tmp_path / "model.h5", "hard_sigmoid"))
    mapping = choose_mapping(units=1, activation=model.activation, positive="1", names=(), output=None)
    write_graph(model, named("zero_to_one"), mapping, tmp_path / "b" / "model.onnx")
    session = onnxruntime.InferenceSession(tmp_path / "b" / "model.onnx", providers=["CPUExecutionProvider"])
    (logit,) = session.run(["logit"], {"film": np.full((1, SIDE, SIDE, 1), 255, np.float32)})
    assert logit == pytest.approx([1.1], abs=1e-4)
