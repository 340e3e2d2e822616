from __future__ import annotations

import csv
import json
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from heard import Heard
from stated_page import stated_json

pytest.importorskip("optuna")

from lucency.datasets.manifest import Manifest
from lucency.errors import RecipeError, RunError
from lucency.learning.recipe import load_recipe
from lucency.workflows.run_folder import RunFolder, read_rows
from lucency.workflows.search import SearchResult, resume_search, search

# With this seed the second of three trials fails.
TINY = ("input.height=32", "input.width=32", "training.epochs=2", "training.batch_size=32", "seed=5")
# A learning rate of 1e30 makes the loss NaN, so some trials fail.
TUNE = ("training.learning_rate=0.001,1e30", "model.dropout=0:0.5")
TRIALS = 3


@pytest.fixture(scope="module")
def table(drawn_films: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The drawn films with splits, so that test films are known by name."""
    from lucency.datasets.split import assign_split
    from lucency.workflows.scan import read_films

    path = tmp_path_factory.mktemp("table") / "drawn.csv"
    assign_split(read_films(drawn_films), seed=0).write(path)
    return path


@pytest.fixture(scope="module")
def searched(table: Path, tmp_path_factory: pytest.TempPathFactory) -> SearchResult:
    """A search of three trials. Read only."""
    out = tmp_path_factory.mktemp("searches") / "whole"
    return search(table, recipe="tiny-vgg", overrides=TINY, tune=TUNE, trials=TRIALS, out=out)


def states(result: SearchResult) -> list[str]:
    return [trial["state"] for trial in result.content["trials"]]


def test_what_a_search_leaves(searched: SearchResult) -> None:
    content = json.loads((searched.folder / "search.json").read_text("utf-8"))
    assert content["trials"] == searched.content["trials"]
    assert stated_json().problems(content, "search --json") == []
    assert content["trials"][0]["values"] == {"training.learning_rate": "0.001", "model.dropout": 0.0}
    assert content["own"]["value"] == content["trials"][0]["value"]
    with (searched.folder / "trials.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["state"] for row in rows] == states(searched)
    assert list(rows[0]) == [
        "trial",
        "state",
        "val_auroc",
        "epochs",
        "training.learning_rate",
        "model.dropout",
        "reason",
    ]
    assert (searched.folder / "figures" / "history.png").read_bytes().startswith(b"\x89PNG")
    page = (searched.folder / "search.html").read_text("utf-8")
    assert "optimistic" in page
    assert any("optimistic" in note for note in content["notes"])


def test_a_trial_that_fails_is_recorded_with_its_reason_and_the_search_goes_on(searched: SearchResult) -> None:
    assert set(states(searched)) >= {"complete", "failed"}
    for trial in searched.content["trials"]:
        assert (trial["state"] == "failed") == (trial["values"]["training.learning_rate"] == "1e30")
        assert ("loss became nan" in trial["reason"]) == (trial["state"] == "failed")


def test_the_best_recipe_trains_as_the_best_trial_did(searched: SearchResult) -> None:
    best = searched.content["best"]
    finished = [trial for trial in searched.content["trials"] if trial["state"] == "complete"]
    assert best["value"] == max(trial["value"] for trial in finished)
    recipe = load_recipe(searched.recipe)
    assert recipe.name == "tiny-vgg-searched"
    assert recipe.model.dropout == best["values"]["model.dropout"]
    tried = load_recipe(searched.folder / best["run"] / "recipe.toml")
    same = {"name": tried.name, "source": tried.source, "parameters": tried.parameters}
    assert recipe.model_copy(update=same) == tried
    history = read_rows(searched.folder / best["run"] / "history.csv")
    assert best["value"] == pytest.approx(max(float(row["val_auroc"]) for row in history))


def test_only_the_best_keeps_its_weights(searched: SearchResult) -> None:
    for trial in searched.content["trials"]:
        run = searched.folder / trial["run"]
        kept = [path.name for path in run.rglob("*.keras")]
        assert bool(kept) == (trial["trial"] == searched.content["best"]["trial"]), kept
        if trial["state"] == "complete":
            assert (run / "history.csv").is_file()
        if trial["state"] == "complete" and not kept:
            assert "deleted" in RunFolder.open(run).details()["weights"]


def test_no_test_film_is_scored(searched: SearchResult) -> None:
    test_ids = set(Manifest.read(searched.folder / "films.csv").subset("test").table["image_id"])
    assert test_ids
    written = {path.name for path in (searched.folder / "trials").rglob("*") if path.is_file()}
    assert written.isdisjoint({"predictions.csv", "report.json", "report.html", "model.onnx"})
    for path in (searched.folder / "trials").glob("*/validation.csv"):
        assert test_ids.isdisjoint(row["image_id"] for row in read_rows(path))


def interrupting(monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    """Presses Ctrl-C after the epoch of this number, counted over all trials from 1."""
    from lucency.learning import trial_hooks

    whole: Callable[..., Any] = trial_hooks.epoch_hook
    epochs = 0

    def hook(tell: Callable[..., None]) -> Any:
        def told(epoch: int, figures: Any) -> None:
            nonlocal epochs
            epochs += 1
            if epochs == number:
                raise KeyboardInterrupt
            tell(epoch, figures)

        return whole(told)

    monkeypatch.setattr(trial_hooks, "epoch_hook", hook)


@pytest.fixture(scope="module")
def poisoned(table: Path) -> Path:
    """The same films and splits, every test film with the wrong label."""
    manifest = Manifest.read(table)
    swap = manifest.table["split"] == "test"
    manifest.table.loc[swap, "label"] = 1 - manifest.table.loc[swap, "label"]
    path = table.with_name("poisoned.csv")
    manifest.write(path)
    right, wrong = ([row["label"] for row in read_rows(place) if row["split"] == "test"] for place in (table, path))
    assert all(one != other for one, other in zip(right, wrong, strict=True))
    return path


def test_wrong_test_labels_and_an_interruption_change_nothing(
    searched: SearchResult, poisoned: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    what: dict[str, Any] = {"recipe": "tiny-vgg", "overrides": TINY, "tune": TUNE, "trials": 1}
    heard = Heard()
    with monkeypatch.context() as patched:
        interrupting(patched, 2)
        with pytest.raises(KeyboardInterrupt):
            search(poisoned, **what, out=tmp_path / "out", teller=heard)
    assert heard.lines[-1] == f"Stopped after 0 of 1 trials; go on with: lucency search --resume {tmp_path / 'out'}"
    assert any("one trial searches nothing" in line for line in heard.lines)
    begun = (tmp_path / "out" / "trials" / "001" / "history.csv").read_bytes()
    again = search(poisoned, **what, out=tmp_path / "out")
    assert again.content["trials"] == searched.content["trials"][:1]
    # The epoch that was whole when it stopped was not trained again.
    assert (tmp_path / "out" / "trials" / "001" / "history.csv").read_bytes().startswith(begun)


def test_a_finished_search_is_not_run_again(searched: SearchResult, tmp_path: Path) -> None:
    copied = tmp_path / "search"
    shutil.copytree(searched.folder, copied)
    heard = Heard()
    again = resume_search(copied, teller=heard)
    assert heard.lines[0] == f"{TRIALS} of {TRIALS} trials are done"
    assert again.content["trials"] == searched.content["trials"]


def test_another_search_in_the_same_folder_is_refused(searched: SearchResult, table: Path, tmp_path: Path) -> None:
    what: dict[str, Any] = {"recipe": "tiny-vgg", "trials": TRIALS, "out": searched.folder}
    with pytest.raises(RunError, match=r"otherwise \(search of model.dropout: .* then, none now\)"):
        search(table, **what, overrides=TINY, tune=TUNE[:1])
    with pytest.raises(RunError, match=r"otherwise \(training.patience: 0 then, 1 now\)"):
        search(table, **what, overrides=[*TINY, "training.patience=1"], tune=TUNE)
    with pytest.raises(RunError, match="does not exist"):
        resume_search(tmp_path / "nothing")
    (tmp_path / "mine.txt").write_text("a file of the user")
    with pytest.raises(RunError, match=r"is not empty \(it holds mine.txt\)"):
        search(table, recipe="tiny-vgg", overrides=TINY, tune=TUNE, out=tmp_path)


def test_one_search_at_a_time_in_a_folder(searched: SearchResult) -> None:
    from lucency.datasets.folder_lock import folder_lock

    before = (searched.folder / "plan.json").read_bytes()
    with folder_lock(searched.folder, wait=0), pytest.raises(RunError, match="another process is searching"):
        resume_search(searched.folder, trials=99)
    assert (searched.folder / "plan.json").read_bytes() == before


def test_films_that_changed_are_refused(searched: SearchResult, tmp_path: Path, table: Path) -> None:
    copied = tmp_path / "search"
    shutil.copytree(searched.folder, copied)
    content = (copied / "films.csv").read_text("utf-8")
    (copied / "films.csv").write_text(content.replace(",train,", ",val,", 1), "utf-8")
    with pytest.raises(RunError, match="not what they were"):
        resume_search(copied)


def test_wrong_wishes_are_told_before_anything_is_written(drawn_films: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    with pytest.raises(RecipeError, match="no pruner is named 'medain'"):
        search(drawn_films, recipe="tiny-vgg", pruner="medain", out=out)
    with pytest.raises(RecipeError, match="out of range"):
        search(drawn_films, recipe="tiny-vgg", tune=["model.dropout=0:7"], out=out)
    with pytest.raises(RecipeError, match="weights"):
        search(drawn_films, recipe="mobilenet", weights=str(tmp_path / "none.h5"), out=out)
    with pytest.raises(RecipeError, match="compares no trials"):
        search(drawn_films, recipe="tiny-vgg", overrides=["training.monitor=last"], out=out)
    assert not out.exists()


@pytest.mark.slow
def test_a_search_in_which_every_trial_fails(table: Path, tmp_path: Path) -> None:
    overrides = [*TINY, "training.learning_rate=1e30"]
    with pytest.raises(RunError, match=r"all 2 trials failed; the first: the loss became nan"):
        search(table, recipe="tiny-vgg", overrides=overrides, tune=TUNE[1:], trials=2, out=tmp_path / "out")


@pytest.mark.slow
def test_a_search_survives_kill_9(searched: SearchResult, poisoned: Path, tmp_path: Path) -> None:
    start = "from lucency.cli.main import main; main()"
    words = ["search", poisoned, "-r", "tiny-vgg", "--trials", TRIALS, "--out", tmp_path / "out"]
    words += [part for text in TINY for part in ("--set", text)] + [part for text in TUNE for part in ("--tune", text)]
    killed = subprocess.Popen([sys.executable, "-c", start, *map(str, words)], stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 120
    # Killed in the third trial, once it has begun to write.
    while not (tmp_path / "out" / "trials" / "003").exists() and time.monotonic() < deadline and killed.poll() is None:
        time.sleep(0.02)
    killed.send_signal(signal.SIGKILL)
    assert killed.wait() == -signal.SIGKILL
    again = resume_search(tmp_path / "out")
    assert again.content["trials"] == searched.content["trials"]
    assert again.recipe.read_bytes() == searched.recipe.read_bytes()
