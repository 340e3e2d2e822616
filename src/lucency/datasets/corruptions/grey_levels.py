"""Damage to the grey levels of a film: dose, exposure, display curve, inversion, compression.

A film is read as a logarithmic display, as digital radiography shows it: black is the open beam, white is what lets
through exp(-`LATITUDE`) of it, and grey is even in attenuation between the two.
"""

from __future__ import annotations

import io

import numpy as np
from PIL import Image

from lucency.datasets.corruptions.row import Boxes, Film

LATITUDE = 3.0
"""Attenuation, as a natural logarithm, between black and white: white bone lets 5 % of the photons through."""

PHOTONS = 10_000.0
"""Photons of the open beam in one detector pixel, at the full dose."""

DETECTOR_PIXELS = 2000
"""Detector pixels along the longer side of a film, whatever number of pixels it was stored with: a limb that was saved
small was X-rayed with as many photons as one that was saved large."""


def photons_per_pixel(height: int, width: int, dose: float) -> float:
    """Photons of the open beam in a pixel of the film.

    Args:
        height: Of the film in pixels.
        width: Of the film in pixels.
        dose: Share of the full dose, above 0.
    """
    return PHOTONS * (DETECTOR_PIXELS / max(height, width)) ** 2 * dose


def noise(film: Film, value: float, random: np.random.Generator, boxes: Boxes) -> Film:
    """Takes the film again with `value` percent of the dose: each pixel counts photons, which are Poisson distributed.

    The film itself is taken for free of noise, so what is added is the noise of the lower dose alone.
    """
    height, width = film.shape
    open_beam = photons_per_pixel(height, width, value / 100)
    counted = random.poisson(np.exp(film * (-LATITUDE / 255.0)) * open_beam).astype(np.float32)
    # A pixel without any photon has no logarithm; half a photon is as white as such a pixel can be told to be.
    np.maximum(counted, 0.5, out=counted)
    seen: Film = np.log(counted / np.float32(open_beam)) * np.float32(-255.0 / LATITUDE)
    return seen.clip(0.0, 255.0)


def exposure(film: Film, value: float, random: np.random.Generator, boxes: Boxes) -> Film:
    """Multiplies the signal before the display curve by `value`, or divides it; what leaves the range is lost.

    On a logarithmic display a gain is a shift: too much light drowns skin and soft tissue in black, too little drowns
    bone in white.
    """
    shift = np.float32(255.0 / LATITUDE * np.log(value))
    return (film - shift if random.random() < 0.5 else film + shift).clip(0.0, 255.0)


def gamma(film: Film, value: float, random: np.random.Generator, boxes: Boxes) -> Film:
    """Bends the display curve: grey to the power of `value`, or of 1 / `value`."""
    exponent = value if random.random() < 0.5 else 1.0 / value
    bent: Film = np.float32(255.0) * (film / np.float32(255.0)) ** np.float32(exponent)
    return bent


def inversion(film: Film, value: float, random: np.random.Generator, boxes: Boxes) -> Film:
    """Shows bone dark, as where the MONOCHROME1 of a DICOM was lost."""
    return np.float32(255.0) - film


def jpeg(film: Film, value: float, random: np.random.Generator, boxes: Boxes) -> Film:
    """Saves the film as a grey JPEG of quality `value` (Pillow's scale, 1 to 95) and reads it again."""
    file = io.BytesIO()
    Image.fromarray(np.rint(film).astype(np.uint8)).save(file, format="JPEG", quality=int(value))
    return np.asarray(Image.open(file), dtype=np.float32)
