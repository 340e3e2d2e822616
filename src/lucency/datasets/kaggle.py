"""Fetches a data set of Kaggle through the library kagglehub, and says its failures in one line each."""

from __future__ import annotations

import contextlib
import logging
import os
import re
import shutil
import sys
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lucency.datasets.archive_budget import Limits
from lucency.datasets.disk_room import size_text, write_error
from lucency.errors import DatasetError, LucencyError, MissingExtraError

TRIES = 3
_HANDLE = re.compile(r"\w[\w.-]*/\w[\w.-]*(/versions/\d+)?")
_PAGE = re.compile(
    r"https?://(?:www\.)?kaggle\.com/(?:datasets/)?(?P<name>[\w.-]+/[\w.-]+)(?:/versions?/(?P<version>\d+))?(?:/data)?/?"
    r"(?:[?#].*)?"
)
_ASKED_VERSION = re.compile(r"[?&]datasetVersionNumber=(\d+)")
_TOKEN = "Put a token of https://www.kaggle.com/settings into ~/.kaggle/access_token or KAGGLE_API_TOKEN"


@dataclass(frozen=True)
class KaggleDataset:
    """What Kaggle says of a data set.

    Attributes:
        handle: OWNER/NAME, with /versions/N where the version is known.
        title: Its title, or the handle.
        licence: Its licence, or "".
        size: Bytes of the archive, or None.
    """

    handle: str
    title: str
    licence: str = ""
    size: int | None = None

    @property
    def page(self) -> str:
        """Where a person reads about it."""
        return f"https://www.kaggle.com/datasets/{'/'.join(self.handle.split('/')[:2])}"


def kaggle_handle(source: str) -> str | None:
    """OWNER/NAME of `kaggle:OWNER/NAME` or of the address of a Kaggle page; None for anything else.

    Where a version is named, /versions/N follows.

    Raises:
        DatasetError: It starts with "kaggle:", but no handle follows.
    """
    if source.lower().startswith("kaggle:"):
        handle = source[len("kaggle:") :].strip("/")
        if not _HANDLE.fullmatch(handle):
            raise DatasetError(
                "this is no Kaggle data set", where=source, hint="Give kaggle:OWNER/NAME, as in its address"
            )
        return handle
    page = _PAGE.fullmatch(source)
    if page is None or page["name"].split("/")[0] in ("code", "competitions", "models", "c"):
        return None
    asked = _ASKED_VERSION.search(source)
    version = page["version"] or (asked[1] if asked else "")
    return f"{page['name']}/versions/{version}" if version else page["name"]


def ask_kaggle(handle: str) -> KaggleDataset:
    """Asks Kaggle for title, licence and newest version.

    Raises:
        DatasetError: There is no such data set, or no access to it.
        MissingExtraError: kagglehub is not installed.
    """
    _kagglehub()
    with _own_folder(None), _clear_errors(handle):
        try:
            from kagglehub.clients import build_kaggle_client
            from kagglesdk.datasets.types.dataset_api_service import ApiGetDatasetRequest

            asked: Any = ApiGetDatasetRequest()
            asked.owner_slug, asked.dataset_slug = handle.split("/")[:2]
            with build_kaggle_client() as client:
                told = client.datasets.dataset_api_client.get_dataset(asked)
        except (ImportError, AttributeError, TypeError):
            # Not the documented part of the library: it may move, and then only the licence is missing.
            return KaggleDataset(handle, handle)
    version = f"/versions/{told.current_version_number}" if told.current_version_number else ""
    whole = handle if "/versions/" in handle else handle + version
    return KaggleDataset(whole, told.title or handle, told.license_name or "", told.total_bytes or None)


def fetch_kaggle(handle: str, folder: Path, *, work: Path, limits: Limits | None = None) -> tuple[int, int]:
    """Fetches and unpacks a data set; a download that was cut short is continued by the next call.

    kagglehub downloads (checked by MD5 where Kaggle tells it) and unpacks; then its tree is held against the
    same rules as any archive's, before it is moved to its place.

    Args:
        handle: OWNER/NAME, with /versions/N or without.
        folder: Made by this call.
        work: Existing folder, on the same disk, for what has come so far.
        limits: What it may unpack to.

    Returns:
        Number of files, and their bytes.

    Raises:
        DatasetError: There is no such data set, no access to it, or it holds something that is not let in.
        ResourceError: The disk is full or cannot be written.
        MissingExtraError: kagglehub is not installed.
    """
    hub = _kagglehub()
    from requests import ConnectionError, Timeout
    from requests.exceptions import ChunkedEncodingError

    passing = (ConnectionError, Timeout, ChunkedEncodingError)
    for attempt in range(1, TRIES + 1):
        try:
            with _own_folder(work), _clear_errors(handle, work=work):
                tree = Path(hub.dataset_download(handle))
            break
        except DatasetError as failed:
            # The library resumes, but does not try again by itself.
            if attempt == TRIES or not isinstance(failed.__cause__, passing):
                raise
    files, size = _inspect(tree, handle, limits or Limits(), work)
    try:
        if tree.is_relative_to(work):
            tree.rename(folder)
            shutil.rmtree(work, ignore_errors=True)
        else:
            # In a notebook of Kaggle the data are mounted, and cannot be moved.
            shutil.copytree(tree, folder)
    except OSError as failed:
        raise write_error(failed, folder, hint="Free some space and run the same command again") from failed
    return files, size


