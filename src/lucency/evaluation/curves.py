"""ROC, precision-recall, reliability and score distribution, as plain lists of numbers."""

from __future__ import annotations

from typing import Any

import numpy as np

from lucency.evaluation.scores import FloatArray, IntArray, ScoredFilms

MAX_POINTS = 500
HISTOGRAM_BINS = 20


def roc_curve(films: ScoredFilms) -> dict[str, list[float]] | None:
    """The receiver operating characteristic, thinned to at most 500 points.

    Args:
        films: N sorted films.

    Returns:
        "false_positive_rate", "true_positive_rate" and "threshold", from the corner where no film is called
        fractured (threshold above 1) to the one where all are; None unless both classes are there.
    """
    tp, fp = _cumulative(films)
    if tp[-1] == 0 or fp[-1] == 0:
        return None
    thresholds = np.r_[np.nextafter(1.0, 2.0), films.probabilities[films.tie_starts]]
    tp, fp = np.r_[0, tp], np.r_[0, fp]
    # A point on the straight line between its neighbours adds nothing to the picture.
    bends = np.r_[True, np.diff(tp)[1:] * np.diff(fp)[:-1] != np.diff(tp)[:-1] * np.diff(fp)[1:], True]
    kept = np.flatnonzero(bends)[_thinned(int(bends.sum()))]
    return {
        "false_positive_rate": (fp[kept] / fp[-1]).tolist(),
        "true_positive_rate": (tp[kept] / tp[-1]).tolist(),
        "threshold": thresholds[kept].tolist(),
    }


def precision_recall_curve(films: ScoredFilms) -> dict[str, list[float]] | None:
    """Precision against recall, thinned to at most 500 points.

    Args:
        films: N sorted films.

    Returns:
        "recall", "precision" and "threshold", from the highest threshold to the lowest; None unless both
        classes are there.
    """
    tp, fp = _cumulative(films)
    if tp[-1] == 0 or fp[-1] == 0:
        return None
    kept = _thinned(len(tp))
    return {
        "recall": (tp[kept] / tp[-1]).tolist(),
        "precision": (tp[kept] / (tp[kept] + fp[kept])).tolist(),
        "threshold": films.probabilities[films.tie_starts][kept].tolist(),
    }


def reliability_bins(films: ScoredFilms) -> list[dict[str, Any]]:
    """Mean probability against the share of fractures, in bins of equally many films.

    Args:
        films: N sorted films.

    Returns:
        At most ten bins from low to high probability: "low" and "high" (the probabilities of the outermost
        films), "mean_probability", "observed" (share of fractures) and "films".
        Equal probabilities share a bin.
    """
    ends = np.r_[films.bin_starts[1:], len(films)]
    bins = []
    for start, end in zip(films.bin_starts, ends, strict=True):
        inside = films.probabilities[start:end]
        bins.append(
            {
                "low": float(inside[-1]),
                "high": float(inside[0]),
                "mean_probability": float(inside.mean()),
                "observed": float(films.labels[start:end].mean()),
                "films": int(end - start),
            }
        )
    return bins[::-1]


def score_histogram(films: ScoredFilms) -> dict[str, list[float] | list[int]]:
    """How many films of each class have which probability.

    Args:
        films: N sorted films.

    Returns:
        "edges" (21 numbers, 0 to 1), and "fractured" and "not_fractured" (20 counts each).
    """
    edges = np.linspace(0, 1, HISTOGRAM_BINS + 1)
    return {
        "edges": edges.tolist(),
        "fractured": np.histogram(films.probabilities[films.labels == 1], edges)[0].tolist(),
        "not_fractured": np.histogram(films.probabilities[films.labels == 0], edges)[0].tolist(),
    }


def _cumulative(films: ScoredFilms) -> tuple[IntArray, IntArray]:
    ends = np.r_[films.tie_starts[1:], len(films)] - 1
    tp = np.cumsum(films.labels)[ends]
    return tp, ends + 1 - tp


def _thinned(points: int) -> IntArray:
    chosen: FloatArray = np.linspace(0, points - 1, min(points, MAX_POINTS))
    return np.unique(np.round(chosen).astype(np.int64))
