"""Archives that unpack to more than is let in, or than the disk can hold."""

from __future__ import annotations

import errno
import io
import os
import resource
import shutil
import tarfile
from pathlib import Path

import pytest
from small_archives import FILES, make_tar, make_zip

from lucency.datasets import unpack as module
from lucency.datasets.archive_budget import LimitError, Limits
from lucency.datasets.unpack import unpack
from lucency.errors import DatasetError, ResourceError


def test_by_ratio_in_a_zip_before_a_byte_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_zip(tmp_path / "x.zip", {"good.jpg": b"g", "zeros.bin": bytes(70 << 20)})
    assert (tmp_path / "x.zip").stat().st_size < 100_000
    monkeypatch.setattr(module, "_write", pytest.fail)
    with pytest.raises(LimitError, match=r"more than 100 times its own size.*zeros\.bin.*--max-ratio"):
        unpack(tmp_path / "x.zip", tmp_path / "out")
    assert os.listdir(tmp_path) == ["x.zip"]


def test_by_ratio_in_a_tar_which_tells_nothing_beforehand(tmp_path: Path) -> None:
    make_tar(tmp_path / "x.tgz", {"good.jpg": b"g", "zeros.bin": bytes(70 << 20)}, mode="w:gz")
    with pytest.raises(LimitError, match=r"zeros\.bin.*--max-ratio"):
        unpack(tmp_path / "x.tgz", tmp_path / "out")
    assert os.listdir(tmp_path) == ["x.tgz"]
    assert unpack(tmp_path / "x.tgz", tmp_path / "out", limits=Limits(ratio=5000)).files == 2


@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_by_count(tmp_path: Path, kind: str) -> None:
    files = {f"{number}.jpg": b"" for number in range(30)}
    archive = make_zip(tmp_path / "x", files) if kind == "zip" else make_tar(tmp_path / "x", files)
    with pytest.raises(LimitError, match=r"more than 20 files \(at 20\.jpg\).*--max-files"):
        unpack(archive, tmp_path / "out", limits=Limits(files=20))
    assert os.listdir(tmp_path) == ["x"]
    assert unpack(archive, tmp_path / "out", limits=Limits(files=30)).files == 30


@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_by_size(tmp_path: Path, kind: str) -> None:
    files = {"a.jpg": os.urandom(20_000), "b.jpg": os.urandom(20_000)}
    archive = make_zip(tmp_path / "x", files) if kind == "zip" else make_tar(tmp_path / "x", files)
    with pytest.raises(LimitError, match=r"more than 30\.0 kB.*--max-size"):
        unpack(archive, tmp_path / "out", limits=Limits(size=30_000))
    assert os.listdir(tmp_path) == ["x"]


def test_a_zip_that_lies_about_a_size(tmp_path: Path) -> None:
    make_zip(tmp_path / "x.zip", {"zeros.bin": bytes(1 << 20)})
    content = (tmp_path / "x.zip").read_bytes()
    lie = content.replace((1 << 20).to_bytes(4, "little"), (1000).to_bytes(4, "little"))
    assert lie != content
    (tmp_path / "x.zip").write_bytes(lie)
    with pytest.raises(DatasetError, match=r"damaged \(at zeros\.bin"):
        unpack(tmp_path / "x.zip", tmp_path / "out")
    assert os.listdir(tmp_path) == ["x.zip"]


def test_a_tar_whose_headers_are_the_bomb(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "x.tgz", "w:gz") as archive:
        entry = tarfile.TarInfo("long")
        entry.type, entry.size = tarfile.GNUTYPE_LONGNAME, 80 << 20
        archive.addfile(entry, io.BytesIO(bytes(80 << 20)))
    with pytest.raises(LimitError, match="as a bomb does"):
        unpack(tmp_path / "x.tgz", tmp_path / "out")
    assert os.listdir(tmp_path) == ["x.tgz"]


def test_a_full_disk_leaves_nothing_behind(tmp_path: Path) -> None:
    archive = make_zip(tmp_path / "x.zip", {"a.jpg": b"a", "b.jpg": os.urandom(500_000)})
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, hard))
    try:
        with pytest.raises(ResourceError, match=r"b\.jpg: the disk is full"):
            unpack(archive, tmp_path / "out")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert os.listdir(tmp_path) == ["x.zip"]


def test_a_quota(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    archive = make_zip(tmp_path / "x.zip", FILES)

    def full(path: Path, **_: object) -> None:
        raise OSError(errno.EDQUOT, "Disk quota exceeded")

    monkeypatch.setattr(Path, "mkdir", full)
    with pytest.raises(ResourceError, match="disk is full"):
        unpack(archive, tmp_path / "out")


def test_more_than_the_disk_has_is_refused_beforehand(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    archive = make_zip(tmp_path / "x.zip", {"a.jpg": b"a" * 100_000})
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=99_999))
    with pytest.raises(ResourceError, match=r"100\.0 kB are needed, 100\.0 kB are free"):
        unpack(archive, tmp_path / "out")
    assert os.listdir(tmp_path) == ["x.zip"]


def test_a_name_that_is_too_long(tmp_path: Path) -> None:
    archive = make_zip(tmp_path / "x.zip", {"a" * 300 + ".jpg": b"a"})
    with pytest.raises(DatasetError, match="no file can have this name"):
        unpack(archive, tmp_path / "out")
    assert os.listdir(tmp_path) == ["x.zip"]


def test_control_characters_do_not_reach_the_terminal(tmp_path: Path) -> None:
    archive = make_zip(tmp_path / "x.zip", {"../\x1b[2J\n.jpg": b"a"})
    with pytest.raises(DatasetError) as caught:
        unpack(archive, tmp_path / "out")
    assert "\x1b" not in str(caught.value)
    assert "../?[2J?.jpg" in str(caught.value)
