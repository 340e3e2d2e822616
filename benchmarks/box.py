"""How soon the model in the box answers, from a film's file to its heat map: model loaded, and in a fresh process.

`python -m benchmarks.box [--films FOLDER] [--number 200] [--json FILE]`. Films are drawn where no folder is given.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from benchmarks.measurement import Figure, command, in_turn
from benchmarks.workbench import Workbench, lucency_command
from lucency import DEFAULT_MODEL, Predictor
from lucency.cli.printing import table
from lucency.datasets.synthetic import write_dataset
from lucency.errors import FilmError
from lucency.workflows.predict import find_films

COLD_TURNS = 7
WARM_ROUNDS = 3
DRAWN_SIZE = 448


def box(bench: Workbench) -> list[Figure]:
    """As a part of `make bench`: on the few films that the others ask about."""
    return measure(bench.sample * WARM_ROUNDS)[0]


def measure(films: Sequence[str | Path]) -> tuple[list[Figure], str]:
    """Times films one after another with the model loaded, and `lucency predict FILM` from start to exit.

    Args:
        films: Each is read, decoded, resized and answered once; those that cannot be read are passed over.

    Returns:
        The figures, and what the command printed.
    """
    # Another bundle would answer.
    os.environ.pop("LUCENCY_BUNDLE", None)
    predictor = Predictor()
    seconds: list[float] = []
    answered: list[str | Path] = []
    maps = 0
    for place, film in enumerate([films[0], *films]):
        begun = time.perf_counter()
        try:
            answer = predictor.predict(film)
        except FilmError:
            continue
        # The first answer of a model takes memory that the later ones keep.
        if place:
            seconds.append(time.perf_counter() - begun)
            answered.append(film)
            maps += answer.heatmap is not None
    if not seconds:
        raise SystemExit("None of these films can be read.")
    line = [*lucency_command(), "predict", str(answered[0])]
    cold = in_turn({"ours": command(*line)}, COLD_TURNS)
    said = subprocess.run(line, capture_output=True, text=True, check=True)
    p50, p95 = (1000 * float(np.quantile(seconds, share)) for share in (0.5, 0.95))
    refused = len(seconds) - maps
    note = (
        f"{len(seconds)} answers of {predictor.bundle.identity}, {maps} with a heat map, {refused} refused by the gate"
    )
    figures = [
        Figure("box", f"one film to answer and heat map, {DEFAULT_MODEL} loaded: median", "ms", p50, note=note),
        Figure("box", "the same: 95th percentile", "ms", p95),
        Figure(
            "box", "`lucency predict film.jpg` from start to exit: median of 7", "s", cold.median("ours"),
            note=f"the fastest start took {cold.best('ours'):.3f} s",
        ),
    ]  # fmt: skip
    return figures, f"{said.stdout}{said.stderr}"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.box", description=__doc__.partition("\n")[0])
    parser.add_argument("--films", type=Path, help="folder of films; drawn films by default")
    parser.add_argument("--number", type=int, default=200, help="how many films to ask about")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there too")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="lucency-box-") as folder:
        source = given.films or write_dataset(Path(folder) / "drawn", films=given.number, size=DRAWN_SIZE)
        found = find_films([str(source)])
        chosen = np.random.default_rng(0).permutation(len(found))[: given.number]
        figures, said = measure([found[place] for place in chosen])
    rows = [(figure.what, f"{figure.ours:.3g}", figure.unit) for figure in figures]
    print(table(("what", "time", "unit"), rows, right=("time",)))
    print("\n".join(figure.note for figure in figures if figure.note))
    print(
        f"{os.cpu_count()} cores, {'given' if given.films else 'drawn'} films, load {os.getloadavg()[0]:.1f} at the end"
    )
    print(f"\nThe command, once more, said:\n{said}", end="")
    if given.json:
        content = [figure.to_json() for figure in figures]
        given.json.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", "utf-8")


if __name__ == "__main__":
    main()
