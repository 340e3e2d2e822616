"""Small pictures of films for a page that must stay light: JPEG files within the page."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from lucency.reporting.html import data_address

Pictures = Callable[[Sequence[str]], Mapping[str, npt.NDArray[np.uint8]]]
"""From image_ids to pictures, (H, W) uint8, 0..255; films without a picture are left out."""

SIDE, QUALITY = 96, 70
"""Pixels of the longer side, and JPEG quality: about 2 kB a film."""


def thumbnail_addresses(image_ids: Iterable[str], pictures: Pictures) -> dict[str, str]:
    """The address of each film's picture: a `data:` address that holds the picture itself.

    Args:
        image_ids: Films; those named twice are encoded once.
        pictures: Where their pictures come from.

    Returns:
        By image_id, for the films that have a picture.
    """
    wanted = list(dict.fromkeys(image_ids))
    found = pictures(wanted) if wanted else {}
    return {image_id: _address(found[image_id]) for image_id in wanted if image_id in found}


def _address(picture: Any) -> str:
    image = Image.fromarray(np.ascontiguousarray(picture, dtype=np.uint8))
    image.thumbnail((SIDE, SIDE), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    image.save(buffer, format="JPEG", quality=QUALITY, optimize=True)
    return data_address(buffer.getvalue(), "jpeg")
