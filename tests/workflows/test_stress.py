"""A stress test from a bundle and films to its folder: right numbers, flat refusals, nothing left behind."""

from __future__ import annotations

import csv
import json
import re
import shutil
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from heard import Heard
from PIL import Image
from sklearn.metrics import roc_auc_score
from small_stress import write_films, write_run, write_small_bundle
from stated_page import stated_json

from lucency.bundle import Bundle
from lucency.datasets.corruptions import CORRUPTIONS, corrupt
from lucency.errors import BundleError, DatasetError, LucencyError, RunError
from lucency.imaging.radiograph import Radiograph
from lucency.imaging.readers import read_radiograph
from lucency.predictor import Predictor
from lucency.workflows import stress_folder
from lucency.workflows.run_folder import write_json
from lucency.workflows.stress import StressReport, stress


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return write_small_bundle(tmp_path_factory.mktemp("bundle") / "middle")


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Read only."""
    return write_films(tmp_path_factory.mktemp("films") / "films")


@pytest.fixture(scope="module")
def report(bundle: Bundle, films: Path, tmp_path_factory: pytest.TempPathFactory) -> StressReport:
    """All twelve corruptions. Read only."""
    return stress(bundle, films, out=tmp_path_factory.mktemp("out") / "stress", resamples=200, workers=2)


@pytest.fixture
def no_page(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leaves the drawing out, which takes longer than all the rest."""
    monkeypatch.setattr(stress_folder, "write_stress", lambda out, content: write_json(out / "stress.json", content))


def of(report: StressReport, name: str) -> Any:
    (row,) = [row for row in report.content["corruptions"] if row["name"] == name]
    return row


