"""Copies planted among films, kind by kind: how many are found, and how many different films are put together.

`python -m benchmarks.planted_copies [--films FOLDER] [--base 2000] [--copies 100] [--seed 0] [--json FILE]`. Films are
drawn where no folder is given. Beside the audit, on the same files: equal bytes, imagehash's pHash (64 bits, at most 8
of them different) and cleanvision's near duplicates, where those packages are installed.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image

from benchmarks.film_changes import CHANGES
from lucency.cli.printing import table
from lucency.datasets.audit.near_copies import find_copies
from lucency.datasets.audit.survey_films import survey_films
from lucency.datasets.content_hash import files_sha256
from lucency.datasets.manifest import Manifest
from lucency.datasets.manifest_file import MANIFEST_COLUMNS
from lucency.errors import FilmError
from lucency.imaging import read_radiograph

PHASH_BITS = 8

Clusters = list[int]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.planted_copies", description=__doc__.partition(":")[0])
    parser.add_argument("--films", type=Path, help="folder of films; drawn ones by default")
    parser.add_argument("--base", type=int, default=2000, help="films among which copies are planted")
    parser.add_argument("--copies", type=int, default=100, help="copies of each kind")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--others", action=argparse.BooleanOptionalAction, default=True, help="other tools too")
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="lucency-copies-") as folder:
        result = run(Path(folder), given.films, given.base, given.copies, given.seed, given.others)
    tools = list(result["tools"])
    print(f"{result['base']} films, {result['planted']} planted copies, seed {given.seed}")
    rows = [(kind, *(f"{result['tools'][tool]['recall'][kind]:.3f}" for tool in tools)) for kind in result["kinds"]]
    rows.append(("false merges, share of sets", *(f"{result['tools'][tool]['false_merges']:.4f}" for tool in tools)))
    rows.append(("seconds", *(f"{result['tools'][tool]['seconds']:.0f}" for tool in tools)))
    print(table(("kind", *tools), rows, right=tools))
    print("merged:", result["merged"][:20])
    if given.json:
        given.json.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


def run(folder: Path, films: Path | None, base: int, copies: int, seed: int, others: bool) -> dict[str, Any]:
    """Plants copies, and asks each tool for its sets."""
    rng = np.random.default_rng([seed, 77])
    sources = _given(films, base, rng) if films else _drawn(folder / "drawn", base, seed)
    written = folder / "films"
    written.mkdir()
    jobs: list[tuple[Path, Path, int, int]] = [
        (source, written / f"{number:06d}.png", -1, 0) for number, source in enumerate(sources)
    ]
    origin = list(range(len(sources)))
    kind_of = [""] * len(sources)
    for kind, change in enumerate(CHANGES):
        for source in np.sort(rng.choice(len(sources), copies, replace=False)).tolist():
            jobs.append((sources[source], written / f"{len(jobs):06d}.png", kind, int(rng.integers(2**31))))
            origin.append(source)
            kind_of.append(change.__name__)
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(_write, jobs))
    paths = [path for _, path, _, _ in jobs]
    known = _joined(len(origin), _copies_among(paths[: len(sources)], folder))
    truth = [known[place] for place in origin]
    tools: dict[str, Callable[[], Clusters]] = {"lucency": lambda: _lucency(paths, folder / "survey")}
    if others:
        tools |= {"bytes": lambda: _equal_bytes(paths), "pHash": lambda: _phash(paths)}
        tools["cleanvision"] = lambda: _cleanvision(paths)
    result: dict[str, Any] = {"base": len(sources), "planted": len(paths) - len(sources), "seed": seed, "tools": {}}
    result["kinds"] = [change.__name__ for change in CHANGES]
    for name, ask in tools.items():
        begun = time.monotonic()
        try:
            clusters = ask()
        except ModuleNotFoundError as error:
            print(f"{name}: {error.name} is not installed")
            continue
        seconds = time.monotonic() - begun
        found: dict[str, list[bool]] = defaultdict(list)
        for place in range(len(sources), len(paths)):
            found[kind_of[place]].append(clusters[place] == clusters[origin[place]])
        sets: dict[int, set[int]] = defaultdict(set)
        for place, cluster in enumerate(clusters):
            sets[cluster].add(truth[place])
        merged = [sorted(members) for members in sets.values() if len(members) > 1]
        result["tools"][name] = {
            "recall": {kind: float(np.mean(hits)) for kind, hits in found.items()},
            "false_merges": len(merged) / len(sets),
            "seconds": seconds,
        }
        if name == "lucency":
            result["merged"] = [[sources[place].stem for place in members] for members in merged]
    return result


def _given(films: Path, base: int, rng: np.random.Generator) -> list[Path]:
    paths = sorted(path for path in films.rglob("*") if path.suffix.lower() in (".jpg", ".jpeg", ".png"))
    chosen = []
    for place in rng.permutation(len(paths)).tolist():
        try:
            read_radiograph(paths[place])
        except FilmError:
            continue
        chosen.append(paths[place])
        if len(chosen) == base:
            break
    return sorted(chosen)


def _drawn(folder: Path, base: int, seed: int) -> list[Path]:
    from lucency.datasets.synthetic import write_dataset

    write_dataset(folder, films=base, seed=seed)
    return sorted(folder.rglob("*.png")) + sorted(folder.rglob("*.jpg"))


def _write(job: tuple[Path, Path, int, int]) -> None:
    source, path, kind, seed = job
    film = np.rint(read_radiograph(source).pixels).astype(np.uint8)
    if kind >= 0:
        film = CHANGES[kind](film, np.random.default_rng(seed))
    Image.fromarray(film).save(path, compress_level=1)


def _manifest(paths: Sequence[Path]) -> Manifest:
    blank = dict.fromkeys(MANIFEST_COLUMNS, "")
    hashes = files_sha256([str(path) for path in paths])
    rows = [
        blank | {"image_id": path.name, "path": str(path), "sha256": sha, "label": number % 2}
        for number, (path, sha) in enumerate(zip(paths, hashes, strict=True))
    ]
    return Manifest(pd.DataFrame(rows), source="planted")


def _lucency(paths: Sequence[Path], folder: Path) -> Clusters:
    manifest = _manifest(paths)
    clusters: Clusters = find_copies(manifest, survey_films(manifest, folder)).cluster.tolist()
    return clusters


def _copies_among(paths: Sequence[Path], folder: Path) -> list[tuple[int, int]]:
    """Films that were copies before anything was planted, by the audit's own word: these count as one radiograph."""
    clusters = _lucency(paths, folder / "survey")
    return [(place, head) for place, head in enumerate(clusters) if place != head]


