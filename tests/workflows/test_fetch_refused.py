"""What `lucency fetch` refuses: by whom, why, what to do, and what stays."""

from __future__ import annotations

import io
import os
import zipfile
from pathlib import Path

import pytest
from faulty_server import Fault, FaultyServer, Served
from fetch_outcome import Run, error_line, left


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
