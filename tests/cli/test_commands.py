from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lucency.cli.printing import PrintingTeller, table
from lucency.workflows.train import TrainResult

Run = Callable[..., str]


@pytest.fixture
def run(run: Callable[..., tuple[int, str, str]]) -> Run:
    """Calls `lucency` in this process, which must succeed; gives stdout."""

    def call(*arguments: object) -> str:
        code, out, err = run(*arguments)
        assert code == 0, err
        return out

    return call


def test_predict_takes_files_folders_and_patterns_each_film_once(
    run: Run, trained: TrainResult, drawn_films: Path
) -> None:
    folder = drawn_films / "Fractured"
    one = sorted(folder.iterdir())[0]
    out = json.loads(run("predict", one, folder, f"{folder}/*.jpg", "--bundle", trained.run, "--json"))
    paths = [entry["path"] for entry in out["predictions"]]
    assert len(paths) == len(set(paths)) == len(list(folder.iterdir()))
    assert set(out["predictions"][0]) == {"path", "sha256", "probability", "logit", "decision", "bundle"}
    assert trained.bundle is not None
    assert out["predictions"][0]["bundle"] == trained.bundle.identity


def test_table_json_and_csv_agree(run: Run, trained: TrainResult, drawn_films: Path) -> None:
    film = sorted((drawn_films / "Not_fractured").iterdir())[0]
    entry = json.loads(run("predict", film, "-b", trained.run, "--json"))["predictions"][0]
    (row,) = csv.DictReader(io.StringIO(run("predict", film, "-b", trained.run, "--csv")))
    assert float(row["probability"]) == entry["probability"]
    assert row["decision"] == entry["decision"]
    assert f"{entry['probability']:.3f}  {entry['decision']}" in run("predict", film, "-b", trained.run)


def test_the_bundle_can_be_named_by_the_environment(
    run: Run, trained: TrainResult, drawn_films: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LUCENCY_BUNDLE", str(trained.run))
    assert "fractured" in run("predict", sorted((drawn_films / "Fractured").iterdir())[0])


def test_overlays_leave_the_film_as_it_is(run: Run, trained: TrainResult, drawn_films: Path, tmp_path: Path) -> None:
    films = sorted((drawn_films / "Fractured").iterdir())[:2]
    same_name = tmp_path / "other" / films[0].name
    same_name.parent.mkdir()
    same_name.write_bytes(films[0].read_bytes())
    run("predict", *films, same_name, "-b", trained.run, "--overlay", tmp_path / "seen")
    assert len(list((tmp_path / "seen").iterdir())) == 3
    with Image.open(tmp_path / "seen" / f"{films[0].name}.overlay.png") as picture, Image.open(films[0]) as film:
        assert picture.width >= film.width
        assert picture.height > film.height
    assert not list(tmp_path.rglob("*.part"))


def test_show_writes_a_film_and_a_grid(run: Run, drawn_films: Path, tmp_path: Path) -> None:
    film = sorted((drawn_films / "Fractured").iterdir())[0]
    assert "fractured" in run("show", drawn_films, "--film", film.name, "--no-boxes", "--out", tmp_path / "one.png")
    np.testing.assert_array_equal(
        np.asarray(Image.open(tmp_path / "one.png").convert("L")), np.asarray(Image.open(film))
    )
    out = run("show", drawn_films, "--class", "not_fractured", "-n", 9, "--seed", 1, "--out", tmp_path / "grid.jpg")
    assert out.count(": not fractured,") == 9
    with Image.open(tmp_path / "grid.jpg") as picture:
        assert picture.format == "JPEG"
    assert run("show", drawn_films, "-n", 3, "--seed", 4, "--out", tmp_path / "a.png") == run(
        "show", drawn_films, "-n", 3, "--seed", 4, "--out", tmp_path / "a.png"
    )


def test_scan_writes_a_manifest_that_scan_reads(run: Run, drawn_films: Path, tmp_path: Path) -> None:
    for name in ("films.csv", "films.parquet"):
        first = json.loads(run("scan", drawn_films, "--out", tmp_path / name, "--json"))
        again = json.loads(run("scan", tmp_path / name, "--json"))
        assert first["films"] == again["films"] == 120
        assert first["fractured"] == again["fractured"] == 60
        assert first["groups"] == again["groups"]


def test_prepare_says_what_is_left_out_and_goes_on(run: Run, drawn_films: Path, tmp_path: Path) -> None:
    import shutil

    films = tmp_path / "films"
    for name in ("Fractured", "Not_fractured"):
        shutil.copytree(drawn_films / name, films / name)
    (films / "Fractured" / "bad.jpg").write_bytes(b"")
    small = ("--set", "input.height=64", "--set", "input.width=64")
    out = run("prepare", films, "-r", "tiny-vgg", *small, "--out", tmp_path / "ready")
    assert "120 films are ready" in out
    assert "bad.jpg" in out


def test_recipes_are_listed_with_stable_keys(run: Run) -> None:
    listed = json.loads(run("recipes", "--json"))["recipes"]
    assert all(set(entry) == {"name", "parameters", "input", "source"} for entry in listed)
    assert {"name": "tiny-vgg", "parameters": 31101, "input": "224x224x3"}.items() <= next(
        entry for entry in listed if entry["name"] == "tiny-vgg"
    ).items()
    assert "tiny-vgg" in run("recipes")
    assert "[training]" in run("recipes", "--show", "mobilenet")


def test_info_names_versions_extras_and_device(run: Run) -> None:
    facts = json.loads(run("info", "--json"))
    assert facts["versions"]["onnxruntime"]
    assert facts["extras"]["train"] == []
    assert facts["device"]["backend"] == "tensorflow"
    assert json.loads(run("info", "--json", "--no-device"))["device"] is None


def test_evaluate_prints_intervals_and_json(run: Run, trained: TrainResult, drawn_films: Path, tmp_path: Path) -> None:
    out = run("evaluate", trained.run, "--split", "val", "--out", tmp_path / "val")
    assert "auroc" in out
    assert " to " in out
    report = json.loads(run("evaluate", trained.run, drawn_films, "--out", tmp_path / "all", "--allow-seen", "--json"))
    assert report["films"] == 120
    assert "optimistic" in report["verdict"]
    report = json.loads(run("evaluate", trained.run, drawn_films, "--out", tmp_path / "new", "--json"))
    # Those that trained the bundle or chose its thresholds are left out, and so is a test film that looks like one.
    own = json.loads((trained.run / "report.json").read_text())["films"]
    assert 0.8 * own <= report["films"] <= own
    assert json.loads((tmp_path / "val" / "report.json").read_text())["optimistic_reason"]


def test_a_piped_log_has_no_control_characters(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [100.0]
    monkeypatch.setattr("lucency.cli.printing.time.monotonic", lambda: now[0])
    with PrintingTeller() as teller:
        teller.say("begun")
        teller.progress("preparing films", 3, 10, "9 s left")
        for film in range(200):
            now[0] += 0.1
            teller.progress("looking at films", film, 1000)
        for film in (999, 1000, 1000):
            now[0] += 70.0
            teller.progress("looking at films", film, 1000)
    lines = capsys.readouterr().err.splitlines()
    assert lines[:3] == ["begun", "preparing films: 3 of 10, 9 s left", "looking at films: 0 of 1000"]
    assert lines[3:] == [f"looking at films: {films} of 1000" for films in (100, 999, 1000)]


def test_tables_align() -> None:
    assert table(("name", "n"), [("a", 5), ("long", 10)], right=("n",)) == "name   n\n----  --\na      5\nlong  10"