def _joined(count: int, pairs: Iterable[tuple[int, int]]) -> Clusters:
    parent = list(range(count))

    def root(place: int) -> int:
        while parent[place] != place:
            parent[place] = parent[parent[place]]
            place = parent[place]
        return place

    for one, two in pairs:
        parent[root(one)] = root(two)
    return [root(place) for place in range(count)]


def _equal_bytes(paths: Sequence[Path]) -> Clusters:
    first: dict[str, int] = {}
    return [first.setdefault(sha, place) for place, sha in enumerate(files_sha256([str(path) for path in paths]))]


def _phash(paths: Sequence[Path]) -> Clusters:
    import imagehash

    hashes = np.array([imagehash.phash(Image.open(path)).hash.ravel() for path in paths])
    signs = np.where(hashes, 1, -1).astype(np.int8).astype(np.float32)
    pairs = []
    for start in range(0, len(signs), 1000):
        apart = (signs.shape[1] - signs[start : start + 1000] @ signs.T) / 2
        ones, twos = np.nonzero(apart <= PHASH_BITS)
        pairs += [(start + int(one), int(two)) for one, two in zip(ones, twos, strict=True) if start + one < two]
    return _joined(len(paths), pairs)


def _cleanvision(paths: Sequence[Path]) -> Clusters:
    from cleanvision import Imagelab

    lab = Imagelab(filepaths=[str(path) for path in paths])
    lab.find_issues({"near_duplicates": {}, "exact_duplicates": {}}, n_jobs=1, verbose=False)
    place = {str(path): number for number, path in enumerate(paths)}
    pairs = []
    for issue in ("near_duplicates", "exact_duplicates"):
        for members in lab.info[issue].get("sets", []):
            pairs += [(place[str(members[0])], place[str(other)]) for other in members[1:]]
    return _joined(len(paths), pairs)


if __name__ == "__main__":
    main()
