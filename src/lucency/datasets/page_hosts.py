"""Sites whose links lead to a page instead of a file: what plain HTTP cannot fetch, and what to do by hand."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import urlsplit


@dataclass(frozen=True)
class PageHost:
    """One row of `PAGE_HOSTS`.

    Attributes:
        name: As people call it.
        hosts: Names of its servers; those below them count too.
        page: Which path and query are known to be a page; others are tried first.
        why: Why plain HTTP cannot serve it, as part of a sentence.
    """

    name: str
    hosts: tuple[str, ...]
    page: str
    why: str


PAGE_HOSTS: tuple[PageHost, ...] = (
    PageHost("Mega", ("mega.nz", "mega.co.nz", "mega.io"), r"", "decrypts files in the browser"),
    PageHost(
        "Google Drive",
        ("drive.google.com", "docs.google.com"),
        r"/(file|drive|folders|open|document|spreadsheets)\b",
        "shows a page, and before big files a question",
    ),
    PageHost("Dropbox", ("dropbox.com",), r"^(?!.*[?&](dl|raw)=1)", "shows a page unless the link ends in dl=1"),
    PageHost("OneDrive", ("1drv.ms", "onedrive.live.com", "sharepoint.com"), r"^(?!.*[?&]download=1)", "shows a page"),
    PageHost("MediaFire", ("mediafire.com",), r"/(file|folder|view)\b", "shows a page"),
    PageHost("WeTransfer", ("wetransfer.com", "we.tl"), r"", "shows a page"),
    PageHost("Baidu", ("pan.baidu.com",), r"", "wants a login"),
)
"""To add a site, add a row."""


def page_host(url: str) -> PageHost | None:
    """The row that a URL belongs to, or None."""
    host = (urlsplit(url).hostname or "").lower()
    return next(
        (row for row in PAGE_HOSTS if any(host == name or host.endswith(f".{name}") for name in row.hosts)), None
    )


def is_page(url: str) -> bool:
    """Whether a URL is known to be a page, so that asking for it is useless."""
    row = page_host(url)
    parts = urlsplit(url)
    return row is not None and re.search(row.page, f"{parts.path}?{parts.query}") is not None
