"""ONNX files of others: whatever their layout, batch, type and output, the bundle's logit is the one worked by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from foreign_graphs import HEIGHT, WIDTH, Net
from onnx import TensorProto

from lucency.errors import BundleError
from lucency.learning.importing import open_model, write_graph
from lucency.learning.input_convention import InputConvention, named
from lucency.learning.output_mapping import choose_mapping

FILMS = np.random.default_rng(1).integers(0, 256, (3, HEIGHT, WIDTH, 1)).astype(np.float32)


def imported(
    proto: Any,
    folder: Path,
    *,
    positive: str = "1",
    output: str | None = None,
    convention: InputConvention | None = None,
) -> np.ndarray:  # type: ignore[type-arg]
    """Logits (3,) of `FILMS` from the graph that the import wrote."""
    onnx.save(proto, folder / "net.onnx")
    model = open_model(folder / "net.onnx")
    mapping = choose_mapping(units=model.units, activation=model.activation, positive=positive, names=(), output=output)
    outputs, parity = write_graph(model, convention or named("zero_to_one"), mapping, folder / "out" / "model.onnx")
    assert parity.agrees
    session = onnxruntime.InferenceSession(folder / "out" / "model.onnx", providers=["CPUExecutionProvider"])
    assert [entry.name for entry in session.get_inputs()] == ["film"]
    assert session.get_inputs()[0].shape[1:] == [HEIGHT, WIDTH, 1]
    assert [entry.name for entry in session.get_outputs()] == list(outputs)
    if output == "probability":
        assert outputs == ("logit",)
    logits: np.ndarray = session.run(["logit"], {"film": FILMS})[0]  # type: ignore[type-arg]
    assert logits.shape == (3,)
    return logits


def grey(scale: float = 1 / 255, offset: Any = 0.0) -> np.ndarray:  # type: ignore[type-arg]
    return np.asarray(np.repeat(FILMS, 3, axis=3) * scale + np.asarray(offset))


@pytest.mark.parametrize(
    "how",
    [
        {},
        {"opset": 13},
        {"opset": 11},
        {"opset": 21},
        {"batch": 1},
        {"batch": 1, "fixed": True},
        {"kind": TensorProto.DOUBLE},
    ],
    ids=str,
)
def test_a_sigmoid(how: dict[str, Any], tmp_path: Path) -> None:
    expected = Net().logits(grey())[:, 0]
    assert imported(Net().graph(**how), tmp_path) == pytest.approx(expected, abs=1e-4)


def test_a_sigmoid_of_the_other_class(tmp_path: Path) -> None:
    assert imported(Net().graph(), tmp_path, positive="fractured=0") == pytest.approx(
        -Net().logits(grey())[:, 0], abs=1e-4
    )


def test_bytes_as_input(tmp_path: Path) -> None:
    got = imported(Net().graph(kind=TensorProto.UINT8), tmp_path, convention=named("unchanged"))
    assert got == pytest.approx(Net().logits(grey(1.0))[:, 0], rel=1e-4)


@pytest.mark.parametrize("fixed", [False, True])
@pytest.mark.parametrize("tail", ["Softmax", "LogSoftmax", ""])
def test_several_classes(tail: str, fixed: bool, tmp_path: Path) -> None:
    net = Net(4, tail)
    z = net.logits(grey())
    expected = np.logaddexp(z[:, 0], z[:, 2]) - np.logaddexp(z[:, 1], z[:, 3])
    got = imported(net.graph(batch=1 if fixed else "N", fixed=fixed), tmp_path, positive="fractured=0,2")
    assert got == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize("fixed", [False, True])
@pytest.mark.parametrize(("units", "tail", "positive"), [(1, "Sigmoid", (0,)), (2, "Softmax", (1,)), (4, "", (0, 2))])
def test_heat_map(units: int, tail: str, positive: tuple[int, ...], fixed: bool, tmp_path: Path) -> None:
    net = Net(units, tail)
    imported(
        net.graph(batch=1 if fixed else "N", fixed=fixed), tmp_path, positive=",".join(str(part) for part in positive)
    )
    session = onnxruntime.InferenceSession(tmp_path / "out" / "model.onnx", providers=["CPUExecutionProvider"])
    heatmap, embedding = session.run(["heatmap", "embedding"], {"film": FILMS})
    maps = np.maximum(grey() @ net.kernel.T, 0)
    assert embedding == pytest.approx(maps.mean(axis=(1, 2)), abs=1e-4)

    def logit(pooled: np.ndarray) -> np.ndarray:  # type: ignore[type-arg]
        z = pooled @ net.matrix.astype(np.float64) + net.bias
        if units == 1:
            return np.asarray(-z[:, 0])
        others = [index for index in range(units) if index not in positive]
        return np.asarray(np.logaddexp.reduce(z[:, list(positive)], axis=1) - np.logaddexp.reduce(z[:, others], axis=1))

    # The gradient by the mean of each channel, from differences.
    pooled, step = maps.mean(axis=(1, 2)), 1e-5
    gradient = np.stack(
        [(logit(pooled + step * unit) - logit(pooled - step * unit)) / (2 * step) for unit in np.eye(5)], axis=1
    )
    assert heatmap == pytest.approx((maps * gradient[:, None, None]).sum(axis=3), rel=1e-3, abs=1e-3)


def test_saturated_answers_keep_their_order(tmp_path: Path) -> None:
    net = Net(2, "Softmax")
    z = net.logits(grey(1.0))
    got = imported(net.graph(), tmp_path, convention=named("unchanged"))
    assert np.abs(got).min() > 40  # where float32 probabilities are 0 or 1 and tell nothing apart
    assert got == pytest.approx(z[:, 1] - z[:, 0], rel=1e-4)


def test_each_channel_has_its_own_mean(tmp_path: Path) -> None:
    got = imported(Net().graph(), tmp_path, convention=named("caffe"))
    assert got == pytest.approx(Net().logits(grey(1.0, (-103.939, -116.779, -123.68)))[:, 0], rel=1e-4)


def test_probabilities_that_show_no_logit(tmp_path: Path) -> None:
    net = Net(1, "OneMinusSigmoid")
    with pytest.raises(BundleError, match="--output"):
        imported(net.graph(), tmp_path)
    expected = np.clip(-net.logits(grey())[:, 0], -16.118, 16.118)
    assert imported(net.graph(), tmp_path, output="probability") == pytest.approx(expected, abs=1e-2)


def test_logits_called_probabilities_are_found_out(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="no probabilities"):
        imported(Net(1, "").graph(), tmp_path, output="probability", convention=named("unchanged"))


def test_class_names_of_the_file(tmp_path: Path) -> None:
    onnx.save(Net().graph(names={"names": "{0: 'whole', 1: 'broken'}"}), tmp_path / "net.onnx")
    assert open_model(tmp_path / "net.onnx").names == ("whole", "broken")


@pytest.mark.parametrize(
    ("proto", "words"),
    [
        (Net(1, "Custom").graph(), "custom operations.*my.own.Custom"),
        (Net().graph(batch=4, fixed=False), "exactly 4 films"),
    ],
)
def test_graphs_that_cannot_be_used(proto: Any, words: str, tmp_path: Path) -> None:
    with pytest.raises(BundleError, match=words):
        imported(proto, tmp_path)


def test_weights_in_another_file(tmp_path: Path) -> None:
    onnx.save(Net().graph(), tmp_path / "net.onnx", save_as_external_data=True, location="net.data", size_threshold=0)
    assert open_model(tmp_path / "net.onnx").units == 1
    (tmp_path / "net.data").unlink()
    with pytest.raises(BundleError, match=r"net\.data"):
        open_model(tmp_path / "net.onnx")


def test_a_bundle_that_says_something_else_is_refused(tmp_path: Path) -> None:
    onnx.save(Net().graph(), tmp_path / "net.onnx")
    model = open_model(tmp_path / "net.onnx")
    mapping = choose_mapping(units=1, activation="sigmoid", positive="1", names=(), output=None)
    answer = model.answer
    object.__setattr__(model, "answer", lambda films: answer(films) * 0.999)
    with pytest.raises(BundleError, match="does not say what"):
        write_graph(model, named("zero_to_one"), mapping, tmp_path / "out" / "model.onnx")
    assert not (tmp_path / "out").exists()
