from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

import pytest
from boxed_model import box_with_a_model

from lucency import DEFAULT_MODEL
from lucency.errors import BundleError
from lucency.workflows.models import describe_models

AUROC = {"value": 0.85, "low": 0.8, "high": 0.9, "reason": None, "dropped": 0, "method": "bootstrap"}
SENSITIVITY = {"value": 0.8, "low": 0.7, "high": 0.9, "reason": None, "dropped": 0, "method": "bootstrap"}


def test_every_figure_is_that_of_the_card(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bundle = box_with_a_model(
        tmp_path,
        monkeypatch,
        metrics={"split": "test", "films": 50, "fractured": 20, "figures": {"auroc": AUROC}},
        training_data={"source": "atlas", "splits": {"train": {"films": 300, "fractured": 100}}},
        provenance={"validation": {"operating_points": {"youden": {"sensitivity": SENSITIVITY}}}},
        licence="CC BY 4.0",
    )
    found = describe_models()
    assert found["default"] == DEFAULT_MODEL
    (model,) = found["models"]
    assert (model["name"], model["default"], model["bundle"]) == (DEFAULT_MODEL, True, bundle.identity)
    assert (model["auroc"], model["licence"]) == (AUROC, "CC BY 4.0")
    assert model["measured_on"] == {
        "split": "test", "films": 50, "groups": None, "fractured": 20, "optimistic_reason": None
    }  # fmt: skip
    assert model["trained_on"] == {"source": "atlas", "films": 300, "fractured": 100}
    assert model["bytes"] == sum(path.stat().st_size for path in bundle.folder.iterdir())
    for name, file in model["files"].items():
        assert file["sha256"] == hashlib.sha256((bundle.folder / name).read_bytes()).hexdigest()
    assert (model["refuses"], model["knows_its_films"]) == (False, True)
    youden, screening = model["operating_points"]
    # With its interval where the card has one, alone where it has none, and not at all where it is not known.
    assert youden["sensitivity"] == SENSITIVITY
    assert (youden["specificity"]["value"], youden["specificity"]["low"]) == (0.7, None)
    assert youden["specificity"]["reason"]
    assert screening == {"name": "screening", "threshold": 0.2, "sensitivity": None, "specificity": None}
    assert describe_models(DEFAULT_MODEL) == found


def test_what_a_card_does_not_say_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    box_with_a_model(tmp_path, monkeypatch)
    (model,) = describe_models()["models"]
    assert model["auroc"] is None
    assert model["measured_on"] is None
    assert model["trained_on"] == {"source": None, "films": None, "fractured": None}


def test_no_model_an_unknown_one_and_an_altered_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bundle = box_with_a_model(tmp_path, monkeypatch)
    with pytest.raises(BundleError, match="is no model in the box"):
        describe_models("lucency-9")
    bundle.model_path.write_bytes(b"another model")
    with pytest.raises(BundleError, match="hash does not match"):
        describe_models()
    shutil.rmtree(bundle.folder)
    assert describe_models()["models"] == []
    with pytest.raises(BundleError, match="did not come with this installation"):
        describe_models(DEFAULT_MODEL)
