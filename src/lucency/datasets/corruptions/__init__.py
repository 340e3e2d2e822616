"""Twelve kinds of damage to a film at five severities each: what scanners, archives and rooms do to radiographs.

After the idea of Hendrycks and Dietterich 2019, "Benchmarking Neural Network Robustness to Common Corruptions and
Perturbations", with the damage of radiographs in place of that of photographs.
"""

from __future__ import annotations

import difflib
import hashlib
from collections.abc import Mapping

import numpy as np

from lucency.datasets.corruptions import burned_in, framing, grey_levels, sharpness
from lucency.datasets.corruptions.row import Boxes, Corruption, Film
from lucency.errors import DatasetError

__all__ = ["CORRUPTIONS", "SEVERITIES", "Boxes", "Corruption", "Film", "corrupt", "corruption_named"]

SEVERITIES = (1, 2, 3, 4, 5)

CORRUPTIONS: Mapping[str, Corruption] = {
    "noise": Corruption(
        "Noise by dose",
        "The film is taken with fewer photons: an exposure that was too low, or a large patient.",
        "{} % of the dose",
        (10, 3, 1, 0.3, 0.1),
        grey_levels.noise,
    ),
    "blur": Corruption(
        "Blur",
        "A Gaussian blur: a restless patient, a large focal spot, a photographed screen.",
        "{} % of the longer side",
        (0.1, 0.2, 0.4, 0.8, 1.6),
        sharpness.blur,
    ),
    "exposure": Corruption(
        "Exposure",
        "The signal is multiplied or divided before the display curve, and clipped: too much or too little exposure, "
        "or a window set badly.",
        "gain {} or its inverse",
        (1.25, 1.5, 2, 2.5, 3.5),
        grey_levels.exposure,
    ),
    "gamma": Corruption(
        "Gamma",
        "The display curve is bent up or down: another maker's processing, another export.",
        "gamma {} or its inverse",
        (1.2, 1.5, 2, 2.7, 3.5),
        grey_levels.gamma,
    ),
    "inversion": Corruption(
        "Inversion",
        "Bone is dark on a share of the films, as where an archive lost which films are MONOCHROME1. A film is either "
        "inverted or it is not, so a severity is the share of films.",
        "{} % of the films",
        (5, 10, 25, 50, 100),
        grey_levels.inversion,
        share_of_films=True,
    ),
    "rotation": Corruption(
        "Rotation",
        "The whole film is turned, with black corners, and so a little smaller in the network's input: a limb that lay "
        "askew, a cassette held crosswise.",
        "{} degrees",
        (5, 10, 20, 45, 90),
        framing.rotation,
    ),
    "crop": Corruption(
        "Crop",
        "The borders are cut away and the rest fills the picture.",
        "{} % of height and width cut",
        (10, 20, 30, 40, 50),
        framing.crop,
        spares_boxes=True,
    ),
    "rescaling": Corruption(
        "Rescaling",
        "The film is made small and large again: a thumbnail, a screenshot, a messenger.",
        "{} pixels for the longer side",
        (384, 256, 160, 96, 64),
        sharpness.rescaling,
    ),
    "jpeg": Corruption(
        "JPEG",
        "The film is compressed as a JPEG once more.",
        "JPEG quality {}",
        (60, 30, 15, 8, 4),
        grey_levels.jpeg,
    ),
    "markers": Corruption(
        "Side markers",
        "Letters L and R of lead lie near the borders, more and larger from one severity to the next.",
        "letters: {}",
        (1, 2, 3, 5, 8),
        burned_in.markers,
        spares_boxes=True,
    ),
    "metal": Corruption(
        "Metal",
        "Plates, screws and wires lie on or beside bone.",
        "pieces: {}",
        (1, 2, 3, 5, 8),
        burned_in.metal,
        spares_boxes=True,
    ),
    "collimation": Corruption(
        "Collimation",
        "Black or white borders cover the film around a rectangle or a circle.",
        "{} % covered",
        (10, 20, 30, 40, 50),
        framing.collimation,
        spares_boxes=True,
    ),
}
"""Every corruption by name, in the order in which they are shown."""


def corruption_named(name: str) -> Corruption:
    """The row of that name.

    Raises:
        DatasetError: There is none; the nearest name is given.
    """
    if name in CORRUPTIONS:
        return CORRUPTIONS[name]
    near = difflib.get_close_matches(name.lower(), CORRUPTIONS, n=1, cutoff=0.5)
    meant = f"Did you mean '{near[0]}'? " if near else ""
    raise DatasetError(f"no corruption is called '{name}'", hint=f"{meant}There are {', '.join(CORRUPTIONS)}")


def corrupt(film: Film, name: str, severity: int, *, sha256: str, boxes: Boxes = None) -> Film:
    """Damages one film: the same film, corruption and severity give the same pixels on every call.

    Chance (places, directions, letters) is drawn from the hash of the film and the name of the corruption, not from the
    severity: from one severity to the next the same damage grows stronger.

    Args:
        film: float32 (H, W), 0..255, bone bright; not changed.
        name: Row of `CORRUPTIONS`.
        severity: 1 to 5.
        sha256: Hash of the film's file.
        boxes: Truth boxes (x, y, width, height) in pixels of the film; None where unknown.

    Returns:
        float32, 0..255; `film` itself where it is left as it is. Rotation and crop give another height and width.

    Raises:
        DatasetError: There is no corruption of that name, or no such severity.
    """
    row = corruption_named(name)
    if severity not in SEVERITIES:
        raise DatasetError(f"{severity} is not a severity", hint="Severities are 1 to 5")
    seed = hashlib.sha256(f"{name}:{sha256}".encode()).hexdigest()
    random = np.random.default_rng(int(seed, 16))
    value = row.values[severity - 1]
    if row.share_of_films and random.random() >= value / 100:
        return film
    damaged = row.apply(film, value, random, boxes)
    # Sums of float32 may end a bit above white.
    return film if damaged is film else damaged.clip(0.0, 255.0)
