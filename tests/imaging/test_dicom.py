from __future__ import annotations

import io
import sys
import zlib
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pydicom
import pytest
from PIL import Image
from pydicom.dataset import Dataset
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGExtended12Bit,
    JPEGLosslessSV1,
    JPEGLSLossless,
    JPEGLSNearLossless,
    RLELossless,
)

from lucency.errors import FilmError, MissingExtraError
from lucency.imaging import read_radiograph

from .dicom_files import compressed, dataset, lut, written

RAMP = np.arange(64, dtype=np.uint16).reshape(8, 8)
WIDE = {"WindowCenter": "32", "WindowWidth": "64", "VOILUTFunction": "LINEAR_EXACT"}


def first_row(film: Dataset, *args, **options) -> np.ndarray:
    return read_radiograph(written(film, *args, **options)).pixels[0]


def refusal(data: bytes) -> FilmError:
    with pytest.raises(FilmError) as caught:
        read_radiograph(data)
    assert "\n" not in str(caught.value)
    return caught.value


# C.11.2.1.2: the values the standard's own notes work out.


def test_linear_window_of_the_standard_example():
    # Note 3: center 2048, width 4096 takes 0..4095 to 0..255: y = (x - 2047.5) / 4095 + 0.5.
    values = np.zeros((8, 8), dtype=np.uint16)
    values[0, :4] = 0, 4095, 1365, 819
    row = first_row(dataset(values, BitsStored=12, WindowCenter="2048", WindowWidth="4096"))
    assert row[:4] == pytest.approx([0, 255, 85, 51], abs=1e-4)


def test_linear_window_of_one_is_a_threshold():
    # Note 5: below the center black, from the center on white.
    row = first_row(dataset(RAMP, WindowCenter="3", WindowWidth="1"))
    assert row.tolist() == [0, 0, 0, 255, 255, 255, 255, 255]


def test_linear_window_by_hand():
    # Center 4, width 5: (x - 3.5) / 4 + 0.5, clipped.
    row = first_row(dataset(RAMP, WindowCenter="4", WindowWidth="5"))
    assert row == pytest.approx([0, 0, 31.875, 95.625, 159.375, 223.125, 255, 255])


def test_linear_exact_by_hand():
    # Center 4, width 4: (x - 4) / 4 + 0.5, clipped.
    row = first_row(dataset(RAMP, WindowCenter="4", WindowWidth="4", VOILUTFunction="LINEAR_EXACT"))
    assert row == pytest.approx([0, 0, 0, 63.75, 127.5, 191.25, 255, 255])


def test_sigmoid_by_hand():
    # 255 / (1 + exp(-4 (x - 4) / 8)): exp(2) = 7.389056, exp(1) = 2.718282.
    row = first_row(dataset(RAMP, WindowCenter="4", WindowWidth="8", VOILUTFunction="SIGMOID"))
    assert row[[0, 2, 4, 6]] == pytest.approx([30.39675, 68.57995, 127.5, 186.42005], abs=1e-3)


def test_the_first_of_several_windows_is_used():
    one = first_row(dataset(RAMP, WindowCenter="4", WindowWidth="5"))
    two = first_row(dataset(RAMP, WindowCenter=["4", "30"], WindowWidth=["5", "60"]))
    assert (one == two).all()


@pytest.mark.parametrize(("width", "function"), [("0", "LINEAR"), ("-5", "SIGMOID"), ("5", "CUBIC")])
def test_a_window_that_breaks_the_standard_is_ignored_and_said(width, function):
    film = read_radiograph(written(dataset(RAMP, WindowCenter="4", WindowWidth=width, VOILUTFunction=function)))
    assert any("breaks the standard" in line for line in film.warnings)
    assert any("No window" in line for line in film.warnings)


def test_rescale_comes_before_the_window():
    # 2 x - 4 in a window that shows 0..8 exactly: (2 x - 4) / 8.
    row = first_row(
        dataset(
            RAMP,
            RescaleSlope="2",
            RescaleIntercept="-4",
            WindowCenter="4",
            WindowWidth="8",
            VOILUTFunction="LINEAR_EXACT",
        )
    )
    assert row == pytest.approx([0, 0, 0, 63.75, 127.5, 191.25, 255, 255])


