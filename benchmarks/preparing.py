"""`prepare`: films a second, the share of JPEG decoding, and memory for N and 4 N films."""

from __future__ import annotations

import itertools
import json
import shutil
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from statistics import median

from PIL import Image

from benchmarks.measurement import Figure, in_turn, run
from benchmarks.workbench import SCRIPTS, SIDE, Workbench
from lucency.datasets.prepared import prepare
from lucency.imaging import InputSpec

TIMED_FILMS = 400
TURNS = 3
MEMORY_SIDE = 384
MEMORY_TURNS = 3


def preparing(bench: Workbench) -> list[Figure]:
    """Speed of `prepare` beside a plain loop that decodes the same files."""
    films = bench.prepared.manifest
    films = replace(films, table=films.table.head(TIMED_FILMS))
    count, paths = len(films), list(films.table["path"])
    numbers = itertools.count()

    def prepare_with(workers: int | None) -> Callable[[], None]:
        def work() -> None:
            folder = bench.folder / f"prepare_{next(numbers)}"
            prepare(films, InputSpec(SIDE, SIDE), folder, workers=workers)
            shutil.rmtree(folder)

        return work

    def decode() -> None:
        for path in paths:
            with Image.open(path) as film:
                film.load()

    times = in_turn({"all": prepare_with(None), "one": prepare_with(1), "decode": decode}, TURNS)
    return [
        Figure("prepare", f"prepare at {SIDE}, one thread for each core", "films/s", count / times.median("all")),
        Figure(
            "prepare",
            "share of prepare (one thread) that a plain Pillow decoding loop takes",
            "ms/film",
            1000 * times.median("one") / count,
            1000 * times.median("decode") / count,
            times.ratio("decode", "one"),
            None,
            times.best_ratio("decode", "one"),
        ),
    ]


def memory(bench: Workbench) -> list[Figure]:
    """Peak memory of a process that prepares N films, and of one that prepares 4 N."""
    films = bench.prepared.manifest
    table = bench.folder / "films.csv"
    films.write(table)
    many = len(films)
    peaks: dict[int, list[dict[str, int]]] = {many // 4: [], many: []}
    for turn, count in itertools.product(range(MEMORY_TURNS), peaks):
        folder = bench.folder / f"memory_{turn}_{count}"
        peaks[count].append(json.loads(run(_prepare_line(table, folder, count))))
        shutil.rmtree(folder)
    few_peak, many_peak = (median(turn["peak"] for turn in turns) / 2**20 for turns in peaks.values())
    before = median(turn["before"] for turn in peaks[many]) / 2**20
    array = many * MEMORY_SIDE**2 / 2**20
    return [
        Figure(
            "memory",
            f"peak memory of prepare at {MEMORY_SIDE}, {many} films against {many // 4}",
            "MiB",
            many_peak,
            few_peak,
            many_peak / few_peak,
            ("at most", 1.1),
            note=f"{before:.0f} MiB of it before the first film; the array on disk has {array:.0f} MiB",
        )
    ]


def _prepare_line(table: Path, folder: Path, count: int) -> list[object]:
    return [sys.executable, SCRIPTS / "prepare_films.py", table, folder, MEMORY_SIDE, count]
