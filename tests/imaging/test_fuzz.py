from __future__ import annotations

import io
import random
import time

import numpy as np
import pytest
from PIL import Image
from pydicom.dataset import FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, RLELossless

from lucency.errors import FILM_ERROR_CODES, FilmError
from lucency.imaging import Radiograph, read_radiograph

from .dicom_files import compressed, dataset, lut, written

NOISE = np.random.default_rng(9).integers(0, 256, (24, 40), dtype=np.uint8)


def _saved(kind: str, pixels: np.ndarray = NOISE, **options) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, kind, **options)
    return file.getvalue()


def _rle(pixels: np.ndarray) -> bytes:
    film = dataset(pixels)
    film.file_meta = FileMetaDataset()
    film.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    film.compress(RLELossless, encoding_plugin="pydicom", generate_instance_uid=False)
    return written(film, RLELossless)


def _lossless(pixels: np.ndarray, syntax: str, encoder: str, **options) -> bytes:
    imagecodecs = pytest.importorskip("imagecodecs")
    return compressed(dataset(pixels), syntax, getattr(imagecodecs, encoder)(pixels, **options))


def _seeds() -> dict[str, bytes]:
    exif = Image.Exif()
    exif[0x0112] = 6
    sixteen = NOISE.astype(np.uint16) * 200
    film = dataset(sixteen, BitsStored=16, WindowCenter="20000", WindowWidth="40000", PixelPaddingValue=0)
    film.VOILUTSequence = lut(0, 8, [0, 100, 255])
    return {
        "jpeg": _saved("JPEG", exif=exif),
        "progressive": _saved("JPEG", progressive=True),
        "png": _saved("PNG", exif=exif),
        "png16": _saved("PNG", sixteen),
        "tiff": _saved("TIFF", tiffinfo={274: 6}),
        "lzw": _saved("TIFF", compression="tiff_lzw"),
        "bmp": _saved("BMP"),
        "gif": _saved("GIF"),
        "webp": _saved("WEBP", exif=exif),
        "dicom": written(film),
        "dicom jpeg": compressed(dataset(NOISE), "1.2.840.10008.1.2.4.50", _saved("JPEG")),
        "dicom rle": _rle(sixteen),
        "dicom lossless": _lossless(sixteen, "1.2.840.10008.1.2.4.70", "ljpeg_encode", bitspersample=16),
        "dicom jpeg-ls": _lossless(sixteen, "1.2.840.10008.1.2.4.80", "jpegls_encode"),
        "dicom jpeg 2000": _lossless(
            sixteen, "1.2.840.10008.1.2.4.90", "jpeg2k_encode", codecformat="j2k", reversible=True
        ),
        "deflated": written(dataset(sixteen), "1.2.840.10008.1.2.1.99"),
    }


def _mutated(data: bytes, chance: random.Random) -> bytes:
    broken = bytearray(data)
    kind = chance.randrange(5)
    if kind == 0:
        return bytes(broken[: chance.randrange(1, len(broken))])
    if kind == 1:
        at = chance.randrange(len(broken))
        del broken[at : at + chance.randrange(1, 40)]
    elif kind == 2:
        at = chance.randrange(len(broken))
        broken[at:at] = bytes(chance.randrange(256) for _ in range(chance.randrange(1, 40)))
    else:
        # Headers are short; most blows should land there.
        reach = len(broken) if kind == 3 else min(len(broken), 200)
        for _ in range(chance.randrange(1, 8)):
            broken[chance.randrange(reach)] = chance.choice((0, 1, 127, 128, 255, chance.randrange(256)))
    return bytes(broken)


def _read(data: bytes) -> Radiograph | FilmError:
    try:
        return read_radiograph(data)
    except FilmError as error:
        return error


@pytest.mark.parametrize("name", list(_seeds()))
def test_mutated_files_end_in_a_film_or_a_film_error(name):
    data = _seeds()[name]
    chance = random.Random(f"lucency {name}")
    read_radiograph(data)
    refused = 0
    for _ in range(40):
        start = time.monotonic()
        outcome = _read(_mutated(data, chance))
        if isinstance(outcome, FilmError):
            refused += 1
            assert outcome.code in FILM_ERROR_CODES
            assert "\n" not in str(outcome)
        else:
            film = outcome
            assert film.pixels.dtype == np.float32
            assert film.pixels.flags.c_contiguous
            assert film.pixels.min() >= 0
            assert film.pixels.max() <= 255
        assert time.monotonic() - start < 20
    assert refused > 0
