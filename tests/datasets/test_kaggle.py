"""Kaggle through the real kagglehub, whose address is turned to a local server."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import sys
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("kagglehub")
from faulty_server import Fault, FaultyServer, Served, serving

from lucency.datasets.archive_budget import Limits
from lucency.datasets.kaggle import ask_kaggle, fetch_kaggle, kaggle_handle
from lucency.errors import DatasetError, MissingExtraError, ResourceError

GET = "/v1/datasets.DatasetApiService/GetDataset"
DOWNLOAD = "/v1/datasets.DatasetApiService/DownloadDataset"
FILES = {"train/fractured/a.jpg": bytes(range(256)) * 400, "train/not fractured/b.jpg": b"b"}


def packed(files: dict[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return stream.getvalue()


@pytest.fixture
def kaggle(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[FaultyServer]:
    from kagglesdk import kaggle_env

    home = tmp_path / "home"
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("KAGGLE_CONFIG_DIR", str(home))
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setenv("TQDM_DISABLE", "1")
    for name in ("KAGGLE_API_TOKEN", "KAGGLE_USERNAME", "KAGGLE_KEY", "KAGGLE_API_ENVIRONMENT"):
        monkeypatch.delenv(name, raising=False)
    with serving() as server:
        monkeypatch.setitem(kaggle_env._env_to_endpoint, kaggle_env.KaggleEnv.PROD, server.url)
        facts = {"title": "Bones", "licenseName": "CC0: Public Domain", "currentVersionNumber": 3, "totalBytes": 999}
        server.files[GET] = Served(json.dumps(facts).encode(), kind="application/json")
        server.redirects[DOWNLOAD] = f"{server.url}/store/bones.zip"
        server.files["/store/bones.zip"] = Served(packed(FILES))
        yield server


@pytest.fixture
def work(tmp_path: Path) -> Path:
    folder = tmp_path / "work"
    folder.mkdir()
    return folder


def test_title_licence_and_version(kaggle: FaultyServer) -> None:
    told = ask_kaggle("someone/bones")
    assert (told.handle, told.title) == ("someone/bones/versions/3", "Bones")
    assert (told.licence, told.size) == ("CC0: Public Domain", 999)
    assert told.page == "https://www.kaggle.com/datasets/someone/bones"
    assert ask_kaggle("someone/bones/versions/2").handle == "someone/bones/versions/2"


def test_the_data_come_to_their_place_and_stdout_stays_clean(
    kaggle: FaultyServer, work: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files, size = fetch_kaggle("someone/bones", tmp_path / "out", work=work)
    assert {str(p.relative_to(tmp_path / "out")): p.read_bytes() for p in (tmp_path / "out").rglob("*.jpg")} == FILES
    assert (files, size) == (2, sum(map(len, FILES.values())))
    assert not work.exists()
    assert capsys.readouterr().out == ""


def test_a_cut_download_is_continued(kaggle: FaultyServer, work: Path, tmp_path: Path) -> None:
    kaggle.files["/store/bones.zip"] = Served(packed({**FILES, "large.jpg": bytes(2_000_000)}))
    kaggle.faults = [Fault(), Fault(), Fault(cut=1_500_000)]
    fetch_kaggle("someone/bones", tmp_path / "out", work=work)
    # The library writes whole mebibytes.
    assert f"bytes={1 << 20}-" in kaggle.ranges
    assert (tmp_path / "out" / "train" / "fractured" / "a.jpg").read_bytes() == FILES["train/fractured/a.jpg"]


def test_what_comes_is_checked(kaggle: FaultyServer, work: Path, tmp_path: Path) -> None:
    digest = base64.b64encode(hashlib.md5(b"another").digest()).decode()
    kaggle.faults = [Fault(), Fault(), Fault(headers={"X-Goog-Hash": f"md5={digest}"})]
    with pytest.raises(DatasetError, match="damaged"):
        fetch_kaggle("someone/bones", tmp_path / "out", work=work)
    assert list(work.iterdir()) == []


@pytest.mark.parametrize(
    ("status", "words"),
    [(401, "login.*KAGGLE_API_TOKEN"), (403, "private, wants its rules accepted, or does not exist"), (404, "no such"),
     (500, "answers 500")],
)  # fmt: skip
def test_a_refusal_is_one_clear_line(kaggle: FaultyServer, work: Path, tmp_path: Path, status: int, words: str) -> None:
    body = json.dumps({"code": status, "message": "Permission 'datasets.get' was denied\nfor you"}).encode()
    for call in (lambda: ask_kaggle("someone/bones"), lambda: fetch_kaggle("someone/bones", tmp_path / "o", work=work)):
        kaggle.faults = [Fault(status=status, headers={"Content-Type": "application/json"}, body=body)]
        with pytest.raises(DatasetError, match=words) as caught:
            call()
        assert "\n" not in str(caught.value)
        assert str(caught.value).startswith("kaggle:someone/bones: ")
    assert not (tmp_path / "o").exists()


def test_no_network(kaggle: FaultyServer, monkeypatch: pytest.MonkeyPatch) -> None:
    from kagglesdk import kaggle_env

    monkeypatch.setitem(kaggle_env._env_to_endpoint, kaggle_env.KaggleEnv.PROD, "http://127.0.0.1:1")
    with pytest.raises(DatasetError, match="cannot be reached"):
        ask_kaggle("someone/bones")


def test_a_credentials_file_that_is_none(kaggle: FaultyServer, tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "kaggle.json").write_text("{")
    with pytest.raises(DatasetError, match="Invalid Kaggle credentials file"):
        ask_kaggle("someone/bones")


def test_limits_hold_for_kaggle_too(kaggle: FaultyServer, work: Path, tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="2 files; raise the limit with --max-files"):
        fetch_kaggle("someone/bones", tmp_path / "out", work=work, limits=Limits(files=1))
    assert list(work.iterdir()) == []
    with pytest.raises(DatasetError, match="--max-size"):
        fetch_kaggle("someone/bones", tmp_path / "out", work=work, limits=Limits(size=1000))


def test_a_link_within_is_refused(kaggle: FaultyServer, work: Path, tmp_path: Path) -> None:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("a.jpg"), io.BytesIO())
        link = tarfile.TarInfo("b.jpg")
        link.type, link.linkname = tarfile.SYMTYPE, "a.jpg"
        archive.addfile(link)
    kaggle.files["/store/bones.zip"] = Served(stream.getvalue())
    with pytest.raises(DatasetError, match=r"because of b\.jpg: it is a link"):
        fetch_kaggle("someone/bones", tmp_path / "out", work=work)
    assert not (tmp_path / "out").exists()


def test_what_is_no_archive(kaggle: FaultyServer, work: Path, tmp_path: Path) -> None:
    kaggle.files["/store/bones.zip"] = Served(b"not an archive")
    with pytest.raises(DatasetError, match="cannot be used"):
        fetch_kaggle("someone/bones", tmp_path / "out", work=work)
    assert list(work.iterdir()) == []


def test_a_full_disk(kaggle: FaultyServer, work: Path, tmp_path: Path) -> None:
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, hard))
    try:
        with pytest.raises(ResourceError, match="disk is full"):
            fetch_kaggle("someone/bones", tmp_path / "out", work=work)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    fetch_kaggle("someone/bones", tmp_path / "out", work=work)
    assert "bytes=20000-" in kaggle.ranges


def test_without_the_library_the_extra_is_named(work: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TQDM_DISABLE", "1")
    monkeypatch.setitem(sys.modules, "kagglehub", None)
    for call in (lambda: ask_kaggle("a/b"), lambda: fetch_kaggle("a/b", tmp_path / "out", work=work)):
        with pytest.raises(MissingExtraError, match="kagglehub") as caught:
            call()
        assert caught.value.extra == "fetch"


@pytest.mark.parametrize(
    ("source", "handle"),
    [
        ("kaggle:a/b-c", "a/b-c"),
        ("Kaggle:a/b/versions/4", "a/b/versions/4"),
        ("https://www.kaggle.com/datasets/a/b", "a/b"),
        ("https://www.kaggle.com/datasets/a/b/data?select=x", "a/b"),
        ("https://kaggle.com/a/b", "a/b"),
        ("https://www.kaggle.com/datasets/a/b/versions/3", "a/b/versions/3"),
        ("https://www.kaggle.com/datasets/a/b/versions/3/data?select=x", "a/b/versions/3"),
        ("https://www.kaggle.com/a/b/version/12/", "a/b/versions/12"),
        ("https://www.kaggle.com/datasets/a/b?datasetVersionNumber=3&x=1", "a/b/versions/3"),
        ("https://www.kaggle.com/competitions/rsna", None),
        ("https://www.kaggle.com/code/a", None),
        ("https://example.org/datasets/a/b", None),
        ("fracatlas", None),
    ],
)
def test_handles(source: str, handle: str | None) -> None:
    assert kaggle_handle(source) == handle


@pytest.mark.parametrize(
    "source", ["kaggle:", "kaggle:bones", "kaggle:a/b/c", "kaggle:a/../b", "kaggle:a/..", "kaggle:a b/c"]
)
def test_no_handle(source: str) -> None:
    with pytest.raises(DatasetError, match="OWNER/NAME"):
        kaggle_handle(source)
