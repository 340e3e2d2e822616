from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from lucency.datasets.film_size import film_size
from lucency.datasets.marked_boxes import SHARES, BoxFit, fit_boxes
from lucency.imaging.readers import read_radiograph

BOX = (6.0, 4.0, 10.0, 5.0)


def bright(path, orientation: int, height: int = 24, width: int = 40):
    """A dark film with a bright rectangle at BOX of the film as stored."""
    pixels = np.zeros((height, width), np.uint8)
    x, y, w, h = (int(value) for value in BOX)
    pixels[y : y + h, x : x + w] = 255
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(pixels).save(path, exif=exif)
    return path


@pytest.mark.parametrize("suffix", ["png", "jpg", "tif"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_size_is_that_of_the_film_as_it_is_read(tmp_path, orientation, suffix):
    path = bright(tmp_path / f"a.{suffix}", orientation)
    size = film_size(str(path))
    assert size is not None
    assert size.upright == read_radiograph(path).pixels.shape[::-1]


@pytest.mark.parametrize("suffix", ["bmp", "webp", "gif"])
def test_the_size_of_other_pictures(film, tmp_path, suffix):
    assert film_size(str(film(f"a.{suffix}", height=20, width=30))) == (30, 20, 1)


@pytest.mark.parametrize("content", [b"", b"text", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff\xe0"])
def test_the_size_of_a_broken_film_is_not_known(tmp_path, content):
    (tmp_path / "a.png").write_bytes(content)
    assert film_size(str(tmp_path / "a.png")) is None
    assert film_size(str(tmp_path / "absent.png")) is None


@pytest.mark.parametrize("orientation", [5, 6, 7, 8])
def test_a_box_on_the_film_as_stored_is_turned_with_it(tmp_path, orientation):
    path = bright(tmp_path / "a.png", orientation)
    fit = BoxFit()
    boxes = fit_boxes([BOX], (40, 24), film_size(str(path)), "a", fit)
    assert boxes is not None
    x, y, w, h = (int(value) for value in boxes[0])
    expected = np.zeros((40, 24))
    expected[y : y + h, x : x + w] = 255
    np.testing.assert_array_equal(read_radiograph(path).pixels, expected)
    assert fit.turned == ["a"]


def test_shares_are_of_the_upright_film(tmp_path):
    path = bright(tmp_path / "a.png", 6)
    assert fit_boxes([(0.5, 0.25, 0.25, 0.5)], SHARES, film_size(str(path)), "a", BoxFit()) == [(12, 10, 6, 20)]


@pytest.mark.parametrize(
    ("frame", "box", "expected", "word"),
    [
        ((40, 24), (30, 20, 10, 4), (30, 20, 10, 4), ""),
        ((40, 24), (30, 20, 10.8, 4), (30, 20, 10, 4), ""),
        ((40, 24), (30, 20, 30, 40), (30, 20, 10, 4), "over the edge"),
        ((40, 24), (-5, -5, 10, 10), (0, 0, 5, 5), "over the edge"),
        ((40, 24), (50, 2, 4, 4), None, "outside of the film"),
        ((40, 24), (5, 5, 0, 4), None, "without area"),
        ((80, 48), (10, 20, 30, 10), (5, 10, 15, 5), "rescaled"),
        ((40, 30), (1, 1, 2, 2), None, "another shape"),
        (None, (1, 2, 3, 4), (1, 2, 3, 4), ""),
        ((0, 0), (1, 2, 3, 4), (1, 2, 3, 4), ""),
    ],
)
def test_what_does_not_fit_is_said(tmp_path, frame, box, expected, word):
    fit = BoxFit()
    boxes = fit_boxes([box], frame, film_size(str(bright(tmp_path / "a.png", 1))), "a", fit)
    assert boxes == (None if expected is None else [expected])
    assert len(fit.notes()) == bool(word)
    assert all(word in note and "1 film " in note for note in fit.notes())


def test_a_film_that_cannot_be_read_has_no_boxes():
    assert fit_boxes([BOX], None, None, "a", BoxFit()) is None
