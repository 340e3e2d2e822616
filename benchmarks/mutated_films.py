"""Thousands of damaged files through the survey of the audit: none may end the process or hold it up.

`python -m benchmarks.mutated_films [--files 10000] [--seed 0] [--json FILE] [--keep FOLDER]`. The survey runs in a
process of its own, so that one which is killed by a decoder is seen: the films under way are named, put aside,
and the survey goes on without them.
"""

from __future__ import annotations

import argparse
import json
import queue
import random
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.film_mutations import MUTATIONS, damaged, whole_films
from benchmarks.workbench import SCRIPTS
from lucency.cli.printing import table
from lucency.errors import FILM_ERROR_CODES

HANG = 5.0
"""Seconds of work for one film of 112 x 90 pixels, from which it holds up a job."""

SILENCE = 60.0
"""Seconds after which a survey that says nothing is killed."""

CHILD = SCRIPTS / "survey_mutated.py"
"""What runs in the process of its own."""


@dataclass
class Outcome:
    """What became of all files.

    Attributes:
        codes: Code of each file by name, "" where it was read.
        crashed: Files that ended the process or raised something that is no FilmError, with how.
        hung: Files that were still under way when the survey fell silent.
        seconds: Seconds of work for each file.
        peak: Largest memory of the process in bytes.
    """

    codes: dict[str, str] = field(default_factory=dict)
    crashed: dict[str, str] = field(default_factory=dict)
    hung: list[str] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)
    peak: int = 0


