"""`compare` on films of the user's own: with and without splits, and where the page goes."""

from __future__ import annotations

from pathlib import Path

import pytest
from heard import Heard
from sibling_runs import sibling

from lucency.errors import DatasetError
from lucency.workflows.compare import compare
from lucency.workflows.run_folder import read_rows, write_rows
from lucency.workflows.train import TrainResult

QUICK = {"latency": 0, "resamples": 60}


@pytest.fixture(autouse=True)
def _undrawn(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("lucency.reporting.compare_figures.comparison_figures", lambda content, histories: {})
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")


@pytest.fixture
def first(trained: TrainResult) -> Path:
    return trained.run


@pytest.fixture
def second(first: Path, tmp_path: Path) -> Path:
    return sibling(first, tmp_path / "augmented")


def table_of(run: Path, path: Path, split_of: dict[str, str]) -> Path:
    """A table of the films of a run, by the split that they have there."""
    rows = [row for row in read_rows(run / "manifest.csv") if row["split"] in split_of]
    films = [
        {"path": str((run / row["path"]).resolve()), "label": row["label"], "split": split_of[row["split"]]}
        for row in rows
    ]
    write_rows(path, ["path", "label", "split"], films)
    return path


def test_a_split_of_films_without_splits_is_refused(first: Path, second: Path, drawn_films: Path) -> None:
    for split in ("val", "test"):
        with pytest.raises(DatasetError, match=f"has no splits, so none can be chosen with --split {split}") as caught:
            compare([first, second], films=drawn_films, split=split, **QUICK)
        assert "Leave --split out" in str(caught.value)
    assert not list(Path().glob("comparison-*/compare.json"))


def test_validation_films_of_another_data_set_are_not_said_to_have_chosen_anything(
    first: Path, second: Path, tmp_path: Path
) -> None:
    new = table_of(first, tmp_path / "new.csv", {"test": "val"})
    found = compare([first, second], films=new, split="val", **QUICK).content
    assert found["films"] == len(read_rows(first / "predictions.csv"))
    assert not any("chose the best epoch" in note["message"] for note in found["notes"])
    old = table_of(first, tmp_path / "old.csv", {"val": "val"})
    found = compare([first, second], films=old, split="val", **QUICK).content
    assert found["films"] == len(read_rows(first / "validation.csv"))
    assert any("chose the best epoch" in note["message"] for note in found["notes"])


def test_other_comparisons_go_to_other_folders_and_the_same_says_that_it_replaces(
    first: Path, second: Path, drawn_films: Path, tmp_path: Path
) -> None:
    teller = Heard()
    films = drawn_films.name
    wanted = ["comparison-tiny-augmented", "comparison-tiny-augmented-val", f"comparison-tiny-augmented-on-{films}"]
    options = [{}, {"split": "val"}, {"films": drawn_films}]
    done = [compare([first, second], **QUICK, **given, teller=teller) for given in options]  # type: ignore[arg-type]
    assert [str(one.out) for one in done] == wanted
    assert not any(line.startswith("Replaces") for line in teller.lines)
    assert compare([first, second], split="test", **QUICK, teller=teller).out == done[0].out
    assert "Replaces an earlier comparison in comparison-tiny-augmented" in teller.lines
    other = sibling(first, tmp_path / "elsewhere" / "augmented", seed=5)
    again = [compare([first, other], **QUICK).out for _ in range(2)]
    assert again == [Path("comparison-tiny-augmented-2")] * 2
