"""`lucency compare` as it is typed: the table, the page, the pictures, the exit codes."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from PIL import Image
from sibling_runs import sibling

from lucency.workflows.train import TrainResult

Typed = Callable[..., tuple[int, str, str]]


@pytest.fixture
def typed(run: Typed) -> Typed:
    """Calls `lucency compare` in this process; gives exit code, stdout and stderr."""
    return partial(run, "compare")


@pytest.fixture
def other(trained: TrainResult, tmp_path: Path) -> Path:
    return sibling(trained.run, tmp_path / "augmented")


def test_table_page_and_pictures(typed: Typed, trained: TrainResult, other: Path, tmp_path: Path) -> None:
    code, out, err = typed(trained.run, other, "--out", tmp_path / "out", "--latency", 3)
    assert code == 0, err
    lines = out.splitlines()
    assert lines[0].split() == ["18", "test", "films", "tiny", "augmented"]
    rows = {line.split("  ")[0]: line for line in lines}
    assert {
        "auroc",
        "average_precision",
        "parameters",
        "training",
        "one film, median",
        "one film, p95",
        "time against tiny",
    } <= set(rows)
    assert any(line.startswith("augmented  auroc ") for line in lines)
    assert any(line.split() == ["augmentation.rotation", "0.0", "20.0"] for line in lines)
    assert "these 18 films" in err
    assert f"Comparison: {tmp_path / 'out' / 'compare.html'}" in err
    # Of 18 films no difference has an interval that could be drawn.
    for name in ("training", "roc", "precision_recall", "reliability"):
        with Image.open(tmp_path / "out" / "figures" / f"{name}.png") as picture:
            assert picture.format == "PNG"
            assert min(picture.size) > 300
    page = (tmp_path / "out" / "compare.html").read_text("utf-8")
    assert page.count("<svg") == 4
    assert "http" not in page.replace("http-equiv", "")


def test_json_is_all_that_is_printed(typed: Typed, trained: TrainResult, other: Path, tmp_path: Path) -> None:
    code, out, _ = typed(trained.run, other, "--out", tmp_path / "out", "--latency", 0, "--json")
    assert code == 0
    content = json.loads(out)
    assert content == json.loads((tmp_path / "out" / "compare.json").read_text("utf-8"))
    assert content["timing"] is None


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["{run}"], 9, "needs two"),
        (["{run}", "{run}"], 9, "same run"),
        (["{run}", "nowhere"], 6, "does not exist"),
        (["{run}", "{other}", "--films", "nowhere"], 4, "does not exist"),
        (["{run}", "{other}", "--out", "{run}"], 9, "holds a run already"),
    ],
)
def test_bad_input_is_one_line(
    words: list[str],
    code: int,
    said: str,
    typed: Typed,
    trained: TrainResult,
    other: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(other.parent)
    found, out, err = typed(*(word.format(run=trained.run, other=other) for word in words))
    assert (found, out) == (code, "")
    (line,) = [line for line in err.splitlines() if line.startswith("Error: ")]
    assert said in line
    assert not list(other.parent.glob("comparison-*/compare.json"))


def test_a_bundle_that_was_altered_is_refused(typed: Typed, trained: TrainResult, other: Path, tmp_path: Path) -> None:
    carried = shutil.copytree(other / "bundle", tmp_path / "carried")
    with (carried / "model.onnx").open("ab") as file:
        file.write(b"x")
    code, _, err = typed(trained.run, carried, "--out", tmp_path / "out")
    assert code == 6
    assert "hash does not match" in err


def test_wrong_usage(typed: Typed, trained: TrainResult, other: Path) -> None:
    assert typed(trained.run, other, "--split", "train")[0] == 2
    assert typed()[0] == 2
    assert typed(trained.run, other, "--latency", -1)[0] == 2
