"""Opens TensorFlow Lite files and SavedModel folders of others."""

from __future__ import annotations

import contextlib
import io
import logging
import os
import sys
import tempfile
import warnings
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from lucency.errors import BundleError, LucencyError
from lucency.learning.export import OPSET, write_onnx
from lucency.learning.foreign_file import ForeignFile
from lucency.learning.foreign_model import FilmArray, ForeignModel, InputShape, agree, flat_units, one_of
from lucency.learning.foreign_onnx import cores, graph_core, why_no_heatmap
from lucency.learning.graph_surgery import PREFIX
from lucency.learning.output_mapping import parse_class_names


def open_tflite(file: ForeignFile, wanted: InputShape) -> ForeignModel:
    """Opens a TensorFlow Lite file, of floats or quantised.

    Raises:
        BundleError: It is damaged, or no film classifier.
    """
    import tensorflow as tf
    import tf2onnx

    content = file.path.read_bytes()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            # The default delegate announces itself on stderr.
            kernels = tf.lite.experimental.OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
            reader = tf.lite.Interpreter(model_content=content, experimental_op_resolver_type=kernels)
            reader.allocate_tensors()
    except (ValueError, RuntimeError) as error:
        reason = str(error).strip().splitlines()[0][:160]
        raise BundleError(f"TensorFlow Lite cannot open it ({reason})", where=file.path, hint="Get it again") from None
    one_of([entry["name"] for entry in reader.get_input_details()], "input", file.path)
    one_of([entry["name"] for entry in reader.get_output_details()], "output", file.path)
    entering, leaving = reader.get_input_details()[0], reader.get_output_details()[0]
    if len(entering["shape"]) != 4 or entering["shape"][0] != 1:
        raise BundleError(f"takes an array of shape {entering['shape'].tolist()}, not one picture", where=file.path)
    shape = agree(wanted, _sides(entering), file.path)

    def one(film: FilmArray) -> Any:
        reader.set_tensor(entering["index"], _quantised(film[None], entering))
        reader.invoke()
        return _real(reader.get_tensor(leaving["index"]).copy(), leaving)

    def answer(films: FilmArray) -> FilmArray:
        return np.concatenate([flat_units(one(film), file.path) for film in films])

    size = (int(shape.height or 0), int(shape.width or 0), int(shape.channels or 0))
    units = answer(np.zeros((1, *size), np.float32)).shape[1]
    with warnings.catch_warnings(), _converting(file.path), _quiet():
        warnings.simplefilter("ignore")
        proto, _ = tf2onnx.convert.from_tflite(str(file.path), opset=OPSET)
    name, output = _with_real_ends(proto, entering, leaving)
    base, activation = graph_core(proto, name, output, size, file.path)

    quantised = any("Quantize" in node.op_type for node in proto.graph.node)
    return ForeignModel(
        file, shape, units, activation, answer, cores(base, output),
        names=_packed_labels(content),
        exact=not quantised,
        witness="TensorFlow Lite on the file itself",
        heatmap=why_no_heatmap(base),
        notes=("its weights are quantised, so ONNX Runtime and TensorFlow Lite drift apart a little",) * quantised,
    )  # fmt: skip


def open_saved_model(file: ForeignFile, wanted: InputShape) -> ForeignModel:
    """Opens the serving signature of a SavedModel folder.

    Raises:
        BundleError: It is damaged, has no signature, or is no film classifier.
    """
    import tensorflow as tf

    try:
        loaded = tf.saved_model.load(str(file.path))
    except Exception as error:  # TensorFlow raises its own unrelated classes.
        reason = str(error).strip().splitlines()[0][:160]
        raise BundleError(f"TensorFlow cannot open it ({reason})", where=file.path, hint="Get it again") from None
    signatures = dict(getattr(loaded, "signatures", {}))
    chosen = (
        "serving_default" if "serving_default" in signatures else one_of(sorted(signatures), "signature", file.path)
    )
    call = signatures[chosen]
    specs = call.structured_input_signature[1]
    name = one_of(sorted(specs), "input", file.path)
    output = one_of(sorted(call.structured_outputs), "output", file.path)
    sides = specs[name].shape.as_list() if specs[name].shape.rank == 4 else None
    if sides is None or not (specs[name].dtype.is_floating or specs[name].dtype.is_integer):
        raise BundleError(
            f"takes {specs[name].dtype.name} {specs[name].shape}, not pictures (batch, height, width, channels)",
            where=file.path,
        )
    shape = agree(wanted, InputShape(*sides[1:]), file.path)
    dtype = specs[name].dtype

    def traced(films: Any) -> Any:
        # The module must live as long as its signature is called.
        assert loaded is not None
        return call(**{name: tf.cast(films, dtype)})[output]

    return traced_model(
        file, shape, traced, witness="TensorFlow on the SavedModel itself",
        heatmap="the end of its graph is not a mean over a map and one matrix",
    )  # fmt: skip


