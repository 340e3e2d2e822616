"""A `lucency fetch` that is interrupted, killed or out of room, and the call after it."""

from __future__ import annotations

import io
import os
import resource
import shutil
import signal
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import pytest
from faulty_server import Fault, FaultyServer, Served, serving
from fetch_outcome import Run, error_line, interrupt_half_way

from lucency.errors import DatasetError
from lucency.workflows.fetch import fetch
from lucency.workflows.teller import Teller


class Stopping(Teller):
    """Stops at the first progress of a stage."""

    def __init__(self, stage: str, stop: type[BaseException]):
        self.stage, self.stop = stage, stop
        self.said: list[str] = []

    def say(self, text: str) -> None:
        self.said.append(text)

    def progress(self, stage: str, done: int, total: int, detail: str = "") -> None:
        if stage == self.stage and done:
            raise self.stop


@pytest.mark.parametrize("stage", ["fetching", "unpacking"])
def test_ctrl_c_leaves_what_the_next_call_continues(
    server: FaultyServer, tmp_path: Path, stage: str, packed: bytes
) -> None:
    stream = io.BytesIO(packed)
    with zipfile.ZipFile(stream, "a") as archive:
        archive.writestr("My films/large.bin", bytes(3_000_000))
    server.files["/films.zip"] = Served(stream.getvalue())
    url, data = f"{server.url}/films.zip", tmp_path / "data"
    teller = Stopping(stage, KeyboardInterrupt)
    with pytest.raises(KeyboardInterrupt):
        fetch(url, data, teller=teller)
    assert "the same command goes on from there" in teller.said[-1]
    assert os.listdir(data) == [".fetch"]
    fetched = fetch(url, data)
    assert fetched.files == 122
    assert not fetched.already
    assert os.listdir(data / "My films")
    if stage == "unpacking":
        assert len(server.asked) == 1
    else:
        assert server.ranges[1].startswith("bytes=")


def test_a_crash_while_the_data_are_put_in_place(
    server: FaultyServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, drawn_films: Path
) -> None:
    archive = shutil.make_archive(str(tmp_path / "films"), "zip", drawn_films)
    interrupt_half_way(monkeypatch)
    with pytest.raises(KeyboardInterrupt):
        fetch(archive, tmp_path / "data")
    monkeypatch.undo()
    assert len(os.listdir(tmp_path / "data")) == 2
    other = shutil.copy(archive, tmp_path / "other.zip")
    with pytest.raises(DatasetError, match="is not empty"):
        fetch(other, tmp_path / "data")
    assert fetch(archive, tmp_path / "data").files == 121
    assert sorted(os.listdir(tmp_path / "data")) == ["Fractured", "Not_fractured", "SOURCE.txt", "dataset.csv"]


def test_two_processes_to_one_place(tmp_path: Path, packed: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with serving() as server:
        server.files["/films.zip"] = Served(packed)
        server.faults = [Fault(stall=1000)]
        code = "import sys; from lucency.cli.main import main; sys.argv[0] = 'lucency'; main()"
        command = [sys.executable, "-c", code, "fetch", f"{server.url}/films.zip", "--to", str(tmp_path / "data")]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        first = subprocess.Popen(command, **pipes)  # type: ignore[call-overload]
        part = tmp_path / "data" / ".fetch"
        until = time.monotonic() + 30
        while not any(path.stat().st_size == 1000 for path in part.glob("*.part")) and time.monotonic() < until:
            time.sleep(0.02)
        second = subprocess.Popen(command, **pipes)  # type: ignore[call-overload]
        while line := second.stderr.readline():
            if "another process is fetching data" in line:
                break
        assert line, "the second process did not wait for the first"
        # The first is killed in the middle of its work: the lock dies with it.
        first.send_signal(signal.SIGKILL)
        first.communicate()
        out, _ = second.communicate(timeout=30)
        third = subprocess.run(command, capture_output=True, text=True, check=True)
    assert second.returncode == 0
    assert "121 files in" in out
    assert third.stdout.startswith("Nothing to do")
    assert server.ranges == ["", "bytes=1000-"]
    assert sorted(os.listdir(tmp_path / "data")) == ["My films", "SOURCE.txt"]


def test_a_full_disk_and_the_call_after_it(server: FaultyServer, run: Run, tmp_path: Path, packed: bytes) -> None:
    url, data = f"{server.url}/films.zip", tmp_path / "data"
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(packed) // 2, hard))
    try:
        outcome = run("fetch", url, "--to", data)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert outcome[0] == 8
    assert "the disk is full" in error_line(outcome)
    assert run("fetch", url, "--to", data)[0] == 0
    assert server.ranges == ["", f"bytes={len(packed) // 2}-"]
    assert sorted(os.listdir(data)) == ["My films", "SOURCE.txt"]
