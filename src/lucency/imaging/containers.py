"""What wraps the pixels of a JPEG, PNG or TIFF: size and orientation are read, the rest is left out.

Decoders then see no EXIF, profile, comment or second page. Those are where decoders warn, fail and where
names hide, and none of them changes a grey level.
"""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass
from typing import Final

from lucency.errors import FilmError


@dataclass(frozen=True)
class Bare:
    """A picture file without its trimmings.

    Attributes:
        data: The file, ready for a decoder.
        width: Columns that the header claims, before orientation; 0 if it does not say.
        height: Rows that the header claims.
        orientation: EXIF orientation, 1..8.
        frames: How many pictures the file holds; only the first is in `data`.
        bits: Bits of a sample.
        white_is_zero: True where grey 0 is white. `data` then claims the opposite, so that decoders leave it
            alone.
        tags: TIFF tags of the first page.
    """

    data: bytes
    width: int = 0
    height: int = 0
    orientation: int = 1
    frames: int = 1
    bits: int = 8
    white_is_zero: bool = False
    tags: tuple[int, ...] = ()


def exif_orientation(block: bytes) -> int:
    """Orientation in an EXIF block (a small TIFF file), 1..8; 1 if it is absent or broken."""
    try:
        directory = _Directory(block.removeprefix(b"Exif\x00\x00"))
        value = directory.numbers(274)
    except (FilmError, struct.error):
        return 1
    return value[0] if value and 1 <= value[0] <= 8 else 1


_JPEG_FRAMES: Final = frozenset({0xC0, 0xC1, 0xC2, 0xC3, 0xC5, 0xC6, 0xC7, 0xC9, 0xCA, 0xCB, 0xCD, 0xCE, 0xCF})
_JPEG_DECODED: Final = frozenset({0xC0, 0xC1, 0xC2, 0xC9, 0xCA})
# Programs write about ten. Each costs a walk over all pixels, so thousands would hold up a job for minutes.
_MOST_PASSES: Final = 100
_JPEG_MARKER: Final = re.compile(rb"\xff[\xc0-\xcf\xd9-\xfe]")


def bare_jpeg(data: bytes) -> Bare:
    """Keep what decoding a JPEG needs.

    Raises:
        FilmError: The file has no end, or is a kind of JPEG that is not decoded.
    """
    kept: list[bytes] = [data[:2]]
    orientation, width, height = 0, 0, 0
    at = 2
    while True:
        at = data.find(b"\xff", at)
        if at < 0 or at + 4 > len(data):
            raise FilmError("The JPEG ends before its pixels do", code="truncated")
        marker = data[at + 1]
        if marker == 0xDA:
            break
        # Fill bytes, and markers without a length.
        if marker in (0x00, 0x01, 0xFF) or 0xD0 <= marker <= 0xD8:
            at += 1
            continue
        length = struct.unpack_from(">H", data, at + 2)[0]
        end = at + 2 + length
        if marker == 0xD9 or length < 2:
            raise FilmError("The JPEG has no pixels that can be found", code="corrupt")
        if end > len(data):
            raise FilmError("The JPEG ends before its pixels do", code="truncated")
        payload = data[at + 4 : end]
        if marker == 0xE1 and not orientation and payload.startswith(b"Exif\x00\x00"):
            orientation = exif_orientation(payload)
        if marker == 0xF7 or marker in _JPEG_FRAMES:
            bits = payload[0] if payload else 8
            if marker not in _JPEG_DECODED or bits != 8:
                kind = "a JPEG-LS" if marker == 0xF7 else "a lossless or hierarchical JPEG"
                kind = f"a {bits}-bit JPEG" if marker in _JPEG_DECODED else kind
                raise FilmError(f"This is {kind}, which is not decoded", code="unsupported_format")
            if len(payload) >= 5:
                height, width = struct.unpack_from(">HH", payload, 1)
        # APP0 (JFIF) and APP14 (Adobe) say how colours are coded.
        if not (0xE1 <= marker <= 0xEF and marker != 0xEE) and marker != 0xFE:
            kept.append(data[at:end])
        at = end
    kept.append(data[at:])
    check_passes(data, at)
    # A download that was cut short and filled up with zeros decodes without complaint.
    if data.rfind(b"\xff\xd9", at) < 0:
        raise FilmError("The JPEG has no end marker", code="truncated", hint="Fetch or export the film again")
    return Bare(b"".join(kept), width, height, orientation or 1)


