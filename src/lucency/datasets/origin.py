"""Origin: what a person named as the source of data, made plain: addresses, checksums, licence, citation."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path
from shlex import quote
from urllib.parse import unquote, urlsplit

from lucency.datasets.checksum import Checksum
from lucency.datasets.kaggle import kaggle_handle
from lucency.datasets.page_hosts import is_page, page_host
from lucency.datasets.source_note import without_secrets
from lucency.datasets.sources import KNOWN_DATASETS, KnownDataset, known_dataset
from lucency.datasets.web_request import check_address
from lucency.errors import DatasetError

UNKNOWN_LICENCE = "not known to Lucency: read it where the data come from"


@dataclass(frozen=True)
class Origin:
    """Where data come from. One of `urls`, `kaggle` and `archive` is set.

    Attributes:
        source: What names it in SOURCE.txt, without secrets.
        title: What it is, in one line.
        page: Where a person reads about it, or "".
        licence: Its licence, in words.
        citation: What to cite, or "".
        file: Name of the archive, or "".
        urls: Addresses of one archive, tried in this order.
        checksums: What that archive should be.
        figshare: Number of the figshare article.
        kaggle: OWNER/NAME.
        archive: An archive that lies here.
    """

    source: str
    title: str
    page: str = ""
    licence: str = UNKNOWN_LICENCE
    citation: str = ""
    file: str = ""
    urls: tuple[str, ...] = ()
    checksums: tuple[Checksum, ...] = ()
    figshare: int | None = None
    kaggle: str | None = None
    archive: Path | None = None


def find_origin(source: str, to: Path) -> Origin:
    """Makes plain what was named; asks no server.

    Args:
        source: A name of `KNOWN_DATASETS`, kaggle:OWNER/NAME, a URL, or an archive that lies here.
        to: Where the data shall go, for advice.

    Raises:
        DatasetError: It is none of these, or only a person can fetch it, with what to do.
    """
    source = source.strip()
    if (row := KNOWN_DATASETS.get(source.lower())) is not None:
        return _known(source.lower(), row, to)
    handle = kaggle_handle(source)
    if handle is not None:
        name = "/".join(handle.split("/")[:2])
        return Origin(f"kaggle:{handle}", name, page=f"https://www.kaggle.com/datasets/{name}", kaggle=handle)
    if "://" in source:
        return _address(source, to)
    path = Path(source).expanduser()
    if path.is_file():
        return _local(path)
    if path.is_dir():
        raise DatasetError(
            "this is a folder, not an archive", where=source, hint=f"Nothing has to be fetched: lucency scan {source}"
        )
    if path.suffix or len(path.parts) > 1:
        raise DatasetError("there is no such archive here", where=source, hint="Check the path, or give a URL")
    return _known(source, known_dataset(source), to)


def by_hand(url: str, to: Path) -> str:
    """What a person does where plain HTTP gives a page instead of a file."""
    row = page_host(url)
    why = f"{row.name} {row.why}. " if row else ""
    return f"{why}Download the file in a browser, and then run: lucency fetch FILE --to {quote(str(to))}"


def _known(name: str, row: KnownDataset, to: Path) -> Origin:
    if row.by_hand is not None:
        raise DatasetError(
            f"{row.title.partition(':')[0]} cannot be fetched by a program (licence: {row.licence})",
            where=row.page,
            hint=f"{row.by_hand}; then run: lucency fetch FILE --to {quote(str(to))}",
        )
    return Origin(
        source=name,
        title=row.title,
        page=row.page,
        licence=row.licence,
        citation=row.citation,
        file=row.file,
        urls=row.urls,
        checksums=(
            *([Checksum("sha256", row.sha256, "Lucency's table")] if row.sha256 else []),
            *([Checksum("md5", row.md5, "Lucency's table")] if row.md5 else []),
        ),
        figshare=row.figshare,
        kaggle=row.kaggle,
    )


def _local(path: Path) -> Origin:
    row = next((row for row in KNOWN_DATASETS.values() if row.file.lower() == path.name.lower()), None)
    origin = Origin(path.name, path.name, file=path.name, archive=path)
    # Only a name: other versions of the archive are in use, so that no checksum is asked of it.
    return (
        replace(origin, title=row.title, page=row.page, licence=row.licence, citation=row.citation) if row else origin
    )


def _address(url: str, to: Path) -> Origin:
    scheme = url.partition("://")[0].lower()
    if scheme == "file":
        raise DatasetError("this is a file here", where=url, hint="Give its path instead of a file:// address")
    if scheme not in ("http", "https"):
        raise DatasetError(
            f"{scheme}:// cannot be fetched", where=without_secrets(url), hint="Give an http:// or https:// address"
        )
    check_address(url)
    if is_page(url):
        raise DatasetError(
            "this link leads to a page, not to a file", where=without_secrets(url), hint=by_hand(url, to)
        )
    shown = without_secrets(url)
    name = re.sub(r"[^\w.-]+", "_", unquote(urlsplit(url).path.rpartition("/")[2]))[:80].strip("._") or "download"
    return Origin(shown, name, page=shown, file=name, urls=(url,))
