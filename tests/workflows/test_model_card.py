"""`lucency card`: what it gathers, writes, keeps and refuses."""

from __future__ import annotations

import json
import re
import socket
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from huggingface_hub import ModelCard
from made_up_bundle import SIZES, made_up_bundle, made_up_report, made_up_run, made_up_stress

from lucency.workflows.card_inputs import film_counts, started_with
from lucency.workflows.model_card import PAGES, write_card
from lucency.workflows.train import TrainResult

Run = Callable[..., tuple[int, str, str]]
FILES = {"card.md", "checklists.json", "questions.toml", *PAGES.values()}


@pytest.fixture
def made(tmp_path: Path) -> Path:
    made_up_run(tmp_path / "run")
    return tmp_path / "run"


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> Any:
        raise AssertionError("a card needs no network")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


def error_line(outcome: tuple[int, str, str]) -> str:
    lines = [line for line in outcome[2].splitlines() if line.startswith("Error: ")]
    assert len(lines) == 1, outcome[2]
    assert "Traceback" not in outcome[2]
    return lines[0]


def test_a_run_gets_its_card_beside_its_report(made: Path) -> None:
    before = {path: path.read_bytes() for path in made.rglob("*") if path.is_file()}
    found = write_card(made)
    assert found.folder == made / "card"
    assert {path.name for path in found.folder.iterdir()} == FILES
    assert json.loads((found.folder / "checklists.json").read_text()) == found.content
    assert ModelCard.load(found.folder / "card.md").data.eval_results
    assert {path: path.read_bytes() for path in before} == before


def test_the_bundle_inside_a_run_is_known_to_belong_to_it(made: Path, tmp_path: Path) -> None:
    inside, outside = (write_card(path, out=tmp_path / "out") for path in (made / "bundle", made))
    assert inside.content == outside.content


def test_a_bundle_alone_knows_less_and_asks_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bundle = made_up_bundle(tmp_path / "carried")
    monkeypatch.chdir(tmp_path)
    found = write_card(bundle.folder)
    assert found.folder == Path("card-tiny-vgg")
    known = {key: one["share"] for key, one in found.content["checklists"].items()}
    assert all(0.5 < share < 0.9 for share in known.values())
    assert "no findings.json" in (found.folder / "card.md").read_text()


def test_no_folder_of_the_machine_is_told(made: Path, tmp_path: Path) -> None:
    found = write_card(made, out=tmp_path / "card")
    texts = [path.read_text() for path in found.folder.iterdir()]
    assert not [text for text in texts if "/secret/place" in text or str(tmp_path) in text]
    assert "`lucency train films --out=run`" in texts[[path.name for path in found.folder.iterdir()].index("card.md")]


def test_commands_lose_their_folders() -> None:
    command = [
        "/usr/bin/lucency",
        "train",
        "C:\\films\\x ray",
        "--set",
        "model.weights=/w/a.h5",
        "--out",
        "runs/first/",
    ]
    assert started_with({"command": command}) == "lucency train 'x ray' --set model.weights=a.h5 --out first"
    assert started_with({"command": ["-c", "train", "films"]}) == "lucency train films"
    assert started_with({}) == started_with(None) == ""


def test_film_counts() -> None:
    names = ("label", "split", "patient_id", "study_id", "group", "sha256", "body_part", "view", "boxes")
    rows = [
        ("1", "train", "p1", "", "g1", "a", "hip", "AP", "[[1,2,3,4]]"),
        ("0", "test", "p1", "", "g2", "b", "hip", "", "[]"),
        ("1", "test", "", "", "g2", "a", "", "AP", ""),
    ]
    found = film_counts(dict(zip(names, row, strict=True)) for row in rows)
    assert found["films"] == 3
    assert found["splits"]["test"] == {
        "films": 2,
        "fractured": 1,
        "body_part": {"hip": 1, "": 1},
        "view": {"": 1, "AP": 1},
    }
    assert found["known"] == {
        "patient_id": 2,
        "study_id": 0,
        "group": 3,
        "body_part": 2,
        "view": 2,
        "sha256": 3,
        "boxes": 2,
    }
    assert found["with_boxes"] == 1
    assert found["on_two_sides"] == {"patient_id": 1, "study_id": 0, "group": 0, "sha256": 1}


