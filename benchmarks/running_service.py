"""`lucency serve`, started for a measurement on any free port of this machine."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from benchmarks.workbench import lucency_command


@dataclass
class RunningService:
    """A service, its address, and what its log said."""

    process: subprocess.Popen[str]
    url: str
    lines: list[dict[str, Any]] = field(default_factory=list)

    def memory(self) -> int:
        """Bytes that the service and its workers hold, each page once for each process."""
        service = psutil.Process(self.process.pid)
        found = 0
        for process in (service, *service.children(recursive=True)):
            with contextlib.suppress(psutil.Error):
                found += process.memory_info().rss
        return found


@contextlib.contextmanager
def running_service(model: str | Path | None, *options: str) -> Iterator[RunningService]:
    """A service for as long as the block lasts.

    Args:
        model: Bundle that answers; the model in the box where None.
        options: Further ones of `lucency serve`.

    Raises:
        RuntimeError: It does not start.
    """
    command = [*lucency_command(), "serve", "--port", "0", *options]
    if model is not None:
        command += ["--model", str(model)]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("LUCENCY_")}
    process = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True, env=environment)
    assert process.stderr is not None
    service, said = RunningService(process, ""), []
    try:
        for text in process.stderr:
            said.append(text)
            with contextlib.suppress(ValueError):
                service.lines.append(json.loads(text))
                if service.lines[-1]["event"] == "serving":
                    service.url = service.lines[-1]["address"]
                    break
        if not service.url:
            raise RuntimeError(f"the service did not start: {''.join(said)[-1000:]}")
        reader = threading.Thread(target=_read, args=(service,), daemon=True)
        reader.start()
        yield service
    finally:
        process.terminate()
        try:
            process.wait(60)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _read(service: RunningService) -> None:
    assert service.process.stderr is not None
    for text in service.process.stderr:
        with contextlib.suppress(ValueError):
            service.lines.append(json.loads(text))
