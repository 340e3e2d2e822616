"""Archives from strangers: unpacked wholly and harmlessly, or refused by name with nothing left."""

from __future__ import annotations

import errno
import io
import os
import resource
import shutil
import stat
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lucency.datasets import unpack as module
from lucency.datasets.archive_budget import LimitError, Limits
from lucency.datasets.unpack import UnsupportedArchiveError, unpack
from lucency.errors import DatasetError, ResourceError

FILES = {"d/a.jpg": b"a" * 3000, "d/e/b.jpg": bytes(range(256)) * 40, "note.txt": b"", "d/inner.zip": b"PK nested"}


def make_zip(path: Path, files: dict[str, bytes], change: Callable[[zipfile.ZipInfo], object] = id) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            entry = zipfile.ZipInfo(name)
            entry.compress_type = zipfile.ZIP_DEFLATED
            change(entry)
            archive.writestr(entry, content)
    return path


def make_tar(path: Path, files: dict[str, bytes], *, mode: str = "w", extra: dict[str, Any] | None = None) -> Path:
    with tarfile.open(path, mode) as archive:  # type: ignore[call-overload]
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            entry.mode = 0o4777
            archive.addfile(entry, io.BytesIO(content))
        if extra:
            entry = tarfile.TarInfo(extra.pop("name"))
            for key, value in extra.items():
                setattr(entry, key, value)
            archive.addfile(entry)
    return path


def content_of(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_zip_is_unpacked_whatever_its_name(tmp_path: Path) -> None:
    shares: list[float] = []
    told = unpack(make_zip(tmp_path / "film.dat", FILES), tmp_path / "out", progress=shares.append)
    assert content_of(tmp_path / "out") == FILES
    assert (told.files, told.size, told.nested) == (4, sum(map(len, FILES.values())), ("d/inner.zip",))
    assert shares == sorted(shares)
    assert shares[-1] == 1.0


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:bz2", "w:xz"])
def test_a_tar_is_unpacked_in_every_compression(tmp_path: Path, mode: str) -> None:
    told = unpack(make_tar(tmp_path / "x", {f"./{name}": FILES[name] for name in FILES}, mode=mode), tmp_path / "out")
    assert content_of(tmp_path / "out") == FILES
    assert told.files == 4
    # Neither executable nor set-user-id, though the archive says so.
    assert {path.stat().st_mode & 0o7111 for path in (tmp_path / "out").rglob("*") if path.is_file()} == {0}


def test_folders_and_backslashes(tmp_path: Path) -> None:
    make_zip(tmp_path / "x.zip", {"empty/": b"", "made\\on\\windows.jpg": b"w"})
    unpack(tmp_path / "x.zip", tmp_path / "out")
    assert (tmp_path / "out" / "empty").is_dir()
    assert content_of(tmp_path / "out") == {"made/on/windows.jpg": b"w"}


BAD_NAMES = {
    "../out.jpg": "leads out",
    "d/../../out.jpg": "leads out",
    "/etc/out.jpg": "absolute",
    "C:/out.jpg": "drive",
    "c:out.jpg": "drive",
    "..\\out.jpg": "leads out",
    "\\\\server\\out.jpg": "absolute",
}


@pytest.mark.parametrize("kind", ["zip", "tar"])
@pytest.mark.parametrize("name", BAD_NAMES)
def test_a_member_that_climbs_out_is_named_and_nothing_stays(tmp_path: Path, name: str, kind: str) -> None:
    files = {"good.jpg": b"g", name: b"bad"}
    archive = make_zip(tmp_path / "x.zip", files) if kind == "zip" else make_tar(tmp_path / "x.tar", files)
    with pytest.raises(DatasetError, match="refused because of") as caught:
        unpack(archive, tmp_path / "out")
    assert name in caught.value.what
    assert BAD_NAMES[name] in caught.value.what
    assert os.listdir(tmp_path) == [archive.name]


def test_a_zip_with_a_symbolic_link(tmp_path: Path) -> None:
    def link(entry: zipfile.ZipInfo) -> None:
        if entry.filename == "link":
            entry.create_system = 3
            entry.external_attr = (stat.S_IFLNK | 0o777) << 16

    make_zip(tmp_path / "x.zip", {"good.jpg": b"g", "link": b"/etc"}, link)
    with pytest.raises(DatasetError, match="because of link: it is a link"):
        unpack(tmp_path / "x.zip", tmp_path / "out")
    assert os.listdir(tmp_path) == ["x.zip"]


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        (tarfile.SYMTYPE, "a link"),
        (tarfile.LNKTYPE, "a link"),
        (tarfile.FIFOTYPE, "no file"),
        (tarfile.CHRTYPE, "no file"),
        (tarfile.BLKTYPE, "no file"),
    ],
)
def test_a_tar_with_a_link_or_a_device(tmp_path: Path, kind: bytes, words: str) -> None:
    extra = {"name": "bad", "type": kind, "linkname": "good.jpg"}
    make_tar(tmp_path / "x.tar", {"good.jpg": b"g"}, extra=extra)
    with pytest.raises(DatasetError, match=f"because of bad: it is {words}"):
        unpack(tmp_path / "x.tar", tmp_path / "out")
    assert os.listdir(tmp_path) == ["x.tar"]


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize("names", [("a.jpg", "a.jpg"), ("a", "a/b.jpg"), ("a/b.jpg", "a"), ("a.jpg", "./a.jpg")])
def test_members_in_each_other_s_place(tmp_path: Path, names: tuple[str, str]) -> None:
    with tarfile.open(tmp_path / "x.tar", "w") as archive:
        for name in names:
            archive.addfile(tarfile.TarInfo(name), io.BytesIO())
    with pytest.raises(DatasetError, match=r"twice|at once"):
        unpack(tmp_path / "x.tar", tmp_path / "out")
    assert os.listdir(tmp_path) == ["x.tar"]


