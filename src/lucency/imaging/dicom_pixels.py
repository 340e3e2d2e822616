"""DICOM pixel data -> stored values, for every transfer syntax that can be decoded (PS3.5 8 and annex A)."""

from __future__ import annotations

import struct
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from lucency.errors import FilmError
from lucency.imaging.containers import check_passes

_COLOUR: Final = (
    "RGB",
    "YBR_FULL",
    "YBR_FULL_422",
    "YBR_PARTIAL_422",
    "YBR_PARTIAL_420",
    "YBR_ICT",
    "YBR_RCT",
)
_JPEG_EXTENDED: Final = "1.2.840.10008.1.2.4.51"
_RLE: Final = "1.2.840.10008.1.2.5"
_JPEG_LOSSLESS: Final = ("1.2.840.10008.1.2.4.57", "1.2.840.10008.1.2.4.70")

_OTHER_SIZE: Final = "The picture inside the DICOM has another size than its header says"

# One decoder for each compressed syntax. GDCM is never asked: damaged JPEG data makes it end the process.
_PLUGINS: Final = {
    "1.2.840.10008.1.2.4.50": ("pillow", "pillow"),
    _JPEG_EXTENDED: ("pillow", "pillow"),
    "1.2.840.10008.1.2.4.80": ("pyjpegls", "pyjpegls"),
    "1.2.840.10008.1.2.4.81": ("pyjpegls", "pyjpegls"),
    "1.2.840.10008.1.2.4.90": ("pylibjpeg", "pylibjpeg-openjpeg"),
    "1.2.840.10008.1.2.4.91": ("pylibjpeg", "pylibjpeg-openjpeg"),
    "1.2.840.10008.1.2.4.201": ("pylibjpeg", "pylibjpeg-openjpeg"),
    "1.2.840.10008.1.2.4.202": ("pylibjpeg", "pylibjpeg-openjpeg"),
    "1.2.840.10008.1.2.4.203": ("pylibjpeg", "pylibjpeg-openjpeg"),
    _RLE: ("pydicom", "pydicom"),
}


def decode_pixels(dataset: Any) -> tuple[npt.NDArray[Any], tuple[str, ...]]:
    """Decode the one frame of a dataset whose size has been checked.

    Args:
        dataset: A pydicom Dataset with PixelData. Its transfer syntax is filled in where it is missing.

    Returns:
        Stored values as signed or unsigned integers (H, W) for grey; float32 (H, W, 3) in 0..255, RGB, for
        colour and palettes. And warnings.

    Raises:
        FilmError: Codes "truncated", "corrupt", "unsupported_syntax" or "unsupported_format".
    """
    _fill_in(dataset)
    photometric = str(dataset.get("PhotometricInterpretation", "")).strip()
    samples = int(dataset.SamplesPerPixel)
    known = photometric in ("MONOCHROME1", "MONOCHROME2", "PALETTE COLOR")
    if (samples == 1) != known or (samples != 1 and (samples != 3 or photometric not in _COLOUR)):
        raise FilmError(
            f"Pixels of {samples} samples with this photometric interpretation are not decoded",
            code="unsupported_format",
        )
    notes: tuple[str, ...] = ()
    array = _decode(dataset)
    if array.shape[:2] != (int(dataset.Rows), int(dataset.Columns)):
        raise FilmError(_OTHER_SIZE, code="corrupt")
    if photometric == "PALETTE COLOR":
        return _through_palette(array, dataset), notes
    if samples == 3:
        top = float((1 << int(dataset.BitsStored)) - 1)
        return (array.astype(np.float32) * np.float32(255 / top)).clip(0, 255), notes
    syntax = dataset.file_meta.TransferSyntaxUID
    if not syntax.is_encapsulated or syntax == _RLE:
        array = stored_values(array, int(dataset.BitsStored), int(dataset.HighBit), bool(dataset.PixelRepresentation))
    elif int(array.max()) >= 2 << int(dataset.BitsStored):
        # Lossy compression overshoots a little; twice the range is another matter.
        notes = ("The pixels use more bits than the header says.",)
    return array, notes


