"""What a person may name as the source of data, and what is advised where no program can fetch it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from faulty_server import Fault, FaultyServer, Served, serving

from lucency.datasets.checksum import Checksum
from lucency.datasets.figshare import ask_figshare
from lucency.datasets.layouts import LAYOUTS
from lucency.datasets.origin import UNKNOWN_LICENCE, find_origin
from lucency.datasets.page_hosts import PAGE_HOSTS, is_page
from lucency.datasets.source_note import note_path, read_note, without_secrets, write_note
from lucency.datasets.sources import KNOWN_DATASETS, KnownDataset
from lucency.errors import DatasetError

TO = Path("data")


@pytest.mark.parametrize(("name", "row"), KNOWN_DATASETS.items())
def test_each_row_says_what_must_be_known_before_a_download(name: str, row: KnownDataset) -> None:
    assert name == name.lower()
    assert all((row.title, row.licence, row.citation))
    assert row.page.startswith("https://")
    assert row.layout in {layout.name for layout in LAYOUTS}
    assert sum(map(bool, (row.urls, row.kaggle, row.by_hand))) == 1
    assert all(url.startswith("https://") for url in row.urls)
    if row.urls:
        assert row.file
        assert row.sha256 or row.md5
    for digest, length in ((row.sha256, 64), (row.md5, 32)):
        assert digest is None or (len(digest) == length and digest == digest.lower() and int(digest, 16))


def test_fracatlas() -> None:
    origin = find_origin("FracAtlas", TO)
    assert origin.source == "fracatlas"
    assert (origin.licence, origin.file, origin.figshare) == ("CC BY 4.0", "FracAtlas.zip", 22363012)
    assert [checksum.algorithm for checksum in origin.checksums] == ["sha256", "md5"]
    assert "10.6084/m9.figshare.22363012" in origin.page


def test_a_data_set_that_only_a_person_may_fetch() -> None:
    with pytest.raises(
        DatasetError, match=r"not for commercial.*MURA-v1\.1\.zip; then run: lucency fetch FILE --to data"
    ):
        find_origin("mura", TO)


def test_an_unknown_name_is_answered_with_the_nearest() -> None:
    with pytest.raises(DatasetError, match=r"Did you mean fracatlas\?"):
        find_origin("fracatals", TO)
    with pytest.raises(DatasetError, match="a URL, or an archive"):
        find_origin("zzz", TO)


def test_a_url(tmp_path: Path) -> None:
    origin = find_origin("https://example.org/a%20b/../Films%20(1).zip?X-Amz-Signature=abc&v=2", TO)
    assert origin.urls == ("https://example.org/a%20b/../Films%20(1).zip?X-Amz-Signature=abc&v=2",)
    assert origin.file == "Films_1_.zip"
    assert origin.source == "https://example.org/a%20b/../Films%20(1).zip?X-Amz-Signature=...&v=2"
    assert origin.licence == UNKNOWN_LICENCE
    assert find_origin("https://example.org/", TO).file == "download"


def test_an_archive_that_lies_here(tmp_path: Path) -> None:
    (tmp_path / "films.zip").touch()
    origin = find_origin(str(tmp_path / "films.zip"), TO)
    assert (origin.source, origin.archive) == ("films.zip", tmp_path / "films.zip")
    (tmp_path / "FracAtlas.zip").touch()
    assert find_origin(str(tmp_path / "FracAtlas.zip"), TO).licence == "CC BY 4.0"
    with pytest.raises(DatasetError, match="no such archive"):
        find_origin(str(tmp_path / "gone.zip"), TO)
    with pytest.raises(DatasetError, match="folder, not an archive"):
        find_origin(str(tmp_path), TO)


@pytest.mark.parametrize("url", ["http://[::1", "https://[x/films.zip", "http://", "https:///x", "http://h:99999/x"])
def test_what_is_no_address(url: str) -> None:
    with pytest.raises(DatasetError, match="this is no address") as caught:
        find_origin(url, TO)
    assert caught.value.where == url


def test_a_login_in_an_address_is_refused_before_anything_is_made() -> None:
    with pytest.raises(DatasetError, match=r"example\.org: an address with a login") as caught:
        find_origin("https://me:hidden@example.org/films.zip", TO)
    assert "hidden" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "words"), [("file:///films.zip", "path instead"), ("ftp://x/y.zip", "ftp://"), ("s3://b/k.zip", "s3://")]
)
def test_other_schemes(url: str, words: str) -> None:
    with pytest.raises(DatasetError, match=words):
        find_origin(url, TO)


@pytest.mark.parametrize(
    "url",
    [
        "https://mega.nz/file/AbC#key",
        "https://drive.google.com/file/d/1AbC/view?usp=sharing",
        "https://drive.google.com/drive/folders/1AbC",
        "https://www.dropbox.com/s/abc/films.zip?dl=0",
        "https://www.dropbox.com/scl/fi/abc/films.zip?rlkey=x&st=y",
        "https://1drv.ms/u/s!abc",
        "https://www.mediafire.com/file/abc/films.zip/file",
        "https://we.tl/t-abc",
        "https://pan.baidu.com/s/abc",
    ],
)
def test_links_that_lead_to_a_page_are_not_tried(url: str) -> None:
    with pytest.raises(
        DatasetError, match=r"page.*Download the file in a browser.*lucency fetch FILE --to data"
    ) as caught:
        find_origin(url, TO)
    assert any(row.name in str(caught.value) for row in PAGE_HOSTS)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        "https://www.dropbox.com/s/abc/films.zip?dl=1",
        "https://drive.google.com/uc?export=download&id=1AbC",
        "https://zenodo.org/records/1/files/films.zip?download=1",
        "https://notmega.nz.example.org/films.zip",
        "https://download1.mediafire.com/abc/films.zip",
    ],
)
def test_links_that_may_lead_to_a_file_are_tried(url: str) -> None:
    assert not is_page(url)


def test_a_checksum_as_people_paste_it() -> None:
    assert (
        Checksum.parse("md5", " MD5:FE9DA2C7C285915EBEE69DFDAB8FD396\n", "you").digest
        == KNOWN_DATASETS["fracatlas"].md5
    )
    with pytest.raises(DatasetError, match="64 hexadecimal digits"):
        Checksum.parse("sha256", "fe9da2c7c285915ebee69dfdab8fd396", "you")


class TestNote:
    def test_it_is_read_back(self, tmp_path: Path) -> None:
        write_note(tmp_path, {"source": "fracatlas", "cite": "A: b,\n c", "page": ""})
        assert read_note(tmp_path) == {"source": "fracatlas", "cite": "A: b, c"}
        assert note_path(tmp_path) == tmp_path / "SOURCE.txt"

    def test_a_file_of_the_data_is_not_overwritten(self, tmp_path: Path) -> None:
        (tmp_path / "SOURCE.txt").write_text("theirs")
        assert read_note(tmp_path) is None
        write_note(tmp_path, {"source": "x"})
        assert (tmp_path / "SOURCE.txt").read_text() == "theirs"
        assert read_note(tmp_path) == {"source": "x"}

    @pytest.mark.parametrize(
        ("url", "shown"),
        [
            ("https://h/x.zip", "https://h/x.zip"),
            ("https://u:p@h:8/x.zip?download=1#f", "https://h:8/x.zip?download=1"),
            ("https://h/x?access_token=abc&Expires=3", "https://h/x?access_token=...&Expires=3"),
            ("https://u:p@[::1/x?access_token=abc", "https://[::1/x"),
        ],
    )
    def test_secrets_are_not_written_down(self, url: str, shown: str) -> None:
        assert without_secrets(url) == shown


class TestFigshare:
    @pytest.fixture
    def server(self, monkeypatch: pytest.MonkeyPatch) -> Iterator[FaultyServer]:
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        with serving() as running:
            entry = {"name": "F.zip", "download_url": "https://x/files/7", "computed_md5": "a" * 32, "size": 1}
            other = {**entry, "name": "other.csv"}
            running.files["/articles/5/files"] = Served(json.dumps([other, entry]).encode(), kind="application/json")
            yield running

    def test_address_and_md5(self, server: FaultyServer) -> None:
        told = ask_figshare(5, "F.zip", api=server.url)
        assert told is not None
        assert told.url == "https://x/files/7"
        assert told.checksum == Checksum("md5", "a" * 32, "the figshare record")

    def test_without_an_answer_there_is_none(self, server: FaultyServer) -> None:
        assert ask_figshare(5, "gone.zip", api=server.url) is None
        assert ask_figshare(6, "F.zip", api=server.url) is None
        assert ask_figshare(5, "F.zip", api="http://127.0.0.1:1") is None
        for body in (b"", b"<html>", b'{"message": "no"}', b'[{"name": "F.zip"}]', b"[1]", b"null"):
            server.faults = [Fault(status=200, body=body)]
            assert ask_figshare(5, "F.zip", api=server.url) is None
        server.faults = [Fault(status=503)]
        assert ask_figshare(5, "F.zip", api=server.url) is None
        server.faults = [Fault(stall=0)]
        assert ask_figshare(5, "F.zip", api=server.url, timeout=0.2) is None
