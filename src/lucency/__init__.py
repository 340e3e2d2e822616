"""Bone-fracture detection on X-ray films. Research software, not a medical device."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from lucency._version import __version__

if TYPE_CHECKING:
    from lucency.bundle import Bundle, read_bundle
    from lucency.decision import Prediction
    from lucency.errors import LucencyError
    from lucency.imaging.radiograph import Radiograph
    from lucency.imaging.readers import read_radiograph
    from lucency.predictor import Predictor
    from lucency.workflows.evaluate import evaluate
    from lucency.workflows.train import train

_WHERE = {
    "Bundle": "lucency.bundle",
    "LucencyError": "lucency.errors",
    "Prediction": "lucency.decision",
    "Predictor": "lucency.predictor",
    "Radiograph": "lucency.imaging.radiograph",
    "evaluate": "lucency.workflows.evaluate",
    "read_bundle": "lucency.bundle",
    "read_radiograph": "lucency.imaging.readers",
    "train": "lucency.workflows.train",
}

__all__ = [
    "Bundle",
    "LucencyError",
    "Prediction",
    "Predictor",
    "Radiograph",
    "__version__",
    "evaluate",
    "read_bundle",
    "read_radiograph",
    "train",
]


def __getattr__(name: str) -> Any:
    """Imports a public name when it is first asked for, so that `import lucency` costs nothing."""
    if name not in _WHERE:
        raise AttributeError(f"module 'lucency' has no attribute '{name}'")
    return getattr(import_module(_WHERE[name]), name)


def __dir__() -> list[str]:
    return __all__
