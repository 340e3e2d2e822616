"""`lucency serve`, really started, and films to send it."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import psutil
from PIL import Image

from lucency.bundle import Bundle


@dataclass
class Served:
    """A service that runs: its process, address and log."""

    process: subprocess.Popen[str]
    lines: list[dict[str, Any]] = field(default_factory=list)
    raw: list[str] = field(default_factory=list)

    @property
    def url(self) -> str:
        return str(self.logged("serving")["address"])

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])

    @property
    def workers(self) -> list[psutil.Process]:
        found = []
        for child in psutil.Process(self.process.pid).children():
            with contextlib.suppress(psutil.Error):
                if "lucency.serving.film_worker" in child.cmdline():
                    found.append(child)
        return found

    def client(self, **options: Any) -> httpx.Client:
        return httpx.Client(base_url=self.url, trust_env=False, timeout=60, **options)

    def logged(self, event: str, *, count: int = 1, seconds: float = 30) -> dict[str, Any]:
        """The last of so many lines of an event, once they are there."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            found = [line for line in list(self.lines) if line.get("event") == event]
            if len(found) >= count:
                return found[count - 1]
            if self.process.poll() is not None and not self.reader.is_alive():
                break
            time.sleep(0.02)
        raise AssertionError(f"no {event} in: {self.raw}")

    def read(self) -> None:
        assert self.process.stderr is not None
        for text in self.process.stderr:
            self.raw.append(text)
            with contextlib.suppress(ValueError):
                self.lines.append(json.loads(text))

    def __post_init__(self) -> None:
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()


Serve = Callable[..., Served]


@contextlib.contextmanager
def starter(bundle: Bundle) -> Iterator[Serve]:
    started: list[Served] = []

    def serve(*options: str, model: str | Path | None = None, env: dict[str, str] | None = None) -> Served:
        command = [str(Path(sys.executable).with_name("lucency")), "serve", "--port", "0", "--model"]
        environment = {k: v for k, v in os.environ.items() if not k.startswith("LUCENCY_")} | (env or {})
        process = subprocess.Popen(
            [*command, str(model or bundle.folder), *(() if "--workers" in options else ("--workers", "1")), *options],
            stderr=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            text=True,
            env=environment,
        )
        started.append(Served(process))
        return started[-1]

    try:
        yield serve
    finally:
        for served in started:
            if served.process.poll() is None:
                served.process.send_signal(signal.SIGTERM)
        for served in started:
            try:
                served.process.wait(20)
            except subprocess.TimeoutExpired:
                served.process.kill()
                served.process.wait()
            served.reader.join(10)
            assert served.process.stderr is not None
            served.process.stderr.close()


def png(grey: int, *, side: int = 96, corner: int | None = None) -> bytes:
    """A flat film, with its upper left quarter of another grey."""
    pixels = np.full((side, side), grey, np.uint8)
    if corner is not None:
        pixels[: side // 2, : side // 2] = corner
    stream = BytesIO()
    Image.fromarray(pixels).save(stream, "PNG")
    return stream.getvalue()


def slow_png(width: int = 10_000, height: int = 9_000) -> bytes:
    """A film that takes about a second to decode and hardly anything to send."""
    stream = BytesIO()
    Image.fromarray(np.full((height, width), 90, np.uint8)).save(stream, "PNG", compress_level=1)
    return stream.getvalue()


def logit_of(served: Served, grey: int) -> float:
    """What the small bundle says of a flat film."""
    with served.client() as client:
        answer = client.post("/v1/predictions", content=png(grey))
    assert answer.status_code == 200, answer.text
    return float(answer.json()["predictions"][0]["logit"])


def until(what: str, check: Callable[[], object], seconds: float = 20) -> None:
    """Waits for something, and says what it was where it does not come."""
    end = time.monotonic() + seconds
    while not check():
        assert time.monotonic() < end, what
        time.sleep(0.02)
