"""One HTML file that tells a whole stress test and opens offline."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure
from PIL import Image

from lucency.reporting.compare_page import signed
from lucency.reporting.html import data_address, embedded, page_environment

_SIDE, _QUALITY = 150, 80
"""Pixels of the longer side of a sample picture, and its JPEG quality."""

_DEEPEST, _STRONGEST = 0.4, 46
"""Fall of AUROC that is shown in the strongest colour, and the percentage of that colour: text stays readable on it."""

_METRICS = {"sensitivity": "Sensitivity", "specificity": "Specificity"}


def render_stress(
    content: Mapping[str, Any],
    figures: Mapping[str, Figure | bytes],
    pictures: Mapping[str, Sequence[npt.NDArray[np.uint8]]],
) -> str:
    """The stress test as one page without any outside resource.

    Args:
        content: The content of stress.json, schema 1.
        figures: "curves"; the heat map is a table of the page.
        pictures: A film under each corruption by its name, a picture (H, W) uint8 for each severity; under "" the film
            as it is.

    Returns:
        The HTML text.
    """
    environment = page_environment()
    environment.filters.update(signed=signed, shade=shade)
    words = "AUROC, sensitivity and specificity over the severities of each corruption"
    return environment.get_template("stress.html.j2").render(
        title=f"Lucency stress test: {content['bundle'].partition('@')[0]}",
        content=content,
        levels=[cell["severity"] for cell in content["corruptions"][0]["severities"]],
        metrics=_METRICS,
        curves=embedded(figures["curves"], name="stress curves", words=words),
        pictures={name: [_address(picture) for picture in row] for name, row in pictures.items()},
    )


def shade(change: float) -> int:
    """How strongly a cell is coloured for a change of AUROC, in percent: 0 where it did not fall."""
    return round(_STRONGEST * min(1.0, max(0.0, -change) / _DEEPEST))


def _address(picture: npt.NDArray[np.uint8]) -> str:
    image = Image.fromarray(np.ascontiguousarray(picture))
    image.thumbnail((_SIDE, _SIDE), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    image.save(buffer, format="JPEG", quality=_QUALITY, optimize=True)
    return data_address(buffer.getvalue(), "jpeg")
