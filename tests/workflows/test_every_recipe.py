"""Each recipe, at a small input, from films to an evaluated bundle; its saved models answer like the trained one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from lucency.datasets.synthetic import write_dataset
from lucency.learning.backend import choose_backend
from lucency.learning.recipe import load_recipe, recipe_names
from lucency.learning.recipe_sections import ModelSection
from lucency.predictor import Predictor
from lucency.workflows.run_folder import read_rows
from lucency.workflows.train import TrainResult, train

choose_backend()
import keras  # noqa: E402
import onnxruntime  # noqa: E402

from lucency.learning.inference_twin import inference_twin  # noqa: E402

SIDE = 64
LARGE = ("convnext-tiny", "densenet121", "efficientnetb2", "efficientnetb3", "efficientnetv2b0", "resnet50", "vgg16")
"""Their graphs take minutes; that each of them is built and answers, the default suite asks of the tables' rows."""


@pytest.fixture(scope="module")
def few_films(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a network costs here is mostly its graph; of ConvNeXt, though, each step takes seconds. Read only."""
    return write_dataset(tmp_path_factory.mktemp("few") / "films", films=60, seed=5, size=96)


@pytest.fixture(
    scope="module",
    params=[pytest.param(name, marks=[pytest.mark.slow] if name in LARGE else []) for name in recipe_names()],
)
def run(request: pytest.FixtureRequest, few_films: Path, tmp_path_factory: pytest.TempPathFactory) -> TrainResult:
    plan = load_recipe(request.param)
    # The two phases of the larger networks are alike; one of them shows both, the others go straight to the second.
    both = request.param == "mobilenetv3"
    overrides = [
        f"input.height={SIDE}",
        f"input.width={SIDE}",
        f"training.head_epochs={min(1, plan.training.head_epochs) if both else 0}",
        "training.epochs=1",
        "training.batch_size=16",
        "evaluation.resamples=100",
        # At their own settings most recipes would move too little in a few steps.
        "training.learning_rate=0.003",
        "training.warmup_epochs=0",
        # Theirs want sides that are multiples of 32.
        *(["model.scales=[1.5,0.5]"] if plan.model.scales else []),
    ]
    # Siblings, so that the films are prepared once.
    folder = tmp_path_factory.getbasetemp() / "every-recipe"
    result = train(
        few_films, recipe=request.param, weights="none", overrides=overrides, out=folder / request.param, h5=True
    )
    keras.backend.clear_session()
    return result


def test_it_trains_and_its_bundle_is_measured(run: TrainResult) -> None:
    assert run.report is not None
    assert 0 <= run.report.metrics["auroc"]["value"] <= 1
    history = read_rows(run.run / "history.csv")
    for name in ("loss", "accuracy", "precision", "recall", "auroc"):
        assert np.isfinite(float(history[-1][name])), name
        assert np.isfinite(float(history[-1][f"val_{name}"])), name
    parity = json.loads((run.run / "bundle" / "card.json").read_text("utf-8"))["provenance"]["parity"]
    # A few large steps from random weights can end at logits far from zero, where float32 rounds more coarsely.
    largest = max(abs(float(row["logit"])) for row in read_rows(run.run / "validation.csv"))
    assert parity["logit"] <= 1e-3 * max(1.0, largest)


def test_the_predictor_gives_the_logit_of_keras_and_a_heat_map(run: TrainResult) -> None:
    predictor = Predictor(run.run)
    films = read_rows(run.run / "manifest.csv")
    rows = read_rows(run.run / "validation.csv")[:2]
    places = {row["image_id"]: row["path"] for row in films}
    for row in rows:
        answer = predictor.predict(run.run / places[row["image_id"]])
        assert answer.logit == pytest.approx(float(row["logit"]), rel=1e-4, abs=1e-4)
        assert answer.heatmap is not None
        assert answer.heatmap.ndim == 2
        assert np.isfinite(answer.heatmap).all()


def logits_of(model: Any, films: npt.NDArray[np.float32], plan: ModelSection) -> npt.NDArray[np.float32]:
    """What a saved model says, (B,); of several sizes or a mirror image the mean, which its bundle gives alone."""
    answer = inference_twin(model, plan)(films) if plan.scales or plan.mirror else model(films, training=False)
    logits = keras.ops.convert_to_numpy(answer["logit"] if isinstance(answer, dict) else answer)
    flat: npt.NDArray[np.float32] = logits.reshape(-1)
    return flat


def test_keras_and_h5_files_reload_to_identical_outputs(run: TrainResult) -> None:
    films = np.random.default_rng(3).integers(0, 256, (3, SIDE, SIDE, 1)).astype(np.float32)
    first, second = (keras.saving.load_model(run.run / name, compile=False) for name in ("model.keras", "model.h5"))
    plan = load_recipe(run.run / "recipe.toml").model
    answers = [logits_of(model, films, plan) for model in (first, second)]
    np.testing.assert_array_equal(answers[0], answers[1])
    session = onnxruntime.InferenceSession(run.run / "bundle" / "model.onnx", providers=["CPUExecutionProvider"])
    np.testing.assert_allclose(answers[0], session.run(["logit"], {"film": films})[0], rtol=1e-4, atol=1e-4)
    # What the files hold can be loaded where Lucency is not installed.
    assert "lucency" not in json.dumps(first.get_config())
