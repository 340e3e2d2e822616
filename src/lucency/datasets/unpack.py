"""Unpacks an archive from a stranger: wholly and harmlessly, or not at all."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from lucency.datasets.archive_budget import Budget, Limits
from lucency.datasets.archives import DAMAGE, Member, damaged, kind_of, refused
from lucency.datasets.disk_room import write_error
from lucency.errors import DatasetError

CHUNK = 1 << 20
_ROOM = "Free some space and run the same command again; nothing of it was kept"
NESTED = (".zip", ".tar", ".tgz", ".gz", ".bz2", ".xz", ".7z", ".rar")


class UnsupportedArchiveError(DatasetError):
    """An archive of a kind that the standard library cannot unpack; it may be whole and useful."""


@dataclass(frozen=True)
class Unpacked:
    """What came of an archive.

    Attributes:
        files: Number of files.
        size: Bytes of their content.
        nested: Files that are archives again, and were left as they are.
    """

    files: int
    size: int
    nested: tuple[str, ...]


def unpack(
    archive: Path,
    folder: Path,
    *,
    limits: Limits | None = None,
    progress: Callable[[float], None] | None = None,
) -> Unpacked:
    """Unpacks a zip, tar, tar.gz, tar.bz2 or tar.xz, which is known by its content.

    Only plain files and folders are let in, and none that would lie outside the folder. Permissions and owners
    are not taken over, so that nothing becomes executable. Limits are counted on the bytes that really come.
    Nested archives stay as they are.

    Args:
        archive: The archive; it is only read.
        folder: Made by this call.
        limits: What it may unpack to.
        progress: Called with the share that is done, 0..1.

    Raises:
        DatasetError: It is no archive, damaged, or holds something that is not let in, which is named. The
            folder is gone then.
        LimitError: It unpacks to more than the limits allow. The folder is gone then.
        ResourceError: The disk is full or cannot be written. The folder is gone then.
    """
    budget = Budget(archive, limits or Limits())
    kind = kind_of(archive)
    if kind is None or kind.members is None:
        raise _no_archive(archive, kind.name if kind else "")
    files, size, nested = 0, 0, []
    last = "its beginning"
    try:
        try:
            folder.mkdir()
        except OSError as failed:
            raise write_error(failed, folder, hint="Free some space") from failed
        with closing(kind.members(archive, budget)) as members:
            for member in members:
                last = member.name
                if member.folder:
                    _make_folder(archive, member, folder.joinpath(*member.parts))
                elif not member.parts:
                    raise refused(archive, member.name, "it has no name")
                else:
                    size += _write(archive, member, folder)
                    files += 1
                    if member.parts[-1].lower().endswith(NESTED):
                        nested.append(member.name)
                if progress:
                    progress(min(member.done, 1.0))
    except BaseException as failed:
        shutil.rmtree(folder, ignore_errors=True)
        if isinstance(failed, DAMAGE):
            raise damaged(archive, last, failed) from failed
        raise
    if not files:
        shutil.rmtree(folder, ignore_errors=True)
        raise DatasetError("the archive is empty", where=archive, hint="Fetch it again")
    return Unpacked(files, size, tuple(nested))


def _make_folder(archive: Path, member: Member, folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError):
        raise refused(archive, member.name, "it is a file and a folder at once") from None
    except OSError as failed:
        raise write_error(failed, folder, hint=_ROOM) from failed


def _write(archive: Path, member: Member, folder: Path) -> int:
    path = folder.joinpath(*member.parts)
    _make_folder(archive, member, path.parent)
    try:
        file = path.open("xb", buffering=0)
    except FileExistsError:
        raise refused(archive, member.name, "it is there twice") from None
    except OSError as failed:
        raise write_error(failed, path, hint=_ROOM) from failed
    size = 0
    with file, member.open() as content:
        while chunk := content.read(CHUNK):
            rest = memoryview(chunk)
            while rest:
                try:
                    rest = rest[file.write(rest) :]
                except OSError as failed:
                    raise write_error(failed, path, hint=_ROOM) from failed
            size += len(chunk)
    return size


def _no_archive(archive: Path, kind: str) -> DatasetError:
    if kind in ("RAR", "7-Zip", "Zstandard", "part of a split zip"):
        return UnsupportedArchiveError(
            f"this is {kind}, which Python's standard library cannot unpack",
            where=archive,
            hint="Unpack it by hand, with 7-Zip for instance; then: lucency scan FOLDER",
        )
    if archive.stat().st_size == 0:
        return DatasetError("the file is empty", where=archive, hint="Fetch it again")
    what = f"a {kind}" if kind else "no archive"
    return DatasetError(
        f"this is {what}; zip, tar, tar.gz, tar.bz2 and tar.xz can be unpacked",
        where=archive,
        hint="Get the archive itself",
    )
