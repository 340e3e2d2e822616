"""One process that answers for films, and the line to it."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any

from lucency.errors import BundleError, LucencyError
from lucency.serving.settings import ServeSettings

_START_SECONDS = 60.0
"""Longest time from the start of a worker until it is ready."""

_SEEN = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "PYTHONPATH", "VIRTUAL_ENV", "SYSTEMROOT", "LD_LIBRARY_PATH")
"""What a worker sees of the environment; never the token."""


class FilmLostError(LucencyError):
    """A worker died of a film, or took too long over it; `code` is "worker_died" or "film_time_limit"."""


@dataclass(frozen=True)
class FilmReply:
    """What a worker said of a film.

    Attributes:
        said: As `film_worker.answer` gives it.
        parts: Its parts by name.
        seconds: That the worker took.
    """

    said: Mapping[str, Any]
    parts: Mapping[str, bytes]
    seconds: float


class Worker:
    """One process and the line to it.

    Raises:
        BundleError: It cannot use the model.
        FilmLostError: It does not start.
    """

    def __init__(self, settings: ServeSettings, model: str):
        mine, theirs = socket.socketpair()
        self.line = Connection(mine.detach())
        environment = {name: os.environ[name] for name in _SEEN if name in os.environ}
        number = theirs.fileno()
        with theirs:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "lucency.serving.film_worker", str(number)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env={**environment, "OMP_NUM_THREADS": str(settings.threads), "ORT_DISABLE_TELEMETRY": "1"},
                pass_fds=(number,),
                # Ctrl-C is for the service, which ends its workers when the requests in flight are answered.
                start_new_session=True,
            )
        limits = settings.limits
        wanted = {
            "model": model,
            "threads": settings.threads,
            "worker_bytes": limits.worker_bytes,
            "film_seconds": limits.film_seconds,
        }
        try:
            self.line.send_bytes(json.dumps(wanted).encode())
            if not self.line.poll(_START_SECONDS):
                raise FilmLostError(f"a worker was not ready within {_START_SECONDS:.0f} s")
            first = json.loads(self.line.recv_bytes())
        except (EOFError, OSError):
            self.end()
            raise FilmLostError(f"a worker ended as it started (exit {self.process.returncode})") from None
        except FilmLostError:
            self.end()
            raise
        if "error" in first:
            self.end()
            raise BundleError(first["error"]["message"])

    def answer(self, film: bytes, asked: Mapping[str, Any], seconds: float) -> FilmReply:
        """What it says of a film.

        Raises:
            FilmLostError: It died, or is not ready in time. It must be ended then.
        """
        begun = time.monotonic()
        try:
            self.line.send_bytes(json.dumps(asked).encode())
            self.line.send_bytes(film)
            if not self.line.poll(seconds):
                lost = FilmLostError(f"The film took longer than {seconds:.0f} s")
                lost.code = "film_time_limit"
                raise lost
            said = json.loads(self.line.recv_bytes())
            parts = {name: self.line.recv_bytes() for name in said.pop("parts")}
        except (EOFError, OSError, ValueError):
            lost = FilmLostError("The process that read the film died of it")
            lost.code = "worker_died"
            raise lost from None
        return FilmReply(said, parts, time.monotonic() - begun)

    def end(self) -> None:
        """Ends the process, whatever it does."""
        self.line.close()
        self.process.kill()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(10)
