"""What the header of a film's file tells, beyond its pixels: names and numbers, never a text of the file."""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np

from lucency.imaging.containers import Bare

# The luma table of ITU-T T.81 annex K, in zigzag order: what libjpeg scales to a quality.
# fmt: off
_LUMA: Final = np.array((
    16, 11, 12, 14, 12, 10, 16, 14, 13, 14, 18, 17, 16, 19, 24, 40, 26, 24, 22, 22, 24, 49, 35, 37, 29, 40, 58, 51,
    61, 60, 57, 51, 56, 55, 64, 72, 92, 78, 64, 68, 87, 69, 55, 56, 80, 109, 81, 87, 95, 98, 103, 104, 103, 62, 77,
    113, 121, 112, 100, 120, 92, 101, 103, 99,
))
# fmt: on
_APPLICATION: Final = (
    (0xE0, b"JFIF\x00", "JFIF"),
    (0xE0, b"JFXX\x00", "JFXX"),
    (0xE1, b"Exif\x00", "Exif"),
    (0xE1, b"http://ns.adobe.com/", "XMP"),
    (0xE2, b"ICC_PROFILE\x00", "ICC"),
    (0xE2, b"MPF\x00", "MPF"),
    (0xED, b"Photoshop ", "Photoshop"),
    (0xEE, b"Adobe", "Adobe"),
)
_TAGS: Final = {
    270: "ImageDescription",
    271: "Make",
    272: "Model",
    305: "Software",
    306: "DateTime",
    315: "Artist",
    700: "XMP",
    33432: "Copyright",
    34377: "Photoshop",
    34665: "Exif",
    34675: "ICC",
}


@dataclass(frozen=True)
class FileHeader:
    """The trimmings of a file that can be decoded; attributes as in `FilmFacts`."""

    quantisation: str = ""
    quality: int = 0
    header: str = ""


def file_header(data: bytes, kind: str, bare: Bare) -> FileHeader:
    """The header of a picture file.

    Args:
        data: The file, one that can be decoded.
        kind: "JPEG", "PNG", "TIFF", "BMP", "GIF" or "WebP".
        bare: The same file without its trimmings.
    """
    if kind == "JPEG":
        return _jpeg(data)
    if kind == "PNG":
        return FileHeader(header=_joined(_chunks(data, 8, ">I4s", 4) - {"IHDR", "IDAT", "IEND"}))
    if kind == "WebP":
        return FileHeader(header=_joined(_chunks(data, 12, "<4sI", 0)))
    return FileHeader(header=_joined({_TAGS[tag] for tag in bare.tags if tag in _TAGS}))


def _joined(names: set[str]) -> str:
    return " ".join(sorted(names))


def _chunks(data: bytes, at: int, form: str, after: int) -> set[str]:
    """Names of the chunks of a PNG (name last, then a checksum) or of a RIFF (name first, then padding)."""
    names: set[str] = set()
    while at + 8 <= len(data):
        one, other = struct.unpack_from(form, data, at)
        name, length = (one, other) if isinstance(one, bytes) else (other, one)
        # A damaged name could be any bytes; those of chunks are four letters.
        if not name.strip().isalnum() or not name.isascii():
            break
        names.add(name.decode().strip())
        at += 8 + length + (after or length % 2)
    return names


def _jpeg(data: bytes) -> FileHeader:
    names: set[str] = set()
    tables = bytearray()
    for marker, payload in _segments(data):
        if marker == 0xDB:
            tables += payload
        elif marker == 0xC2:
            names.add("progressive")
        elif marker == 0xFE:
            names.add("comment")
        elif 0xE0 <= marker <= 0xEF:
            known = (name for code, start, name in _APPLICATION if code == marker and payload.startswith(start))
            names.add(next(known, f"APP{marker - 0xE0}"))
    digest, quality = _quantisation(bytes(tables))
    return FileHeader(digest, quality, _joined(names))


def _segments(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Marker and payload of what stands before the first scan (ITU-T T.81 annex B)."""
    at = 2
    while (at := data.find(b"\xff", at)) >= 0 and at + 4 <= len(data):
        marker = data[at + 1]
        if marker == 0xDA:
            return
        if marker in (0x00, 0x01, 0xFF) or 0xD0 <= marker <= 0xD8:
            at += 1
            continue
        end = at + 2 + struct.unpack_from(">H", data, at + 2)[0]
        yield marker, data[at + 4 : end]
        at = max(end, at + 2)


@lru_cache(maxsize=1024)
def _quantisation(tables: bytes) -> tuple[str, int]:
    """Hash of the tables, and the quality by which libjpeg would have made the first."""
    if not tables:
        return "", 0
    wide = tables[0] >> 4
    luma = np.frombuffer(tables[1 : 129 if wide else 65], ">u2" if wide else "u1").astype(np.int64)
    quality = 0
    if len(luma) == 64:
        # The scales of jpeg_quality_scaling; the nearest quality where another program drew the table.
        percent = np.array([5000 // q if q < 50 else 200 - 2 * q for q in range(1, 101)])
        made = ((_LUMA[None, :] * percent[:, None] + 50) // 100).clip(1, 255)
        quality = 1 + int(np.abs(made - luma).sum(axis=1).argmin())
    return hashlib.sha256(tables).hexdigest()[:12], quality
