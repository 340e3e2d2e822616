"""How far the probabilities of a class have moved against a histogram that was kept of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from scipy.stats import chi2, kstwo

from lucency.evaluation.scores import FloatArray

FEWEST_SCORES = 10
"""With fewer films of a class no shift of their scores is told."""

_CLASSES = ("fractured", "not_fractured")
# Half a film in every bin, in both histograms: an empty bin would make the index infinite.
_PRIOR = 0.5


def score_shift(
    counts: Mapping[str, Sequence[int]],
    reference: Mapping[str, Any] | None,
    groups: Mapping[str, int],
    *,
    level: float = 0.95,
) -> dict[str, dict[str, Any]]:
    """Compares the scores of each class with those of the reference.

    Two measures. The Kolmogorov-Smirnov distance is the largest gap between the two cumulated shares. Taken at the
    edges of the bins it may be a little smaller than that of the scores themselves, and its p-value (Smirnov 1948) a
    little larger. The population stability index (Siddiqi 2006, "Credit Risk Scorecards"), the sum of
    (p - q) log(p / q) over the bins, is read beside what chance alone gives: without any shift, it divided by
    1/n + 1/m is distributed as chi-square with one degree of freedom less than there are bins (Yurdakul 2018,
    "Statistical Properties of Population Stability Index").

    Films of one patient are alike, so as many films count here as there are groups of them. How the films of the
    reference were grouped is not known; they count as independent.

    Args:
        counts: For "fractured" and "not_fractured" the films in each of B bins.
        reference: The same, with "edges"; None where it is not known.
        groups: For each class the number of groups.
        level: Share of the chance values of the index below the one given, 0..1.

    Returns:
        For each class {"films", "groups", "reference_films", "ks", "p", "psi", "psi_by_chance", "moved", "reason"};
        "moved" is the mean score less that of the reference, from the middles of the bins. What cannot be told is None.
    """
    found = {}
    for name in _CLASSES:
        here = np.asarray(counts[name], dtype=np.float64)
        row: dict[str, Any] = {"films": int(here.sum()), "groups": groups[name], "reference_films": None}
        row |= dict.fromkeys(("ks", "p", "psi", "psi_by_chance", "moved", "reason"))
        found[name] = row
        if reference is None:
            row["reason"] = "the bundle keeps no scores to compare with"
            continue
        there = np.asarray(reference[name], dtype=np.float64)
        row["reference_films"] = int(there.sum())
        fewest = min(row["groups"], row["reference_films"])
        if fewest < FEWEST_SCORES:
            row["reason"] = (
                f"there are {row['groups']} independent films here and {row['reference_films']} of the reference, and"
                f" it takes {FEWEST_SCORES} of both"
            )
            continue
        row |= _measures(here, there, np.asarray(reference["edges"], dtype=np.float64), row["groups"], level)
    return found


def _measures(here: FloatArray, there: FloatArray, edges: FloatArray, groups: int, level: float) -> dict[str, float]:
    shares, kept = here / here.sum(), there / there.sum()
    ks = float(np.abs(np.cumsum(shares - kept)).max())
    kept_films = int(there.sum())
    # Against an endless number of films, so many would tell as much.
    effective = groups * kept_films / (groups + kept_films)
    p, q = ((part + _PRIOR) / (part + _PRIOR).sum() for part in (here, there))
    used = int(((here + there) > 0).sum())
    return {
        "ks": ks,
        "p": float(kstwo.sf(ks, max(1, round(effective)))),
        "psi": float(((p - q) * np.log(p / q)).sum()),
        "psi_by_chance": float(chi2.ppf(level, max(1, used - 1)) / effective),
        "moved": float((shares - kept) @ (edges[:-1] + edges[1:]) / 2),
    }
