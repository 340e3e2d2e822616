"""Keras -> ONNX, parity asserted; a step of its own that can be run later, on another machine.

The only file, with `importing.py`, that touches TensorFlow.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import keras
import numpy as np
import numpy.typing as npt

from lucency.errors import BundleError, LucencyError, MissingExtraError
from lucency.learning.classifier import InferenceTwin, float32_copy
from lucency.learning.recipe import Recipe

OPSET = 17
PARITY_TOLERANCE = 1e-4
"""Largest difference of logits, Keras against ONNX Runtime, that an export may show."""

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
        BundleError: The outputs differ by more than `PARITY_TOLERANCE`.
        LucencyError: Keras runs on another backend in this process.
        MissingExtraError: TensorFlow or tf2onnx is not installed.
    """
    tf, tf2onnx, freeze = _tensorflow()
    twin = InferenceTwin(float32_copy(recipe, trained))
    shape = (recipe.input.height, recipe.input.width, 1)
    twin(np.zeros((1, *shape), np.float32), training=False)

    signature = tf.TensorSpec((None, *shape), tf.float32, name="film")
    traced = tf.function(lambda film: twin(film, training=False))
    frozen = freeze(traced.get_concrete_function(signature))
    # A traced dictionary comes out in the order of its sorted keys.
    names = dict(zip([tensor.name for tensor in frozen.outputs], sorted(OUTPUTS), strict=True))
    proto, _ = tf2onnx.convert.from_graph_def(
        frozen.graph.as_graph_def(),
        input_names=[frozen.inputs[0].name],
        output_names=list(names),
        opset=OPSET,
    )
    _rename(proto.graph, {frozen.inputs[0].name: "film", **names})
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".part")
    temporary.write_bytes(proto.SerializeToString())
    differences = _differences(twin, temporary, _parity_films(shape, films))
    if not differences["logit"] <= PARITY_TOLERANCE:
        temporary.unlink()
        raise BundleError(
            f"the ONNX file does not say what the Keras model says: logits differ by {differences['logit']:.2g}, "
            f"allowed are {PARITY_TOLERANCE:.0e}",
            where=path,
        )
    os.replace(temporary, path)
    return differences


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


def _differences(twin: InferenceTwin, path: Path, films: npt.NDArray[np.float32]) -> dict[str, float]:
    import onnxruntime

    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    largest = dict.fromkeys(OUTPUTS, 0.0)
    for start in range(0, len(films), 8):
        batch = films[start : start + 8]
        expected = twin(batch, training=False)
        for name, got in zip(OUTPUTS, session.run(list(OUTPUTS), {"film": batch}), strict=True):
            difference = np.abs(np.asarray(keras.ops.convert_to_numpy(expected[name])) - got)
            # np.maximum, unlike max, lets a NaN through, and a NaN fails the comparison with the tolerance.
            largest[name] = float(np.maximum(largest[name], difference.max()))
    return largest
