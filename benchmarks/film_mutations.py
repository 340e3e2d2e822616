"""Films in every format that is read, and the ways in which files come to be damaged."""

from __future__ import annotations

import io
import random
import struct
import zlib
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from lucency.datasets.synthetic import draw_film

SIZE = (112, 90)

Mutation = Callable[[bytes, random.Random, Mapping[str, bytes]], bytes]


def whole_films(seed: int) -> dict[str, bytes]:
    """One film as a file of each kind; the name is "kind.suffix"."""
    grey = np.asarray(draw_film(seed, fractured=True, size=SIZE).pixels)
    deep = grey.astype(np.uint16) * 257
    colour = np.stack((grey, grey, 255 - grey), axis=2)
    pages = [Image.fromarray(np.roll(grey, 5 * turn)) for turn in range(1, 3)]
    exif = Image.Exif()
    exif[0x0112] = 6
    return {
        "jpeg.jpg": _saved(grey, "JPEG", exif=exif),
        "jpeg_colour.jpg": _saved(colour, "JPEG", quality=80),
        "jpeg_progressive.jpg": _saved(grey, "JPEG", progressive=True),
        "png.png": _saved(grey, "PNG", exif=exif),
        "png_16.png": _saved(deep, "PNG"),
        "png_colour.png": _saved(colour, "PNG"),
        "tiff.tif": _saved(grey, "TIFF", tiffinfo={274: 6}),
        "tiff_16_deflate.tif": _saved(deep, "TIFF", compression="tiff_adobe_deflate"),
        "tiff_lzw.tif": _saved(grey, "TIFF", compression="tiff_lzw"),
        "tiff_packbits.tif": _saved(grey, "TIFF", compression="packbits"),
        "tiff_jpeg.tif": _saved(grey, "TIFF", compression="jpeg"),
        "tiff_pages.tif": _saved(grey, "TIFF", save_all=True, append_images=pages),
        "bmp.bmp": _saved(grey, "BMP"),
        "bmp_colour.bmp": _saved(colour, "BMP"),
        "gif.gif": _saved(grey, "GIF"),
        "gif_animated.gif": _saved(grey, "GIF", save_all=True, append_images=pages),
        "webp.webp": _saved(colour, "WEBP", exif=exif),
        "webp_lossless.webp": _saved(grey, "WEBP", lossless=True),
        **_dicom_films(grey, deep >> 4),
    }


def _saved(pixels: npt.NDArray[Any], kind: str, **options: Any) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, kind, **options)
    return stream.getvalue()


def _dicom_films(grey: npt.NDArray[np.uint8], deep: npt.NDArray[np.uint16]) -> dict[str, bytes]:
    from imagecodecs import ljpeg_encode
    from pydicom import uid

    lossless = ljpeg_encode(deep, bitspersample=16)
    return {
        "dicom.dcm": _dicom(deep, uid.ExplicitVRLittleEndian),
        "dicom_implicit.dcm": _dicom(deep, uid.ImplicitVRLittleEndian),
        "dicom_deflated.dcm": _dicom(deep, uid.DeflatedExplicitVRLittleEndian),
        "dicom_rle.dcm": _dicom(deep, uid.RLELossless),
        "dicom_jpeg.dcm": _dicom(grey, uid.JPEGBaseline8Bit, _saved(grey, "JPEG")),
        "dicom_jpeg_lossless.dcm": _dicom(deep, uid.JPEGLosslessSV1, lossless),
        "dicom_jpeg_ls.dcm": _dicom(deep, uid.JPEGLSLossless),
        "dicom_jpeg_2000.dcm": _dicom(deep, uid.JPEG2000Lossless),
    }


def _dicom(pixels: npt.NDArray[Any], syntax: Any, frame: bytes = b"") -> bytes:
    from pydicom.dataset import Dataset, FileMetaDataset
    from pydicom.encaps import encapsulate
    from pydicom.uid import ExplicitVRLittleEndian

    film = Dataset()
    film.file_meta = FileMetaDataset()
    film.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    film.SOPClassUID = film.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.1"
    film.SOPInstanceUID = film.file_meta.MediaStorageSOPInstanceUID = "1.2.3.4"
    film.Modality = "CR"
    film.WindowCenter, film.WindowWidth = "2000", "4000"
    film.Rows, film.Columns = pixels.shape
    film.SamplesPerPixel = 1
    film.PhotometricInterpretation = "MONOCHROME1"
    film.BitsAllocated = pixels.dtype.itemsize * 8
    film.BitsStored = 12 if film.BitsAllocated == 16 else 8
    film.HighBit = film.BitsStored - 1
    film.PixelRepresentation = 0
    film.PixelData = encapsulate([frame]) if frame else pixels.tobytes()
    film["PixelData"].VR = "OB" if frame else "OW"
    film["PixelData"].is_undefined_length = bool(frame)
    if syntax.is_encapsulated and not frame:
        film.compress(syntax, generate_instance_uid=False)
    film.file_meta.TransferSyntaxUID = syntax
    stream = io.BytesIO()
    film.save_as(stream, enforce_file_format=True)
    return stream.getvalue()


def cut(data: bytes, chance: random.Random, others: Mapping[str, bytes]) -> bytes:
    """A download that broke off."""
    return data[: chance.randrange(1, len(data))]


def zero_tail(data: bytes, chance: random.Random, others: Mapping[str, bytes]) -> bytes:
    """A download that broke off and was filled up with zeros."""
    at = chance.randrange(1, len(data))
    return data[:at] + bytes(len(data) - at)


def flip_bits(data: bytes, chance: random.Random, others: Mapping[str, bytes]) -> bytes:
    """A bad disk."""
    broken = bytearray(data)
    for _ in range(chance.choice((1, 1, 2, 8, 64))):
        broken[chance.randrange(len(broken))] ^= 1 << chance.randrange(8)
    return bytes(broken)


