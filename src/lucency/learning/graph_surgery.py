"""ONNX graphs: what stands before the last activation, and the input and output of a bundle laid around a model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np

from lucency.errors import BundleError
from lucency.learning.input_convention import InputConvention
from lucency.learning.output_mapping import LARGEST_LOGIT, SMALLEST_PROBABILITY, Activation, OutputMapping

SMALLEST_OPSET = 13
PREFIX = "lucency/"
_OWN = "model/"

_PASSING = frozenset(
    ["Identity", "Reshape", "Flatten", "Squeeze", "Unsqueeze", "Cast", "Dropout", "QuantizeLinear", "DequantizeLinear"]
)
_WEIGHTED_SUMS = frozenset(["Gemm", "MatMul", "MatMulInteger", "Conv", "BatchNormalization"])
_MEANS = frozenset(["Add", "GlobalAveragePool", "ReduceMean", "AveragePool"])


@dataclass
class CoreGraph:
    """A model as ONNX, from its own input convention to its units.

    Attributes:
        proto: The graph; of one input and at least one output.
        input: Name of the input, float32 of rank 4.
        layout: "channels_last" is (N, H, W, C), "channels_first" is (N, C, H, W).
        units: Name of the tensor from which the logit is made, (N, K) when flattened.
        extras: Further outputs that are carried over: "heatmap", "embedding".
        one_by_one: The graph takes one film at a time.
    """

    proto: Any
    input: str
    layout: Literal["channels_last", "channels_first"]
    units: str
    extras: tuple[str, ...] = ()
    one_by_one: bool = False


def last_activation(graph: Any, output: str) -> tuple[Activation, str]:
    """The last activation of a graph, and the tensor that enters it.

    Args:
        graph: onnx GraphProto.
        output: Name of the output.

    Returns:
        The activation, and the name of the tensor before it; "unknown" and the output itself where neither a sigmoid,
        nor a softmax, nor a plain sum gives the output.
    """
    makers = {name: node for node in graph.node for name in node.output}
    name = output
    while (node := makers.get(name)) is not None and node.op_type in _PASSING:
        name = node.input[0]
    if node is None:
        return "unknown", output
    if node.op_type == "Sigmoid":
        return "sigmoid", node.input[0]
    if node.op_type == "Softmax":
        return "softmax", node.input[0]
    if node.op_type == "LogSoftmax":
        # Logarithms of probabilities are logits of a softmax as they stand.
        return "linear", output
    return ("linear", output) if _is_linear(node, makers) else ("unknown", output)


def _is_linear(node: Any, makers: dict[str, Any]) -> bool:
    if node.op_type in _WEIGHTED_SUMS:
        return True
    # Means and biases of weighted sums only: one minus a sigmoid, written out, must not pass for a logit.
    made = [makers[name] for name in node.input if name in makers and makers[name].op_type != "Constant"]
    return node.op_type in _MEANS | _PASSING and bool(made) and all(_is_linear(one, makers) for one in made)


def compose(
    core: CoreGraph, convention: InputConvention, mapping: OutputMapping, *, size: tuple[int, int], channels: int
) -> Any:
    """Lays the input and the output of a bundle around a model.

    Args:
        core: The model.
        convention: How films are scaled.
        mapping: How the units become a logit; its `form` says what `core.units` holds.
        size: Height and width of the input.
        channels: 1 or 3: how many equal channels the model is given.

    Returns:
        onnx ModelProto: `film` float32 (N, H, W, 1), grey 0..255 -> `logit` (N,) and the core's extras.
    """
    from onnx import TensorProto, helper
    from onnx.compose import add_prefix

    # The names of the model's own tensors may be those of a bundle.
    core = replace(
        core,
        proto=add_prefix(core.proto, _OWN),
        input=_OWN + core.input,
        units=_OWN + core.units,
    )
    builder = _Builder()
    scale, offset = convention.of_channels(channels)
    # Grey times one number a channel repeats the channel at once.
    x = builder.node("Add", [builder.node("Mul", ["film", builder.constant(scale)]), builder.constant(offset)])
    if core.layout == "channels_first":
        x = builder.node("Transpose", [x], perm=[0, 3, 1, 2])
    outputs = [core.units, *(_OWN + name for name in core.extras)]
    if core.one_by_one:
        made = _scan(core, builder, x, outputs)
    else:
        builder.node("Identity", [x], output=core.input)
        builder.nodes += list(core.proto.graph.node)
        builder.initializers += list(core.proto.graph.initializer)
        made = outputs
    units = builder.node("Flatten", [builder.node("Cast", [made[0]], to=TensorProto.FLOAT)], axis=1)
    _logit(builder, units, mapping, _opset(core.proto))
    for name, tensor in zip(core.extras, made[1:], strict=True):
        builder.node("Identity", [tensor], output=name)
    ranks = {"heatmap": ["N", "h", "w"], "embedding": ["N", "channels"]}
    graph = helper.make_graph(
        builder.nodes,
        "lucency",
        [helper.make_tensor_value_info("film", TensorProto.FLOAT, ["N", *size, 1])],
        [
            helper.make_tensor_value_info("logit", TensorProto.FLOAT, ["N"]),
            *(helper.make_tensor_value_info(name, TensorProto.FLOAT, ranks[name]) for name in core.extras),
        ],
        builder.initializers,
    )
    graph.sparse_initializer.extend(core.proto.graph.sparse_initializer if not core.one_by_one else [])
    model = helper.make_model(graph, opset_imports=list(core.proto.opset_import), producer_name="lucency")
    # What ONNX Runtime reads lags behind what the onnx package writes.
    model.ir_version = min(core.proto.ir_version or 8, 10)
    return model


@dataclass
class _Builder:
    nodes: list[Any] = field(default_factory=list)
    initializers: list[Any] = field(default_factory=list)
    prefix: str = PREFIX

    def node(self, kind: str, inputs: Sequence[str], *, output: str | None = None, **attributes: Any) -> str:
        from onnx import helper

        name = f"{self.prefix}{kind.lower()}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, list(inputs), [output or name], name=name, **attributes))
        return output or name

    def constant(self, value: Any, dtype: Any = np.float32) -> str:
        from onnx import numpy_helper

        name = f"{self.prefix}constant_{len(self.initializers)}"
        self.initializers.append(numpy_helper.from_array(np.ascontiguousarray(value, dtype=dtype), name))
        return name


def _logit(builder: _Builder, units: str, mapping: OutputMapping, opset: int) -> None:
    count, form = mapping.units, mapping.form

    def pick(classes: Sequence[int]) -> str:
        return builder.node("Gather", [units, builder.constant(classes, np.int64)], axis=1)

    def reduce(kind: str, values: str) -> str:
        if opset >= 18:
            return builder.node(kind, [values, builder.constant([1], np.int64)], keepdims=1)
        return builder.node(kind, [values], axes=[1], keepdims=1)

    def largest(values: str) -> str:
        return reduce("ReduceMax", values)

    def total(values: str, width: int) -> str:
        return builder.node("MatMul", [values, builder.constant(np.ones((width, 1)))])

    def log_sum_exp(values: str, width: int) -> str:
        if width == 1:
            return values
        top = largest(values)
        powers = builder.node("Exp", [builder.node("Sub", [values, top])])
        return builder.node("Add", [top, builder.node("Log", [total(powers, width)])])

    def clipped_log(values: str) -> str:
        low, high = builder.constant(SMALLEST_PROBABILITY), builder.constant(1.0)
        return builder.node("Log", [builder.node("Clip", [values, low, high])])

    if count == 1 or mapping.independent:
        value = units if count == 1 else largest(pick(mapping.positive))
        if form == "probability":
            value = builder.node(
                "Clip", [value, builder.constant(SMALLEST_PROBABILITY), builder.constant(1 - SMALLEST_PROBABILITY)]
            )
            rest = builder.node("Sub", [builder.constant(1.0), value])
            value = builder.node("Sub", [builder.node("Log", [value]), builder.node("Log", [rest])])
        if count == 1 and mapping.sign < 0:
            value = builder.node("Neg", [value])
    else:
        parts = []
        for classes in (mapping.positive, mapping.negative):
            chosen, width = pick(classes), len(classes)
            if form == "logit":
                parts.append(log_sum_exp(chosen, width))
            else:
                parts.append(clipped_log(total(chosen, width)))
        value = builder.node("Sub", parts)
    low, high = builder.constant(-LARGEST_LOGIT), builder.constant(LARGEST_LOGIT)
    clipped = builder.node("Clip", [value, low, high])
    builder.node("Reshape", [clipped, builder.constant([-1], np.int64)], output="logit")


def _scan(core: CoreGraph, builder: _Builder, films: str, outputs: Sequence[str]) -> list[str]:
    """The model as the body of a loop over films, for graphs that take one at a time."""
    from onnx import TensorProto, helper

    body = _Builder(prefix=f"{PREFIX}body_")
    first = body.constant([0], np.int64)
    body.node("Unsqueeze", [f"{PREFIX}film", first], output=core.input)
    body.nodes += list(core.proto.graph.node)
    body.initializers += list(core.proto.graph.initializer)
    results = [body.node("Cast", [name], to=TensorProto.FLOAT) for name in outputs]
    results = [body.node("Flatten", [result], axis=1) for result in results[:1]] + results[1:]
    results = [body.node("Squeeze", [result, first]) for result in results]
    graph = helper.make_graph(
        body.nodes,
        "film_by_film",
        [helper.make_tensor_value_info(f"{PREFIX}film", TensorProto.FLOAT, None)],
        [helper.make_tensor_value_info(result, TensorProto.FLOAT, None) for result in results],
        body.initializers,
    )
    made = [f"{PREFIX}scanned_{index}" for index in range(len(results))]
    builder.nodes.append(helper.make_node("Scan", [films], made, name=f"{PREFIX}scan", body=graph, num_scan_inputs=1))
    return made


def _opset(proto: Any) -> int:
    return max((entry.version for entry in proto.opset_import if entry.domain in ("", "ai.onnx")), default=0)


def at_least_opset(proto: Any, where: Any) -> Any:
    """The same graph in an opset that `compose` can extend.

    Raises:
        BundleError: It is older and cannot be converted.
    """
    if _opset(proto) >= SMALLEST_OPSET:
        return proto
    from onnx import version_converter

    try:
        return version_converter.convert_version(proto, SMALLEST_OPSET)
    except Exception as error:  # The converter raises bare RuntimeErrors of its C++ part.
        reason = str(error).strip().splitlines()[0][:120]
        raise BundleError(
            f"has opset {_opset(proto)}, which cannot be brought to {SMALLEST_OPSET} ({reason})",
            where=where,
            hint=f"Export it again with opset {SMALLEST_OPSET} or later",
        ) from None
