"""measure_film: the file of a film, read and decoded once -> FilmFacts and a thumbnail."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageChops, ImageFile

from lucency.datasets.audit.file_headers import file_header
from lucency.datasets.audit.film_facts import FilmFacts
from lucency.datasets.audit.survey import THUMB
from lucency.errors import FilmError, MissingExtraError
from lucency.imaging import read_radiograph, to_input
from lucency.imaging.rasters import open_raster
from lucency.imaging.readers import film_bytes
from lucency.imaging.signatures import HEAD_BYTES, sniff

COLOURED = 40
"""A pixel is clearly coloured where its channels differ by more: JPEG makes grey differ by less than 20."""

# Colour is looked for at this size or up to twice of it. A JPEG can be decoded smaller at once, and its colours are
# mostly stored at half size anyway.
_JPEG_SIDE: Final = 160
_OTHER_SIDE: Final = 640

_CHANNELS: Final = {"LA": 2, "RGB": 3, "YCbCr": 3, "LAB": 3, "HSV": 3, "RGBA": 4, "RGBX": 4, "CMYK": 4}


def measure_film(path: str) -> tuple[FilmFacts, npt.NDArray[np.uint8] | None]:
    """Reads one file, decodes it completely and measures it.

    Args:
        path: The file.

    Returns:
        The facts, and the film as `THUMB`: uint8 (160, 160), 0..255. Where the film cannot be read there is no
        thumbnail, and the facts have its code.
    """
    data = b""
    try:
        data = film_bytes(path)
        film = read_radiograph(data)
        thumb, _ = to_input(film.pixels, THUMB)
        facts: dict[str, Any] = {"sha256": film.sha256, "size": len(data), "warnings": film.warnings}
        facts |= _pixels(film.pixels)
        metadata = film.metadata
        # The largest films fill a good part of memory; the header may have to decode their colours.
        del film
        facts |= _header_or_kind(data, metadata)
        return FilmFacts(**facts), thumb[:, :, 0]
    except (FilmError, MissingExtraError) as refused:
        return _unread(path, data, refused), None
    except MemoryError:
        error = FilmError("There is not enough memory to measure the film", code="too_large")
        return _unread(path, data, error), None


def _unread(path: str, data: bytes, error: FilmError | MissingExtraError) -> FilmFacts:
    size, sha256 = len(data), hashlib.sha256(data).hexdigest() if data else ""
    if not data:
        with suppress(OSError):
            status = os.stat(path)
            size = status.st_size
            # What is no film by its first bytes was not read any further. A pipe would never end.
            if stat.S_ISREG(status.st_mode):
                with open(path, "rb") as file:
                    sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    kind = sniff(data[:HEAD_BYTES]) or ""
    return FilmFacts(sha256=sha256, size=size, format=kind, code=error.code, what=error.what, hint=error.hint or "")


def _pixels(pixels: npt.NDArray[np.float32]) -> dict[str, Any]:
    """What the grey levels tell, mostly from their histogram. The pixels are rounded in place."""
    levels = np.rint(pixels, out=pixels).astype(np.uint8)
    height, width = levels.shape
    counts = np.array(Image.fromarray(levels).histogram(), dtype=np.int64)
    share = counts / levels.size
    grey = np.arange(256)
    mean = float(share @ grey)
    below = np.cumsum(share)
    # A quarter of the rows tells as much.
    rows = levels[::4].astype(np.int16)
    jumps = np.abs(rows[:, 1:] - rows[:, :-1]) > 128
    digest = hashlib.sha256(f"{height} {width} ".encode())
    digest.update(levels.data)
    return {
        "height": height,
        "width": width,
        "mean": round(mean, 3),
        "deviation": round(float(np.sqrt(share @ (grey - mean) ** 2)), 3),
        "low": float(np.searchsorted(below, 0.01)),
        "high": float(np.searchsorted(below, 0.99)),
        "flat": round(float(share.max()), 5),
        "levels": int(np.count_nonzero(counts)),
        "white": round(float(share[255]), 5),
        "jumps": round(float(jumps.mean()), 5),
        "pixel_sha256": digest.hexdigest(),
    }


def _header_or_kind(data: bytes, metadata: Mapping[str, str | int | float]) -> dict[str, Any]:
    kind = str(metadata["format"])
    try:
        return _header(data, metadata, kind)
    except MemoryError:
        raise
    except Exception:
        # A film that can be read is not lost because something beside its pixels is broken.
        return {"format": kind}


def _header(data: bytes, metadata: Mapping[str, str | int | float], kind: str) -> dict[str, Any]:
    if kind == "DICOM":
        grey = str(metadata.get("photometric", "")).startswith("MONOCHROME")
        bits = int(metadata.get("bits_stored", 0)) or 8
        return {"format": kind, "bits": bits, "channels": 1 if grey else 3}
    image, bare = open_raster(data, kind)
    trimmings = file_header(data, kind, bare)
    channels = _CHANNELS.get(image.mode, 1)
    colour = _colour_share(image) if channels >= 3 or image.mode == "P" else 0.0
    if colour > 0 and channels < 3:
        # Scanners save grey films with a palette; only one with colours in it makes a colour film.
        channels = 3
    return {
        "format": kind,
        "bits": bare.bits,
        "channels": channels,
        "frames": bare.frames,
        "orientation": bare.orientation,
        "quantisation": trimmings.quantisation,
        "quality": trimmings.quality,
        "header": trimmings.header,
        "colour": colour,
    }


def _colour_share(image: ImageFile.ImageFile) -> float:
    """Share of pixels whose red, green and blue differ clearly."""
    image.draft("RGB", (_JPEG_SIDE, _JPEG_SIDE))
    # Straight to RGB, Pillow warns about palettes with transparency.
    picture = (image.convert("RGBA") if image.mode == "P" else image).convert("RGB")
    picture = picture.reduce(max(1, min(picture.size) // _OTHER_SIDE))
    red, green, blue = picture.split()
    lightest = ImageChops.lighter(ImageChops.lighter(red, green), blue)
    darkest = ImageChops.darker(ImageChops.darker(red, green), blue)
    counts = ImageChops.subtract(lightest, darkest).histogram()
    return round(sum(counts[COLOURED + 1 :]) / (red.width * red.height), 5)