def traced_model(
    file: ForeignFile, shape: InputShape, call: Callable[[Any], Any], *, witness: str, heatmap: str
) -> ForeignModel:
    """A model of which only its call is known, traced with TensorFlow.

    Args:
        file: Where it came from.
        shape: Of its input, every part known.
        call: Films (N, H, W, C), float32, in the model's own convention -> its output.
        witness: Who gives the answer.
        heatmap: Why there is no heat map, should the traced graph show no head either.
    """
    import tensorflow as tf

    def answer(films: FilmArray) -> FilmArray:
        return flat_units(call(tf.constant(films)), file.path)

    size = (int(shape.height or 0), int(shape.width or 0), int(shape.channels or 0))
    units = answer(np.zeros((1, *size), np.float32)).shape[1]
    proto = traced_graph(lambda films: {"units": call(films)}, size, file.path)
    base, activation = graph_core(proto, f"{PREFIX}given", "units", size, file.path)

    return ForeignModel(
        file, shape, units, activation, answer, cores(base, "units"),
        witness=witness, heatmap=heatmap if why_no_heatmap(base) else None,
    )  # fmt: skip


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    # TensorFlow Lite announces its delegate on file descriptor 2; the converter asks it for no other.
    sys.stderr.flush()
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


@contextlib.contextmanager
def _converting(where: Path) -> Iterator[None]:
    logger = logging.getLogger("tf2onnx")
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        yield
    except (LucencyError, MemoryError):
        raise
    except Exception as error:  # The converter raises whatever its handlers raise.
        reason = " ".join(str(error).split())[:160] or type(error).__name__
        raise BundleError(
            f"holds operations that cannot be written as ONNX ({reason})",
            where=where,
            hint="Where it was trained, write it as ONNX, and import that",
        ) from None
    finally:
        logger.setLevel(level)


def traced_graph(call: Callable[[Any], dict[str, Any]], size: tuple[int, int, int], where: Path) -> Any:
    """A function of films (N, H, W, C), float32, as an onnx ModelProto with the input `given`.

    Args:
        call: The function, of TensorFlow or Keras operations -> outputs by name.
        size: Height, width and channels.
        where: The model file, for an error.

    Raises:
        BundleError: An operation cannot be written as ONNX.
    """
    import onnx

    with tempfile.TemporaryDirectory() as folder, _converting(where):
        path = Path(folder) / "traced.onnx"
        write_onnx(call, size, path)
        proto = onnx.load(path)
    # `film` is the name of a bundle's own input.
    for node in proto.graph.node:
        node.input[:] = [f"{PREFIX}given" if name == "film" else name for name in node.input]
    proto.graph.input[0].name = f"{PREFIX}given"
    return proto


def _sides(entering: Any) -> InputShape:
    sides = [int(side) if side > 0 else None for side in entering.get("shape_signature", entering["shape"])]
    fixed = [int(side) for side in entering["shape"]]
    return InputShape(*(own or side for own, side in zip(sides[1:], fixed[1:], strict=True)))


def _quantised(films: FilmArray, detail: Any) -> Any:
    if np.issubdtype(detail["dtype"], np.floating):
        return films.astype(detail["dtype"])
    scale, zero = detail["quantization"]
    limits = np.iinfo(detail["dtype"])
    levels = np.rint(films / np.float32(scale or 1)) + zero
    return np.clip(levels, limits.min, limits.max).astype(detail["dtype"])


def _real(values: Any, detail: Any) -> Any:
    if np.issubdtype(detail["dtype"], np.floating):
        return values.astype(np.float32)
    scale, zero = detail["quantization"]
    return (values.astype(np.float32) - zero) * np.float32(scale or 1)


def _with_real_ends(proto: Any, entering: Any, leaving: Any) -> tuple[str, str]:
    """Gives a quantised graph a float32 input and output; returns their names."""
    from onnx import helper, numpy_helper

    graph = proto.graph
    name, output = graph.input[0].name, graph.output[0].name
    made = []
    for detail, kind, taken, given in (
        (entering, "QuantizeLinear", f"{PREFIX}input", name),
        (leaving, "DequantizeLinear", output, f"{PREFIX}output"),
    ):
        if np.issubdtype(detail["dtype"], np.floating):
            continue
        scale, zero = detail["quantization"]
        constants = [f"{PREFIX}{kind}_{part}" for part in ("scale", "zero")]
        values = (np.array(scale or 1, np.float32), np.array(zero, detail["dtype"]))
        graph.initializer.extend(
            numpy_helper.from_array(value, constant) for value, constant in zip(values, constants, strict=True)
        )
        made.append((kind, helper.make_node(kind, [taken, *constants], [given], name=f"{PREFIX}{kind}")))
    nodes = list(graph.node)
    before = [node for kind, node in made if kind == "QuantizeLinear"]
    after = [node for kind, node in made if kind == "DequantizeLinear"]
    del graph.node[:]
    graph.node.extend([*before, *nodes, *after])
    if before:
        graph.input[0].CopyFrom(helper.make_empty_tensor_value_info(f"{PREFIX}input"))
    return (f"{PREFIX}input" if before else name), (f"{PREFIX}output" if after else output)


def _packed_labels(content: bytes) -> tuple[str, ...]:
    """Names of the classes that TensorFlow's metadata writer packs behind a TensorFlow Lite file."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            lists = [name for name in archive.namelist() if name.endswith(".txt")]
            text = archive.read(lists[0]).decode("utf-8") if len(lists) == 1 else ""
    except (zipfile.BadZipFile, UnicodeDecodeError):
        return ()
    return parse_class_names(text.splitlines(), where="labels of the file") if text.strip() else ()