def test_modality_lut_takes_the_place_of_rescale_and_holds_its_ends():
    # Entries stand for 2, 3, 4; below takes the first, above the last.
    film = dataset(RAMP, WindowCenter="50", WindowWidth="100", VOILUTFunction="LINEAR_EXACT", RescaleSlope="9")
    film.ModalityLUTSequence = lut(2, 16, [10, 20, 60])
    assert first_row(film) == pytest.approx([25.5, 25.5, 25.5, 51, 153, 153, 153, 153])


def test_voi_lut_takes_the_place_of_the_window():
    film = dataset(RAMP, WindowCenter="1", WindowWidth="1")
    film.VOILUTSequence = lut(1, 10, [0, 341, 682, 1023])
    assert first_row(film) == pytest.approx([0, 0, 85, 170, 255, 255, 255, 255])


def test_voi_lut_with_a_negative_first_value():
    film = dataset(RAMP, RescaleSlope="1", RescaleIntercept="-3")
    film.VOILUTSequence = lut(65536 - 2, 8, [0, 51, 102, 153, 204, 255])
    # Values -3, -2, -1, 0 ...; the first entry is for -2.
    assert first_row(film) == pytest.approx([0, 0, 51, 102, 153, 204, 255, 255])


def test_voi_lut_packed_two_entries_to_a_word():
    film = dataset(RAMP)
    item = Dataset()
    item.add_new("LUTDescriptor", "US", [4, 0, 8])
    item.add_new("LUTData", "OW", bytes([0, 51, 102, 255]))
    film.VOILUTSequence = [item]
    assert first_row(film)[:5] == pytest.approx([0, 51, 102, 255, 255])


def test_a_broken_lut_is_ignored_and_said():
    film = dataset(RAMP, **WIDE)
    film.VOILUTSequence = lut(0, 8, [1, 2])
    film.VOILUTSequence[0].LUTDescriptor = [4000, 0, 8]
    assert any("VOI lookup table" in line for line in read_radiograph(written(film)).warnings)


# C.7.6.3.1.2 and C.11.6.1.2: what is white.


@pytest.mark.parametrize(
    ("photometric", "shape", "inverted", "said"),
    [
        ("MONOCHROME2", None, False, 0),
        ("MONOCHROME1", None, True, 0),
        ("MONOCHROME2", "IDENTITY", False, 0),
        ("MONOCHROME1", "INVERSE", True, 0),
        ("MONOCHROME2", "INVERSE", True, 1),
        ("MONOCHROME1", "IDENTITY", True, 1),
    ],
)
def test_what_is_white(photometric, shape, inverted, said):
    values = {"PresentationLUTShape": shape} if shape else {}
    film = read_radiograph(written(dataset(RAMP, PhotometricInterpretation=photometric, **WIDE, **values)))
    plain = np.arange(8) * 255 / 64
    assert film.pixels[0] == pytest.approx(255 - plain if inverted else plain, abs=1e-4)
    assert len(film.warnings) == said


def test_monochrome1_with_a_voi_lut_is_inverted_once_after_it():
    film = dataset(RAMP, PhotometricInterpretation="MONOCHROME1", PresentationLUTShape="INVERSE")
    film.VOILUTSequence = lut(1, 10, [0, 341, 682, 1023])
    assert first_row(film) == pytest.approx([255, 255, 170, 85, 0, 0, 0, 0])


# C.7.6.3.1.1 and PS3.5 8.1.1: cells.


def test_signed_pixels():
    values = np.zeros((8, 8), dtype=np.int16)
    values[0, :3] = -100, 0, 100
    row = first_row(dataset(values, WindowCenter="0", WindowWidth="200", VOILUTFunction="LINEAR_EXACT"))
    assert row[:3] == pytest.approx([0, 127.5, 255])


