"""What wraps the pixels of a GIF or WebP: size, orientation and how many pictures there are.

The file itself is left as it is: its decoders neither warn nor fail about the rest.
"""

from __future__ import annotations

import struct

from lucency.errors import FilmError
from lucency.imaging.containers import Bare, exif_orientation


def bare_gif(data: bytes) -> Bare:
    """Size and pictures by the GIF89a specification."""
    width, height, flags = struct.unpack_from("<HHB", data, 6)
    return Bare(data, width, height, frames=max(1, _pictures(data, 13 + _colours(flags))))


def _colours(flags: int) -> int:
    """Bytes of the colour table that these flags announce."""
    return 3 << (flags & 7) + 1 if flags & 0x80 else 0


def _pictures(data: bytes, at: int) -> int:
    """Pictures that begin at or after a place; those that can be found where the file breaks off."""
    pictures = 0
    while at + 10 <= len(data):
        if data[at] == 0x2C:
            pictures += 1
            # Then comes the size of a code, before the blocks.
            at += 11 + _colours(data[at + 9])
        elif data[at] == 0x21:
            at += 2
        else:
            break
        while at < len(data) and data[at]:
            at += 1 + data[at]
        at += 1
    return pictures


def bare_webp(data: bytes) -> Bare:
    """Size, orientation and pictures by the WebP container specification.

    Raises:
        FilmError: The file ends before its last chunk.
    """
    size = struct.unpack_from("<I", data, 4)[0] + 8
    if size > len(data):
        raise FilmError("The WebP ends before its last chunk", code="truncated")
    width, height, orientation, frames = 0, 0, 1, 0
    at = 12
    while at + 8 <= size:
        name, length = struct.unpack_from("<4sI", data, at)
        body = data[at + 8 : at + 8 + length]
        if name == b"VP8X":
            width, height = (1 + int.from_bytes(body[i : i + 3], "little") for i in (4, 7))
        elif name == b"VP8L" and not width:
            bits = int.from_bytes(body[1:5], "little")
            width, height = 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
        elif name == b"VP8 " and not width:
            width, height = (side & 0x3FFF for side in struct.unpack_from("<HH", body, 6))
        elif name == b"EXIF":
            orientation = exif_orientation(body)
        elif name == b"ANMF":
            frames += 1
        at += 8 + length + length % 2
    return Bare(data, width, height, orientation, max(1, frames))