def table_of(films: Path) -> list[dict[str, str]]:
    with (films / "dataset.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_figures_are_those_of_single_predictions(report: StressReport, bundle: Bundle, films: Path) -> None:
    predictor = Predictor(bundle)
    labels, clean, damaged = [], [], []
    for row in table_of(films):
        film = read_radiograph(films / row["path"])
        pixels = corrupt(film.pixels, "markers", 4, sha256=film.sha256, boxes=json.loads(row["boxes"]))
        labels.append(int(row["label"]))
        clean.append(predictor.predict(film).logit)
        damaged.append(predictor.predict(Radiograph(pixels, film.sha256)).logit)
    cell = of(report, "markers")["severities"][3]
    assert cell["auroc"] == pytest.approx(roc_auc_score(labels, damaged))
    assert report.content["clean"]["auroc"]["value"] == pytest.approx(roc_auc_score(labels, clean))
    threshold = predictor.operating_point.threshold
    said, said_clean = (
        bundle.card.calibration.probability(np.array(logits)) >= threshold for logits in (damaged, clean)
    )
    assert cell["sensitivity"] == pytest.approx(said[np.array(labels) == 1].mean())
    assert cell["changes"]["flips"]["value"] == pytest.approx((said != said_clean).mean())


def test_a_model_of_differences_is_turned_round_by_inversion(report: StressReport) -> None:
    row = of(report, "inversion")
    assert row["severities"][4]["auroc"] == pytest.approx(1 - report.content["clean"]["auroc"]["value"], abs=1e-3)
    assert row["status"] == "breaks"
    assert report.content["clean"]["auroc"]["low"] > 0.8


def test_all_rows_are_there_and_stated(report: StressReport) -> None:
    content = json.loads((report.out / "stress.json").read_text("utf-8"))
    assert content == report.content
    assert [row["name"] for row in content["corruptions"]] == list(CORRUPTIONS)
    assert content["films"] == 80
    assert content["groups"] == 40
    assert stated_json().problems(content, "stress --json") == []
    (example,) = stated_json().examples["stress --json json"]
    assert stated_json().problems(json.loads(example), "stress --json", shortened=True) == []
    assert report.verdict == content["verdict"]


def test_the_folder_holds_page_table_and_figures(report: StressReport) -> None:
    assert {path.name for path in report.out.iterdir()} == {"stress.json", "stress.html", "stress.csv", "figures"}
    assert {path.name for path in (report.out / "figures").iterdir()} == {"heatmap.png", "curves.png"}
    with (report.out / "stress.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 61
    assert float(rows[0]["auroc"]) == report.content["clean"]["auroc"]["value"]
    cell = of(report, "jpeg")["severities"][1]
    (row,) = [row for row in rows if (row["corruption"], row["severity"]) == ("jpeg", "2")]
    assert float(row["auroc_change"]) == cell["changes"]["auroc"]["value"]
    page = (report.out / "stress.html").read_text("utf-8")
    assert "http" not in page.replace("http-equiv", "")


@pytest.mark.usefixtures("no_page")
def test_the_same_again_whatever_the_threads(report: StressReport, bundle: Bundle, films: Path, tmp_path: Path) -> None:
    out = tmp_path / "again"
    for _ in range(2):
        again = stress(bundle, films, out=out, corruptions=["noise", "metal"], resamples=200, workers=1)
    for name in ("noise", "metal"):
        for cell, other in zip(of(report, name)["severities"], of(again, name)["severities"], strict=True):
            assert cell["auroc"] == pytest.approx(other["auroc"])
            assert cell["changes"]["probability"]["value"] == pytest.approx(other["changes"]["probability"]["value"])


@pytest.mark.usefixtures("no_page")
def test_a_bad_film_is_left_out_and_said(bundle: Bundle, films: Path, tmp_path: Path) -> None:
    shutil.copytree(films, tmp_path / "films")
    cut = tmp_path / "films" / "film003.png"
    cut.write_bytes(cut.read_bytes()[:500])
    heard = Heard()
    found = stress(
        bundle, tmp_path / "films", out=tmp_path / "o", corruptions=["blur"], severities=[5], resamples=50, teller=heard
    )
    (left,) = found.content["left_out"]
    assert left["image_id"] == "film003.png"
    assert str(tmp_path) not in json.dumps(found.content)
    assert found.content["films"] == 79
    assert any("film003.png" in line for line in heard.lines)
    assert any("1 of 80 chosen films" in note for note in found.content["notes"])


@pytest.mark.usefixtures("no_page")
def test_a_limit_takes_whole_groups_and_says_so(bundle: Bundle, films: Path, tmp_path: Path) -> None:
    heard = Heard()
    found = stress(
        bundle, films, out=tmp_path / "o", corruptions=["blur"], severities=[1], limit=20, resamples=50, teller=heard
    )
    assert (found.content["films"], found.content["groups"], found.content["fractured"]) == (20, 10, 10)
    assert found.content["films_in_split"] == 80
    assert any("20 of 80 films are taken" in line for line in heard.lines)


@pytest.mark.usefixtures("no_page")
def test_unknown_boxes_are_said(bundle: Bundle, films: Path, tmp_path: Path) -> None:
    shutil.copytree(films, tmp_path / "films")
    rows = table_of(films)
    with (tmp_path / "films" / "dataset.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, [name for name in rows[0] if name != "boxes"], extrasaction="ignore")
        writer.writeheader()
        writer.writerows(rows)
    found = stress(
        bundle, tmp_path / "films", out=tmp_path / "o", corruptions=["crop", "blur"], severities=[1], resamples=50
    )
    assert found.content["without_boxes"] == 40
    assert any("not known on 40 of 40 fractured films: there crop may hide it" in n for n in found.content["notes"])


@pytest.mark.usefixtures("no_page")
def test_a_run_is_stressed_on_its_own_test_films(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", write_films(tmp_path / "films", splits=True))
    found = stress(run, corruptions=["gamma"], severities=[2, 4], resamples=50)
    assert found.out == run / "stress"
    assert (found.content["films"], found.content["data"]) == (40, None)
    assert [cell["severity"] for cell in of(found, "gamma")["severities"]] == [2, 4]
    assert found.content["optimistic_reason"] is None
    on_training = stress(run, split="train", corruptions=["gamma"], severities=[2], resamples=50)
    assert on_training.out == run / "stress-train"
    assert "trained on" in on_training.verdict


@pytest.mark.usefixtures("no_page")
def test_a_film_that_changed_since_the_run_is_left_out(tmp_path: Path) -> None:
    films = write_films(tmp_path / "films", splits=True)
    run = write_run(tmp_path / "run", films)
    Image.new("L", (64, 64), 90).save(films / "film002.png")
    found = stress(run, corruptions=["gamma"], severities=[2], resamples=50)
    assert [left["image_id"] for left in found.content["left_out"]] == ["film002.png"]
    assert "changed" in found.content["left_out"][0]["reason"]


@pytest.mark.usefixtures("no_page")
def test_films_that_the_bundle_knows_make_it_optimistic(films: Path, tmp_path: Path) -> None:
    known = write_small_bundle(tmp_path / "b")
    from lucency.bundle import write_bundle

    hashes = [read_radiograph(path).sha256 for path in sorted(films.glob("*.png"))[:7]]
    known = write_bundle(known.folder, known.card, films={"train": hashes, "val": []})
    found = stress(known, films, out=tmp_path / "o", corruptions=["gamma"], severities=[2], resamples=50)
    assert "7 of these 80 films, byte for byte, trained this bundle" in found.verdict


@pytest.mark.usefixtures("no_page")
def test_the_operating_point_can_be_chosen(bundle: Bundle, films: Path, tmp_path: Path) -> None:
    found = stress(
        bundle, films, out=tmp_path / "o", corruptions=["gamma"], severities=[1], operating_point="half", resamples=50
    )
    assert (found.content["operating_point"], found.content["threshold"]) == ("half", 0.5)


class Interrupting(Heard):
    """Presses Ctrl-C after a few films."""

    def progress(self, stage: str, done: int, total: int, detail: str = "") -> None:
        if done == 5:
            raise KeyboardInterrupt


def test_ctrl_c_stops_the_threads_and_writes_nothing(bundle: Bundle, films: Path, tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        stress(bundle, films, out=tmp_path / "o", workers=2, teller=Interrupting())
    assert not (tmp_path / "o").exists()
    assert [thread for thread in threading.enumerate() if thread.name.startswith("lucency-decode")] == []


def one_class(films: Path, folder: Path) -> Path:
    rows = [row for row in table_of(films) if row["label"] == "1"]
    shutil.copytree(films, folder)
    with (folder / "dataset.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    for row in table_of(films):
        if row["label"] == "0":
            (folder / row["path"]).unlink()
    return folder


@pytest.mark.parametrize(
    ("case", "error", "words"),
    [
        ({"corruptions": ["bluur"]}, DatasetError, "Did you mean 'blur'"),
        ({"severities": [6]}, DatasetError, "Severities are 1 to 5"),
        ({"limit": -1}, DatasetError, "limit"),
        ({"operating_point": "x"}, BundleError, "no operating point 'x'"),
        ({"data": None}, DatasetError, "no films were given"),
        ({"data": None, "labels": {"a": 1}}, DatasetError, "go with films of their own"),
        ({"data": "nowhere"}, DatasetError, "does not exist"),
        ({"bundle": "nowhere"}, BundleError, "nowhere: does not exist"),
        ({"data": "one class"}, DatasetError, "fractured"),
        ({"data": "splits", "split": "val"}, DatasetError, "It has: test, train; choose with --split"),
        ({"out": "full"}, RunError, "holds no stress test"),
        ({"out": "run"}, RunError, "holds a run already"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(
    case: dict[str, Any], error: type[LucencyError], words: str, bundle: Bundle, films: Path, tmp_path: Path
) -> None:
    given: dict[str, Any] = {"bundle": bundle, "data": films, "out": tmp_path / "o"} | case
    if given["data"] == "one class":
        given["data"] = one_class(films, tmp_path / "one")
    if given["data"] == "splits":
        given["data"] = write_films(tmp_path / "split", 8, splits=True)
    if case.get("out"):
        name = {"full": "mine.txt", "run": "run.json"}[case["out"]]
        given["out"] = tmp_path / "used"
        given["out"].mkdir()
        (given["out"] / name).write_text("{}", "utf-8")
    with pytest.raises(error) as refused:
        stress(given.pop("bundle"), given.pop("data"), **given)
    assert words in str(refused.value)
    assert "\n" not in str(refused.value)
    assert not (tmp_path / "o").exists()


def test_no_film_that_can_be_read(bundle: Bundle, tmp_path: Path) -> None:
    films = write_films(tmp_path / "films", 4)
    for path in films.glob("*.png"):
        path.write_bytes(path.read_bytes()[:300])
    with pytest.raises(DatasetError, match="none of 4 films can be read"):
        stress(bundle, films, out=tmp_path / "o")


def test_the_command(run: Callable[..., tuple[int, str, str]], bundle: Bundle, films: Path, tmp_path: Path) -> None:
    words = ["stress", bundle.folder, films, "--corruption", "inversion", "--corruption", "jpeg", "--resamples", "100"]
    code, out, err = run(*words, "--out", tmp_path / "o")
    assert code == 0
    assert out.startswith("AUROC (")
    # A mark names what broke, and not AUROC where it did not.
    assert re.search(r"inversion .*[0-9] (AUROC|sens|spec)", out)
    assert "*" not in out
    lines = [line for line in out.splitlines() if line.startswith(("inversion", "jpeg"))]
    assert len(lines) == 2
    assert "% of the films" in lines[0]
    assert "breaks the model on 80 films of 40 groups, 40 fractured: inversion at severity" in err
    assert "damaging and scoring films: 80 of 80" in err or "damaging and scoring films: 1 of 80" in err

    code, out, _ = run(*words, "--severity", "5", "--out", tmp_path / "o", "--json")
    assert code == 0
    content = json.loads(out)
    assert stated_json().problems(content, "stress --json") == []
    assert [cell["severity"] for cell in content["corruptions"][0]["severities"]] == [5]

    code, out, err = run("stress", bundle.folder, films, "--corruption", "bluur", "--out", tmp_path / "p")
    assert code == 4
    assert out == ""
    assert err.startswith("Error: no corruption is called 'bluur'. Did you mean 'blur'?")
    code, _, err = run("stress", tmp_path / "none", films)
    assert code == 6
