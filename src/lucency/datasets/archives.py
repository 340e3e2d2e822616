"""ARCHIVES: kinds of archive, known by their content, and the members of each as files to be read."""

from __future__ import annotations

import bz2
import gzip
import lzma
import re
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Generator, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, cast

from lucency.datasets.archive_budget import Budget
from lucency.datasets.archive_paths import shown, target_parts
from lucency.datasets.disk_room import require_room
from lucency.errors import DatasetError

DAMAGE = (zipfile.BadZipFile, tarfile.TarError, EOFError, zlib.error, lzma.LZMAError, OSError, ValueError)
"""What the standard library raises for a damaged archive; OSError also for a disk that cannot be read."""


@dataclass(frozen=True)
class Member:
    """A file or folder within an archive, harmless in name and kind.

    Attributes:
        name: As errors show it.
        parts: Path below the target; empty for the target itself.
        folder: Whether it is a folder.
        open: Opens its content.
        done: Share of the archive that lies behind it, 0..1.
    """

    name: str
    parts: tuple[str, ...]
    folder: bool
    open: Callable[[], AbstractContextManager[Any]]
    done: float


Members = Generator[Member, None, None]


@dataclass(frozen=True)
class ArchiveKind:
    """One row of `ARCHIVES`: a name, how files of this kind begin, and how their members are read, or None."""

    name: str
    begins: Callable[[bytes], bool]
    members: Callable[[Path, Budget], Members] | None = None


def kind_of(archive: Path) -> ArchiveKind | None:
    """The row of `ARCHIVES` that a file is of, by content, whatever its name; None where it is no archive."""
    with archive.open("rb") as file:
        head = file.read(512)
    return next((kind for kind in ARCHIVES if kind.begins(head)), None)


def damaged(archive: Path, name: str, failed: Exception) -> DatasetError:
    """The error for an archive that cannot be read further."""
    reason = " ".join(str(failed).split())[:120] or type(failed).__name__
    return DatasetError(
        f"the archive is truncated or damaged (at {name}: {reason})", where=archive, hint="Fetch it again"
    )


def _zip_members(archive: Path, budget: Budget) -> Members:
    with zipfile.ZipFile(archive) as file:
        entries = file.infolist()
        total = sum(entry.file_size for entry in entries)
        for entry in entries:
            budget.count(shown(entry.filename))
        largest = max(entries, key=lambda entry: entry.file_size, default=None)
        budget.foresee(total, shown(largest.filename) if largest else "")
        require_room(archive.parent, total)
        for entry in entries:
            name = shown(entry.filename)
            kind = stat.S_IFMT(entry.external_attr >> 16)
            if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
                raise refused(archive, name, "it is a link" if stat.S_ISLNK(kind) else "it is no file and no folder")
            if entry.flag_bits & 1:
                raise refused(archive, name, "it is encrypted", "Unpack it by hand with its password")
            parts = target_parts(archive, entry.filename)
            done = (budget.size + entry.file_size) / max(total, 1)
            yield Member(name, parts, entry.is_dir(), _zip_opener(file, entry, budget), done)


def _zip_opener(
    file: zipfile.ZipFile, entry: zipfile.ZipInfo, budget: Budget
) -> Callable[[], AbstractContextManager[Any]]:
    def opener() -> AbstractContextManager[Any]:
        try:
            return cast(AbstractContextManager[Any], _Metered(file.open(entry), budget, shown(entry.filename)))
        except NotImplementedError as unknown:
            raise refused(
                budget.archive,
                shown(entry.filename),
                f"Python cannot read its compression ({unknown})",
                "Unpack it by hand, with 7-Zip for instance",
            ) from None

    return opener