def test_signed_pixels_stored_in_twelve_bits_with_dirt_above():
    values = np.zeros((8, 8), dtype=np.uint16)
    # -100 in 12 bits is 0xF9C; the four bits above hold an old overlay.
    values[0, :3] = 0x0F9C, 0xA000, 0x5064
    film = dataset(values, BitsStored=12, PixelRepresentation=1)
    film.WindowCenter, film.WindowWidth, film.VOILUTFunction = "0", "200", "LINEAR_EXACT"
    assert first_row(film)[:3] == pytest.approx([0, 127.5, 255])


def test_twelve_bits_in_a_big_endian_file():
    film = dataset((RAMP | 0xF000).astype(">u2"), BitsStored=12, **WIDE)
    assert first_row(film, ExplicitVRBigEndian) == pytest.approx(np.arange(8) * 255 / 64)


def test_a_lookup_table_in_a_big_endian_file():
    film = dataset(RAMP.astype(">u2"))
    film.VOILUTSequence = lut(1, 10, [0, 341, 682, 1023])
    film.VOILUTSequence[0]["LUTData"].VR = "US"
    assert first_row(film, ExplicitVRBigEndian)[:5] == pytest.approx([0, 0, 85, 170, 255])


def test_high_bit_above_bits_stored():
    # Ten bits in the upper part of the cell: value << 6.
    film = dataset((RAMP << 6).astype(np.uint16), BitsStored=10, HighBit=15, **WIDE)
    assert first_row(film) == pytest.approx(np.arange(8) * 255 / 64)


def test_bits_that_contradict_each_other():
    assert refusal(written(dataset(RAMP, BitsStored=17, HighBit=16))).code == "corrupt"
    film = dataset(RAMP)
    film.BitsAllocated = 12
    assert refusal(written(film)).code == "unsupported_format"


# C.7.5.1.1.2: padding.


def test_padding_is_black_and_outside_of_the_range():
    values = np.full((8, 8), 1000, dtype=np.uint16)
    values[4:] = 2000
    values[0, :3] = 65535, 2000, 1500
    for photometric, expected in (("MONOCHROME2", [0, 255, 127.5, 0]), ("MONOCHROME1", [0, 0, 127.5, 255])):
        film = dataset(values, PhotometricInterpretation=photometric, PixelPaddingValue=65535)
        result = read_radiograph(written(film))
        assert result.pixels[0, :4] == pytest.approx(expected, abs=1)
        assert any("No window" in line for line in result.warnings)


def test_padding_range():
    film = dataset(RAMP, PixelPaddingValue=2, PixelPaddingRangeLimit=4, PhotometricInterpretation="MONOCHROME1", **WIDE)
    row = first_row(film)
    assert row[2:5].tolist() == [0, 0, 0]
    assert row[1] == pytest.approx(255 - 255 / 64)
    assert row[5] == pytest.approx(255 - 5 * 255 / 64)


def test_signed_padding():
    values = np.full((8, 8), 100, dtype=np.int16)
    values[0, 0] = -2000
    film = dataset(values, PixelPaddingValue=-2000, WindowCenter="-2000", WindowWidth="10")
    assert first_row(film)[:2].tolist() == [0, 255]


def test_a_film_of_padding_alone_is_black():
    film = dataset(np.full((8, 8), 7, dtype=np.uint16), PixelPaddingValue=7)
    assert (read_radiograph(written(film)).pixels == 0).all()


def test_no_window_uses_robust_percentiles():
    values = np.tile(np.arange(1000, 2000, dtype=np.uint16), (20, 1))
    values[0, 0] = 65535
    film = read_radiograph(written(dataset(values)))
    # 0.5 % and 99.5 % of 1000..1999 are 1005 and 1994: one burnt-out pixel does not darken the film.
    assert film.pixels[5, 500] == pytest.approx(255 * (1500 - 1004.995) / 989.01, abs=0.3)
    assert film.pixels[0, 0] == 255
    assert film.warnings == ("No window in the file: the grey range was taken from the pixels.",)


