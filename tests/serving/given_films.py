"""Films of three formats that tests give to the page."""

from __future__ import annotations

from io import BytesIO

import numpy as np
import pydicom
from PIL import Image
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ComputedRadiographyImageStorage, ExplicitVRLittleEndian, generate_uid

from lucency.datasets.synthetic import draw_film

FRACTURED, WHOLE = draw_film(503, fractured=True).pixels, draw_film(500, fractured=False).pixels


def saved(pixels: np.ndarray, kind: str) -> bytes:
    stream = BytesIO()
    Image.fromarray(pixels).save(stream, kind)
    return stream.getvalue()


def dicom_film() -> bytes:
    film = Dataset()
    film.file_meta = FileMetaDataset()
    film.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    film.file_meta.MediaStorageSOPClassUID = film.SOPClassUID = ComputedRadiographyImageStorage
    film.file_meta.MediaStorageSOPInstanceUID = film.SOPInstanceUID = generate_uid()
    film.PatientName, film.PatientID, film.InstitutionName = "Doe^Jane", "ID-4711", "Springfield General"
    film.Modality, film.BodyPartExamined, film.PhotometricInterpretation = "CR", "FOREARM", "MONOCHROME2"
    film.Rows, film.Columns = FRACTURED.shape
    film.SamplesPerPixel, film.PixelRepresentation = 1, 0
    film.BitsAllocated, film.BitsStored, film.HighBit = 16, 12, 11
    film.PixelData = (FRACTURED.astype(np.uint16) * 16).tobytes()
    stream = BytesIO()
    pydicom.dcmwrite(stream, film, enforce_file_format=True)
    return stream.getvalue()


JPEG = saved(FRACTURED, "JPEG")
DEEP = saved(WHOLE.astype(np.uint16) * 257, "PNG")
DICOM = dicom_film()
