"""JPEG, PNG, TIFF, BMP, GIF and WebP bytes -> upright grey levels."""

from __future__ import annotations

import io
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageFile

from lucency.errors import FilmError
from lucency.imaging.animations import bare_gif, bare_webp
from lucency.imaging.containers import Bare, bare_jpeg, bare_png, bare_tiff

MAX_PIXELS: Final = 100_000_000
"""A film that claims more pixels is refused before memory is taken for it."""

MIN_SIDE: Final = 8
"""A film with a shorter side is refused."""

# What detectors deliver inside 16-bit files. A 15-bit detector is not known.
_DETECTOR_BITS: Final = (8, 10, 12, 14)


class Raster(NamedTuple):
    """Decoded grey levels.

    Attributes:
        pixels: float32 (H, W), 0..255, upright.
        warnings: What had to be guessed or left out.
    """

    pixels: npt.NDArray[np.float32]
    warnings: tuple[str, ...]


def check_size(width: int, height: int) -> None:
    """Refuse a film that is too large to hold or too small to be one.

    Raises:
        FilmError: With code "too_large", "too_small", or "corrupt" where a side is not positive.
    """
    if width < 1 or height < 1:
        raise FilmError(f"The header claims {width} x {height} pixels", code="corrupt")
    if width * height > MAX_PIXELS:
        raise FilmError(
            f"The header claims {width} x {height} pixels; the limit is {MAX_PIXELS // 1_000_000} million",
            code="too_large",
            hint="Check the file; a real film is smaller",
        )
    if min(width, height) < MIN_SIDE:
        raise FilmError(f"The picture is {width} x {height} pixels; each side needs {MIN_SIDE}", code="too_small")


def read_raster(data: bytes, kind: str) -> Raster:
    """Decode a picture file completely.

    Args:
        data: The file.
        kind: "JPEG", "PNG", "TIFF", "BMP", "GIF" or "WebP".

    Raises:
        FilmError: The picture is refused. Decoders raise what else they like; the caller turns it into a
            FilmError.
    """
    image, bare = open_raster(data, kind)
    image.load()
    pixels, warnings = _grey_levels(image, bare)
    if bare.frames > 1:
        what = "pages" if kind == "TIFF" else "frames"
        warnings = (*warnings, f"The file holds {bare.frames} {what}; only the first was read.")
    return Raster(upright(pixels, bare.orientation), warnings)


def open_raster(data: bytes, kind: str) -> tuple[ImageFile.ImageFile, Bare]:
    """A picture file whose header has been read and whose size is fit to be decoded.

    Args:
        data: The file.
        kind: "JPEG", "PNG", "TIFF", "BMP", "GIF" or "WebP".

    Raises:
        FilmError: As `read_raster`.
    """
    bare = _unwrap(data, kind)
    if bare.width:
        check_size(bare.width, bare.height)
    image = _open(bare.data, kind)
    check_size(*image.size)
    return image, bare


def _unwrap(data: bytes, kind: str) -> Bare:
    if kind == "JPEG":
        return bare_jpeg(data)
    if kind == "PNG":
        return bare_png(data)
    if kind == "TIFF":
        return bare_tiff(data)
    if kind == "GIF":
        return bare_gif(data)
    if kind == "WebP":
        return bare_webp(data)
    return Bare(data)


def _open(data: bytes, kind: str) -> ImageFile.ImageFile:
    # The decoder's class rather than Image.open: no other format may answer, and Image.open warns (through
    # the process-wide filters, which threads cannot change safely) about sizes that `check_size` already
    # judged.
    stream = io.BytesIO(data)
    if kind == "JPEG":
        from PIL.JpegImagePlugin import JpegImageFile

        return JpegImageFile(stream)
    if kind == "PNG":
        from PIL.PngImagePlugin import PngImageFile

        return PngImageFile(stream)
    if kind == "TIFF":
        from PIL.TiffImagePlugin import TiffImageFile

        return TiffImageFile(stream)
    if kind == "GIF":
        from PIL.GifImagePlugin import GifImageFile

        return GifImageFile(stream)
    if kind == "WebP":
        from PIL.WebPImagePlugin import WebPImageFile

        return WebPImageFile(stream)
    from PIL.BmpImagePlugin import BmpImageFile

    return BmpImageFile(stream)


