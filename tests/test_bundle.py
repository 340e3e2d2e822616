from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from lucency.bundle import SCHEMA_VERSION, Card, read_bundle, write_bundle
from lucency.calibration import Calibration
from lucency.decision import OperatingPoint
from lucency.errors import BundleError
from lucency.imaging.geometry import InputSpec
from lucency.workflows.train import TrainResult


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A bundle whose model is no ONNX file: reading and verifying never look inside."""
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "model.onnx").write_bytes(b"any bytes")
    card = Card(
        "trial",
        InputSpec(64, 48),
        "",
        outputs=("logit",),
        calibration=Calibration(1.7),
        operating_points=(OperatingPoint("youden", 0.4, 0.9, 0.8),),
        default_operating_point="youden",
    )
    write_bundle(tmp_path / "b", card)
    return tmp_path / "b"


def rewrite(folder: Path, **changes: object) -> None:
    card = json.loads((folder / "card.json").read_text())
    (folder / "card.json").write_text(json.dumps({**card, **changes}))


def test_what_was_written_is_read_back(folder: Path) -> None:
    card = read_bundle(folder).card
    assert card.input == InputSpec(64, 48)
    assert card.calibration.temperature == 1.7
    assert card.operating_point() == OperatingPoint("youden", 0.4, 0.9, 0.8)
    assert "Not a medical device" in card.intended_use


def test_the_identity_changes_with_what_changes_answers_and_with_nothing_else(folder: Path) -> None:
    from dataclasses import replace

    before = read_bundle(folder)
    assert before.identity.startswith("trial@")
    with_metrics = write_bundle(folder, replace(before.card, metrics={"auroc": 0.9}))
    assert with_metrics.identity == before.identity
    assert write_bundle(folder, replace(before.card, calibration=Calibration(2.0))).identity != before.identity
    (folder / "model.onnx").write_bytes(b"other bytes")
    assert write_bundle(folder, before.card).identity != before.identity


def test_an_altered_model_is_refused(folder: Path) -> None:
    (folder / "model.onnx").write_bytes(b"any byteS")
    with pytest.raises(BundleError, match=r"model\.onnx.*hash does not match"):
        read_bundle(folder)


def test_an_altered_card_is_refused(folder: Path) -> None:
    rewrite(folder, calibration={"method": "temperature", "temperature": 1.0})
    with pytest.raises(BundleError, match="altered"):
        read_bundle(folder)


def test_a_newer_schema_is_refused_with_the_way_out(folder: Path) -> None:
    rewrite(folder, schema_version=SCHEMA_VERSION + 1)
    with pytest.raises(BundleError, match=rf"schema version {SCHEMA_VERSION + 1}.*Upgrade"):
        read_bundle(folder)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"name": "x"}', "\udcff".encode("utf-8", "surrogateescape")])
def test_a_card_that_is_none_is_one_clear_line(folder: Path, text: str | bytes) -> None:
    (folder / "card.json").write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(BundleError) as caught:
        read_bundle(folder)
    assert "\n" not in str(caught.value)


def test_a_missing_part_is_named(folder: Path, tmp_path: Path) -> None:
    (folder / "model.onnx").unlink()
    with pytest.raises(BundleError, match=r"model\.onnx is missing"):
        read_bundle(folder)
    with pytest.raises(BundleError, match="does not exist"):
        read_bundle(tmp_path / "nowhere")
    with pytest.raises(BundleError, match="holds no bundle"):
        read_bundle(tmp_path)


def test_an_unknown_operating_point_lists_the_known_ones(folder: Path) -> None:
    with pytest.raises(BundleError, match=r"'confirm'.*youden"):
        read_bundle(folder).card.operating_point("confirm")


def test_a_run_folder_stands_for_its_bundle(trained: TrainResult, tmp_path: Path) -> None:
    shutil.copytree(trained.run / "bundle", tmp_path / "run" / "bundle")
    assert read_bundle(tmp_path / "run").folder == tmp_path / "run" / "bundle"


def test_all_that_is_fitted_is_read_back_and_part_of_the_identity(folder: Path) -> None:
    from dataclasses import replace

    from lucency.abstention import Abstention

    before = read_bundle(folder)
    assert before.card.abstention is None
    names = {before.identity}
    for changes in (
        {"calibration": Calibration(1.7, -0.5)},
        {"calibration": Calibration(knots=((-1.0, -2.0), (1.0, 0.5)))},
        {"abstention": Abstention((0.5, 1.5), (-1.0,), 0.1)},
        {"abstention": Abstention((0.5, 1.5), (-1.0,))},
    ):
        written = write_bundle(folder, replace(before.card, **changes))  # type: ignore[arg-type]
        for name, value in changes.items():
            assert getattr(read_bundle(folder).card, name) == value
        names.add(written.identity)
    assert len(names) == 5
    told = {"split": "val", "films": 3, "edges": [0.0, 1.0], "fractured": [1], "not_fractured": [2]}
    assert write_bundle(folder, replace(before.card, scores=told)).identity == before.identity
    assert read_bundle(folder).card.scores == told


@pytest.mark.parametrize(
    "changes",
    [
        {"calibration": {"method": "spline"}},
        {"abstention": {"fractured": [1.0, 0.0], "not_fractured": [], "error_rate": None}},
        {"abstention": {"fractured": []}},
    ],
)
def test_a_card_whose_fit_means_nothing_is_one_clear_line(folder: Path, changes: dict[str, object]) -> None:
    from lucency.card import card_hash

    card = {key: value for key, value in json.loads((folder / "card.json").read_text()).items() if key != "card_sha256"}
    card |= changes
    (folder / "card.json").write_text(json.dumps({**card, "card_sha256": card_hash(card)}))
    with pytest.raises(BundleError, match=r"card\.json cannot be read") as caught:
        read_bundle(folder)
    assert "\n" not in str(caught.value)
