from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from lucency.imaging import InputSpec, Radiograph, to_input
from lucency.imaging.geometry import place
from lucency.imaging.overlay import DISCLAIMER, _wrapped, draw_overlay

LINES = ["fractured, probability 0.87", "mobilenet@3f2a91c0"]


def film(height: int, width: int, grey: float = 100) -> Radiograph:
    return Radiograph(np.full((height, width), grey, dtype=np.float32), "0" * 64)


def picture(radiograph: Radiograph, heatmap, lines=LINES, **options) -> np.ndarray:
    placement = place(*radiograph.pixels.shape, InputSpec(64, 64))
    return np.asarray(draw_overlay(radiograph, heatmap, placement, lines, **options))


@pytest.mark.parametrize(("height", "width"), [(200, 200), (90, 400), (400, 90), (1500, 2000), (8, 8), (9, 3000)])
def test_the_caption_covers_no_pixel_of_the_film(height, width):
    pixels = np.random.default_rng(0).integers(0, 256, (height, width)).astype(np.float32)
    drawn = picture(Radiograph(pixels, "0" * 64), None)
    assert drawn.shape[1] == max(width, 120)
    assert drawn.shape[0] > height
    assert (drawn[:height, :width] == pixels[:, :, None]).all()
    # Something is written in the strip.
    assert drawn[height:].max() > 150


@pytest.mark.parametrize("heat", [np.zeros((4, 4)), np.full((4, 4), -3.0), np.full((4, 4), np.nan)])
def test_a_map_without_evidence_shows_no_colour(heat):
    drawn = picture(film(60, 40), heat.astype(np.float32))
    assert (drawn[:60, :40] == 100).all()


def test_colour_is_fixed_in_logits_and_not_stretched_to_the_image():
    def warmth(logit: float) -> int:
        drawn = picture(film(64, 64), np.full((4, 4), logit, dtype=np.float32)).astype(int)
        return int(drawn[32, 32, 0] - drawn[32, 32, 2])

    measured = [warmth(logit) for logit in (0, 1, 3, 10, 20, 200)]
    assert measured[0] == 0
    assert 0 < measured[1] < 15
    assert measured == sorted(measured)
    # 65 % of (230, 30, 20) over grey 100: red 184.5, blue 48.
    assert measured[4] == measured[5] == pytest.approx(184.5 - 48, abs=1)


def test_one_warm_place_says_nothing_of_the_rest():
    heat = np.zeros((8, 8), dtype=np.float32)
    heat[2, 5] = 6
    drawn = picture(film(64, 64), heat).astype(int)[:64, :64]
    red = drawn[:, :, 0] - drawn[:, :, 2]
    assert np.unravel_index(red.argmax(), red.shape) in {(y, x) for y in range(18, 23) for x in range(41, 47)}
    assert (red[40:] == 0).all()


def test_colour_follows_the_film_and_not_the_padding():
    # A tall film in a square input: columns 0..15 and 48..63 of the input are padding.
    heat = np.zeros((64, 64), dtype=np.float32)
    heat[:, :12] = 6
    assert (picture(film(200, 100), heat)[:200, :100] == 100).all()


def test_boxes_are_outlined_around_what_they_hold():
    drawn = picture(film(100, 100), None, boxes=[(20, 30, 40, 10)]).astype(int)[:100, :100]
    assert (drawn[30:40, 20:60] == 100).all()
    assert (drawn[29, 19:61] == (80, 200, 255)).all()
    assert (drawn[30:40, 19] == (80, 200, 255)).all()
    assert (drawn[60:] == 100).all()


def test_boxes_out_of_the_film_do_not_crash():
    picture(film(50, 50), None, boxes=[(-20, -20, 200, 200), (70, 70, 5, 5), (10, 10, 0, 0)])


def test_words_are_wrapped_to_the_width():
    from PIL import ImageFont

    font = ImageFont.load_default(12)
    text = "fractured, probability 0.87 averyveryveryverylongbundlename@0123456789abcdef0123456789abcdef"
    lines = _wrapped(text, font, 90)
    assert all(font.getlength(line) <= 90 for line in lines)
    assert "".join(lines).replace(" ", "") == text.replace(" ", "")


def test_the_research_line_is_always_there_and_only_once(monkeypatch):
    drawn: list[str] = []
    original = _wrapped

    def recording(text, font, width):
        drawn.append(text)
        return original(text, font, width)

    monkeypatch.setattr("lucency.imaging.overlay._wrapped", recording)
    assert DISCLAIMER == "Research use only. Not a medical device."
    for lines in ([], LINES, [*LINES, DISCLAIMER]):
        drawn.clear()
        picture(film(100, 300), None, lines)
        assert drawn.count(DISCLAIMER) == 1


def test_words_grow_with_the_film():
    small = picture(film(200, 200), None).shape[0] - 200
    large = picture(film(2000, 2000), None).shape[0] - 2000
    assert large > 2 * small


def test_scale_must_be_positive():
    with pytest.raises(ValueError, match="scale"):
        picture(film(20, 20), np.zeros((2, 2), dtype=np.float32), scale=0)


def test_the_same_input_gives_the_same_picture():
    radiograph = film(64, 64)
    _, placement = to_input(radiograph.pixels, InputSpec(32, 32))
    heat = np.random.default_rng(1).normal(size=(8, 8)).astype(np.float32)
    one, two = (draw_overlay(radiograph, heat, placement, LINES, boxes=[(1, 2, 9, 9)]) for _ in range(2))
    assert isinstance(one, Image.Image)
    assert one.mode == "RGB"
    assert one.tobytes() == two.tobytes()
