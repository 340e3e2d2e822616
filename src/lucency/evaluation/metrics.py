"""The table of metrics, each computed for many resamples of the films at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from lucency.evaluation.scores import FloatArray, ScoredFilms

_TINY = float(np.finfo(np.float64).eps)


class WeightedFilms:
    """Films under R sets of weights: the sums that the metrics share, each taken once and only if asked for.

    Args:
        films: N sorted films.
        weights: (R, N) non-negative float64, in the sorted order of `films`: how often each film counts.
    """

    def __init__(self, films: ScoredFilms, weights: FloatArray):
        self.films = films
        self.weights = weights

    @cached_property
    def _sums(self) -> FloatArray:
        labels, decisions = self.films.labels, self.films.decisions
        probabilities = self.films.probabilities
        of_truth = np.where(labels == 1, probabilities, 1.0 - probabilities)
        columns = [
            np.ones(len(labels)),
            labels,
            decisions,
            labels * decisions,
            -np.log(np.clip(of_truth, _TINY, 1.0)),
            (probabilities - labels) ** 2,
        ]
        # (R, 6) in one product; sums of whole numbers are exact in float64.
        sums: FloatArray = self.weights @ np.stack(columns, axis=1)
        return sums

    @property
    def total(self) -> FloatArray:
        """(R,) weight of all films."""
        return self._sums[:, 0]

    @property
    def positives(self) -> FloatArray:
        """(R,) weight of the fractured films."""
        return self._sums[:, 1]

    @property
    def negatives(self) -> FloatArray:
        """(R,) weight of the films without fracture."""
        return self.total - self.positives

    @property
    def tp(self) -> FloatArray:
        """(R,) fractured and called fractured."""
        return self._sums[:, 3]

    @property
    def fp(self) -> FloatArray:
        """(R,) not fractured but called fractured."""
        return self._sums[:, 2] - self.tp

    @property
    def fn(self) -> FloatArray:
        """(R,) fractured but not called so."""
        return self.positives - self.tp

    @property
    def tn(self) -> FloatArray:
        """(R,) not fractured and not called so."""
        return self.negatives - self.fp

    @property
    def log_loss(self) -> FloatArray:
        """(R,) sum of the log losses."""
        return self._sums[:, 4]

    @property
    def squared_error(self) -> FloatArray:
        """(R,) sum of the squared differences of probability and label."""
        return self._sums[:, 5]

    @cached_property
    def ranked(self) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
        """(R, K) by falling distinct probability: fractured, not, and the sums of both from the top."""
        fractured = self.weights * self.films.labels
        rest = self.weights - fractured
        if len(self.films.tie_starts) < len(self.films):
            fractured = np.add.reduceat(fractured, self.films.tie_starts, axis=1)
            rest = np.add.reduceat(rest, self.films.tie_starts, axis=1)
        return fractured, rest, np.cumsum(fractured, axis=1), np.cumsum(rest, axis=1)


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


@dataclass(frozen=True)
class Metric:
    """One row of the table.

    Attributes:
        title: What a reader sees.
        compute: From weighted films to (R,) float64, NaN where the metric is 0/0.
        undefined: Why it can be undefined, as a sentence without full stop.
        interval: Whether a bootstrap interval of it means anything.
        better: "higher" or "lower".
    """

    title: str
    compute: Callable[[WeightedFilms], FloatArray]
    undefined: str
    interval: bool = True
    better: str = "higher"


_NO_FILM = "there is no film"
_NO_FRACTURED = "there is no fractured film"
_NO_NORMAL = "there is no film without fracture"
_BOTH = "it needs films of both classes"

METRICS: Mapping[str, Metric] = {
    "auroc": Metric("AUROC", _auroc, _BOTH),
    "average_precision": Metric("Average precision", _average_precision, _BOTH),
    "accuracy": Metric("Accuracy", lambda f: _ratio(f.tp + f.tn, f.total), _NO_FILM),
    "balanced_accuracy": Metric("Balanced accuracy", _balanced_accuracy, _BOTH),
    "sensitivity": Metric("Sensitivity", lambda f: _ratio(f.tp, f.positives), _NO_FRACTURED),
    "specificity": Metric("Specificity", lambda f: _ratio(f.tn, f.negatives), _NO_NORMAL),
    "ppv": Metric("Positive predictive value", lambda f: _ratio(f.tp, f.tp + f.fp), "no film was called fractured"),
    "npv": Metric("Negative predictive value", lambda f: _ratio(f.tn, f.tn + f.fn), "every film was called fractured"),
    "f1": Metric(
        "F1",
        lambda f: _ratio(2 * f.tp, 2 * f.tp + f.fp + f.fn),
        "no film is fractured and none was called fractured",
    ),
    "mcc": Metric("Matthews correlation", _mcc, "labels or decisions are all of one class"),
    "loss": Metric("Log loss", lambda f: _ratio(f.log_loss, f.total), _NO_FILM, better="lower"),
    "brier": Metric("Brier score", lambda f: _ratio(f.squared_error, f.total), _NO_FILM, better="lower"),
    "ece": Metric("Expected calibration error", _ece, _NO_FILM, interval=False, better="lower"),
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
