"""The heat map of an ONNX graph whose end is known: a mean over the last map, and one matrix to the units."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from lucency.learning.graph_surgery import PREFIX, CoreGraph
from lucency.learning.output_mapping import OutputMapping

_PASSING = frozenset(["Identity", "Reshape", "Flatten", "Squeeze", "Dropout"])
_EXTRAS = ("heatmap", "embedding")


@dataclass(frozen=True)
class LinearHead:
    """What stands between the last map and the units.

    Attributes:
        map: Name of the map.
        channel_axis: 1 for (N, C, h, w), 3 for (N, h, w, C).
        matrix: float32 (C, K).
    """

    map: str
    channel_axis: int
    matrix: npt.NDArray[np.float32]


def find_linear_head(graph: Any, units: str) -> LinearHead | None:
    """The head of a graph, where it is a mean over a map and one matrix; None where it is anything else.

    Args:
        graph: onnx GraphProto.
        units: Name of the tensor with the units before their activation.
    """
    makers = {name: node for node in graph.node for name in node.output}
    constants = _constants(graph)
    taken = set(makers) | {value.name for value in graph.input} | {entry.name for entry in graph.initializer}
    if taken & set(_EXTRAS):
        return None
    node = _behind(makers, units)
    if node is not None and node.op_type == "Add":
        # A bias changes no gradient.
        rest = [name for name in node.input if name not in constants]
        node = _behind(makers, rest[0]) if len(rest) == 1 else None
    if node is None or node.op_type not in ("Gemm", "MatMul") or node.input[1] not in constants:
        return None
    found = _attributes(node)
    matrix = constants[node.input[1]].astype(np.float32)
    if found.get("transA") or found.get("alpha", 1.0) != 1.0 or matrix.ndim != 2:
        return None
    matrix = matrix.T if found.get("transB") else matrix
    pool = _behind(makers, node.input[0])
    axis = None if pool is None else _pooled_channel_axis(pool, constants)
    if pool is None or axis is None:
        return None
    return LinearHead(pool.input[0], axis, matrix)


def with_heatmap(core: CoreGraph, head: LinearHead, mapping: OutputMapping) -> CoreGraph:
    """The same graph with a heat map and an embedding among its outputs.

    The map is that of Zhou et al. 2016 ("Learning Deep Features for Discriminative Localization"), which for such a
    head is the gradient of the logit times the map: its mean plus a constant is the logit, where the logit is linear.

    Args:
        core: The graph; `units` are before their activation.
        head: What `find_linear_head` found in it.
        mapping: How the units become a logit.
    """
    from onnx import helper, numpy_helper

    proto = copy.deepcopy(core.proto)
    nodes, constants = proto.graph.node, proto.graph.initializer

    def node(kind: str, inputs: Sequence[str], output: str = "", **attributes: Any) -> str:
        name = output or f"{PREFIX}head_{len(nodes)}"
        nodes.append(helper.make_node(kind, list(inputs), [name], name=f"{PREFIX}{name}", **attributes))
        return name

    def constant(value: Any, dtype: Any = np.float32) -> str:
        name = f"{PREFIX}head_constant_{len(constants)}"
        constants.append(numpy_helper.from_array(np.ascontiguousarray(value, dtype=dtype), name))
        return name

    if mapping.units == 1 or mapping.independent:
        chosen = head.matrix[:, 0] * mapping.sign if mapping.units == 1 else head.matrix[:, mapping.positive[0]]
        weights = constant(chosen.reshape((1, -1, 1, 1) if head.channel_axis == 1 else (1, 1, 1, -1)))
    else:
        units = node("Flatten", [core.units], axis=1)
        sides = []
        for classes in (mapping.positive, mapping.negative):
            share = node("Softmax", [node("Gather", [units, constant(classes, np.int64)], axis=1)], axis=1)
            sides.append(node("MatMul", [share, constant(head.matrix[:, list(classes)].T)]))
        spatial = constant([2, 3] if head.channel_axis == 1 else [1, 2], np.int64)
        weights = node("Unsqueeze", [node("Sub", sides), spatial])
    weighted = node("Mul", [head.map, weights])
    node("ReduceSum", [weighted, constant([head.channel_axis], np.int64)], output="heatmap", keepdims=0)
    if head.channel_axis == 1:
        node("Flatten", [node("GlobalAveragePool", [head.map])], output="embedding", axis=1)
    else:
        channels_first = node("Transpose", [head.map], perm=[0, 3, 1, 2])
        node("Flatten", [node("GlobalAveragePool", [channels_first])], output="embedding", axis=1)
    return replace(core, proto=proto, extras=_EXTRAS)


def can_have_heatmap(head: LinearHead | None, mapping: OutputMapping) -> bool:
    """Whether a mapping is one that a heat map can be made for."""
    return head is not None and mapping.form == "logit" and not (mapping.independent and len(mapping.positive) > 1)


def _behind(makers: dict[str, Any], name: str) -> Any:
    node = makers.get(name)
    while node is not None and node.op_type in _PASSING:
        node = makers.get(node.input[0])
    return node


def _pooled_channel_axis(pool: Any, constants: dict[str, npt.NDArray[Any]]) -> int | None:
    if pool.op_type == "GlobalAveragePool":
        return 1
    if pool.op_type != "ReduceMean":
        return None
    listed = _attributes(pool).get("axes")
    if listed is None and len(pool.input) > 1 and pool.input[1] in constants:
        listed = constants[pool.input[1]].tolist()
    axes = sorted(axis % 4 for axis in listed or [])
    return {(2, 3): 1, (1, 2): 3}.get(tuple(axes))


def _attributes(node: Any) -> dict[str, Any]:
    from onnx import helper

    return {entry.name: helper.get_attribute_value(entry) for entry in node.attribute}


def _constants(graph: Any) -> dict[str, npt.NDArray[Any]]:
    from onnx import numpy_helper

    found = {entry.name: numpy_helper.to_array(entry) for entry in graph.initializer if len(entry.dims) <= 2}
    for node in graph.node:
        if node.op_type == "Constant" and "value" in _attributes(node):
            found[node.output[0]] = numpy_helper.to_array(_attributes(node)["value"])
    return found