def _kagglehub() -> Any:
    if not sys.stderr.isatty():
        # Its progress bar would fill a log with thousands of lines.
        os.environ.setdefault("TQDM_DISABLE", "1")
    try:
        import kagglehub
    except ModuleNotFoundError as error:
        raise MissingExtraError(str(error.name), extra="fetch", need="Fetching from Kaggle") from None
    logging.getLogger("kagglehub").setLevel(logging.ERROR)
    return kagglehub


@contextlib.contextmanager
def _own_folder(work: Path | None) -> Iterator[None]:
    """Lets kagglehub keep its files here, and talk on stderr."""
    before = os.environ.get("KAGGLEHUB_CACHE")
    if work is not None:
        os.environ["KAGGLEHUB_CACHE"] = str(work)
    try:
        with contextlib.redirect_stdout(sys.stderr):
            yield
    finally:
        if before is None:
            os.environ.pop("KAGGLEHUB_CACHE", None)
        else:
            os.environ["KAGGLEHUB_CACHE"] = before


@contextlib.contextmanager
def _clear_errors(handle: str, *, work: Path | None = None) -> Iterator[None]:
    import requests
    from kagglehub import exceptions as kaggle

    where = f"kaggle:{handle}"
    try:
        yield
    except LucencyError:
        raise
    except requests.HTTPError as refused:
        raise _refusal(refused, where) from refused
    except (kaggle.UnauthenticatedError, kaggle.CredentialError) as refused:
        raise DatasetError("Kaggle wants a login for this data set", where=where, hint=_TOKEN) from refused
    except requests.RequestException as failed:
        raise DatasetError(
            f"Kaggle cannot be reached, or the connection was cut ({type(failed).__name__})",
            where=where,
            hint="Run the same command again: it goes on where it stopped",
        ) from failed
    except (kaggle.DataCorruptionError, zipfile.BadZipFile, EOFError) as damaged:
        _forget(work)
        raise DatasetError(
            "what came from Kaggle is damaged", where=where, hint="Run the same command again"
        ) from damaged
    except OSError as failed:
        raise write_error(
            failed, work or where, hint="Free some space and run the same command again: it goes on where it stopped"
        ) from failed
    except ValueError as wrong:
        reason = " ".join(str(wrong).split())[:160]
        if "redential" in reason:
            raise DatasetError(reason, where=where, hint=_TOKEN) from wrong
        _forget(work)
        raise DatasetError(f"what came from Kaggle cannot be used ({reason})", where=where) from wrong


def _refusal(refused: Any, where: str) -> DatasetError:
    code = getattr(refused.response, "status_code", None)
    if code == 401:
        return DatasetError("Kaggle does not know this login (401)", where=where, hint=_TOKEN)
    if code == 403:
        return DatasetError(
            "Kaggle refuses access (403): the data set is private, wants its rules accepted, or does not exist",
            where=where,
            hint=f"Open its page in a browser. {_TOKEN}",
        )
    if code == 404:
        return DatasetError("Kaggle has no such data set (404)", where=where, hint="Check OWNER/NAME in its address")
    return DatasetError(f"Kaggle answers {code}", where=where, hint="Run the same command again later")


def _inspect(tree: Path, handle: str, limits: Limits, work: Path) -> tuple[int, int]:
    """Holds an unpacked tree against the rules for archives; returns its files and bytes."""
    files = size = 0
    problem = ""
    for folder, folders, names in os.walk(tree):
        for name in (*folders, *names):
            path = Path(folder, name)
            if path.is_symlink() or not (path.is_dir() or path.is_file()):
                problem = f"the data set is refused because of {path.relative_to(tree)}: it is a link or no file"
        files += len(names)
        size += sum(os.lstat(os.path.join(folder, name)).st_size for name in names)
    if files > limits.files:
        problem = f"the data set is refused: it holds {files:,} files; raise the limit with --max-files"
    elif size > limits.size:
        problem = f"the data set is refused: it unpacks to {size_text(size)}; raise the limit with --max-size"
    elif not files:
        problem = "the data set is empty"
    if problem:
        _forget(work)
        raise DatasetError(problem, where=f"kaggle:{handle}")
    return files, size


def _forget(work: Path | None) -> None:
    if work is not None:
        shutil.rmtree(work, ignore_errors=True)
        work.mkdir(exist_ok=True)
