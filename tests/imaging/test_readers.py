from __future__ import annotations

import hashlib
import io
import os
import struct
import subprocess
import sys
import zlib
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image, ImageOps

from lucency.errors import FILM_ERROR_CODES, FilmError
from lucency.imaging import read_radiograph

GREY = np.arange(240, dtype=np.uint8).reshape(12, 20)


def saved(image: Image.Image | np.ndarray, kind: str, **options) -> bytes:
    image = Image.fromarray(image) if isinstance(image, np.ndarray) else image
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def refusal(source) -> FilmError:
    with pytest.raises(FilmError) as caught:
        read_radiograph(source)
    assert caught.value.code in FILM_ERROR_CODES
    assert "\n" not in str(caught.value)
    return caught.value


def tiff(
    pixels: bytes,
    *,
    width: int,
    height: int,
    bits: int,
    photometric: int,
    order: str = "<",
    fmt: int = 1,
    **extra,
) -> bytes:
    """A one-strip TIFF written by hand, for what Pillow does not write."""
    tags = {
        256: (4, width),
        257: (4, height),
        258: (3, bits),
        259: (3, 1),
        262: (3, photometric),
        273: (4, 8),
        277: (3, 1),
        278: (4, height),
        279: (4, len(pixels)),
        339: (3, fmt),
    } | {int(tag): value for tag, value in extra.items()}
    pixels += b"\x00" * (len(pixels) % 2)
    data = (b"II*\x00" if order == "<" else b"MM\x00*") + struct.pack(order + "I", 8 + len(pixels)) + pixels
    data += struct.pack(order + "H", len(tags))
    for tag in sorted(tags):
        kind, value = tags[tag]
        packed = struct.pack(order + ("H" if kind == 3 else "I"), value).ljust(4, b"\x00")
        data += struct.pack(order + "HHI", tag, kind, 1) + packed
    return data + b"\x00" * 4


def png_chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


@pytest.mark.parametrize(
    ("kind", "options", "name"),
    [
        ("PNG", {}, "PNG"),
        ("TIFF", {}, "TIFF"),
        ("TIFF", {"compression": "tiff_lzw"}, "TIFF"),
        ("TIFF", {"compression": "tiff_deflate"}, "TIFF"),
        ("TIFF", {"big_tiff": True}, "TIFF"),
        ("BMP", {}, "BMP"),
        ("GIF", {}, "GIF"),
        ("WEBP", {"lossless": True}, "WebP"),
    ],
)
def test_lossless_formats_give_the_same_grey(kind, options, name):
    film = read_radiograph(saved(GREY, kind, **options))
    assert film.pixels.dtype == np.float32
    assert (film.pixels == GREY).all()
    assert film.metadata == {"format": name}
    assert film.warnings == ()


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"optimize": True}])
def test_jpeg(options):
    smooth = np.tile(np.linspace(0, 255, 64), (48, 1)).astype(np.uint8)
    film = read_radiograph(saved(smooth, "JPEG", quality=95, **options))
    assert np.abs(film.pixels - smooth).max() <= 3
    assert film.warnings == ()


def test_path_bytes_and_file_object_agree(tmp_path):
    data = saved(GREY, "PNG")
    # The suffix lies on purpose.
    path = tmp_path / "film.dcm"
    path.write_bytes(data)
    with path.open("rb") as file:
        films = [read_radiograph(source) for source in (path, str(path), data, io.BytesIO(data), file)]
        assert not file.closed
    assert {film.sha256 for film in films} == {hashlib.sha256(data).hexdigest()}
    assert all((film.pixels == GREY).all() for film in films)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF", "WEBP"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_as_pillow_understands_it(kind, orientation):
    picture = Image.new("L", (48, 32))
    picture.paste(255, (0, 0, 16, 16))
    picture.paste(128, (16, 0, 48, 8))
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = {"lossless": True} if kind == "WEBP" else {"quality": 100} if kind == "JPEG" else {}
    if kind == "TIFF":
        data = saved(picture, kind, tiffinfo={274: orientation})
    else:
        data = saved(picture, kind, exif=exif, **options)
    tagged = Image.open(io.BytesIO(data))
    expected = np.asarray(ImageOps.exif_transpose(tagged).convert("L"), dtype=np.float32)
    film = read_radiograph(data)
    assert film.pixels.shape == ((32, 48) if orientation < 5 else (48, 32))
    assert np.abs(film.pixels - expected).max() <= 1


