"""Pairs compared in other processes: the same answer, no hang when one dies, nothing left behind."""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lucency.datasets.audit import pair_worker
from lucency.datasets.audit.candidates import PER_FILM_OF_FEW, Candidate, find_near
from lucency.datasets.audit.copies import Copies
from lucency.datasets.audit.film_frame import faces_of
from lucency.datasets.audit.film_patterns import describe
from lucency.datasets.audit.films_again import FilmsAgain
from lucency.datasets.audit.near_copies import find_copies
from lucency.datasets.audit.pair_worker import PairPool
from lucency.datasets.audit.survey import Survey
from lucency.errors import ResourceError

from .copied_films import cropped, drawn, manifest_of, mirrored, survey_of, turned

Started = list["subprocess.Popen[bytes]"]


@pytest.fixture(scope="module")
def survey() -> Survey:
    films = drawn(range(100, 116))
    return survey_of([*films, *map(mirrored, films[:8]), *(turned(film, 37, 128) for film in films[8:])])


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> Started:
    """Processes are started however few the pairs are; these are they."""
    noted: Started = []

    class Noted(subprocess.Popen):  # type: ignore[type-arg]
        def __init__(self, *arguments, **options):
            super().__init__(*arguments, **options)
            noted.append(self)

    monkeypatch.setattr(pair_worker, "FEW", 0)
    monkeypatch.setattr(pair_worker.subprocess, "Popen", Noted)
    return noted


