"""Predictive values at a share of fractures that the user names, which need not be that of the test films."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy.special import expit, logit
from scipy.stats import norm

from lucency.errors import DatasetError
from lucency.evaluation.figures import figure
from lucency.evaluation.intervals import FEWEST_GROUPS, Draws, Interval, percentile_interval
from lucency.evaluation.scores import FloatArray

_UNDEFINED = {
    "ppv": "no film was called fractured, so nothing can be said of films that are",
    "npv": "every film was called fractured, so nothing can be said of films that are not",
}
_BOTH = "it needs films of both classes"


def checked_prevalences(prevalences: Sequence[float]) -> list[float]:
    """The prevalences, sorted and each once.

    Raises:
        DatasetError: One is not between 0 and 1.
    """
    for prevalence in prevalences:
        if not 0 < prevalence < 1:
            raise DatasetError(
                f"a prevalence of {prevalence:g} is not between 0 and 1", hint="Give a share such as 0.05 for 5 %"
            )
    return sorted({float(prevalence) for prevalence in prevalences})


def at_prevalence(sensitivity: FloatArray, specificity: FloatArray, prevalence: float) -> tuple[FloatArray, FloatArray]:
    """Positive and negative predictive value by Bayes' rule.

    Args:
        sensitivity: Any shape, 0..1.
        specificity: The same shape, 0..1.
        prevalence: Share of fractures among the films to come, between 0 and 1.

    Returns:
        The two values, float64 of that shape; NaN where no film would be called so.
    """
    found, missed = sensitivity * prevalence, (1 - sensitivity) * prevalence
    alarms, rest = (1 - specificity) * (1 - prevalence), specificity * (1 - prevalence)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(found / (found + alarms)), np.asarray(rest / (rest + missed))


def logit_intervals(
    tp: int, fn: int, tn: int, fp: int, prevalence: float, *, level: float = 0.95
) -> tuple[tuple[float, float], tuple[float, float]]:
    """Intervals of the predictive values at a known prevalence, for independent films.

    The logit intervals of Mercaldo, Lau and Zhou 2007 ("Confidence intervals for predictive values with an emphasis to
    case-control studies", Statistics in Medicine 26). Where a count is zero the adjusted ones of the same paper, which
    add z^2 / 2 to each count.

    Args:
        tp: Fractured and called so; with `fn` at least one.
        fn: Fractured and not called so.
        tn: Not fractured and not called so; with `fp` at least one.
        fp: Not fractured and called so.
        prevalence: Between 0 and 1.
        level: Of the intervals, 0..1.

    Returns:
        (low, high) of the positive and of the negative predictive value.
    """
    z = float(norm.ppf((1 + level) / 2))
    counts = np.array([tp, fn, tn, fp], dtype=np.float64)
    if (counts == 0).any():
        counts += z * z / 2
    hit, miss, right, alarm = counts
    odds = logit(prevalence)
    # The logit of a predictive value is that of the prevalence plus the log of a likelihood ratio.
    log_positive = math.log(hit / (hit + miss)) - math.log(alarm / (right + alarm))
    log_negative = math.log(right / (right + alarm)) - math.log(miss / (hit + miss))
    spread_positive = math.sqrt(1 / hit - 1 / (hit + miss) + 1 / alarm - 1 / (right + alarm))
    spread_negative = math.sqrt(1 / right - 1 / (right + alarm) + 1 / miss - 1 / (hit + miss))
    return (
        _around(odds + log_positive, z * spread_positive),
        _around(-odds + log_negative, z * spread_negative),
    )


def _around(middle: float, reach: float) -> tuple[float, float]:
    return float(expit(middle - reach)), float(expit(middle + reach))


def prevalence_section(
    prevalences: Sequence[float],
    confusion: dict[str, int],
    draws: Draws,
    sensitivity: FloatArray | None,
    specificity: FloatArray | None,
    *,
    operating_point: str,
    refusal: str | None = None,
) -> dict[str, Any]:
    """The section "prevalence" of a report's evidence.

    Args:
        prevalences: From `checked_prevalences`.
        confusion: {"tp", "fp", "tn", "fn"} at the operating point.
        draws: How the films were drawn.
        sensitivity: (R,) of the resamples; None where they were not drawn.
        specificity: Likewise.
        operating_point: Its name.
        refusal: Why the resamples of these films would mislead, or None.

    Returns:
        "operating_point"; "of_these_films", the share of fractures among them; and "rows", each with "prevalence" and
        the figures "ppv" and "npv". Where every film stands alone the method of the intervals is "logit".
    """
    fractured = confusion["tp"] + confusion["fn"]
    others = confusion["tn"] + confusion["fp"]
    rows: list[dict[str, Any]] = []
    for prevalence in prevalences:
        if not (fractured and others):
            lacking = figure(math.nan, Interval(None, None, _BOTH))
            rows.append({"prevalence": prevalence, "ppv": lacking, "npv": dict(lacking)})
            continue
        shares = np.array([confusion["tp"] / fractured]), np.array([confusion["tn"] / others])
        points = [float(value[0]) for value in at_prevalence(*shares, prevalence)]
        if draws.group_count >= FEWEST_GROUPS and draws.films_stand_alone:
            ends = logit_intervals(**confusion, prevalence=prevalence, level=draws.level)
            # The adjusted interval of a value of 1 would stop short of it.
            intervals = [
                Interval(min(low, point), max(high, point), method="logit")
                for (low, high), point in zip(ends, points, strict=True)
            ]
        elif refusal is not None or sensitivity is None or specificity is None:
            intervals = [Interval(None, None, refusal or draws.refusal)] * 2
        else:
            drawn = at_prevalence(sensitivity, specificity, prevalence)
            intervals = [percentile_interval(values, draws.level) for values in drawn]
        row: dict[str, Any] = {"prevalence": prevalence}
        for name, point, interval in zip(("ppv", "npv"), points, intervals, strict=True):
            defined = math.isfinite(point)
            row[name] = figure(point, interval if defined else Interval(None, None, _UNDEFINED[name]))
        rows.append(row)
    return {
        "operating_point": operating_point,
        "of_these_films": fractured / (fractured + others),
        "rows": rows,
    }
