from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from lucency.errors import BundleError, MissingExtraError
from lucency.learning.shuffled_weights import WeightShuffler

RANDOM = np.random.default_rng(5)
ARRAYS: dict[str, Any] = {
    "scale": np.array([1.0, 2.0, 3.0], np.float32).reshape(1, 3, 1, 1),
    "first": RANDOM.normal(size=(4, 3, 3, 3)).astype(np.float32),
    "first bias": RANDOM.normal(size=4).astype(np.float32),
    "gain": np.array([1, 2, 3, 4], np.float32),
    "offset": np.array([0, 1, 0, 1], np.float32),
    "mean": np.array([0, 1, 2, 3], np.float32),
    "variance": np.array([0.01, 1, 10, 0.1], np.float32),
    "head": RANDOM.normal(size=(4, 1)).astype(np.float32),
    "head bias": np.array([0.5], np.float32),
    "shape": np.array([-1, 4], np.int64),
}
ARRAYS["head again"] = ARRAYS["head"].T.copy()


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """Convolution, batch normalisation, mean, head; the head's weights stand in it twice, as for a heat map."""
    node = helper.make_node
    middle = helper.make_tensor("value", TensorProto.FLOAT, (4, 4, 1, 1), np.linspace(-1, 1, 16))
    nodes = [
        node("Mul", ["x", "scale"], ["scaled"]),
        node("Conv", ["scaled", "first", "first bias"], ["a"]),
        node("BatchNormalization", ["a", "gain", "offset", "mean", "variance"], ["b"]),
        node("Relu", ["b"], ["c"]),
        node("Constant", [], ["middle"], value=middle),
        node("Conv", ["c", "middle"], ["maps"]),
        node("GlobalAveragePool", ["maps"], ["pooled"]),
        node("Reshape", ["pooled", "shape"], ["features"]),
        node("Gemm", ["features", "head", "head bias"], ["y"]),
        node("Transpose", ["head again"], ["turned"], perm=[1, 0]),
        node("Transpose", ["maps"], ["last"], perm=[0, 2, 3, 1]),
        node("MatMul", ["last", "turned"], ["heat"]),
    ]
    graph = helper.make_graph(
        nodes,
        "net",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 3, 6, 6])],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in ("y", "heat")],
        [numpy_helper.from_array(array, name) for name, array in ARRAYS.items()],
    )
    path = tmp_path / "model.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    return path


def weights(content: bytes) -> dict[str, Any]:
    proto = onnx.load_from_string(content)
    found = {tensor.name: numpy_helper.to_array(tensor) for tensor in proto.graph.initializer}
    constant = next(node for node in proto.graph.node if node.op_type == "Constant")
    return found | {"middle": numpy_helper.to_array(constant.attribute[0].t)}


def answers(content: bytes) -> tuple[Any, Any]:
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    films = np.random.default_rng(0).normal(size=(2, 3, 6, 6)).astype(np.float32)
    y, heat = session.run(None, {"x": films})
    return y, heat


def changed(content: bytes) -> set[str]:
    before = ARRAYS | {"middle": np.linspace(-1, 1, 16, dtype=np.float32).reshape(4, 4, 1, 1)}
    return {name for name, values in weights(content).items() if not np.array_equal(values, before[name])}


def test_weights_are_shuffled_from_the_head_down(model: Path) -> None:
    shuffler = WeightShuffler(model)
    assert shuffler.count == 3
    assert changed(shuffler.shuffled(1, seed=0)) == {"head", "head again"}
    assert changed(shuffler.shuffled(2, seed=0)) == {"head", "head again", "middle"}
    assert changed(shuffler.shuffled(3, seed=0)) == {"head", "head again", "middle", "first"}


def test_values_stay_within_their_tensor(model: Path) -> None:
    found = weights(WeightShuffler(model).shuffled(3, seed=1))
    for name in ("first", "head"):
        assert found[name].shape == ARRAYS[name].shape
        assert sorted(found[name].ravel()) == sorted(ARRAYS[name].ravel())


def test_the_map_of_a_shuffled_head_still_belongs_to_its_logit(model: Path) -> None:
    y, heat = answers(WeightShuffler(model).shuffled(3, seed=2))
    assert np.isfinite(heat).all()
    assert heat.mean(axis=(1, 2)) + 0.5 == pytest.approx(y, rel=1e-4, abs=1e-4)
    assert not np.allclose(heat, answers(model.read_bytes())[1])


def test_a_seed_gives_one_answer_and_the_graph_comes_back_whole(model: Path) -> None:
    shuffler = WeightShuffler(model)
    first = shuffler.shuffled(3, seed=3)
    assert weights(shuffler.shuffled(1, seed=3))["head"] == pytest.approx(weights(first)["head"])
    assert changed(shuffler.shuffled(1, seed=3)) == {"head", "head again"}
    assert shuffler.shuffled(3, seed=3) == first
    assert shuffler.shuffled(3, seed=4) != first
    assert WeightShuffler(model).shuffled(3, seed=3) == first


def test_two_values_change_their_places(tmp_path: Path) -> None:
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "w"], ["y"])],
        "net",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 2])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(np.array([[1.0], [2.0]], np.float32), "w")],
    )
    onnx.save(helper.make_model(graph), tmp_path / "m.onnx")
    shuffler = WeightShuffler(tmp_path / "m.onnx")
    for seed in range(8):
        (tensor,) = onnx.load_from_string(shuffler.shuffled(1, seed=seed)).graph.initializer
        assert numpy_helper.to_array(tensor).ravel().tolist() == [2, 1]


def test_a_matrix_and_its_transpose_are_shuffled_alike(tmp_path: Path) -> None:
    # The gradient through a hidden layer: forward by a matrix, back by its transpose.
    matrix = np.arange(12, dtype=np.float32).reshape(3, 4)
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "w"], ["hidden"]), helper.make_node("MatMul", ["hidden", "back"], ["y"])],
        "net",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 3])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(matrix, "w"), numpy_helper.from_array(matrix.T.copy(), "back")],
    )
    onnx.save(helper.make_model(graph), tmp_path / "m.onnx")
    shuffler = WeightShuffler(tmp_path / "m.onnx")
    assert shuffler.count == 1
    forward, back = map(numpy_helper.to_array, onnx.load_from_string(shuffler.shuffled(1, seed=0)).graph.initializer)
    assert (back == forward.T).all()
    assert (forward != matrix).any()


def test_a_graph_without_weights_is_one_clear_line(tmp_path: Path) -> None:
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "w"], ["y"])],
        "net",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 3])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(np.ones((3, 1), np.float32), "w")],
    )
    onnx.save(helper.make_model(graph), tmp_path / "m.onnx")
    with pytest.raises(BundleError, match="no weights"):
        WeightShuffler(tmp_path / "m.onnx")
    (tmp_path / "bad.onnx").write_bytes(b"no graph at all")
    with pytest.raises(BundleError) as caught:
        WeightShuffler(tmp_path / "bad.onnx")
    assert "\n" not in str(caught.value)


def test_out_of_range(model: Path) -> None:
    shuffler = WeightShuffler(model)
    for kernels in (0, 4):
        with pytest.raises(ValueError, match="from 1 to 3"):
            shuffler.shuffled(kernels, seed=0)


def test_without_onnx_the_extra_is_named(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(MissingExtraError, match="Shuffling the weights of a model needs onnx"):
        WeightShuffler(model)