def write_films(folder: Path, files: int, seed: int) -> None:
    """Writes so many damaged films in two folders of classes, as many of each kind and damage as can be."""
    films = whole_films(seed)
    names, kinds = sorted(films), sorted(MUTATIONS)
    for label in ("fractured", "not_fractured"):
        (folder / label).mkdir(parents=True)
    for number in range(files):
        name, kind = names[number % len(names)], kinds[number // len(names) % len(kinds)]
        data = damaged(name, films, kind, random.Random(f"{seed} {number}"))
        stem, _, suffix = name.partition(".")
        label = "fractured" if number % 2 else "not_fractured"
        (folder / label / f"{stem}-{kind}-{number:05d}.{suffix}").write_bytes(data)


def survey(films: Path, store: Path, aside: Path) -> Outcome:
    """Surveys until every file has an outcome; those that end or hold up the process are put aside."""
    outcome = Outcome()
    while not _survey_once(films, store, aside, outcome):
        pass
    return outcome


def _survey_once(films: Path, store: Path, aside: Path, outcome: Outcome) -> bool:
    """Whether the survey came to its end."""
    under_way: set[str] = set()
    silent = False
    with (
        tempfile.TemporaryFile("w+") as errors,
        subprocess.Popen(
            [sys.executable, CHILD, films, store],
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        ) as child,
    ):
        lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()

        def listen() -> None:
            assert child.stdout is not None
            for line in child.stdout:
                lines.put(line)
            lines.put(None)

        listener = threading.Thread(target=listen, daemon=True)
        listener.start()
        try:
            while (line := lines.get(timeout=SILENCE)) is not None:
                _note(json.loads(line), under_way, outcome)
        except queue.Empty:
            silent = True
            child.kill()
        ended = child.wait()
        listener.join()
        errors.seek(0)
        told = errors.read()
    if ended == 0 and not silent:
        return True
    if not under_way:
        raise SystemExit(f"the survey ended with {ended}, with no film under way:\n{told[-2000:]}")
    # Two threads: one of the two films is to blame, and both are looked at.
    for name in under_way:
        if silent:
            outcome.hung.append(name)
        else:
            outcome.crashed[name] = f"the process ended with {ended}"
        for path in films.rglob(name):
            shutil.move(path, aside / name)
    return False


def _note(line: dict[str, Any], under_way: set[str], outcome: Outcome) -> None:
    if "start" in line:
        under_way.add(line["start"])
    elif "end" in line:
        under_way.discard(line["end"])
        outcome.seconds[line["end"]] = max(line["seconds"], outcome.seconds.get(line["end"], 0.0))
    elif "raised" in line:
        outcome.crashed[line["raised"]] = line["error"]
    elif "film" in line:
        outcome.codes[line["film"]] = line["code"]
    elif "peak" in line:
        outcome.peak = max(outcome.peak, line["peak"])


def summary(outcome: Outcome, files: int) -> dict[str, Any]:
    """The figures, over all and for each format, as plain JSON values."""
    by_format: dict[str, dict[str, Any]] = {}
    groups: dict[str, list[str]] = defaultdict(list)
    for name in sorted({*outcome.codes, *outcome.crashed, *outcome.hung}):
        groups[name.partition("-")[0]].append(name)
    slow = [name for name, seconds in outcome.seconds.items() if seconds > HANG]
    for kind, names in sorted(groups.items()):
        codes = Counter(outcome.codes[name] for name in names if name in outcome.codes)
        by_format[kind] = {
            "files": len(names),
            "read": codes.pop("", 0),
            "refused": sum(codes.values()),
            "codes": dict(codes.most_common()),
            "crashes": sum(name in outcome.crashed for name in names),
            "hangs": sum(name in outcome.hung or name in slow for name in names),
            "slowest_seconds": round(max((outcome.seconds.get(name, 0.0) for name in names), default=0.0), 3),
        }
    return {
        "files": files,
        "answered": len(outcome.codes),
        "read": sum(one["read"] for one in by_format.values()),
        "refused": sum(one["refused"] for one in by_format.values()),
        "crashes": len(outcome.crashed),
        "hangs": len({*outcome.hung, *slow}),
        "unknown_codes": sorted(set(outcome.codes.values()) - {"", *FILM_ERROR_CODES}),
        "slowest": [
            {"file": name, "seconds": round(seconds, 3)}
            for name, seconds in sorted(outcome.seconds.items(), key=lambda item: -item[1])[:5]
        ],
        "peak_mib": round(outcome.peak / 2**20),
        "crashed": outcome.crashed,
        "hung": [*outcome.hung, *slow],
        "formats": by_format,
    }


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.mutated_films", description=__doc__)
    parser.add_argument("--files", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there too")
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="keep the files that crashed or hung there")
    given = parser.parse_args()
    begun = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="lucency-mutated-") as folder:
        aside = given.keep or Path(folder) / "aside"
        aside.mkdir(parents=True, exist_ok=True)
        write_films(Path(folder) / "films", given.files, given.seed)
        outcome = survey(Path(folder) / "films", Path(folder) / "store", aside)
        if given.keep:
            for name in {*outcome.crashed, *summary(outcome, given.files)["hung"]}:
                for path in (Path(folder) / "films").rglob(name):
                    shutil.copy(path, aside / name)
    figures = summary(outcome, given.files)
    figures["seconds"] = round(time.monotonic() - begun, 1)
    print(_text(figures))
    if given.json:
        given.json.write_text(json.dumps(figures, indent=2) + "\n", "utf-8")
    if figures["crashes"] or figures["hangs"] or figures["unknown_codes"] or figures["answered"] != given.files:
        raise SystemExit(1)


def _text(figures: dict[str, Any]) -> str:
    columns = ("format", "files", "read", "refused", "crashes", "hangs", "slowest s", "codes")
    keys = ("files", "read", "refused", "crashes", "hangs", "slowest_seconds")
    rows = [
        (kind, *(str(one[key]) for key in keys), ", ".join(f"{code} {count}" for code, count in one["codes"].items()))
        for kind, one in figures["formats"].items()
    ]
    whole = ", ".join(f"{key.replace('_', ' ')} {figures[key]}" for key in figures if key not in ("formats", "slowest"))
    return "\n".join([table(columns, rows, right=columns[1:7]), "", whole, f"slowest: {figures['slowest']}"])


if __name__ == "__main__":
    main()
