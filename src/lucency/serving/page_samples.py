"""Films to try the page with; all of them are drawn, none is a person's."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO

import numpy as np
import numpy.typing as npt
from PIL import Image

from lucency.datasets.non_radiographs import draw_non_radiograph
from lucency.datasets.synthetic import draw_film

_SIDE = 768


@dataclass(frozen=True)
class Sample:
    """One film to try.

    Attributes:
        title: On its button, and as the name of its film.
        draw: Gives its pixels: uint8 (H, W), or uint16 where it is to be a 16-bit film.
    """

    title: str
    draw: Callable[[], npt.NDArray[np.uint8] | npt.NDArray[np.uint16]]


def _deep(pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint16]:
    """The same film in 16 bits."""
    return (pixels.astype(np.uint16) * 250 + 700).astype(np.uint16)


SAMPLES = (
    Sample("Broken leg", lambda: draw_film(15, fractured=True, size=_SIDE, difficulty=0.15).pixels),
    Sample("Unbroken leg", lambda: draw_film(21, fractured=False, size=_SIDE).pixels),
    Sample("Broken forearm, 16 bit", lambda: _deep(draw_film(19, fractured=True, size=_SIDE, difficulty=0.15).pixels)),
    Sample("Not an X-ray", lambda: draw_non_radiograph("scene", 1)),
)
"""Every sample, in the order of their buttons."""


def draw_sample(sample: Sample) -> bytes:
    """A sample as a PNG file."""
    stream = BytesIO()
    Image.fromarray(sample.draw()).save(stream, "PNG")
    return stream.getvalue()
