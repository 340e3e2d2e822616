"""Who may import whom."""

from __future__ import annotations

import ast
import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

TENSORFLOW_FILES = {
    "learning/export.py",
    "learning/importing.py",
    "learning/foreign_code.py",
    "learning/foreign_operations.py",
    "learning/foreign_tensorflow.py",
}
"""The only files that may touch TensorFlow: the same code trains where it is not installed."""


def lint_imports(repository: Path, package_parent: Path) -> subprocess.CompletedProcess[str]:
    code = "import sys; from importlinter.cli import lint_imports; sys.exit(lint_imports(no_cache=True))"
    return subprocess.run(
        [sys.executable, "-c", code],
        cwd=repository,
        env={**os.environ, "PYTHONPATH": str(package_parent)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_rooms_import_only_what_they_may(repository: Path) -> None:
    done = lint_imports(repository, repository / "src")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 broken" in done.stdout


@pytest.mark.parametrize(
    ("file", "line"),
    [
        ("predictor.py", "import pandas"),
        ("imaging/readers.py", "from lucency import workflows"),
        ("datasets/layouts.py", "import lucency.learning.recipe"),
        ("reporting/html.py", "def late():\n    import keras"),
        ("learning/loader.py", "from sklearn import metrics"),
        ("errors.py", "import lucency.decision"),
    ],
)
def test_a_forbidden_import_is_found(repository: Path, tmp_path: Path, file: str, line: str) -> None:
    shutil.copytree(
        repository / "src" / "lucency", tmp_path / "lucency", ignore=shutil.ignore_patterns("__pycache__", "models")
    )
    broken = tmp_path / "lucency" / file
    broken.write_text(f"{broken.read_text('utf-8')}\n\n{line}\n", "utf-8")
    done = lint_imports(repository, tmp_path)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "BROKEN" in done.stdout


def test_every_room_stands_in_a_layer(repository: Path) -> None:
    settings = tomllib.loads((repository / "pyproject.toml").read_text("utf-8"))
    (layers,) = [c["layers"] for c in settings["tool"]["importlinter"]["contracts"] if c["type"] == "layers"]
    named = {name.strip().removeprefix("lucency.") for layer in layers for name in layer.split("|")}
    entries = [path for path in (repository / "src" / "lucency").iterdir() if not path.stem.startswith("_")]
    # `models/` holds bundles and no code.
    assert {path.stem for path in entries if path.suffix == ".py" or (path / "__init__.py").is_file()} == named


def test_tensorflow_is_touched_in_one_place(repository: Path) -> None:
    package = repository / "src" / "lucency"
    touching = {
        path.relative_to(package).as_posix()
        for path in package.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if {"tensorflow", "tf2onnx"} & {name.partition(".")[0] for name in imported(node)}
    }
    assert touching
    assert touching <= TENSORFLOW_FILES


def imported(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    return [node.module or ""] if isinstance(node, ast.ImportFrom) and not node.level else []
