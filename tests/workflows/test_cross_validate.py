from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from heard import Heard
from stated_page import stated_json

from lucency.bundle import read_bundle
from lucency.datasets.manifest import Manifest
from lucency.errors import DatasetError, RunError
from lucency.workflows import cross_validate as walk
from lucency.workflows.cross_validate import CrossValidation, cross_validate, resume_cross_validation
from lucency.workflows.run_folder import RunFolder, read_rows

TINY = (
    "input.height=32",
    "input.width=32",
    "training.epochs=1",
    "training.batch_size=32",
    "evaluation.resamples=100",
)
TEST_FILMS = 20


@pytest.fixture(scope="module")
def table(drawn_films: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The drawn films, ten of each class given as test."""
    from lucency.workflows.scan import read_films

    manifest = read_films(drawn_films)
    for label in (0, 1):
        rows = manifest.table.index[manifest.table["label"] == label][: TEST_FILMS // 2]
        manifest.table.loc[rows, "split"] = "test"
    path = tmp_path_factory.mktemp("table") / "drawn.csv"
    manifest.write(path)
    return path


@pytest.fixture(scope="module")
def crossed(table: Path, tmp_path_factory: pytest.TempPathFactory) -> CrossValidation:
    """Two folds, the second begun only after an interruption. Read only."""
    out = tmp_path_factory.mktemp("crossed") / "two"
    patched = pytest.MonkeyPatch()
    whole, heard = walk.run_fold, Heard()

    def stopped(series: Any, fold: Any, *given: Any, **named: Any) -> None:
        if fold.fold == 2:
            raise KeyboardInterrupt
        whole(series, fold, *given, **named)

    patched.setattr(walk, "run_fold", stopped)
    with pytest.raises(KeyboardInterrupt):
        cross_validate(table, recipe="tiny-vgg", overrides=TINY, folds=2, out=out, teller=heard)
    patched.undo()
    assert heard.lines[-1] == f"Stopped after 1 of 2 folds; go on with: lucency cross-validate --resume {out}"
    first = (out / "folds" / "fold-1" / "model.keras").stat().st_mtime_ns
    result = cross_validate(table, recipe="tiny-vgg", overrides=TINY, folds=2, out=out, teller=heard)
    assert "1 of 2 folds are done" in heard.lines
    assert (out / "folds" / "fold-1" / "model.keras").stat().st_mtime_ns == first
    return result


def test_every_film_is_answered_once_by_a_model_that_did_not_see_it(crossed: CrossValidation, table: Path) -> None:
    given = Manifest.read(table).table
    with (crossed.folder / "out_of_fold.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["image_id", "label", "group", "repeat", "fold", "logit", "probability", "decision"]
    assert sorted(row["image_id"] for row in rows) == sorted(given[given["split"] != "test"]["image_id"])
    for fold in ("1", "2"):
        run = RunFolder.open(crossed.folder / "folds" / f"fold-{fold}")
        manifest = Manifest.read(run.path / "manifest.csv")
        answered = {row["image_id"] for row in rows if row["fold"] == fold}
        assert answered == set(manifest.subset("test").table["image_id"])
        seen = manifest.table[manifest.table["split"] != "test"]
        assert answered.isdisjoint(seen["image_id"])
        assert set(manifest.subset("test").table["group"]).isdisjoint(seen["group"])


def test_each_fold_is_calibrated_and_decided_by_its_own_model(crossed: CrossValidation) -> None:
    rows = read_rows(crossed.folder / "out_of_fold.csv")
    for fold in crossed.content["folds"]:
        card = read_bundle(crossed.folder / fold["run"]).card
        assert fold["threshold"] == card.operating_point().threshold
        own = [row for row in rows if row["fold"] == str(fold["fold"])]
        probabilities = card.calibration.probability([float(row["logit"]) for row in own])
        np.testing.assert_allclose(probabilities, [float(row["probability"]) for row in own])
        called = [row["decision"] == "fractured" for row in own]
        assert called == list(probabilities >= fold["threshold"])


def test_the_pooled_report_is_of_these_decisions(crossed: CrossValidation) -> None:
    rows = read_rows(crossed.folder / "out_of_fold.csv")
    hits = [row["decision"] == ("fractured" if row["label"] == "1" else "not_fractured") for row in rows]
    report = crossed.report
    assert report.films == len(rows) == 100
    assert report.metrics["accuracy"]["value"] == pytest.approx(np.mean(hits))
    scores = {kind: [float(r["probability"]) for r in rows if r["label"] == kind] for kind in ("0", "1")}
    pairs = [(a > b) + 0.5 * (a == b) for a in scores["1"] for b in scores["0"]]
    assert report.metrics["auroc"]["value"] == pytest.approx(np.mean(pairs))
    assert report.metrics["auroc"]["low"] is not None
    assert {baseline["name"] for baseline in report.baselines} == {"majority", "nearest_neighbour"}


def test_mean_and_spread_are_those_of_the_folds(crossed: CrossValidation) -> None:
    row = crossed.content["metrics"]["auroc"]
    of_folds = [
        json.loads((crossed.folder / fold["run"] / "report.json").read_text())["metrics"]["auroc"]["value"]
        for fold in crossed.content["folds"]
    ]
    assert row["folds"] == of_folds
    assert row["mean"] == pytest.approx(sum(of_folds) / 2)
    # Of two numbers, the standard deviation is their distance by the root of two.
    assert row["standard_deviation"] == pytest.approx(abs(of_folds[0] - of_folds[1]) / 2**0.5)


def test_what_is_written_and_said(crossed: CrossValidation) -> None:
    content = json.loads((crossed.folder / "cross-validation.json").read_text("utf-8"))
    assert stated_json().problems(content, "cross-validate --json") == []
    assert stated_json().problems({**content["pooled"], "bundle": "none"}, "report.json") == []
    assert content["left_out_test_films"] == TEST_FILMS
    assert any("took no part" in note for note in content["notes"])
    page = (crossed.folder / "cross-validation.html").read_text("utf-8")
    assert "no standard error" in page
    assert "Roc of each fold" in page
    for name in ("roc_of_each_fold", "metrics_of_each_fold", "roc", "reliability"):
        assert (crossed.folder / "figures" / f"{name}.png").is_file()


def test_another_cross_validation_in_the_same_folder_is_refused(crossed: CrossValidation, table: Path) -> None:
    with pytest.raises(RunError) as caught:
        cross_validate(table, recipe="tiny-vgg", overrides=TINY, folds=3, out=crossed.folder)
    assert caught.value.what == "was begun otherwise (folds: 2 then, 3 now)"
    assert str(caught.value.hint).endswith(f"--out {crossed.folder}-2")
    with pytest.raises(DatasetError, match="too few groups for 90 folds"):
        cross_validate(table, recipe="tiny-vgg", overrides=TINY, folds=90, out=crossed.folder)
    with pytest.raises(RunError, match=r"\(all films: false then, true now\)"):
        cross_validate(table, recipe="tiny-vgg", overrides=TINY, folds=2, all_films=True, out=crossed.folder)
    flipped = Manifest.read(table)
    flipped.table["label"] = 1 - flipped.table["label"]
    other = table.with_name("flipped.csv")
    flipped.write(other)
    with pytest.raises(RunError, match="the films, their labels, groups or splits differ"):
        cross_validate(other, recipe="tiny-vgg", overrides=TINY, folds=2, out=crossed.folder)


def test_too_few_groups_stop_before_anything_is_trained(drawn_films: Path, tmp_path: Path) -> None:
    manifest_path, out = tmp_path / "few.csv", tmp_path / "out"
    from lucency.workflows.scan import read_films

    manifest = read_films(drawn_films)
    few = manifest.keep((manifest.table["label"] == 0) | (manifest.table.index % 30 == 0))
    few.write(manifest_path)
    with pytest.raises(DatasetError, match="too few groups for 10 folds"):
        cross_validate(manifest_path, recipe="tiny-vgg", overrides=TINY, folds=10, out=out)
    assert [path.name for path in out.iterdir()] == ["folds"]
    manifest.table["split"] = "test"
    manifest.write(manifest_path)
    with pytest.raises(DatasetError, match="all films are given as test"):
        cross_validate(manifest_path, recipe="tiny-vgg", overrides=TINY, out=out)


def test_what_is_not_there_cannot_be_resumed(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="does not exist"):
        resume_cross_validation(tmp_path / "nothing")
    with pytest.raises(RunError, match="holds no folds"):
        resume_cross_validation(tmp_path)


@pytest.mark.slow
def test_repeats_count_each_film_once_in_each(table: Path, tmp_path: Path) -> None:
    result = cross_validate(
        table, recipe="tiny-vgg", overrides=TINY, folds=2, repeats=2, all_films=True, out=tmp_path / "out"
    )
    rows = read_rows(tmp_path / "out" / "out_of_fold.csv")
    assert len(rows) == 240
    for repeat in ("1", "2"):
        assert len({row["image_id"] for row in rows if row["repeat"] == repeat}) == 120
    sides = [{row["image_id"]: row["fold"] for row in rows if row["repeat"] == repeat} for repeat in ("1", "2")]
    assert sides[0] != sides[1]
    assert result.report.groups == result.content["groups"] < 120
    assert len(result.content["metrics"]["auroc"]["folds"]) == 4
    assert result.content["left_out_test_films"] == 0