def check_passes(data: bytes, at: int = 2) -> None:
    """Refuse a JPEG that would take minutes to draw.

    Args:
        data: The JPEG.
        at: Where to begin, at or before its first start of scan.

    Raises:
        FilmError: It is drawn in more passes than any program writes.
    """
    passes = 0
    while (marker := _JPEG_MARKER.search(data, at)) and data[marker.start() + 1] != 0xD9:
        at = marker.start()
        passes += data[at + 1] == 0xDA
        if passes > _MOST_PASSES:
            raise FilmError(f"The JPEG is drawn in more than {_MOST_PASSES} passes", code="corrupt")
        at += 2 + int.from_bytes(data[at + 2 : at + 4], "big")


def bare_png(data: bytes) -> Bare:
    """Keep what decoding a PNG needs.

    Raises:
        FilmError: The file ends before its last chunk.
    """
    kept: list[bytes] = [data[:8]]
    orientation, width, height, frames, bits = 1, 0, 0, 1, 8
    at = 8
    while True:
        if at + 12 > len(data):
            raise FilmError("The PNG ends before its last chunk", code="truncated")
        length, name = struct.unpack_from(">I4s", data, at)
        end = at + 12 + length
        if end > len(data):
            raise FilmError("The PNG ends inside a chunk", code="truncated")
        if name == b"IHDR" and length >= 13:
            width, height, bits = struct.unpack_from(">IIB", data, at + 8)
        elif name == b"eXIf":
            orientation = exif_orientation(data[at + 8 : end - 4])
        elif name == b"acTL" and length >= 4:
            frames = max(1, struct.unpack_from(">I", data, at + 8)[0])
        # A capital first letter marks a chunk without which the picture cannot be drawn.
        if name[:1].isupper() or name == b"tRNS":
            kept.append(data[at:end])
        if name == b"IEND":
            return Bare(b"".join(kept), width, height, orientation, frames, bits)
        at = end


_TIFF_SCALARS: Final = (256, 257, 259, 262, 266, 277, 278, 284, 317, 322, 323)
_TIFF_KEPT: Final = frozenset(
    (*_TIFF_SCALARS, 258, 273, 279, 292, 293, 320, 324, 325, 338, 339, 347, 529, 530, 531, 532)
)


def bare_tiff(data: bytes) -> Bare:
    """Keep the first page of a TIFF or BigTIFF, and of its tags what decoding needs.

    Raises:
        FilmError: The directory is broken, or the pixels lie beyond the end of the file.
    """
    page = _Directory(data)
    for tag in _TIFF_SCALARS:
        if tag in page.entries and len(page.numbers(tag)) != 1:
            raise FilmError(f"TIFF tag {tag} should hold one value", code="corrupt")

    def scalar(tag: int, default: int) -> int:
        return page.numbers(tag)[0] if tag in page.entries else default

    for offsets, counts in ((273, 279), (324, 325)):
        for start, count in zip(page.numbers(offsets), page.numbers(counts), strict=False):
            if start + count > len(data):
                raise FilmError("The TIFF ends before its pixels do", code="truncated")
    tile = scalar(322, 0) * scalar(323, 0)
    width, height = scalar(256, 0), scalar(257, 0)
    # A tile is allocated whole, however small the picture.
    if tile > 4 * max(width * height, 1 << 20):
        raise FilmError("The TIFF claims tiles much larger than its picture", code="corrupt")
    white_is_zero = scalar(262, 1) == 0
    entries = {tag: entry for tag, entry in page.entries.items() if tag in _TIFF_KEPT}
    if white_is_zero:
        entries[262] = page.short_entry(262, 1)
    return Bare(
        page.rewritten(entries),
        width,
        height,
        next(iter(value for value in page.numbers(274) if 1 <= value <= 8), 1),
        page.count_pages(),
        max(page.numbers(258), default=1),
        white_is_zero,
        tuple(page.entries),
    )