def _grey_levels(image: Image.Image, bare: Bare) -> tuple[npt.NDArray[np.float32], tuple[str, ...]]:
    mode = image.mode
    if mode == "F":
        return _from_float(np.asarray(image), bare.white_is_zero), ()
    if mode.startswith("I"):
        return _from_integers(np.asarray(image), bare, image.info.get("transparency"))
    alpha: Image.Image | None = None
    if mode in ("LA", "PA", "RGBA", "La", "RGBa") or "transparency" in image.info:
        image = image.convert("LA" if mode in ("1", "L", "LA", "La") else "RGBA")
        alpha = image.getchannel("A")
    if image.mode not in ("1", "L", "LA", "RGB", "RGBA"):
        image = image.convert("RGB")
    grey = np.array(image.getchannel(0) if image.mode == "LA" else image.convert("L"), dtype=np.float32)
    if bare.white_is_zero:
        grey = 255 - grey
    if alpha is not None:
        grey *= np.asarray(alpha, dtype=np.float32) / np.float32(255)
    return grey, ()


def _from_float(values: npt.NDArray[np.float32], white_is_zero: bool) -> npt.NDArray[np.float32]:
    low, high = float(values.min()), float(values.max())
    if not (low >= 0 and high <= 255):
        raise FilmError(
            f"The floating-point values run from {low:g} to {high:g}, so their grey levels cannot be known",
            code="unsupported_format",
            hint="Save the film with values in 0..1 or 0..255, or as 16-bit integers",
        )
    levels = values * np.float32(255) if high <= 1 else values.copy()
    return 255 - levels if white_is_zero else levels


def _from_integers(
    values: npt.NDArray[np.integer], bare: Bare, transparent: object
) -> tuple[npt.NDArray[np.float32], tuple[str, ...]]:
    low, high = int(values.min()), int(values.max())
    if low < 0 or high > 65535:
        raise FilmError(
            f"The values run from {low} to {high}, which is outside of 16 unsigned bits",
            code="unsupported_format",
            hint="Save the film with 8 or 16 bits",
        )
    declared = bare.bits if 8 < bare.bits < 16 else 16
    used = next((bits for bits in _DETECTOR_BITS if high < 1 << bits), declared)
    warnings: tuple[str, ...] = ()
    if used < declared:
        warnings = (
            f"A {declared}-bit file whose values stay under {1 << used}: read as a {used}-bit film, "
            f"{(1 << used) - 1} shown as white.",
        )
    used = min(used, declared)
    top = (1 << used) - 1
    levels = values.astype(np.float32) * np.float32(255 / top)
    if bare.white_is_zero:
        levels = 255 - levels
    if isinstance(transparent, int):
        levels[values == transparent] = 0
    return levels, warnings


def upright(pixels: npt.NDArray[np.float32], orientation: int) -> npt.NDArray[np.float32]:
    """Undo an EXIF orientation (Exif 2.3, tag 0x0112).

    Args:
        pixels: float32 (H, W) as stored.
        orientation: 1..8.

    Returns:
        float32 (H, W), or (W, H) for 5..8, in a memory block of its own.
    """
    turned = {
        1: pixels,
        2: pixels[:, ::-1],
        3: pixels[::-1, ::-1],
        4: pixels[::-1],
        5: pixels.T,
        6: pixels[::-1].T,
        7: pixels[::-1, ::-1].T,
        8: pixels[:, ::-1].T,
    }[orientation]
    return np.ascontiguousarray(turned)
