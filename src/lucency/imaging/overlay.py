"""Radiograph + heat map + words -> a picture for a person, in the film's own geometry."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from lucency.imaging.geometry import Placement
from lucency.imaging.radiograph import Radiograph

DISCLAIMER: Final = "Research use only. Not a medical device."
"""The line that closes every caption."""

_OPACITY: Final = 0.65
"""Opacity where the evidence reaches the end of the scale: the bone must still be seen through it."""

_PALE, _DEEP = np.array((255, 196, 64)), np.array((230, 30, 20))
_BACKGROUND, _INK, _FAINT, _BOX = (18, 18, 20), (240, 240, 240), (165, 165, 170), (80, 200, 255)
_KEY_STEPS: Final = 3
_MIN_WIDTH: Final = 120

_Font = ImageFont.FreeTypeFont | ImageFont.ImageFont


def draw_overlay(
    radiograph: Radiograph,
    heatmap: npt.NDArray[np.floating[Any]] | None,
    placement: Placement,
    caption_lines: Sequence[str],
    *,
    boxes: Sequence[tuple[float, float, float, float]] = (),
    scale: float = 20.0,
) -> Image.Image:
    """Draw what a bundle saw onto the film it saw it in.

    The colour scale is fixed in logits and never stretched to an image, so a film without evidence for a
    fracture shows no colour. Evidence against a fracture (negative logits) is not drawn.

    Args:
        radiograph: The film.
        heatmap: Float (h, w) in logits over the network input, or None to draw none.
        placement: Where the film sits in the network input.
        caption_lines: Text for the strip below the film; the research-use line is added to it.
        boxes: (x, y, width, height) in pixels of the film, outlined.
        scale: Logits at which the colour is strongest, above 0.

    Returns:
        An RGB picture: the film, pixel for pixel, from the upper left corner, and a caption strip below it
        that covers none of it. At least 120 pixels wide, so that words fit.
    """
    if not scale > 0:
        raise ValueError(f"scale must be above 0, not {scale}")
    height, width = radiograph.pixels.shape
    film = _tinted(radiograph.pixels, heatmap, placement, scale)
    size = max(10, min(72, round(math.sqrt(width * height) / 40), width // 14))
    _outline(film, boxes, max(1, round(min(height, width) / 250)))
    across = max(width, _MIN_WIDTH)
    strip = _caption(across, size, caption_lines, scale if heatmap is not None else None)
    picture = Image.new("RGB", (across, height + strip.height), _BACKGROUND)
    picture.paste(film, (0, 0))
    picture.paste(strip, (0, height))
    return picture


def _ramp(strength: npt.NDArray[np.floating[Any]]) -> npt.NDArray[np.float32]:
    """RGB (..., 3) for strengths 0..1: amber for some evidence, red for much."""
    colours: npt.NDArray[np.float32] = (_PALE + (_DEEP - _PALE) * strength[..., None]).astype(np.float32)
    return colours


def _tinted(
    pixels: npt.NDArray[np.float32],
    heatmap: npt.NDArray[np.floating[Any]] | None,
    placement: Placement,
    scale: float,
) -> Image.Image:
    grey = np.repeat(np.rint(pixels).clip(0, 255).astype(np.uint8)[:, :, None], 3, axis=2)
    if heatmap is not None:
        evidence = placement.to_source(np.nan_to_num(np.asarray(heatmap, dtype=np.float32), nan=0.0))
        rows, columns = np.nonzero(evidence > 0)
        strength = (evidence[rows, columns] / np.float32(scale)).clip(0, 1)
        opacity = (_OPACITY * strength)[:, None]
        mixed = grey[rows, columns] * (1 - opacity) + _ramp(strength) * opacity
        grey[rows, columns] = np.rint(mixed).astype(np.uint8)
    return Image.fromarray(grey)


def _outline(film: Image.Image, boxes: Sequence[tuple[float, float, float, float]], thickness: int) -> None:
    draw = ImageDraw.Draw(film)
    for x, y, width, height in boxes:
        # Drawn around the box, so that what is inside stays in sight.
        left, top = round(x) - thickness, round(y) - thickness
        right, bottom = round(x + width) + thickness - 1, round(y + height) + thickness - 1
        draw.rectangle((left, top, max(left, right), max(top, bottom)), outline=_BOX, width=thickness)


@lru_cache(maxsize=16)
def _font(size: int) -> _Font:
    return ImageFont.load_default(size)


def _wrapped(text: str, font: _Font, width: int) -> list[str]:
    """Lines of a text that fit a width; words that do not fit are cut."""
    lines: list[str] = []
    for paragraph in text.splitlines():
        line = ""
        for word in paragraph.split():
            longer = f"{line} {word}" if line else word
            if font.getlength(longer) <= width:
                line = longer
                continue
            if line:
                lines.append(line)
            while font.getlength(word) > width and len(word) > 1:
                fit = next((n for n in range(len(word) - 1, 0, -1) if font.getlength(word[:n]) <= width), 1)
                lines.append(word[:fit])
                word = word[fit:]
            line = word
        if line:
            lines.append(line)
    return lines


def _caption(width: int, size: int, lines: Sequence[str], scale: float | None) -> Image.Image:
    font, small = _font(size), _font(max(9, round(size * 0.8)))
    margin = max(2, size // 2)
    room = width - 2 * margin
    blocks = [
        _text(
            [line for text in lines if text != DISCLAIMER for line in _wrapped(text, font, room)],
            font,
            _INK,
            room,
        )
    ]
    if scale is not None:
        blocks.append(_key(room, small, scale))
    blocks.append(_text(_wrapped(DISCLAIMER, small, room), small, _FAINT, room))
    blocks = [block for block in blocks if block.height]
    height = sum(block.height + margin for block in blocks) + margin
    strip = Image.new("RGB", (width, height), _BACKGROUND)
    y = margin
    for block in blocks:
        strip.paste(block, (margin, y))
        y += block.height + margin
    return strip


def _text(lines: Sequence[str], font: _Font, ink: tuple[int, int, int], width: int) -> Image.Image:
    pitch = round(sum(_vertical(font)) * 1.15)
    block = Image.new("RGB", (width, pitch * len(lines)), _BACKGROUND)
    draw = ImageDraw.Draw(block)
    for index, line in enumerate(lines):
        draw.text((0, index * pitch), line, font=font, fill=ink)
    return block


def _vertical(font: _Font) -> tuple[int, int]:
    if isinstance(font, ImageFont.FreeTypeFont):
        return font.getmetrics()
    return math.ceil(font.getbbox("Ag")[3]), 0


def _key(room: int, font: _Font, scale: float) -> Image.Image:
    """The colour scale as it looks over mid grey, with logits beneath."""
    title = _text(_wrapped("Evidence for a fracture, in logits (fixed scale)", font, room), font, _FAINT, room)
    line = sum(_vertical(font)) + 1
    bar = max(4, line // 2)
    length = min(room, max(60, 14 * line))
    top = title.height + 1
    key = Image.new("RGB", (room, top + bar + line), _BACKGROUND)
    key.paste(title, (0, 0))
    draw = ImageDraw.Draw(key)
    strength = np.linspace(0, 1, length, dtype=np.float32)
    opacity = (_OPACITY * strength)[:, None]
    band = np.rint(128 * (1 - opacity) + _ramp(strength) * opacity).astype(np.uint8)
    key.paste(Image.fromarray(np.repeat(band[None], bar, axis=0)), (0, top))
    for step in range(_KEY_STEPS + 1):
        share = step / _KEY_STEPS
        text = f"{scale * share:.3g}" + ("+" if step == _KEY_STEPS else "")
        x = share * length - share * font.getlength(text)
        draw.text((x, top + bar), text, font=font, fill=_FAINT)
    return key
