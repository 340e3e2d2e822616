"""Opens Keras files of others: `.keras` and `.h5`, of Keras 3 and of Keras 2."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable
from dataclasses import replace
from importlib.util import find_spec
from typing import Any

import keras
import numpy as np

from lucency.errors import BundleError
from lucency.learning.foreign_file import ForeignFile
from lucency.learning.foreign_heads import ForeignHead, find_head
from lucency.learning.foreign_model import FilmArray, ForeignModel, InputShape, agree, flat_units, one_of
from lucency.learning.foreign_tensorflow import traced_graph, traced_model
from lucency.learning.graph_surgery import CoreGraph
from lucency.learning.keras2_files import rebuild
from lucency.learning.keras2_layers import UnknownLayerError
from lucency.learning.output_mapping import OutputMapping

_RESCALING = ("Rescaling", "Normalization")


def open_keras(file: ForeignFile, wanted: InputShape, *, trust: bool) -> ForeignModel:
    """Opens a Keras file that was found to hold no code, or whose code its user trusts.

    Raises:
        BundleError: It is damaged, or no film classifier.
        UnknownLayerError: A Keras 2 file holds a layer that Keras 3 does not have, and tf-keras is not installed.
    """
    witness, independent = "Keras on the file itself", True
    notes: list[str] = []
    if file.is_keras2:
        try:
            model = rebuild(file)
        except UnknownLayerError as error:
            return _with_tf_keras(file, wanted, error, trust=trust)
        original, witness = _second_opinion(file, model)
        independent = original is not model
        notes.append("rebuilt under Keras 3 from a Keras 2 file")
    else:
        model = original = _load(file, trust)
        if _use_float32(model):
            notes.append("it was saved in mixed precision; the bundle computes in float32")
    one_of([tensor.name for tensor in model.inputs], "input", file.path)
    one_of([tensor.name for tensor in model.outputs], "output", file.path)
    if len(model.inputs[0].shape) != 4:
        raise BundleError(
            f"takes an array of shape {tuple(model.inputs[0].shape)}; a picture has 4 dimensions (batch, height, "
            "width, channels)",
            where=file.path,
        )
    shape = agree(wanted, InputShape(*model.inputs[0].shape[1:]), file.path)
    flat = _flat(model, shape)
    head = find_head(flat)
    rescales = _rescaling_layer(flat)
    if isinstance(head, str):
        opened = traced_model(
            file, shape, lambda films: original(films, training=False), witness=witness, heatmap=head
        )  # fmt: skip
    else:
        opened = _with_head(file, shape, head, original, witness)
    return replace(opened, rescales=rescales, independent=independent, notes=tuple(notes))


def _with_head(
    file: ForeignFile,
    shape: InputShape,
    head: ForeignHead,
    original: Callable[..., Any],
    witness: str,
) -> ForeignModel:
    size = (int(shape.height or 0), int(shape.width or 0), int(shape.channels or 0))

    def answer(films: FilmArray) -> FilmArray:
        return flat_units(original(films, training=False), file.path)

    units = answer(np.zeros((1, *size), np.float32)).shape[1]

    def core(mapping: OutputMapping) -> CoreGraph:
        if mapping.form == "logit":
            proto = traced_graph(lambda films: head.call(films, mapping), size, file.path)
            return CoreGraph(proto, proto.graph.input[0].name, "channels_last", "units", ("heatmap", "embedding"))
        proto = traced_graph(lambda films: {"units": original(films, training=False)}, size, file.path)
        return CoreGraph(proto, proto.graph.input[0].name, "channels_last", "units")

    return ForeignModel(file, shape, units, head.activation, answer, core, witness=witness)


def _load(file: ForeignFile, trust: bool) -> Any:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            # The format is told by the content, but Keras looks at the suffix.
            return _load_as(file, trust)
    except Exception as error:  # Keras raises ValueError, TypeError, OSError and KeyError for one and the same cause.
        reason = " ".join(str(error).split())[:160] or type(error).__name__
        custom = "Could not locate" in str(error)
        hint = "Its code is not in the file: where that code is, save the model as SavedModel or ONNX, and import that"
        raise BundleError(
            f"Keras {keras.__version__} cannot open it ({reason})",
            where=file.path,
            hint=hint if custom else "If it is whole, save it again with a newer Keras, or as ONNX",
        ) from None


def _load_as(file: ForeignFile, trust: bool) -> Any:
    import shutil
    import tempfile
    from pathlib import Path

    import lucency.learning.augment
    import lucency.learning.classifier  # noqa: F401 -- registers the layers of our own models

    suffix = ".keras" if file.kind == "keras" else ".h5"
    if file.path.suffix == suffix:
        return keras.saving.load_model(file.path, compile=False, safe_mode=not trust)
    with tempfile.TemporaryDirectory() as folder:
        copied = Path(folder) / f"model{suffix}"
        shutil.copyfile(file.path, copied)
        return keras.saving.load_model(copied, compile=False, safe_mode=not trust)


def _second_opinion(file: ForeignFile, model: Any) -> tuple[Any, str]:
    """The file as tf-keras reads it, where that is installed, to hold the rebuilt model against."""
    rebuilt = "the model rebuilt under Keras 3 (tf-keras, which could ask the file itself, is not installed)"
    if find_spec("tf_keras") is None:
        return model, rebuilt
    try:
        return _tf_keras_model(file, trust=False), "tf-keras on the file itself"
    except Exception:  # tf-keras fails on old files in many ways; the rebuilt model is then all there is.
        return model, "the model rebuilt under Keras 3 (tf-keras could not read the file)"


def _tf_keras_model(file: ForeignFile, *, trust: bool) -> Any:
    import shutil
    import tempfile
    from pathlib import Path

    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    with warnings.catch_warnings(), tempfile.TemporaryDirectory() as folder:
        warnings.simplefilter("ignore")
        import tf_keras

        copied = Path(folder) / f"model{'.keras' if file.kind == 'keras' else '.h5'}"
        shutil.copyfile(file.path, copied)
        return tf_keras.models.load_model(str(copied), compile=False, safe_mode=not trust)


def _with_tf_keras(file: ForeignFile, wanted: InputShape, unknown: UnknownLayerError, *, trust: bool) -> ForeignModel:
    if find_spec("tf_keras") is None:
        raise UnknownLayerError(
            f"{unknown.what}, and tf-keras, which reads such Keras 2 files, is not installed",
            where=file.path,
            hint="Install it beside TensorFlow with: pip install --no-deps tf-keras",
        ) from None
    try:
        model = _tf_keras_model(file, trust=trust)
    except Exception as error:  # As above.
        reason = " ".join(str(error).split())[:120] or type(error).__name__
        raise UnknownLayerError(
            f"{unknown.what}, and tf-keras cannot open it either ({reason})",
            where=file.path,
            hint="Where its code is, save the model as SavedModel or ONNX, and import that",
        ) from None
    one_of([tensor.name for tensor in model.inputs], "input", file.path)
    one_of([tensor.name for tensor in model.outputs], "output", file.path)
    shape = agree(wanted, InputShape(*model.inputs[0].shape[1:]), file.path)
    opened = traced_model(
        file, shape, lambda films: model(films, training=False), witness="tf-keras on the file itself",
        heatmap=f"the model {unknown.what}",
    )  # fmt: skip
    return replace(opened, notes=(f"read by tf-keras, since it {unknown.what}",))


def _flat(model: Any, shape: InputShape) -> Any:
    """The same layers without models inside models, at a fixed input size."""
    entering = keras.Input((shape.height, shape.width, shape.channels), name="given")
    return keras.Model(entering, _expanded(model, entering, {}), name="flat")


def _expanded(model: Any, x: Any, named: dict[str, Any]) -> Any:
    def one(operation: Any) -> Any:
        if isinstance(operation, keras.Model):
            return lambda given, **_: _expanded(operation, given, named)
        # Names are unique within a model only, not among models that stand in one.
        if named.setdefault(operation.name, operation) is not operation:
            operation.name = f"{operation.name}_{len(named)}"
            named[operation.name] = operation
        return operation

    if isinstance(model, keras.Sequential):
        for layer in model.layers:
            x = one(layer)(x)
        return x
    if not isinstance(model, keras.Function):
        return model(x)
    return model._run_through_graph(x, operation_fn=one, call_fn=lambda operation, *a, **k: operation(*a, **k))


def _rescaling_layer(flat: Any) -> str | None:
    """The layer near the input that scales it, as EfficientNet and MobileNetV3 have one."""
    for layer in flat.layers[:6]:
        if type(layer).__name__ in (*_RESCALING, "NetworkInput"):
            return f"{type(layer).__name__} '{layer.name}'"
    return None


def _use_float32(model: Any) -> bool:
    mixed = [layer for layer in model._flatten_layers() if layer.compute_dtype not in ("float32", None)]
    for layer in mixed:
        layer.dtype_policy = keras.DTypePolicy("float32")
    return bool(mixed)
