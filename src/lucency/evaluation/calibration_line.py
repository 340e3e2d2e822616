"""Slope and intercept of a calibration, for many resamples of the films at once.

Cox 1958 ("Two further applications of a model for binary regression", Biometrika 45); Steyerberg 2019, "Clinical
Prediction Models", chapter 15: the label is regressed on the log-odds of the said probability by logistic regression.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from lucency.evaluation.scores import FloatArray, IntArray, ScoredFilms

BoolArray = npt.NDArray[np.bool_]

_STEPS = 12
_LONG_WAY = 100
_EXACT = 1e-10
# Newton's error is squared by each step: after one as small as this it is far below `_EXACT`.
_LAST_STEP = 1e-6
# Between them lies every log-odds that 64 bits tell from certainty, twice over.
_FARTHEST = 80.0


def calibration_slopes(weights: FloatArray, labels: IntArray, log_odds: FloatArray) -> FloatArray:
    """The coefficient of the log-odds: 1 is right, below 1 the probabilities are too extreme, above 1 too timid.

    Found by Newton's method. Where a single cut on the log-odds parts the classes the likelihood grows without end, and
    the slope is infinite; it does not exist where there is one class only, and where all log-odds are equal.

    Args:
        weights: (R, N) non-negative float64: how often each film counts.
        labels: (N,) int64, 1 = fractured.
        log_odds: (N,) float64, finite and falling.

    Returns:
        (R,) float64; infinite where a cut parts the classes (negative if the wrong way round), NaN where it does not
        exist.
    """
    slopes = np.full(len(weights), np.nan)
    spread = float(log_odds.std())
    if spread == 0:
        return slopes
    # A scale on which the two coefficients are about equally sharp keeps the steps well-behaved.
    scaled = (log_odds - log_odds.mean()) / spread
    above, below = _parted(weights, labels, log_odds)
    slopes[above & ~below], slopes[below & ~above] = np.inf, -np.inf
    both = (weights @ labels > 0) & (weights @ (1 - labels) > 0)
    solvable = np.flatnonzero(both & ~above & ~below)
    if len(solvable) == 0:
        return slopes
    chosen = weights if len(solvable) == len(weights) else weights[solvable]
    start = _one_line(np.ones(len(labels)), labels, scaled)
    lines, settled = _lines(chosen, labels, scaled, start)
    for place in np.flatnonzero(~settled):
        lines[place] = _one_line(chosen[place], labels, scaled)
    slopes[solvable] = lines[:, 1] / spread
    return slopes


def calibration_intercepts(weights: FloatArray, labels: IntArray, log_odds: FloatArray) -> FloatArray:
    """What must be added to all log-odds so that as many fractures are said as there are ("calibration in the large").

    The slope is held at 1: 0 is right, below 0 the probabilities are too high, above 0 too low.

    Args:
        weights: (R, N) non-negative float64: how often each film counts.
        labels: (N,) int64, 1 = fractured.
        log_odds: (N,) float64, finite.

    Returns:
        (R,) float64; NaN where there is one class only.
    """
    fractured = weights @ labels
    total = weights.sum(axis=1)
    found = np.full(len(weights), np.nan)
    rows = np.flatnonzero((fractured > 0) & (fractured < total))
    if len(rows) == 0:
        return found
    chosen = weights if len(rows) == len(weights) else weights[rows]
    wanted = fractured[rows]
    # The odds times a factor: no exponential is taken for each film and resample.
    odds = np.exp(np.clip(log_odds, -_FARTHEST, _FARTHEST))
    low, high = np.full(len(rows), -_FARTHEST), np.full(len(rows), _FARTHEST)
    value = np.zeros(len(rows))
    for _ in range(_LONG_WAY):
        said = np.multiply.outer(np.exp(value), odds)
        said /= 1 + said
        excess = np.einsum("rn,rn->r", chosen, said) - wanted
        said *= 1 - said
        steepness = np.einsum("rn,rn->r", chosen, said)
        low, high = np.where(excess < 0, value, low), np.where(excess > 0, value, high)
        with np.errstate(divide="ignore", invalid="ignore"):
            after = value - excess / steepness
        # Newton's step where it stays between the known bounds, half the way between them where it does not.
        after = np.where((after > low) & (after < high), after, (low + high) / 2)
        after = np.where(np.abs(excess) <= 1e-13 * total[rows], value, after)
        done = np.abs(after - value).max() < _EXACT
        value = after
        if done:
            break
    found[rows] = value
    return found


def calibration_section(calibration: Mapping[str, Any], films: ScoredFilms) -> dict[str, Any]:
    """The section "calibration" of a report's evidence; its slope and intercept stand among the metrics.

    Args:
        calibration: What `Calibration.to_json` says, or the like.
        films: N sorted films.

    Returns:
        The calibration; "mean_probability", the share of fractures that the model said; "observed", the share there
        was; and "sentence".
    """
    said, observed = float(films.probabilities.mean()), float(films.labels.mean())
    sentence = f"On average the model says {100 * said:.1f} %, and {100 * observed:.1f} % are fractured."
    return {**calibration, "mean_probability": said, "observed": observed, "sentence": sentence}


def _parted(weights: FloatArray, labels: IntArray, log_odds: FloatArray) -> tuple[BoolArray, BoolArray]:
    """(R,) bool each: whether a cut has all fractured films above it and the others below, and the other way round.

    Log-odds on the cut count for both sides; false where a class is missing, both true where all log-odds are equal.
    """
    fractured, other = np.flatnonzero(labels == 1), np.flatnonzero(labels == 0)
    if len(fractured) == 0 or len(other) == 0:
        return np.zeros(len(weights), dtype=bool), np.zeros(len(weights), dtype=bool)
    highest, lowest = _ends(weights[:, fractured] > 0, log_odds[fractured])
    other_highest, other_lowest = _ends(weights[:, other] > 0, log_odds[other])
    return np.asarray(lowest >= other_highest), np.asarray(highest <= other_lowest)


def _ends(present: BoolArray, falling: FloatArray) -> tuple[FloatArray, FloatArray]:
    """(R,) highest and lowest of the values present; NaN, which compares as false, where none is."""
    first = falling[present.argmax(axis=1)]
    last = falling[len(falling) - 1 - present[:, ::-1].argmax(axis=1)]
    some = present.any(axis=1)
    return np.where(some, first, np.nan), np.where(some, last, np.nan)


def _lines(
    weights: FloatArray, labels: IntArray, scaled: FloatArray, start: FloatArray
) -> tuple[FloatArray, BoolArray]:
    """Newton's method for all rows together: (R, 2) intercepts and slopes, and (R,) bool where it has settled."""
    lines = np.tile(start, (len(weights), 1))
    if not np.isfinite(start).all():
        return lines, np.zeros(len(weights), dtype=bool)
    powers = np.stack([np.ones_like(scaled), scaled, scaled**2], axis=1)
    wanted = weights @ (powers[:, :2] * labels[:, None])
    settled = np.zeros(len(weights), dtype=bool)
    for _ in range(_STEPS):
        said = np.multiply.outer(lines[:, 1], scaled)
        said += lines[:, :1]
        # A row that ran away is redone alone; here it must only not overflow.
        np.clip(said, -_FARTHEST, _FARTHEST, out=said)
        np.negative(said, out=said)
        np.exp(said, out=said)
        said += 1
        np.reciprocal(said, out=said)
        counted = weights * said
        excess = counted @ powers[:, :2] - wanted
        counted -= counted * said
        a, b, c = (counted @ powers).T
        determinant = a * c - b * b
        with np.errstate(divide="ignore", invalid="ignore"):
            step = np.stack([c * excess[:, 0] - b * excess[:, 1], a * excess[:, 1] - b * excess[:, 0]], axis=1)
            step /= determinant[:, None]
        sound = np.isfinite(step).all(axis=1) & (np.abs(step).max(axis=1) < _FARTHEST)
        lines[sound] -= step[sound]
        settled = sound & (np.abs(step).max(axis=1) < _LAST_STEP * np.maximum(1.0, np.abs(lines).max(axis=1)))
        if settled.all():
            break
    return lines, settled


def _one_line(weights: FloatArray, labels: IntArray, scaled: FloatArray) -> FloatArray:
    """Newton's method for one row, with steps halved until the likelihood grows; (2,), NaN where it does not end."""
    design = np.stack([np.ones_like(scaled), scaled], axis=1)
    signed = np.where(labels == 1, -1.0, 1.0)

    def loss(line: FloatArray) -> float:
        return float(weights @ np.logaddexp(0.0, signed * (design @ line)))

    line = np.zeros(2)
    before = loss(line)
    for _ in range(_LONG_WAY):
        said = 1 / (1 + np.exp(-np.clip(design @ line, -_FARTHEST, _FARTHEST)))
        slope = design.T @ (weights * (said - labels))
        bend = design.T @ (design * (weights * said * (1 - said))[:, None])
        if np.linalg.cond(bend) > 1e14:
            break
        step = np.linalg.solve(bend, slope)
        while loss(line - step) > before + _EXACT * before:
            step /= 2
        line = line - step
        before = loss(line)
        if np.abs(step).max() < _EXACT * max(1.0, float(np.abs(line).max())):
            return line
    return np.full(2, np.nan)
