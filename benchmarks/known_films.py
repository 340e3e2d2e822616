"""Copies of training films that are known again by their prints, and new films taken for one: how many of each.

`python -m benchmarks.known_films [--films FOLDER --groups CSV] [--copies 100] [--seed 1] [--json FILE]`. Half of the
groups play the training films, whose prints are stored; the other half are new. Copies of both are made. Films are
drawn where no folder is given.
"""

from __future__ import annotations

import argparse
import csv
import json
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.film_changes import CHANGES
from lucency.cli.printing import table
from lucency.datasets.audit.near_copies import BLANK
from lucency.datasets.audit.survey import THUMB
from lucency.datasets.film_prints import film_print
from lucency.datasets.film_threads import one_thread_each, processors
from lucency.datasets.print_search import COPY, Film, Likest, find_likest
from lucency.errors import FilmError
from lucency.imaging.geometry import to_input
from lucency.imaging.readers import read_radiograph


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.known_films", description=__doc__.partition(":")[0])
    parser.add_argument("--films", type=Path, help="folder of films; drawn ones by default")
    parser.add_argument("--groups", type=Path, help="CSV with image_id and group; every film on its own by default")
    parser.add_argument("--drawn", type=int, default=2000, help="so many drawn films")
    parser.add_argument("--copies", type=int, default=100, help="copies of each kind, of training films")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--workers", type=int, default=processors())
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="lucency-known-") as folder:
        films = given.films or _drawn(Path(folder), given.drawn, given.seed)
        result = run(films, given.groups, given.copies, given.seed, given.workers)
    print(f"{result['stored']} stored films, {result['bytes']} bytes of prints in {result['seconds']['stored']:.0f} s")
    print(
        table(("kind", "found"), [(kind, f"{share:.3f}") for kind, share in result["recall"].items()], right=("found",))
    )
    print(f"mean of the kinds {np.mean(list(result['recall'].values())):.3f}")
    print(f"new films taken for copies: {result['false']} of {result['new']}; copies of new films: "
          f"{result['false_copies']} of {result['new_copies']}")  # fmt: skip
    print("likest new films:", result["likest"])
    print("seconds:", {stage: round(seconds, 1) for stage, seconds in result["seconds"].items()})
    if given.json:
        given.json.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


def run(films: Path, groups: Path | None, copies: int, seed: int, workers: int) -> dict[str, Any]:
    """Stores prints of half the groups, and asks for the others and for copies of both."""
    rng = np.random.default_rng([seed, 41])
    group_of = {}
    if groups:
        with groups.open(encoding="utf-8", newline="") as file:
            group_of = {row["image_id"]: row["group"] for row in csv.DictReader(file)}
    paths = sorted(path for path in films.rglob("*") if path.suffix.lower() in (".jpg", ".jpeg", ".png"))
    names = [group_of.get(path.name, path.name) for path in paths]
    different = sorted(set(names))
    stored_groups = set(rng.permutation(different)[: len(different) // 2].tolist())
    is_stored = np.array([name in stored_groups for name in names])
    with ThreadPoolExecutor(workers) as pool, one_thread_each():
        thumbs = list(pool.map(lambda path: _changed((path, -1, 0)), paths))
        readable = np.array([thumb is not None for thumb in thumbs])
        stored, new = np.flatnonzero(is_stored & readable), np.flatnonzero(~is_stored & readable)
        begun = time.monotonic()
        prints = list(pool.map(lambda place: film_print(*thumbs[place]), stored.tolist()))
        seconds = {"stored": time.monotonic() - begun}
        jobs = [
            (int(place), kind, int(rng.integers(2**31)))
            for kind in range(len(CHANGES))
            for some in (stored, new)
            for place in rng.choice(some, copies, replace=False)
        ]
        changed = list(pool.map(lambda job: _changed((paths[job[0]], *job[1:])), jobs))
    codes = np.concatenate(prints)
    owner = np.repeat(stored, [len(one) for one in prints])
    begun = time.monotonic()
    of_new = find_likest([thumbs[place] for place in new.tolist()], codes, owner, workers=workers)
    seconds["new"] = time.monotonic() - begun
    kept = [(job, film) for job, film in zip(jobs, changed, strict=True) if film is not None]
    of_copies = find_likest([film for _, film in kept], codes, owner, workers=workers)
    hits: dict[str, list[float]] = {change.__name__: [] for change in CHANGES}
    false_copies = []
    for ((place, kind, _), _), answer in zip(kept, of_copies, strict=True):
        if is_stored[place]:
            # Groups hold copies that were there before: either of them is right.
            right = answer.stored >= 0 and names[answer.stored] == names[place]
            hits[CHANGES[kind].__name__].append(answer.likeness if right else -1.0)
        else:
            false_copies.append(answer.likeness)
    order = sorted(zip(of_new, new.tolist(), strict=True), key=lambda pair: -pair[0].likeness)
    return {
        "seed": seed,
        "threshold": COPY,
        "stored": len(stored),
        "bytes": codes.nbytes,
        "new": len(new),
        "false": _over(of_new),
        "new_copies": len(false_copies),
        "false_copies": int((np.array(false_copies) >= COPY).sum()),
        "recall": {kind: float((np.array(values) >= COPY).mean()) for kind, values in hits.items()},
        "likest": [(paths[place].name, paths[one.stored].name, round(one.likeness, 3)) for one, place in order[:8]],
        "seconds": seconds,
        "likeness": {"new": [one.likeness for one in of_new], "false_copies": false_copies, **hits},
    }


def _over(answers: Sequence[Likest]) -> int:
    return sum(answer.likeness >= COPY for answer in answers)


def _changed(job: tuple[Path, int, int]) -> Film | None:
    path, kind, seed = job
    try:
        film = np.rint(read_radiograph(path).pixels).astype(np.uint8)
    except FilmError:
        return None
    if kind >= 0:
        film = CHANGES[kind](film, np.random.default_rng(seed))
    if film.std() < BLANK:
        return None
    thumb, _ = to_input(film.astype(np.float32), THUMB)
    return thumb[..., 0], film.shape[0], film.shape[1]


def _drawn(folder: Path, films: int, seed: int) -> Path:
    from lucency.datasets.synthetic import write_dataset

    write_dataset(folder, films=films, seed=seed)
    return folder


if __name__ == "__main__":
    main()
