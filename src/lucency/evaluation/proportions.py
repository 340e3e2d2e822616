"""Intervals of a share of independent films."""

from __future__ import annotations

import math

from scipy.stats import norm


def wilson(hits: float, tries: float, *, level: float = 0.95) -> tuple[float, float]:
    """Wilson's score interval (Wilson 1927), which stays inside 0..1 and speaks even of 20 hits in 20.

    Newcombe 1998 ("Two-sided confidence intervals for the single proportion", Statistics in Medicine 17, method 3)
    compares it with others.

    Args:
        hits: Number of hits, 0..tries.
        tries: Number of films, above 0, each independent of the others.
        level: Of the interval, 0..1.

    Returns:
        Lower and upper end.

    Raises:
        ValueError: No film, or more hits than films.
    """
    if tries <= 0 or not 0 <= hits <= tries:
        raise ValueError(f"{hits} of {tries} is no share")
    z = float(norm.ppf((1 + level) / 2))
    share = hits / tries
    middle = share + z * z / (2 * tries)
    reach = z * math.sqrt(share * (1 - share) / tries + z * z / (4 * tries * tries))
    scale = 1 + z * z / tries
    # At no hit and at all hits one end is exact, which rounding would miss by a hair.
    low = 0.0 if hits == 0 else (middle - reach) / scale
    high = 1.0 if hits == tries else (middle + reach) / scale
    return low, high
