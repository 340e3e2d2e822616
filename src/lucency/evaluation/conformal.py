"""Abstention by split conformal prediction: fitted on validation films, and what it gives on others."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.stats import beta

from lucency.abstention import Abstention, FilmClass, check_error_rate, films_needed
from lucency.evaluation.intervals import group_numbers
from lucency.evaluation.scores import FloatArray, IntArray, checked_scores
from lucency.evaluation.shares import BoolArray, share_figures

MOST_FILMS = 2000
"""Calibration films of a class that a bundle carries at most: at an error rate of 1 %, coverage then is within half a
point for 95 of 100 calibration sets."""

ERROR_RATES = (0.01, 0.05, 0.1, 0.2)

_CLASSES: tuple[tuple[FilmClass, int], ...] = (("fractured", 1), ("not_fractured", 0))


def fit_abstention(
    logits: npt.ArrayLike, labels: npt.ArrayLike, *, error_rate: float | None = None, seed: int = 0
) -> Abstention:
    """Keeps the logits of the calibration films of each class, a random choice of `MOST_FILMS` where there are more.

    A random choice of exchangeable films is exchangeable with new ones as well, so that the guarantee stays.

    Args:
        logits: (N,) model outputs of films that the model did not learn from, unbounded.
        labels: (N,) integers, 1 = fractured, 0 = not fractured.
        error_rate: That applies where none is asked for, above 0 and below 1, or None.
        seed: Of the choice.

    Raises:
        DatasetError: The films cannot be used, see `checked_scores`.
        ValueError: The error rate is out of range.
    """
    label_array, logit_array = checked_scores(labels, logits)
    random = np.random.default_rng(seed)

    def kept(label: int) -> tuple[float, ...]:
        films = logit_array[label_array == label]
        chosen = random.permutation(len(films))[:MOST_FILMS]
        return tuple(np.sort(films[chosen]).tolist())

    return Abstention(kept(1), kept(0), error_rate)


def coverage_range(films_of_class: int, error_rate: float, level: float = 0.95) -> tuple[float, float]:
    """Between what the coverage of a class lies for one calibration set.

    Coverage is the share of new films of the class whose answer holds the class. Averaged over calibration sets of n
    films it is 1 - k/(n + 1), with k the whole part of the error rate times n + 1. For one set it is a draw from a beta
    distribution with the parameters n + 1 - k and k (Vovk 2012, "Conditional validity of inductive conformal
    predictors", Asian Conference on Machine Learning).

    Args:
        films_of_class: Calibration films of the class, n, 0 or more.
        error_rate: Above 0 and below 1.
        level: Share of calibration sets inside the range, 0..1.

    Returns:
        Lower and upper end, 0..1; 1 and 1 where there are too few films to ever rule the class out.

    Raises:
        ValueError: The error rate is out of range.
    """
    odd = _odd_films(films_of_class, error_rate)
    if odd == 0:
        return 1.0, 1.0
    low, high = beta.ppf([(1 - level) / 2, (1 + level) / 2], films_of_class + 1 - odd, odd)
    return float(low), float(high)


def mean_coverage(films_of_class: int, error_rate: float) -> float:
    """Coverage of a class averaged over calibration sets of that many films, 0..1; see `coverage_range`.

    Raises:
        ValueError: The error rate is out of range.
    """
    return 1 - _odd_films(films_of_class, error_rate) / (films_of_class + 1)


def _odd_films(films: int, error_rate: float) -> int:
    check_error_rate(error_rate)
    return math.floor(error_rate * (films + 1) + 1e-9)


def abstention_section(
    abstention: Abstention,
    labels: npt.ArrayLike,
    logits: npt.ArrayLike,
    groups: Sequence[str] | None,
    error_rates: Sequence[float] = ERROR_RATES,
    *,
    resamples: int = 1000,
    seed: int = 0,
) -> dict[str, Any]:
    """What abstention gives on N films that it was not fitted on.

    Args:
        abstention: Of the bundle.
        labels: (N,) integers, 1 = fractured, 0 = not fractured.
        logits: (N,) model outputs, unbounded.
        groups: N names of groups; "" or None: each film alone.
        error_rates: To show, each above 0 and below 1; that of the bundle is added.
        resamples: Of the bootstrap.
        seed: Of the bootstrap.

    Returns:
        "error_rate" (the bundle's own, or None), "films" ({"fractured", "not_fractured"}), "rates" and "notes"
        (sentences). For each rate, from low to high: "error_rate", "sentence", "uncertain" (figure), "both" and "none"
        (figures: uncertain because both classes fit, or neither), "wrong" (figure: share of the decided films that are
        answered wrongly), "sensitivity" and "specificity" (figures among decided films), and "classes": for each class
        "limit" (the lowest logit of "fractured", the highest of "not_fractured"; None where it is never ruled out),
        "calibration_films", "needed", "enough", "sentence", "expected" (coverage averaged over calibration sets),
        "range" ({"low", "high"} for one), "coverage" (figure) and "uncertain" (figure).

    Raises:
        DatasetError: The films cannot be used, see `checked_scores` and `group_numbers`.
        ValueError: An error rate is out of range.
    """
    label_array, logit_array = checked_scores(labels, logits)
    group_count = group_numbers(groups, len(label_array))[1]
    own = [] if abstention.error_rate is None else [abstention.error_rate]
    notes = [
        "The share of wrong answers is promised for each class, averaged over calibration sets, and where new films "
        "come from where the calibration films came from. It is promised among all films of a class, not among the "
        "decided ones alone, whose share of wrong answers is larger.",
    ]
    if group_count < len(label_array):
        notes.append(
            f"These {len(label_array)} films come in {group_count} groups. Films of one group are alike, and where the "
            "calibration films come in groups too they are not exchangeable one by one: the coverage of one "
            "calibration set then strays further than the range says."
        )
    return {
        "error_rate": abstention.error_rate,
        "films": {name: int((label_array == label).sum()) for name, label in _CLASSES},
        "rates": [
            _rate(abstention, rate, label_array, logit_array, groups, resamples, seed)
            for rate in sorted({*error_rates, *own})
        ],
        "notes": notes,
    }


def _rate(
    abstention: Abstention,
    rate: float,
    labels: IntArray,
    logits: FloatArray,
    groups: Sequence[str] | None,
    resamples: int,
    seed: int,
) -> dict[str, Any]:
    lowest, highest = abstention.limits(rate)
    figures = answer_figures(logits >= lowest, logits <= highest, labels, groups, resamples=resamples, seed=seed)
    held = {"fractured": abstention.fractured, "not_fractured": abstention.not_fractured}
    limits = {"fractured": lowest, "not_fractured": highest}
    classes = {}
    for name, _ in _CLASSES:
        count, needed = len(held[name]), films_needed(rate)
        low, high = coverage_range(count, rate)
        classes[name] = {
            "limit": limits[name] if math.isfinite(limits[name]) else None,
            "calibration_films": count,
            "needed": needed,
            "enough": count >= needed,
            "sentence": class_sentence(name, count, rate),
            "expected": mean_coverage(count, rate),
            "range": {"low": low, "high": high},
            "coverage": figures[f"{name} coverage"],
            "uncertain": figures[f"{name} uncertain"],
        }
    whole = {name: figures[name] for name in ("uncertain", "both", "none", "wrong", "sensitivity", "specificity")}
    return {"error_rate": rate, "sentence": _rate_sentence(rate, whole), **whole, "classes": classes}


def answer_figures(
    fractured: BoolArray,
    not_fractured: BoolArray,
    labels: IntArray,
    groups: Sequence[str] | None,
    *,
    resamples: int = 1000,
    seed: int = 0,
) -> dict[str, dict[str, Any]]:
    """What answers of one class, of both or of none come to.

    Args:
        fractured: (N,) bool, whether the answer holds "fractured".
        not_fractured: (N,) bool, whether it holds "not_fractured".
        labels: (N,) int64, 1 = fractured.
        groups: N names of groups; "" or None: each film alone.
        resamples: Of the bootstrap.
        seed: Of the bootstrap.

    Returns:
        Figures by name: "uncertain", "both", "none", "wrong", "sensitivity", "specificity" as in `abstention_section`,
        and "fractured coverage", "fractured uncertain", "not_fractured coverage", "not_fractured uncertain".

    Raises:
        DatasetError: Not as many groups as films.
    """
    both, none = fractured & not_fractured, ~fractured & ~not_fractured
    uncertain, everyone = both | none, np.ones(len(labels), dtype=bool)
    shares = {
        "uncertain": (uncertain, everyone),
        "both": (both, everyone),
        "none": (none, everyone),
        "wrong": (fractured != (labels == 1), ~uncertain),
        "sensitivity": (fractured, ~uncertain & (labels == 1)),
        "specificity": (~fractured, ~uncertain & (labels == 0)),
        "fractured coverage": (fractured, labels == 1),
        "fractured uncertain": (uncertain, labels == 1),
        "not_fractured coverage": (not_fractured, labels == 0),
        "not_fractured uncertain": (uncertain, labels == 0),
    }
    empty = "there is no film that it could be counted among"
    return share_figures(shares, groups, empty=empty, resamples=resamples, seed=seed)


def class_sentence(name: FilmClass, calibration_films: int, error_rate: float) -> str:
    """What to expect for the films of one class, in words.

    Args:
        name: Of the class.
        calibration_films: Of that class.
        error_rate: Above 0 and below 1.

    Raises:
        ValueError: The error rate is out of range.
    """
    words, other = name.replace("_", " "), {"fractured": "not fractured"}.get(name, "fractured")
    if calibration_films < films_needed(error_rate):
        return (
            f"An error rate of {_percent(error_rate)} takes {films_needed(error_rate)} {words} calibration films, and "
            f"there are {calibration_films}: no film can be called {other}."
        )
    low, high = coverage_range(calibration_films, error_rate)
    return (
        f"Of the {words} films, {_percent(1 - high)} to {_percent(1 - low)} will be answered without "
        f'"{words}" (95 of 100 calibration sets of {calibration_films} such films; '
        f"{_percent(1 - mean_coverage(calibration_films, error_rate))} on average)."
    )


def _rate_sentence(rate: float, figures: dict[str, dict[str, Any]]) -> str:
    uncertain, wrong = figures["uncertain"]["value"], figures["wrong"]["value"]
    asked = (
        f"Asked for at most {_percent(rate)} wrong answers in each class, the bundle is uncertain of "
        f"{_percent(uncertain)}"
    )
    if wrong is None:
        return f"{asked} of these films, that is of all."
    return f"{asked} of these films and wrong on {_percent(wrong)} of those that it decides."


def _percent(share: float) -> str:
    return f"{100 * share:.3g} %"
