"""Keras -> ONNX, parity asserted; a step of its own that can be run later, on another machine.

The only file, with `importing.py`, that touches TensorFlow.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
import numpy.typing as npt

from lucency.errors import BundleError, LucencyError, MissingExtraError
from lucency.learning.classifier import float32_copy
from lucency.learning.inference_twin import inference_twin
from lucency.learning.recipe import Recipe

OPSET = 17
PARITY_TOLERANCE = 1e-4
"""Largest difference of logits, Keras against ONNX Runtime, that an export may show; a share of the largest logit
where that is over 1, since the rounding of float32 grows with it."""

_LARGE = 2048

OUTPUTS = ("logit", "heatmap", "embedding")


def export_onnx(
    trained: Any, recipe: Recipe, path: Path, *, films: npt.NDArray[np.uint8] | None = None
) -> dict[str, float]:
    """Writes the inference twin of a trained model as ONNX and proves that both say the same.

    Args:
        trained: Model of `build_classifier`, trained.
        recipe: Its recipe.
        path: File to write.
        films: uint8 (N, H, W) of real films for the parity check; noise and flat films are always added.

    Returns:
        Largest absolute difference of each output over the checked films.

    Raises:
        BundleError: The logits differ by more than `PARITY_TOLERANCE`.
        LucencyError: Keras runs on another backend in this process.
        MissingExtraError: TensorFlow or tf2onnx is not installed.
    """
    _tensorflow()
    twin = inference_twin(float32_copy(recipe, trained), recipe.model)
    shape = (recipe.input.height, recipe.input.width, 1)
    twin(np.zeros((1, *shape), np.float32), training=False)
    temporary = path.with_suffix(".part")
    write_onnx(lambda film: twin(film, training=False), shape, temporary, weights=twin.variables)
    differences, logit = _differences(twin, temporary, _parity_films(shape, films))
    allowed = PARITY_TOLERANCE * max(1.0, logit)
    if not differences["logit"] <= allowed:
        temporary.unlink()
        raise BundleError(
            f"the ONNX file does not say what the Keras model says: logits differ by {differences['logit']:.2g}, "
            f"allowed are {allowed:.1g} at logits of up to {logit:.3g}",
            where=path,
        )
    os.replace(temporary, path)
    return differences


def write_onnx(
    call: Callable[[Any], dict[str, Any]], shape: tuple[int, ...], path: Path, *, weights: Sequence[Any] = ()
) -> None:
    """Traces a function of films with TensorFlow and writes it as an ONNX graph.

    Args:
        call: Films (B, *shape), float32 -> outputs by name; made of Keras or TensorFlow operations.
        shape: Shape of one film; the input of the graph is named `film`.
        path: File to write.
        weights: Keras variables that `call` reads. The large ones are kept away from the converter, which copies what
            it holds again and again; this makes the export of a large network several times faster.

    Raises:
        LucencyError: Keras runs on another backend in this process.
        MissingExtraError: TensorFlow or tf2onnx is not installed.
    """
    tf, tf2onnx, freeze = _tensorflow()
    from onnx import numpy_helper

    outputs: list[str] = []
    large = [weight for weight in weights if np.prod(weight.shape) >= _LARGE]

    def flat(film: Any, *values: Any) -> list[Any]:
        with keras.StatelessScope(state_mapping=list(zip(large, values, strict=True))):
            answer = call(film)
        outputs[:] = sorted(answer)
        return [answer[name] for name in outputs]

    signature = [tf.TensorSpec((None, *shape), tf.float32, name="film")]
    signature += [tf.TensorSpec(weight.shape, tf.float32, name=f"weight_{n}") for n, weight in enumerate(large)]
    eager = tf.config.functions_run_eagerly()
    # Keras wraps some operations in functions of their own (grouped convolutions in one for XLA), which the converter
    # cannot enter; run eagerly they become part of the trace.
    tf.config.run_functions_eagerly(True)
    try:
        frozen = freeze(tf.function(flat).get_concrete_function(*signature))
    finally:
        tf.config.run_functions_eagerly(eager)
    inputs = [tensor.name for tensor in frozen.inputs]
    names = dict(zip([tensor.name for tensor in frozen.outputs], outputs, strict=True))
    proto, _ = tf2onnx.convert.from_graph_def(
        frozen.graph.as_graph_def(),
        input_names=inputs,
        output_names=list(names),
        opset=OPSET,
        custom_op_handlers={"Erfc": (_erfc, [])},
    )
    _rename(proto.graph, {inputs[0]: "film", **names})
    for name, weight in zip(inputs[1:], large, strict=True):
        values = np.asarray(keras.ops.convert_to_numpy(weight), np.float32)
        proto.graph.initializer.append(numpy_helper.from_array(values, name))
    del proto.graph.input[1:]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(_folded(proto).SerializeToString())


def _folded(proto: Any) -> Any:
    """The graph with everything computed that depends on weights alone, such as kernels in ONNX's order of axes."""
    import onnx
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
    options.log_severity_level = 3
    with tempfile.TemporaryDirectory() as folder:
        options.optimized_model_filepath = str(Path(folder) / "folded.onnx")
        onnxruntime.InferenceSession(proto.SerializeToString(), options, providers=["CPUExecutionProvider"])
        folded = onnx.load(options.optimized_model_filepath)
    # ONNX Runtime names every set of operators that it knows, used or not.
    used = {node.domain for node in folded.graph.node}
    kept = [entry for entry in folded.opset_import if entry.domain in used]
    del folded.opset_import[:]
    folded.opset_import.extend(kept)
    _share(folded.graph)
    return folded


