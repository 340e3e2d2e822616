"""Servers, networks and disks that fail while one file is fetched."""

from __future__ import annotations

import os
import resource
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from faulty_server import Fault, FaultyServer, Served, serving

from lucency.datasets.checksum import Checksum
from lucency.datasets.download import download
from lucency.errors import DatasetError, LucencyError, ResourceError

CONTENT = bytes(range(256)) * 4000


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


@pytest.mark.parametrize(
    ("status", "words"), [(404, "nothing at this address"), (403, "refuses access"), (401, "login")]
)
def test_a_refusal_is_not_asked_again(server: FaultyServer, target: Path, status: int, words: str) -> None:
    server.faults = [Fault(status=status)]
    with pytest.raises(DatasetError, match=words):
        download(f"{server.url}/film.zip", target)
    assert len(server.asked) == 1
    assert os.listdir(target.parent) == []


def test_a_troubled_server_is_asked_again_when_it_wants(server: FaultyServer, target: Path, waits: list[float]) -> None:
    server.faults = [Fault(status=503, headers={"Retry-After": "7"}), Fault(status=500), Fault(status=429)]
    download(f"{server.url}/film.zip", target, sleep=waits.append)
    assert waits == [7.0, 2.0, 4.0]
    assert target.read_bytes() == CONTENT


def test_a_silent_server_is_given_up_and_the_part_continued(
    server: FaultyServer, target: Path, waits: list[float]
) -> None:
    server.faults = [Fault(stall=100_000)]
    download(f"{server.url}/film.zip", target, timeout=1.0, sleep=waits.append)
    assert server.ranges == ["", "bytes=100000-"]
    assert target.read_bytes() == CONTENT
    server.faults = [Fault(stall=0)] * 2
    target.unlink()
    with pytest.raises(DatasetError, match="gone silent"):
        download(f"{server.url}/film.zip", target, timeout=0.2, tries=2, sleep=waits.append)


def test_no_server_at_all(target: Path, waits: list[float], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "127.0.0.1,nowhere.invalid")
    look_up = socket.getaddrinfo

    def not_found(host: str, *arguments: Any, **named: Any) -> Any:
        # The resolvers of some networks answer for every name.
        if host == "nowhere.invalid":
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return look_up(host, *arguments, **named)

    monkeypatch.setattr(socket, "getaddrinfo", not_found)
    with pytest.raises(DatasetError, match="refuses the connection"):
        download("http://127.0.0.1:1/film.zip", target, tries=2, sleep=waits.append)
    waits.clear()
    with pytest.raises(DatasetError, match=r"nowhere\.invalid is not found.*Check the network"):
        download("http://nowhere.invalid/film.zip", target, sleep=waits.append)
    assert waits == []


def test_a_redirection_is_followed_with_its_range(server: FaultyServer, target: Path, waits: list[float]) -> None:
    here = Fault(status=302, headers={"Location": "/film.zip"})
    server.faults = [here, Fault(cut=100_000), here]
    download(f"{server.url}/start", target, sleep=waits.append)
    assert [path for _, path, _ in server.asked] == ["/start", "/film.zip"] * 2
    assert server.ranges == ["", "", "bytes=100000-", "bytes=100000-"]
    assert target.read_bytes() == CONTENT


@pytest.mark.parametrize(
    ("location", "words"),
    [
        ("file:///etc/hostname", "file:///etc/hostname, not to http"),
        ("ftp://x/y", "not to http"),
        ("/film.zip", "circle"),
    ],
)
def test_a_redirection_elsewhere_is_refused(server: FaultyServer, target: Path, location: str, words: str) -> None:
    server.faults = [Fault(status=302, headers={"Location": location}) for _ in range(20)]
    with pytest.raises(DatasetError, match=words):
        download(f"{server.url}/film.zip", target)
    assert os.listdir(target.parent) == []


@pytest.mark.parametrize(
    "url",
    [
        "file:///etc/hostname",
        "ftp://host/x",
        "data:,x",
        "http://",
        "https:///x",
        "film.zip",
        "http://[x/y",
        "http://[::1",
    ],
)
def test_what_is_no_address_is_refused(target: Path, url: str) -> None:
    with pytest.raises(DatasetError, match="no address"):
        download(url, target)


@pytest.mark.parametrize("url", ["http://a..b/film.zip", f"http://{'a' * 70}.example/film.zip"])
def test_a_name_that_no_server_can_have(target: Path, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "*")
    with pytest.raises(DatasetError, match="no address that can be asked"):
        download(url, target, sleep=pytest.fail)


