"""What `compare` refuses, each in one clear line that names the run, the file or the film."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from sibling_runs import change, resplit, sibling

from lucency.errors import BundleError, DatasetError, LucencyError, RunError
from lucency.workflows.compare import compare
from lucency.workflows.run_folder import read_rows
from lucency.workflows.train import TrainResult

QUICK = {"latency": 0, "resamples": 60}


@pytest.fixture
def first(trained: TrainResult) -> Path:
    return trained.run


@pytest.fixture
def second(first: Path, tmp_path: Path) -> Path:
    return sibling(first, tmp_path / "augmented")


def refused(runs: list[Path], kind: type[LucencyError], tmp_path: Path, **options: object) -> str:
    with pytest.raises(kind) as caught:
        compare(runs, out=tmp_path / "refused", **{**QUICK, **options})  # type: ignore[arg-type]
    assert not (tmp_path / "refused" / "compare.json").exists()
    return str(caught.value)


def test_one_run_or_one_twice_is_refused(first: Path, tmp_path: Path) -> None:
    assert "needs two" in refused([first], RunError, tmp_path)
    assert "same run" in refused([first, first], RunError, tmp_path)
    assert "same run" in refused([first, first / "bundle"], RunError, tmp_path)
    copied = shutil.copytree(first, tmp_path / "copied")
    assert "same bundle" in refused([first, copied], RunError, tmp_path)


def test_a_run_that_is_not_ready_is_refused(first: Path, second: Path, tmp_path: Path) -> None:
    (second / "predictions.csv").unlink()
    assert "never evaluated" in refused([first, second], RunError, tmp_path)
    shutil.rmtree(second / "bundle")
    assert "no bundle yet" in refused([first, second], BundleError, tmp_path)
    assert "does not exist" in refused([first, tmp_path / "nowhere"], BundleError, tmp_path)


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda text: text[: len(text) // 2], "predictions.csv is damaged"),
        (lambda text: "", "it has no row"),
        (lambda text: text.replace("logit", "score", 1), "lacks the column logit"),
        (lambda text: text.replace(text.splitlines()[2].split(",")[3], "nan", 1), "line 3: the logit 'nan'"),
        (lambda text: "\n".join([*text.splitlines()[:-1], "x"]), "is cut short"),
        (lambda text: text.replace(text.splitlines()[1].split(",")[0], "other", 1), "or others than those"),
        (lambda text: "\0" * 40, "predictions.csv"),
    ],
)
def test_damaged_predictions_are_named(first: Path, second: Path, tmp_path: Path, damage: object, words: str) -> None:
    path = second / "predictions.csv"
    path.write_text(damage(path.read_text("utf-8")), "utf-8")  # type: ignore[operator]
    said = refused([first, second], RunError, tmp_path)
    assert words in said
    assert str(second) in said


def test_answers_of_an_older_bundle_are_refused(first: Path, second: Path, tmp_path: Path) -> None:
    report = json.loads((second / "report.json").read_text("utf-8"))
    (second / "report.json").write_text(json.dumps({**report, "bundle": "tiny-vgg@000000000000"}), "utf-8")
    assert "another bundle (tiny-vgg@000000000000)" in refused([first, second], RunError, tmp_path)


def test_labels_that_disagree_name_a_film(first: Path, second: Path, tmp_path: Path) -> None:
    row = read_rows(second / "predictions.csv")[4]

    def flip(one: dict[str, str]) -> dict[str, str]:
        return {**one, "label": str(1 - int(one["label"]))} if one["image_id"] == row["image_id"] else one

    change(second / "predictions.csv", flip)
    change(second / "manifest.csv", flip)
    assert f"film {row['image_id']}: is labelled" in refused([first, second], DatasetError, tmp_path)


def test_nothing_in_common_is_one_clear_error(first: Path, second: Path, tmp_path: Path) -> None:
    resplit(second, lambda row: {"test": "train", "train": "test"}.get(row["split"], row["split"]))
    assert "no film is left to compare on" in refused([first, second], DatasetError, tmp_path)
    change(second / "manifest.csv", lambda row: {**row, "sha256": f"{int(row['sha256'], 16) ^ 2**255:064x}"})
    assert "share no test film" in refused([first, second], DatasetError, tmp_path)


def test_bundles_alone_need_films(first: Path, second: Path, tmp_path: Path) -> None:
    bundles = [shutil.copytree(run / "bundle", tmp_path / name) for run, name in ((first, "a"), (second, "b"))]
    assert "--films" in refused(bundles, DatasetError, tmp_path)
    assert "--films" in refused([first, second], RunError, tmp_path, labels={"a": 1})


def test_nothing_of_the_users_is_overwritten(first: Path, second: Path, tmp_path: Path) -> None:
    with pytest.raises(RunError, match="holds a run already"):
        compare([first, second], out=first, **QUICK)
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "mine.txt").write_text("keep")
    with pytest.raises(RunError, match="is not empty"):
        compare([first, second], out=tmp_path / "notes", **QUICK)


def test_a_damaged_history_is_named(first: Path, second: Path, tmp_path: Path) -> None:
    change(second / "history.csv", lambda row: {**row, "val_loss": "x"})
    assert "history.csv is damaged" in refused([first, second], RunError, tmp_path)