def _share(graph: Any) -> None:
    """Has equal weights stand in the graph once: a kernel that films of two sizes pass was folded for each of them."""
    from onnx import numpy_helper

    first: dict[tuple[int, tuple[int, ...], bytes], str] = {}
    same: dict[str, str] = {}
    for tensor in graph.initializer:
        key = (tensor.data_type, tuple(tensor.dims), numpy_helper.to_array(tensor).tobytes())
        same[tensor.name] = first.setdefault(key, tensor.name)
    kept = [tensor for tensor in graph.initializer if same[tensor.name] == tensor.name]
    del graph.initializer[:]
    graph.initializer.extend(kept)
    for node in graph.node:
        node.input[:] = [same.get(name, name) for name in node.input]


def _erfc(context: Any, node: Any, name: str, arguments: Any) -> None:
    """Erfc(x), of which ONNX has no operator, as 1 - Erf(x)."""
    dtype = context.get_dtype(node.output[0])
    erf = context.make_node("Erf", node.input[:1], dtypes=[dtype], shapes=[context.get_shape(node.output[0])])
    one = context.make_const(f"{name}_one", np.ones((), np.float32))
    output, shape = node.output[0], context.get_shape(node.output[0])
    context.remove_node(node.name)
    context.make_node("Sub", [one.output[0], erf.output[0]], outputs=[output], dtypes=[dtype], shapes=[shape])


def _tensorflow() -> tuple[Any, Any, Any]:
    if keras.backend.backend() != "tensorflow":
        raise LucencyError(
            f"this process has Keras on {keras.backend.backend()}, but export to ONNX needs TensorFlow",
            hint="Export in a process of its own: lucency export RUN",
        )
    try:
        import tensorflow as tf
        import tf2onnx
        from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2
    except ImportError as error:
        raise MissingExtraError(error.name or "tf2onnx", extra="train", need="Export to ONNX") from None
    return tf, tf2onnx, convert_variables_to_constants_v2


def _rename(graph: Any, names: dict[str, str]) -> None:
    for value in (*graph.input, *graph.output):
        value.name = names.get(value.name, value.name)
    for node in graph.node:
        node.input[:] = [names.get(name, name) for name in node.input]
        node.output[:] = [names.get(name, name) for name in node.output]


def _parity_films(shape: tuple[int, int, int], films: npt.NDArray[np.uint8] | None) -> npt.NDArray[np.float32]:
    noise = np.random.default_rng(0).integers(0, 256, (4, *shape))
    flat = np.stack([np.full(shape, grey) for grey in (0, 128, 255)])
    real = [] if films is None else [films[..., None]]
    return np.concatenate([noise, flat, *real]).astype(np.float32)


def _differences(twin: Any, path: Path, films: npt.NDArray[np.float32]) -> tuple[dict[str, float], float]:
    """Largest difference of each output, and the largest magnitude of a logit."""
    import onnxruntime

    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    largest, logit = dict.fromkeys(OUTPUTS, 0.0), 0.0
    # Keras holds every layer's answer until the last is there: of 8 films of 512 pixels that would be gigabytes.
    at_once = max(1, 2**19 // (films.shape[1] * films.shape[2]))
    for start in range(0, len(films), at_once):
        batch = films[start : start + at_once]
        expected = {name: keras.ops.convert_to_numpy(value) for name, value in twin(batch, training=False).items()}
        logit = max(logit, float(np.abs(expected["logit"]).max()))
        for name, got in zip(OUTPUTS, session.run(list(OUTPUTS), {"film": batch}), strict=True):
            difference = np.abs(np.asarray(expected[name]) - got)
            # np.maximum, unlike max, lets a NaN through, and a NaN fails the comparison with the tolerance.
            largest[name] = float(np.maximum(largest[name], difference.max()))
    return largest, logit
