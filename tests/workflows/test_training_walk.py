from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from conftest_training import StopAt

from lucency.datasets.manifest import Manifest
from lucency.errors import DatasetError, RecipeError, RunError, StrictError
from lucency.workflows.evaluate import evaluate, evaluate_run
from lucency.workflows.export import export_run
from lucency.workflows.run_folder import RunFolder, read_rows
from lucency.workflows.teller import Teller
from lucency.workflows.train import TrainResult, resume_training, train

SMALL = ("input.height=64", "input.width=64", "training.epochs=2", "training.batch_size=16", "evaluation.resamples=100")


class Heard(Teller):
    def __init__(self) -> None:
        self.lines: list[str] = []
        self.stages: set[str] = set()

    def say(self, text: str) -> None:
        self.lines.append(text)

    def progress(self, stage: str, done: int, total: int, detail: str = "") -> None:
        self.stages.add(stage)


def test_a_run_holds_everything_that_was_done(trained: TrainResult) -> None:
    run = trained.run
    for name in (
        "recipe.toml",
        "manifest.csv",
        "findings.json",
        "summary.txt",
        "model.keras",
        "report.html",
        "log.txt",
    ):
        assert (run / name).stat().st_size > 0, name
    assert list((run / "tensorboard").glob("events.out.tfevents.*"))
    for name in ("roc", "precision_recall", "reliability", "confusion", "training", "samples"):
        assert (run / "figures" / f"{name}.png").read_bytes().startswith(b"\x89PNG"), name
    with (run / "history.csv").open() as file:
        history = list(csv.DictReader(file))
    assert [row["epoch"] for row in history] == ["1", "2"]
    assert all(float(row["val_loss"]) > 0 for row in history)
    details = json.loads((run / "run.json").read_text())
    assert set(details["stages"]) == {"trained", "exported", "evaluated"}
    assert details["device"]["devices"]
    assert details["data"]["manifest_sha256"] == Manifest.read(run / "manifest.csv").content_hash()
    assert "Total params" in (run / "summary.txt").read_text()


def test_the_report_is_of_the_shipped_file_on_test_films_alone(trained: TrainResult) -> None:
    manifest = Manifest.read(trained.run / "manifest.csv")
    test_ids = set(manifest.subset("test").table["image_id"])
    assert {row["image_id"] for row in read_rows(trained.run / "predictions.csv")} == test_ids
    assert trained.report is not None
    assert trained.report.films == len(test_ids)
    assert trained.report.optimistic_reason is None
    assert {baseline["name"] for baseline in trained.report.baselines} == {"majority", "nearest_neighbour"}
    for name, figure in trained.report.metrics.items():
        assert (figure["low"] is None) == (name == "ece") or figure["reason"], name


def test_thresholds_and_temperature_come_from_validation_films(trained: TrainResult) -> None:
    assert trained.bundle is not None
    rows = read_rows(trained.run / "validation.csv")
    val = Manifest.read(trained.run / "manifest.csv").subset("val").table
    assert [row["image_id"] for row in rows] == list(val["image_id"])
    labels = np.array([int(row["label"]) for row in rows])
    probabilities = trained.bundle.card.calibration.probability([float(row["logit"]) for row in rows])
    for point in trained.bundle.card.operating_points:
        called = probabilities >= point.threshold
        assert called[labels == 1].mean() == pytest.approx(point.sensitivity)
        assert (~called[labels == 0]).mean() == pytest.approx(point.specificity)


def test_no_group_stands_on_two_sides(trained: TrainResult) -> None:
    table = Manifest.read(trained.run / "manifest.csv").table
    assert (table.groupby("group")["split"].nunique() == 1).all()
    assert table["group"].nunique() > 20


