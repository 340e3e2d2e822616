"""Damage to the sharpness of a film: blur, and a detour over few pixels."""

from __future__ import annotations

import cv2
import numpy as np
from PIL import Image

from lucency.datasets.corruptions.row import Boxes, Film


def blur(film: Film, value: float, random: np.random.Generator, boxes: Boxes) -> Film:
    """Blurs with a Gaussian whose standard deviation is `value` percent of the longer side."""
    sigma = value / 100 * max(film.shape)
    blurred = cv2.GaussianBlur(np.ascontiguousarray(film), (0, 0), sigma, borderType=cv2.BORDER_REPLICATE)
    return np.asarray(blurred, dtype=np.float32)


def rescaling(film: Film, value: float, random: np.random.Generator, boxes: Boxes) -> Film:
    """Makes the longer side `value` pixels long and brings the film back to its size; a smaller film stays as it is."""
    height, width = film.shape
    share = value / max(height, width)
    if share >= 1:
        return film
    small = (max(1, round(width * share)), max(1, round(height * share)))
    # Bilinear, which Pillow antialiases on the way down.
    less = Image.fromarray(film).resize(small, Image.Resampling.BILINEAR)
    return np.asarray(less.resize((width, height), Image.Resampling.BILINEAR), dtype=np.float32)