def test_the_note_of_fetched_films_is_read(made: Path) -> None:
    from lucency.datasets.source_note import write_note

    (made / "films").mkdir()
    write_note(made / "films", {"source": "https://example.org", "licence": "CC BY 4.0", "cite": "Somebody 2026"})
    text = (write_card(made).folder / "card.md").read_text()
    assert "Licence: CC BY 4.0" in text
    assert "The films: Somebody 2026" in text
    assert "(`data_origin`)" not in text


def test_further_reports_are_taken_in_by_what_they_hold(made: Path, tmp_path: Path) -> None:
    identity = json.loads((made / "report.json").read_text())["bundle"]
    given = {
        "other.json": made_up_report(identity, seed=5) | {"data": "elsewhere"},
        "stress.json": made_up_stress(identity),
        "audit.json": {
            "schema": 1,
            "distinct_radiographs": 150,
            "readable": sum(SIZES.values()),
            "verdict": "Look | here.",
            "findings": [],
        },
    }
    for name, content in given.items():
        (tmp_path / name).write_text(json.dumps(content))
    # The run's own report, given once more, counts once.
    reports = [made / "report.json", *(tmp_path / name for name in given)]
    text = (write_card(made, reports=reports).folder / "card.md").read_text()
    assert text.count("Further reports:") == 1
    assert "Noise breaks it at severity 5." in text
    assert "- Audit: Look \\| here. (audit.json (verdict))" in text


def test_answers_are_kept_byte_for_byte_and_only_added_to(made: Path) -> None:
    folder = write_card(made).folder
    asked = tomllib.loads((folder / "questions.toml").read_text())
    assert set(asked.values()) == {""}
    mine = '# my own words stay\nfunding   =  """Nobody.\nAt all."""\nethics = "  "\n'
    (folder / "questions.toml").write_text(mine)
    again = write_card(made)
    text = (folder / "questions.toml").read_text()
    assert text.startswith(mine)
    assert set(tomllib.loads(text)) == set(asked)
    assert "funding" not in again.open_questions
    assert "ethics" in again.open_questions
    items = {one["item"]: one for one in again.content["checklists"]["claim_2024"]["filled"]}
    assert items["44"]["text"] == "Nobody.\nAt all."
    third = write_card(made)
    assert (folder / "questions.toml").read_text() == text
    assert third.content == again.content


def test_a_file_of_answers_is_read_and_never_written(made: Path, tmp_path: Path) -> None:
    answers = tmp_path / "mine.toml"
    answers.write_text('funding = "Nobody."\nlicence = "cc-by-4.0"\n')
    found = write_card(made, answers=answers)
    assert answers.read_text() == 'funding = "Nobody."\nlicence = "cc-by-4.0"\n'
    assert not {"funding", "licence"} & set(tomllib.loads((found.folder / "questions.toml").read_text()))
    assert ModelCard.load(found.folder / "card.md").data.license == "cc-by-4.0"


def test_every_question_says_what_it_is_for(made: Path) -> None:
    text = (write_card(made).folder / "questions.toml").read_text()
    assert '# For: CLAIM 2024 44, TRIPOD+AI 18a\nfunding = ""' in text
    assert max(map(len, text.splitlines())) <= 120


