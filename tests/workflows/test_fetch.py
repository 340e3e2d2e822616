"""`lucency fetch` from a source to a folder that `lucency scan` reads, and again."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from pathlib import Path

from faulty_server import FaultyServer
from fetch_outcome import Run, error_line, left

from lucency.datasets.sources import KNOWN_DATASETS
from lucency.workflows.fetch import fetch


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


def test_data_that_were_fetched_before_and_packed_again(tmp_path: Path, drawn_films: Path) -> None:
    first = fetch(shutil.make_archive(str(tmp_path / "films"), "gztar", drawn_films), tmp_path / "a")
    again = shutil.make_archive(str(tmp_path / "again"), "zip", first.folder)
    second = fetch(again, tmp_path / "b")
    assert (second.files, second.note.name) == (122, "SOURCE.lucency.txt")
    assert (tmp_path / "b" / "SOURCE.txt").read_bytes() == (tmp_path / "a" / "SOURCE.txt").read_bytes()
    assert fetch(again, tmp_path / "b").already


def test_wrong_usage(run: Run, tmp_path: Path) -> None:
    assert run("fetch")[0] == 2
    assert run("fetch", "fracatlas")[0] == 2
    assert run("fetch", "fracatlas", "--to", tmp_path / "x", "--max-files", 0)[0] == 2
    code, out, _ = run("fetch", "--list")
    assert code == 0
    assert all(name in out for name in KNOWN_DATASETS)