def test_orientation_six_by_hand():
    # Orientation 6: the stored top is the right side of the scene.
    stored = np.zeros((8, 16), dtype=np.uint8)
    stored[0] = 200
    exif = Image.Exif()
    exif[0x0112] = 6
    film = read_radiograph(saved(stored, "PNG", exif=exif))
    assert film.pixels.shape == (16, 8)
    assert (film.pixels[:, 7] == 200).all()
    assert film.pixels.sum() == 200 * 16


def test_one_bit():
    bits = (np.indices((8, 9)).sum(axis=0) % 2).astype(bool)
    for kind in ("PNG", "TIFF"):
        film = read_radiograph(saved(Image.fromarray(bits), kind))
        assert (film.pixels == bits * 255).all()


def test_palette_and_its_transparency():
    image = Image.fromarray((np.arange(80) % 2).astype(np.uint8).reshape(8, 10)).convert("P")
    image.putpalette([255, 0, 0, 100, 100, 100])
    # 0.299 * 255 = 76.2
    assert read_radiograph(saved(image, "PNG")).pixels[0, :2].tolist() == [76, 100]
    film = read_radiograph(saved(image, "PNG", transparency=bytes([0, 255])))
    assert film.pixels[0, :2].tolist() == [0, 100]


def test_colour_becomes_luma():
    colour = np.zeros((8, 8, 3), dtype=np.uint8)
    colour[0, 0], colour[0, 1], colour[0, 2], colour[0, 3] = (255, 0, 0), (0, 255, 0), (0, 0, 255), (9, 9, 9)
    # ITU-R 601-2: 0.299, 0.587, 0.114 of 255.
    assert read_radiograph(saved(colour, "PNG")).pixels[0, :4].tolist() == [76, 150, 29, 9]


@pytest.mark.parametrize("mode", ["LA", "RGBA"])
def test_alpha_is_composited_over_black(mode):
    image = Image.new(mode, (8, 8), (200, 51) if mode == "LA" else (200, 200, 200, 51))
    # 200 * 51 / 255
    assert read_radiograph(saved(image, "PNG")).pixels == pytest.approx(np.full((8, 8), 40))


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_sixteen_bits_at_full_range(kind):
    values = np.zeros((8, 8), dtype=np.uint16)
    values[0, :4] = 65535, 32768, 257, 16384
    film = read_radiograph(saved(values, kind))
    assert film.pixels[0, :4] == pytest.approx([255, 127.50195, 1, 63.75097], abs=1e-4)
    assert film.warnings == ()


@pytest.mark.parametrize(
    ("highest", "bits"), [(16383, 14), (4096, 14), (4095, 12), (3000, 12), (1000, 10), (255, 8), (7, 8)]
)
def test_a_shallow_film_in_a_sixteen_bit_file_is_scaled_and_said(highest, bits):
    values = np.zeros((8, 8), dtype=np.uint16)
    values[0, 0] = highest
    film = read_radiograph(saved(values, "PNG"))
    assert film.pixels[0, 0] == pytest.approx(255 * highest / (2**bits - 1), rel=1e-6)
    assert len(film.warnings) == 1
    assert f"{bits}-bit film" in film.warnings[0]


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("bits", [8, 16])
def test_tiff_white_is_zero_is_inverted(order, bits):
    top = 2**bits - 1
    values = np.full((8, 8), top, dtype=f"{order}u{bits // 8}")
    values[0, 0], values[0, 1] = 0, top // 3
    data = tiff(values.tobytes(), width=8, height=8, bits=bits, photometric=0, order=order)
    film = read_radiograph(data)
    assert film.pixels[0, :3] == pytest.approx([255, 170, 0])


