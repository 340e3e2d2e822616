from __future__ import annotations

import io
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw, PngImagePlugin
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, generate_uid

from lucency.datasets.audit.film_facts import FilmFacts
from lucency.datasets.audit.measure_film import measure_film
from lucency.datasets.synthetic import draw_film

FILM = np.asarray(draw_film(3, fractured=True, size=(120, 90)).pixels)


def facts_of(path: Path) -> FilmFacts:
    facts, thumb = measure_film(str(path))
    assert (thumb is not None) == facts.readable
    assert FilmFacts.from_json(facts.to_json()) == facts
    assert facts.size == path.stat().st_size
    return facts


def test_grey_levels(tmp_path):
    Image.fromarray(FILM).save(tmp_path / "a.png")
    facts = facts_of(tmp_path / "a.png")
    assert (facts.height, facts.width, facts.bits, facts.channels, facts.frames, facts.orientation) == (
        *(120, 90, 8),
        *(1, 1, 1),
    )
    assert facts.mean == pytest.approx(FILM.mean(), abs=1e-3)
    assert facts.deviation == pytest.approx(FILM.std(), abs=1e-3)
    assert facts.low == pytest.approx(np.percentile(FILM, 1), abs=1)
    assert facts.high == pytest.approx(np.percentile(FILM, 99), abs=1)
    assert facts.levels == len(np.unique(FILM))
    assert facts.flat == pytest.approx(np.bincount(FILM.ravel()).max() / FILM.size, abs=1e-5)
    assert (facts.quality, facts.quantisation, facts.code) == (0, "", "")


def test_equal_pixels_have_one_hash_in_every_file(tmp_path):
    Image.fromarray(FILM).save(tmp_path / "a.png")
    Image.fromarray(FILM).save(tmp_path / "b.bmp")
    Image.fromarray(FILM).convert("RGB").save(tmp_path / "c.tif", compression="tiff_lzw")
    Image.fromarray(FILM[::-1]).save(tmp_path / "d.png")
    Image.fromarray(FILM.reshape(90, 120)).save(tmp_path / "e.png")
    hashes = [facts_of(path).pixel_sha256 for path in sorted(tmp_path.iterdir())]
    assert len(set(hashes[:3])) == 1
    assert len(set(hashes)) == 3


@pytest.mark.parametrize("quality", [1, 20, 50, 75, 90, 95, 100])
def test_jpeg_quality_is_read_from_its_tables(tmp_path, quality):
    Image.fromarray(FILM).convert("RGB").save(tmp_path / "a.jpg", quality=quality)
    facts = facts_of(tmp_path / "a.jpg")
    assert facts.quality == quality
    assert len(facts.quantisation) == 12
    Image.fromarray(FILM).save(tmp_path / "b.jpg", quality=max(1, quality - 5) if quality > 1 else 6)
    assert facts_of(tmp_path / "b.jpg").quantisation != facts.quantisation


