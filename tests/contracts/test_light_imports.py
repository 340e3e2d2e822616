"""Prediction starts in well under a second, since nothing heavy is imported for it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from lucency.workflows.train import TrainResult

HEAVY = ("keras", "tensorflow", "jax", "sklearn", "pandas", "matplotlib", "pydantic", "scipy", "pydicom", "onnx")

TELL = f"import sys; print(*[name for name in {HEAVY!r} if name in sys.modules])"


@pytest.mark.parametrize(
    "module",
    [
        "lucency",
        "lucency.predictor",
        "lucency.imaging.readers",
        "lucency.imaging.overlay",
        "lucency.bundle",
        "lucency.shipped",
        "lucency.cli.main",
        "lucency.workflows.predict",
        "lucency.workflows.train",
        "lucency.workflows.evaluate",
        "lucency.workflows.scan",
        "lucency.workflows.import_model",
        "lucency.workflows.fetch",
        "lucency.workflows.stress",
        "lucency.workflows.recalibrate",
        "lucency.workflows.model_card",
        "lucency.workflows.models",
    ],
)
def test_importing_brings_nothing_heavy(fresh: Callable[..., str], module: str) -> None:
    assert fresh(f"import {module}; {TELL}").split() == []


def test_the_check_can_fail(fresh: Callable[..., str]) -> None:
    assert fresh(f"import pydantic; {TELL}").split() == ["pydantic"]


def test_predicting_brings_nothing_heavy(fresh: Callable[..., str], trained: TrainResult, one_film: Path) -> None:
    code = "import sys; from lucency import Predictor; print(Predictor(sys.argv[1]).predict(sys.argv[2]).probability)"
    probability, *heavy = fresh(f"{code}; {TELL}", str(trained.run), str(one_film)).split()
    assert 0 < float(probability) < 1
    assert heavy == []


def test_the_predict_command_brings_nothing_heavy(
    fresh: Callable[..., str], trained: TrainResult, one_film: Path, tmp_path: Path
) -> None:
    code = (
        "import atexit, sys; from lucency.cli.main import main; sys.argv[0] = 'lucency';"
        f"atexit.register(lambda: exec({TELL!r})); main()"
    )
    words = ["predict", str(one_film), "--bundle", str(trained.run), "--csv", "--overlay", str(tmp_path)]
    head, row, heavy = fresh(code, *words).splitlines()
    assert head.startswith("path,")
    assert row.startswith(str(one_film))
    # Typer itself uses pydantic to read arguments.
    assert set(heavy.split()) <= {"pydantic"}


def test_help_needs_no_array_library(fresh: Callable[..., str]) -> None:
    code = "import sys, lucency.cli.main; print(*{'numpy', 'PIL', 'onnxruntime', 'rich'} & set(sys.modules))"
    assert fresh(code).split() == []
