"""DICOM stored values -> grey levels: modality LUT, VOI LUT or window, presentation shape (PS3.3 C.11)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
StoredArray = npt.NDArray[np.integer[Any]]


@dataclass(frozen=True, eq=False)
class LookupTable:
    """One item of a Modality or VOI LUT Sequence (PS3.3 C.11.1.1 and C.11.2.1.1).

    Attributes:
        first: The input value that the first entry stands for.
        bits: Bits of an entry; the output spans 0..2 ** bits - 1.
        entries: float64 (N,).
    """

    first: int
    bits: int
    entries: FloatArray

    def apply(self, values: FloatArray) -> FloatArray:
        """Look values up; those before the first or after the last entry take that entry."""
        index = np.rint(values).astype(np.int64) - self.first
        output: FloatArray = self.entries[index.clip(0, len(self.entries) - 1)]
        return output


@dataclass(frozen=True)
class Window:
    """A window on modality values (PS3.3 C.11.2.1.2 and C.11.2.1.3).

    Attributes:
        center: Window Center.
        width: Window Width; at least 1 for "LINEAR", above 0 otherwise.
        function: "LINEAR", "LINEAR_EXACT" or "SIGMOID".
    """

    center: float
    width: float
    function: str = "LINEAR"

    @property
    def valid(self) -> bool:
        """Whether the standard allows this width and knows this function."""
        if not (np.isfinite(self.center) and np.isfinite(self.width)):
            return False
        if self.function == "LINEAR":
            return self.width >= 1
        return self.function in ("LINEAR_EXACT", "SIGMOID") and self.width > 0

    def apply(self, values: FloatArray) -> FloatArray:
        """Brightness 0..1 of modality values of any shape."""
        brightness: FloatArray
        if self.function == "SIGMOID":
            # C.11.2.1.3.1. The clip keeps exp in range and is far beyond where the curve has saturated.
            brightness = 1 / (1 + np.exp((-4 * (values - self.center) / self.width).clip(-500, 500)))
        elif self.function == "LINEAR_EXACT":
            brightness = ((values - self.center) / self.width + 0.5).clip(0, 1)
        elif self.width == 1:
            brightness = (values > self.center - 0.5).astype(np.float64)
        else:
            brightness = ((values - (self.center - 0.5)) / (self.width - 1) + 0.5).clip(0, 1)
        return brightness


@dataclass(frozen=True, eq=False)
class GreyTransform:
    """All that stands between stored values and what a viewer shows.

    Attributes:
        slope: Rescale Slope.
        intercept: Rescale Intercept.
        modality_lut: Takes the place of slope and intercept.
        voi_lut: Takes the place of the window.
        window: None where the file names no usable one.
        inverted: The smallest value is white.
        padding: Inclusive range of stored values that are no image (PS3.3 C.7.5.1.1.2), or None.
    """

    slope: float = 1.0
    intercept: float = 0.0
    modality_lut: LookupTable | None = None
    voi_lut: LookupTable | None = None
    window: Window | None = None
    inverted: bool = False
    padding: tuple[int, int] | None = None

    def apply(self, stored: StoredArray) -> tuple[npt.NDArray[np.float32], tuple[str, ...]]:
        """Grey levels of a film.

        Args:
            stored: Integer (H, W), sign already extended.

        Returns:
            float32 (H, W), 0..255, padding 0; and warnings.
        """
        padded = None
        if self.padding is not None:
            padded = (stored >= self.padding[0]) & (stored <= self.padding[1])
            if not padded.any():
                padded = None
        window, warnings = self.window, tuple[str, ...]()
        if self.voi_lut is None and window is None:
            window = self._estimated_window(stored if padded is None else stored[~padded])
            warnings = ("No window in the file: the grey range was taken from the pixels.",)
        low, high = int(stored.min()), int(stored.max())
        if high - low < 1 << 16:
            # Each stored value is transformed once, however many pixels hold it.
            table = self._levels(np.arange(low, high + 1, dtype=np.float64), window)
            levels = table[stored.astype(np.int64) - low]
        else:
            levels = self._levels(stored.astype(np.float64), window)
        if padded is not None:
            levels[padded] = 0
        return levels, warnings

    def _modality(self, stored: FloatArray) -> FloatArray:
        """Modality LUT (PS3.3 C.11.1): a table, or slope and intercept."""
        if self.modality_lut is not None:
            return self.modality_lut.apply(stored)
        return stored * self.slope + self.intercept

    def _levels(self, stored: FloatArray, window: Window | None) -> npt.NDArray[np.float32]:
        values = self._modality(stored)
        if self.voi_lut is not None:
            brightness = (self.voi_lut.apply(values) / ((1 << self.voi_lut.bits) - 1)).clip(0, 1)
        elif window is not None:
            brightness = window.apply(values)
        else:
            raise AssertionError("a window is estimated where there is none")
        # After the VOI stage: PS3.3 C.7.6.3.1.2 for MONOCHROME1, C.11.6.1.2 for the presentation shape.
        return (255 * (1 - brightness if self.inverted else brightness)).astype(np.float32)

    def _estimated_window(self, stored: StoredArray) -> Window:
        if not stored.size:
            return Window(0, 1, "LINEAR_EXACT")
        # A few dead or burnt-out pixels must not set the range; a fixed stride keeps large films cheap.
        sample = stored.reshape(-1)[:: max(1, stored.size // 1_000_000)]
        values = self._modality(sample.astype(np.float64))
        low, high = np.percentile(values, (0.5, 99.5))
        if low == high:
            low, high = values.min(), values.max()
        return Window((low + high) / 2, max(high - low, 1e-6), "LINEAR_EXACT")
