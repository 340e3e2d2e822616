"""A bundle whose every answer is known: the mean grey of a film is its logit, and the grey of parts its heat map."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from onnx import TensorProto, helper

from lucency.bundle import Bundle, Card, write_bundle
from lucency.decision import OperatingPoint
from lucency.imaging.geometry import InputSpec

SIDE, CELL, MIDDLE, STEP = 64, 16, 128.0, 20.0

POINTS = (OperatingPoint("screening", 0.3, 0.9, 0.7), OperatingPoint("confirm", 0.8, 0.6, 0.95))

SCORES = {
    "split": "val",
    "films": 80,
    "edges": [0.0, 0.25, 0.5, 0.75, 1.0],
    "fractured": [2, 5, 12, 18],
    "not_fractured": [28, 10, 3, 2],
}


def small_bundle(folder: Path, *, name: str = "bright", middle: float = MIDDLE, **card: Any) -> Bundle:
    """Logit: (mean grey - middle) / 20; heat map: the same of each of 4 x 4 cells, so that its mean is the logit."""
    nodes = [
        helper.make_node("Sub", ["film", "middle"], ["above"]),
        helper.make_node("Div", ["above", "step"], ["scaled"]),
        helper.make_node("Transpose", ["scaled"], ["planes"], perm=[0, 3, 1, 2]),
        helper.make_node("AveragePool", ["planes"], ["cells"], kernel_shape=[CELL, CELL], strides=[CELL, CELL]),
        helper.make_node("Squeeze", ["cells", "plane"], ["heatmap"]),
        helper.make_node("ReduceMean", ["heatmap"], ["logit"], axes=[1, 2], keepdims=0),
    ]
    cells = SIDE // CELL
    graph = helper.make_graph(
        nodes,
        "bright",
        [helper.make_tensor_value_info("film", TensorProto.FLOAT, ["n", SIDE, SIDE, 1])],
        [
            helper.make_tensor_value_info("logit", TensorProto.FLOAT, ["n"]),
            helper.make_tensor_value_info("heatmap", TensorProto.FLOAT, ["n", cells, cells]),
        ],
        [
            helper.make_tensor("middle", TensorProto.FLOAT, [], [middle]),
            helper.make_tensor("step", TensorProto.FLOAT, [], [STEP]),
            helper.make_tensor("plane", TensorProto.INT64, [1], [1]),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)])
    model.ir_version = 8
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "model.onnx").write_bytes(model.SerializeToString())
    given = {
        "outputs": ("logit", "heatmap"),
        "operating_points": POINTS,
        "default_operating_point": "screening",
        "scores": SCORES,
        **card,
    }
    return write_bundle(folder, Card(name, InputSpec(SIDE, SIDE), "", **given))
