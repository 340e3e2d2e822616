"""The only resize: radiograph -> network input, and the way back for a heat map."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt
from PIL import Image

from lucency.errors import BundleError

Fit = Literal["letterbox", "squash"]
Interpolation = Literal["nearest", "bilinear", "bicubic", "lanczos", "area"]

_RESAMPLING: dict[Interpolation, Image.Resampling] = {
    "nearest": Image.Resampling.NEAREST,
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
    "area": Image.Resampling.BOX,
}


@dataclass(frozen=True)
class InputSpec:
    """What a network eats: grey levels 0..255 of one fixed size.

    Attributes:
        height: Rows of the input, at least 1.
        width: Columns of the input, at least 1.
        channels: 1, or 3 where the grey is repeated.
        fit: "letterbox" keeps the aspect ratio and pads with black; "squash" stretches to the whole input.
        interpolation: Filter of the resize. All but "nearest" are antialiased when a film is made smaller.
    """

    height: int
    width: int
    channels: Literal[1, 3] = 1
    fit: Fit = "letterbox"
    interpolation: Interpolation = "bilinear"

    def __post_init__(self) -> None:
        problem = _problem(asdict(self))
        if problem:
            key, what = problem
            raise ValueError(f"InputSpec.{key}: {what}")

    def to_json(self) -> dict[str, Any]:
        """The spec as plain JSON values, one key for each attribute."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> InputSpec:
        """Read what `to_json` wrote.

        Args:
            values: Keys "height" and "width"; "channels", "fit" and "interpolation" may be absent.

        Raises:
            BundleError: A key is missing, unknown or has a wrong value; the message names it.
        """
        if not isinstance(values, Mapping):
            raise BundleError("The input is not a table of values", where="input")
        known = {item.name for item in fields(cls)}
        for key in values:
            if key not in known:
                raise BundleError("Unknown key", where=f"input.{key}", hint=f"Known: {', '.join(sorted(known))}")
        for key in ("height", "width"):
            if key not in values:
                raise BundleError("The key is missing", where=f"input.{key}")
        problem = _problem(values)
        if problem:
            key, what = problem
            raise BundleError(what, where=f"input.{key}")
        return cls(**values)


def _problem(values: Mapping[str, Any]) -> tuple[str, str] | None:
    for key in ("height", "width"):
        if type(values[key]) is not int or not 1 <= values[key] <= 16384:
            return key, f"must be a whole number from 1 to 16384, not {values[key]!r}"
    # A bool is an int to Python, and True == 1.
    if "channels" in values and (type(values["channels"]) is not int or values["channels"] not in (1, 3)):
        return "channels", f"must be 1 or 3, not {values['channels']!r}"
    for key, choices in (("fit", get_args(Fit)), ("interpolation", get_args(Interpolation))):
        if key in values and values[key] not in choices:
            return key, f"must be one of {', '.join(choices)}, not {values[key]!r}"
    return None


