"""What a call of `lucency fetch` said and left."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

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
