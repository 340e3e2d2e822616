"""Time and memory of `lucency audit` against the number of films.

`python -m benchmarks.audit_time [--films FOLDER] [--sizes 1000,2500,5000,10000] [--size 400] [--json FILE]`. Films are
drawn where no folder is given. Each number of films is audited twice, each time in a process of its own: with nothing
known, and again. Memory is that of the largest process; while it compares films, the audit starts one more for each
core, and they share what they map.

`--like-kaggle` makes a folder like the field's favourite set of the films first, in folders for train, val and test:
10,580 files of 571 radiographs at 400 pixels, of each one as it was and six turned by any angle, the others byte for
byte copies of these. `--sizes` does not count then.

`--simulate 10000,100000` times the look-up of fingerprints and of rows of keypoints alone, among so many made-up ones:
random ones, which are no easier to search than those of films.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import subprocess
import sys
import tempfile
import time
from itertools import islice
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image

from benchmarks.film_changes import turn_black, turn_grey, turn_mirrored
from lucency.cli.printing import table
from lucency.datasets.layouts import scan
from lucency.errors import FilmError
from lucency.imaging import read_radiograph

_DIMENSIONS, _OF_KEYPOINTS, _SEARCHERS = 128, 256, 2000
_KAGGLE_FILES, _KAGGLE_FILMS, _UNIQUE = 10_580, 571, 3869
"""Files, radiographs, and files that differ in a byte, of that set."""
_SIDE, _TURNS = 400, (turn_black, turn_grey, turn_mirrored)
_SPLITS, _SHARES = ("train", "val", "test"), (0.87, 0.08, 0.05)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.audit_time", description=__doc__.partition("\n")[0])
    parser.add_argument("--films", type=Path)
    parser.add_argument("--sizes", default="1000,2500,5000,10000", help="numbers of films")
    parser.add_argument("--size", type=int, default=400, help="longer side of drawn films")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--like-kaggle", action="store_true", help="turned copies of a few of the films")
    parser.add_argument("--simulate", help="numbers of made-up films among which candidates are searched")
    given = parser.parse_args()
    if given.simulate:
        _simulate([int(text) for text in given.simulate.split(",")])
        return
    numbers = [int(text) for text in given.sizes.split(",")]
    rows = []
    with tempfile.TemporaryDirectory(prefix="lucency-audit-time-") as name:
        folder = Path(name)
        films = (
            given.films.resolve()
            if given.films
            else _drawn(folder / "drawn", _KAGGLE_FILMS if given.like_kaggle else max(numbers), given.size)
        )
        if given.like_kaggle:
            films, numbers = _like_kaggle(films, folder / "like-kaggle"), [_KAGGLE_FILES]
        manifest = scan(films)
        order = np.random.default_rng(0).permutation(len(manifest))
        for number in numbers:
            chosen = np.zeros(len(manifest), bool)
            chosen[order[:number]] = True
            data = folder / f"films-{number}.csv"
            part = manifest.keep(manifest.table["label"].notna() & chosen)
            part.write(data)
            out = folder / f"out-{number}" / "audit"
            first, memory = _audit(data, out)
            second, _ = _audit(data, out)
            distinct = json.loads((out / "audit.json").read_text("utf-8"))["distinct_radiographs"]
            rows.append(
                (
                    len(part),
                    distinct,
                    f"{first:.1f}",
                    f"{1000 * first / len(part):.1f}",
                    f"{second:.1f}",
                    f"{memory:.0f}",
                )
            )
            print(rows[-1], file=sys.stderr, flush=True)
    columns = ("films", "distinct", "seconds", "ms a film", "again, s", "MiB")
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} at the end")
    print(table(columns, rows, right=columns))
    if given.json:
        given.json.write_text(json.dumps([dict(zip(columns, row, strict=True)) for row in rows], indent=1) + "\n")


def _simulate(numbers: list[int]) -> None:
    from lucency.datasets.audit.fingerprint import OWN_VIEWS, search_views, unit
    from lucency.datasets.audit.keypoints import CHANGES
    from lucency.datasets.audit.view_index import ViewIndex

    chance = np.random.default_rng(0)
    views = len(search_views(np.zeros((OWN_VIEWS, 4), np.float32)))
    rows = []
    for films in numbers:
        own = unit(chance.standard_normal((films, OWN_VIEWS, _DIMENSIONS), dtype=np.float32))
        told = unit(chance.standard_normal((films, 1, _OF_KEYPOINTS), dtype=np.float32))
        # Some search for all: what one of them takes is the same for each.
        searchers = min(films, _SEARCHERS)
        wanted, changed = (
            unit(chance.standard_normal((searchers * each, long), dtype=np.float32))
            for each, long in ((views, _DIMENSIONS), (len(CHANGES), _OF_KEYPOINTS))
        )
        begun = time.monotonic()
        by_views = ViewIndex(own, np.ones(own.shape[:2], bool), 32)
        by_points = ViewIndex(told, np.ones(told.shape[:2], bool), 16)
        built = time.monotonic() - begun
        by_views.nearest(wanted)
        by_points.nearest(changed)
        each = 1000 * (time.monotonic() - begun - built) / searchers
        rows.append((films, searchers, f"{built:.1f}", f"{each:.2f}", f"{built + each * films / 1000:.0f}"))
    columns = ("films", "search", "index, seconds", "ms each", "seconds for all")
    print(table(columns, rows, right=columns))


def _drawn(folder: Path, films: int, size: int) -> Path:
    from lucency.datasets.synthetic import write_dataset

    return write_dataset(folder, films=films, seed=4, size=size)


def _like_kaggle(films: Path, folder: Path) -> Path:
    chance = np.random.default_rng(1)
    manifest = scan(films)
    known = manifest.keep(manifest.table["label"].notna()).table
    readable = (row for row in chance.permutation(len(known)).tolist() if _decoded(known["path"].iloc[row]) is not None)
    chosen = list(islice(readable, _KAGGLE_FILMS))
    if len(chosen) < _KAGGLE_FILMS:
        sys.exit(f"{films} holds {len(chosen)} readable films with a label, and {_KAGGLE_FILMS} are wanted")
    # As many files of each radiograph as of any other, and as many different ones among them.
    files, different = (
        np.diff(np.arange(len(chosen) + 1) * total // len(chosen)) for total in (_KAGGLE_FILES, _UNIQUE)
    )
    for number, row in enumerate(chosen):
        film = _decoded(known["path"].iloc[row])
        name = "fractured" if known["label"].iloc[row] else "not fractured"
        saved: list[bytes] = []
        for copy in range(files[number]):
            if copy < different[number]:
                turn = _TURNS[chance.integers(len(_TURNS))]
                stream = io.BytesIO()
                Image.fromarray(turn(film, chance) if copy else film).save(stream, "JPEG", quality=90)
                saved.append(stream.getvalue())
            place = folder / str(chance.choice(_SPLITS, p=_SHARES)) / name
            place.mkdir(parents=True, exist_ok=True)
            content = saved[copy] if copy < len(saved) else saved[chance.integers(len(saved))]
            (place / f"image{number}-{copy}.jpg").write_bytes(content)
    return folder


def _decoded(path: str) -> npt.NDArray[np.uint8] | None:
    try:
        film = np.rint(read_radiograph(path).pixels).astype(np.uint8)
    except FilmError:
        return None
    smaller = _SIDE / max(film.shape)
    return cv2.resize(film, None, fx=smaller, fy=smaller, interpolation=cv2.INTER_AREA)


def _audit(data: Path, out: Path) -> tuple[float, float]:
    """Seconds, and MiB of the largest process."""
    command = [sys.executable, "-m", "benchmarks.scripts.audit_memory", str(data), str(out)]
    begun = time.monotonic()
    said = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    return time.monotonic() - begun, float(said.split()[-1])


if __name__ == "__main__":
    main()
