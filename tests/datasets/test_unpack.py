"""Archives from strangers: unpacked wholly and harmlessly, or refused by name with nothing left."""

from __future__ import annotations

import io
import os
import stat
import tarfile
import zipfile
from pathlib import Path

import pytest
from small_archives import FILES, content_of, make_tar, make_zip

from lucency.datasets.unpack import unpack
from lucency.errors import DatasetError


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
