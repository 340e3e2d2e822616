"""Bone-fracture detection on X-ray films. Research software, not a medical device."""

from __future__ import annotations

import os
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from lucency._version import __version__

if TYPE_CHECKING:
    from lucency.bundle import Bundle, read_bundle
    from lucency.datasets.audit.report import AuditReport as AuditReport
    from lucency.decision import Prediction
    from lucency.errors import LucencyError
    from lucency.imaging.radiograph import Radiograph
    from lucency.imaging.readers import read_radiograph
    from lucency.learning.classifier import assemble as assemble
    from lucency.learning.classifier import build_backbone as build_backbone
    from lucency.learning.classifier import build_classifier as build_classifier
    from lucency.learning.classifier import head_layers as head_layers
    from lucency.learning.classifier import predict_logits as predict_logits
    from lucency.learning.classifier import set_trainable as set_trainable
    from lucency.learning.fit import fit as fit
    from lucency.learning.loader import FilmBatches as FilmBatches
    from lucency.learning.recipe import load_recipe as load_recipe
    from lucency.learning.recipe import recipe_names as recipe_names
    from lucency.learning.saving import write_keras as write_keras
    from lucency.predictor import Predictor
    from lucency.shipped import DEFAULT_MODEL, shipped_models
    from lucency.workflows.audit import audit
    from lucency.workflows.compare import compare
    from lucency.workflows.cross_validate import cross_validate
    from lucency.workflows.evaluate import evaluate
    from lucency.workflows.export import export_run
    from lucency.workflows.import_model import import_model
    from lucency.workflows.model_card import write_card
    from lucency.workflows.recalibrate import recalibrate
    from lucency.workflows.scan import read_films
    from lucency.workflows.search import search
    from lucency.workflows.stress import stress
    from lucency.workflows.teller import Teller
    from lucency.workflows.train import resume_training, train

# ONNX Runtime's wheels write identifiers of the machine into the home folder and send them away as they are imported.
# Films of patients are answered here: nothing calls home unless somebody asks for it.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

_WHERE = {
    "Bundle": "lucency.bundle",
    "DEFAULT_MODEL": "lucency.shipped",
    "LucencyError": "lucency.errors",
    "Prediction": "lucency.decision",
    "Predictor": "lucency.predictor",
    "Radiograph": "lucency.imaging.radiograph",
    "Teller": "lucency.workflows.teller",
    "audit": "lucency.workflows.audit",
    "compare": "lucency.workflows.compare",
    "cross_validate": "lucency.workflows.cross_validate",
    "evaluate": "lucency.workflows.evaluate",
    "export_run": "lucency.workflows.export",
    "import_model": "lucency.workflows.import_model",
    "read_bundle": "lucency.bundle",
    "read_films": "lucency.workflows.scan",
    "read_radiograph": "lucency.imaging.readers",
    "recalibrate": "lucency.workflows.recalibrate",
    "resume_training": "lucency.workflows.train",
    "search": "lucency.workflows.search",
    "shipped_models": "lucency.shipped",
    "stress": "lucency.workflows.stress",
    "train": "lucency.workflows.train",
    "write_card": "lucency.workflows.model_card",
}

_WHERE_OF_PARTS = {
    "AuditReport": "lucency.datasets.audit.report",
    "FilmBatches": "lucency.learning.loader",
    "assemble": "lucency.learning.classifier",
    "build_backbone": "lucency.learning.classifier",
    "build_classifier": "lucency.learning.classifier",
    "fit": "lucency.learning.fit",
    "head_layers": "lucency.learning.classifier",
    "load_recipe": "lucency.learning.recipe",
    "predict_logits": "lucency.learning.classifier",
    "recipe_names": "lucency.learning.recipe",
    "set_trainable": "lucency.learning.classifier",
    "write_keras": "lucency.learning.saving",
}
"""Names that need the extra `train` to be imported at all; `AuditReport` needs no more than `audit`."""

__all__ = [
    "Bundle",
    "DEFAULT_MODEL",
    "LucencyError",
    "Prediction",
    "Predictor",
    "Radiograph",
    "Teller",
    "__version__",
    "audit",
    "compare",
    "cross_validate",
    "evaluate",
    "export_run",
    "import_model",
    "read_bundle",
    "read_films",
    "read_radiograph",
    "recalibrate",
    "resume_training",
    "search",
    "shipped_models",
    "stress",
    "train",
    "write_card",
]


def __getattr__(name: str) -> Any:
    """Imports a public name when it is first asked for, so that `import lucency` costs nothing."""
    if name in _WHERE:
        return getattr(import_module(_WHERE[name]), name)
    if name not in _WHERE_OF_PARTS:
        raise AttributeError(f"module 'lucency' has no attribute '{name}'")
    module = _WHERE_OF_PARTS[name]
    if name == "AuditReport":
        # The module of manifests says which extra brings pandas.
        import_module("lucency.datasets.manifest")
        return getattr(import_module(module), name)
    backend = import_module("lucency.learning.backend")
    backend.require("keras", "pydantic", need=f"lucency.{name}")
    if module != "lucency.learning.recipe":
        # Keras reads its backend once, while it is imported; what imports Keras must not come first.
        backend.choose_backend()
    return getattr(import_module(module), name)


def __dir__() -> list[str]:
    """The names of `__all__`, and the parts of a classifier where training is installed."""
    installed = find_spec("keras") is not None and find_spec("pydantic") is not None
    return sorted([*__all__, *_WHERE_OF_PARTS]) if installed else __all__
