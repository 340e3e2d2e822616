"""Asks figshare for the newest address of an article's file, and for the MD5 that it computed."""

from __future__ import annotations

import json
from dataclasses import dataclass
from http.client import HTTPException

from lucency.datasets.checksum import Checksum
from lucency.datasets.web_request import TransferBrokenError, check_address, request
from lucency.errors import DatasetError

API = "https://api.figshare.com/v2"


@dataclass(frozen=True)
class FigshareFile:
    """A file of an article, as its record states it."""

    url: str
    checksum: Checksum | None


def ask_figshare(article: int, file: str, *, api: str = API, timeout: float = 15.0) -> FigshareFile | None:
    """What the record of an article says of one of its files.

    Args:
        article: Number of the article.
        file: Name of the file.
        api: Where the interface is.
        timeout: Seconds without a byte.

    Returns:
        None where figshare does not answer, or no longer has such a file.
    """
    try:
        with request(check_address(f"{api}/articles/{article}/files"), {}, timeout=timeout) as answer:
            entries = json.loads(answer.read(1 << 20))
        entry = next(entry for entry in entries if entry["name"] == file)
        url = check_address(str(entry["download_url"]))
        digest = str(entry.get("computed_md5") or entry.get("supplied_md5") or "")
        return FigshareFile(url, Checksum.parse("md5", digest, "the figshare record") if digest else None)
    except (TransferBrokenError, HTTPException, DatasetError, OSError, ValueError):
        return None
    except (LookupError, TypeError, AttributeError, StopIteration):
        # The answer is JSON of another shape.
        return None
