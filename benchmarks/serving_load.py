"""A service under load: against the bare predictor on the same cores, and against a Gradio Interface.

`python -m benchmarks.serving_load [--model BUNDLE] [--films FOLDER] [--seconds 60] [--clients 16] [--recipe lucency-1]
[--memory 5000]`. Clients run on this machine too, and take their share of its cores.
"""

from __future__ import annotations

import argparse
import json
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import numpy as np

from benchmarks.measurement import run
from benchmarks.running_service import RunningService, running_service
from benchmarks.workbench import SCRIPTS
from lucency.cli.printing import table
from lucency.datasets.synthetic import write_dataset
from lucency.errors import FilmError
from lucency.imaging.readers import read_radiograph
from lucency.serving.settings import share_cores
from lucency.workflows.predict import find_films

_FILMS = 40
_EARLY = 500


def asked(kind: str, url: str, clients: int, seconds: float, films: Sequence[str]) -> dict[str, Any]:
    """What clients saw: requests a second, times, statuses."""
    said = json.loads(run([sys.executable, SCRIPTS / "load_clients.py", kind, url, clients, seconds, *films]))
    good = said["statuses"].get("200", 0)
    return {**said, "rate": good / said["elapsed"]}


def bare(model: str | None, seconds: float, films: Sequence[str]) -> float:
    """Films a second of the predictor in as many processes and threads as the service has."""
    workers, threads = share_cores(None)
    script = SCRIPTS / "bare_predictor.py"
    words = [sys.executable, str(script), model or "", str(threads), str(seconds), *films]
    processes = [
        subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(workers)
    ]
    rate = 0.0
    for process in processes:
        assert process.stdout is not None
        process.stdout.readline()
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    for process in processes:
        count, elapsed = process.communicate()[0].split()
        rate += int(count) / float(elapsed)
    return rate


def usual(recipe: str, clients: int, seconds: float, films: Sequence[str], *options: str) -> dict[str, Any]:
    """The same clients in front of a Gradio Interface; options as of its script."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, str(SCRIPTS / "gradio_interface.py"), recipe, str(port), *options],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    url = f"http://127.0.0.1:{port}"
    try:
        until = time.monotonic() + 120
        while True:
            try:
                with urlopen(f"{url}/config", timeout=5):
                    break
            except OSError:
                if process.poll() is not None or time.monotonic() > until:
                    raise RuntimeError("the Interface did not start") from None
                time.sleep(0.5)
        return asked("gradio", url, clients, seconds, films)
    finally:
        process.terminate()
        process.wait()


def memory(service: RunningService, clients: int, requests: int, films: Sequence[str]) -> tuple[int, int, int]:
    """Requests in all, and bytes after the first 500 and at the end."""
    early, count = 0, 0
    while count < requests:
        seconds = 5.0
        count += sum(asked("api", service.url, clients, seconds, films)["statuses"].values())
        if not early and count >= _EARLY:
            early = service.memory()
    return count, early, service.memory()


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default=None)
    parser.add_argument("--films", type=Path, default=None)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--clients", type=int, default=16)
    parser.add_argument("--recipe", default="lucency-1", help="network of the Interface; its weights do not matter")
    parser.add_argument("--memory", type=int, default=5000, help="requests of the look at memory; 0 leaves it out")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        source = given.films
        if source is None:
            source = Path(folder) / "films"
            write_dataset(source, films=_FILMS, size=448)
        films = _readable(find_films([source]))[:_FILMS]
        alone = bare(given.model, given.seconds / 2, films)
        with running_service(given.model, "--waiting", "64") as service:
            ours = asked("api", service.url, given.clients, given.seconds, films)
            grown = memory(service, given.clients, given.memory, films) if given.memory else None
        alike = usual(given.recipe, given.clients, given.seconds / 2, films, "alike")
        theirs = usual(given.recipe, given.clients, given.seconds / 2, films)
        again = bare(given.model, given.seconds / 2, films)
    alone = (alone + again) / 2
    rows = [
        ["service", f"{ours['rate']:.1f}", *_times(ours), _counts(ours)],
        ["bare predictor, same processes and threads", f"{alone:.1f}", "", "", ""],
        ["Gradio Interface around model.predict", f"{alike['rate']:.1f}", *_times(alike), _counts(alike)],
        ["the same, which looks at each film once", f"{theirs['rate']:.1f}", *_times(theirs), _counts(theirs)],
    ]
    print(table([f"{given.clients} clients", "films a second", "p50 ms", "p95 ms", "statuses"], rows))
    print(f"\nthroughput: {ours['rate'] / alone:.2f} of the bare predictor's (wanted: at least 0.7)")
    print(f"requests a second against the Interface: {ours['rate'] / alike['rate']:.1f} (wanted: at least 4)")
    print(f"against the Interface that looks at each film once: {ours['rate'] / theirs['rate']:.1f}")
    print(f"p95 of the Interface against ours: {_p(alike, 95) / _p(ours, 95):.1f}")
    if grown:
        count, early, late = grown
        shown = f"{early / 2**20:.0f} MiB, after {count}: {late / 2**20:.0f} MiB ({late / early - 1:+.1%})"
        print(f"memory of all processes after {_EARLY} requests or more: {shown} (wanted: within 5 %)")


def _readable(paths: Sequence[str]) -> list[str]:
    found = []
    for path in paths[: 2 * _FILMS]:
        try:
            read_radiograph(path)
        except FilmError:
            continue
        found.append(path)
    return found


def _p(seen: dict[str, Any], percent: float) -> float:
    return float(np.percentile(seen["times"], percent))


def _times(seen: dict[str, Any]) -> list[str]:
    return [f"{_p(seen, percent) * 1000:.0f}" for percent in (50, 95)]


def _counts(seen: dict[str, Any]) -> str:
    return ", ".join(f"{status}: {number}" for status, number in sorted(seen["statuses"].items()))


if __name__ == "__main__":
    main()
