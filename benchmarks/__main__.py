"""Runs the benchmarks: `python -m benchmarks [NAME ...] [--films FOLDER] [--run RUN] [--json FILE]`."""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks import batches, box, frozen, prediction, preparing
from benchmarks.measurement import Figure
from benchmarks.workbench import Workbench
from lucency.cli.printing import table

BENCHMARKS: dict[str, Callable[[Workbench], list[Figure]]] = {
    "help": prediction.help_text,
    "cold": prediction.cold,
    "warm": prediction.warm,
    "box": box.box,
    "prepare": preparing.preparing,
    "memory": preparing.memory,
    "batches": batches.batches,
    "loader": batches.loader,
    "frozen": frozen.frozen,
}
"""In the order in which they run: those that load TensorFlow into this process come last."""


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__.partition(":")[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"some of: {', '.join(BENCHMARKS)}; all by default")
    parser.add_argument("--films", type=Path, help="folder of films with two classes; drawn films by default")
    parser.add_argument("--limit", type=int, help="how many films to use (400 drawn, 1600 given)")
    parser.add_argument("--run", type=Path, help="trained run to ask; a small one is trained by default")
    parser.add_argument(
        "--weights", type=Path, help="ImageNet weights of mobilenet for `frozen`; random ones by default"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there too")
    given = parser.parse_args()
    unknown = [name for name in given.names if name not in BENCHMARKS]
    if unknown:
        parser.error(f"there is no benchmark {', '.join(unknown)}; choose from {', '.join(BENCHMARKS)}")
    wanted = [name for name in BENCHMARKS if not given.names or name in given.names]
    limit = given.limit or (1600 if given.films else 400)

    figures: list[Figure] = []
    load = [_load()]
    with tempfile.TemporaryDirectory(prefix="lucency-bench-") as folder:
        bench = Workbench(
            Path(folder), given.films and given.films.resolve(), limit, given.run and given.run.resolve(), given.weights
        )
        for name in wanted:
            begun = time.monotonic()
            figures += BENCHMARKS[name](bench)
            load.append(_load())
            print(f"{name}: {time.monotonic() - begun:.0f} s", file=sys.stderr, flush=True)
        # Asked for by most benchmarks, but not by `help`.
        count = len(bench.manifest) if "manifest" in bench.__dict__ else 0
    machine: dict[str, object] = {
        "cores": os.cpu_count(),
        "platform": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "load_average": load,
        "films": count,
        "drawn": given.films is None,
    }
    print(_text(figures, machine))
    if given.json:
        content = {"machine": machine, "figures": [figure.to_json() for figure in figures]}
        given.json.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", "utf-8")


def _text(figures: list[Figure], machine: dict[str, object]) -> str:
    rows = []
    for figure in figures:
        met = {None: "", True: "yes", False: "NO"}[figure.met]
        target = "" if figure.target is None else f"{figure.target[0]} {figure.target[1]:g}"
        numbers = (figure.ours, figure.against, figure.ratio, figure.best_ratio)
        rows.append((figure.what, *map(_number, numbers[:2]), figure.unit, *map(_number, numbers[2:]), target, met))
    columns = ("what", "ours", "against", "unit", "ratio", "of bests", "target", "met")
    notes = [f"{figure.benchmark}: {figure.note}" for figure in figures if figure.note]
    loads = machine["load_average"]
    assert isinstance(loads, list)
    facts = (
        f"{machine['cores']} cores, {machine['platform']}, Python {machine['python']}; {machine['films']} "
        f"{'drawn' if machine['drawn'] else 'given'} films; load average {min(loads):.1f} to {max(loads):.1f}"
    )
    right = ("ours", "against", "ratio", "of bests")
    return "\n".join([table(columns, rows, right=right), "", *notes, facts])


def _number(value: float | None) -> str:
    if value is None:
        return ""
    if 0 < value < 0.001:
        return "<0.001"
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.3g}"


def _load() -> float:
    return round(os.getloadavg()[0], 1) if hasattr(os, "getloadavg") else 0.0


if __name__ == "__main__":
    main()
