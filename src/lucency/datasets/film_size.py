"""Size of a film from its header, for boxes that are measured in shares or on the film as it is stored."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from lucency.imaging.containers import bare_jpeg, bare_png, bare_tiff
from lucency.imaging.signatures import HEAD_BYTES, sniff

_BARE = {"JPEG": bare_jpeg, "PNG": bare_png, "TIFF": bare_tiff}


class FilmSize(NamedTuple):
    """Size of a film.

    Attributes:
        width: Columns as stored.
        height: Rows as stored.
        orientation: EXIF orientation, 1..8; 5 and above swap rows and columns.
    """

    width: int
    height: int
    orientation: int = 1

    @property
    def upright(self) -> tuple[int, int]:
        """Width and height of the upright film, as `read_radiograph` gives it."""
        return (self.height, self.width) if self.orientation >= 5 else (self.width, self.height)


def film_size(path: str) -> FilmSize | None:
    """Size of a film, from its header alone; None where it cannot be told.

    A film that cannot be read must not stop a scan: it becomes a Finding when it is prepared.

    Args:
        path: The film.
    """
    try:
        data = Path(path).read_bytes()
        kind = sniff(data[:HEAD_BYTES])
        if kind == "DICOM":
            return _dicom_size(path)
        if kind in _BARE:
            bare = _BARE[kind](data)
            if bare.width:
                return FilmSize(bare.width, bare.height, bare.orientation)
        return _raster_size(path) if kind else None
    except Exception:
        # Broken headers make decoders raise almost anything.
        return None


def _dicom_size(path: str) -> FilmSize | None:
    from lucency.datasets.dicom_header import read_header

    header = read_header(path, ("Rows", "Columns"))
    return None if header is None else FilmSize(int(header.Columns), int(header.Rows))


def _raster_size(path: str) -> FilmSize:
    from PIL import Image

    with Image.open(path) as image:
        return FilmSize(*image.size, int(image.getexif().get(0x0112, 1)))