def test_exif_rotated_jpeg(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    exif[0x010E] = "a name"
    Image.fromarray(FILM).save(tmp_path / "a.jpg", exif=exif, comment=b"a name", progressive=True)
    facts = facts_of(tmp_path / "a.jpg")
    assert (facts.height, facts.width, facts.orientation) == (90, 120, 6)
    assert facts.header == "Exif JFIF comment progressive"


def test_sixteen_bit_png(tmp_path):
    Image.fromarray(FILM.astype(np.uint16) * 257).save(tmp_path / "a.png")
    facts = facts_of(tmp_path / "a.png")
    assert (facts.bits, facts.channels) == (16, 1)
    assert facts.mean == pytest.approx(FILM.mean(), abs=0.01)


def test_colour_png(tmp_path):
    film = Image.fromarray(FILM).convert("RGB")
    ImageDraw.Draw(film).rectangle((10, 10, 29, 29), fill=(255, 0, 0))
    extra = PngImagePlugin.PngInfo()
    extra.add_text("Author", "a name")
    film.save(tmp_path / "a.png", pnginfo=extra)
    facts = facts_of(tmp_path / "a.png")
    assert facts.channels == 3
    assert facts.colour == pytest.approx(400 / FILM.size, abs=1e-5)
    assert facts.header == "tEXt"


def test_grey_saved_as_colour_is_not_coloured(tmp_path):
    Image.fromarray(FILM).convert("RGB").save(tmp_path / "a.jpg", quality=30)
    Image.fromarray(FILM).convert("RGBA").save(tmp_path / "b.png")
    Image.fromarray(FILM).convert("LA").save(tmp_path / "c.png")
    Image.fromarray(FILM).convert("P").save(tmp_path / "d.png")
    facts = [facts_of(path) for path in sorted(tmp_path.iterdir())]
    assert [one.channels for one in facts] == [3, 4, 2, 1]
    assert [one.colour for one in facts] == [0, 0, 0, 0]


def test_colour_in_a_palette(tmp_path):
    film = Image.fromarray(FILM).convert("RGB")
    ImageDraw.Draw(film).rectangle((0, 0, 59, 59), fill=(0, 200, 0))
    film.quantize(64).save(tmp_path / "a.gif")
    facts = facts_of(tmp_path / "a.gif")
    assert facts.channels == 3
    assert facts.colour > 0.3


@pytest.mark.parametrize(("suffix", "kind"), [("gif", "GIF"), ("tif", "TIFF"), ("webp", "WebP"), ("png", "PNG")])
def test_frames(tmp_path, suffix, kind):
    pages = [Image.fromarray(np.roll(FILM, 9 * shift)) for shift in range(3)]
    pages[0].save(tmp_path / f"a.{suffix}", save_all=True, append_images=pages[1:])
    facts = facts_of(tmp_path / f"a.{suffix}")
    assert (facts.format, facts.frames) == (kind, 3)
    assert len(facts.warnings) == 1
    pages[0].save(tmp_path / f"b.{suffix}")
    assert facts_of(tmp_path / f"b.{suffix}").frames == 1


@pytest.mark.parametrize("photometric", ["MONOCHROME1", "RGB"])
def test_dicom(tmp_path, photometric):
    film = Dataset()
    film.SOPClassUID = "1.2.840.10008.5.1.4.1.1.1"
    film.SOPInstanceUID = "1.2.3.4"
    film.Modality = "CR"
    film.PatientName = "a name"
    film.Rows, film.Columns = FILM.shape
    film.PhotometricInterpretation = photometric
    film.PixelRepresentation = 0
    if photometric == "RGB":
        film.SamplesPerPixel, film.PlanarConfiguration = 3, 0
        film.BitsAllocated, film.BitsStored, film.HighBit = 8, 8, 7
        film.PixelData = np.repeat(FILM[:, :, None], 3, axis=2).tobytes()
    else:
        film.SamplesPerPixel = 1
        film.BitsAllocated, film.BitsStored, film.HighBit = 16, 12, 11
        film.PixelData = ((255 - FILM.astype(np.uint16)) * 16).tobytes()
    film["PixelData"].VR = "OW"
    film.file_meta = FileMetaDataset()
    film.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    film.file_meta.MediaStorageSOPClassUID = film.SOPClassUID
    film.file_meta.MediaStorageSOPInstanceUID = generate_uid(entropy_srcs=["lucency"])
    stream = io.BytesIO()
    film.save_as(stream, enforce_file_format=True)
    (tmp_path / "a.dcm").write_bytes(stream.getvalue())
    facts = facts_of(tmp_path / "a.dcm")
    bits, channels = (8, 3) if photometric == "RGB" else (12, 1)
    assert (facts.format, facts.bits, facts.channels, facts.height, facts.width) == ("DICOM", bits, channels, 120, 90)
    assert "a name" not in str(facts.to_json())


def test_unreadable_files(tmp_path):
    Image.fromarray(FILM).save(tmp_path / "whole.jpg")
    whole = (tmp_path / "whole.jpg").read_bytes()
    pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 3\n"
    expected = {
        "cut.jpg": (whole[: len(whole) // 2], "truncated", "JPEG"),
        "empty.jpg": (b"", "empty_file", ""),
        "zeros.jpg": (bytes(5000), "not_an_image", ""),
        "pointer.jpg": (pointer.encode(), "lfs_pointer", ""),
        "report.jpg": (b"%PDF-1.7 a report", "unsupported_format", ""),
    }
    for name, (content, code, kind) in expected.items():
        (tmp_path / name).write_bytes(content)
        facts = facts_of(tmp_path / name)
        assert (facts.code, facts.format) == (code, kind)
        assert facts.what
        assert len(facts.sha256) == 64
        assert facts.height == facts.width == 0


def test_a_bomb_is_not_decoded(tmp_path):
    stream = io.BytesIO()
    Image.new("L", (16, 16)).save(stream, "BMP")
    bomb = bytearray(stream.getvalue())
    bomb[18:26] = (60_000).to_bytes(4, "little") * 2
    (tmp_path / "bomb.bmp").write_bytes(bomb)
    assert facts_of(tmp_path / "bomb.bmp").code == "too_large"


def test_what_is_no_file(tmp_path):
    (tmp_path / "folder.jpg").mkdir()
    assert measure_film(str(tmp_path / "folder.jpg"))[0].code == "not_an_image"
    assert measure_film(str(tmp_path / "missing.jpg"))[0].code == "not_found"
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe.jpg")
        assert measure_film(str(tmp_path / "pipe.jpg"))[0].code == "not_an_image"


def test_suffix_is_not_believed_and_blank_films_are_measured(tmp_path):
    Image.new("L", (64, 80), 17).save(tmp_path / "a.png", "JPEG")
    facts = facts_of(tmp_path / "a.png")
    assert (facts.format, facts.flat, facts.levels, facts.deviation) == ("JPEG", 1.0, 1, 0.0)
    assert facts.mean == facts.low == facts.high == 17


def test_what_is_broken_beside_the_pixels_does_not_lose_the_film(tmp_path, monkeypatch):
    from lucency.datasets.audit import measure_film as module

    def fails(*_):
        raise ValueError("broken")

    monkeypatch.setattr(module, "file_header", fails)
    Image.fromarray(FILM).save(tmp_path / "a.png")
    facts = facts_of(tmp_path / "a.png")
    assert facts.readable
    assert (facts.format, facts.height) == ("PNG", 120)
