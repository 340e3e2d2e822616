"""The table of metrics, each computed for many resamples of the films at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lucency.evaluation.calibration_line import calibration_intercepts, calibration_slopes
from lucency.evaluation.scores import FloatArray, ScoredFilms
from lucency.evaluation.weighted import WeightedFilms

PARTIAL_UP_TO = 0.2
"""The partial AUROC looks at false positive rates up to here: no reader follows a model below 80 % specificity."""


def _ratio(above: FloatArray, below: FloatArray) -> FloatArray:
    ratio = np.full(len(above), np.nan)
    np.divide(above, below, out=ratio, where=below > 0)
    return ratio


def _auroc(films: WeightedFilms) -> FloatArray:
    # Mann-Whitney: the share of pairs in which the fractured film stands higher, ties counted half.
    fractured, rest, fractured_above, _ = films.ranked
    wins = np.einsum("rk,rk->r", rest, fractured_above - fractured / 2)
    return _ratio(wins, films.positives * films.negatives)


def _average_precision(films: WeightedFilms) -> FloatArray:
    fractured, _, fractured_above, rest_above = films.ranked
    called = fractured_above + rest_above
    precision = np.divide(fractured_above, called, out=np.zeros_like(called), where=called > 0)
    area = _ratio(np.einsum("rk,rk->r", fractured, precision), films.positives)
    return np.where(films.negatives > 0, area, np.nan)


def _partial_auroc(films: WeightedFilms) -> FloatArray:
    fractured, rest, fractured_above, rest_above = films.ranked
    # What each run of equal probabilities adds to the false positives, cut off where the part ends.
    ends = PARTIAL_UP_TO * films.negatives[:, None]
    last = 1 + int((rest_above < ends).sum(axis=1).max())
    fractured, rest, fractured_above, rest_above = (part[:, :last] for part in films.ranked)
    width = np.clip(ends - (rest_above - rest), 0.0, rest)
    height = fractured_above - fractured
    area = np.einsum("rk,rk->r", width, height)
    if len(films.films.tie_starts) < len(films.films):
        # Inside a run both classes rise together, along a straight line.
        share = np.divide(width, rest, out=np.zeros_like(width), where=rest > 0)
        area += np.einsum("rk,rk,rk->r", width, share, fractured) / 2
    area = _ratio(area, films.positives * films.negatives)
    least = PARTIAL_UP_TO**2 / 2
    return (1 + (area - least) / (PARTIAL_UP_TO - least)) / 2


def _times(sensitive: FloatArray, false: FloatArray) -> FloatArray:
    # Nothing beside something is without bound; nothing beside nothing is not defined.
    ratio = _ratio(sensitive, false)
    return np.where((false == 0) & (sensitive > 0), np.inf, ratio)


def _positive_likelihood_ratio(films: WeightedFilms) -> FloatArray:
    return _times(_ratio(films.tp, films.positives), _ratio(films.fp, films.negatives))


def _negative_likelihood_ratio(films: WeightedFilms) -> FloatArray:
    return _times(_ratio(films.fn, films.positives), _ratio(films.tn, films.negatives))


def _kappa(films: WeightedFilms) -> FloatArray:
    called, total = films.tp + films.fp, films.total
    by_chance = films.positives * called + films.negatives * (total - called)
    return _ratio(total * (films.tp + films.tn) - by_chance, total * total - by_chance)


def _mcc(films: WeightedFilms) -> FloatArray:
    tp, fp, fn, tn = films.tp, films.fp, films.fn, films.tn
    margins = np.sqrt(tp + fp) * np.sqrt(tp + fn) * np.sqrt(tn + fp) * np.sqrt(tn + fn)
    return _ratio(tp * tn - fp * fn, margins)


def _balanced_accuracy(films: WeightedFilms) -> FloatArray:
    return (_ratio(films.tp, films.positives) + _ratio(films.tn, films.negatives)) / 2


def _ece(films: WeightedFilms) -> FloatArray:
    residuals = films.weights * (films.films.labels - films.films.probabilities)
    per_bin = np.add.reduceat(residuals, films.films.bin_starts, axis=1)
    return _ratio(np.abs(per_bin).sum(axis=1), films.total)


Counts = Callable[[WeightedFilms], tuple[FloatArray, FloatArray]]


@dataclass(frozen=True)
class Metric:
    """One row of the table.

    Attributes:
        title: What a reader sees.
        compute: From weighted films to (R,) float64: NaN where the metric is not defined, infinite where it is
            without bound.
        undefined: Why it can be undefined or without bound, as a sentence without full stop.
        interval: Whether an interval of it means anything.
        better: "higher", "lower", "one" or "zero".
        counts: Of a plain share of films: hits and tries, (R,) float64 each; None for other metrics.
        classes: Labels of the films without which it says nothing, so that an interval needs enough groups of each.
            Means over all films need none; predictive values, F1 and their like mix finds with false alarms and need
            both.
    """

    title: str
    compute: Callable[[WeightedFilms], FloatArray]
    undefined: str
    interval: bool = True
    better: str = "higher"
    counts: Counts | None = None
    classes: tuple[int, ...] = (0, 1)


def _share(title: str, counts: Counts, undefined: str, classes: tuple[int, ...] = (0, 1)) -> Metric:
    return Metric(title, lambda films: _ratio(*counts(films)), undefined, counts=counts, classes=classes)


_NO_FILM = "there is no film"
_NO_FRACTURED = "there is no fractured film"
_NO_NORMAL = "there is no film without fracture"
_BOTH = "it needs films of both classes"

METRICS: Mapping[str, Metric] = {
    "auroc": Metric("AUROC", _auroc, _BOTH),
    "partial_auroc": Metric("Partial AUROC", _partial_auroc, _BOTH),
    "average_precision": Metric("Average precision", _average_precision, _BOTH),
    "accuracy": _share("Accuracy", lambda f: (f.tp + f.tn, f.total), _NO_FILM, ()),
    "balanced_accuracy": Metric("Balanced accuracy", _balanced_accuracy, _BOTH),
    "sensitivity": _share("Sensitivity", lambda f: (f.tp, f.positives), _NO_FRACTURED, (1,)),
    "specificity": _share("Specificity", lambda f: (f.tn, f.negatives), _NO_NORMAL, (0,)),
    "ppv": _share("Positive predictive value", lambda f: (f.tp, f.tp + f.fp), "no film was called fractured"),
    "npv": _share("Negative predictive value", lambda f: (f.tn, f.tn + f.fn), "every film was called fractured"),
    "positive_likelihood_ratio": Metric(
        "Positive likelihood ratio",
        _positive_likelihood_ratio,
        "it needs fractured films, and films without fracture of which at least one was called fractured",
    ),
    "negative_likelihood_ratio": Metric(
        "Negative likelihood ratio",
        _negative_likelihood_ratio,
        "it needs fractured films, and films without fracture of which at least one was not called fractured",
        better="lower",
    ),
    "f1": Metric(
        "F1",
        lambda f: _ratio(2 * f.tp, 2 * f.tp + f.fp + f.fn),
        "no film is fractured and none was called fractured",
    ),
    "mcc": Metric("Matthews correlation", _mcc, "labels or decisions are all of one class"),
    "kappa": Metric("Cohen's kappa", _kappa, "labels and decisions are all of one and the same class"),
    "loss": Metric("Log loss", lambda f: _ratio(f.log_loss, f.total), _NO_FILM, better="lower", classes=()),
    "brier": Metric("Brier score", lambda f: _ratio(f.squared_error, f.total), _NO_FILM, better="lower", classes=()),
    "ece": Metric("Expected calibration error", _ece, _NO_FILM, interval=False, better="lower", classes=()),
    "calibration_slope": Metric(
        "Calibration slope",
        lambda f: calibration_slopes(f.weights, f.films.labels, f.films.log_odds),
        "it needs films of both classes that no threshold tells apart without an error",
        better="one",
    ),
    "calibration_intercept": Metric(
        "Calibration intercept",
        lambda f: calibration_intercepts(f.weights, f.films.labels, f.films.log_odds),
        _BOTH,
        better="zero",
    ),
}
"""Every metric of a report, in the order in which it is shown."""


def measure(
    labels: npt.ArrayLike,
    probabilities: npt.ArrayLike,
    decisions: npt.ArrayLike,
    *,
    weights: npt.ArrayLike | None = None,
    names: Iterable[str] | None = None,
) -> dict[str, FloatArray]:
    """Metrics of one set of films, under one or many sets of weights.

    Args:
        labels: (N,) integers, 1 = fractured, 0 = not fractured.
        probabilities: (N,) calibrated probabilities, 0..1.
        decisions: (N,) bool, true where the film is called fractured.
        weights: (R, N) non-negative; each film counts once if left out.
        names: Rows of `METRICS`; all of them if left out.

    Returns:
        For each name (R,) float64; NaN where the metric is undefined.

    Raises:
        DatasetError: The films cannot be evaluated, see `ScoredFilms.sort`.
    """
    films = ScoredFilms.sort(labels, probabilities, decisions)
    table = np.ones((1, len(films))) if weights is None else np.atleast_2d(np.asarray(weights, np.float64))
    weighted = WeightedFilms(films, table[:, films.order])
    return {name: METRICS[name].compute(weighted) for name in (METRICS if names is None else names)}


def ece_floor(films: ScoredFilms, *, simulations: int = 500, seed: int = 0) -> float:
    """The calibration error that a perfectly calibrated model would show on this many films.

    Labels are drawn from the probabilities themselves, so all that is left is the noise of finite numbers.

    Args:
        films: N sorted films; their labels are not used.
        simulations: How many sets of labels to draw.
        seed: Of the draws.

    Returns:
        Mean simulated error, 0..1.
    """
    random = np.random.default_rng(seed)
    rows = max(1, 2_000_000 // len(films))
    total = 0.0
    for start in range(0, simulations, rows):
        shape = (min(rows, simulations - start), len(films))
        residuals = (random.random(shape) < films.probabilities) - films.probabilities
        total += float(np.abs(np.add.reduceat(residuals, films.bin_starts, axis=1)).sum())
    return total / (simulations * len(films))
