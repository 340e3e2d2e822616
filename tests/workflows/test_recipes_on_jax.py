"""Recipes that train on JAX and become measured bundles where TensorFlow is."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from lucency.learning.recipe import recipe_names
from lucency.workflows.evaluate import evaluate_run
from lucency.workflows.export import export_run
from lucency.workflows.run_folder import read_rows

BY_DEFAULT = ("cnn-3block", "four-block", "tiny-vgg-augmented")


@pytest.mark.parametrize(
    "name", [name if name in BY_DEFAULT else pytest.param(name, marks=pytest.mark.slow) for name in recipe_names()]
)
def test_it_trains_on_jax_and_its_bundle_is_measured(name: str, drawn_films: Path, tmp_path: Path) -> None:
    run = tmp_path / name
    changes = [
        "input.height=64", "input.width=64", "training.epochs=1", "training.head_epochs=0", "training.batch_size=16",
        "evaluation.resamples=100", "model.weights=none",
    ]  # fmt: skip
    command = [sys.executable, "-c", "from lucency.cli.main import main; main()", "train", str(drawn_films)]
    command += ["--recipe", name, "--out", str(run), *(word for value in changes for word in ("--set", value))]
    said = subprocess.run(
        command, env={**os.environ, "KERAS_BACKEND": "jax"}, capture_output=True, text=True, timeout=900, check=False
    )
    assert said.returncode == 0, said.stderr
    assert json.loads((run / "run.json").read_text("utf-8"))["device"]["backend"] == "jax"
    bundle = export_run(run)
    assert bundle.card.provenance["parity"]["logit"] <= 1e-4
    report = evaluate_run(run)
    assert report.films == len(read_rows(run / "predictions.csv")) > 10