def test_a_redirection_to_what_is_no_address(server: FaultyServer, target: Path) -> None:
    for place, status in (("http://[::1/film.zip", 302), ("http://[::1/film.zip", 308), ("http://a..b/", 301)):
        server.faults = [Fault(status=status, headers={"Location": place})]
        with pytest.raises(DatasetError, match="redirects to what is no address"):
            download(f"{server.url}/start", target, sleep=pytest.fail)


SIGNED = "film.zip?X-Amz-Signature=hidden&v=2"


@pytest.mark.parametrize(
    "fault",
    [
        Fault(status=404),
        Fault(status=202),
        Fault(status=503),
        Fault(status=302, headers={"Location": "ftp://x/y?token=hidden"}),
        Fault(status=302, headers={"Location": f"/{SIGNED}"}),
        Fault(status=302, headers={"Location": "http://[::1/x?token=hidden"}),
        Fault(status=200, headers={"Content-Type": "text/html"}, body=b"<html>"),
    ],
)
def test_no_error_shows_the_signature_of_a_link(server: FaultyServer, target: Path, fault: Fault) -> None:
    server.faults = [fault] * 20
    with pytest.raises(DatasetError) as caught:
        download(f"{server.url}/{SIGNED}", target, tries=2, sleep=lambda _: None)
    assert "hidden" not in str(caught.value)
    assert caught.value.where == f"{server.url}/film.zip?X-Amz-Signature=...&v=2"


def test_no_other_error_shows_it_either(server: FaultyServer, target: Path) -> None:
    wrong = Checksum("md5", "0" * 32, "you")
    for url in (
        f"{server.url}/{SIGNED}",
        f"http://[::1/{SIGNED}",
        "http://me:hidden@[::1/film.zip",
        f"ftp://x/{SIGNED}",
    ):
        with pytest.raises(DatasetError) as caught:
            download(url, target, checksum=wrong)
        assert "hidden" not in str(caught.value)
        assert caught.value.where is not None


def test_a_login_in_an_address_is_neither_sent_nor_shown(target: Path) -> None:
    with pytest.raises(DatasetError, match="login") as caught:
        download("http://me:hidden@127.0.0.1/film.zip", target)
    assert "hidden" not in str(caught.value)


@pytest.mark.parametrize("kind", ["text/html; charset=utf-8", "application/octet-stream"])
def test_a_web_page_is_known_by_its_type_or_its_beginning(server: FaultyServer, target: Path, kind: str) -> None:
    server.files["/film.zip"] = Served(b"\n<!DOCTYPE html><html>Virus scan warning</html>", kind=kind)
    with pytest.raises(DatasetError, match=r"web page.*Take the train"):
        download(f"{server.url}/film.zip", target, by_hand="Take the train")
    assert not target.exists()
    assert not part(target).exists()


def test_an_answer_without_a_file_is_no_file(server: FaultyServer, target: Path) -> None:
    server.faults = [Fault(status=202)]
    with pytest.raises(DatasetError, match="status 202"):
        download(f"{server.url}/film.zip", target)


@pytest.mark.parametrize("content", [b"", b"x"])
def test_small_files_and_unknown_lengths(server: FaultyServer, target: Path, content: bytes) -> None:
    server.files["/film.zip"] = Served(content, length=False)
    download(f"{server.url}/film.zip", target)
    assert target.read_bytes() == content


def test_a_file_larger_than_the_disk_is_refused_before_it_comes(server: FaultyServer, target: Path) -> None:
    server.faults = [Fault(status=200, headers={"Content-Length": str(10**18)})]
    with pytest.raises(ResourceError, match=r"too little room.*1000000\.0 TB are needed"):
        download(f"{server.url}/film.zip", target)


def test_a_full_disk_keeps_what_came_and_the_next_call_goes_on(server: FaultyServer, target: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, hard))
    try:
        with pytest.raises(ResourceError, match=r"disk is full.*goes on"):
            download(f"{server.url}/film.zip", target)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert part(target).read_bytes() == CONTENT[:300_000]
    download(f"{server.url}/film.zip", target)
    assert server.ranges == ["", "bytes=300000-"]
    assert target.read_bytes() == CONTENT


def test_a_folder_that_cannot_be_written(server: FaultyServer, tmp_path: Path) -> None:
    with pytest.raises(LucencyError, match="cannot write here"):
        download(f"{server.url}/film.zip", tmp_path / "gone" / "film.zip")
