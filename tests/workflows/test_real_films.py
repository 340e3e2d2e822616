"""The walks on real films and real DICOM; run by `make test-real`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from lucency.bundle import Card, write_bundle
from lucency.datasets.manifest import Manifest
from lucency.learning.backend import choose_backend
from lucency.predictor import Predictor
from lucency.workflows.train import train

pytestmark = pytest.mark.realdata

WEIGHTS = "weights/mobilenet_v1_1.0_224_imagenet_notop.weights.h5"
LOSSLESS = ("RG3_RLE", "RG3_JPLL", "RG3_JLSL", "RG3_J2KR")
LOSSY = ("RG3_JLSN", "RG3_J2KI", "RG3_JPLY")


@pytest.fixture(scope="module")
def sensitive(real_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Predictor:
    """MobileNet with its ImageNet weights and a drawn head: not a good judge, but one that sees small changes."""
    choose_backend()
    from lucency.learning.classifier import build_classifier
    from lucency.learning.export import OUTPUTS, export_onnx
    from lucency.learning.recipe import load_recipe

    recipe = load_recipe("mobilenet", [f"model.weights={real_data / WEIGHTS}"])
    folder = tmp_path_factory.mktemp("sensitive")
    export_onnx(build_classifier(recipe), recipe, folder / "model.onnx")
    write_bundle(folder, Card("sensitive", recipe.input_spec, "", outputs=OUTPUTS))
    return Predictor(folder)


def test_lossless_syntaxes_of_one_film_give_one_probability(real_data: Path, sensitive: Predictor) -> None:
    said = {name: sensitive.predict(real_data / "dicom" / f"{name}.dcm").probability for name in (*LOSSLESS, *LOSSY)}
    reference = said[LOSSLESS[0]]
    assert 0.01 < reference < 0.99
    for name in LOSSLESS:
        assert said[name] == pytest.approx(reference, abs=1e-6), name
    for name in LOSSY:
        assert said[name] == pytest.approx(reference, abs=0.02), name


def test_fracatlas_from_folder_to_report(real_data: Path, tmp_path: Path) -> None:
    overrides = ["input.height=128", "input.width=128", "training.head_epochs=2", "training.epochs=0",
                 "training.head_learning_rate=0.003"]  # fmt: skip
    result = train(real_data / "fracatlas", weights=str(real_data / WEIGHTS), overrides=overrides, out=tmp_path / "run")
    findings = json.loads((result.run / "findings.json").read_text())
    truncated, by_class = [f for f in findings if f["evidence"].get("code") == "truncated"]
    assert (truncated["severity"], by_class["severity"]) == ("error", "warning")
    assert len(truncated["image_ids"]) == 59
    assert truncated["evidence"]["not_fractured"] == 59
    table = Manifest.read(result.run / "manifest.csv").table
    assert len(table) == 3420
    assert (table.groupby("group")["split"].nunique() == 1)[lambda s: s.index != ""].all()
    assert (table.groupby("sha256")["split"].nunique() == 1).all()
    assert result.report is not None
    auroc = result.report.metrics["auroc"]
    # Frozen features at 128 pixels: far under the trained recipe, far above guessing.
    assert auroc["value"] > 0.65
    assert auroc["low"] < auroc["value"] < auroc["high"]