def _tar_members(expand: Callable[[IO[bytes]], Any]) -> Callable[[Path, Budget], Members]:
    def members(archive: Path, budget: Budget) -> Members:
        with archive.open("rb") as packed, expand(packed) as plain:
            # Metered before tarfile sees it: headers that claim gigabytes are paid for as well.
            stream = _Metered(plain, budget, "its first member")
            try:
                tar = tarfile.open(fileobj=cast(Any, stream), mode="r|")  # noqa: SIM115 -- closed below
            except tarfile.ReadError as failed:
                raise DatasetError(
                    "this is no archive: it may be a single compressed file, or damaged", where=archive
                ) from failed
            with tar:
                for entry in tar:
                    name = stream.name = shown(entry.name)
                    budget.count(name)
                    if not (entry.isreg() or entry.isdir()):
                        link = entry.issym() or entry.islnk()
                        raise refused(archive, name, "it is a link" if link else "it is no file and no folder")
                    parts = target_parts(archive, entry.name)
                    done = packed.tell() / budget.packed
                    yield Member(name, parts, entry.isdir(), _tar_opener(tar, entry), done)
            while stream.read(1 << 16):
                pass
            if stream.tail.strip(b"\0"):
                raise EOFError("the end mark is missing")

    return members


def _tar_opener(tar: tarfile.TarFile, entry: tarfile.TarInfo) -> Callable[[], AbstractContextManager[Any]]:
    def opener() -> AbstractContextManager[Any]:
        return tar.extractfile(entry) or nullcontext()

    return opener


class _Metered:
    """A file to read from, every byte of which is paid for."""

    def __init__(self, file: Any, budget: Budget, name: str):
        self._file = file
        self._budget = budget
        self.name = name
        self.tail = b""

    def read(self, size: int) -> bytes:
        content: bytes = self._file.read(size)
        self._budget.spend(len(content), self.name)
        self.tail = (self.tail + content[-512:])[-512:]
        return content

    def __enter__(self) -> _Metered:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()


def refused(archive: Path, name: str, why: str, hint: str = "Nothing of it was kept") -> DatasetError:
    """The error for an archive that holds something that is not let in."""
    return DatasetError(f"the archive is refused because of {name}: {why}", where=archive, hint=hint)


@contextmanager
def _plain(packed: IO[bytes]) -> Iterator[IO[bytes]]:
    yield packed


def _starts(*starts: bytes) -> Callable[[bytes], bool]:
    return lambda head: head.startswith(starts)


def _is_tar(head: bytes) -> bool:
    if head[257:262] == b"ustar":
        return True
    try:
        # Older than the mark: known by the checksum of its first header.
        return len(head) == 512 and tarfile.TarInfo.frombuf(head, "utf-8", "surrogateescape").size >= 0
    except tarfile.HeaderError:
        return False


ARCHIVES: tuple[ArchiveKind, ...] = (
    ArchiveKind("zip", _starts(b"PK\x03\x04", b"PK\x05\x06"), _zip_members),
    ArchiveKind("gzip", _starts(b"\x1f\x8b"), _tar_members(lambda packed: gzip.GzipFile(fileobj=packed))),
    ArchiveKind("bzip2", _starts(b"BZh"), _tar_members(bz2.BZ2File)),
    ArchiveKind("xz", _starts(b"\xfd7zXZ\x00", b"]\x00\x00"), _tar_members(lzma.LZMAFile)),
    ArchiveKind("RAR", _starts(b"Rar!\x1a\x07")),
    ArchiveKind("7-Zip", _starts(b"7z\xbc\xaf\x27\x1c")),
    ArchiveKind("Zstandard", _starts(b"\x28\xb5\x2f\xfd")),
    ArchiveKind("part of a split zip", _starts(b"PK\x07\x08")),
    ArchiveKind("web page", lambda head: re.match(rb"\s*(<!doctype html|<html)", head, re.IGNORECASE) is not None),
    ArchiveKind("Git-LFS pointer", _starts(b"version https://git-lfs")),
    ArchiveKind("tar", _is_tar, _tar_members(_plain)),
)
"""Tried in this order; what has no `members` is known, but cannot be unpacked here."""