def test_tiff_twelve_bits_need_no_guess():
    # Two values in three bytes: 0x800, 0xFFF.
    data = tiff(bytes.fromhex("800fff") * 32, width=8, height=8, bits=12, photometric=1)
    film = read_radiograph(data)
    assert film.pixels[0, :2] == pytest.approx([255 * 2048 / 4095, 255])
    assert film.warnings == ()


@pytest.mark.parametrize(("peak", "expected"), [(1.0, [127.5, 255]), (200.0, [100, 200])])
def test_floating_point_tiff_with_known_range(peak, expected):
    values = np.full((8, 8), peak, dtype=np.float32)
    values[0, 0] = peak / 2
    assert read_radiograph(saved(values, "TIFF")).pixels[0, :2] == pytest.approx(expected)


@pytest.mark.parametrize("value", [-0.1, 256.0, 4000.0, np.nan, np.inf])
def test_floating_point_tiff_of_unknown_range_is_refused(value):
    values = np.zeros((8, 8), dtype=np.float32)
    values[3, 3] = value
    error = refusal(saved(values, "TIFF"))
    assert error.code == "unsupported_format"
    assert "floating-point" in str(error)


def test_several_pages_give_the_first_with_a_warning():
    pages = [Image.fromarray(GREY), Image.new("L", (20, 12), 9)]
    film = read_radiograph(saved(pages[0], "TIFF", save_all=True, append_images=pages[1:]))
    assert (film.pixels == GREY).all()
    assert film.warnings == ("The file holds 2 pages; only the first was read.",)


def test_animated_pictures_give_the_first_frame():
    frames = [Image.fromarray(GREY), Image.new("L", (20, 12), 9)]
    for kind in ("GIF", "PNG", "WEBP"):
        options = {"lossless": True} if kind == "WEBP" else {}
        data = saved(frames[0], kind, save_all=True, append_images=frames[1:], **options)
        assert (read_radiograph(data).pixels == GREY).all(), kind


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF", "GIF", "BMP", "WEBP"])
@pytest.mark.parametrize("share", [0.5, 0.9, 0.98])
def test_a_truncated_file_is_refused(kind, share):
    noise = np.random.default_rng(3).integers(0, 255, (64, 64), dtype=np.uint8)
    data = saved(noise, kind)
    assert refusal(data[: int(len(data) * share)]).code == "truncated"


