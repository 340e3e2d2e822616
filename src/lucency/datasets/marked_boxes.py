"""Boxes of a label file -> boxes in pixels of the upright film."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from lucency.datasets.audit.findings import counted
from lucency.datasets.film_size import FilmSize

Box = tuple[float, float, float, float]

SHARES = (1.0, 1.0)
"""The frame of boxes that are shares of the upright film."""

_SLACK = 1.0
"""Pixels by which a box may reach over the edge without a word: labelling tools round."""


@dataclass
class BoxFit:
    """Names of the films whose boxes did not fit as they were.

    Attributes:
        cut: A box reached over the edge, and was cut there.
        outside: A box lay outside of the film or had no area, and was left out.
        turned: Boxes were drawn on the film as it is stored, and were turned upright with it.
        rescaled: Boxes were drawn on a picture of another size, but the same shape.
        misshapen: Boxes were drawn on a picture of another shape, and say nothing here.
    """

    cut: list[str] = field(default_factory=list)
    outside: list[str] = field(default_factory=list)
    turned: list[str] = field(default_factory=list)
    rescaled: list[str] = field(default_factory=list)
    misshapen: list[str] = field(default_factory=list)

    def notes(self) -> tuple[str, ...]:
        """What did not fit, in words."""
        sentences = (
            (self.outside, "with a box outside of the film or without area: that box is left out, the label stays"),
            (self.cut, "with a box over the edge of the film: it is cut there"),
            (self.misshapen, "of another shape than the label file says: the boxes are left out, the label stays"),
            (self.rescaled, "of another size than the label file says: the boxes are rescaled"),
            (self.turned, "marked as stored, not upright: the boxes are turned with the film"),
        )
        return tuple(
            f"{counted(len(films), 'film')} {what} ({', '.join(films[:3])}{' ...' if len(films) > 3 else ''})"
            for films, what in sentences
            if films
        )


def fit_boxes(
    boxes: Sequence[Box], frame: tuple[float, float] | None, size: FilmSize | None, name: str, fit: BoxFit
) -> list[Box] | None:
    """Boxes in pixels of the upright film.

    Args:
        boxes: x, y, width, height in units of the frame.
        frame: Width and height of the picture that they were drawn on; `SHARES` for shares of the upright film; None
            where it is not said, which is taken for the upright film.
        size: Of the film, or None where its header cannot be read.
        name: Of the film, for the notes.
        fit: Hears of what did not fit.

    Returns:
        The boxes that have an area on the film, or None where they cannot be placed.
    """
    if size is None:
        return None
    width, height = size.upright
    stored = (size.width, size.height)
    if frame is None or frame[0] <= 0 or frame[1] <= 0:
        frame = (width, height)
    if frame != SHARES and frame != (width, height):
        if frame == stored:
            boxes = [_turned(box, size) for box in boxes]
            fit.turned.append(name)
            frame = (width, height)
        elif abs(frame[0] * height - frame[1] * width) <= 0.01 * frame[1] * width:
            fit.rescaled.append(name)
        else:
            fit.misshapen.append(name)
            return None
    across, down = width / frame[0], height / frame[1]
    placed = []
    for x, y, w, h in boxes:
        left, top, right, bottom = x * across, y * down, (x + w) * across, (y + h) * down
        inside = (max(left, 0.0), max(top, 0.0), min(right, float(width)), min(bottom, float(height)))
        # Under a hundredth of a pixel nothing would be left after rounding.
        if inside[2] - inside[0] < 0.01 or inside[3] - inside[1] < 0.01:
            if name not in fit.outside:
                fit.outside.append(name)
            continue
        over = max(inside[0] - left, inside[1] - top, right - inside[2], bottom - inside[3])
        if over > _SLACK and name not in fit.cut:
            fit.cut.append(name)
        placed.append((inside[0], inside[1], inside[2] - inside[0], inside[3] - inside[1]))
    # A fracture whose every box is useless is somewhere on the film, not nowhere.
    return placed or None


def _turned(box: Box, size: FilmSize) -> Box:
    """A box on the film as stored -> the same on the upright film, for the EXIF orientations that swap the axes."""
    x, y, w, h = box
    far_x, far_y = size.width - x - w, size.height - y - h
    return {5: (y, x, h, w), 6: (far_y, x, h, w), 7: (far_y, far_x, h, w), 8: (y, far_x, h, w)}[size.orientation]
