"""Comparing many pairs of films in processes of their own.

Aligning films is a long row of small array operations, which hold the interpreter lock, so threads gain nothing. The
processes are started as commands: a forked child would inherit TensorFlow, and a spawned one would run an unguarded
script of the user again.
"""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from queue import SimpleQueue

import cv2
import numpy as np

from lucency.datasets.audit.candidates import Candidate
from lucency.datasets.audit.film_patterns import Patterns
from lucency.datasets.audit.films_again import FilmsAgain
from lucency.datasets.audit.laid_pair import PairCheck
from lucency.datasets.audit.pair_jobs import Checked, Contents, answers_to
from lucency.errors import ResourceError

FEW = 1500
"""So many pairs are compared sooner than a process is started."""

_READY = b"ready"
_ENVIRONMENT = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "VECLIB_MAXIMUM_THREADS": "1",
    # glibc would hand the memory of each small array back to the system, and ask for it again.
    "MALLOC_MMAP_THRESHOLD_": str(2**25),
    "MALLOC_TRIM_THRESHOLD_": str(2**27),
}
_AT_ONCE = 8
"""Jobs that are handed to a process at once."""
_PLANES = ("sizes", "broad", "fine", "views", "places", "prints", "counts")


class PairPool:
    """Compares pairs, in this process or in others.

    Args:
        patterns: Of all films.
        contents: uint8 (h, w) of all films.
        films: The same films, larger.
        workers: Processes; none is started for 1.
    """

    def __init__(self, patterns: Patterns, contents: Contents, films: FilmsAgain, workers: int):
        self._patterns, self._contents, self._films, self._workers = patterns, contents, films, workers
        self._idle: SimpleQueue[subprocess.Popen[bytes]] = SimpleQueue()
        self._started: list[subprocess.Popen[bytes]] = []

    def check(self, jobs: Iterable[list[Candidate]]) -> Iterator[tuple[Candidate, PairCheck]]:
        """Compares pairs, and yields in the order of jobs.

        Args:
            jobs: Candidates, each time of one searcher.

        Raises:
            ResourceError: A process died, most likely for want of memory.
        """
        if not self._started:
            for job in jobs:
                yield from answers_to(job, self._patterns, self._contents, self._films)
            return
        left = iter(jobs)
        batches = iter(lambda: list(islice(left, _AT_ONCE)), [])
        with ThreadPoolExecutor(max_workers=len(self._started)) as pool:
            for results in pool.map(self._elsewhere, batches):
                yield from results

    def _elsewhere(self, batch: list[list[Candidate]]) -> Checked:
        process = self._idle.get()
        try:
            assert process.stdin is not None
            assert process.stdout is not None
            pickle.dump(batch, process.stdin)
            process.stdin.flush()
            answer: Checked = pickle.load(process.stdout)
            return answer
        except (EOFError, OSError, pickle.UnpicklingError) as error:
            raise ResourceError(
                "a process that compares films has died", hint="Free some memory, or use --workers 1"
            ) from error
        finally:
            self._idle.put(process)

    @contextmanager
    def processes(self, pairs: int) -> Iterator[None]:
        """Has processes at hand, where there are pairs enough for them.

        Args:
            pairs: How many will be compared.
        """
        if self._workers < 2 or pairs < FEW:
            yield
            return
        # Private to this user: it holds thumbnails of films.
        with tempfile.TemporaryDirectory(prefix="lucency-") as folder:
            home = Path(folder)
            _write(home, self._patterns, self._contents, self._films)
            environment = {**os.environ, **_ENVIRONMENT}
            # -P: modules that happen to lie in the current folder must not be run.
            command = [sys.executable, "-P", "-m", __name__, folder]
            try:
                for _ in range(self._workers):
                    process = _started(command, environment)
                    self._started.append(process)
                    self._idle.put(process)
                _wait_for(self._started)
                if os.name == "posix":
                    # Mapped files outlive their names, and nothing is left behind however this process ends.
                    for path in home.iterdir():
                        path.unlink()
                yield
            finally:
                for process in self._started:
                    process.kill()
                    process.communicate()
                self._started.clear()
                self._idle = SimpleQueue()


def _wait_for(processes: list[subprocess.Popen[bytes]]) -> None:
    for process in processes:
        if process.stdout is None or process.stdout.read(len(_READY)) != _READY:
            raise ResourceError("a process that compares films has died", hint="Free some memory, or use --workers 1")


def _started(command: list[str], environment: dict[str, str]) -> subprocess.Popen[bytes]:
    try:
        return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment)
    except OSError as error:
        raise ResourceError(
            f"a process that compares films cannot be started: {error.strerror or error}", hint="Use --workers 1"
        ) from error


def _write(folder: Path, patterns: Patterns, contents: Contents, films: FilmsAgain) -> None:
    for name in _PLANES:
        np.save(folder / f"{name}.npy", getattr(patterns, name))
    np.save(folder / "judged.npy", patterns.judged)
    np.save(folder / "shapes.npy", films.sizes)
    np.save(folder / "onto.npy", films.onto)
    # Names of files need not be Unicode.
    (folder / "paths.bin").write_bytes(b"\0".join(map(os.fsencode, films.paths)))
    (folder / "sha256s.txt").write_text("\n".join(films.sha256s), "ascii")
    # One by one: together they take as much memory as all thumbnails.
    with open(folder / "contents.bin", "wb") as file:
        for content in contents:
            file.write(np.ascontiguousarray(content).data)


def _read(folder: Path) -> tuple[Patterns, Contents, FilmsAgain]:
    planes = {name: np.load(folder / f"{name}.npy", mmap_mode="r") for name in _PLANES}
    shapes = np.load(folder / "shapes.npy")
    flat = np.memmap(folder / "contents.bin", np.uint8, mode="r")
    ends = np.cumsum(shapes.prod(axis=1))
    contents = [
        np.asarray(flat[end - height * width : end]).reshape(height, width)
        for end, (height, width) in zip(ends.tolist(), shapes.tolist(), strict=True)
    ]
    nothing = np.zeros((0, 0, 0), np.float32)
    judged = bool(np.load(folder / "judged.npy"))
    patterns = Patterns(**planes, own=nothing, told=nothing, judged=judged, projection=None, vocabulary=None)
    paths = [os.fsdecode(name) for name in (folder / "paths.bin").read_bytes().split(b"\0")]
    sha256s = (folder / "sha256s.txt").read_text("ascii").split("\n")
    return patterns, contents, FilmsAgain(paths, sha256s, np.load(folder / "onto.npy"), shapes)


def main() -> None:
    """Does jobs from standard input, until it ends."""
    patterns, contents, films = _read(Path(sys.argv[1]))
    cv2.setNumThreads(1)
    wanted, answers = sys.stdin.buffer, sys.stdout.buffer
    answers.write(_READY)
    answers.flush()
    while True:
        try:
            jobs = pickle.load(wanted)
        except EOFError:
            return
        pickle.dump([one for job in jobs for one in answers_to(job, patterns, contents, films)], answers)
        answers.flush()


if __name__ == "__main__":
    main()
