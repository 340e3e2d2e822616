"""DICOM bytes -> grey levels and harmless facts; everything that may identify a person stays behind."""

from __future__ import annotations

import io
import logging
import threading
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from lucency.errors import FilmError, MissingExtraError
from lucency.imaging.dicom_facts import code, harmless_facts, number, numbers
from lucency.imaging.dicom_pixels import decode_pixels
from lucency.imaging.grey_transform import GreyTransform, LookupTable, Window
from lucency.imaging.rasters import check_size

PROJECTION_MODALITIES: Final = frozenset({"CR", "DX", "RG", "RF", "OT", "SC"})
"""Modalities that are read: projection radiography of bones, and captures of it.

RF only as a single frame. A file without a modality is read with a warning.
"""

_REFUSED: Final = {
    "CT": "computed tomography",
    "DOC": "a document",
    "ECG": "electrocardiography",
    "ES": "endoscopy",
    "IO": "a film of teeth",
    "KO": "a selection of other objects",
    "MG": "mammography",
    "MR": "magnetic resonance",
    "NM": "nuclear medicine",
    "OP": "ophthalmic photography",
    "PR": "a presentation state",
    "PT": "positron emission tomography",
    "PX": "a panoramic film of the jaw",
    "RTDOSE": "a radiotherapy dose",
    "RTIMAGE": "a radiotherapy image",
    "RTPLAN": "a radiotherapy plan",
    "RTSTRUCT": "radiotherapy contours",
    "SEG": "a segmentation",
    "SM": "slide microscopy",
    "SR": "a structured report",
    "US": "ultrasound",
    "XA": "angiography",
    "XC": "photography",
}
_MAX_INFLATED: Final = 700_000_000


class DicomFilm(NamedTuple):
    """What is kept of a DICOM file.

    Attributes:
        pixels: float32 (H, W), 0..255, bone bright.
        metadata: From the allow-list of `harmless_facts` alone.
        warnings: What had to be guessed or left out.
    """

    pixels: npt.NDArray[np.float32]
    metadata: dict[str, str | int | float]
    warnings: tuple[str, ...]


# pydicom warns about every value that bends the standard, through filters that belong to the whole process,
# and its log quotes the value. Changing either is only safe for one thread at a time.
_ONE_AT_A_TIME = threading.Lock()


@contextmanager
def _quiet() -> Iterator[list[warnings.WarningMessage]]:
    log = logging.getLogger("pydicom")
    with _ONE_AT_A_TIME, warnings.catch_warnings(record=True) as noticed:
        was_disabled, log.disabled = log.disabled, True
        warnings.simplefilter("always")
        try:
            yield noticed
        finally:
            log.disabled = was_disabled


def read_dicom(data: bytes) -> DicomFilm:
    """Read one projection radiograph.

    Args:
        data: A DICOM file, with or without preamble.

    Returns:
        Grey levels as a viewer would show them, after modality LUT (PS3.3 C.11.1), VOI LUT or window
        (C.11.2), presentation shape and photometric interpretation (C.7.6.3.1.2), so that bone is bright.

    Raises:
        FilmError: The film is refused. pydicom raises what else it likes; the caller turns it into a
            FilmError.
        MissingExtraError: pydicom is not installed.
    """
    try:
        import pydicom
    except ImportError as error:
        raise MissingExtraError("pydicom", extra="dicom", need="Reading a DICOM film") from error
    with _quiet() as noticed:
        _refuse_bomb(data)
        dataset = pydicom.dcmread(io.BytesIO(data), force=True)
        cut_short = any("end of file" in str(item.message).lower() for item in noticed)
        _refuse(dataset, cut_short)
        stored, notes = decode_pixels(dataset)
        metadata = harmless_facts(dataset)
        if stored.ndim == 2 and not str(dataset.get("PhotometricInterpretation", "")).startswith("PALETTE"):
            transform, more = _grey_transform(dataset)
            notes = (*notes, *more)
        else:
            transform = None
        notes = (*notes, *_intent_notes(dataset))
    if transform is None:
        return DicomFilm(_luma(stored), metadata, (*notes, "A colour capture, turned to grey; no window applied."))
    pixels, more = transform.apply(stored)
    return DicomFilm(pixels, metadata, (*notes, *more))