@dataclass(frozen=True)
class Placement:
    """Where a film sits in the network input, and the way back.

    Coordinates are continuous: (0, 0) is the outer corner of the first pixel and the centre of the pixel in
    row r and column c is (r + 0.5, c + 0.5), in the film and in the input alike.

    Attributes:
        source_height: Rows of the film.
        source_width: Columns of the film.
        input_height: Rows of the network input.
        input_width: Columns of the network input.
        top: First input row that the film covers.
        left: First input column that the film covers.
        height: Input rows that the film covers, at least 1.
        width: Input columns that the film covers, at least 1.
    """

    source_height: int
    source_width: int
    input_height: int
    input_width: int
    top: int
    left: int
    height: int
    width: int

    def to_source(self, heatmap: npt.NDArray[np.floating[Any]]) -> npt.NDArray[np.float32]:
        """Lay a map over the film it was made from; what lies over the padding is cut away.

        Bilinear between the centres of cells; where the map is finer than the film, antialiased, so that a
        single hot cell is never stepped over.

        Args:
            heatmap: Float (h, w) of any resolution and range, covering the whole network input.

        Returns:
            float32 (source_height, source_width) in the range of `heatmap`.
        """
        values = np.ascontiguousarray(heatmap, dtype=np.float32)
        if values.ndim != 2 or 0 in values.shape:
            raise ValueError(f"A heat map has two dimensions, not shape {values.shape}")
        rows, columns = values.shape
        box = (
            self.left * columns / self.input_width,
            self.top * rows / self.input_height,
            (self.left + self.width) * columns / self.input_width,
            (self.top + self.height) * rows / self.input_height,
        )
        size = (self.source_width, self.source_height)
        return np.array(Image.fromarray(values).resize(size, Image.Resampling.BILINEAR, box=box))

    def point_to_source(self, y: float, x: float) -> tuple[float, float]:
        """The place on the film of a place in the network input.

        Args:
            y: Row coordinate in the input; the centre of row r is r + 0.5.
            x: Column coordinate in the input.

        Returns:
            (y, x) on the film; outside of 0..source_height or 0..source_width where the input shows padding.
        """
        return (
            (y - self.top) * self.source_height / self.height,
            (x - self.left) * self.source_width / self.width,
        )

    def box_to_input(self, box: tuple[float, float, float, float]) -> tuple[float, float, float, float]:
        """The place in the network input of a box on the film.

        Args:
            box: (x, y, width, height) on the film, x and y its upper left corner.

        Returns:
            (x, y, width, height) in the input.
        """
        x, y, width, height = box
        across, down = self.width / self.source_width, self.height / self.source_height
        return (self.left + x * across, self.top + y * down, width * across, height * down)


def place(source_height: int, source_width: int, spec: InputSpec) -> Placement:
    """Where a film of this size sits in the input of `spec`, without touching pixels.

    Args:
        source_height: Rows of the film, at least 1.
        source_width: Columns of the film, at least 1.
        spec: The network input.
    """
    if spec.fit == "squash":
        height, width = spec.height, spec.width
    else:
        scale = min(spec.height / source_height, spec.width / source_width)
        # A film a thousand times longer than wide would round to no pixels at all.
        height = min(spec.height, max(1, round(source_height * scale)))
        width = min(spec.width, max(1, round(source_width * scale)))
    return Placement(
        source_height=source_height,
        source_width=source_width,
        input_height=spec.height,
        input_width=spec.width,
        top=(spec.height - height) // 2,
        left=(spec.width - width) // 2,
        height=height,
        width=width,
    )


def to_input(radiograph_pixels: npt.NDArray[np.float32], spec: InputSpec) -> tuple[npt.NDArray[np.uint8], Placement]:
    """Resize a film into the network input.

    The result is rounded to whole grey levels, so that what training read from an array on disk and what the
    predictor sees are the same numbers.

    Args:
        radiograph_pixels: float32 (H, W), 0..255, bone bright.
        spec: The network input.

    Returns:
        uint8 (spec.height, spec.width, spec.channels), 0..255, padded with 0; and where the film sits in it.
    """
    pixels = np.ascontiguousarray(radiograph_pixels, dtype=np.float32)
    if pixels.ndim != 2 or 0 in pixels.shape:
        raise ValueError(f"A radiograph has two dimensions, not shape {pixels.shape}")
    placement = place(pixels.shape[0], pixels.shape[1], spec)
    size = (placement.width, placement.height)
    resized = np.asarray(Image.fromarray(pixels).resize(size, _RESAMPLING[spec.interpolation]))
    # Bicubic and Lanczos overshoot at edges.
    levels = np.rint(resized).clip(0, 255).astype(np.uint8)
    canvas = np.zeros((spec.height, spec.width, spec.channels), dtype=np.uint8)
    canvas[placement.top : placement.top + placement.height, placement.left : placement.left + placement.width] = (
        levels[:, :, None]
    )
    return canvas, placement
