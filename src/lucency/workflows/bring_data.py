"""Origin -> unpacked data in a new folder: over HTTP, through Kaggle, or from an archive that lies here."""

from __future__ import annotations

import hashlib
import shlex
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from lucency.errors import DatasetError
from lucency.workflows.teller import Teller

if TYPE_CHECKING:
    from lucency.datasets.archive_budget import Limits
    from lucency.datasets.origin import Origin


@dataclass(frozen=True)
class Brought:
    """Data that were unpacked.

    Attributes:
        origin: Where they come from, with what was learnt on the way.
        facts: Further entries for the SOURCE file.
        nested: Archives within, left as they are.
    """

    origin: Origin
    facts: Mapping[str, str]
    nested: tuple[str, ...] = ()


def bring(origin: Origin, target: Path, *, work: Path, limits: Limits | None, teller: Teller) -> Brought:
    """Says licence and source, and then brings the data.

    Args:
        origin: Where they are.
        target: Folder to make.
        work: Existing folder on the same disk, for what has come so far; its parent is where the data will be.
        limits: What an archive may unpack to.
        teller: Hears of licence, source and progress.

    Raises:
        DatasetError: They cannot be fetched, are not what they should be, or are not let in.
        ResourceError: The disk is full or cannot be written.
        MissingExtraError: kagglehub is not installed.
    """
    if origin.kaggle is not None:
        return _from_kaggle(origin, target, work, limits, teller)
    return _from_archive(origin, target, work, limits, teller)


def _announce(origin: Origin, teller: Teller) -> None:
    teller.say(origin.title)
    for name, text in (("Source", origin.page), ("Licence", origin.licence), ("Cite", origin.citation)):
        if text:
            teller.say(f"{name}: {text}")


def _from_kaggle(origin: Origin, target: Path, work: Path, limits: Limits | None, teller: Teller) -> Brought:
    from lucency.datasets.disk_room import require_room
    from lucency.datasets.kaggle import ask_kaggle, fetch_kaggle

    told = ask_kaggle(origin.kaggle or "")
    known = origin.source.startswith("kaggle:")
    origin = replace(
        origin, title=told.title if known else origin.title, page=told.page, licence=told.licence or origin.licence
    )
    _announce(origin, teller)
    if told.size:
        require_room(work, told.size)
    home = work / "kaggle"
    home.mkdir(exist_ok=True)
    files, _ = fetch_kaggle(told.handle, target, work=home, limits=limits)
    return Brought(origin, {"address": f"kaggle:{told.handle}", "files": str(files)})


def _from_archive(origin: Origin, target: Path, work: Path, limits: Limits | None, teller: Teller) -> Brought:
    from lucency.datasets.archive_budget import LimitError
    from lucency.datasets.checksum import digest_of
    from lucency.datasets.unpack import UnsupportedArchiveError, unpack

    _announce(origin, teller)
    if origin.archive is not None:
        archive, address = origin.archive, ""
        for checksum in origin.checksums:
            checksum.check(archive, where=origin.source, hint="Download it again")
    else:
        archive, address, origin = _download(origin, work, teller)
    try:
        told = unpack(
            archive,
            target,
            limits=limits,
            progress=lambda share: teller.progress("unpacking", min(int(100 * share), 99), 100, "%"),
        )
    except UnsupportedArchiveError as unsupported:
        if origin.archive is None:
            unsupported.where = str(archive.replace(work.parent / origin.file))
        raise
    except LimitError:
        raise
    except DatasetError as refused:
        refused.where = origin.source
        if origin.archive is None:
            archive.unlink(missing_ok=True)
        raise
    teller.progress("unpacking", 100, 100, "%")
    facts = {
        "address": address if address != origin.source else "",
        "archive": f"{origin.file}, {archive.stat().st_size} bytes",
        # Both, since a later call may give either, when the archive itself is gone.
        "sha256": digest_of(archive, "sha256"),
        "md5": digest_of(archive, "md5"),
        "checked": "; ".join(map(str, origin.checksums)) or "no checksum was known",
        "files": str(told.files),
    }
    return Brought(origin, facts, told.nested)


def _download(origin: Origin, work: Path, teller: Teller) -> tuple[Path, str, Origin]:
    from lucency.datasets.download import download
    from lucency.datasets.figshare import ask_figshare
    from lucency.datasets.origin import by_hand
    from lucency.datasets.source_note import without_secrets

    urls, checksums = origin.urls, origin.checksums
    told = ask_figshare(origin.figshare, origin.file) if origin.figshare is not None else None
    if told is not None:
        urls = (told.url, *(url for url in urls if url != told.url))
        known = [checksum.digest for checksum in checksums if checksum.algorithm == "md5"]
        if told.checksum is not None and known and told.checksum.digest not in known:
            teller.say("figshare holds a newer version than the one that Lucency knows: that one is fetched.")
            urls, checksums = (told.url,), (told.checksum,)
    elif origin.figshare is not None:
        teller.say("figshare does not tell the newest version: the one that Lucency knows is fetched.")
    # Named by its source, so that another archive of the same name is never taken for it.
    target = work / f"{hashlib.sha256(origin.source.encode()).hexdigest()[:8]}-{origin.file}"
    for place, url in enumerate(urls):
        try:
            download(
                url,
                target,
                checksum=checksums[0] if checksums else None,
                by_hand=by_hand(url, work.parent),
                progress=_pace(teller),
                tell=teller.say,
            )
            break
        except DatasetError as failed:
            if place == len(urls) - 1:
                if origin.figshare is not None:
                    failed.hint = (
                        f"{failed.hint}. Or download {origin.file} at {origin.page}, and then run: lucency fetch "
                    )
                    failed.hint += f"{origin.file} --to {shlex.quote(str(work.parent))}"
                raise
            teller.say(f"{failed} Trying another address.")
    for checksum in checksums[1:]:
        checksum.check(target, where=str(target), hint="Delete this file, or give the right checksum")
    return target, without_secrets(url), replace(origin, checksums=checksums)


def _pace(teller: Teller) -> Callable[[int, int | None], None]:
    """Tells bytes as megabytes, with the speed of this call."""
    start: list[tuple[float, int]] = []

    def progress(done: int, total: int | None) -> None:
        if not start:
            start.append((time.monotonic(), done))
        began, first = start[0]
        seconds = time.monotonic() - began
        speed = f" at {(done - first) / seconds / 1e6:.1f} MB/s" if seconds > 1 and done > first else ""
        whole = max(round(total / 1e6), 1) if total else round(done / 1e6) + 1
        teller.progress("fetching", whole if done == total else min(round(done / 1e6), whole - 1), whole, f"MB{speed}")

    return progress
