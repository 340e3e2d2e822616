"""Radiograph: what was on the film, the same for every file format."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True, eq=False)
class Radiograph:
    """One film, upright and bone bright, without anything that identifies a person.

    Attributes:
        pixels: float32 (H, W), 0..255, bone bright, upright.
        sha256: Hash of the source bytes, hexadecimal.
        metadata: Harmless facts only. "format" is always there; a DICOM may add "modality", "body_part",
            "view_position", "laterality", "photometric", "bits_stored", "transfer_syntax", "pixel_spacing_mm"
            (row spacing and column spacing, as "0.143 x 0.143") and "presentation_intent".
        warnings: Sentences about what had to be guessed or left out.
    """

    pixels: npt.NDArray[np.float32]
    sha256: str
    metadata: Mapping[str, str | int | float] = field(default_factory=lambda: MappingProxyType({}))
    warnings: tuple[str, ...] = ()

    def __repr__(self) -> str:
        height, width = self.pixels.shape
        return f"Radiograph({height} x {width}, sha256={self.sha256[:12]}, {dict(self.metadata)})"
