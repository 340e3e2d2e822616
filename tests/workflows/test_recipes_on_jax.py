"""Recipes that train on JAX and become measured bundles where TensorFlow is."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from lucency.learning.recipe import recipe_names
from lucency.workflows.evaluate import evaluate_run
from lucency.workflows.export import export_run
from lucency.workflows.run_folder import read_rows

BY_DEFAULT = ("four-block", "tiny-vgg-augmented")
CHANGES = (
    "input.height=64", "input.width=64", "training.epochs=1", "training.head_epochs=0", "training.batch_size=16",
    "evaluation.resamples=100", "model.weights=none",
)  # fmt: skip
TRAIN_EACH = """
import sys
from lucency.cli.main import main

films, folder, *words = sys.argv[1:]
changes, names = words[: words.index("--")], words[words.index("--") + 1 :]
for name in names:
    sys.argv = ["lucency", "train", films, "--recipe", name, "--out", f"{folder}/{name}", *changes]
    try:
        main()
    except SystemExit as ended:
        if ended.code:
            raise
"""


def train_on_jax(films: Path, folder: Path, names: Sequence[str]) -> None:
    """Trains one recipe after the other by the command line, in one process of its own."""
    command = [sys.executable, "-c", TRAIN_EACH, str(films), str(folder)]
    command += [*(word for value in CHANGES for word in ("--set", value)), "--", *names]
    said = subprocess.run(
        command, env={**os.environ, "KERAS_BACKEND": "jax"}, capture_output=True, text=True, timeout=900, check=False
    )
    assert said.returncode == 0, said.stderr


@pytest.fixture(scope="module")
def small_ones(drawn_films: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Runs of the recipes of the default suite: to start Python with JAX takes longer than to train one of them."""
    folder = tmp_path_factory.mktemp("jax")
    train_on_jax(drawn_films, folder, BY_DEFAULT)
    return folder


@pytest.mark.parametrize("name", BY_DEFAULT)
def test_it_trains_on_jax_and_its_bundle_is_measured(name: str, small_ones: Path) -> None:
    is_measured(small_ones / name)


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in recipe_names() if name not in BY_DEFAULT])
def test_a_large_one_trains_on_jax_and_its_bundle_is_measured(name: str, drawn_films: Path, tmp_path: Path) -> None:
    train_on_jax(drawn_films, tmp_path, [name])
    is_measured(tmp_path / name)


def is_measured(run: Path) -> None:
    assert json.loads((run / "run.json").read_text("utf-8"))["device"]["backend"] == "jax"
    bundle = export_run(run)
    assert bundle.card.provenance["parity"]["logit"] <= 1e-4
    report = evaluate_run(run)
    assert report.films == len(read_rows(run / "predictions.csv")) > 10
