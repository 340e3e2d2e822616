"""How a workflow tells whoever called it what it is doing."""

from __future__ import annotations


class Teller:
    """Hears what a workflow does; this one keeps silent, the command line has one that prints."""

    def say(self, text: str) -> None:
        """One finished fact, as a sentence."""

    def progress(self, stage: str, done: int, total: int, detail: str = "") -> None:
        """How far a stage has come; called often. `done == total` ends it."""
