"""Fetches one file over HTTP or HTTPS: resumes, retries, and checks what came."""

from __future__ import annotations

import http.client
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from lucency.datasets.checksum import Checksum
from lucency.datasets.disk_room import require_room, size_text, write_error
from lucency.datasets.partial_file import PartialFile, RemoteFile
from lucency.datasets.source_note import without_secrets
from lucency.datasets.web_request import TransferBrokenError, broken_text, check_address, request
from lucency.errors import DatasetError

CHUNK = 1 << 18
TRIES = 6
LONGEST_WAIT = 30.0

_ROOM = "Free some space and run the same command again: it goes on where it stopped"
_HTML = re.compile(rb"\s*(\xef\xbb\xbf)?\s*(<!doctype html|<html|<head|<!--)", re.IGNORECASE)


def download(
    url: str,
    target: Path,
    *,
    checksum: Checksum | None = None,
    by_hand: str = "Fetch it by hand in a browser",
    progress: Callable[[int, int | None], None] | None = None,
    timeout: float = 30.0,
    tries: int = TRIES,
    sleep: Callable[[float], None] = time.sleep,
    tell: Callable[[str], None] | None = None,
) -> Path:
    """Fetches a file, or the rest of it where an earlier call was cut short.

    What has come lies in `NAME.part` beside the target, which appears only when it is whole and right. The part
    is continued where the server confirms by its entity tag or date that the file is the same (If-Range, RFC
    9110), or where a checksum will show it; otherwise it begins anew. A cut or silent connection and the status
    codes of a troubled server are met with another try after 1, 2, 4 ... seconds; tries that bring bytes are not
    counted. One process at a time: hold `folder_lock`.

    Args:
        url: http:// or https://.
        target: The file to make; its folder exists. Where it is there already, it is checked and kept.
        checksum: What it should be.
        by_hand: What to do where plain HTTP gives a web page instead.
        progress: Called with (bytes done, bytes in all or None).
        timeout: Seconds without a byte after which a connection is given up.
        tries: How many fruitless tries in a row end it.
        sleep: Waits for seconds.
        tell: Hears why another try is made, as a sentence.

    Raises:
        DatasetError: There is no such file, it is a web page, it is not what the checksum says, or the server
            does not give it however often it is asked. Unless the file itself is wrong, the part is kept.
        ResourceError: The disk is full or cannot be written; the part is kept.
    """
    sent = check_address(url)
    if not target.is_file():
        part = PartialFile(target)
        asking = _Asking(sent, by_hand, progress or _silent, timeout, tries, sleep, tell or _deaf)
        joined = _fetch(asking, part, checksum)
        if checksum and joined and checksum.of(part.path) != checksum.digest:
            # Bytes of an earlier call may have been damaged or of another file; that is no fault of the server.
            part.clear()
            _fetch(asking, part, checksum)
        if checksum:
            try:
                checksum.check(
                    part.path, where=asking.known_as, hint="The file was not kept; get the right address or checksum"
                )
            except DatasetError:
                part.clear()
                raise
        return part.finish()
    if checksum:
        checksum.check(target, where=str(target), hint="Delete this file, and it will be fetched again")
    return target


@dataclass(frozen=True)
class _Asking:
    """How a file is asked for; the fields are the arguments of `download`."""

    url: str
    by_hand: str
    progress: Callable[[int, int | None], None]
    timeout: float
    tries: int
    sleep: Callable[[float], None]
    tell: Callable[[str], None]

    @property
    def known_as(self) -> str:
        """By what errors name it and a part knows its file: a link that was signed anew still leads to it."""
        return without_secrets(self.url)


