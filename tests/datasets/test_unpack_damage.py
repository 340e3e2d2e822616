"""Archives that are cut short, damaged, locked, of another program, or none at all."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from small_archives import make_tar, make_zip

from lucency.datasets.unpack import UnsupportedArchiveError, unpack
from lucency.errors import DatasetError


@pytest.mark.parametrize("mode", ["zip", "w", "w:gz", "w:bz2", "w:xz"])
@pytest.mark.parametrize("kept", [0.3, 0.6, 0.9])
def test_a_truncated_archive(tmp_path: Path, mode: str, kept: float) -> None:
    files = {f"{number}.jpg": os.urandom(40_000) for number in range(5)}
    path = tmp_path / "x"
    make_zip(path, files) if mode == "zip" else make_tar(path, files, mode=mode)
    with path.open("r+b") as file:
        file.truncate(int(path.stat().st_size * kept))
    with pytest.raises(DatasetError, match="truncated or damaged"):
        unpack(path, tmp_path / "out")
    assert os.listdir(tmp_path) == ["x"]


def test_a_tar_that_ends_between_two_members(tmp_path: Path) -> None:
    path = make_tar(tmp_path / "x", {"a.jpg": b"a" * 1024, "b.jpg": b"b" * 1024})
    with path.open("r+b") as file:
        file.truncate(512 + 1024)
    with pytest.raises(DatasetError, match="end mark is missing"):
        unpack(path, tmp_path / "out")


def test_a_wrong_byte_within(tmp_path: Path) -> None:
    path = make_zip(tmp_path / "x", {"a.jpg": os.urandom(40_000)})
    content = bytearray(path.read_bytes())
    content[20_000] ^= 1
    path.write_bytes(content)
    with pytest.raises(DatasetError, match=r"damaged \(at a\.jpg"):
        unpack(path, tmp_path / "out")


@pytest.mark.parametrize("method", [9, 99])
def test_a_compression_that_python_lacks(tmp_path: Path, method: int) -> None:
    path = make_zip(tmp_path / "x", {"a.jpg": b"a" * 100})
    content = path.read_bytes()
    at = content.index(b"PK\x01\x02") + 10
    path.write_bytes(content[:8] + bytes([method, 0]) + content[10:at] + bytes([method, 0]) + content[at + 2 :])
    with pytest.raises(DatasetError, match=r"a\.jpg: Python cannot read its compression.*7-Zip"):
        unpack(path, tmp_path / "out")
    assert os.listdir(tmp_path) == ["x"]


def test_a_password(tmp_path: Path) -> None:
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
def test_what_is_no_archive(tmp_path: Path, content: bytes, words: str) -> None:
    (tmp_path / "x").write_bytes(content)
    with pytest.raises(DatasetError, match=words):
        unpack(tmp_path / "x", tmp_path / "out")
    assert os.listdir(tmp_path) == ["x"]


@pytest.mark.parametrize(("start", "name"), [(b"Rar!\x1a\x07\x01\x00", "RAR"), (b"7z\xbc\xaf\x27\x1c", "7-Zip")])
def test_what_another_program_can_unpack(tmp_path: Path, start: bytes, name: str) -> None:
    (tmp_path / "x").write_bytes(start + bytes(1000))
    with pytest.raises(UnsupportedArchiveError, match=f"this is {name}"):
        unpack(tmp_path / "x", tmp_path / "out")


def test_a_single_compressed_file(tmp_path: Path) -> None:
    import gzip

    (tmp_path / "x.csv.gz").write_bytes(gzip.compress(b"id,label\n" * 1000))
    with pytest.raises(DatasetError, match="single compressed file"):
        unpack(tmp_path / "x.csv.gz", tmp_path / "out")
