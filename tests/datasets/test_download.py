"""One file over HTTP, against a local server that fails in the ways that servers fail."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from faulty_server import Fault, FaultyServer, Served, serving

from lucency.datasets.checksum import Checksum
from lucency.datasets.download import download
from lucency.errors import DatasetError

CONTENT = bytes(range(256)) * 4000
SHA256 = Checksum("sha256", hashlib.sha256(CONTENT).hexdigest(), "the test")


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[FaultyServer]:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with serving() as running:
        running.files["/film.zip"] = Served(CONTENT)
        yield running


@pytest.fixture
def waits() -> list[float]:
    """Seconds that a download waited, without waiting them."""
    return []


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "film.zip"


def part(target: Path) -> Path:
    return target.with_name("film.zip.part")


def test_a_file_comes_whole_and_leaves_nothing_else(server: FaultyServer, target: Path) -> None:
    steps: list[tuple[int, int | None]] = []
    download(f"{server.url}/film.zip", target, checksum=SHA256, progress=lambda *step: steps.append(step))
    assert target.read_bytes() == CONTENT
    assert os.listdir(target.parent) == ["film.zip"]
    assert steps[0] == (0, len(CONTENT))
    assert steps[-1] == (len(CONTENT), len(CONTENT))
    assert steps == sorted(steps)


def test_an_empty_file_is_no_crash(server: FaultyServer, target: Path) -> None:
    server.files["/film.zip"] = Served(b"")
    with pytest.raises(DatasetError, match="wrong checksum"):
        download(f"{server.url}/film.zip", target, checksum=SHA256)
    assert os.listdir(target.parent) == []


def test_what_is_there_is_not_fetched_again(server: FaultyServer, target: Path) -> None:
    for _ in range(2):
        download(f"{server.url}/film.zip", target, checksum=SHA256)
    assert len(server.asked) == 1


@pytest.mark.parametrize("reset", [False, True])
def test_a_cut_connection_goes_on_where_it_stopped(
    server: FaultyServer, target: Path, waits: list[float], reset: bool
) -> None:
    server.faults = [Fault(cut=100_000, reset=reset), Fault(cut=50_000)]
    download(f"{server.url}/film.zip", target, sleep=waits.append)
    assert target.read_bytes() == CONTENT
    if not reset:
        # A reset may destroy bytes that were under way.
        assert server.ranges == ["", "bytes=100000-", "bytes=150000-"]
    assert server.asked[1][2].get("if-range") == '"1"'
    assert waits == [1.0, 1.0]


def test_the_next_call_goes_on_too(server: FaultyServer, target: Path, waits: list[float]) -> None:
    server.faults = [Fault(cut=100_000), *[Fault(status=503)] * 6]
    with pytest.raises(DatasetError, match=r"503.*6 tries.*100\.0 kB that are kept"):
        download(f"{server.url}/film.zip", target, sleep=waits.append)
    assert waits == [1.0, 1.0, 2.0, 4.0, 8.0, 16.0]
    assert part(target).read_bytes() == CONTENT[:100_000]
    assert not target.exists()
    download(f"{server.url}/film.zip", target)
    assert server.ranges[-1] == "bytes=100000-"
    assert target.read_bytes() == CONTENT


def test_ctrl_c_leaves_a_part_that_the_next_call_continues(server: FaultyServer, target: Path) -> None:
    def interrupt(done: int, total: int | None) -> None:
        if done > 200_000:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        download(f"{server.url}/film.zip", target, progress=interrupt)
    kept = part(target).stat().st_size
    assert kept > 200_000
    download(f"{server.url}/film.zip", target)
    assert server.ranges == ["", f"bytes={kept}-"]
    assert target.read_bytes() == CONTENT


def test_a_server_without_range_begins_anew(server: FaultyServer, target: Path, waits: list[float]) -> None:
    server.files["/film.zip"].ranges = False
    server.faults = [Fault(cut=100_000)]
    download(f"{server.url}/film.zip", target, sleep=waits.append)
    assert server.ranges == ["", "bytes=100000-"]
    assert target.read_bytes() == CONTENT


def test_a_server_that_always_cuts_at_one_place_is_given_up(
    server: FaultyServer, target: Path, waits: list[float]
) -> None:
    for file in (Served(CONTENT, ranges=False), Served(CONTENT, etag="")):
        server.files["/film.zip"] = file
        server.faults = [Fault(cut=100_000) for _ in range(50)]
        server.asked.clear()
        with pytest.raises(DatasetError, match="connection was cut"):
            download(f"{server.url}/film.zip", target, sleep=waits.append, tries=3)
        assert len(server.asked) <= 5


def test_without_entity_tag_and_date_nothing_is_joined(server: FaultyServer, target: Path, waits: list[float]) -> None:
    server.files["/film.zip"].etag = ""
    server.faults = [Fault(cut=100_000)]
    download(f"{server.url}/film.zip", target, sleep=waits.append)
    assert server.ranges == ["", ""]
    assert target.read_bytes() == CONTENT


def test_a_checksum_allows_joining_without_entity_tag(server: FaultyServer, target: Path, waits: list[float]) -> None:
    server.files["/film.zip"].etag = ""
    server.faults = [Fault(cut=100_000)]
    download(f"{server.url}/film.zip", target, checksum=SHA256, sleep=waits.append)
    assert server.ranges == ["", "bytes=100000-"]
    assert target.read_bytes() == CONTENT


@pytest.mark.parametrize("obeys_if_range", [True, False])
def test_a_file_that_changed_is_not_spliced(
    server: FaultyServer, target: Path, waits: list[float], obeys_if_range: bool
) -> None:
    server.faults = [Fault(cut=100_000), *[Fault(status=500)] * 6]
    with pytest.raises(DatasetError):
        download(f"{server.url}/film.zip", target, sleep=waits.append)
    changed = CONTENT[::-1]
    server.files["/film.zip"] = Served(changed, etag='"2"')
    if not obeys_if_range:
        server.files["/film.zip"].etag = '"1"'
        server.faults = [Fault(headers={"ETag": '"2"'})]
    download(f"{server.url}/film.zip", target, sleep=waits.append)
    assert target.read_bytes() == changed


def test_a_part_of_another_address_is_not_continued(server: FaultyServer, target: Path, waits: list[float]) -> None:
    server.files["/other.zip"] = Served(CONTENT[::-1])
    server.faults = [Fault(cut=100_000), *[Fault(status=500)] * 6]
    with pytest.raises(DatasetError):
        download(f"{server.url}/film.zip", target, sleep=waits.append)
    download(f"{server.url}/other.zip", target)
    assert server.ranges[-1] == ""
    assert target.read_bytes() == CONTENT[::-1]


def test_a_link_that_was_signed_anew_leads_to_the_same_file(
    server: FaultyServer, target: Path, waits: list[float]
) -> None:
    told: list[str] = []
    server.faults = [Fault(cut=100_000), *[Fault(status=500)] * 6]
    with pytest.raises(DatasetError):
        download(f"{server.url}/film.zip?X-Signature=a", target, sleep=waits.append, tell=told.append)
    assert told[:2] == [
        "The connection was cut: another try in 1 s.",
        "The server answers 500 Internal Server Error: another try in 1 s.",
    ]
    download(f"{server.url}/film.zip?X-Signature=b", target)
    assert server.ranges[-1] == "bytes=100000-"
    assert target.read_bytes() == CONTENT


def test_a_damaged_state_begins_anew(server: FaultyServer, target: Path) -> None:
    part(target).write_bytes(b"x" * 1000)
    target.with_name("film.zip.part.json").write_text("{")
    download(f"{server.url}/film.zip", target)
    assert target.read_bytes() == CONTENT


def test_a_damaged_part_is_noticed_and_fetched_again(server: FaultyServer, target: Path, waits: list[float]) -> None:
    server.faults = [Fault(cut=100_000), *[Fault(status=500)] * 6]
    with pytest.raises(DatasetError):
        download(f"{server.url}/film.zip", target, checksum=SHA256, sleep=waits.append)
    part(target).write_bytes(b"x" * 100_000)
    download(f"{server.url}/film.zip", target, checksum=SHA256)
    assert target.read_bytes() == CONTENT


def test_a_wrong_checksum_is_said_and_nothing_is_kept(server: FaultyServer, target: Path) -> None:
    wrong = Checksum("md5", "0" * 32, "you")
    with pytest.raises(DatasetError, match=rf"md5 is {hashlib.md5(CONTENT).hexdigest()}, and should be 0000"):
        download(f"{server.url}/film.zip", target, checksum=wrong)
    assert os.listdir(target.parent) == []
    assert len(server.asked) == 1


def test_the_state_beside_a_part_says_what_it_is_of(server: FaultyServer, target: Path, waits: list[float]) -> None:
    server.files["/film.zip"].modified = "Sat, 13 Jun 2026 10:00:00 GMT"
    server.faults = [Fault(cut=1000), *[Fault(status=500)] * 6]
    with pytest.raises(DatasetError):
        download(f"{server.url}/film.zip", target, sleep=waits.append)
    assert json.loads(target.with_name("film.zip.part.json").read_text()) == {
        "url": f"{server.url}/film.zip",
        "etag": '"1"',
        "modified": "Sat, 13 Jun 2026 10:00:00 GMT",
        "size": len(CONTENT),
    }


def test_a_weak_entity_tag_is_not_trusted_with_joining(server: FaultyServer, target: Path, waits: list[float]) -> None:
    server.files["/film.zip"].etag = 'W/"1"'
    server.faults = [Fault(cut=100_000)]
    download(f"{server.url}/film.zip", target, sleep=waits.append)
    assert server.ranges == ["", ""]
    assert target.read_bytes() == CONTENT