def blows_on_header(data: bytes, chance: random.Random, others: Mapping[str, bytes]) -> bytes:
    """Odd values in the first bytes, where sizes and depths are told."""
    broken = bytearray(data)
    for _ in range(chance.randrange(1, 8)):
        at = chance.randrange(min(len(broken), chance.choice((40, 200, 900))))
        broken[at] = chance.choice((0, 1, 127, 128, 255, chance.randrange(256)))
    return bytes(broken)


def splice(data: bytes, chance: random.Random, others: Mapping[str, bytes]) -> bytes:
    """The beginning of one film and the rest of another, of any format."""
    other = others[chance.choice(sorted(others))]
    at = chance.choice((2, 4, 8, 12, 132, 200, chance.randrange(1, len(other))))
    return other[:at] + data[chance.choice((at, 0, chance.randrange(len(data)))) :]


def repeat(data: bytes, chance: random.Random, others: Mapping[str, bytes]) -> bytes:
    """A stretch of the file twice, or many times."""
    start = chance.randrange(len(data))
    stop = min(len(data), start + chance.choice((4, 20, 200, 2000)))
    return data[:stop] + data[start:stop] * chance.choice((1, 1, 3, 50)) + data[stop:]


def insert(data: bytes, chance: random.Random, others: Mapping[str, bytes]) -> bytes:
    """Bytes that do not belong there."""
    at = chance.randrange(len(data))
    return data[:at] + chance.randbytes(chance.choice((1, 2, 16, 300))) + data[at:]


def leave_out(data: bytes, chance: random.Random, others: Mapping[str, bytes]) -> bytes:
    """A stretch of the file is missing."""
    at = chance.randrange(len(data))
    return data[:at] + data[at + chance.choice((1, 2, 16, 300)) :]


def huge_numbers(data: bytes, chance: random.Random, others: Mapping[str, bytes]) -> bytes:
    """Lengths, counts and sizes that cannot be: at random places of the header, and where a format keeps them."""
    broken = bytearray(data)
    for _ in range(chance.randrange(1, 4)):
        form, value = chance.choice(
            (
                ("<H", 0xFFFF),
                (">H", 0xFFFF),
                (">H", 0x7530),
                ("<I", 0xFFFFFFFF),
                (">I", 0x7FFFFFFF),
                ("<I", 0x7FFFFFFF),
                ("<I", 0x00010000),
                (">I", 0x00002710),
            )
        )
        places = _length_fields(data)
        at = chance.choice(places) if places and chance.random() < 0.7 else chance.randrange(min(len(data), 600))
        if at + struct.calcsize(form) <= len(broken):
            struct.pack_into(form, broken, at, value)
    return bytes(broken)


def _length_fields(data: bytes) -> list[int]:
    """Where a file keeps lengths and sizes, roughly."""
    if data.startswith(b"\x89PNG"):
        return [at - 4 for name in (b"IDAT", b"IEND", b"eXIf") if (at := data.find(name)) > 0] + [16, 20]
    if data.startswith(b"\xff\xd8"):
        return [at + 2 for at in range(2, min(len(data) - 1, 1000)) if data[at] == 0xFF and data[at + 1] >= 0xC0]
    if data[:2] in (b"II", b"MM"):
        order = "<" if data[:2] == b"II" else ">"
        at = struct.unpack_from(f"{order}I", data, 4)[0]
        count = struct.unpack_from(f"{order}H", data, at)[0] if at + 2 <= len(data) else 0
        return [at + 2 + 12 * entry + part for entry in range(min(count, 40)) for part in (4, 8)]
    if data.startswith(b"GIF"):
        return [6, 8, 785, 787]
    if data.startswith(b"RIFF"):
        return [4, 16, 24, 26, 27, 30]
    if data.startswith(b"BM"):
        return [2, 10, 14, 18, 22, 34, 46]
    names = (b"\x28\x00\x10\x00", b"\x28\x00\x11\x00", b"\xe0\x7f\x10\x00", b"\xfe\xff\x00\xe0")
    return [at + 8 for name in names if (at := data.find(name)) > 0]


def mend_checksums(data: bytes) -> bytes:
    """A PNG whose chunks have right checksums again, so that damage reaches the decoder."""
    parts, at = [data[:8]], 8
    while at + 12 <= len(data):
        length = struct.unpack_from(">I", data, at)[0]
        body = data[at + 4 : at + 8 + length]
        parts += [data[at : at + 4], body, struct.pack(">I", zlib.crc32(body))]
        at += 12 + length
    return b"".join(parts)


MUTATIONS: dict[str, Mutation] = {
    "cut": cut,
    "zero_tail": zero_tail,
    "flip_bits": flip_bits,
    "blows_on_header": blows_on_header,
    "splice": splice,
    "repeat": repeat,
    "insert": insert,
    "leave_out": leave_out,
    "huge_numbers": huge_numbers,
}
"""To add a kind of damage, add a row."""


def damaged(name: str, films: Mapping[str, bytes], kind: str, chance: random.Random) -> bytes:
    """A film with one kind of damage, now and then with two.

    Args:
        name: Of the film in `films`.
        films: As `whole_films` gives them.
        kind: One of `MUTATIONS`.
        chance: Where all that is random comes from.
    """
    data = MUTATIONS[kind](films[name], chance, films)
    if data and chance.random() < 0.2:
        data = MUTATIONS[chance.choice(sorted(MUTATIONS))](data, chance, films)
    return mend_checksums(data) if data.startswith(b"\x89PNG") and chance.random() < 0.5 else data
