"""Time and memory of the figures of a report against the number of films.

`python -m benchmarks.report_time [--sizes 1000,10000,50000] [--resamples 1000] [--json FILE]`. Made-up scores, alone
and in groups of one to four, go through `evaluate_scores` with two operating points and two prevalences; each row in a
process of its own, whose largest memory is shown beside what it held before it began. Where the time goes is measured
in a second run, with clocks around the parts; sums that metrics share fall on the first that asks for them. No page is
drawn.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.interval_coverage import drawn_films
from lucency.calibration import Calibration
from lucency.cli.printing import table
from lucency.decision import OperatingPoint
from lucency.evaluation import decided, intervals, metrics
from lucency.evaluation.report import evaluate_scores


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.report_time", description=__doc__.partition("\n")[0])
    parser.add_argument("--sizes", default="1000,10000,50000", help="numbers of films")
    parser.add_argument("--resamples", type=int, default=1000)
    parser.add_argument("--json", type=Path, metavar="FILE")
    parser.add_argument("--one", nargs=2, metavar=("FILMS", "alone|grouped"), help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one:
        print(json.dumps(_measured(int(given.one[0]), given.one[1] == "grouped", given.resamples)))
        return
    found = []
    for size in given.sizes.split(","):
        for groups in ("alone", "grouped"):
            command = [sys.executable, "-m", "benchmarks.report_time", "--one", size, groups]
            command += ["--resamples", str(given.resamples)]
            said = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
            found.append({"films": int(size), "groups": groups, **json.loads(said)})
    columns = ("films", "groups", "seconds", "processor s", "MiB before", "MiB at most")
    rows = [
        (
            str(row["films"]),
            row["groups"],
            f"{row['seconds']:.1f}",
            f"{row['processor']:.1f}",
            f"{row['before']:.0f}",
            f"{row['memory']:.0f}",
        )
        for row in found
    ]
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} at the end, {given.resamples} resamples")
    print(table(columns, rows, right=("films", *columns[2:])))
    parts = list(found[-1]["parts"])
    heads = [f"{row['films']} {row['groups']}" for row in found]
    print("\nwhere the time goes, seconds")
    shares = [(part, *(f"{row['parts'].get(part, 0):.2f}" for row in found)) for part in parts]
    print(table(("part", *heads), shares, right=heads))
    if given.json:
        given.json.write_text(json.dumps(found, indent=1) + "\n")


def _measured(films: int, grouped: bool, resamples: int) -> dict[str, Any]:
    labels, probabilities, groups = drawn_films(films, grouped=grouped, random=np.random.default_rng(0))
    logits = np.log(probabilities) - np.log1p(-probabilities)

    def evaluate() -> None:
        evaluate_scores(
            labels,
            logits,
            groups=groups,
            calibration=Calibration(),
            operating_point=OperatingPoint("youden", 0.3),
            other_points=[OperatingPoint("screening", 0.1)],
            prevalences=(0.05, 0.3),
            resamples=resamples,
        )

    before = _mebibytes()
    begun, processor = time.monotonic(), time.process_time()
    evaluate()
    seconds, processor = time.monotonic() - begun, time.process_time() - processor
    memory = _mebibytes()
    with _timed() as parts:
        evaluate()
    return {"seconds": seconds, "processor": processor, "before": before, "memory": memory, "parts": parts}


@contextmanager
def _timed() -> Iterator[dict[str, float]]:
    """Seconds by part, while the metrics, the drawing and the net benefit are wrapped in clocks."""
    parts: dict[str, float] = {}

    def clocked(name: str, work: Any) -> Any:
        def timed(*given: Any, **named: Any) -> Any:
            begun = time.perf_counter()
            try:
                return work(*given, **named)
            finally:
                parts[name] = parts.get(name, 0.0) + time.perf_counter() - begun

        return timed

    def drawing(*given: Any) -> Any:
        walk = draw(*given)
        step = clocked("drawing the films", lambda: next(walk, None))
        while (weights := step()) is not None:
            yield weights

    table_before, draw, benefit = dict(metrics.METRICS), intervals.resampled_weights, decided.net_benefit
    rows: Any = metrics.METRICS
    try:
        for name, row in table_before.items():
            rows[name] = replace(row, compute=clocked(name, row.compute))
        intervals.resampled_weights = drawing
        decided.net_benefit = clocked("net benefit", benefit)
        yield parts
    finally:
        rows.update(table_before)
        intervals.resampled_weights = draw
        decided.net_benefit = benefit


def _mebibytes() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    main()
