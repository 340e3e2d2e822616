"""A `lucency fetch` to a folder that holds data already: only of the same archive is there nothing to do."""

from __future__ import annotations

import hashlib
import os
import zipfile
from pathlib import Path

import pytest
from faulty_server import FaultyServer
from fetch_outcome import Run, error_line, interrupt_half_way

from lucency.errors import DatasetError
from lucency.workflows.fetch import fetch

RIGHT, WRONG = {"sha256": hashlib.sha256, "md5": hashlib.md5}, {"sha256": "0" * 64, "md5": "0" * 32}


def archive_of(path: Path, content: str) -> Path:
    path.parent.mkdir()
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("first.txt", content)
        archive.writestr("second.txt", content)
    return path


@pytest.fixture
def one(tmp_path: Path) -> Path:
    return archive_of(tmp_path / "one" / "archive.zip", "one")


@pytest.fixture
def other(tmp_path: Path) -> Path:
    """Another archive of the same file name."""
    return archive_of(tmp_path / "other" / "archive.zip", "other")


def test_another_archive_of_the_same_name_is_not_taken_for_the_first(
    one: Path, other: Path, run: Run, tmp_path: Path
) -> None:
    data = tmp_path / "data"
    assert run("fetch", one, "--to", data)[0] == 0
    outcome = run("fetch", other, "--to", data)
    assert outcome[0] == 4
    digest = hashlib.sha256(one.read_bytes()).hexdigest()
    assert f"holds data of another archive.zip already (sha256 {digest}). Give another --to." in error_line(outcome)
    assert (data / "first.txt").read_text() == "one"
    assert run("fetch", one, "--to", data)[1].startswith("Nothing to do: ")
    # Its place does not matter, only its content.
    (tmp_path / "moved").mkdir()
    moved = one.rename(tmp_path / "moved" / "archive.zip")
    assert run("fetch", moved, "--to", data)[1].startswith("Nothing to do: ")


@pytest.mark.parametrize("algorithm", ["sha256", "md5"])
def test_a_checksum_is_looked_at_though_there_is_nothing_to_do(
    one: Path, run: Run, tmp_path: Path, algorithm: str
) -> None:
    data, right = tmp_path / "data", RIGHT[algorithm](one.read_bytes()).hexdigest()
    fetch(one, data)
    outcome = run("fetch", one, "--to", data, f"--{algorithm}", WRONG[algorithm])
    assert outcome[0] == 4
    assert f"the {algorithm} is {right}, and should be 0000" in error_line(outcome)
    assert run("fetch", one, "--to", data, f"--{algorithm}", right)[1].startswith("Nothing to do: ")


def test_a_note_that_does_not_tell_the_digest(one: Path, tmp_path: Path) -> None:
    note = fetch(one, tmp_path / "data").note
    note.write_text(note.read_text().replace("\nmd5: ", "\nformerly: "))
    assert fetch(one, tmp_path / "data").already
    with pytest.raises(DatasetError, match="the md5 of the archive that these data came from was not noted"):
        fetch(one, tmp_path / "data", md5=RIGHT["md5"](one.read_bytes()).hexdigest())


def test_a_checksum_is_looked_at_for_a_url_too(server: FaultyServer, run: Run, tmp_path: Path, packed: bytes) -> None:
    url, data = f"{server.url}/films.zip", tmp_path / "data"
    fetch(url, data)
    outcome = run("fetch", url, "--to", data, "--sha256", WRONG["sha256"])
    assert outcome[0] == 4
    assert "wrong checksum" in error_line(outcome)
    for algorithm, of in RIGHT.items():
        assert fetch(url, data, **{algorithm: of(packed).hexdigest()}).already
    assert len(server.asked) == 1


def test_a_crash_half_way_and_then_another_archive_of_the_same_name(
    one: Path, other: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = tmp_path / "data"
    interrupt_half_way(monkeypatch)
    with pytest.raises(KeyboardInterrupt):
        fetch(one, data)
    monkeypatch.undo()
    with pytest.raises(DatasetError, match="is not empty"):
        fetch(other, data)
    with pytest.raises(DatasetError, match="wrong checksum"):
        fetch(one, data, md5=WRONG["md5"])
    assert fetch(one, data).files == 2
    assert {name: (data / name).read_text() for name in ("first.txt", "second.txt")} == {
        "first.txt": "one",
        "second.txt": "one",
    }
    assert sorted(os.listdir(data)) == ["SOURCE.txt", "first.txt", "second.txt"]


def test_an_archive_that_can_no_longer_be_read(one: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fetch(one, tmp_path / "data")

    def unreadable(path: Path, algorithm: str) -> str:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("lucency.datasets.noted_source.digest_of", unreadable)
    with pytest.raises(DatasetError, match=r"archive\.zip: the archive cannot be read \(Permission denied\)"):
        fetch(one, tmp_path / "data")
