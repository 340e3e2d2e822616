"""A name, a Kaggle handle, a URL or an archive -> a folder of data, with a note of where they came from."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from lucency._version import __version__
from lucency.errors import DatasetError, ResourceError
from lucency.workflows.run_folder import now
from lucency.workflows.teller import Teller

if TYPE_CHECKING:
    from lucency.datasets.archive_budget import Limits
    from lucency.datasets.checksum import Checksum
    from lucency.datasets.origin import Origin

WORK = ".fetch"
"""Folder within the target for what has come so far; gone when all is done."""


@dataclass(frozen=True)
class Fetched:
    """Data that are in their place.

    Attributes:
        folder: Where they are.
        films: The folder within it that `scan` should be given.
        files: Number of files.
        licence: In words.
        note: The SOURCE file.
        already: Whether they were there before this call.
        nested: Archives within, left as they are.
    """

    folder: Path
    films: Path
    files: int
    licence: str
    note: Path
    already: bool = False
    nested: tuple[str, ...] = ()


def fetch(
    source: str | os.PathLike[str],
    to: str | os.PathLike[str],
    *,
    sha256: str | None = None,
    md5: str | None = None,
    limits: Limits | None = None,
    teller: Teller | None = None,
) -> Fetched:
    """Fetches and unpacks a data set; a call that was cut short is continued by the next.

    Data appear in the folder only when they are whole: until then all lies in `.fetch` within it. Of two
    processes that fetch to one place, the second waits and finds the data of the first.

    Args:
        source: A name of `KNOWN_DATASETS`, kaggle:OWNER/NAME, a URL, or an archive that lies here.
        to: Folder for the data; it is made, or is empty, or holds what an earlier call left.
        sha256: What the archive should be.
        md5: As `sha256`; it finds damage, not malice.
        limits: What the archive may unpack to.
        teller: Hears of licence, source and progress.

    Raises:
        DatasetError: The source is unknown, cannot be fetched, is not what the checksum says, or holds
            something that is not let in; or the folder holds other things.
        ResourceError: The disk is full or cannot be written.
        MissingExtraError: kagglehub is not installed.
    """
    from lucency.datasets.checksum import Checksum
    from lucency.datasets.folder_lock import folder_lock
    from lucency.datasets.origin import find_origin

    teller = teller or Teller()
    folder = Path(to)
    origin = find_origin(os.fspath(source), folder)
    given = (
        *([Checksum.parse("sha256", sha256, "given by you")] if sha256 else []),
        *([Checksum.parse("md5", md5, "given by you")] if md5 else []),
    )
    if given and origin.kaggle:
        raise DatasetError("Kaggle unpacks by itself: a checksum cannot be given", where=origin.source)
    work = folder / WORK
    if not work.exists() and (done := _finished(folder, origin, given)):
        return done
    _make_folder(work)
    with folder_lock(work, doing="fetching data"):
        # Whoever held the lock before may have finished, and have taken the folder away.
        _make_folder(work)
        done = _finished(folder, origin, given)
        if done is None:
            try:
                _refuse_used(folder, origin)
                nested = _fill(origin, given, work, limits, teller)
                _place(work / "ready", folder)
            except KeyboardInterrupt:
                teller.say(f"What has come so far is kept in {work}; the same command goes on from there.")
                raise
            done = replace(_in_place(folder), nested=nested)
        shutil.rmtree(work, ignore_errors=True)
    return done


def _make_folder(work: Path) -> None:
    try:
        work.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError):
        raise DatasetError("is a file, not a folder", where=work.parent, hint="Give another --to") from None
    except OSError as failed:
        raise ResourceError(
            f"the folder cannot be made or written ({failed.strerror})", where=work.parent, hint="Give another --to"
        ) from None


def _finished(folder: Path, origin: Origin, given: Sequence[Checksum]) -> Fetched | None:
    """The data of an earlier call, if they are all there.

    Raises:
        DatasetError: The folder holds data of another source, or of an archive that is not what was given.
    """
    from lucency.datasets.noted_source import check_given, same_archive
    from lucency.datasets.source_note import read_note

    note = read_note(folder)
    if note is None:
        return None
    if note.get("source") != origin.source:
        raise DatasetError(
            f"holds data of another source already ({note.get('source')})", where=folder, hint="Give another --to"
        )
    if not same_archive(note, origin):
        raise DatasetError(
            f"holds data of another {origin.file} already (sha256 {note.get('sha256')})",
            where=folder,
            hint="Give another --to",
        )
    check_given(note, given, where=folder)
    return replace(_in_place(folder), already=True)


def _in_place(folder: Path) -> Fetched:
    from lucency.datasets.source_note import note_path, read_note

    note, path = read_note(folder), note_path(folder)
    if note is None or path is None:
        raise DatasetError("the data were taken away while they were put here", where=folder)
    files = note.get("files", "")
    return Fetched(folder, _films_folder(folder), int(files) if files.isdecimal() else 0, note.get("licence", ""), path)


def _begun(work: Path, origin: Origin) -> dict[str, str] | None:
    """The note of data that an earlier call made ready in the work folder, where they are those that are wanted."""
    from lucency.datasets.noted_source import same_archive
    from lucency.datasets.source_note import read_note

    note = read_note(work / "ready")
    return note if note and note.get("source") == origin.source and same_archive(note, origin) else None


def _refuse_used(folder: Path, origin: Origin) -> None:
    if _begun(folder / WORK, origin) is not None:
        # A call was killed while it put the data here: what lies here are the first of them.
        return
    archive = origin.archive.resolve() if origin.archive else None
    for entry in sorted(folder.iterdir()):
        if not entry.name.startswith(".") and entry.resolve() != archive:
            raise DatasetError(f"is not empty (it holds {entry.name})", where=folder, hint="Give another --to")


def _fill(
    origin: Origin, given: Sequence[Checksum], work: Path, limits: Limits | None, teller: Teller
) -> tuple[str, ...]:
    """Makes `ready` in the work folder: the data and their note; returns the archives within."""
    from lucency.datasets.noted_source import check_given
    from lucency.datasets.source_note import write_note
    from lucency.workflows.bring_data import bring

    ready, half = work / "ready", work / "half"
    if (note := _begun(work, origin)) is not None:
        check_given(note, given, where=work.parent)
        return ()
    for left in (ready, half):
        shutil.rmtree(left, ignore_errors=True)
    wanted = replace(origin, checksums=(*given, *origin.checksums))
    brought = bring(wanted, half, work=work, limits=limits, teller=teller)
    write_note(
        half,
        {
            "source": origin.source,
            "title": brought.origin.title,
            "page": brought.origin.page if brought.origin.page != origin.source else "",
            "licence": brought.origin.licence,
            "cite": brought.origin.citation,
            **brought.facts,
            "fetched": f"{now()} by Lucency {__version__}",
        },
    )
    half.rename(ready)
    return brought.nested


def _place(ready: Path, folder: Path) -> None:
    """Moves the data to their place, the note last: where it is, all is there."""
    from lucency.datasets.source_note import note_path

    note = note_path(ready)
    for entry in sorted(ready.iterdir(), key=lambda entry: entry == note):
        target = folder / entry.name
        if os.path.lexists(target):
            raise DatasetError(f"holds {entry.name} already", where=folder, hint="Give another --to")
        try:
            entry.rename(target)
        except OSError as failed:
            raise ResourceError(f"the data cannot be put here ({failed.strerror})", where=target) from failed


def _films_folder(folder: Path) -> Path:
    """The innermost folder that holds all the data, which archives often wrap in folders of one entry."""
    from lucency.datasets.film_tree import SKIPPED_FOLDERS
    from lucency.datasets.source_note import NAMES

    while True:
        inside = [
            entry
            for entry in folder.iterdir()
            if not entry.name.startswith(".") and entry.name.lower() not in SKIPPED_FOLDERS and entry.name not in NAMES
        ]
        if len(inside) != 1 or not inside[0].is_dir():
            return folder
        folder = inside[0]