def test_for_processing_is_said():
    film = read_radiograph(written(dataset(RAMP, PresentationIntentType="FOR PROCESSING", **WIDE)))
    assert any("For Processing" in line for line in film.warnings)
    assert film.metadata["presentation_intent"] == "FOR PROCESSING"


# Syntaxes.


@pytest.mark.parametrize(
    "syntax",
    [ExplicitVRLittleEndian, ImplicitVRLittleEndian, ExplicitVRBigEndian, DeflatedExplicitVRLittleEndian],
)
def test_uncompressed_syntaxes(syntax):
    values = RAMP.byteswap() if syntax == ExplicitVRBigEndian else RAMP
    film = read_radiograph(written(dataset(values, **WIDE), syntax))
    assert film.pixels == pytest.approx(RAMP * 255 / 64)
    assert film.metadata["transfer_syntax"] == syntax.name


def ten_bits() -> np.ndarray:
    return np.random.default_rng(2).integers(0, 1024, (16, 24)).astype(np.uint16)


def film_of_ten_bits() -> Dataset:
    return dataset(ten_bits(), BitsStored=10, WindowCenter="512", WindowWidth="1024")


@pytest.mark.parametrize("syntax", [RLELossless, JPEGLosslessSV1, JPEGLSLossless, JPEG2000Lossless])
def test_lossless_syntaxes_give_identical_pixels(syntax):
    imagecodecs = pytest.importorskip("imagecodecs")
    plain = read_radiograph(written(film_of_ten_bits())).pixels
    film = film_of_ten_bits()
    if syntax == RLELossless:
        film.file_meta = pydicom.dataset.FileMetaDataset()
        film.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        film.compress(RLELossless, encoding_plugin="pydicom", generate_instance_uid=False)
        data = written(film, RLELossless)
    elif syntax == JPEGLosslessSV1:
        data = compressed(film, syntax, imagecodecs.ljpeg_encode(ten_bits(), bitspersample=10))
    elif syntax == JPEGLSLossless:
        data = compressed(film, syntax, imagecodecs.jpegls_encode(ten_bits()))
    else:
        frame = imagecodecs.jpeg2k_encode(ten_bits(), codecformat="j2k", reversible=True, level=0, bitspersample=10)
        data = compressed(film, syntax, frame)
    assert (read_radiograph(data).pixels == plain).all()


def test_near_lossless_jpeg_ls():
    imagecodecs = pytest.importorskip("imagecodecs")
    plain = read_radiograph(written(film_of_ten_bits())).pixels
    film = compressed(film_of_ten_bits(), JPEGLSNearLossless, imagecodecs.jpegls_encode(ten_bits(), level=4))
    # At most 4 of 1023 levels off.
    assert 0 < np.abs(read_radiograph(film).pixels - plain).max() <= 4 * 255 / 1023 + 1e-3


SMOOTH = np.tile(np.linspace(0, 255, 64), (48, 1)).astype(np.uint8)


def jpeg() -> bytes:
    file = io.BytesIO()
    Image.fromarray(SMOOTH).save(file, "JPEG", quality=95)
    return file.getvalue()


@pytest.mark.parametrize("syntax", [JPEGBaseline8Bit, JPEGExtended12Bit])
def test_eight_bit_jpeg(syntax):
    film = dataset(SMOOTH, WindowCenter="128", WindowWidth="256")
    assert np.abs(read_radiograph(compressed(film, syntax, jpeg())).pixels - SMOOTH).max() <= 3


def twelve_bit_jpeg() -> bytes:
    imagecodecs = pytest.importorskip("imagecodecs")
    values = np.tile(np.linspace(0, 4095, 64), (48, 1)).astype(np.uint16)
    frame = imagecodecs.jpeg8_encode(values, level=95, bitspersample=12)
    film = dataset(values, BitsStored=12, WindowCenter="2048", WindowWidth="4096")
    return compressed(film, JPEGExtended12Bit, frame)


