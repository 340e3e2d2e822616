"""One process that answers for films, and the line to it."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
import threading
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


_DIED = "The process that read the film died of it"


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

    Attributes:
        identity: Of the bundle that it answers with, as it says itself.

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
                # -P: a module in the folder that the service was started from is not taken for one of Python's.
                [sys.executable, "-P", "-m", "lucency.serving.film_worker", str(number)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env={**environment, "OMP_NUM_THREADS": str(settings.threads), "ORT_DISABLE_TELEMETRY": "1"},
                pass_fds=(number,),
                # Ctrl-C is for the service, which ends its workers when the requests in flight are answered.
                start_new_session=True,
            )
        limits = settings.limits
        self._most = limits.worker_bytes
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
        self.identity = str(first["ready"])

    def answer(self, film: bytes, asked: Mapping[str, Any], seconds: float) -> FilmReply:
        """What it says of a film.

        Raises:
            FilmLostError: It died, or is not ready in time. It must be ended then.
        """
        begun, late = time.monotonic(), threading.Event()

        def give_up() -> None:
            late.set()
            self.process.kill()

        # The line breaks with the process, wherever in a message it stopped: while it is sent to, or half-way through
        # an answer, there is nothing else that ends the wait.
        timer = threading.Timer(seconds, give_up)
        timer.daemon = True
        try:
            timer.start()
            self.line.send_bytes(json.dumps(asked).encode())
            self.line.send_bytes(film)
            said = json.loads(self._heard())
            parts = {str(name): self._heard() for name in said.pop("parts")}
            if not isinstance(said.get("error", said.get("prediction")), dict):
                raise ValueError("neither an answer nor an error")
        except (EOFError, OSError, ValueError, TypeError, LookupError, AttributeError, RuntimeError):
            # A hostile film may have the process say anything.
            told = f"The film took longer than {seconds:.0f} s" if late.is_set() else _DIED
            lost = FilmLostError(told)
            lost.code = "film_time_limit" if late.is_set() else "worker_died"
            raise lost from None
        finally:
            timer.cancel()
        return FilmReply(said, parts, time.monotonic() - begun)

    def _heard(self) -> bytes:
        return self.line.recv_bytes(self._most)

    def end(self) -> None:
        """Ends the process, whatever it does."""
        self.line.close()
        self.process.kill()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(10)
