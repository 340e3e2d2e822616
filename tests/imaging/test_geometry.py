from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from lucency.errors import BundleError
from lucency.imaging import InputSpec, Placement, read_radiograph, to_input
from lucency.imaging.geometry import place

FITS = ("letterbox", "squash")
FILTERS = ("nearest", "bilinear", "bicubic", "lanczos", "area")


def film_with_dot(height: int, width: int, y: int, x: int, radius: int) -> np.ndarray:
    pixels = np.zeros((height, width), dtype=np.float32)
    pixels[max(0, y - radius) : y + radius + 1, max(0, x - radius) : x + radius + 1] = 255
    return pixels


def centroid(heat: np.ndarray) -> tuple[float, float]:
    rows, columns = np.mgrid[: heat.shape[0], : heat.shape[1]]
    total = heat.sum()
    return float((rows * heat).sum() / total), float((columns * heat).sum() / total)


@pytest.mark.parametrize("fit", FITS)
@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic", "lanczos", "area"])
@pytest.mark.parametrize(
    ("height", "width"),
    [(300, 300), (480, 120), (111, 333), (37, 41), (90, 500), (601, 599), (16, 16), (1000, 260)],
)
def test_a_dot_comes_back_within_one_pixel(height, width, interpolation, fit):
    spec = InputSpec(96, 128, fit=fit, interpolation=interpolation)
    # Wide enough to survive being made smaller, and clear of the edge, where a filter is one-sided.
    radius = max(1, round(max(height / 96, width / 96) * 1.5))
    for y, x in ((height // 2, width // 3), (height - 3 * radius - 2, width - 3 * radius - 2)):
        if min(y, x) < 2 * radius:
            continue
        pixels = film_with_dot(height, width, y, x, radius)
        array, placement = to_input(pixels, spec)
        back = placement.to_source(array[:, :, 0].astype(np.float32))
        assert back.shape == (height, width)
        assert back.dtype == np.float32
        found_y, found_x = centroid(back)
        assert abs(found_y - y) < 1
        assert abs(found_x - x) < 1


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("fit", FITS)
def test_a_dot_comes_back_through_every_exif_orientation(orientation, fit):
    upright = film_with_dot(60, 100, 20, 70, 2)
    # How a camera held another way stores the same scene: the inverse of what a viewer does.
    stored = {
        1: upright,
        2: upright[:, ::-1],
        3: upright[::-1, ::-1],
        4: upright[::-1],
        5: upright.T,
        6: np.rot90(upright, 1),
        7: np.rot90(upright, 2).T,
        8: np.rot90(upright, -1),
    }[orientation]
    exif = Image.Exif()
    exif[0x0112] = orientation
    file = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(stored).astype(np.uint8)).save(file, "PNG", exif=exif)
    film = read_radiograph(file.getvalue())
    assert film.pixels.shape == (60, 100)
    array, placement = to_input(film.pixels, InputSpec(128, 128, fit=fit))
    y, x = centroid(placement.to_source(array[:, :, 0].astype(np.float32)))
    assert abs(y - 20) < 1
    assert abs(x - 70) < 1


@pytest.mark.parametrize("fit", FITS)
@pytest.mark.parametrize("interpolation", FILTERS)
@pytest.mark.parametrize(("height", "width"), [(1, 3000), (3000, 1), (1, 1), (2, 5000)])
def test_extreme_aspect_ratios_keep_at_least_one_pixel(height, width, interpolation, fit):
    pixels = np.full((height, width), 200, dtype=np.float32)
    array, placement = to_input(pixels, InputSpec(64, 96, 3, fit, interpolation))
    assert array.shape == (64, 96, 3)
    assert min(placement.height, placement.width) >= 1
    assert array.max() == 200
    assert placement.to_source(np.ones((4, 6), dtype=np.float32)).shape == (height, width)


def test_letterbox_centres_the_film_on_black():
    array, placement = to_input(np.full((50, 100), 77, dtype=np.float32), InputSpec(40, 40))
    assert (placement.top, placement.left, placement.height, placement.width) == (10, 0, 20, 40)
    assert array.dtype == np.uint8
    assert (array[10:30] == 77).all()
    assert (array[:10] == 0).all()
    assert (array[30:] == 0).all()


def test_squash_fills_the_input():
    array, placement = to_input(np.full((50, 100), 77, dtype=np.float32), InputSpec(40, 30, fit="squash"))
    assert (placement.top, placement.left, placement.height, placement.width) == (0, 0, 40, 30)
    assert (array == 77).all()


def test_three_channels_repeat_the_grey():
    pixels = np.random.default_rng(1).uniform(0, 255, (30, 20)).astype(np.float32)
    one, _ = to_input(pixels, InputSpec(16, 16))
    three, _ = to_input(pixels, InputSpec(16, 16, channels=3))
    assert (three == one).all()
    assert three.shape == (16, 16, 3)


def test_area_averages_and_rounds():
    pixels = np.array([[0, 10, 20, 20], [10, 20, 20, 21]], dtype=np.float32)
    array, _ = to_input(pixels, InputSpec(1, 2, interpolation="area"))
    # (0 + 10 + 10 + 20) / 4 = 10; (20 + 20 + 20 + 21) / 4 = 20.25
    assert array[:, :, 0].tolist() == [[10, 20]]


def test_making_smaller_is_antialiased_for_every_filter_but_nearest():
    stripes = np.tile(np.array([0, 255], dtype=np.float32), (64, 32))
    for interpolation in ("bilinear", "bicubic", "lanczos", "area"):
        array, _ = to_input(stripes, InputSpec(8, 8, interpolation=interpolation))
        assert (np.abs(array.astype(int) - 127.5) < 12).all(), interpolation
    array, _ = to_input(stripes, InputSpec(8, 8, interpolation="nearest"))
    assert set(np.unique(array)) <= {0, 255}


def test_overshoot_stays_within_grey_levels():
    step = np.repeat(np.array([[0, 255]], dtype=np.float32), 8, axis=1).repeat(16, axis=0)
    array, _ = to_input(step, InputSpec(64, 64, fit="squash", interpolation="lanczos"))
    assert array[0, 2, 0] == 0
    assert array[0, -3, 0] == 255
    assert (np.diff(array[0, :, 0].astype(int)) > -30).all()


def test_a_map_is_cropped_to_the_film_and_bilinear_between_cell_centres():
    # A film of 2 x 4 in an input of 4 x 4: rows 1 and 2 are film, rows 0 and 3 are padding.
    placement = Placement(2, 4, 4, 4, 1, 0, 2, 4)
    heat = np.array([[90, 90, 90, 90], [1, 2, 3, 4], [5, 6, 7, 8], [90, 90, 90, 90]], dtype=np.float32)
    assert placement.to_source(heat).tolist() == [[1, 2, 3, 4], [5, 6, 7, 8]]
    # Two cells over four columns: centres at columns 1 and 3; 0.5, 1.5, 2.5, 3.5 lie at 0, 1/4, 3/4, 1.
    coarse = np.array([[0, 8], [0, 8]], dtype=np.float32)
    assert placement.to_source(coarse)[0].tolist() == [0, 2, 6, 8]


def test_a_single_hot_cell_of_a_fine_map_is_not_stepped_over():
    placement = place(20, 20, InputSpec(200, 200))
    heat = np.zeros((200, 200), dtype=np.float32)
    heat[103, 57] = 100
    back = placement.to_source(heat)
    assert np.unravel_index(back.argmax(), back.shape) == (10, 5)


def test_points_and_boxes():
    placement = place(200, 100, InputSpec(50, 50))
    # A quarter of the size, 12 columns of padding at the left.
    assert (placement.left, placement.width) == (12, 25)
    assert placement.point_to_source(25.5, 12.5) == (102.0, 2.0)
    assert placement.box_to_input((8, 40, 20, 12)) == (14.0, 10.0, 5.0, 3.0)


def test_spec_travels_through_json():
    spec = InputSpec(300, 200, 3, "squash", "area")
    assert InputSpec.from_json(spec.to_json()) == spec
    assert InputSpec.from_json({"height": 8, "width": 9}) == InputSpec(8, 9)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"height": 0}, "input.height"),
        ({"width": 2.5}, "input.width"),
        ({"width": True}, "input.width"),
        ({"channels": 2}, "input.channels"),
        ({"channels": True}, "input.channels"),
        ({"fit": "crop"}, "input.fit"),
        ({"interpolation": ["bilinear"]}, "input.interpolation"),
        ({"mean": 0.5}, "input.mean"),
    ],
)
def test_a_wrong_value_is_named(change, named):
    with pytest.raises(BundleError) as caught:
        InputSpec.from_json({"height": 8, "width": 8} | change)
    assert named in str(caught.value)


def test_a_missing_key_is_named():
    with pytest.raises(BundleError, match=r"input\.width"):
        InputSpec.from_json({"height": 8})


def test_a_spec_cannot_be_made_wrong():
    with pytest.raises(ValueError, match="height"):
        InputSpec(0, 8)