@pytest.fixture
def temporary(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The folder for temporary files; empty, and nothing else writes there."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


def copies_of(survey: Survey, workers: int) -> Copies:
    return find_copies(manifest_of(survey), survey, workers=workers)


def within(seconds: float, call: Callable[[], object]) -> BaseException | None:
    """What a call raises; fails where it has not ended in time."""
    raised: list[BaseException] = []

    def run() -> None:
        try:
            call()
        except BaseException as error:
            raised.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(seconds)
    assert not thread.is_alive(), "it hangs"
    return raised[0] if raised else None


def pool_of(survey: Survey, paths: list[str] | None = None) -> tuple[PairPool, list[list[Candidate]]]:
    """Two processes to be, and jobs for them."""
    rows = [(survey.thumbs[row], facts) for row, facts in zip(survey.rows, survey.facts, strict=True)]
    faces = [faces_of(thumb, facts.height, facts.width)[0] for thumb, facts in rows]
    contents = [face.content for face in faces]
    films = np.arange(len(contents))
    patterns = describe(contents, workers=1)
    found = find_near(patterns, owner=films, sets=films, searchers=films, workers=1)
    near = [one.by_views[:PER_FILM_OF_FEW] + one.by_points[:PER_FILM_OF_FEW] for one in found]
    jobs = [some for some in near if some]
    sha256s = [hashlib.sha256(Path(path).read_bytes()).hexdigest() for path in paths or ()]
    again = FilmsAgain.of(paths or [""] * len(faces), sha256s or [""] * len(faces), faces)
    return PairPool(patterns, contents, again, 2), jobs


def test_processes_find_what_one_process_finds(survey, started, temporary):
    alone = copies_of(survey, 1)
    assert started == []
    assert len(alone.links) >= 12
    together = copies_of(survey, 2)
    assert together.links == alone.links
    assert together.cluster.tolist() == alone.cluster.tolist()
    assert len(started) == 2
    assert all(process.returncode is not None for process in started)
    assert list(temporary.iterdir()) == []


def test_no_process_is_started_for_few_pairs(survey, started, monkeypatch):
    monkeypatch.setattr(pair_worker, "FEW", 10_000)
    copies_of(survey, 2)
    assert started == []


def test_every_pair_is_answered_in_order(survey, started):
    pool, jobs = pool_of(survey)
    here = list(pool.check(jobs))
    with pool.processes(100):
        there = list(pool.check(jobs))
    assert len(started) == 2
    assert [one for one, _ in there] == [one for one, _ in here]
    assert [one for one, _ in here] == [one for job in jobs for one in job]
    assert len(here) > len(jobs)
    for (_, one), (_, two) in zip(here, there, strict=True):
        assert (one.score, one.copies, one.inverted) == (two.score, two.copies, two.inverted)
        assert np.array_equal(one.onto, two.onto)


def test_processes_read_the_same_films_again(started, tmp_path, monkeypatch):
    films = [*drawn(range(130, 136)), *map(cropped, drawn(range(130, 136)))]
    # Names of files need not be Unicode.
    folder = os.fsdecode(os.fsencode(tmp_path) + b"/f\xfclms")
    os.mkdir(folder)
    paths = [f"{folder}/{number}.png" for number in range(len(films))]
    for path, film in zip(paths, films, strict=True):
        with open(path, "wb") as file:
            Image.fromarray(film).save(file, "PNG")
    pool, jobs = pool_of(survey_of(films), paths)
    with pool.processes(100):
        there = [answer for _, answer in pool.check(jobs)]
    here = [answer for _, answer in pool.check(jobs)]
    assert [(one.score, one.copies) for one in there] == [(one.score, one.copies) for one in here]
    monkeypatch.setattr(FilmsAgain, "content", lambda films, face: None)
    without = [answer for _, answer in pool.check(jobs)]
    assert sum(one.copies for one in without) < sum(one.copies for one in here)


@pytest.mark.skipif(sys.platform == "win32", reason="folders have no such modes there")
def test_films_wait_in_a_folder_that_only_this_user_can_read(survey, started, temporary):
    pool, _ = pool_of(survey)
    with pool.processes(100):
        (folder,) = temporary.iterdir()
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert list(temporary.iterdir()) == []


@pytest.mark.parametrize("program", ["true", "false", "echo"])
def test_a_process_that_ends_at_once_is_told_in_a_line(survey, started, temporary, monkeypatch, program):
    path = shutil.which(program)
    if path is None:
        pytest.skip(f"there is no program {program} here")
    monkeypatch.setattr(sys, "executable", path)
    error = within(20, lambda: copies_of(survey, 2))
    assert isinstance(error, ResourceError), error
    assert "--workers 1" in str(error)
    assert "\n" not in str(error)
    assert list(temporary.iterdir()) == []


@pytest.mark.parametrize("killed", [1, 2])
def test_processes_that_are_killed_while_they_compare_are_told(survey, started, temporary, killed):
    pool, jobs = pool_of(survey)

    def compare() -> None:
        with pool.processes(100):
            for done, _ in enumerate(pool.check(jobs * 50)):
                if done == 0:
                    for process in started[:killed]:
                        process.kill()

    error = within(20, compare)
    assert isinstance(error, ResourceError), error
    assert all(process.returncode is not None for process in started)
    assert list(temporary.iterdir()) == []


def test_an_interrupted_search_leaves_nothing_behind(survey, started, temporary):
    def interrupt(done: int, total: int) -> None:
        if started:
            raise KeyboardInterrupt

    error = within(20, lambda: find_copies(manifest_of(survey), survey, workers=2, progress=interrupt))
    assert isinstance(error, KeyboardInterrupt), error
    assert len(started) == 2
    assert all(process.returncode is not None for process in started)
    assert list(temporary.iterdir()) == []


def test_an_interpreter_that_is_not_there_is_told_in_a_line(survey, started, temporary, monkeypatch):
    monkeypatch.setattr(sys, "executable", str(temporary / "no python"))
    error = within(20, lambda: copies_of(survey, 2))
    assert list(temporary.iterdir()) == []
    assert isinstance(error, ResourceError), error


def test_modules_in_the_current_folder_are_not_run(survey, started, monkeypatch, tmp_path):
    (tmp_path / "cv2.py").write_text("from pathlib import Path\nPath(__file__).with_name('run').touch()\n")
    monkeypatch.chdir(tmp_path)
    within(20, lambda: copies_of(survey, 2))
    assert not (tmp_path / "run").exists()


UNGUARDED = """
import subprocess, sys
import numpy as np
import pandas as pd
from lucency.datasets.audit import pair_worker
from lucency.datasets.audit.film_facts import FilmFacts
from lucency.datasets.audit.near_copies import find_copies
from lucency.datasets.audit.survey import Survey
from lucency.datasets.manifest import Manifest
from lucency.datasets.manifest_file import MANIFEST_COLUMNS

print("begun")
begun = []
class Noted(subprocess.Popen):
    def __init__(self, *arguments, **options):
        super().__init__(*arguments, **options)
        begun.append(self)
pair_worker.subprocess.Popen = Noted
pair_worker.FEW = 0
saved = np.load(sys.argv[1])
facts = tuple(FilmFacts(height=int(h), width=int(w), deviation=50.0) for h, w in saved["sizes"])
table = pd.DataFrame({name: [""] * len(facts) for name in MANIFEST_COLUMNS})
survey = Survey(facts, saved["thumbs"], np.arange(len(facts)))
copies = find_copies(Manifest(table, "script"), survey, workers=2)
print(len(copies.links), "links by", len(begun), "processes")
"""


def test_a_script_without_a_guard_does_not_run_twice(survey, tmp_path):
    sizes = np.array([(facts.height, facts.width) for facts in survey.facts])
    np.savez(tmp_path / "films.npz", sizes=sizes, thumbs=survey.thumbs)
    script = tmp_path / "script.py"
    script.write_text(UNGUARDED)
    ended = subprocess.run(
        [sys.executable, str(script), str(tmp_path / "films.npz")],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout == f"begun\n{len(copies_of(survey, 1).links)} links by 2 processes\n"
    assert ended.stderr == ""
