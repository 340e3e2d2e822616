"""FilmFacts: what one full decode of a film's file tells about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any


@dataclass(frozen=True)
class FilmFacts:
    """What is known of one file once it has been decoded, or why it could not be.

    Attributes:
        sha256: Of the bytes, hexadecimal; "" where the file could not be read at all.
        size: Bytes of the file.
        format: "JPEG", "PNG", "TIFF", "BMP", "GIF", "WebP" or "DICOM" by content; "" where it is none of them.
        height: Rows of the upright film; 0 where it could not be decoded.
        width: Columns of the upright film; likewise.
        bits: Bits of a stored sample, 8 where the file does not say.
        channels: Stored channels: 1 grey, 3 colour, 4 with transparency (2 where grey with transparency).
        frames: Pictures in the file, of which the first was read.
        orientation: EXIF orientation, 1..8.
        quantisation: Twelve hexadecimal digits of a hash of the JPEG's quantisation tables; "" elsewhere.
        quality: Estimated JPEG quality, 1..100; 0 elsewhere.
        header: Names of the blocks that wrap the pixels ("JFIF", "Exif", "ICC", "XMP", "Adobe", "comment", PNG
            chunk names, ...), sorted and joined by a space; never their content.
        mean: Mean grey level of the upright film, 0..255, bone bright.
        deviation: Standard deviation of the same.
        low: First percentile of the same.
        high: 99th percentile of the same.
        flat: Share of pixels that have the commonest of the 256 grey levels, 0..1.
        levels: How many of the 256 grey levels occur.
        white: Share of pixels that are white, 255, once rounded; 0..1.
        jumps: Share of pixels that differ by more than 128 from their neighbour in the row; 0..1.
        colour: Share of pixels that are clearly coloured, 0..1.
        pixel_sha256: Hash of size and grey levels (rounded to 8 bits) of the upright film; "" where there is none.
        code: Of the FilmError, "" where the film could be read.
        what: Its sentence.
        hint: What it says to do.
        warnings: What the reader had to guess or leave out.
    """

    sha256: str = ""
    size: int = 0
    format: str = ""
    height: int = 0
    width: int = 0
    bits: int = 8
    channels: int = 1
    frames: int = 1
    orientation: int = 1
    quantisation: str = ""
    quality: int = 0
    header: str = ""
    mean: float = 0.0
    deviation: float = 0.0
    low: float = 0.0
    high: float = 0.0
    flat: float = 0.0
    levels: int = 0
    white: float = 0.0
    jumps: float = 0.0
    colour: float = 0.0
    pixel_sha256: str = ""
    code: str = ""
    what: str = ""
    hint: str = ""
    warnings: tuple[str, ...] = ()

    @property
    def readable(self) -> bool:
        """Whether the film could be decoded."""
        return not self.code

    def to_json(self) -> dict[str, Any]:
        """The facts as plain JSON values, one key for each attribute that is not at its default."""
        plain = {item.name: value for item in fields(self) if (value := getattr(self, item.name)) != item.default}
        return plain | ({"warnings": list(self.warnings)} if self.warnings else {})

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> FilmFacts:
        """Reads what `to_json` wrote.

        Raises:
            KeyError: A key is unknown.
        """
        known = {item.name for item in fields(cls)}
        unknown = set(values) - known
        if unknown:
            raise KeyError(", ".join(sorted(unknown)))
        return cls(**{**values, "warnings": tuple(values.get("warnings", ()))})