def _fetch(asking: _Asking, part: PartialFile, checksum: Checksum | None) -> bool:
    """Brings the part to its full size; returns whether it was joined from several connections."""
    remote = part.remote()
    if remote is None or remote.url != asking.known_as or not (remote.validator or checksum):
        part.clear()
    furthest = start = part.size
    fruitless = 0
    while True:
        before = part.size
        try:
            _transfer(asking, part)
            return before > 0
        except TransferBrokenError as broken:
            known = part.remote()
            if broken.stale or not (checksum or (known and known.validator)):
                part.clear()
            kept = part.size
            fruitless = 0 if kept > furthest else fruitless + 1
            furthest = max(furthest, kept)
            if fruitless >= asking.tries or (broken.lasting and furthest == start):
                raise DatasetError(
                    broken.reason + (f" ({fruitless} tries)" if fruitless > 1 else ""),
                    where=asking.known_as,
                    hint=("Check the network, and run" if broken.lasting else "Run")
                    + " the same command again later"
                    + (f": it goes on after the {size_text(kept)} that are kept" if kept else ""),
                ) from None
            wait = min(2.0 ** max(fruitless - 1, 0), LONGEST_WAIT) if broken.wait is None else broken.wait
            asking.tell(f"{broken.reason[0].upper()}{broken.reason[1:]}: another try in {wait:.0f} s.")
            asking.sleep(wait)


def _transfer(asking: _Asking, part: PartialFile) -> None:
    """One connection: appends what comes of it to the part."""
    start, known = part.size, part.remote()
    if known and known.size is not None and start == known.size:
        return
    headers = {"Range": f"bytes={start}-"} if start else {}
    if start and known and known.validator:
        headers["If-Range"] = known.validator
    with request(asking.url, headers, timeout=asking.timeout) as answer:
        if "html" in answer.headers.get_content_type():
            raise _page_error(asking)
        remote = _describe(asking.known_as, answer, start)
        if answer.status == 206:
            if not start or _first_byte(answer) != start or (known and not known.same_as(remote)):
                raise TransferBrokenError("the file on the server has changed", wait=0, stale=True)
        else:
            start = 0
            try:
                part.begin(remote)
            except OSError as failed:
                raise write_error(failed, part.path, hint=_ROOM) from failed
        if remote.size is not None:
            require_room(part.path.parent, remote.size - start, hint=_ROOM)
        _pour(asking, answer, part, start, remote.size)
    if remote.size is not None and part.size < remote.size:
        raise TransferBrokenError("the connection was cut")


def _pour(asking: _Asking, answer: http.client.HTTPResponse, part: PartialFile, done: int, total: int | None) -> None:
    asking.progress(done, total)
    while chunk := _read(answer):
        if not done and _HTML.match(chunk):
            part.clear()
            raise _page_error(asking)
        try:
            part.append(chunk)
        except OSError as failed:
            raise write_error(failed, part.path, hint=_ROOM) from failed
        done += len(chunk)
        asking.progress(done, total)


def _read(answer: http.client.HTTPResponse) -> bytes:
    try:
        return answer.read1(CHUNK)
    except (OSError, http.client.HTTPException, ValueError) as failed:
        raise TransferBrokenError(broken_text(failed)) from None


def _describe(url: str, answer: http.client.HTTPResponse, start: int) -> RemoteFile:
    length = answer.headers.get("Content-Length", "")
    size = int(length) + (start if answer.status == 206 else 0) if length.isdecimal() else None
    if answer.status == 206:
        stated = answer.headers.get("Content-Range", "").rpartition("/")[2]
        size = int(stated) if stated.isdecimal() else size
    return RemoteFile(
        url=url,
        etag=answer.headers.get("ETag", ""),
        modified=answer.headers.get("Last-Modified", ""),
        size=size,
    )


def _first_byte(answer: http.client.HTTPResponse) -> int | None:
    found = re.match(r"bytes (\d+)-", answer.headers.get("Content-Range", ""))
    return int(found[1]) if found else None


def _page_error(asking: _Asking) -> DatasetError:
    return DatasetError("this address gives a web page (HTML), not a file", where=asking.known_as, hint=asking.by_hand)


def _silent(done: int, total: int | None) -> None:
    del done, total


def _deaf(text: str) -> None:
    del text
