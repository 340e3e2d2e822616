"""The film as a page or a report shows it: grey levels on a screen, and the heat map that belongs to them."""

from __future__ import annotations

import dataclasses
import math
import zlib
from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from lucency.imaging.geometry import Placement
from lucency.imaging.overlay import draw_overlay
from lucency.imaging.radiograph import Radiograph
from lucency.serving.worker import FilmLostError

_MOST = 1024
"""Longest side that a worker sends."""


@dataclass(frozen=True)
class FilmView:
    """What a worker made of a film for a screen. No file of a user is decoded here, only numbers are unpacked.

    Attributes:
        height: Rows.
        width: Columns.
        packed: zlib-compressed uint16 grey levels, 0..65535, little-endian, row by row.
        cells: Heat map in logits, (h, w) over the network's input, or None.
        covers: Where the film lies in that input, the fields of a Placement; None where there is no heat map.
    """

    height: int
    width: int
    packed: bytes
    cells: list[list[float]] | None
    covers: Mapping[str, int] | None

    @classmethod
    def taken_from(cls, prediction: MutableMapping[str, Any], packed: bytes) -> FilmView:
        """Takes the view out of a worker's answer, so that the prediction alone is left.

        Args:
            prediction: Of `film_worker.answer`, asked for "view" and "heatmap"; changed.
            packed: Its part "view".
        """
        size = prediction.pop("view")
        cells, covers = prediction.pop("heatmap", None), prediction.pop("heatmap_covers", None)
        return cls(int(size["height"]), int(size["width"]), packed, cells, covers)

    @property
    def without_colour(self) -> bool:
        """Whether there is a heat map, and none of its cells over the film is positive."""
        if self.cells is None:
            return False
        covers, cells = self.covers or {}, np.asarray(self.cells, np.float32)
        for axis, (first, size, whole) in enumerate(
            (("top", "height", "input_height"), ("left", "width", "input_width"))
        ):
            if whole in covers:
                ratio = cells.shape[axis] / covers[whole]
                begin, end = covers[first] * ratio, (covers[first] + covers[size]) * ratio
                cells = cells.take(range(math.floor(begin), math.ceil(end)), axis)
        return not (cells > 0).any()

    def levels(self) -> npt.NDArray[np.uint16]:
        """Grey levels (height, width), 0..65535.

        Raises:
            FilmLostError: They are not as many as they should be.
        """
        # Bounded, since a worker reads hostile files and is not to be believed.
        if not (0 < self.height <= _MOST and 0 < self.width <= _MOST):
            raise FilmLostError("The film came back damaged")
        wanted = 2 * self.height * self.width
        try:
            raw = zlib.decompressobj().decompress(self.packed, wanted + 1)
        except zlib.error:
            raw = b""
        if len(raw) != wanted:
            raise FilmLostError("The film came back damaged")
        return np.frombuffer(raw, "<u2").reshape(self.height, self.width)

    def picture(self, scale: float) -> Image.Image:
        """RGB picture (height, width) of the film with its heat map.

        Args:
            scale: Logits at which the heat map is strongest.

        Raises:
            FilmLostError: As of `levels`.
        """
        film = Radiograph((self.levels() / 257).astype(np.float32), sha256="")
        whole = Placement(self.height, self.width, self.height, self.width, 0, 0, self.height, self.width)
        # The film is shown smaller than it is, and so is its place in the network's input described.
        covers = {
            **(self.covers or dataclasses.asdict(whole)),
            "source_height": self.height,
            "source_width": self.width,
        }
        cells = None if self.cells is None else np.asarray(self.cells, np.float32)
        drawn = draw_overlay(film, cells, Placement(**covers), (), scale=scale)
        return drawn.crop((0, 0, self.width, self.height))