def test_a_truncated_progressive_jpeg_is_refused():
    noise = np.random.default_rng(3).integers(0, 255, (64, 64), dtype=np.uint8)
    data = saved(noise, "JPEG", progressive=True)
    assert refusal(data[: len(data) * 2 // 3]).code == "truncated"


def test_a_png_without_its_last_bytes_is_truncated():
    data = saved(GREY, "PNG")
    for cut in (1, 4, 12, 20):
        assert refusal(data[:-cut]).code == "truncated"


def test_a_damaged_png_is_corrupt():
    data = bytearray(saved(GREY, "PNG"))
    data[data.index(b"IDAT") + 10] ^= 0xFF
    assert refusal(bytes(data)).code == "corrupt"


def test_a_jpeg_cut_short_and_filled_with_zeros_is_truncated():
    noise = np.random.default_rng(3).integers(0, 255, (64, 64), dtype=np.uint8)
    data = saved(noise, "JPEG")
    assert refusal(data[:-2]).code == "truncated"
    assert refusal(data[:-900] + b"\x00" * 900).code == "truncated"


def test_a_png_bomb_is_refused_before_memory_is_taken():
    header = struct.pack(">IIBBBBB", 60000, 60000, 8, 0, 0, 0, 0)
    data = b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", header) + png_chunk(b"IDAT", b"x") + png_chunk(b"IEND", b"")
    error = refusal(data)
    assert error.code == "too_large"
    assert "60000 x 60000" in str(error)


def test_every_format_checks_the_claimed_size():
    gif = bytearray(saved(GREY, "GIF"))
    gif[6:10] = struct.pack("<HH", 60000, 60000)
    bmp = bytearray(saved(GREY, "BMP"))
    bmp[18:26] = struct.pack("<ii", 60000, 60000)
    jpeg = bytearray(saved(GREY, "JPEG"))
    at = jpeg.index(b"\xff\xc0") + 5
    jpeg[at : at + 4] = struct.pack(">HH", 60000, 60000)
    page = tiff(b"\x00" * 8, width=60000, height=60000, bits=8, photometric=1)
    webp = b"VP8X" + struct.pack("<I", 10) + b"\x00" * 4 + (16000).to_bytes(3, "little") * 2
    webp = b"RIFF" + struct.pack("<I", len(webp) + 4) + b"WEBP" + webp
    for data in (gif, bmp, jpeg, page, webp):
        assert refusal(bytes(data)).code == "too_large", bytes(data[:4])


def test_nothing_is_allocated_between_our_limit_and_that_of_pillow():
    # 95 million pixels: Pillow warns here, and tests turn warnings into errors.
    header = struct.pack(">IIBBBBB", 10000, 9500, 1, 0, 0, 0, 0)
    data = b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", header) + png_chunk(b"IDAT", b"x") + png_chunk(b"IEND", b"")
    assert refusal(data).code in ("corrupt", "truncated")


def test_too_small():
    assert refusal(saved(GREY[:7], "PNG")).code == "too_small"
    assert refusal(saved(GREY[:, :1], "PNG")).code == "too_small"
    assert read_radiograph(saved(GREY[:8, :8], "PNG")).pixels.shape == (8, 8)


@pytest.mark.parametrize(
    ("content", "code", "said"),
    [
        (b"", "empty_file", "empty"),
        (
            b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n",
            "lfs_pointer",
            "git lfs pull",
        ),
        (b"hello\n", "not_an_image", "text"),
        ("BMI,Größe\n".encode(), "not_an_image", "text"),
        (b"BMI,age\n21.5,40\n22.5,50\n30.0,60\n", "not_an_image", "text"),
        (b"\n<!DOCTYPE html><html><body>404</body></html>", "not_an_image", "HTML"),
        (b'{"error": 404}', "not_an_image", "JSON"),
        (b"<svg xmlns='x'></svg>", "not_an_image", "SVG"),
        (b"PK\x03\x04rest", "not_an_image", "ZIP"),
        (b"\x1f\x8b\x08rest", "not_an_image", "gzip"),
        (b"\x89HDF\r\n\x1a\nrest", "not_an_image", "HDF5"),
        (b"\x00" * 300, "not_an_image", "zero bytes"),
        (bytes(range(128, 256)) * 3, "not_an_image", "binary"),
        (b"%PDF-1.7\n", "unsupported_format", "PDF"),
        (b"\x00\x00\x00\x18ftypheic\x00\x00", "unsupported_format", "HEIC"),
        (b"\x00\x00\x00\x18ftypavif\x00\x00", "unsupported_format", "AVIF"),
        (b"\x00\x00\x00\x0cjP  \r\n\x87\n", "unsupported_format", "JPEG 2000"),
    ],
)
def test_what_is_no_film_is_named(tmp_path, content, code, said):
    path = tmp_path / "film.jpg"
    path.write_bytes(content)
    for source in (path, content):
        error = refusal(source)
        assert error.code == code
        assert said in str(error)
    assert str(refusal(path)).startswith(str(path))


def test_jpegs_that_are_not_decoded_are_named():
    data = bytearray(saved(GREY, "JPEG"))
    at = data.index(b"\xff\xc0")
    data[at + 4] = 12
    assert "12-bit" in str(refusal(bytes(data)))
    data[at + 1 : at + 5] = b"\xc3" + bytes(data[at + 2 : at + 4]) + b"\x08"
    assert refusal(bytes(data)).code == "unsupported_format"


def test_places_that_cannot_be_read(tmp_path):
    assert refusal(tmp_path / "absent.png").code == "not_found"
    assert refusal(tmp_path).code == "not_an_image"
    assert refusal("a\x00b").code == "not_found"
    assert refusal("x" * 5000).code == "not_found"
    link = tmp_path / "link.png"
    link.symlink_to(tmp_path / "gone.png")
    assert "link" in str(refusal(link))


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_pipe_does_not_hang(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    assert refusal(tmp_path / "pipe").code == "not_an_image"


def test_permission_denied(tmp_path, monkeypatch):
    path = tmp_path / "film.png"
    path.write_bytes(saved(GREY, "PNG"))

    def denied(*_, **__):
        raise PermissionError(13, "Permission denied")

    # The user may be root, whom file modes do not stop.
    monkeypatch.setattr("builtins.open", denied)
    assert refusal(path).code == "permission_denied"


def test_broken_exif_neither_warns_nor_stops():
    data = saved(GREY, "PNG")
    for block in (
        b"",
        b"II*\x00",
        b"II*\x00\xff\xff\xff\xff",
        b"garbage!",
        b"MM\x00*\x00\x00\x00\x08\xff\xff",
    ):
        dressed = data[:33] + png_chunk(b"eXIf", block) + data[33:]
        assert (read_radiograph(dressed).pixels == GREY).all()
    jpeg = saved(GREY, "JPEG")
    plain = read_radiograph(jpeg)
    segment = b"Exif\x00\x00II*\x00\x08\x00\x00\x00\x05\x00\x12\x01"
    dressed = jpeg[:2] + b"\xff\xe1" + struct.pack(">H", len(segment) + 2) + segment + jpeg[2:]
    assert (read_radiograph(dressed).pixels == plain.pixels).all()


def test_rubbish_before_the_exif_of_a_jpeg_does_not_let_it_through():
    jpeg = saved(GREY, "JPEG")
    # Orientation with an offset far beyond the file: Pillow would warn.
    segment = (
        b"Exif\x00\x00II*\x00\x08\x00\x00\x00\x01\x00\x12\x01\x03\x00\xff\xff\x00\x00\xff\xff\xff\x7f" + b"\x00" * 8
    )
    exif = b"\xff\xe1" + struct.pack(">H", len(segment) + 2) + segment
    plain = read_radiograph(jpeg)
    for rubbish in (b"", b"\x00\x07", b"\xff\xff", b"\xff\x01"):
        # The first segment, JFIF, ends at byte 20.
        assert (read_radiograph(jpeg[:20] + rubbish + exif + jpeg[20:]).pixels == plain.pixels).all()


def test_a_text_field_with_a_name_is_not_kept():
    from PIL.PngImagePlugin import PngInfo

    info = PngInfo()
    info.add_text("Patient", "DOE^JANE")
    film = read_radiograph(saved(GREY, "PNG", pnginfo=info))
    assert "DOE" not in repr(film)
    assert "DOE" not in str(film.metadata)


def test_many_threads_read_alike():
    noise = np.random.default_rng(5).integers(0, 255, (64, 64), dtype=np.uint8)
    files = [saved(noise, kind) for kind in ("PNG", "TIFF", "GIF", "BMP", "JPEG")] * 20
    alone = [read_radiograph(data).pixels for data in files[:5]]
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(read_radiograph, files))
    for index, film in enumerate(together):
        assert (film.pixels == alone[index % 5]).all()


def test_text_mode_is_a_programming_error():
    with pytest.raises(TypeError, match="binary"):
        read_radiograph(io.StringIO("x"))  # type: ignore[arg-type]


def test_import_is_light_and_pillow_is_left_alone():
    code = (
        "import sys; from PIL import Image, ImageFile; before = (Image.MAX_IMAGE_PIXELS,"
        " ImageFile.LOAD_TRUNCATED_IMAGES); import lucency.imaging.readers, lucency.imaging.overlay;"
        " assert before == (Image.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES);"
        " heavy = {'pydicom', 'pandas', 'scipy', 'matplotlib', 'imagecodecs', 'onnxruntime'};"
        " heavy &= set(sys.modules);"
        " assert not heavy, heavy"
    )
    path = os.pathsep.join(entry for entry in sys.path if entry)
    subprocess.run([sys.executable, "-c", code], check=True, env={**os.environ, "PYTHONPATH": path})
