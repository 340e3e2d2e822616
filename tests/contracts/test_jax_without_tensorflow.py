"""A model is trained under JAX where TensorFlow is not installed, and becomes a bundle where it is."""

from __future__ import annotations

import csv
import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from lucency import Predictor

from .linked_environment import LinkedEnvironment, make_environment

SMALL = ("input.height=64", "input.width=64", "training.epochs=2", "training.batch_size=16", "evaluation.resamples=100")
ABSENT = ("tensorflow", "tf2onnx", "onnx")


@dataclass(frozen=True)
class JaxRun:
    """What training in such an environment gave."""

    folder: Path
    returncode: int
    stdout: str
    stderr: str


@pytest.fixture(scope="module")
def jax_only(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> LinkedEnvironment:
    """The environment of `pip install "lucency[train-jax]"`."""
    return make_environment(tmp_path_factory.mktemp("jax"), wheel, extras=["train-jax"])


@pytest.fixture(scope="module")
def run(jax_only: LinkedEnvironment, drawn_films: Path) -> JaxRun:
    values = [word for value in SMALL for word in ("--set", value)]
    command = ["train", drawn_films, "--recipe", "tiny-vgg", *values, "--out", "runs/first"]
    said = jax_only.run(jax_only.lucency, *command, KERAS_BACKEND="jax")
    return JaxRun(jax_only.work / "runs" / "first", said.returncode, said.stdout, said.stderr)


@pytest.fixture
def there(run: JaxRun, tmp_path: Path) -> Path:
    """A copy of the run, as it is carried to another machine."""
    return Path(shutil.copytree(run.folder, tmp_path / "first"))


def test_tensorflow_is_not_there(jax_only: LinkedEnvironment) -> None:
    assert jax_only.has(*ABSENT, "jax", "keras") == {**dict.fromkeys(ABSENT, False), "jax": True, "keras": True}


def test_training_ends_with_a_saved_model(run: JaxRun) -> None:
    assert run.returncode == 0, run.stderr
    assert run.stdout == "runs/first\n"
    for name in ("model.keras", "validation.csv", "recipe.toml", "history.csv", "summary.txt"):
        assert (run.folder / name).stat().st_size > 0
    assert list((run.folder / "tensorboard").iterdir())
    details = json.loads((run.folder / "run.json").read_text("utf-8"))
    assert details["device"]["backend"] == "jax"
    assert "tensorflow" not in " ".join(details["versions"])
    assert list(details["stages"]) == ["trained"]


def test_the_last_line_says_that_the_bundle_needs_tensorflow(run: JaxRun) -> None:
    last = run.stderr.splitlines()[-1]
    assert "needs TensorFlow" in last
    assert last.endswith("lucency export runs/first")


def test_without_a_choice_jax_is_found(jax_only: LinkedEnvironment) -> None:
    said = jax_only.run(
        jax_only.python, "-c", "from lucency.learning.backend import choose_backend; print(choose_backend())"
    )
    assert said.stdout == "jax\n", said.stderr


def test_export_elsewhere_makes_a_bundle_that_says_what_jax_said(there: Path) -> None:
    # Whoever trains under JAX has this set; export needs TensorFlow all the same.
    surroundings = {**os.environ, "KERAS_BACKEND": "jax"}
    command = [sys.executable, "-c", "from lucency.cli.main import main; main()", "export", str(there)]
    said = subprocess.run(command, env=surroundings, capture_output=True, text=True, timeout=300, check=False)
    assert said.returncode == 0, said.stderr
    assert said.stdout == f"{there / 'bundle'}\n"
    predictor = Predictor(there)
    paths = pd.read_csv(there / "manifest.csv").set_index("image_id")["path"]
    with (there / "validation.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    logits = [predictor.predict(there / paths[row["image_id"]]).logit for row in rows]
    assert len(rows) > 10
    np.testing.assert_allclose(logits, [float(row["logit"]) for row in rows], atol=1e-4)
    assert np.ptp(logits) > 1e-3
    assert predictor.bundle.card.provenance["device"]["backend"] == "jax"


def test_export_there_names_what_it_lacks(jax_only: LinkedEnvironment, run: JaxRun) -> None:
    said = jax_only.run(jax_only.lucency, "export", run.folder)
    assert said.returncode == 7, said.stderr
    assert said.stderr.count("\n") == 1
    assert "tensorflow" in said.stderr.lower()
    assert 'pip install "lucency[train]"' in said.stderr
    assert not (run.folder / "bundle" / "model.onnx").exists()
