"""The same film shown otherwise: inverted, with a white border, cut, lighter or darker. Still a radiograph."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Film = NDArray[np.uint8]
Random = np.random.Generator


def vary_film(film: Film, seed: int) -> dict[str, Film]:
    """All variations of one film.

    Args:
        film: uint8 (H, W), grey 0..255; a black border is left out first.
        seed: Of the strength of those that have one; not negative.

    Returns:
        For each row of `VARIATIONS` a film uint8 (h, w).
    """
    random = np.random.default_rng(seed)
    rows, columns = np.flatnonzero(film.any(axis=1)), np.flatnonzero(film.any(axis=0))
    if len(rows) and len(columns):
        film = film[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    return {name: np.ascontiguousarray(vary(film, random)) for name, vary in VARIATIONS.items()}


def _inverted(film: Film, random: Random) -> Film:
    del random
    return np.asarray(255 - film, dtype=np.uint8)


def _white_border(film: Film, random: Random) -> Film:
    return np.pad(film, max(1, round(min(film.shape) * random.uniform(0.03, 0.15))), constant_values=255)


def _middle(film: Film, random: Random) -> Film:
    height, width = film.shape
    share = random.uniform(0.4, 0.7)
    rows, columns = max(8, round(share * height)), max(8, round(share * width))
    top, left = max(0, height - rows) // 2, max(0, width - columns) // 2
    return film[top : top + rows, left : left + columns]


def _gamma(film: Film, random: Random) -> Film:
    curve = 255 * (np.arange(256) / 255) ** np.exp(random.uniform(-0.9, 0.9))
    return np.asarray(np.rint(curve), dtype=np.uint8)[film]


VARIATIONS: dict[str, Callable[[Film, Random], Film]] = {
    "inverted": _inverted,
    "white_border": _white_border,
    "middle": _middle,
    "gamma": _gamma,
}
"""How each is made: (film, chance) -> film."""
