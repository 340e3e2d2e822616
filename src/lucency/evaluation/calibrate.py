"""Temperature and thresholds, fitted on validation films."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize_scalar

from lucency.calibration import Calibration
from lucency.decision import OperatingPoint
from lucency.errors import DatasetError
from lucency.evaluation.scores import FloatArray, IntArray, checked_scores

TEMPERATURE_BOUNDS = (0.05, 20.0)


def fit_temperature(logits: npt.ArrayLike, labels: npt.ArrayLike) -> Calibration:
    """Temperature scaling (Guo et al. 2017, "On Calibration of Modern Neural Networks").

    The temperature that minimises the log loss, within `TEMPERATURE_BOUNDS`. It stays 1 where the films say
    nothing about it: one class only, or one score for all. `calibration_note` says when that happened.

    Args:
        logits: (N,) model outputs of the validation films, unbounded.
        labels: (N,) integers, 1 = fractured, 0 = not fractured.

    Raises:
        DatasetError: The films cannot be used, see `checked_scores`.
    """
    label_array, logit_array = checked_scores(labels, logits)
    if uninformative(label_array, logit_array) is not None:
        return Calibration(1.0)
    signed = np.where(label_array == 1, -logit_array, logit_array)

    def log_loss(log_temperature: float) -> float:
        return float(np.logaddexp(0.0, signed / math.exp(log_temperature)).mean())

    low, high = TEMPERATURE_BOUNDS
    found = minimize_scalar(log_loss, bounds=(math.log(low), math.log(high)), method="bounded", options={"xatol": 1e-8})
    best = min((float(found.x), math.log(low), math.log(high)), key=log_loss)
    return Calibration(min(max(math.exp(best), low), high))


def calibration_note(calibration: Calibration, logits: npt.ArrayLike, labels: npt.ArrayLike) -> str | None:
    """A sentence where a temperature, with an intercept or without, could not be fitted well, or None.

    Args:
        calibration: What was fitted on these films; no isotonic one.
        logits: (N,) as given to it.
        labels: (N,) as given to it.

    Raises:
        DatasetError: The films cannot be used, see `checked_scores`.
    """
    label_array, logit_array = checked_scores(labels, logits)
    reason = uninformative(label_array, logit_array)
    if reason is not None:
        return f"The temperature was left at 1: {reason}."
    low, high = TEMPERATURE_BOUNDS
    if calibration.temperature <= low * 1.001:
        return (
            f"The temperature stopped at its bound of {low:g}: the validation films are separated without an "
            "error, or the logits are very small. Probabilities may be too sure of themselves."
        )
    if calibration.temperature >= high * 0.999:
        return (
            f"The temperature stopped at its bound of {high:g}: the scores say next to nothing about the "
            "labels of the validation films."
        )
    return None


def uninformative(labels: IntArray, logits: FloatArray) -> str | None:
    """Why films say nothing about a calibration, as a sentence without full stop, or None.

    Args:
        labels: (N,) int64, 1 = fractured.
        logits: (N,) float64.
    """
    if labels.min() == labels.max():
        return "all validation films are of one class"
    if np.ptp(logits) == 0:
        return "all validation films have the same score"
    return None


def youden(labels: npt.ArrayLike, probabilities: npt.ArrayLike) -> OperatingPoint:
    """The threshold with the largest sensitivity + specificity - 1 (Youden 1950).

    Among equal ones the more sensitive. Where the scores tell nothing, that calls every film fractured.

    Args:
        labels: (N,) integers of the validation films, 1 = fractured, 0 = not fractured.
        probabilities: (N,) calibrated probabilities, 0..1.

    Raises:
        DatasetError: One class only, or films that cannot be used, see `checked_scores`.
    """
    scores, tp, fp, positives, negatives = _cuts(labels, probabilities)
    # Whole numbers, so that equal cuts compare as equal.
    gain = tp * negatives - fp * positives
    return _point("youden", scores, tp, fp, int(np.flatnonzero(gain == gain.max())[-1]), positives, negatives)


def screening(labels: npt.ArrayLike, probabilities: npt.ArrayLike, sensitivity: float = 0.9) -> OperatingPoint:
    """Sensitivity first: the highest threshold whose sensitivity is at least the one asked for.

    Args:
        labels: (N,) integers of the validation films, 1 = fractured, 0 = not fractured.
        probabilities: (N,) calibrated probabilities, 0..1.
        sensitivity: To reach, above 0 and at most 1.

    Raises:
        DatasetError: One class only, or films that cannot be used, see `checked_scores`.
        ValueError: The sensitivity is outside (0, 1].
    """
    if not 0 < sensitivity <= 1:
        raise ValueError(f"sensitivity must be above 0 and at most 1, not {sensitivity}")
    scores, tp, fp, positives, negatives = _cuts(labels, probabilities)
    needed = math.ceil(sensitivity * positives - 1e-9)
    return _point("screening", scores, tp, fp, int(np.flatnonzero(tp >= needed)[0]), positives, negatives)


def confirm(labels: npt.ArrayLike, probabilities: npt.ArrayLike, specificity: float = 0.95) -> OperatingPoint:
    """Specificity first: the lowest threshold whose specificity is at least the one asked for.

    Where not even the highest probability alone reaches it, no film is called fractured.

    Args:
        labels: (N,) integers of the validation films, 1 = fractured, 0 = not fractured.
        probabilities: (N,) calibrated probabilities, 0..1.
        specificity: To reach, above 0 and at most 1.

    Raises:
        DatasetError: One class only, or films that cannot be used, see `checked_scores`.
        ValueError: The specificity is outside (0, 1].
    """
    if not 0 < specificity <= 1:
        raise ValueError(f"specificity must be above 0 and at most 1, not {specificity}")
    scores, tp, fp, positives, negatives = _cuts(labels, probabilities)
    allowed = negatives - math.ceil(specificity * negatives - 1e-9)
    places = np.flatnonzero(fp <= allowed)
    if len(places) == 0:
        return OperatingPoint("confirm", float(np.nextafter(scores[0], 2.0)), 0.0, 1.0)
    return _point("confirm", scores, tp, fp, int(places[-1]), positives, negatives)


def operating_points(
    labels: npt.ArrayLike, probabilities: npt.ArrayLike, *, sensitivity: float = 0.9, specificity: float = 0.95
) -> tuple[OperatingPoint, ...]:
    """The three thresholds of a bundle: `youden`, `screening` and `confirm`.

    Args:
        labels: (N,) integers of the validation films, 1 = fractured, 0 = not fractured.
        probabilities: (N,) calibrated probabilities, 0..1.
        sensitivity: Of `screening`, above 0 and at most 1.
        specificity: Of `confirm`, above 0 and at most 1.

    Raises:
        DatasetError: One class only, or films that cannot be used, see `checked_scores`.
        ValueError: A target is out of range.
    """
    return (
        youden(labels, probabilities),
        screening(labels, probabilities, sensitivity),
        confirm(labels, probabilities, specificity),
    )


def _cuts(labels: npt.ArrayLike, probabilities: npt.ArrayLike) -> tuple[FloatArray, IntArray, IntArray, int, int]:
    label_array, probability_array = checked_scores(labels, probabilities)
    positives = int(label_array.sum())
    negatives = len(label_array) - positives
    if positives == 0 or negatives == 0:
        raise DatasetError(
            f"all {len(label_array)} validation films are {'fractured' if positives else 'not fractured'}, "
            "so no threshold can be chosen",
            hint="Give validation films of both classes",
        )
    scores, place = np.unique(-probability_array, return_inverse=True)
    tp = np.cumsum(np.bincount(place, weights=label_array)).astype(np.int64)
    fp = np.cumsum(np.bincount(place, weights=1 - label_array)).astype(np.int64)
    return -scores, tp, fp, positives, negatives


def _point(
    name: str, scores: FloatArray, tp: IntArray, fp: IntArray, place: int, positives: int, negatives: int
) -> OperatingPoint:
    threshold = float(scores[place])
    if place + 1 < len(scores):
        middle = (threshold + float(scores[place + 1])) / 2
        # Between neighbouring floats there is no middle; the upper one then keeps the decisions as they are.
        threshold = middle if middle > float(scores[place + 1]) else threshold
    return OperatingPoint(
        name=name,
        threshold=threshold,
        sensitivity=float(tp[place] / positives),
        specificity=float(1 - fp[place] / negatives),
    )
