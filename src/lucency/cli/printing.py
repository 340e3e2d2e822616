"""What commands print: progress on a terminal, a plain line now and then in a log, tables that are clean when piped."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from typing import Any

from lucency.workflows.teller import Teller

STEP, SECONDS_BETWEEN_LINES = 0.1, 5.0
"""Share of a stage, and time, after which a log gets a further line on it."""

SILENCE = 60.0
"""Seconds after which it gets one at any rate."""


class PrintingTeller(Teller):
    """Prints facts and progress to stderr, so that stdout stays clean for results."""

    def __init__(self) -> None:
        self._terminal = sys.stderr.isatty()
        self._bar: Any = None
        self._task: Any = None
        self._stage = ""
        self._told = 0
        self._last_line = 0.0

    def say(self, text: str) -> None:
        """Prints a line above any progress bar."""
        if self._bar is not None:
            self._bar.console.print(text, markup=False, highlight=False)
        else:
            print(text, file=sys.stderr, flush=True)

    def progress(self, stage: str, done: int, total: int, detail: str = "") -> None:
        """Moves the bar; where there is no terminal, prints a line as a stage begins and now and then."""
        if self._terminal:
            self._move_bar(stage, done, total, detail)
        elif self._worth_a_line(stage, done, total):
            self._stage, self._told, self._last_line = stage, done, time.monotonic()
            self.say(f"{stage}: {done} of {total}" + (f", {detail}" if detail else ""))

    def _worth_a_line(self, stage: str, done: int, total: int) -> bool:
        if _without_numbers(stage) != _without_numbers(self._stage):
            return True
        waited = time.monotonic() - self._last_line
        if stage != self._stage or done < self._told:
            # The next epoch is no news.
            return waited > SILENCE
        return done > self._told and (
            waited > SILENCE or (waited > SECONDS_BETWEEN_LINES and done - self._told >= STEP * total)
        )

    def close(self) -> None:
        """Takes the bar away."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = None

    def _move_bar(self, stage: str, done: int, total: int, detail: str) -> None:
        if self._bar is None or stage != self._stage:
            self.close()
            from rich.console import Console
            from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

            self._stage = stage
            self._bar = Progress(
                TextColumn("{task.description}"),
                BarColumn(),
                MofNCompleteColumn(),
                TextColumn("{task.fields[detail]}"),
                console=Console(stderr=True),
                transient=True,
            )
            self._task = self._bar.add_task(stage, total=total, detail=detail)
            self._bar.start()
        self._bar.update(self._task, completed=done, total=total, detail=detail)
        if done >= total:
            self.close()

    def __enter__(self) -> PrintingTeller:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def table(columns: Sequence[str], rows: Sequence[Sequence[object]], *, right: Sequence[str] = ()) -> str:
    """A plain table with aligned columns, the same on a terminal and in a pipe.

    Args:
        columns: Headings.
        rows: Cells, as many in a row as there are headings.
        right: Headings of the columns whose cells stand at the right.
    """
    cells = [[str(cell) for cell in row] for row in rows]
    widths = [max([len(name), *(len(row[place]) for row in cells)]) for place, name in enumerate(columns)]

    def line(row: Sequence[str]) -> str:
        parts = [
            cell.rjust(width) if name in right else cell.ljust(width)
            for cell, width, name in zip(row, widths, columns, strict=True)
        ]
        return "  ".join(parts).rstrip()

    return "\n".join([line(columns), line(["-" * width for width in widths]), *map(line, cells)])


def _without_numbers(stage: str) -> str:
    return "".join(letter for letter in stage if not letter.isdigit())