def test_twelve_bit_jpeg_extended():
    film = read_radiograph(twelve_bit_jpeg())
    assert np.abs(film.pixels[5] - np.linspace(0, 255, 64)).max() < 2


def test_twelve_bit_jpeg_without_imagecodecs_is_refused_by_name(monkeypatch):
    data = twelve_bit_jpeg()
    monkeypatch.setitem(sys.modules, "imagecodecs", None)
    error = refusal(data)
    assert error.code == "unsupported_syntax"
    assert "JPEG Extended" in str(error)
    assert "imagecodecs" in str(error)


def test_an_unknown_syntax_is_refused_by_name():
    film = dataset(SMOOTH)
    error = refusal(compressed(film, "1.2.840.10008.1.2.4.100", b"\x00" * 64))
    assert error.code == "unsupported_syntax"
    assert "MPEG2" in str(error)


@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, ImplicitVRLittleEndian])
def test_a_file_without_preamble(syntax):
    data = written(dataset(RAMP, **WIDE), syntax, preamble=False)
    assert data[128:132] != b"DICM"
    assert read_radiograph(data).pixels == pytest.approx(RAMP * 255 / 64)


# Colour.


def test_rgb_secondary_capture():
    colour = np.zeros((8, 8, 3), dtype=np.uint8)
    colour[0, 0], colour[0, 1], colour[0, 2] = (255, 0, 0), (0, 255, 0), (77, 77, 77)
    film = read_radiograph(written(dataset(colour, Modality="OT")))
    assert film.pixels[0, :3] == pytest.approx([76.2, 149.7, 77], abs=0.1)
    assert any("colour" in line for line in film.warnings)


def test_ybr_secondary_capture():
    ybr = np.full((8, 8, 3), 128, dtype=np.uint8)
    ybr[:, :, 0] = 90
    film = read_radiograph(written(dataset(ybr, PhotometricInterpretation="YBR_FULL")))
    assert film.pixels == pytest.approx(np.full((8, 8), 90), abs=1)


def test_palette_secondary_capture():
    film = dataset((RAMP % 2).astype(np.uint8), PhotometricInterpretation="PALETTE COLOR")
    for colour in ("Red", "Green", "Blue"):
        setattr(film, f"{colour}PaletteColorLookupTableDescriptor", [2, 0, 8])
        setattr(film, f"{colour}PaletteColorLookupTableData", bytes([10, 210]))
    result = read_radiograph(written(film))
    assert result.pixels[0, :2] == pytest.approx([10, 210])
    assert any("colour" in line for line in result.warnings)


# Refusals.


@pytest.mark.parametrize("modality", ["CT", "MR", "US", "PT", "NM", "MG", "XA"])
def test_other_modalities_are_refused_by_name(modality):
    error = refusal(written(dataset(RAMP, Modality=modality)))
    assert error.code == "unsupported_modality"
    assert f"modality {modality}," in str(error)


@pytest.mark.parametrize("modality", ["CR", "DX", "RG", "RF", "OT"])
def test_projection_modalities_are_read(modality):
    assert read_radiograph(written(dataset(RAMP, Modality=modality, **WIDE))).metadata["modality"] == modality


def test_no_modality_is_said():
    film = read_radiograph(written(dataset(RAMP, Modality=None, **WIDE)))
    assert film.warnings == ("The DICOM does not say its modality.",)


def test_no_pixels():
    assert refusal(written(dataset(RAMP, PixelData=None))).code == "no_pixels"
    report = Dataset()
    report.SOPClassUID, report.SOPInstanceUID, report.Modality = (
        "1.2.840.10008.5.1.4.1.1.88.11",
        "1.2.3",
        "SR",
    )
    error = refusal(written(report))
    assert error.code == "no_pixels"
    assert "SR" in str(error)


def test_more_than_one_frame():
    film = dataset(RAMP, NumberOfFrames=3)
    film.PixelData = film.PixelData * 3
    error = refusal(written(film))
    assert error.code == "multi_frame"
    assert "3 frames" in str(error)


