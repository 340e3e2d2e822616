from __future__ import annotations

import csv
import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import statsmodels.api as sm
from brightness import brightness_bundle, brightness_films
from heard import Heard
from PIL import Image

from lucency.abstention import Abstention
from lucency.bundle import Bundle, read_bundle
from lucency.calibration import Calibration
from lucency.decision import ExamRule, OperatingPoint
from lucency.errors import DatasetError, RunError
from lucency.predictor import Predictor
from lucency.workflows.recalibrate import recalibrate

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def old(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """Read only."""
    return brightness_bundle(
        tmp_path_factory.mktemp("old") / "bundle",
        calibration=Calibration(1.0),
        operating_points=(OperatingPoint("youden", 0.5, 0.85, 0.85), OperatingPoint("sensitivity_90", 0.3, 0.9, 0.7)),
        default_operating_point="sensitivity_90",
        abstention=Abstention((0.0, 1.0, 2.0), (-2.0, -1.0, 0.0)),
        exams=ExamRule("mean"),
        metrics={"auroc": 0.99},
        recipe={"evaluation": {"sensitivity": 0.8, "specificity": 0.9}},
    )


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """200 films of a site with far fewer fractures than the old bundle expects."""
    return brightness_films(tmp_path_factory.mktemp("site") / "films", 200, intercept=-1.5)


@pytest.fixture(scope="module")
def made(old: Bundle, films: Path, tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    target = tmp_path_factory.mktemp("new") / "bundle"
    return recalibrate(old, films, out=target, error_rate=0.1, resamples=100).bundle


def digest(folder: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.iterdir())}


def test_the_new_bundle_is_calibrated_for_the_site(old: Bundle, made: Bundle, films: Path) -> None:
    with films.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    labels = np.array([int(row["label"]) for row in rows])
    answers = [Predictor(made, error_rate=0.1).predict(row["path"]) for row in rows]
    logits = np.array([answer.logit for answer in answers])
    fitted = sm.Logit(labels, sm.add_constant(logits)).fit(disp=0).params
    assert made.card.calibration.method == "platt"
    assert made.card.calibration.intercept == pytest.approx(fitted[0], abs=1e-4)
    assert 1 / made.card.calibration.temperature == pytest.approx(fitted[1], abs=1e-4)
    assert [point.name for point in made.card.operating_points] == ["youden", "screening", "confirm"]
    # The recipe of the bundle asked for 0.8 and 0.9, and its old point is called `screening` now.
    assert made.card.operating_points[1].sensitivity >= 0.8
    assert made.card.operating_points[2].specificity >= 0.9
    assert made.card.default_operating_point == "screening"
    assert made.card.abstention is not None
    assert made.card.abstention.fractured == tuple(np.sort(logits[labels == 1]))
    assert made.card.abstention.error_rate == 0.1
    assert sum(made.card.scores["fractured"]) == labels.sum()
    assert made.identity != old.identity
    assert made.card.exams is None


def test_what_does_not_hold_any_more_is_gone_and_said(old: Bundle, made: Bundle) -> None:
    assert made.card.metrics == {}
    told = made.card.provenance["recalibrated"]
    assert (told["from"], told["before"]) == (old.identity, [old.identity])
    assert "metrics of the old card were dropped" in told["note"]
    assert made.card.provenance["validation"]["split"] == "local"


def test_the_films_are_remembered(old: Bundle, made: Bundle, films: Path, tmp_path: Path) -> None:
    used = {hashlib.sha256(path.read_bytes()).hexdigest()[:16] for path in films.parent.glob("*.png")}
    assert made.films_used("train") == old.films_used("train")
    assert made.films_used("val") == old.films_used("val") | used
    with pytest.raises(DatasetError, match=r"200 of these 200 films trained this bundle or chose its thresholds"):
        recalibrate(made, films, out=tmp_path / "again")
    assert not (tmp_path / "again").exists()


def test_films_that_were_only_saved_again_are_known(made: Bundle, films: Path, tmp_path: Path) -> None:
    again = brightness_films(tmp_path / "again", 200, seed=9)
    for path in sorted(films.parent.glob("*.png"))[:2]:
        with Image.open(path) as film:
            film.save(tmp_path / "again" / path.name, compress_level=1)
    with pytest.raises(DatasetError, match=r"2 of these 200 films .*\(2 same pixels\): 0000"):
        recalibrate(made, again, out=tmp_path / "new")


def test_the_record_says_how_far_the_old_one_was_off(made: Bundle, old: Bundle) -> None:
    record = json.loads((made.folder / "recalibration.json").read_text("utf-8"))
    assert (record["from"], record["bundle"], record["films"]) == (old.identity, made.identity, 200)
    was, new = record["old"]["calibration"], record["expected"]["calibration"]
    assert was["intercept"]["high"] < 0
    assert new["intercept"]["low"] < 0 < new["intercept"]["high"]
    assert new["loss"]["value"] < was["loss"]["value"]
    assert [point["name"] for point in record["old"]["operating_points"]] == ["youden", "sensitivity_90"]
    # An error rate is told besides the usual ones only where it is none of them.
    assert [rate["error_rate"] for rate in record["expected"]["abstention"]] == [0.01, 0.05, 0.1, 0.2]
    page = (made.folder / "recalibration.html").read_text("utf-8")
    assert "How far the old bundle was off" in page
    assert "Not a medical device" in page
    assert str(made.folder.parent) not in page + json.dumps(record)


def test_the_old_bundle_is_only_read(old: Bundle, films: Path, tmp_path: Path) -> None:
    before = digest(old.folder)
    heard = Heard()
    recalibrate(old, films, out=tmp_path / "new", resamples=100, teller=heard)
    assert digest(old.folder) == before
    assert "The old bundle says too high probabilities" in "\n".join(heard.lines)
    for target in (old.folder, tmp_path / "new"):
        with pytest.raises(RunError, match="is not empty"):
            recalibrate(old, films, out=target)
    assert digest(old.folder) == before


def test_a_break_leaves_nothing_that_the_next_run_refuses(
    old: Bundle, films: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(record: object) -> str:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("lucency.workflows.recalibrate._page", broken)
        with pytest.raises(KeyboardInterrupt):
            recalibrate(old, films, out=tmp_path / "new", resamples=100)
    assert not (tmp_path / "new").exists()
    assert recalibrate(old, films, out=tmp_path / "new", resamples=100).bundle.folder == tmp_path / "new"
    assert not (tmp_path / "new.part").exists()


def test_a_gate_goes_with_it(old: Bundle, films: Path, tmp_path: Path) -> None:
    from dataclasses import replace

    from lucency.bundle import write_bundle

    shutil.copytree(old.folder, tmp_path / "gated")
    (tmp_path / "gated" / "gate.npz").write_bytes(b"a gate")
    gated = write_bundle(tmp_path / "gated", replace(old.card, gate={"films": 3}))
    new = recalibrate(gated, films, out=tmp_path / "new", resamples=100).bundle
    assert (new.folder / "gate.npz").read_bytes() == b"a gate"
    assert new.card.gate == gated.card.gate


def test_exams_get_a_rule_where_there_are_any(old: Bundle, tmp_path: Path) -> None:
    paired = brightness_films(tmp_path / "films", 240, seed=3, exams=2)
    new = recalibrate(old, paired, out=tmp_path / "new", resamples=100).bundle
    assert new.card.exams is not None
    assert new.card.exams.validation["exams"] == 120
    assert new.card.provenance["recalibrated"]["groups"] == 120


@pytest.mark.parametrize(
    ("films", "intercept", "words"), [(50, 0.0, "at least 30 films of each class"), (80, -3.5, "at least 30 films")]
)
def test_too_few_films(old: Bundle, tmp_path: Path, films: int, intercept: float, words: str) -> None:
    table = brightness_films(tmp_path / "few", films, intercept=intercept)
    with pytest.raises(DatasetError, match=words):
        recalibrate(old, table, out=tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_few_films_are_warned_of(old: Bundle, tmp_path: Path) -> None:
    heard = Heard()
    recalibrate(old, brightness_films(tmp_path / "few", 80), out=tmp_path / "new", resamples=100, teller=heard)
    assert "Warning: 80 films are few" in "\n".join(heard.lines)


def test_the_command(run: Run, old: Bundle, films: Path, tmp_path: Path) -> None:
    code, out, err = run("recalibrate", old.folder, films, "--out", tmp_path / "new", "--error-rate", 0.05)
    assert code == 0, err
    assert out.splitlines()[-1] == str(tmp_path / "new")
    assert "calibration intercept (0)" in out
    assert read_bundle(tmp_path / "new").card.abstention.error_rate == 0.05
    assert run("recalibrate", old.folder, films, "--out", tmp_path / "new")[0] == 9
    assert run("recalibrate", old.folder, films, "--error-rate", 1.5)[0] == 2
    assert run("recalibrate", old.folder, films, "--split", "new")[0] == 2
    code, out, err = run("recalibrate", old.folder, films, "--out", tmp_path / "b", "--split", "test")
    assert (code, out) == (4, "")
    assert "It has no splits" in err


def test_splits_must_be_chosen(run: Run, old: Bundle, films: Path, tmp_path: Path) -> None:
    lines = films.read_text("utf-8").splitlines()
    sides = ["split", *(("val" if number % 4 else "test") for number in range(200))]
    table = tmp_path / "split.csv"
    table.write_text("\n".join(f"{line},{side}" for line, side in zip(lines, sides, strict=True)) + "\n", "utf-8")
    code, _, err = run("recalibrate", old.folder, table, "--out", tmp_path / "new")
    assert code == 4
    assert "has splits (test, val)" in err
    code, out, _ = run("recalibrate", old.folder, table, "--split", "val", "--out", tmp_path / "new", "--json")
    assert code == 0
    assert json.loads(out)["films"] == 150