def stored_values(
    cells: npt.NDArray[Any], bits_stored: int, high_bit: int, signed: bool
) -> npt.NDArray[np.integer[Any]]:
    """Take stored values out of their cells (PS3.5 8.1.1): bits above or below them may hold anything.

    Args:
        cells: Integer (H, W) as allocated.
        bits_stored: Bits of a value.
        high_bit: Position of its highest bit in the cell.
        signed: Whether values are two's complement.

    Returns:
        Integer (H, W) of the same kind.
    """
    # Big endian files arrive as big endian arrays, whose bytes must not be taken as they lie.
    cells = cells.astype(cells.dtype.newbyteorder("="), copy=False)
    allocated = cells.dtype.itemsize * 8
    if bits_stored == allocated:
        return cells.view(f"{'i' if signed else 'u'}{cells.dtype.itemsize}")
    bare = cells.view(f"u{cells.dtype.itemsize}") >> (high_bit + 1 - bits_stored)
    bare &= (1 << bits_stored) - 1
    if not signed:
        return bare
    sign = 1 << (bits_stored - 1)
    wide = bare.astype(np.int64)
    return ((wide ^ sign) - sign).astype(f"i{cells.dtype.itemsize}")


def _fill_in(dataset: Any) -> None:
    """Make up for what files leave out, and refuse what contradicts itself."""
    from pydicom.dataset import FileMetaDataset
    from pydicom.uid import ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian

    if not hasattr(dataset, "file_meta"):
        dataset.file_meta = FileMetaDataset()
    if not dataset.file_meta.get("TransferSyntaxUID"):
        implicit, little = dataset.original_encoding
        guess = ImplicitVRLittleEndian if implicit else ExplicitVRLittleEndian
        dataset.file_meta.TransferSyntaxUID = guess if little else ExplicitVRBigEndian
    allocated = dataset.get("BitsAllocated")
    if allocated not in (1, 8, 16, 32):
        raise FilmError(f"Cells of {allocated} bits are not decoded", code="unsupported_format")
    stored = dataset.get("BitsStored") or allocated
    high = dataset.get("HighBit")
    high = stored - 1 if high is None else high
    if not 1 <= stored <= allocated or not stored - 1 <= high < allocated:
        raise FilmError("Bits allocated, bits stored and high bit contradict each other", code="corrupt")
    dataset.BitsStored, dataset.HighBit = stored, high
    if dataset.get("SamplesPerPixel") is None:
        dataset.SamplesPerPixel = 1
    if dataset.get("PixelRepresentation") not in (0, 1):
        dataset.PixelRepresentation = 0


def _decode(dataset: Any) -> npt.NDArray[Any]:
    from pydicom.pixels.decoders.base import get_decoder

    syntax = dataset.file_meta.TransferSyntaxUID
    name = syntax.name if not syntax.is_private else "a private syntax"
    try:
        decoder = get_decoder(syntax)
    except NotImplementedError as error:
        raise FilmError(f"The transfer syntax ({name}) is not decoded", code="unsupported_syntax") from error
    if decoder.is_native:
        _refuse_short(dataset)
        return _array(decoder, dataset, "")
    if syntax not in _PLUGINS and syntax not in _JPEG_LOSSLESS:
        raise FilmError(f"The transfer syntax ({name}) is not decoded", code="unsupported_syntax")
    if syntax != _RLE:
        frame = _frame(dataset)
        precision, rows, columns = _frame_header(frame)
        check_passes(frame)
        # Decoders take memory for the size that the compressed picture claims.
        if (rows, columns) != (int(dataset.Rows), int(dataset.Columns)):
            raise FilmError(_OTHER_SIZE, code="corrupt")
        if syntax in _JPEG_LOSSLESS or (syntax == _JPEG_EXTENDED and precision != 8):
            return _decode_deep_jpeg(dataset, name)
    plugin, package = _PLUGINS[syntax]
    if plugin not in decoder.available_plugins:
        raise _missing(name, package)
    return _array(decoder, dataset, plugin)