def test_one_frame_is_no_multi_frame():
    assert read_radiograph(written(dataset(RAMP, NumberOfFrames=1, **WIDE))).pixels.shape == (8, 8)


def test_sizes():
    film = dataset(RAMP)
    film.Rows = film.Columns = 60000
    assert refusal(written(film)).code == "too_large"
    film.Rows = film.Columns = 4
    assert refusal(written(film)).code == "too_small"
    film.Rows = 0
    assert refusal(written(film)).code == "corrupt"


@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, ImplicitVRLittleEndian, DeflatedExplicitVRLittleEndian])
def test_truncated_pixels(syntax):
    noise = np.random.default_rng(1).integers(0, 65536, (32, 32)).astype(np.uint16)
    data = written(dataset(noise, **WIDE), syntax)
    for cut in (20, 500, 1500):
        assert refusal(data[:-cut]).code == "truncated"


def test_truncated_compressed_pixels():
    data = compressed(dataset(SMOOTH), JPEGBaseline8Bit, jpeg())
    for cut in (9, 100, 400):
        assert refusal(data[:-cut]).code == "truncated"


def test_a_picture_of_another_size_inside_is_refused_before_memory_is_taken():
    frame = bytearray(jpeg())
    at = frame.index(b"\xff\xc0") + 5
    frame[at : at + 4] = b"\xea\x60\xea\x60"
    assert "another size" in str(refusal(compressed(dataset(SMOOTH), JPEGBaseline8Bit, bytes(frame))))


def test_a_truncated_lossless_jpeg_inside_a_whole_dicom():
    imagecodecs = pytest.importorskip("imagecodecs")
    frame = imagecodecs.ljpeg_encode(ten_bits(), bitspersample=10)
    assert refusal(compressed(film_of_ten_bits(), JPEGLosslessSV1, frame[:-200])).code == "truncated"


def test_signed_lossless_jpeg():
    imagecodecs = pytest.importorskip("imagecodecs")
    values = (ten_bits().astype(np.int16) - 512).astype(np.int16)
    frame = imagecodecs.ljpeg_encode(values.view(np.uint16), bitspersample=16)
    window = {"WindowCenter": "0", "WindowWidth": "1024"}
    plain = read_radiograph(written(dataset(values, **window))).pixels
    assert (read_radiograph(compressed(dataset(values, **window), JPEGLosslessSV1, frame)).pixels == plain).all()


def test_a_truncated_picture_inside_a_whole_dicom():
    data = compressed(dataset(SMOOTH), JPEGBaseline8Bit, jpeg()[:-300])
    assert refusal(data).code in ("truncated", "corrupt")


def test_a_deflate_bomb_is_refused(monkeypatch):
    monkeypatch.setattr("lucency.imaging.dicom._MAX_INFLATED", 1 << 22)
    data = written(dataset(RAMP), DeflatedExplicitVRLittleEndian)
    start = 144 + int.from_bytes(data[140:144], "little")
    deflater = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    bomb = data[:start] + deflater.compress(b"\x00" * (1 << 24)) + deflater.flush()
    assert refusal(bomb).code == "too_large"


def test_missing_pydicom(monkeypatch):
    data = written(dataset(RAMP))
    for name in [name for name in sys.modules if name.partition(".")[0] == "pydicom"]:
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(MissingExtraError, match=r"lucency\[dicom\]") as caught:
        read_radiograph(data)
    assert caught.value.extra == "dicom"


# Identifiers.

SECRETS = ("QUIXOTE", "DULCINEA", "SECRET", "19500102", "1.2.999", "HOSPITAL", "ACME")


