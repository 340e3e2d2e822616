"""Survey: every film of a manifest decoded once, for the audit."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lucency.datasets.audit.film_facts import FilmFacts
from lucency.imaging.geometry import InputSpec

THUMB = InputSpec(160, 160, 1, "letterbox", "area")
"""How a film becomes the thumbnail that copies and shortcuts are searched in; `place` says where it sits."""


@dataclass(frozen=True, eq=False)
class Survey:
    """What decoding told about N films, in the order of a manifest.

    Attributes:
        facts: One for each film; byte-identical films share theirs.
        thumbs: uint8 (M, 160, 160), 0..255, letterboxed with black by `THUMB`, read-only and mapped.
        rows: int64 (N,), row of `thumbs` for each film, -1 where the film cannot be read.
    """

    facts: tuple[FilmFacts, ...]
    thumbs: npt.NDArray[np.uint8]
    rows: npt.NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.facts)