def _array(decoder: Any, dataset: Any, plugin: str) -> npt.NDArray[Any]:
    array: npt.NDArray[Any] = decoder.as_array(dataset, index=0, decoding_plugin=plugin)[0]
    return array


def _missing(name: str, package: str) -> FilmError:
    return FilmError(
        f"The transfer syntax ({name}) needs {package}, which is not installed",
        code="unsupported_syntax",
        hint='Install it with: pip install "lucency[dicom]"',
    )


def _refuse_short(dataset: Any) -> None:
    """Uncompressed pixels fill a length that the header tells (PS3.5 8.1.1)."""
    bits = int(dataset.Rows) * int(dataset.Columns) * int(dataset.BitsAllocated)
    samples = int(dataset.SamplesPerPixel)
    # Two pixels of YBR_FULL_422 share their colour.
    bits = bits * 2 if str(dataset.PhotometricInterpretation).endswith("_422") else bits * samples
    if len(dataset.PixelData) < (bits + 7) // 8:
        raise FilmError("The DICOM ends before its pixels do", code="truncated")


def _frame(dataset: Any) -> bytes:
    from pydicom.encaps import get_frame

    frame: bytes = get_frame(dataset.PixelData, 0, number_of_frames=1)
    return frame


def _frame_header(frame: bytes) -> tuple[int, int, int]:
    """Bits of a sample, rows and columns of a JPEG, JPEG-LS or JPEG 2000 picture.

    By ISO 10918-1 B.2.2, ISO 14495-1 C.2.2 and ISO 15444-1 A.5.1.

    Raises:
        FilmError: There is no such header.
    """
    start = frame.find(b"\xff\x4f\xff\x51", 0, 4096)
    if start >= 0 and len(frame) >= start + 43:
        right, bottom, left, top = struct.unpack_from(">4I", frame, start + 8)
        return (frame[start + 42] & 0x7F) + 1, bottom - top, right - left
    at = 2
    while at + 9 <= len(frame) and frame[at] == 0xFF:
        marker = frame[at + 1]
        if marker == 0xF7 or (0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC)):
            precision, rows, columns = struct.unpack_from(">BHH", frame, at + 4)
            return precision, rows, columns
        at += 2 + int.from_bytes(frame[at + 2 : at + 4], "big")
    raise FilmError("The picture inside the DICOM has no header", code="corrupt")


def _decode_deep_jpeg(dataset: Any, name: str) -> npt.NDArray[Any]:
    """12-bit and lossless JPEG, which no other permissively licensed decoder reads safely."""
    try:
        from imagecodecs import jpeg8_decode
    except ImportError as error:
        raise _missing(name, "imagecodecs") from error
    frame = _frame(dataset)
    # libjpeg makes up what is missing at the end and only warns.
    if b"\xff\xd9" not in frame[-64:]:
        raise FilmError("The picture inside the DICOM ends early", code="truncated")
    array: npt.NDArray[Any] = jpeg8_decode(frame)
    if array.ndim == 2 and dataset.PixelRepresentation == 1:
        array = stored_values(array, int(dataset.BitsStored), int(dataset.BitsStored) - 1, True)
    return array


def _through_palette(array: npt.NDArray[Any], dataset: Any) -> npt.NDArray[np.float32]:
    """PALETTE COLOR (PS3.3 C.7.9): 8 or 16 bits a colour by the descriptor's third value."""
    from pydicom.pixels.processing import apply_color_lut

    colour = apply_color_lut(array, dataset)
    top = 255 if colour.dtype.itemsize == 1 else 65535
    if top == 65535 and int(colour.max()) <= 255:
        # Often written: a 16-bit descriptor with 8-bit entries.
        top = 255
    return colour.astype(np.float32) * np.float32(255 / top)