def test_no_identifier_is_kept():
    film = dataset(
        RAMP, PixelSpacing=["0.1", "0.2"], BodyPartExamined="WRIST", ViewPosition="PA", Laterality="L", **WIDE
    )
    film.PatientName, film.PatientID, film.PatientBirthDate = "QUIXOTE^DULCINEA", "SECRET-1", "19500102"
    film.PatientSex, film.PatientAge, film.PatientAddress = "F", "070Y", "SECRET street"
    film.StudyInstanceUID = film.SeriesInstanceUID = film.SOPInstanceUID = film.FrameOfReferenceUID = "1.2.999.1"
    film.StudyDate = film.AcquisitionDate = film.ContentDate = "19500102"
    film.AccessionNumber = film.StudyID = film.DeviceSerialNumber = film.StationName = "SECRET-2"
    film.InstitutionName = film.InstitutionAddress = "HOSPITAL"
    film.Manufacturer = film.ManufacturerModelName = "ACME"
    film.ReferringPhysicianName = film.OperatorsName = film.PerformingPhysicianName = "QUIXOTE^DULCINEA"
    film.StudyDescription = film.SeriesDescription = film.ImageComments = "wrist of QUIXOTE"
    film.ProtocolName = film.AcquisitionDeviceProcessingDescription = "QUIXOTE DULCINEA"
    film.PresentationIntentType = "FOR PROCESSING"
    block = film.private_block(0x0011, "ACME", create=True)
    block.add_new(0x01, "LO", "SECRET-3")
    result = read_radiograph(written(film))
    assert dict(result.metadata) == {
        "format": "DICOM",
        "modality": "CR",
        "body_part": "WRIST",
        "view_position": "PA",
        "laterality": "L",
        "photometric": "MONOCHROME2",
        "presentation_intent": "FOR PROCESSING",
        "bits_stored": 16,
        "transfer_syntax": "Explicit VR Little Endian",
        "pixel_spacing_mm": "0.1 x 0.2",
    }
    told = f"{result!r} {dict(result.metadata)} {result.warnings}".upper()
    for secret in SECRETS:
        assert secret not in told


def test_free_text_where_a_code_belongs_is_dropped(caplog):
    film = dataset(RAMP, BodyPartExamined="WRISTWRISTWRIST1", ViewPosition="LATERAL1", Laterality="LR", **WIDE)
    data = written(film)
    # pydicom would warn about these values, and its log would quote them.
    data = data.replace(b"WRISTWRISTWRIST1", b"dulcinea quixote").replace(b"LATERAL1", b"QUIXOTE^")
    result = read_radiograph(data)
    assert not {"view_position", "laterality"} & set(result.metadata)
    assert "body_part" not in result.metadata
    assert not caplog.records


def test_a_name_in_capitals_is_no_body_part():
    film = dataset(RAMP, BodyPartExamined="QUIXOTE DULCINEA", ViewPosition="DULCINEA", **WIDE)
    assert not {"body_part", "view_position"} & set(read_radiograph(written(film)).metadata)
    assert "QUIXOTE" not in str(refusal(written(dataset(RAMP, Modality="QUIXOTE"))))


def test_errors_tell_no_identifier():
    film = dataset(RAMP, NumberOfFrames=2)
    film.PatientName = "QUIXOTE^DULCINEA"
    assert "DOE" not in str(refusal(written(film)))


def test_values_that_bend_the_standard_neither_warn_nor_stop(caplog):
    film = dataset(RAMP, PatientAge="070Y", SpecificCharacterSet="ISO_IR 100", **WIDE)
    data = written(film).replace(b"1.2.3.4\x00", b"not.a.ui").replace(b"070Y", b"old!")
    # A character set that does not exist, and text where a number belongs.
    data = data.replace(b"ISO_IR 100", b"ISO_IR 999").replace(b"DS\x02\x0032", b"DS\x02\x00ab")
    result = read_radiograph(data)
    assert any("No window" in line for line in result.warnings)
    assert not caplog.records


def test_many_threads_read_alike():
    files = [
        written(dataset(RAMP, **WIDE), ExplicitVRLittleEndian),
        compressed(dataset(SMOOTH), JPEGBaseline8Bit, jpeg()),
    ]
    alone = [read_radiograph(data).pixels for data in files]
    with ThreadPoolExecutor(8) as pool:
        for index, film in enumerate(pool.map(read_radiograph, files * 20)):
            assert (film.pixels == alone[index % 2]).all()