_MOST_TAGS: Final = 100_000
_UNSIGNED: Final = {1: "B", 3: "H", 4: "I", 16: "Q"}


class _Directory:
    """The first directory of a TIFF file (TIFF 6.0, section 2), classic or BigTIFF."""

    def __init__(self, data: bytes):
        self.data = data
        self.order = {b"II": "<", b"MM": ">"}.get(data[:2], "")
        magic = struct.unpack_from(f"{self.order}H", data, 2)[0] if self.order and len(data) >= 8 else 0
        if magic not in (42, 43):
            raise FilmError("The TIFF header is broken", code="corrupt")
        self.big = magic == 43
        # Count of entries; an entry without its value; a value or offset.
        self.count, self.head, self.word = ("Q", "HHQ", "Q") if self.big else ("H", "HHI", "I")
        first = self._unpack(self.word, 8 if self.big else 4)[0]
        self.entries, self.next = self._read(first)

    def _unpack(self, form: str, at: int) -> tuple[int, ...]:
        form = self.order + form
        if at < 0 or at + struct.calcsize(form) > len(self.data):
            raise FilmError("The TIFF ends inside its directory", code="truncated")
        return struct.unpack_from(form, self.data, at)

    def _read(self, at: int) -> tuple[dict[int, bytes], int]:
        number = self._unpack(self.count, at)[0]
        at += struct.calcsize(f"={self.count}")
        size = 20 if self.big else 12
        if at + number * size > len(self.data):
            raise FilmError("The TIFF ends inside its directory", code="truncated")
        entries: dict[int, bytes] = {}
        for index in range(number):
            entry = self.data[at + index * size : at + (index + 1) * size]
            entries.setdefault(struct.unpack_from(f"{self.order}H", entry)[0], entry)
        return entries, self._unpack(self.word, at + number * size)[0]

    def numbers(self, tag: int) -> tuple[int, ...]:
        """Values of a tag that holds unsigned whole numbers; empty if it is absent or of another kind."""
        return self._values(self.entries.get(tag))

    def _values(self, entry: bytes | None) -> tuple[int, ...]:
        if entry is None:
            return ()
        tag, kind, count = struct.unpack_from(self.order + self.head, entry)
        if kind not in _UNSIGNED:
            return ()
        start = struct.calcsize("=" + self.head)
        if count > len(self.data):
            raise FilmError(f"TIFF tag {tag} is larger than the file", code="truncated")
        form = f"{count}{_UNSIGNED[kind]}"
        if struct.calcsize("=" + form) <= len(entry) - start:
            return struct.unpack_from(self.order + form, entry, start)
        at = struct.unpack_from(self.order + self.word, entry, start)[0]
        return self._unpack(form, at)

    def short_entry(self, tag: int, value: int) -> bytes:
        """A directory entry that holds one 16-bit number."""
        packed = struct.pack(f"{self.order}{self.head}H", tag, 3, 1, value)
        return packed.ljust(20 if self.big else 12, b"\x00")

    def count_pages(self) -> int:
        """Pages of the file, thumbnails (NewSubfileType bit 0) not counted."""
        pages, following, seen, tags = 1, self.next, set[int](), 0
        while following and following not in seen and len(seen) < 1000:
            seen.add(following)
            try:
                # Directories may overlap, so that a small file holds a thousand large ones.
                tags += self._unpack(self.count, following)[0]
                if tags > _MOST_TAGS:
                    break
                entries, after = self._read(following)
            except FilmError:
                break
            pages += not next(iter(self._values(entries.get(254))), 0) & 1
            following = after
        return pages

    def rewritten(self, entries: dict[int, bytes]) -> bytes:
        """The file with a directory of these entries alone, put at its end."""
        body = self.data + b"\x00" * (len(self.data) % 2)
        directory = struct.pack(self.order + self.count, len(entries))
        directory += b"".join(entries[tag] for tag in sorted(entries))
        directory += struct.pack(self.order + self.word, 0)
        at = 8 if self.big else 4
        pointer = struct.pack(self.order + self.word, len(body))
        return body[:at] + pointer + body[at + len(pointer) :] + directory
