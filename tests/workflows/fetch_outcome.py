"""What a call of `lucency fetch` said and left."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

Outcome = tuple[int, str, str]
"""Exit code, stdout and stderr."""

Run = Callable[..., Outcome]


def error_line(outcome: Outcome) -> str:
    lines = [line for line in outcome[2].splitlines() if line.startswith("Error: ")]
    assert len(lines) == 1, outcome[2]
    return lines[0]


def left(folder: Path) -> list[str]:
    """Every file below a folder."""
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def interrupt_half_way(monkeypatch: pytest.MonkeyPatch) -> None:
    """Presses Ctrl-C while data are put in place, until `monkeypatch.undo`."""
    rename, count = Path.rename, [0]

    def failing(path: Path, target: Path) -> Path:
        count[0] += 1
        # The first renames the half-made folder, the second brings the first file or folder in it.
        if count[0] == 3:
            raise KeyboardInterrupt
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", failing)
