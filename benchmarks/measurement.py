"""Takes times of rivals in turn, so that what else the machine does falls on all of them alike."""

from __future__ import annotations

import json
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from statistics import median
from types import TracebackType
from typing import Any


@dataclass(frozen=True)
class Figure:
    """One row of the table.

    Attributes:
        benchmark: Name of the benchmark that measured it.
        what: What was measured.
        unit: Unit of `ours` and `against`.
        ours: Median of Lucency.
        against: Median of the field's usual way, or of what `what` names; None where there is nothing to compare with.
        ratio: How many times better Lucency is, or a share; see `what`.
        target: What `ratio` (or `ours`, where there is no ratio) should be: ("at least" | "at most", number).
        best_ratio: The same ratio from the fastest turn of each, which a busy machine disturbs least.
        note: What helps to read the row.
    """

    benchmark: str
    what: str
    unit: str
    ours: float | None = None
    against: float | None = None
    ratio: float | None = None
    target: tuple[str, float] | None = None
    best_ratio: float | None = None
    note: str = ""

    @property
    def met(self) -> bool | None:
        """Whether the target is met; None where there is no target."""
        value = self.ours if self.ratio is None else self.ratio
        if self.target is None or value is None:
            return None
        bound, limit = self.target
        return value >= limit if bound == "at least" else value <= limit

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        target = None if self.target is None else {"bound": self.target[0], "value": self.target[1]}
        return {**self.__dict__, "target": target, "met": self.met}


@dataclass
class Times:
    """What each rival took in each turn.

    Attributes:
        seconds: Elapsed.
        processor: Of this process on all its threads, whatever else the machine did; without child processes.
    """

    seconds: dict[str, list[float]] = field(default_factory=dict)
    processor: dict[str, list[float]] = field(default_factory=dict)

    def median(self, name: str) -> float:
        """The middle turn of a rival."""
        return median(self.seconds[name])

    def best(self, name: str) -> float:
        """The fastest turn of a rival."""
        return min(self.seconds[name])

    def ratio(self, slow: str, fast: str) -> float:
        """How many times longer `slow` takes than `fast`, by medians."""
        return self.median(slow) / self.median(fast)

    def best_ratio(self, slow: str, fast: str) -> float:
        """The same by the fastest turns."""
        return self.best(slow) / self.best(fast)


def in_turn(rivals: Mapping[str, Callable[[], float | None]], turns: int) -> Times:
    """Lets rivals work one after another, several times over, after one turn that is not counted.

    Args:
        rivals: Work of each; it returns the seconds it took, or None to have its whole call timed.
        turns: How often.
    """
    times = Times({name: [] for name in rivals}, {name: [] for name in rivals})
    for turn in range(turns + 1):
        for name, work in rivals.items():
            begun, spent = time.perf_counter(), time.process_time()
            own = work()
            seconds = time.perf_counter() - begun if own is None else own
            if turn:
                times.seconds[name].append(seconds)
                times.processor[name].append(time.process_time() - spent)
    return times


def command(*words: object) -> Callable[[], None]:
    """Work that is a whole process, from its start to its end."""
    line = [str(word) for word in words]

    def work() -> None:
        run(line)

    return work


def run(line: Sequence[object]) -> str:
    """Runs a command and returns what it printed.

    Raises:
        RuntimeError: It failed; the message ends with its last words.
    """
    words = [str(word) for word in line]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(words[:4])} ... failed ({done.returncode}):\n{done.stderr[-2000:]}")
    return done.stdout


class Answerer:
    """A process that stays and does its work whenever it is asked, so that two can work in turn.

    Args:
        line: Its command; the process prints one JSON object for each line that it reads.
    """

    def __init__(self, *line: object):
        self._words = tempfile.TemporaryFile("w+")  # noqa: SIM115
        self._process = subprocess.Popen(
            [str(word) for word in line],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._words,
            text=True,
        )

    def ask(self) -> dict[str, Any]:
        """Has the work done once more."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        line = ""
        with suppress(BrokenPipeError):
            self._process.stdin.write("go\n")
            self._process.stdin.flush()
            line = self._process.stdout.readline()
        if not line:
            self._words.seek(0)
            raise RuntimeError(f"{self._process.args!r} ended before it answered:\n{self._words.read()[-2000:]}")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def __enter__(self) -> Answerer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):
            self._process.stdin.close()
        self._process.wait(timeout=60)
        self._words.close()
        assert self._process.stdout is not None
        self._process.stdout.close()
