"""What `lucency audit --json` prints is what docs/reference/json.md states, key for key."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from lucency.cli.main import app
from lucency.workflows.scan import read_films

from .stated_json import StatedJson, read_page


@pytest.fixture(scope="module")
def page(repository: Path) -> StatedJson:
    return read_page(repository / "docs" / "reference" / "json.md")


def test_audit(page: StatedJson, drawn_films: Path, tmp_path: Path) -> None:
    fold = tmp_path / "folds"
    fold.mkdir()
    table = read_films(drawn_films).table
    answers = [
        f"{name},{label},,{0.1 + 0.8 * label}" for name, label in zip(table["image_id"], table["label"], strict=True)
    ]
    (fold / "out_of_fold.csv").write_text("image_id,label,group,probability\n" + "\n".join(answers) + "\n", "utf-8")
    words = ["audit", str(drawn_films), "--run", str(fold), "--out", str(tmp_path / "runs" / "audit" / "films")]
    done = CliRunner().invoke(app, [*words, "--json"])
    assert done.exit_code == 0, done.output
    content = json.loads(done.stdout)
    assert page.problems(content, "audit --json") == []
    assert content["leakage"]["test"]["share_with_copy_in_train"] >= 0
    assert content["label_errors"]["films"] == 120
    assert content["shortcuts"]
    assert content == json.loads((tmp_path / "runs" / "audit" / "films" / "audit.json").read_text("utf-8"))


def test_the_example_is_valid(page: StatedJson) -> None:
    (example,) = page.examples["audit --json json"]
    assert page.problems(json.loads(example), "audit --json", shortened=True) == []
