"""Opens ONNX files of others."""

from __future__ import annotations

import ast
import copy
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from lucency.errors import BundleError
from lucency.learning.foreign_file import ForeignFile
from lucency.learning.foreign_model import FilmArray, ForeignModel, InputShape, agree, flat_units, one_of
from lucency.learning.graph_heads import can_have_heatmap, find_linear_head, with_heatmap
from lucency.learning.graph_surgery import PREFIX, CoreGraph, at_least_opset, last_activation
from lucency.learning.output_mapping import OutputMapping

_KNOWN_DOMAINS = ("", "ai.onnx", "com.microsoft")


def open_onnx(file: ForeignFile, wanted: InputShape) -> ForeignModel:
    """Opens an ONNX file.

    Raises:
        BundleError: It needs weights that are not there, operations that nobody here knows, or is no film classifier.
    """
    proto = _load(file.path)
    graph = proto.graph
    stored = {tensor.name for tensor in graph.initializer}
    name = one_of([value.name for value in graph.input if value.name not in stored], "input", file.path)
    output = one_of([value.name for value in graph.output], "output", file.path)
    layout, own = _layout(proto, name, file.path)
    shape = agree(wanted, own, file.path)
    original = _session(proto, file.path)
    value = next(value for value in graph.input if value.name == name)
    core_input = _cast_input(proto, value)
    size = (shape.height, shape.width, shape.channels)
    one_by_one = not _takes_batches(proto, core_input, output, layout, size, file.path)
    activation, before = last_activation(graph, output)
    kind = original.get_inputs()[0].type
    batch = _dimensions(value)[0]
    if batch not in (None, 1):
        raise BundleError(
            f"takes exactly {batch} films at a time",
            where=file.path,
            hint="Export it with a batch of 1, or of any size (dynamic_axes in torch.onnx.export)",
        )
    single = one_by_one or batch == 1

    def answer(films: FilmArray) -> FilmArray:
        batches = films[:, None] if single else films[None]
        given = [_arrange(batch, layout, kind) for batch in batches]
        return np.concatenate([flat_units(original.run([output], {name: batch})[0], file.path) for batch in given])

    units = answer(np.zeros((1, *size), np.float32)).shape[1]  # type: ignore[arg-type]
    metadata = {entry.key: entry.value for entry in proto.metadata_props}

    base = CoreGraph(proto, core_input, layout, before, one_by_one=one_by_one)
    return ForeignModel(
        file, shape, units, activation, answer, cores(base, output),
        names=_class_names(metadata.get("names", "")),
        exact=not any(node.op_type in ("QuantizeLinear", "DynamicQuantizeLinear") for node in graph.node),
        witness="ONNX Runtime on the file itself",
        heatmap=why_no_heatmap(base),
        notes=("it takes one film at a time",) if one_by_one else (),
    )  # fmt: skip


def graph_core(proto: Any, name: str, output: str, size: tuple[int, int, int], where: Path) -> tuple[CoreGraph, Any]:
    """A channels-last graph that a converter made, ready for `compose`, and its last activation.

    Args:
        proto: onnx ModelProto with a float32 input.
        name: Its input.
        output: Its output.
        size: Height, width and channels.
        where: The model file, for an error.
    """
    one_by_one = not _takes_batches(proto, name, output, "channels_last", size, where)
    activation, before = last_activation(proto.graph, output)
    return CoreGraph(proto, name, "channels_last", before, one_by_one=one_by_one), activation


def cores(base: CoreGraph, output: str) -> Callable[[OutputMapping], CoreGraph]:
    """What gives the graph for a mapping: with a heat map where its end is known.

    Args:
        base: The graph; its `units` are before the last activation.
        output: Its output after that.
    """
    head = find_linear_head(base.proto.graph, base.units)

    def core(mapping: OutputMapping) -> CoreGraph:
        if mapping.form == "probability":
            return replace(base, units=output)
        return with_heatmap(base, head, mapping) if head and can_have_heatmap(head, mapping) else base

    return core


def why_no_heatmap(base: CoreGraph) -> str | None:
    """Why a graph has no heat map, or None where it has one."""
    if find_linear_head(base.proto.graph, base.units) is not None:
        return None
    return "the end of the graph is not a mean over a map and one matrix"


def _load(path: Path) -> Any:
    import onnx

    try:
        proto = onnx.load(path)
    except (OSError, ValueError, onnx.checker.ValidationError) as error:
        listed = onnx.load(path, load_external_data=False)
        files = {
            entry.value
            for tensor in listed.graph.initializer
            for entry in tensor.external_data
            if entry.key == "location"
        }
        raise BundleError(
            f"its weights lie in another file, which cannot be read: {', '.join(sorted(files)) or error}",
            where=path,
            hint="Put that file beside it, or export with the weights inside (external_data=False)",
        ) from None
    local = {function.domain for function in proto.functions}
    unknown = sorted(
        {f"{node.domain}.{node.op_type}" for node in proto.graph.node if node.domain not in (*_KNOWN_DOMAINS, *local)}
    )
    if unknown:
        raise BundleError(
            f"needs custom operations that ONNX Runtime does not have: {', '.join(unknown[:5])}",
            where=path,
            hint="Export it with operations of ONNX alone",
        )
    if proto.functions:
        from onnx import inliner

        proto = inliner.inline_local_functions(proto)
    return at_least_opset(proto, path)


