"""The header of a DICOM file, for what links films: study, patient. Its identifiers never leave as they are."""

from __future__ import annotations

import logging
import threading
import warnings
from collections.abc import Sequence
from typing import Any

from lucency.errors import MissingExtraError

# Filters of warnings and the log of pydicom belong to the whole process.
_ONE_AT_A_TIME = threading.Lock()


def read_header(path: str, keywords: Sequence[str]) -> Any | None:
    """A pydicom Dataset of some elements of a file, without its pixels; None where it cannot be read.

    Args:
        path: The file.
        keywords: Of the elements, such as "StudyInstanceUID".

    Raises:
        MissingExtraError: pydicom is not installed.
    """
    try:
        import pydicom
    except ImportError as error:
        raise MissingExtraError("pydicom", extra="dicom", need="Reading a DICOM film") from error
    log = logging.getLogger("pydicom")
    with _ONE_AT_A_TIME, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        was_disabled, log.disabled = log.disabled, True
        try:
            return pydicom.dcmread(path, stop_before_pixels=True, specific_tags=list(keywords))
        except Exception:
            # Broken files make pydicom raise almost anything, and such a film has its Finding later.
            return None
        finally:
            log.disabled = was_disabled


def element(header: Any | None, keyword: str) -> str:
    """The text of an element, "" where it is absent or cannot be read.

    Args:
        header: What `read_header` gave.
        keyword: Of the element.
    """
    try:
        value = None if header is None else header.get(keyword)
    except Exception:
        # pydicom converts values when they are asked for.
        return ""
    return "" if value is None else str(value).strip().strip("\x00").strip()


def is_dicom(path: str) -> bool:
    """Whether a file begins like DICOM."""
    try:
        with open(path, "rb", buffering=0) as file:
            return file.read(132)[128:] == b"DICM"
    except OSError:
        return False
