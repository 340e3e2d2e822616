"""The log of the service: one JSON object a line, of a few known facts and nothing that a caller sent."""

from __future__ import annotations

import json
import logging
import sys
import threading
import time
import traceback
import warnings
from pathlib import PurePath
from types import TracebackType
from typing import Any, TextIO

FACTS = (
    "request_id",
    "method",
    "route",
    "status",
    "milliseconds",
    "films",
    "code",
    "bytes",
    "worker",
    "reason",
    "model",
    "signal",
    "error",
    "address",
    "workers",
    "threads",
)
"""All that a line can hold besides its time, level and event. Names, tags, file names and pixels are not among them."""


class ServiceLog:
    """Writes lines from any thread.

    Args:
        stream: Where they go; standard error where None.

    Attributes:
        lost: Lines that could not be written, as on a full disk. A film is answered all the same.
    """

    def __init__(self, stream: TextIO | None = None):
        self.lost = 0
        self._stream = stream or sys.stderr
        self._lock = threading.Lock()

    def line(self, event: str, *, level: str = "info", **facts: Any) -> None:
        """Writes one line.

        Args:
            event: What happened, in one word.
            level: "info", "warning" or "error".
            facts: Some of `FACTS`.

        Raises:
            ValueError: Another fact was given.
        """
        unknown = facts.keys() - set(FACTS)
        if unknown:
            raise ValueError(f"not a fact that a line may hold: {', '.join(sorted(unknown))}")
        now = time.time()
        stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now)) + f".{int(now * 1000) % 1000:03d}Z"
        text = json.dumps({"time": stamp, "level": level, "event": event, **facts}, default=str)
        with self._lock:
            try:
                self._stream.write(f"{text}\n")
                self._stream.flush()
            except OSError:
                self.lost += 1

    def take_over(self) -> None:
        """Has what libraries log come as lines of this log, by kind alone: their words may hold what a caller sent."""
        root = logging.getLogger()
        root.handlers[:] = [_Handler(self)]
        root.setLevel(logging.WARNING)
        for name in ("uvicorn", "uvicorn.error", "uvicorn.access", "uvicorn.asgi", "asyncio", "gradio", "httpx"):
            logger = logging.getLogger(name)
            logger.handlers.clear()
            logger.propagate = name != "uvicorn.access"
            logger.setLevel(logging.WARNING)
        warnings.showwarning = self._warned
        threading.excepthook = sys.unraisablehook = self._raised

    def _warned(
        self,
        message: object,
        category: type[Warning],
        filename: str,
        lineno: int,
        file: object = None,
        line: object = None,
    ) -> None:
        place = f"{PurePath(filename).name}:{lineno}"
        self.line("library", level="warning", reason=place, error=category.__name__)

    def _raised(self, told: Any) -> None:
        """Of a thread, or of an object that is being taken away, which nothing can catch."""
        self.line("library", level="error", reason=place_of(told.exc_traceback), error=told.exc_type.__name__)


def place_of(trace: TracebackType | None) -> str:
    """File and line that raised an error; its words may hold what a caller sent."""
    calls = traceback.extract_tb(trace)
    return f"{PurePath(calls[-1].filename).name}:{calls[-1].lineno}" if calls else "unknown"


class _Handler(logging.Handler):
    def __init__(self, log: ServiceLog):
        super().__init__()
        self._log = log

    def emit(self, record: logging.LogRecord) -> None:
        raised = record.exc_info[0].__name__ if record.exc_info and record.exc_info[0] else None
        level = "error" if record.levelno >= logging.ERROR else "warning"
        place = f"{record.name}:{record.lineno}"
        self._log.line("library", level=level, reason=place, error=raised)