def _session(proto: Any, where: Path) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    proto = copy.deepcopy(proto)
    proto.ir_version = min(proto.ir_version or 8, 10)
    try:
        return onnxruntime.InferenceSession(proto.SerializeToString(), options, providers=["CPUExecutionProvider"])
    except ValueError:
        raise BundleError("is over 2 GB, which is more than one ONNX file holds", where=where) from None
    except Exception as error:  # ONNX Runtime raises its own unrelated classes.
        reason = str(error).strip().splitlines()[0][:200]
        raise BundleError(f"ONNX Runtime cannot open it ({reason})", where=where) from None


def _dimensions(value: Any) -> list[int | None]:
    return [
        dim.dim_value if dim.HasField("dim_value") and dim.dim_value > 0 else None
        for dim in value.type.tensor_type.shape.dim
    ]


def _layout(proto: Any, name: str, where: Path) -> tuple[Any, InputShape]:
    value = next(value for value in proto.graph.input if value.name == name)
    sides = _dimensions(value)
    if len(sides) != 4:
        raise BundleError(
            f"takes an array of {len(sides)} dimensions; a picture has 4 (batch, height, width, channels)",
            where=where,
            hint="Only classifiers of pictures can be imported",
        )
    first, last = sides[1] in (1, 3), sides[3] in (1, 3)
    if first == last:
        first = _first_conv_takes(proto.graph, name)
    _, one, two, three = sides
    if first:
        return "channels_first", InputShape(two, three, one)
    return "channels_last", InputShape(one, two, three)


def _first_conv_takes(graph: Any, name: str) -> bool:
    """Whether the input goes to a convolution, which in ONNX takes channels first, without being transposed."""
    readers: dict[str, list[Any]] = {}
    for node in graph.node:
        for entering in node.input:
            readers.setdefault(entering, []).append(node)
    for _ in range(12):
        after = readers.get(name, [])
        if not after:
            return False
        if after[0].op_type in ("Conv", "BatchNormalization"):
            return True
        if after[0].op_type == "Transpose":
            return False
        name = after[0].output[0]
    return False


def _cast_input(proto: Any, value: Any) -> str:
    """Gives a graph a float32 input where it takes another type; returns the name of that input."""
    from onnx import TensorProto, helper

    kind = value.type.tensor_type.elem_type
    if kind == TensorProto.FLOAT:
        return str(value.name)
    name, given = value.name, f"{PREFIX}input"
    nodes = [helper.make_node("Cast", [given], [name], name=f"{PREFIX}cast_input", to=kind)]
    if kind not in (TensorProto.FLOAT16, TensorProto.DOUBLE, TensorProto.BFLOAT16):
        nodes[0].input[0] = f"{PREFIX}rounded"
        nodes.insert(0, helper.make_node("Round", [given], [f"{PREFIX}rounded"], name=f"{PREFIX}round_input"))
    kept = list(proto.graph.node)
    del proto.graph.node[:]
    proto.graph.node.extend([*nodes, *kept])
    value.name = given
    value.type.tensor_type.elem_type = TensorProto.FLOAT
    return given


def _arrange(films: FilmArray, layout: str, kind: str) -> Any:
    given = films.transpose(0, 3, 1, 2) if layout == "channels_first" else films
    types: dict[str, Any] = {"tensor(float16)": np.float16, "tensor(double)": np.float64, "tensor(uint8)": np.uint8}
    wanted = types.get(kind, np.float32)
    return np.ascontiguousarray(np.rint(given) if wanted is np.uint8 else given).astype(wanted)


def _takes_batches(proto: Any, name: str, output: str, layout: str, size: tuple[Any, ...], where: Path) -> bool:
    """Whether a graph answers for two films at once as it does for each alone."""
    from onnx import TensorProto, helper

    trial = copy.deepcopy(proto)
    sides = ["N", size[2], *size[:2]] if layout == "channels_first" else ["N", *size]
    del trial.graph.input[:], trial.graph.output[:], trial.graph.value_info[:]
    trial.graph.input.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, sides))
    trial.graph.output.append(helper.make_empty_tensor_value_info(output))
    if any(node.op_type == "DynamicQuantizeLinear" for node in proto.graph.node):
        # Its scale depends on all films of a batch, so that the answer for one would depend on the others.
        return False
    films = np.random.default_rng(0).random((2, *size), dtype=np.float32)
    given = films.transpose(0, 3, 1, 2) if layout == "channels_first" else films
    try:
        session = _session(trial, where)
        both = session.run([output], {name: np.ascontiguousarray(given)})[0]
        alone = [session.run([output], {name: np.ascontiguousarray(given[[index]])})[0] for index in (0, 1)]
    except Exception:  # A graph made for one film fails in as many ways as ONNX Runtime has classes.
        return False
    return both.shape[:1] == (2,) and bool(np.allclose(both, np.concatenate(alone), rtol=1e-3, atol=1e-4))


def _class_names(text: str) -> tuple[str, ...]:
    """Names of the classes as Ultralytics writes them into a file: a dictionary of Python, read as data."""
    try:
        found = ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return ()
    if isinstance(found, dict) and sorted(found) == list(range(len(found))):
        found = [found[index] for index in range(len(found))]
    return tuple(str(name) for name in found) if isinstance(found, list | tuple) else ()
