"""read_radiograph: any film file -> Radiograph, or a FilmError that says why not."""

from __future__ import annotations

import hashlib
import os
import stat
from types import MappingProxyType
from typing import BinaryIO, Final, NoReturn

from PIL import Image

from lucency.errors import FilmError, LucencyError
from lucency.imaging.radiograph import Radiograph
from lucency.imaging.rasters import MAX_PIXELS, read_raster
from lucency.imaging.signatures import (
    HEAD_BYTES,
    LFS_POINTER,
    READABLE,
    looks_like,
    recognised_but_unreadable,
    sniff,
)

__all__ = ["IMAGE_SUFFIXES", "MAX_BYTES", "MAX_PIXELS", "film_bytes", "read_radiograph"]

IMAGE_SUFFIXES: Final = (
    *(".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".tif", ".tiff", ".bmp", ".gif", ".webp"),
    *(".dcm", ".dicom", ".dic"),
)
"""Lower-case suffixes that films usually have: for listing folders, never for choosing a decoder."""

MAX_BYTES: Final = 2_000_000_000
"""A larger file is refused without being read."""


def read_radiograph(source: str | os.PathLike[str] | bytes | BinaryIO) -> Radiograph:
    """Read one film.

    The kind of file is told from its content, never from its name. Every pixel is decoded before this
    returns. Safe to call from several threads.

    Args:
        source: A path, the bytes of a file, or a binary file object (read from where it stands, not closed).

    Returns:
        Upright grey levels, 0..255, bone bright. Colour becomes luma (ITU-R 601-2), what is transparent
        becomes black, 16-bit grey is scaled by 65535 or, where all values lie under 16384, by the nearest
        depth of a detector (14, 12, 10 or 8 bits), with a warning.

    Raises:
        FilmError: The film cannot be used; `code` says why.
        MissingExtraError: The film is a DICOM and pydicom is not installed.
    """
    where: str | None = None
    try:
        if isinstance(source, bytes | bytearray | memoryview):
            data = bytes(source)
        elif isinstance(source, str | os.PathLike):
            where = os.fspath(source)
            data = film_bytes(where)
        elif not hasattr(source, "read"):
            raise TypeError(f"a film is a path, bytes, an open file or a Radiograph, not {type(source).__name__}")
        else:
            name = getattr(source, "name", None)
            where = name if isinstance(name, str) else None
            data = source.read()
            if not isinstance(data, bytes):
                raise TypeError("read_radiograph needs a file that is open in binary mode")
        return _decode(data)
    except FilmError as error:
        error.where = error.where or where
        raise


def film_bytes(path: str) -> bytes:
    """The bytes of a file that begins like a film.

    Args:
        path: The file.

    Raises:
        FilmError: The file cannot be read, is too large, or is no film by its first bytes.
    """
    try:
        status = os.stat(path)
        if stat.S_ISDIR(status.st_mode):
            raise FilmError("This is a folder, not a film", code="not_an_image")
        # A pipe or device may never end.
        if not stat.S_ISREG(status.st_mode):
            raise FilmError("This is not a regular file", code="not_an_image")
        with open(path, "rb") as file:
            head = file.read(HEAD_BYTES)
            if sniff(head) is None:
                _refuse(head)
            if status.st_size > MAX_BYTES:
                raise FilmError(f"The file has {status.st_size} bytes", code="too_large")
            return head + file.read()
    except PermissionError as error:
        raise FilmError("The file may not be read", code="permission_denied") from error
    except FileNotFoundError as error:
        dangling = os.path.islink(path)
        what = "The link points to a file that does not exist" if dangling else "There is no such file"
        raise FilmError(what, code="not_found") from error
    except MemoryError as error:
        raise FilmError("There is not enough memory for the file", code="too_large") from error
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise FilmError(f"The file cannot be opened ({reason})", code="not_found") from error


def _decode(data: bytes) -> Radiograph:
    kind = sniff(data[:HEAD_BYTES])
    if kind is None:
        _refuse(data[:HEAD_BYTES])
    sha256 = hashlib.sha256(data).hexdigest()
    try:
        if kind == "DICOM":
            from lucency.imaging.dicom import read_dicom

            film = read_dicom(data)
            return Radiograph(film.pixels, sha256, MappingProxyType(film.metadata), film.warnings)
        raster = read_raster(data, kind)
    except LucencyError:
        raise
    except MemoryError as error:
        raise FilmError("There is not enough memory to decode the film", code="too_large") from error
    except Exception as error:
        # Fuzzed bytes make decoders raise almost anything; a batch of a million films must outlive each of
        # them.
        raise _translated(kind, error) from error
    return Radiograph(raster.pixels, sha256, MappingProxyType({"format": kind}), raster.warnings)


_CUT_SHORT: Final = (
    "truncat",
    "premature",
    "unexpected end",
    "not enough",
    "end of file",
    "end of data",
    "eof",
)


def _translated(kind: str, error: Exception) -> FilmError:
    if isinstance(error, Image.DecompressionBombError):
        return FilmError("The header claims more pixels than can be held", code="too_large")
    message = str(error).lower()
    if isinstance(error, EOFError) or any(sign in message for sign in _CUT_SHORT):
        return FilmError(
            f"The {kind} file ends before its pixels do",
            code="truncated",
            hint="Fetch or export the film again",
        )
    return FilmError(f"The {kind} file cannot be decoded", code="corrupt", hint="Fetch or export the film again")


def _refuse(head: bytes) -> NoReturn:
    if not head:
        raise FilmError("The file is empty", code="empty_file", hint="Fetch or export the film again")
    if head.startswith(LFS_POINTER):
        raise FilmError("This is a Git-LFS pointer, not the film itself", code="lfs_pointer", hint="Run: git lfs pull")
    known = recognised_but_unreadable(head)
    readable = ", ".join(READABLE)
    if known:
        raise FilmError(f"This is {known}", code="unsupported_format", hint=f"Lucency reads {readable}")
    raise FilmError(
        f"This looks like {looks_like(head)}, not a film",
        code="not_an_image",
        hint=f"Lucency reads {readable}",
    )