def test_an_interrupted_run_ends_like_an_unbroken_one(drawn_films: Path, tmp_path: Path) -> None:
    overrides = (
        *SMALL[:2],
        "training.epochs=3",
        "training.batch_size=32",
        "augmentation.rotation=10",
        "model.dropout=0.2",
    )
    overrides = (*overrides, "training.schedule=cosine", "training.optimizer=adamw", "evaluation.resamples=100")
    whole = train(drawn_films, recipe="tiny-vgg", overrides=overrides, out=tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        train(
            drawn_films,
            recipe="tiny-vgg",
            overrides=overrides,
            out=tmp_path / "broken",
            callbacks=[StopAt(epoch=1, batch=1)],
        )
    assert not RunFolder.open(tmp_path / "broken").has("trained")
    with pytest.raises(RunError, match="--resume"):
        export_run(tmp_path / "broken")
    resumed = resume_training(tmp_path / "broken")
    one, two = (read_rows(path / "history.csv") for path in (whole.run, resumed.run))
    assert len(one) == len(two) == 3
    for left, right in zip(one, two, strict=True):
        for key in ("loss", "val_loss", "auroc", "val_auroc", "learning_rate"):
            assert float(left[key]) == pytest.approx(float(right[key]), abs=1e-5)
    logits = [[float(row["logit"]) for row in read_rows(path / "predictions.csv")] for path in (whole.run, resumed.run)]
    np.testing.assert_allclose(*logits, atol=1e-5)


def test_a_run_whose_films_changed_is_not_resumed(drawn_films: Path, tmp_path: Path) -> None:
    films = tmp_path / "films"
    shutil.copytree(drawn_films, films)
    with pytest.raises(KeyboardInterrupt):
        train(films, recipe="tiny-vgg", overrides=SMALL, out=tmp_path / "run", callbacks=[StopAt(epoch=1, batch=1)])
    victim = Path(Manifest.read(tmp_path / "run" / "manifest.csv").table["path"].iloc[0])
    victim.write_bytes(victim.with_name(sorted(p.name for p in victim.parent.iterdir())[-1]).read_bytes())
    with pytest.raises(RunError, match="not what they were"):
        resume_training(tmp_path / "run")


def test_a_run_whose_films_are_gone_names_them(trained: TrainResult, drawn_films: Path, tmp_path: Path) -> None:
    copied = Path(shutil.copytree(trained.run, tmp_path / "runs" / "copy"))
    rows = read_rows(copied / "manifest.csv")
    lines = (copied / "manifest.csv").read_text("utf-8")
    for row in rows:
        lines = lines.replace(row["path"], str(drawn_films / Path(row["path"]).parent.name / Path(row["path"]).name))
    absent = str(tmp_path / "nowhere.png")
    first = next(row for row in rows if row["split"] == "test")
    path = str(drawn_films / Path(first["path"]).parent.name / Path(first["path"]).name)
    (copied / "manifest.csv").write_text(lines.replace(path, absent), "utf-8")
    with pytest.raises(RunError, match=f"films of the run are gone: {first['image_id']}"):
        evaluate_run(copied)


def test_a_loss_that_is_no_number_from_the_start_leaves_no_run(drawn_films: Path, tmp_path: Path) -> None:
    changes = [*SMALL, "training.learning_rate=1e30", "training.epochs=3"]
    with pytest.raises(RunError, match=r"loss became (nan|inf) in epoch 1.*No epoch was finished"):
        train(drawn_films, recipe="tiny-vgg", overrides=changes, out=tmp_path / "runs" / "first")
    assert not (tmp_path / "runs" / "first").exists()
    again = train(drawn_films, recipe="tiny-vgg", overrides=SMALL, out=tmp_path / "runs" / "first", through="trained")
    assert (again.run / "model.keras").is_file()


def test_kept_views_that_no_epoch_can_use_are_said(drawn_films: Path, tmp_path: Path) -> None:
    heard = Heard()
    changes = [*SMALL, "training.cached_views=3", "training.epochs=1"]
    train(drawn_films, recipe="tiny-vgg", overrides=changes, out=tmp_path / "run", teller=heard, through="trained")
    assert any("cached_views has no effect" in line for line in heard.lines)


def test_a_run_is_never_overwritten(trained: TrainResult, drawn_films: Path) -> None:
    with pytest.raises(RunError, match="holds a run already"):
        train(drawn_films, recipe="tiny-vgg", overrides=SMALL, out=trained.run)


def test_the_bundle_can_be_made_where_the_films_are_not(trained: TrainResult, tmp_path: Path) -> None:
    for name in ("run.json", "recipe.toml", "model.keras", "validation.csv"):
        shutil.copy(trained.run / name, tmp_path / name)
    bundle = export_run(tmp_path, out=tmp_path / "carried")
    assert trained.bundle is not None
    assert bundle.card.calibration == trained.bundle.card.calibration
    assert bundle.card.operating_points == trained.bundle.card.operating_points


def test_validation_films_as_test_films_are_called_optimistic(drawn_films: Path, tmp_path: Path) -> None:
    result = train(drawn_films, recipe="tiny-vgg", overrides=[*SMALL, "split.test_from_val=true"], out=tmp_path / "run")
    assert result.report is not None
    assert result.report.optimistic_reason
    assert "optimistic" in (tmp_path / "run" / "report.html").read_text()
    again = evaluate_run(tmp_path / "run")
    assert again.optimistic_reason == result.report.optimistic_reason


def test_mobilenet_trains_head_first_from_a_weights_file(drawn_films: Path, tmp_path: Path) -> None:
    from lucency.learning.backbones import BACKBONES

    BACKBONES["mobilenet"].factory((64, 64, 3)).save_weights(tmp_path / "own.weights.h5")
    overrides = [*SMALL[:2], *SMALL[3:], "training.epochs=1", "training.head_epochs=1"]
    weights = str(tmp_path / "own.weights.h5")
    result = train(drawn_films, recipe="mobilenet", weights=weights, overrides=overrides, out=tmp_path / "run")
    assert [row["phase"] for row in read_rows(tmp_path / "run" / "history.csv")] == ["head", "fine-tune"]
    assert result.bundle is not None
    assert result.bundle.card.outputs == ("logit", "heatmap", "embedding")


def test_a_bundle_is_measured_on_other_films(trained: TrainResult, tmp_path: Path) -> None:
    from lucency.datasets.synthetic import write_dataset

    other = write_dataset(tmp_path / "other", films=40, seed=77, size=96)
    assert trained.bundle is not None
    report = evaluate(trained.bundle, other, out=tmp_path / "report", resamples=100)
    assert report.films == 40
    assert (tmp_path / "report" / "report.html").is_file()
    assert {baseline["name"] for baseline in report.baselines} == {"majority"}
    with pytest.raises(DatasetError, match="no films were given"):
        evaluate(trained.bundle)


def test_unreadable_films_are_left_out_and_the_run_goes_on(drawn_films: Path, tmp_path: Path) -> None:
    films = tmp_path / "films"
    shutil.copytree(drawn_films, films)
    (films / "dataset.csv").unlink()
    good = sorted((films / "Fractured").iterdir())[0].read_bytes()
    (films / "Fractured" / "cut.jpg").write_bytes(good[: len(good) // 2])
    (films / "Fractured" / "empty.jpg").write_bytes(b"")
    (films / "Not_fractured" / "text.jpg").write_text("this is no film")
    heard = Heard()
    result = train(films, recipe="tiny-vgg", overrides=SMALL, out=tmp_path / "run", teller=heard)
    assert any(line.startswith("3 film(s) cannot be used") for line in heard.lines)
    assert len(Manifest.read(tmp_path / "run" / "manifest.csv")) == 120
    findings = json.loads((tmp_path / "run" / "findings.json").read_text())
    assert {f["evidence"]["code"] for f in findings if f["check"] == "files"} == {
        "truncated",
        "empty_file",
        "not_an_image",
    }
    assert result.report is not None
    with pytest.raises(StrictError, match="findings"):
        train(films, recipe="tiny-vgg", overrides=SMALL, out=tmp_path / "strict", strict=True)


def test_nothing_is_written_for_a_wrong_recipe_or_an_unknown_folder(tmp_path: Path, drawn_films: Path) -> None:
    with pytest.raises(RecipeError):
        train(drawn_films, recipe="tiny-vgg", overrides=["training.epoch=1"], out=tmp_path / "run")
    with pytest.raises(DatasetError):
        train(tmp_path / "nowhere", recipe="tiny-vgg", out=tmp_path / "run")
    assert not (tmp_path / "run").exists()
