"""What the contracts share: the repository, its wheel, and the command line as a tree of commands."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from .linked_environment import build_wheel

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def repository() -> Path:
    """The root of the repository."""
    return REPOSITORY


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, freshly built."""
    return build_wheel(REPOSITORY, tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="session")
def fresh() -> Callable[[str], str]:
    """Runs code in a fresh interpreter in which a warning is an error, and gives what it printed."""

    def run(code: str, *arguments: str) -> str:
        command = [sys.executable, "-W", "error", "-c", code, *arguments]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


@pytest.fixture(scope="session")
def commands() -> dict[str, Any]:
    """Every command of `lucency` by name, as the parser knows it; "" is `lucency` itself."""
    import typer

    from lucency.cli.main import app

    group: Any = typer.main.get_command(app)
    return {"": group, **group.commands}


@pytest.fixture(scope="session")
def one_film(drawn_films: Path) -> Path:
    """A synthetic film."""
    return min((drawn_films / "Fractured").iterdir())
