"""Finds what in a model file would run code, by reading it as data; nothing of it is executed here."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from lucency.errors import BundleError
from lucency.learning.foreign_file import ForeignFile
from lucency.learning.foreign_operations import reaching_out

CODE_LAYERS: dict[str, str] = {
    "Lambda": "a Lambda layer, whose Python code is in the file",
    "TorchModuleWrapper": "a pickled PyTorch module",
    "FlaxLayer": "a Flax module",
    "JaxLayer": "a JAX function",
    "TFSMLayer": "a layer that loads another SavedModel",
}
"""Layers of Keras that bring code of their own -> what it is."""

TENSOR_FUNCTIONS = frozenset(
    ["math", "nn", "image", "linalg", "signal", "keras", "__operators__", "random", "strings", "broadcast_to",
    "cast", "clip_by_value", "concat", "convert_to_tensor", "expand_dims", "gather", "identity", "maximum",
    "minimum", "one_hot", "ones_like", "pad", "reduce_max", "reduce_mean", "reduce_sum", "reshape", "reverse",
    "shape", "slice", "split", "squeeze", "stack", "stop_gradient", "tile", "transpose", "unstack", "where",
    "zeros_like"]
)  # fmt: skip
"""TensorFlow functions, or modules of them, that compute and touch nothing else."""

_KNOWN_MODULES = ("keras", "tf_keras", "tensorflow", "builtins", "lucency")
_KERAS_PACKAGES = ("keras", "lucency", "keras_hub", "")


def refuse_code(file: ForeignFile, *, trust: bool) -> list[str]:
    """Makes sure that a file brings no code, or that its user trusts it.

    Args:
        file: The file.
        trust: Whether the user said `--trust`.

    Returns:
        What code there is, one phrase each; empty in most files.

    Raises:
        BundleError: There is code, and no trust.
    """
    if file.kind in ("keras", "hdf5"):
        # Keras never builds the loss and the optimizer of the model itself; those of a model inside, it does.
        outer = {**file.config, "compile_config": None} if isinstance(file.config, dict) else file.config
        found = list(dict.fromkeys(_in_config(outer)))
    elif file.kind == "saved_model":
        found = _in_graph(file.path / "saved_model.pb")
    else:
        found = []
    if found and not trust:
        shown = "; ".join(found[:3]) + (f" and {len(found) - 3} more" if len(found) > 3 else "")
        raise BundleError(
            f"holds {shown}. Opening it would run code of whoever made it",
            where=file.path,
            hint="If you trust that person, say --trust; safer: ask for the model as ONNX",
        )
    return found


def _in_config(value: Any) -> Iterator[str]:
    if isinstance(value, list):
        for item in value:
            yield from _in_config(item)
    if not isinstance(value, dict):
        return
    name = value.get("class_name")
    if isinstance(name, str):
        yield from _in_object(name, value)
    for item in value.values():
        yield from _in_config(item)


def _in_object(name: str, value: dict[str, Any]) -> Iterator[str]:
    called = value.get("config", {}).get("name", "") if isinstance(value.get("config"), dict) else ""
    if name in CODE_LAYERS:
        yield f"{CODE_LAYERS[name]} ('{called}')"
    elif name == "__lambda__":
        yield "a Python function as bytes"
    elif name == "TFOpLambda":
        function = str(value["config"].get("function", "")) if isinstance(value.get("config"), dict) else ""
        if function.split(".")[0] not in TENSOR_FUNCTIONS:
            yield f"a call of tf.{function}"
    module, registered = value.get("module"), value.get("registered_name")
    if isinstance(module, str) and module.split(".")[0] not in _KNOWN_MODULES:
        yield f"a custom object ({module}.{name})"
    elif isinstance(registered, str) and ">" in registered:
        package = registered.split(">")[0]
        if package.lower() not in _KERAS_PACKAGES:
            yield f"a custom object ({registered})"
    elif ">" in name and name.split(">")[0].lower() not in _KERAS_PACKAGES:
        yield f"a custom object ({name})"


def _in_graph(path: Path) -> list[str]:
    from tensorflow.core.protobuf.saved_model_pb2 import SavedModel

    proto = SavedModel()
    try:
        proto.ParseFromString(path.read_bytes())
    except Exception:  # protobuf has an error class of its own, and untyped.
        raise BundleError("saved_model.pb is truncated or damaged", where=path.parent, hint="Get it again") from None
    return [f"the operation {name}, which may reach beyond the model" for name in reaching_out(proto.meta_graphs)]
