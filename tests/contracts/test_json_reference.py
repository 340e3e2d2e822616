"""Machine-readable output is what docs/reference/json.md states, key for key."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest
from boxed_model import box_with_a_model
from brightness import brightness_bundle, brightness_films
from foreign_graphs import Net
from sibling_runs import sibling
from typer.testing import CliRunner

from lucency.abstention import Abstention
from lucency.cli.main import app
from lucency.errors import FILM_ERROR_CODES
from lucency.evaluation.metrics import METRICS
from lucency.learning.recipe import recipe_names
from lucency.workflows.train import TrainResult

from .stated_json import StatedJson, read_page

TITLES = (
    "predict --json",
    "predict --per-exam --json",
    "recipes --json",
    "scan --json",
    "info --json",
    "report.json",
    "compare --json",
)
TITLES += ("card.json", "import --json", "recalibrate --json", "stress --json", "models --json")


@pytest.fixture(scope="module")
def page(repository: Path) -> StatedJson:
    return read_page(repository / "docs" / "reference" / "json.md")


@pytest.fixture
def bad_film(tmp_path: Path) -> Path:
    path = tmp_path / "words.jpg"
    path.write_text("not a picture", "utf-8")
    return path


def printed(*words: str | Path, exit_code: int = 0) -> str:
    done = CliRunner().invoke(app, [str(word) for word in words])
    assert done.exit_code == exit_code, done.output
    return done.stdout


def test_predict(page: StatedJson, trained: TrainResult, one_film: Path, bad_film: Path, tmp_path: Path) -> None:
    words = ["predict", one_film, bad_film, "--bundle", trained.run, "--json"]
    content = json.loads(printed(*words, exit_code=3))
    assert page.problems(content, "predict --json") == []
    answer, refusal = content["predictions"]
    assert list(answer) == ["path", "sha256", "probability", "logit", "decision", "bundle"]
    assert list(refusal) == ["path", "error"]
    assert list(refusal["error"]) == ["code", "message"]
    assert refusal["error"]["code"] in FILM_ERROR_CODES
    assert (answer["path"], refusal["path"]) == (str(one_film), str(bad_film))

    (drawn,) = json.loads(printed("predict", one_film, "-b", trained.run, "--json", "--overlay", tmp_path))[
        "predictions"
    ]
    assert page.problems(content | {"predictions": [drawn]}, "predict --json") == []
    assert set(drawn) - set(answer) == {"overlay"}


def test_predict_csv(page: StatedJson, trained: TrainResult, one_film: Path, bad_film: Path) -> None:
    text = printed("predict", one_film, bad_film, "--bundle", trained.run, "--csv", exit_code=3)
    head, answer, refusal = csv.reader(io.StringIO(text))
    assert head == page.columns["predict --csv"]
    assert answer[6:8] == ["", ""]
    assert all(answer[:6])
    assert refusal[1:6] == [""] * 5
    assert all(refusal[6:8])


def test_predict_per_exam(page: StatedJson, trained: TrainResult, one_film: Path, bad_film: Path) -> None:
    words = ["predict", one_film, bad_film, "--bundle", trained.run, "--per-exam"]
    content = json.loads(printed(*words, "--json", exit_code=3))
    assert page.problems(content, "predict --per-exam --json") == []
    answer, refusal = content["exams"]
    assert "probability" in answer
    assert "error" in refusal
    table = csv.DictReader(io.StringIO(printed(*words, "--csv", exit_code=3)))
    assert table.fieldnames == page.columns["predict --per-exam --csv"]


def test_recipes(page: StatedJson) -> None:
    content = json.loads(printed("recipes", "--json"))
    assert page.problems(content, "recipes --json") == []
    assert [recipe["name"] for recipe in content["recipes"]] == recipe_names()
    assert {tuple(recipe) for recipe in content["recipes"]} == {("name", "parameters", "input", "source")}


def test_models(page: StatedJson, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    content = json.loads(printed("models", "--json"))
    assert page.problems(content, "models --json") == []
    box_with_a_model(tmp_path, monkeypatch)
    bare = json.loads(printed("models", "--json"))
    assert bare["models"][0]["auroc"] is None
    assert page.problems(bare, "models --json") == []


def test_scan(page: StatedJson, drawn_films: Path) -> None:
    content = json.loads(printed("scan", drawn_films, "--json"))
    assert content["films"] == 120
    assert content["findings"]
    assert page.problems(content, "scan --json") == []


def test_info(page: StatedJson, trained: TrainResult) -> None:
    content = json.loads(printed("info", "--json", "--no-device"))
    assert content["device"] is None
    details = json.loads((trained.run / "run.json").read_text("utf-8"))
    assert page.problems({**content, "device": details["device"]}, "info --json") == []


def test_report(page: StatedJson, trained: TrainResult) -> None:
    content = json.loads((trained.run / "report.json").read_text("utf-8"))
    assert page.problems(content, "report.json") == []
    assert list(content["metrics"]) == page.columns["Metrics"] == list(METRICS)
    assert trained.report is not None
    assert {*trained.report.to_json(), "bundle"} == set(content)


def test_compare(page: StatedJson, trained: TrainResult, tmp_path: Path) -> None:
    other = sibling(trained.run, tmp_path / "other")
    content = json.loads(printed("compare", trained.run, other, "--out", tmp_path / "out", "--latency", "2", "--json"))
    assert page.problems(content, "compare --json") == []
    assert content["timing"] is not None


def test_import(page: StatedJson, drawn_films: Path, tmp_path: Path) -> None:
    (tmp_path / "net.onnx").write_bytes(Net().graph().SerializeToString())
    words = ["import", tmp_path / "net.onnx", "--positive", "1", "--check", drawn_films, "--out", tmp_path / "b"]
    content = json.loads(printed(*words, "--json"))
    assert page.problems(content, "import --json") == []
    card = json.loads((tmp_path / "b" / "card.json").read_text("utf-8"))
    assert card["provenance"]["imported"] == content["imported"]


def test_card(page: StatedJson, trained: TrainResult) -> None:
    content = json.loads((trained.run / "bundle" / "card.json").read_text("utf-8"))
    assert page.problems(content, "card.json") == []
    assert page.problems({**content, "metrics": {}}, "card.json") == []


def test_answers_of_all_kinds(page: StatedJson, tmp_path: Path, one_film: Path) -> None:
    bundle = brightness_bundle(tmp_path / "b", abstention=Abstention((-9.0,) * 9, (9.0,) * 9, 0.1)).folder
    content = json.loads(printed("predict", one_film, "--bundle", bundle, "--json"))
    assert page.problems(content, "predict --json") == []
    (answer,) = content["predictions"]
    assert list(answer)[6:] == ["error_rate", "possible"]
    refused = {**answer, "probability": None, "decision": "not_a_radiograph", "gate": {"pixels": 2.5}}
    del refused["possible"]
    assert page.problems(content | {"predictions": [refused]}, "predict --json") == []
    card = json.loads((bundle / "card.json").read_text("utf-8"))
    assert page.problems({"abstention": card["abstention"]}, "card.json", shortened=True) == []


def test_recalibrate(page: StatedJson, tmp_path: Path) -> None:
    bundle = brightness_bundle(tmp_path / "b").folder
    films = brightness_films(tmp_path / "films", 120)
    content = json.loads(printed("recalibrate", bundle, films, "--out", tmp_path / "new", "--json"))
    assert page.problems(content, "recalibrate --json") == []
    assert content == json.loads((tmp_path / "new" / "recalibration.json").read_text("utf-8"))
    card = json.loads((tmp_path / "new" / "card.json").read_text("utf-8"))
    for part in ("calibration", "abstention", "scores", "operating_points"):
        assert page.problems({part: card[part]}, "card.json", shortened=True) == []
    for part in ("validation", "recalibrated"):
        assert page.problems({"provenance": {part: card["provenance"][part]}}, "card.json", shortened=True) == []


@pytest.mark.parametrize("title", TITLES)
def test_each_example_is_valid(page: StatedJson, title: str) -> None:
    (example,) = page.examples[f"{title} json"]
    assert page.problems(json.loads(example), title, shortened=True) == []


def test_the_csv_example_has_the_stated_heading(page: StatedJson) -> None:
    (example,) = page.examples["predict --csv csv"]
    assert next(csv.reader(io.StringIO(example))) == page.columns["predict --csv"]


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda entry: entry.pop("sha256"), "sha256 is missing"),
        (lambda entry: entry.update(extra=1), "extra is not stated"),
        (lambda entry: entry.update(probability="0.5"), "but stated is number"),
        (lambda entry: entry.update(logit="0"), "but stated is number"),
        (lambda entry: entry.update(warnings="blurred"), "but stated is list of text"),
        (lambda entry: entry.update(warnings=[True]), "warnings[0] is True"),
    ],
)
def test_a_difference_is_found(page: StatedJson, change: Any, problem: str) -> None:
    entry: dict[str, Any] = {"path": "a", "sha256": "b", "probability": 0.5, "logit": 0, "decision": "c", "bundle": "d"}
    assert page.problems({"operating_point": None, "predictions": [entry]}, "predict --json") == []
    change(entry)
    (found,) = page.problems({"operating_point": None, "predictions": [entry]}, "predict --json")
    assert problem in found
