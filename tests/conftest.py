"""Fixtures that several rooms share. Every film is drawn by the program, every file written by the test."""

from __future__ import annotations

import gc
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from lucency.workflows.train import TrainResult

if TYPE_CHECKING:
    from playwright.sync_api import Browser

REPOSITORY = Path(__file__).resolve().parents[1]

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")

LONGEST = (
    "workflows/test_every_recipe.py",
    "workflows/test_training_walk.py",
    "workflows/test_recipes_on_jax.py",
    "contracts/test_jax_without_tensorflow.py",
    "workflows/test_cross_validate.py",
    "workflows/test_search.py",
    "contracts/test_notebook.py",
    "contracts/test_documented_commands.py",
    "contracts/test_python_in_docs.py",
    "workflows/test_demo.py",
    "learning/test_classifier.py",
    "learning/test_fit.py",
)
"""Files that train several models or wait for processes of their own; the longest first, roughly."""


def pytest_configure(config: pytest.Config) -> None:
    # pytest-xdist would hand out the files with many tests first, and one that trains for a minute in two tests last,
    # when the other worker has nothing left to do.
    if hasattr(config.option, "loadscopereorder"):
        config.option.loadscopereorder = False
    # A graph of TensorFlow is a million Python objects, and all that was imported is searched through with them.
    gc.set_threshold(50_000, 20, 50)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    place = {REPOSITORY / "tests" / name: index for index, name in enumerate(LONGEST)}
    items.sort(key=lambda item: place.get(item.path, len(place)))
    # What exists by now, modules above all, stays until the end.
    gc.freeze()


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Folder of real films: LUCENCY_REAL_DATA, or shared/data beside the repository."""
    folder = Path(os.environ.get("LUCENCY_REAL_DATA", REPOSITORY.parent / "shared" / "data"))
    if not (folder / "fracatlas" / "dataset.csv").is_file():
        pytest.skip(f"no real films at {folder}; set LUCENCY_REAL_DATA")
    return folder


@pytest.fixture(scope="session")
def drawn_films(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """120 synthetic films of 96 pixels in Fractured/ and Not_fractured/, with dataset.csv. Read only."""
    from lucency.datasets.synthetic import write_dataset

    return write_dataset(tmp_path_factory.mktemp("drawn") / "films", films=120, seed=5, size=96)


SMALL = ("input.height=64", "input.width=64", "training.epochs=2", "training.batch_size=16", "evaluation.resamples=100")
"""Overrides that make a recipe train in seconds."""


@pytest.fixture(scope="session")
def trained(drawn_films: Path, tmp_path_factory: pytest.TempPathFactory) -> TrainResult:
    """A tiny-vgg run with bundle and report. Read only: copy it before changing anything."""
    from lucency.workflows.train import train

    return train(drawn_films, recipe="tiny-vgg", overrides=SMALL, out=tmp_path_factory.mktemp("runs") / "tiny")


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """Calls `lucency` in this process; gives exit code, stdout and stderr."""
    from lucency.cli.main import main

    def call(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["lucency", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
        said = capsys.readouterr()
        assert "Traceback" not in said.err + said.out
        code = ended.value.code
        return (code if isinstance(code, int) else 0), said.out, said.err

    return call


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """The browser of this machine, without a window."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="needs the Python package playwright")
    program = next((found for name in BROWSERS if (found := shutil.which(name))), None)
    if program is None:
        pytest.skip(f"no browser is installed: {', '.join(BROWSERS)}")
    # Chromium refuses its own sandbox to root, as whom containers run tests.
    arguments = ["--no-sandbox"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
    with sync_api.sync_playwright() as driver:
        opened = driver.chromium.launch(executable_path=program, args=arguments)
        yield opened
        opened.close()
