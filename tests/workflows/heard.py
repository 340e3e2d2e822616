"""A teller that keeps what it is told, for tests."""

from __future__ import annotations

from lucency.workflows.teller import Teller


class Heard(Teller):
    """Keeps what is said."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def say(self, text: str) -> None:
        """Keeps a line."""
        self.lines.append(text)
