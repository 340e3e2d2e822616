"""DICOM files that tests write."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.uid import ExplicitVRLittleEndian, generate_uid

CR_STORAGE = "1.2.840.10008.5.1.4.1.1.1"


def dataset(pixels: np.ndarray, **values: Any) -> Dataset:
    """An 8 x 8 or larger CR film without a window; `values` are set last, None deletes."""
    film = Dataset()
    film.SOPClassUID = CR_STORAGE
    film.SOPInstanceUID = "1.2.3.4"
    film.Modality = "CR"
    film.Rows, film.Columns = pixels.shape[:2]
    film.SamplesPerPixel = 1 if pixels.ndim == 2 else 3
    film.PhotometricInterpretation = "MONOCHROME2" if pixels.ndim == 2 else "RGB"
    if pixels.ndim == 3:
        film.PlanarConfiguration = 0
    film.BitsAllocated = film.BitsStored = pixels.dtype.itemsize * 8
    film.HighBit = film.BitsStored - 1
    film.PixelRepresentation = int(pixels.dtype.kind == "i")
    film.PixelData = pixels.tobytes()
    film["PixelData"].VR = "OW" if film.BitsAllocated > 8 else "OB"
    for keyword, value in values.items():
        if value is None:
            del film[keyword]
        else:
            setattr(film, keyword, value)
    if "BitsStored" in values and "HighBit" not in values:
        film.HighBit = film.BitsStored - 1
    return film


def written(film: Dataset, syntax: str = ExplicitVRLittleEndian, preamble: bool = True) -> bytes:
    film.file_meta = FileMetaDataset()
    film.file_meta.TransferSyntaxUID = syntax
    film.file_meta.MediaStorageSOPClassUID = film.get("SOPClassUID", CR_STORAGE)
    film.file_meta.MediaStorageSOPInstanceUID = generate_uid(entropy_srcs=["lucency"])
    file = io.BytesIO()
    if preamble:
        film.save_as(file, enforce_file_format=True)
        return file.getvalue()
    bare = Dataset(film)
    bare.save_as(file, implicit_vr=film.file_meta.TransferSyntaxUID.is_implicit_VR, little_endian=True)
    return file.getvalue()


def compressed(film: Dataset, syntax: str, frame: bytes) -> bytes:
    film.PixelData = encapsulate([frame])
    film["PixelData"].VR = "OB"
    film["PixelData"].is_undefined_length = True
    return written(film, syntax)


def lut(first: int, bits: int, entries: list[int], signed: bool = False) -> list[Dataset]:
    item = Dataset()
    item.add_new("LUTDescriptor", "SS" if signed else "US", [len(entries), first, bits])
    item.add_new("LUTData", "US", entries)
    return [item]
