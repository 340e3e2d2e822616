"""`lucency fetch` from a source to a folder that `lucency scan` reads, with everything that can go wrong on the way."""

from __future__ import annotations

import hashlib
import io
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from faulty_server import Fault, FaultyServer, Served, serving

from lucency.cli.main import main
from lucency.datasets import download, figshare
from lucency.datasets.sources import KNOWN_DATASETS
from lucency.errors import DatasetError
from lucency.workflows.fetch import fetch
from lucency.workflows.teller import Teller

Outcome = tuple[int, str, str]
Run = Callable[..., Outcome]


@pytest.fixture(scope="module")
def packed(drawn_films: Path) -> bytes:
    """The synthetic films in a zip, within a folder, as people pack them."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for path in sorted(drawn_films.rglob("*")):
            if path.is_file():
                archive.write(path, Path("My films", path.relative_to(drawn_films)))
    return stream.getvalue()


@pytest.fixture
def server(packed: bytes, monkeypatch: pytest.MonkeyPatch) -> Iterator[FaultyServer]:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setattr(download, "LONGEST_WAIT", 0.0)
    with serving() as running:
        running.files["/films.zip"] = Served(packed)
        yield running


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Calls `lucency` in this process; gives exit code, stdout and stderr."""

    def call(*arguments: object) -> Outcome:
        monkeypatch.setattr(sys, "argv", ["lucency", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
        said = capsys.readouterr()
        assert "Traceback" not in said.err + said.out
        code = ended.value.code
        return (code if isinstance(code, int) else 0), said.out, said.err

    return call


def error_line(outcome: Outcome) -> str:
    lines = [line for line in outcome[2].splitlines() if line.startswith("Error: ")]
    assert len(lines) == 1, outcome[2]
    return lines[0]


def left(folder: Path) -> list[str]:
    """Every file below a folder."""
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_from_a_url_to_the_next_command(
    server: FaultyServer, run: Run, tmp_path: Path, packed: bytes, drawn_films: Path
) -> None:
    data = tmp_path / "my data"
    code, out, err = run("fetch", f"{server.url}/films.zip?token=secret", "--to", data)
    assert code == 0
    # The licence comes before the first byte, or would, were it known.
    assert "Licence: not known to Lucency" in err
    assert "121 files in" in out
    assert out.splitlines()[-1] == f"Next: lucency scan '{data}/My films'"
    assert sorted(os.listdir(data)) == ["My films", "SOURCE.txt"]
    note = (data / "SOURCE.txt").read_text()
    assert f"source: {server.url}/films.zip?token=...\n" in note
    assert f"sha256: {hashlib.sha256(packed).hexdigest()}\n" in note
    assert "checked: no checksum was known\n" in note
    assert f"archive: films.zip, {len(packed)} bytes\n" in note
    assert "secret" not in note + out + err
    code, out, _ = run("scan", data / "My films", "--json")
    assert json.loads(out)["films"] == 120
    assert (data / "My films" / "dataset.csv").read_bytes() == (drawn_films / "dataset.csv").read_bytes()


def test_a_second_call_does_nothing_and_says_so(server: FaultyServer, run: Run, tmp_path: Path) -> None:
    url = f"{server.url}/films.zip"
    run("fetch", url, "--to", tmp_path / "data")
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    code, out, err = run("fetch", url, "--to", tmp_path / "data")
    assert (code, err) == (0, "")
    assert out.startswith("Nothing to do: ")
    assert "121 files (SOURCE.txt)" in out
    assert out.splitlines()[-1].startswith("Next: lucency scan ")
    assert len(server.asked) == 1
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")} == before
    outcome = run("fetch", f"{server.url}/others.zip", "--to", tmp_path / "data")
    assert outcome[0] == 4
    assert "data of another source already" in error_line(outcome)


def test_a_checksum_that_was_given(server: FaultyServer, run: Run, tmp_path: Path, packed: bytes) -> None:
    url = f"{server.url}/films.zip"
    outcome = run("fetch", url, "--to", tmp_path / "a", "--sha256", "0" * 64)
    assert outcome[0] == 4
    assert "wrong checksum" in error_line(outcome)
    assert left(tmp_path / "a") == [".fetch/lock"]
    digests = ("--sha256", hashlib.sha256(packed).hexdigest(), "--md5", hashlib.md5(packed).hexdigest().upper())
    assert run("fetch", url, "--to", tmp_path / "a", *digests)[0] == 0
    assert "(given by you); md5 " in (tmp_path / "a" / "SOURCE.txt").read_text()
    outcome = run("fetch", url, "--to", tmp_path / "b", "--md5", "123")
    assert "32 hexadecimal digits" in error_line(outcome)
    assert not (tmp_path / "b").exists()


@pytest.mark.parametrize("status", [404, 403, 500])
def test_a_server_that_refuses(server: FaultyServer, run: Run, tmp_path: Path, status: int) -> None:
    server.faults = [Fault(status=status) for _ in range(9)]
    outcome = run("fetch", f"{server.url}/films.zip", "--to", tmp_path / "data")
    assert outcome[0] == 4
    assert str(status) in error_line(outcome)
    assert len(server.asked) == (6 if status == 500 else 1)
    assert left(tmp_path / "data") == [".fetch/lock"]


def test_a_page_where_an_archive_was_expected(server: FaultyServer, run: Run, tmp_path: Path, packed: bytes) -> None:
    server.files["/films.zip"] = Served(b"<html>Please log in</html>", kind="text/html")
    data = tmp_path / "data"
    outcome = run("fetch", f"{server.url}/films.zip", "--to", data)
    assert outcome[0] == 4
    assert f"Download the file in a browser, and then run: lucency fetch FILE --to {data}" in error_line(outcome)
    # What the advice says, done: even into the folder itself.
    (data / "films.zip").write_bytes(packed)
    code, out, _ = run("fetch", data / "films.zip", "--to", data)
    assert code == 0
    assert sorted(os.listdir(data)) == ["My films", "SOURCE.txt", "films.zip"]
    assert "121 files" in out


def hostile(name: str) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("good.jpg", b"g")
        archive.writestr(name, bytes(70 << 20) if name == "zeros.bin" else b"bad")
    return stream.getvalue()


def test_a_hostile_archive_is_named_and_nothing_of_it_stays(server: FaultyServer, run: Run, tmp_path: Path) -> None:
    server.files["/films.zip"] = Served(hostile("../out.jpg"))
    outcome = run("fetch", f"{server.url}/films.zip", "--to", tmp_path / "data")
    assert outcome[0] == 4
    assert "refused because of ../out.jpg" in error_line(outcome)
    assert left(tmp_path) == ["data/.fetch/lock"]
    (tmp_path / "mine.zip").write_bytes(hostile("/out.jpg"))
    outcome = run("fetch", tmp_path / "mine.zip", "--to", tmp_path / "data")
    assert "refused because of /out.jpg" in error_line(outcome)
    # What a person put somewhere is never deleted.
    assert left(tmp_path) == ["data/.fetch/lock", "mine.zip"]


def test_a_bomb_and_how_to_let_it_in(server: FaultyServer, run: Run, tmp_path: Path) -> None:
    server.files["/films.zip"] = Served(hostile("zeros.bin"))
    url, data = f"{server.url}/films.zip", tmp_path / "data"
    outcome = run("fetch", url, "--to", data)
    assert outcome[0] == 4
    assert "zeros.bin" in error_line(outcome)
    assert "--max-ratio" in error_line(outcome)
    assert sorted(os.listdir(data)) == [".fetch"]
    assert not list((data / ".fetch").glob("*/"))
    assert run("fetch", url, "--to", data, "--max-ratio", 2000)[0] == 0
    # The archive was kept, since only a limit stood against it.
    assert len(server.asked) == 1
    assert sorted(os.listdir(data)) == ["SOURCE.txt", "good.jpg", "zeros.bin"]


def test_an_archive_of_another_program_is_kept(server: FaultyServer, run: Run, tmp_path: Path) -> None:
    server.files["/films.7z"] = Served(b"7z\xbc\xaf\x27\x1c" + bytes(100))
    outcome = run("fetch", f"{server.url}/films.7z", "--to", tmp_path / "data")
    assert outcome[0] == 4
    assert f"{tmp_path}/data/films.7z: this is 7-Zip" in error_line(outcome)
    assert left(tmp_path / "data") == [".fetch/lock", "films.7z"]


def test_a_truncated_archive(server: FaultyServer, run: Run, tmp_path: Path, packed: bytes) -> None:
    server.files["/films.zip"] = Served(packed[:-1000], length=False)
    outcome = run("fetch", f"{server.url}/films.zip", "--to", tmp_path / "data")
    assert outcome[0] == 4
    assert "truncated or damaged" in error_line(outcome)
    assert left(tmp_path / "data") == [".fetch/lock"]


def test_a_folder_that_is_used_is_left_alone(server: FaultyServer, run: Run, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "thesis.txt").write_text("mine")
    outcome = run("fetch", f"{server.url}/films.zip", "--to", tmp_path / "data")
    assert outcome[0] == 4
    assert "is not empty (it holds thesis.txt)" in error_line(outcome)
    outcome = run("fetch", f"{server.url}/films.zip", "--to", tmp_path / "data" / "thesis.txt")
    assert outcome[0] == 4
    assert "is a file, not a folder" in error_line(outcome)
    assert server.asked == []


def test_a_folder_that_cannot_be_written(server: FaultyServer, run: Run) -> None:
    outcome = run("fetch", f"{server.url}/films.zip", "--to", "/proc/data")
    assert outcome[0] == 8
    assert "cannot be made or written" in error_line(outcome)


def test_wrong_usage(run: Run, tmp_path: Path) -> None:
    assert run("fetch")[0] == 2
    assert run("fetch", "fracatlas")[0] == 2
    assert run("fetch", "fracatlas", "--to", tmp_path / "x", "--max-files", 0)[0] == 2
    code, out, _ = run("fetch", "--list")
    assert code == 0
    assert all(name in out for name in KNOWN_DATASETS)


class TestKnownByName:
    @pytest.fixture
    def known(self, server: FaultyServer, packed: bytes, monkeypatch: pytest.MonkeyPatch) -> FaultyServer:
        """FracAtlas at the local server, which plays figshare's interface too."""
        server.files["/files/1"] = Served(packed)
        row = replace(
            KNOWN_DATASETS["fracatlas"],
            urls=(f"{server.url}/files/1",),
            md5=hashlib.md5(packed).hexdigest(),
            sha256=hashlib.sha256(packed).hexdigest(),
        )
        monkeypatch.setitem(KNOWN_DATASETS, "fracatlas", row)
        monkeypatch.setattr(figshare.ask_figshare, "__kwdefaults__", {"api": server.url, "timeout": 2.0})
        return server

    def answer(self, server: FaultyServer, url: str, md5: str) -> None:
        entry = {"name": "FracAtlas.zip", "download_url": url, "computed_md5": md5}
        server.files["/articles/22363012/files"] = Served(json.dumps([entry]).encode(), kind="application/json")

    def test_licence_and_citation_come_first_and_stay_beside_the_data(
        self, known: FaultyServer, run: Run, tmp_path: Path, packed: bytes
    ) -> None:
        self.answer(known, f"{known.url}/files/1", hashlib.md5(packed).hexdigest())
        code, _, err = run("fetch", "fracatlas", "--to", tmp_path / "data")
        assert code == 0
        assert "Licence: CC BY 4.0" in err
        assert "Cite: Abedeen et al. 2023" in err
        note = (tmp_path / "data" / "SOURCE.txt").read_text()
        assert "licence: CC BY 4.0\ncite: Abedeen" in note
        assert "checked: sha256 " in note
        assert "page: https://doi.org/10.6084/m9.figshare.22363012" in note

    def test_figshare_silent(self, known: FaultyServer, run: Run, tmp_path: Path) -> None:
        code, _, err = run("fetch", "fracatlas", "--to", tmp_path / "data")
        assert code == 0
        assert "figshare does not tell the newest version" in err

    def test_a_newer_version_has_its_own_md5(
        self, known: FaultyServer, run: Run, tmp_path: Path, packed: bytes
    ) -> None:
        newer = packed + b"\0"
        known.files["/files/2"] = Served(newer)
        self.answer(known, f"{known.url}/files/2", hashlib.md5(newer).hexdigest())
        code, _, err = run("fetch", "fracatlas", "--to", tmp_path / "data")
        assert code == 0
        assert "newer version" in err
        note = (tmp_path / "data" / "SOURCE.txt").read_text()
        assert f"address: {known.url}/files/2\n" in note
        assert f"checked: md5 {hashlib.md5(newer).hexdigest()} (the figshare record)\n" in note

    def test_a_file_that_is_not_what_the_table_says(self, known: FaultyServer, run: Run, tmp_path: Path) -> None:
        known.files["/files/1"] = Served(b"PK\x03\x04 something else")
        outcome = run("fetch", "fracatlas", "--to", tmp_path / "data")
        assert outcome[0] == 4
        assert "(Lucency's table)" in error_line(outcome)
        assert "download FracAtlas.zip at https://doi.org" in error_line(outcome)

    def test_a_mirror(self, known: FaultyServer, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        row = KNOWN_DATASETS["fracatlas"]
        monkeypatch.setitem(KNOWN_DATASETS, "fracatlas", replace(row, urls=(f"{known.url}/gone", *row.urls)))
        code, _, err = run("fetch", "fracatlas", "--to", tmp_path / "data")
        assert code == 0
        assert "(404)" in err
        assert "Trying another address" in err


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
    rename, count = Path.rename, [0]

    def failing(path: Path, target: Path) -> Path:
        count[0] += 1
        # The first renames the half-made folder, the second brings the first class.
        if count[0] == 3:
            raise KeyboardInterrupt
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", failing)
    with pytest.raises(KeyboardInterrupt):
        fetch(archive, tmp_path / "data")
    monkeypatch.undo()
    assert len(os.listdir(tmp_path / "data")) == 2
    other = shutil.copy(archive, tmp_path / "other.zip")
    with pytest.raises(DatasetError, match="is not empty"):
        fetch(other, tmp_path / "data")
    assert fetch(archive, tmp_path / "data").files == 121
    assert sorted(os.listdir(tmp_path / "data")) == ["Fractured", "Not_fractured", "SOURCE.txt", "dataset.csv"]


def test_data_that_were_fetched_before_and_packed_again(tmp_path: Path, drawn_films: Path) -> None:
    first = fetch(shutil.make_archive(str(tmp_path / "films"), "gztar", drawn_films), tmp_path / "a")
    again = shutil.make_archive(str(tmp_path / "again"), "zip", first.folder)
    second = fetch(again, tmp_path / "b")
    assert (second.files, second.note.name) == (122, "SOURCE.lucency.txt")
    assert (tmp_path / "b" / "SOURCE.txt").read_bytes() == (tmp_path / "a" / "SOURCE.txt").read_bytes()
    assert fetch(again, tmp_path / "b").already


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
        time.sleep(0.5)
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


def test_kaggle_from_the_handle_to_the_note(
    server: FaultyServer, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("kagglehub")
    from kagglesdk import kaggle_env

    for name, value in {"HOME": str(tmp_path), "KAGGLE_CONFIG_DIR": str(tmp_path), "TQDM_DISABLE": "1"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setitem(kaggle_env._env_to_endpoint, kaggle_env.KaggleEnv.PROD, server.url)
    service = "/v1/datasets.DatasetApiService"
    facts = {"title": "Bones", "licenseName": "CC0: Public Domain", "currentVersionNumber": 3}
    server.files[f"{service}/GetDataset"] = Served(json.dumps(facts).encode(), kind="application/json")
    server.redirects[f"{service}/DownloadDataset"] = f"{server.url}/films.zip"
    code, out, err = run("fetch", "https://www.kaggle.com/datasets/someone/bones", "--to", tmp_path / "data")
    assert code == 0
    assert "Licence: CC0: Public Domain" in err
    assert "121 files in" in out
    note = (tmp_path / "data" / "SOURCE.txt").read_text()
    assert "source: kaggle:someone/bones\ntitle: Bones\n" in note
    assert "address: kaggle:someone/bones/versions/3\n" in note
    asked = len(server.asked)
    assert "Nothing to do" in run("fetch", "kaggle:someone/bones", "--to", tmp_path / "data")[1]
    assert len(server.asked) == asked
    assert sorted(os.listdir(tmp_path / "data")) == ["My films", "SOURCE.txt"]


def test_kaggle_without_the_library(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TQDM_DISABLE", "1")
    monkeypatch.setitem(sys.modules, "kagglehub", None)
    outcome = run("fetch", "kaggle:a/b", "--to", tmp_path / "data")
    assert outcome[0] == 7
    assert 'pip install "lucency[fetch]"' in error_line(outcome)


def test_kaggle_takes_no_checksum(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="Kaggle unpacks by itself"):
        fetch("kaggle:a/b", tmp_path / "data", md5="0" * 32)
    assert not (tmp_path / "data").exists()