def _refuse_bomb(data: bytes) -> None:
    """Refuse a deflated file that would swell beyond any film before pydicom inflates it in one piece."""
    # Group 0002 is always explicit little endian and opens with its own length (PS3.10 7.1).
    if data[128:136] != b"DICM\x02\x00\x00\x00":
        return
    start = 144 + int.from_bytes(data[140:144], "little")
    if b"1.2.840.10008.1.2.1.99" not in data[144:start]:
        return
    inflater, total, rest = zlib.decompressobj(-zlib.MAX_WBITS), 0, data[start:]
    while rest and not inflater.eof:
        total += len(inflater.decompress(rest, 1 << 20))
        rest = inflater.unconsumed_tail
        if total > _MAX_INFLATED:
            raise FilmError("The deflated DICOM swells beyond the limit", code="too_large")


def _refuse(dataset: Any, cut_short: bool) -> None:
    modality = code(dataset, "Modality")
    if "PixelData" not in dataset:
        if "FloatPixelData" in dataset or "DoubleFloatPixelData" in dataset:
            raise FilmError("The DICOM holds floating-point pixels", code="unsupported_format")
        if cut_short:
            raise FilmError("The DICOM ends before its pixels do", code="truncated")
        if "SOPClassUID" not in dataset and "Rows" not in dataset and not modality:
            raise FilmError("The DICOM has no readable content", code="corrupt")
        what = f" (modality {modality})" if modality in (*PROJECTION_MODALITIES, *_REFUSED) else ""
        raise FilmError(
            f"The DICOM has no pixel data{what}",
            code="no_pixels",
            hint="A report or a presentation state is not a film; or the file was cut short",
        )
    if modality and modality not in PROJECTION_MODALITIES:
        # What is no known code may be anything, and is not repeated.
        what = f"{modality}, {_REFUSED[modality]}," if modality in _REFUSED else "of the file"
        raise FilmError(
            f"The modality {what} is not projection radiography",
            code="unsupported_modality",
            hint=f"Lucency reads {', '.join(sorted(PROJECTION_MODALITIES))}",
        )
    frames = number(dataset, "NumberOfFrames", 1)
    if frames > 1:
        raise FilmError(f"The DICOM holds {frames:g} frames", code="multi_frame", hint="Extract the frame of interest")
    if "Rows" not in dataset or "Columns" not in dataset:
        raise FilmError("The DICOM does not say how large its picture is", code="corrupt")
    check_size(int(number(dataset, "Columns", 0)), int(number(dataset, "Rows", 0)))
    if cut_short:
        raise FilmError("The DICOM ends before its pixels do", code="truncated")


def _grey_transform(dataset: Any) -> tuple[GreyTransform, tuple[str, ...]]:
    notes: list[str] = []
    slope, intercept = number(dataset, "RescaleSlope", 1.0), number(dataset, "RescaleIntercept", 0.0)
    if slope == 0:
        notes.append("A rescale slope of 0 was ignored.")
        slope = 1.0
    modality_lut = _table(dataset, "ModalityLUTSequence", notes)
    voi_lut = _table(dataset, "VOILUTSequence", notes)
    window = None
    centers, widths = numbers(dataset, "WindowCenter"), numbers(dataset, "WindowWidth")
    if voi_lut is None and centers and widths:
        # Several windows are alternative views of equal standing (C.11.2.1.2); the first is what viewers open
        # with.
        window = Window(centers[0], widths[0], code(dataset, "VOILUTFunction") or "LINEAR")
        if not window.valid:
            notes.append("The window of the file breaks the standard and was ignored.")
            window = None
    monochrome1 = code(dataset, "PhotometricInterpretation") == "MONOCHROME1"
    shape = code(dataset, "PresentationLUTShape")
    if shape and monochrome1 != (shape == "INVERSE"):
        notes.append("Photometric interpretation and presentation shape contradict each other.")
    transform = GreyTransform(
        slope,
        intercept,
        modality_lut,
        voi_lut,
        window,
        # In a DX image the two are one statement made twice (C.8.11.3), so both together invert once.
        inverted=monochrome1 or shape == "INVERSE",
        padding=_padding(dataset),
    )
    return transform, tuple(notes)