def test_the_command_says_how_far_it_came(made: Path, run: Run, tmp_path: Path) -> None:
    code, out, err = run("card", made, "--out", tmp_path / "card")
    assert code == 0
    assert re.search(r"CLAIM 2024 +44 +\d+ +\d+ +0 +33 of 34", out)
    assert re.search(r"TRIPOD\+AI +52 +\d+ +\d+ +1 +34 of 34", out)
    assert "97.1 %" in err
    code, out, _ = run("card", made, "--out", tmp_path / "card", "--json")
    assert json.loads(out) == json.loads((tmp_path / "card" / "checklists.json").read_text())


BAD_REPORTS: dict[str, tuple[Callable[[dict[str, Any]], str], str]] = {
    "no JSON": (lambda report: "{", "no JSON"),
    "a list": (lambda report: "[]", "no report of Lucency"),
    "of another bundle": (lambda report: json.dumps({**report, "bundle": "other@123"}), "other@123"),
    "of no bundle": (lambda report: json.dumps({**report, "bundle": None}), "does not name"),
    "damaged": (lambda report: json.dumps({**report, "metrics": {"auroc": 0.5}}), "damaged"),
}


@pytest.mark.parametrize("kind", BAD_REPORTS)
def test_a_report_that_cannot_be_used_is_refused(kind: str, made: Path, run: Run, tmp_path: Path) -> None:
    make, words = BAD_REPORTS[kind]
    (tmp_path / "given.json").write_text(make(json.loads((made / "report.json").read_text())))
    outcome = run("card", made, "--report", tmp_path / "given.json")
    assert outcome[0] == 9
    assert words in error_line(outcome)
    assert "given.json" in error_line(outcome)
    assert not (made / "card").exists()


def test_a_run_whose_own_report_is_of_an_older_bundle_is_refused(made: Path, run: Run) -> None:
    report = json.loads((made / "report.json").read_text())
    (made / "report.json").write_text(json.dumps({**report, "bundle": "tiny-vgg@000000000000"}))
    outcome = run("card", made)
    assert outcome[0] == 9
    assert "lucency evaluate" in error_line(outcome)


def test_an_audit_of_other_films_is_refused(made: Path, run: Run, tmp_path: Path) -> None:
    (tmp_path / "audit.json").write_text(json.dumps({"schema": 1, "distinct_radiographs": 3, "readable": 3}))
    outcome = run("card", made, "--report", tmp_path / "audit.json")
    assert outcome[0] == 9
    assert "other films" in error_line(outcome)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('fundings = "x"', "Did you mean funding?"),
        ("funding = 3", "is not text"),
        ("funding = ", "no TOML"),
    ],
)
def test_answers_that_cannot_be_used_are_refused(text: str, words: str, made: Path, run: Run, tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text(text)
    outcome = run("card", made, "--answers", tmp_path / "mine.toml")
    assert outcome[0] == 4
    assert words in error_line(outcome)
    assert run("card", made, "--answers", tmp_path / "nowhere.toml")[0] == 4


def test_without_a_bundle_there_is_no_card(made: Path, run: Run, tmp_path: Path) -> None:
    outcome = run("card", tmp_path / "nowhere")
    assert outcome[0] == 6
    assert "does not exist" in error_line(outcome)
    (made / "bundle" / "card.json").write_text("{}")
    outcome = run("card", made)
    assert outcome[0] == 6
    error_line(outcome)


def test_a_damaged_run_is_named(made: Path, run: Run) -> None:
    (made / "manifest.csv").write_text("image_id,path\na,b\n")
    outcome = run("card", made)
    assert outcome[0] == 9
    assert "manifest.csv" in error_line(outcome)


def test_a_card_is_not_written_into_a_run(made: Path, run: Run) -> None:
    outcome = run("card", made, "--out", made)
    assert outcome[0] == 9
    error_line(outcome)


def test_what_training_leaves_answers_nine_tenths(trained: TrainResult, tmp_path: Path) -> None:
    found = write_card(trained.run, out=tmp_path / "card")
    for one in found.content["checklists"].values():
        assert one["share"] >= 0.9
    assert ModelCard.load(tmp_path / "card" / "card.md").data.model_name == "tiny-vgg"
