"""What is installed here and what it can do."""

from __future__ import annotations

import os
import platform
from importlib.util import find_spec
from typing import Any

from lucency._version import __version__
from lucency.shipped import shipped_models
from lucency.workflows.run_folder import versions

_TABLES = ("pandas", "pyarrow", "pydantic", "sklearn", "threadpoolctl", "scipy", "matplotlib", "jinja2", "yaml")
_AUDIT = ("faiss", "cv2", "cleanlab")
_LEARN = ("keras", "h5py", "absl", "tensorboard", "huggingface_hub")

EXTRAS: dict[str, tuple[str, ...]] = {
    "dicom": ("pydicom", "pylibjpeg", "openjpeg", "jpeg_ls", "imagecodecs"),
    "tables": _TABLES,
    "audit": (*_AUDIT, *_TABLES),
    "train": (*_LEARN, "tensorflow", "tf2onnx", "onnx", *_AUDIT, *_TABLES),
    "train-jax": (*_LEARN, "jax", *_AUDIT, *_TABLES),
    "search": ("optuna",),
    "fetch": ("kagglehub",),
    "web": ("fastapi", "uvicorn", "gradio", "prometheus_client", "python_multipart"),
    "scale": ("ray",),
}
"""The imports that each extra brings."""


def installation(*, device: bool = True) -> dict[str, Any]:
    """Versions, extras and the training device, as `lucency info --json` prints them.

    Args:
        device: Ask Keras for its device, which imports it and takes seconds.
    """
    facts: dict[str, Any] = {
        "lucency": __version__,
        "python": platform.python_version(),
        "platform": platform.platform(),
        "cores": os.cpu_count(),
        "versions": versions(),
        "extras": {extra: [name for name in imports if find_spec(name) is None] for extra, imports in EXTRAS.items()},
        "models": list(shipped_models()),
        "device": None,
    }
    if device and not (facts["extras"]["train"] and facts["extras"]["train-jax"]):
        from lucency.learning.backend import use_device

        facts["device"] = use_device().to_json()
    return facts
