"""Chooses the Keras backend and the device before Keras is imported; imports nothing heavy itself."""

from __future__ import annotations

import importlib
import logging
import os
import sys
import tempfile
from dataclasses import asdict, dataclass
from importlib.util import find_spec

from lucency.errors import MissingExtraError


@dataclass(frozen=True)
class Device:
    """What computes.

    Attributes:
        backend: "tensorflow" or "jax".
        kind: "cpu", "gpu" or "tpu".
        devices: Names as the backend gives them.
        precision: Keras dtype policy.
    """

    backend: str
    kind: str
    devices: tuple[str, ...]
    precision: str

    def to_json(self) -> dict[str, object]:
        """Plain values for `run.json`."""
        return {**asdict(self), "devices": list(self.devices)}


def require(*modules: str, need: str) -> None:
    """Makes sure that modules of the `train` extra are installed, without importing them.

    Args:
        modules: Their names.
        need: What needs them, as the subject of a sentence.

    Raises:
        MissingExtraError: The first that is not.
    """
    for name in modules:
        if find_spec(name) is None:
            raise MissingExtraError(name, extra="train", need=need)


def choose_backend(wanted: str | None = None) -> str:
    """Sets KERAS_BACKEND to TensorFlow, or to JAX where only that is installed; what the user set is kept.

    Args:
        wanted: The backend that must be, whatever the user set.

    Raises:
        MissingExtraError: Keras or the backend is not installed.
    """
    require("keras", need="Training")
    given = os.environ.get("KERAS_BACKEND")
    wanted = wanted or given
    if not wanted:
        wanted = "jax" if find_spec("tensorflow") is None and find_spec("jax") is not None else "tensorflow"
    if not given or "keras" not in sys.modules:
        os.environ["KERAS_BACKEND"] = wanted
    if find_spec(wanted) is None:
        extra = "train-jax" if wanted == "jax" else "train"
        raise MissingExtraError(wanted, extra=extra, need=f"Training with KERAS_BACKEND={wanted}")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    logging.getLogger("tf2onnx").setLevel(logging.ERROR)
    if "keras" not in sys.modules:
        _import_quietly("keras")
    return wanted


def _import_quietly(name: str) -> None:
    # TensorFlow writes to file descriptor 2 while it loads, before any log level is heard.
    sys.stderr.flush()
    kept = os.dup(2)
    with tempfile.TemporaryFile() as said:
        os.dup2(said.fileno(), 2)
        try:
            importlib.import_module(name)
        except BaseException:
            said.seek(0)
            os.write(kept, said.read())
            raise
        finally:
            os.dup2(kept, 2)
            os.close(kept)


def use_device() -> Device:
    """Finds the device that Keras will use, and sets mixed precision where it is a GPU."""
    backend = choose_backend()
    import keras

    found = keras.distribution.list_devices()
    names = tuple(name for name in found if not name.startswith("cpu")) or tuple(found)
    kind = names[0].partition(":")[0] if names else "cpu"
    precision = {"gpu": "mixed_float16", "tpu": "mixed_bfloat16"}.get(kind, "float32")
    keras.config.set_dtype_policy(precision)
    return Device(backend, kind, names, precision)


def jit() -> str | bool:
    """What `compile` is told of just-in-time compilation: "auto", but never on TensorFlow.

    Keras would have TensorFlow compile a model for a CPU too, which takes minutes for a large network and gains nothing
    there.
    """
    return "auto" if os.environ.get("KERAS_BACKEND") == "jax" else False
