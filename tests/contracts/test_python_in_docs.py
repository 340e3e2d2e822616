"""The Python on the pages runs, block after block, on small synthetic films."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from .conftest import REPOSITORY

PAGE = REPOSITORY / "docs" / "how-to" / "use-from-python.md"
SERIES = ("cross_validate(", "search(")
"""Calls that train several models."""
SHORT = (
    '["training.epochs=2"]',
    '["training.epochs=2", "input.height=64", "input.width=64", "evaluation.resamples=100"]',
)
"""What the page trains, and what the default suite trains instead."""


def blocks(page: Path) -> list[tuple[int, str]]:
    """The Python blocks of a page, each with the line that it begins in."""
    text = page.read_text("utf-8")
    found = re.finditer(r"^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    return [(text.count("\n", 0, match.start(1)) + 1, match[1]) for match in found]


@pytest.fixture
def surroundings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with the films that the page speaks of."""
    from lucency.datasets.synthetic import write_dataset

    write_dataset(tmp_path / "films", films=160, seed=3, size=64)
    write_dataset(tmp_path / "other-films", films=24, seed=4, size=64)
    film = min((tmp_path / "other-films" / "Fractured").iterdir()).read_bytes()
    (tmp_path / "film.jpg").write_bytes(film)
    (tmp_path / "cut.jpg").write_bytes(film[: len(film) // 2])
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(page: list[tuple[int, str]]) -> dict[str, Any]:
    """Runs blocks in one namespace, as a reader would who types them one after the other."""
    namespace: dict[str, Any] = {"__name__": "page"}
    for line, block in page:
        # The line numbers of a traceback are then those of the page.
        exec(compile("\n" * (line - 1) + block, str(PAGE), "exec"), namespace)
    return namespace


def is_series(block: str) -> bool:
    return any(call in block for call in SERIES)


def test_the_page_runs_from_top_to_bottom(surroundings: Path, capsys: pytest.CaptureFixture[str]) -> None:
    short = [(line, block.replace(*SHORT)) for line, block in blocks(PAGE) if not is_series(block)]
    assert sum(SHORT[1] in block for _, block in short) == 2

    said = run(short)

    printed = capsys.readouterr().out
    assert "truncated" in printed
    assert "Training on" in printed
    assert said["comparison"].content["films"] == 24
    assert (surroundings / "runs" / "compared" / "compare.html").is_file()
    assert (surroundings / "overlay.png").is_file()
    assert said["elsewhere"].films == 24
    assert said["films"].shape == (32, 64, 64, 1)
    assert sum(len(films.rows) for films in said["part"].values()) == 160
    assert said["imported"].bundle.card.default_operating_point == "youden"
    assert "heatmap" in said["imported"].bundle.card.outputs
    # The recipe's rate of 1e-3, halved after each epoch: what the optimizer stands at when an epoch has ended.
    history = (surroundings / "runs" / "second" / "history.csv").read_text("utf-8").splitlines()
    column = history[0].split(",").index("learning_rate")
    assert [float(row.split(",")[column]) for row in history[1:]] == pytest.approx([5e-4, 2.5e-4])


@pytest.mark.slow
def test_the_page_runs_word_for_word(surroundings: Path) -> None:
    page = blocks(PAGE)
    assert sum(is_series(block) for _, block in page) == 1
    said = run(page)
    assert len(said["folds"].content["folds"]) == 2
    assert said["found"].recipe.is_file()
    assert said["comparison"].content["films"] == 24
