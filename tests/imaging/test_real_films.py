from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from lucency.errors import FilmError
from lucency.imaging import InputSpec, read_radiograph, to_input

pytestmark = pytest.mark.realdata

LOSSLESS = ("RLE", "JPLL", "JLSL", "J2KR")
LOSSY = {"JLSN": (1.0, 0.4), "J2KI": (3.0, 0.4), "JPLY": (13.0, 0.5)}


def film(folder: Path, name: str):
    return read_radiograph(folder / "dicom" / f"RG3_{name}.dcm")


def test_lossless_syntaxes_of_one_film_are_identical(real_data):
    films = [film(real_data, name) for name in LOSSLESS]
    for other in films[1:]:
        assert (other.pixels == films[0].pixels).all()
    assert films[0].warnings == ()
    assert films[0].metadata["photometric"] == "MONOCHROME1"


@pytest.mark.parametrize("name", list(LOSSY))
def test_lossy_syntaxes_are_near(real_data, name):
    if name == "JPLY":
        pytest.importorskip("imagecodecs")
    difference = np.abs(film(real_data, name).pixels - film(real_data, "RLE").pixels)
    highest, mean = LOSSY[name]
    assert difference.max() <= highest
    assert difference.mean() <= mean


def test_bone_is_bright_and_the_air_beside_the_leg_is_black(real_data):
    pixels = film(real_data, "RLE").pixels
    assert pixels.shape == (1760, 1760)
    # Across the shaft of the tibia: background, muscle, then the brightest of the near cortex.
    row = pixels[600]
    air, muscle, cortex = row[520], row[740], row[790:850].max()
    assert cortex > muscle + 30
    assert muscle > air + 60
    assert air < 40


def test_fracatlas_truncated_films_are_found(real_data):
    codes: dict[str, int] = {}
    shapes = set()
    for path in sorted((real_data / "fracatlas" / "images").glob("*/*.jpg")):
        try:
            radiograph = read_radiograph(path)
        except FilmError as error:
            codes[error.code] = codes.get(error.code, 0) + 1
            assert path.parent.name == "Non_fractured"
        else:
            if len(shapes) < 20:
                array, _ = to_input(radiograph.pixels, InputSpec(64, 64))
                shapes.add(radiograph.pixels.shape)
                assert array.max() > array.min()
    # The field notes count 59 truncated films, all of the normal class.
    assert codes == {"truncated": 59}