def _table(dataset: Any, keyword: str, notes: list[str]) -> LookupTable | None:
    """The first item of a LUT sequence; LUT Descriptor as in PS3.3 C.11.1.1."""
    try:
        sequence = dataset.get(keyword)
        if not sequence:
            return None
        item = sequence[0]
        count, first, bits = (int(value) for value in item.LUTDescriptor)
        count = count or 1 << 16
        raw = item.LUTData
        if isinstance(raw, bytes):
            order = "<" if dataset.original_encoding[1] else ">"
            entries = np.frombuffer(raw, "u1" if len(raw) < 2 * count else f"{order}u2")
        else:
            entries = np.atleast_1d(np.asarray(raw, dtype=np.uint16))
        if len(entries) < count <= 2 * len(entries) and bits <= 8:
            # Entries of 8 bits may be packed two to a word, the first in the low byte.
            entries = np.stack((entries & 255, entries >> 8), axis=1).reshape(-1)
        entries = entries[:count].astype(np.float64)
        if len(entries) < count or not 1 <= bits <= 16:
            raise ValueError(keyword)
    except (AttributeError, TypeError, ValueError, OverflowError):
        notes.append(f"{'The VOI' if keyword[0] == 'V' else 'The modality'} lookup table is broken and was ignored.")
        return None
    # Written as unsigned, -1000 reads 64536. The values looked up are negative only where the pixels are
    # signed or a rescale makes them so.
    signed = dataset.get("PixelRepresentation") == 1 and keyword[0] == "M"
    signed = signed or (keyword[0] == "V" and _may_be_negative(dataset))
    return LookupTable(first - (1 << 16) if signed and first >= 1 << 15 else first, bits, entries)


def _may_be_negative(dataset: Any) -> bool:
    if dataset.get("ModalityLUTSequence"):
        return False
    return dataset.get("PixelRepresentation") == 1 or number(dataset, "RescaleIntercept", 0.0) < 0


def _padding(dataset: Any) -> tuple[int, int] | None:
    """Inclusive range of padding in stored values (PS3.3 C.7.5.1.1.2), sign extended like the pixels."""
    limits = []
    for keyword in ("PixelPaddingValue", "PixelPaddingRangeLimit"):
        for value in numbers(dataset, keyword)[:1]:
            number = int(value)
            if dataset.get("PixelRepresentation") == 1 and number >= 1 << 15:
                number -= 1 << 16
            elif dataset.get("PixelRepresentation") != 1 and number < 0:
                number += 1 << 16
            limits.append(number)
    if "PixelPaddingValue" not in dataset or not limits:
        return None
    return min(limits), max(limits)


def _intent_notes(dataset: Any) -> tuple[str, ...]:
    notes = []
    if code(dataset, "PresentationIntentType") == "FOR PROCESSING":
        notes.append("Raw detector data (For Processing): it does not look like the film a reader would see.")
    if not code(dataset, "Modality"):
        notes.append("The DICOM does not say its modality.")
    return tuple(notes)


def _luma(colour: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    # ITU-R 601-2 in Pillow's integer weights, which sum to one exactly: grey stays the grey it was.
    weights = np.array([19595, 38470, 7471], dtype=np.float32) / 65536
    return np.ascontiguousarray(colour @ weights)
