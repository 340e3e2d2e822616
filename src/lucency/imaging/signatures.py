"""What a file is, told from its first bytes and never from its name."""

from __future__ import annotations

import struct
from typing import Final

HEAD_BYTES: Final = 4096
"""How much of a file `sniff` looks at."""

LFS_POINTER: Final = b"version https://git-lfs"

READABLE: Final = ("JPEG", "PNG", "TIFF", "BMP", "GIF", "WebP", "DICOM")
"""Kinds that `sniff` can answer and that are decoded."""

# (offset, bytes, what it is). Real pictures or documents that are not decoded.
_RECOGNISED: Final = (
    (0, b"%PDF-", "a PDF document"),
    (4, b"ftypavif", "an AVIF picture"),
    (4, b"ftyphei", "a HEIC picture"),
    (4, b"ftyphev", "a HEIC picture"),
    (4, b"ftypmif1", "a HEIF picture"),
    (4, b"ftypmsf1", "a HEIF picture"),
    (0, b"\x00\x00\x00\x0cjP  \r\n\x87\n", "a JPEG 2000 picture"),
    (0, b"\xff\x4f\xff\x51", "a JPEG 2000 codestream"),
    (0, b"\xff\x0a", "a JPEG XL picture"),
    (0, b"\x00\x00\x00\x0cJXL \r\n\x87\n", "a JPEG XL picture"),
    (0, b"8BPS", "a Photoshop document"),
    (0, b"II\xbc\x01", "a JPEG XR picture"),
    (0, b"\x00\x00\x01\x00", "a Windows icon"),
    (0, b"%!PS", "a PostScript document"),
    (344, b"n+1\x00", "a NIfTI volume"),
    (0, b"NRRD0", "an NRRD volume"),
    (4, b"ftyp", "a video"),
    (0, b"\x1a\x45\xdf\xa3", "a video"),
)
_OTHER: Final = (
    (0, b"PK\x03\x04", "a ZIP archive"),
    (0, b"PK\x05\x06", "an empty ZIP archive"),
    (0, b"\x1f\x8b", "a gzip archive"),
    (0, b"BZh", "a bzip2 archive"),
    (0, b"\xfd7zXZ\x00", "an xz archive"),
    (0, b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive"),
    (0, b"Rar!\x1a\x07", "a RAR archive"),
    (257, b"ustar", "a tar archive"),
    (0, b"\x89HDF\r\n\x1a\n", "an HDF5 file"),
    (0, b"\x93NUMPY", "a NumPy array"),
    (0, b"SQLite format 3\x00", "an SQLite database"),
    (0, b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an old Office document"),
    (0, b"\x7fELF", "a program"),
    (0, b"MZ", "a Windows program"),
    (0, b"PAR1", "a Parquet table"),
)
_BMP_HEADERS: Final = frozenset({12, 40, 52, 56, 64, 108, 124})
_DICOM_VRS: Final = frozenset({b"UL", b"UI", b"CS", b"SH", b"LO", b"DA", b"TM", b"DT", b"PN", b"SQ", b"ST", b"OB"})


def sniff(head: bytes) -> str | None:
    """Which readable kind of film these bytes begin.

    Args:
        head: The first bytes of a file; `HEAD_BYTES` of them are enough.

    Returns:
        One of `READABLE`, or None.
    """
    # A DICOM may carry any other file's signature in its free preamble, so it is asked first.
    if head[128:132] == b"DICM":
        return "DICOM"
    if head.startswith(b"\xff\xd8\xff"):
        return "JPEG"
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return "PNG"
    if head[:4] in (b"II*\x00", b"MM\x00*", b"II+\x00", b"MM\x00+"):
        return "TIFF"
    if head[:6] in (b"GIF87a", b"GIF89a"):
        return "GIF"
    if head.startswith(b"RIFF") and head[8:12] == b"WEBP":
        return "WebP"
    # Two letters alone would take a table that begins with "BMI" for a picture.
    if head.startswith(b"BM") and len(head) >= 18 and struct.unpack_from("<I", head, 14)[0] in _BMP_HEADERS:
        return "BMP"
    return "DICOM" if _is_bare_dicom(head) else None


def _is_bare_dicom(head: bytes) -> bool:
    if len(head) < 16:
        return False
    group, element = struct.unpack_from("<HH", head)
    if group not in (0x0002, 0x0008) or element > 0x0070:
        return False
    if head[4:6] in _DICOM_VRS:
        return True
    length = struct.unpack_from("<I", head, 4)[0]
    following = head[8 + length : 10 + length]
    return length <= 128 and length % 2 == 0 and following in (b"\x02\x00", b"\x08\x00")


def recognised_but_unreadable(head: bytes) -> str | None:
    """The name of a picture or document format that is known and not decoded, or None."""
    return _match(head, _RECOGNISED)


def looks_like(head: bytes) -> str:
    """Words for what bytes that are no picture appear to be."""
    known = _match(head, _OTHER)
    if known:
        return known
    if not head.strip(b"\x00"):
        return "nothing but zero bytes"
    if head[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return "text"
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    if start.startswith((b"<!doctype html", b"<html")) or b"<html" in start[:1024]:
        return "a web page (HTML), perhaps a failed download"
    if start.startswith((b"<svg", b"<?xml")):
        return "an SVG drawing" if b"<svg" in start else "XML"
    if _is_text(head):
        return "JSON" if start[:1] in (b"{", b"[") else "text"
    return "unknown binary data"


def _match(head: bytes, table: tuple[tuple[int, bytes, str], ...]) -> str | None:
    return next((name for offset, magic, name in table if head[offset : offset + len(magic)] == magic), None)


def _is_text(head: bytes) -> bool:
    try:
        text = head.decode("utf-8")
    except UnicodeDecodeError as error:
        # The window may cut the last character in two.
        if error.start < len(head) - 3:
            return False
        text = head[: error.start].decode("utf-8")
    return all(character.isprintable() or character.isspace() for character in text)