class TestBombs:
    def test_by_ratio_in_a_zip_before_a_byte_is_written(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        make_zip(tmp_path / "x.zip", {"good.jpg": b"g", "zeros.bin": bytes(70 << 20)})
        assert (tmp_path / "x.zip").stat().st_size < 100_000
        monkeypatch.setattr(module, "_write", pytest.fail)
        with pytest.raises(LimitError, match=r"more than 100 times its own size.*zeros\.bin.*--max-ratio"):
            unpack(tmp_path / "x.zip", tmp_path / "out")
        assert os.listdir(tmp_path) == ["x.zip"]

    def test_by_ratio_in_a_tar_which_tells_nothing_beforehand(self, tmp_path: Path) -> None:
        make_tar(tmp_path / "x.tgz", {"good.jpg": b"g", "zeros.bin": bytes(70 << 20)}, mode="w:gz")
        with pytest.raises(LimitError, match=r"zeros\.bin.*--max-ratio"):
            unpack(tmp_path / "x.tgz", tmp_path / "out")
        assert os.listdir(tmp_path) == ["x.tgz"]
        assert unpack(tmp_path / "x.tgz", tmp_path / "out", limits=Limits(ratio=5000)).files == 2

    @pytest.mark.parametrize("kind", ["zip", "tar"])
    def test_by_count(self, tmp_path: Path, kind: str) -> None:
        files = {f"{number}.jpg": b"" for number in range(30)}
        archive = make_zip(tmp_path / "x", files) if kind == "zip" else make_tar(tmp_path / "x", files)
        with pytest.raises(LimitError, match=r"more than 20 files \(at 20\.jpg\).*--max-files"):
            unpack(archive, tmp_path / "out", limits=Limits(files=20))
        assert os.listdir(tmp_path) == ["x"]
        assert unpack(archive, tmp_path / "out", limits=Limits(files=30)).files == 30

    @pytest.mark.parametrize("kind", ["zip", "tar"])
    def test_by_size(self, tmp_path: Path, kind: str) -> None:
        files = {"a.jpg": os.urandom(20_000), "b.jpg": os.urandom(20_000)}
        archive = make_zip(tmp_path / "x", files) if kind == "zip" else make_tar(tmp_path / "x", files)
        with pytest.raises(LimitError, match=r"more than 30\.0 kB.*--max-size"):
            unpack(archive, tmp_path / "out", limits=Limits(size=30_000))
        assert os.listdir(tmp_path) == ["x"]

    def test_a_zip_that_lies_about_a_size(self, tmp_path: Path) -> None:
        make_zip(tmp_path / "x.zip", {"zeros.bin": bytes(1 << 20)})
        content = (tmp_path / "x.zip").read_bytes()
        lie = content.replace((1 << 20).to_bytes(4, "little"), (1000).to_bytes(4, "little"))
        assert lie != content
        (tmp_path / "x.zip").write_bytes(lie)
        with pytest.raises(DatasetError, match=r"damaged \(at zeros\.bin"):
            unpack(tmp_path / "x.zip", tmp_path / "out")
        assert os.listdir(tmp_path) == ["x.zip"]

    def test_a_tar_whose_headers_are_the_bomb(self, tmp_path: Path) -> None:
        with tarfile.open(tmp_path / "x.tgz", "w:gz") as archive:
            entry = tarfile.TarInfo("long")
            entry.type, entry.size = tarfile.GNUTYPE_LONGNAME, 80 << 20
            archive.addfile(entry, io.BytesIO(bytes(80 << 20)))
        with pytest.raises(LimitError, match="as a bomb does"):
            unpack(tmp_path / "x.tgz", tmp_path / "out")
        assert os.listdir(tmp_path) == ["x.tgz"]


class TestDamage:
    @pytest.mark.parametrize("mode", ["zip", "w", "w:gz", "w:bz2", "w:xz"])
    @pytest.mark.parametrize("kept", [0.3, 0.6, 0.9])
    def test_a_truncated_archive(self, tmp_path: Path, mode: str, kept: float) -> None:
        files = {f"{number}.jpg": os.urandom(40_000) for number in range(5)}
        path = tmp_path / "x"
        make_zip(path, files) if mode == "zip" else make_tar(path, files, mode=mode)
        with path.open("r+b") as file:
            file.truncate(int(path.stat().st_size * kept))
        with pytest.raises(DatasetError, match="truncated or damaged"):
            unpack(path, tmp_path / "out")
        assert os.listdir(tmp_path) == ["x"]

    def test_a_tar_that_ends_between_two_members(self, tmp_path: Path) -> None:
        path = make_tar(tmp_path / "x", {"a.jpg": b"a" * 1024, "b.jpg": b"b" * 1024})
        with path.open("r+b") as file:
            file.truncate(512 + 1024)
        with pytest.raises(DatasetError, match="end mark is missing"):
            unpack(path, tmp_path / "out")

    def test_a_wrong_byte_within(self, tmp_path: Path) -> None:
        path = make_zip(tmp_path / "x", {"a.jpg": os.urandom(40_000)})
        content = bytearray(path.read_bytes())
        content[20_000] ^= 1
        path.write_bytes(content)
        with pytest.raises(DatasetError, match=r"damaged \(at a\.jpg"):
            unpack(path, tmp_path / "out")

    @pytest.mark.parametrize("method", [9, 99])
    def test_a_compression_that_python_lacks(self, tmp_path: Path, method: int) -> None:
        path = make_zip(tmp_path / "x", {"a.jpg": b"a" * 100})
        content = path.read_bytes()
        at = content.index(b"PK\x01\x02") + 10
        path.write_bytes(content[:8] + bytes([method, 0]) + content[10:at] + bytes([method, 0]) + content[at + 2 :])
        with pytest.raises(DatasetError, match=r"a\.jpg: Python cannot read its compression.*7-Zip"):
            unpack(path, tmp_path / "out")
        assert os.listdir(tmp_path) == ["x"]

    def test_a_password(self, tmp_path: Path) -> None:
        path = make_zip(tmp_path / "x", {"a.jpg": b"a" * 100})
        content = bytearray(path.read_bytes())
        content[content.index(b"PK\x01\x02") + 8] |= 1
        path.write_bytes(content)
        with pytest.raises(DatasetError, match="encrypted"):
            unpack(path, tmp_path / "out")

    @pytest.mark.parametrize(
        ("content", "words"),
        [
            (b"", "empty"),
            (b"\xff\xd8\xff an image", "no archive"),
            (b"<!DOCTYPE html>", "web page"),
            (b"version https://git-lfs.github.com/spec/v1\n", "Git-LFS pointer"),
            (b"PK\x05\x06" + bytes(18), "the archive is empty"),
        ],
    )
    def test_what_is_no_archive(self, tmp_path: Path, content: bytes, words: str) -> None:
        (tmp_path / "x").write_bytes(content)
        with pytest.raises(DatasetError, match=words):
            unpack(tmp_path / "x", tmp_path / "out")
        assert os.listdir(tmp_path) == ["x"]

    @pytest.mark.parametrize(("start", "name"), [(b"Rar!\x1a\x07\x01\x00", "RAR"), (b"7z\xbc\xaf\x27\x1c", "7-Zip")])
    def test_what_another_program_can_unpack(self, tmp_path: Path, start: bytes, name: str) -> None:
        (tmp_path / "x").write_bytes(start + bytes(1000))
        with pytest.raises(UnsupportedArchiveError, match=f"this is {name}"):
            unpack(tmp_path / "x", tmp_path / "out")

    def test_a_single_compressed_file(self, tmp_path: Path) -> None:
        import gzip

        (tmp_path / "x.csv.gz").write_bytes(gzip.compress(b"id,label\n" * 1000))
        with pytest.raises(DatasetError, match="single compressed file"):
            unpack(tmp_path / "x.csv.gz", tmp_path / "out")


class TestDisk:
    def test_a_full_disk_leaves_nothing_behind(self, tmp_path: Path) -> None:
        archive = make_zip(tmp_path / "x.zip", {"a.jpg": b"a", "b.jpg": os.urandom(500_000)})
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, hard))
        try:
            with pytest.raises(ResourceError, match=r"b\.jpg: the disk is full"):
                unpack(archive, tmp_path / "out")
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        assert os.listdir(tmp_path) == ["x.zip"]

    def test_a_quota(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        archive = make_zip(tmp_path / "x.zip", FILES)

        def full(path: Path, **_: object) -> None:
            raise OSError(errno.EDQUOT, "Disk quota exceeded")

        monkeypatch.setattr(Path, "mkdir", full)
        with pytest.raises(ResourceError, match="disk is full"):
            unpack(archive, tmp_path / "out")

    def test_more_than_the_disk_has_is_refused_beforehand(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        archive = make_zip(tmp_path / "x.zip", {"a.jpg": b"a" * 100_000})
        usage = shutil.disk_usage(tmp_path)
        monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=99_999))
        with pytest.raises(ResourceError, match=r"100\.0 kB are needed, 100\.0 kB are free"):
            unpack(archive, tmp_path / "out")
        assert os.listdir(tmp_path) == ["x.zip"]

    def test_a_name_that_is_too_long(self, tmp_path: Path) -> None:
        archive = make_zip(tmp_path / "x.zip", {"a" * 300 + ".jpg": b"a"})
        with pytest.raises(DatasetError, match="no file can have this name"):
            unpack(archive, tmp_path / "out")
        assert os.listdir(tmp_path) == ["x.zip"]

    def test_control_characters_do_not_reach_the_terminal(self, tmp_path: Path) -> None:
        archive = make_zip(tmp_path / "x.zip", {"../\x1b[2J\n.jpg": b"a"})
        with pytest.raises(DatasetError) as caught:
            unpack(archive, tmp_path / "out")
        assert "\x1b" not in str(caught.value)
        assert "../?[2J?.jpg" in str(caught.value)
