"""Small ONNX classifiers with channels first, as PyTorch writes them, and their answers worked out in NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np
from onnx import TensorProto, helper, numpy_helper

HEIGHT, WIDTH = 20, 24


class Net:
    """1x1 convolution, ReLU, mean over the picture, a matrix, and an activation.

    Args:
        units: How many numbers it gives.
        tail: Operations after the matrix.
        seed: Of its weights.
    """

    def __init__(self, units: int = 1, tail: str = "Sigmoid", seed: int = 0):
        random = np.random.default_rng(seed)
        self.units, self.tail = units, tail
        self.kernel = random.normal(0, 1, (5, 3)).astype(np.float32)
        self.matrix = random.normal(0, 2, (5, units)).astype(np.float32)
        self.bias = random.normal(0, 1, units).astype(np.float32)

    def logits(self, pictures: np.ndarray) -> np.ndarray:  # type: ignore[type-arg]
        """(N, H, W, 3) -> (N, K), before the activation, in double precision."""
        maps = np.maximum(pictures.astype(np.float64) @ self.kernel.T, 0)
        result: np.ndarray = maps.mean(axis=(1, 2)) @ self.matrix + self.bias  # type: ignore[type-arg]
        return result

    def graph(
        self, *, batch: Any = "N", opset: int = 17, kind: int = TensorProto.FLOAT, fixed: bool = False,
        names: dict[str, str] | None = None,
    ) -> Any:  # fmt: skip
        """The onnx ModelProto; with `fixed`, a Reshape inside holds for one picture alone."""
        arrays = {
            "kernel": self.kernel[:, :, None, None],
            "matrix": self.matrix,
            "film": self.bias,
            "one": np.ones(1, np.float32),
            "flat": np.array([1 if fixed else -1, 5], np.int64),
        }
        nodes = [
            helper.make_node("Cast", ["x"], ["real"], to=TensorProto.FLOAT),
            helper.make_node("Conv", ["real", "kernel"], ["maps"]),
            helper.make_node("Relu", ["maps"], ["rectified"]),
            helper.make_node("GlobalAveragePool", ["rectified"], ["pooled"]),
            helper.make_node("Reshape", ["pooled", "flat"], ["features"]),
            helper.make_node("Gemm", ["features", "matrix", "film"], ["z" if self.tail else "logit"]),
        ]
        if self.tail == "OneMinusSigmoid":
            nodes += [helper.make_node("Sigmoid", ["z"], ["s"]), helper.make_node("Sub", ["one", "s"], ["logit"])]
        elif self.tail == "Custom":
            nodes.append(helper.make_node("Custom", ["z"], ["logit"], domain="my.own"))
        elif self.tail:
            nodes.append(helper.make_node(self.tail, ["z"], ["logit"]))
        graph = helper.make_graph(
            nodes,
            "net",
            [helper.make_tensor_value_info("x", kind, [batch, 3, HEIGHT, WIDTH])],
            [helper.make_tensor_value_info("logit", TensorProto.FLOAT, [batch, self.units])],
            [numpy_helper.from_array(array, name) for name, array in arrays.items()],
        )
        imports = [helper.make_opsetid("", opset)] + [helper.make_opsetid("my.own", 1)] * (self.tail == "Custom")
        proto = helper.make_model(graph, opset_imports=imports, ir_version=8)
        helper.set_model_props(proto, names or {})
        return proto
