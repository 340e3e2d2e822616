"""The line between the service and a worker, where what is at its other end is not to be believed."""

from __future__ import annotations

import json
import platform
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from threading import Event, Lock
from types import SimpleNamespace
from typing import Any

import psutil
import pytest
from service_process import png, slow_png

from lucency.bundle import Bundle
from lucency.serving import film_worker
from lucency.serving.measures import Measures
from lucency.serving.service import Service
from lucency.serving.settings import Limits, ServeSettings
from lucency.serving.worker import FilmLostError, FilmReply, Worker
from lucency.serving.worker_pool import FilmPool

_HOSTILE = """
import sys, time
from multiprocessing.connection import Connection
line = Connection(int(sys.argv[1]))
line.recv_bytes()
line.send_bytes(b'{"ready": ""}')
if sys.argv[2] == "silent":
    time.sleep(60)
line.recv_bytes()
line.recv_bytes()
if sys.argv[2] == "half":
    import os
    os.write(line.fileno(), b"\\0\\0")
    time.sleep(60)
line.send_bytes(sys.argv[2].encode())
time.sleep(60)
"""


@pytest.fixture
def hostile(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Worker]:
    """Workers whose process is another than it should be."""
    started = subprocess.Popen

    def start(says: str, limits: Limits | None = None) -> Worker:
        def popen(command: list[str], **options: Any) -> subprocess.Popen[bytes]:
            return started([sys.executable, "-c", _HOSTILE, command[-1], says], **options)

        with monkeypatch.context() as patched:
            patched.setattr("lucency.serving.worker.subprocess.Popen", popen)
            return Worker(ServeSettings(limits=limits or Limits()), "nothing")

    return start


@pytest.mark.parametrize("says", ["{}", "[]", "3", '{"parts": 3}', '{"parts": []}', '{"parts": [], "error": 1}', "x"])
def test_what_is_no_answer_costs_the_worker_alone(hostile: Callable[[str], Worker], says: str) -> None:
    worker = hostile(says)
    with pytest.raises(FilmLostError) as lost:
        worker.answer(b"film", {}, 20)
    assert lost.value.code == "worker_died"
    worker.end()


def test_an_answer_larger_than_a_worker_may_be_is_not_taken(hostile: Any) -> None:
    worker = hostile(json.dumps({"parts": [], "error": {"code": "x" * 5000}}), Limits(worker_bytes=4000))
    with pytest.raises(FilmLostError):
        worker.answer(b"film", {}, 20)
    worker.end()


@pytest.mark.parametrize("says", ["silent", "half"])
def test_the_time_of_a_film_ends_wherever_the_worker_hangs(hostile: Any, says: str) -> None:
    worker, begun = hostile(says), time.monotonic()
    with pytest.raises(FilmLostError) as lost:
        # More than the line holds, so that it is still being sent.
        worker.answer(b"\0" * 5_000_000, {}, 1)
    assert lost.value.code == "film_time_limit"
    assert time.monotonic() - begun < 10
    worker.end()


def test_the_folder_of_the_start_holds_no_code(bright: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "dataclasses.py").write_text("raise SystemExit(1)\n")
    monkeypatch.chdir(tmp_path)
    worker = Worker(ServeSettings(), str(bright.folder))
    try:
        assert "prediction" in worker.answer(png(100), {}, 30).said
    finally:
        worker.end()


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other C libraries have no heap to trim")
def test_what_large_films_took_is_given_back(bright: Bundle) -> None:
    worker = Worker(ServeSettings(), str(bright.folder))
    process = psutil.Process(worker.process.pid)

    def answered(films: Iterable[bytes]) -> float:
        for film in films:
            worker.answer(film, {}, 30)
        return process.memory_full_info().uss / 2**20

    small = png(100)
    try:
        before = answered([small] * 20)
        answered(png(100, side=side) for side in (2000, 1400, 96, 700))
        # Films that are refused count too.
        assert answered([small, small[:60]] * 50) < before + 5
    finally:
        worker.end()


@pytest.mark.parametrize("library", [TypeError("no library of that name"), OSError(), SimpleNamespace()])
def test_where_nothing_can_be_trimmed_nothing_happens(monkeypatch: pytest.MonkeyPatch, library: Any) -> None:
    def loaded(name: None) -> Any:
        if isinstance(library, Exception):
            raise library
        return library

    monkeypatch.setattr("lucency.serving.film_worker.ctypes.CDLL", loaded)
    film_worker._trim()(0)


def test_films_that_are_given_up_free_their_places_at_once(bright: Bundle) -> None:
    pool = FilmPool(ServeSettings(limits=Limits(waiting=2)), str(bright.folder), bright.identity)
    try:
        first = pool.submit(slow_png(), {})
        until_running = time.monotonic() + 20
        while not first.running():
            assert time.monotonic() < until_running
            time.sleep(0.01)
        for given_up in [pool.submit(png(100), {}) for _ in range(2)]:
            assert given_up.cancel()
        assert pool.waiting == 1
        last = pool.submit(png(148), {})
        assert last.result(60).said["prediction"]["logit"] == pytest.approx(1, abs=1e-4)
        assert "prediction" in first.result(0).said
    finally:
        pool.stop(10)


def test_what_similar_films_were_is_told_of_the_bundle_that_answered() -> None:
    service: Any = object.__new__(Service)
    service.card, service._cards = "new", {"a@1": "old", "a@2": "new"}
    for identity, card in (("a@1", "old"), ("a@2", "new"), ("a@3", "new")):
        assert service.card_of(FilmReply({"prediction": {"bundle": identity}}, {}, 0.1)) == card


def test_a_model_asked_for_while_one_is_read_is_read_too(bright: Bundle) -> None:
    service: Any = object.__new__(Service)
    service.identity, service.card, service._cards = "", bright.card, {}
    service.settings = ServeSettings(model=str(bright.folder))
    service._renewing, service._asked_again = Lock(), Event()
    read: list[str] = []

    def renewed(model: str, identity: str) -> bool:
        read.append(model)
        if len(read) == 1:
            service.renew()
        return True

    service.pool, service.log = SimpleNamespace(renew=renewed), SimpleNamespace(line=lambda *told, **facts: None)
    service.measures = Measures(lambda: 0, lambda: 1, lambda: 0)
    service.renew()
    assert len(read) == 2
