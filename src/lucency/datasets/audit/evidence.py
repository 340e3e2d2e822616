"""Evidence: all that a check may look at."""

from __future__ import annotations

from dataclasses import dataclass

from lucency.datasets.audit.copies import Copies
from lucency.datasets.audit.survey import Survey
from lucency.datasets.manifest import Manifest


@dataclass(frozen=True, eq=False)
class Evidence:
    """A manifest, and what is known of its films beyond the table.

    Attributes:
        manifest: Films, best with their splits.
        survey: What decoding told, row by row; None where nothing was decoded.
        copies: Which films show one radiograph, row by row; None where that was not looked for, and equal bytes
            are all that is known.
    """

    manifest: Manifest
    survey: Survey | None = None
    copies: Copies | None = None
