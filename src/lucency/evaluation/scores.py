"""Labels and scores, checked and sorted once for every metric."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from lucency.errors import DatasetError

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

RELIABILITY_BINS = 10


def checked_scores(
    labels: npt.ArrayLike, scores: npt.ArrayLike, *, image_ids: Sequence[str] | None = None
) -> tuple[IntArray, FloatArray]:
    """Labels and scores as arrays of equal length, or a clear error.

    Args:
        labels: (N,) integers, 1 = fractured, 0 = not fractured.
        scores: (N,) logits or probabilities.
        image_ids: N names, used only to say which film is at fault.

    Returns:
        labels (N,) int64 and scores (N,) float64.

    Raises:
        DatasetError: No film, unequal lengths, a label that is neither 0 nor 1, or a score not finite.
    """
    label_array, score_array = np.asarray(labels), np.asarray(scores, dtype=np.float64)
    if label_array.ndim != 1 or score_array.ndim != 1:
        raise DatasetError(f"labels and scores must be flat, not of shape {label_array.shape} and {score_array.shape}")
    if len(label_array) != len(score_array):
        raise DatasetError(f"{len(label_array)} labels were given for {len(score_array)} scores")
    if image_ids is not None and len(image_ids) != len(label_array):
        raise DatasetError(f"{len(image_ids)} image ids were given for {len(label_array)} films")
    if len(label_array) == 0:
        raise DatasetError("there is no film to evaluate", hint="Give at least one film of each class")

    wrong = ~np.isin(label_array, (0, 1))
    if wrong.any():
        raise DatasetError(
            f"{_count(wrong)} neither 0 nor 1, such as {label_array[wrong][0]!s}",
            where=_names(wrong, image_ids, "labels"),
            hint="1 means fractured, 0 means not fractured",
        )
    broken = ~np.isfinite(score_array)
    if broken.any():
        raise DatasetError(
            f"{_count(broken)} not a finite number",
            where=_names(broken, image_ids, "scores"),
            hint="The model's output is broken: look for a loss of NaN in the training history",
        )
    return label_array.astype(np.int64), score_array


def _count(mask: npt.NDArray[np.bool_]) -> str:
    hits = int(mask.sum())
    return f"{hits} of {len(mask)} {'is' if hits == 1 else 'are'}"


def _names(mask: npt.NDArray[np.bool_], image_ids: Sequence[str] | None, what: str) -> str:
    if image_ids is None:
        return what
    hits = [image_ids[i] for i in np.flatnonzero(mask)[:3]]
    return f"{what} of {', '.join(hits)}{' ...' if mask.sum() > 3 else ''}"


@dataclass(frozen=True, eq=False)
class ScoredFilms:
    """N films sorted by falling probability; build with `ScoredFilms.sort`.

    Attributes:
        labels: (N,) int64, 1 = fractured, in the sorted order.
        probabilities: (N,) float64, 0..1, falling.
        decisions: (N,) int64, 1 = called fractured, in the sorted order.
        order: (N,) int64, place of each sorted film in the arrays that were given.
        tie_starts: (K,) int64, where each run of equal probabilities begins.
        bin_starts: (B,) int64, where each reliability bin begins; B is at most 10.
    """

    labels: IntArray
    probabilities: FloatArray
    decisions: IntArray
    order: IntArray
    tie_starts: IntArray
    bin_starts: IntArray

    @classmethod
    def sort(cls, labels: npt.ArrayLike, probabilities: npt.ArrayLike, decisions: npt.ArrayLike) -> ScoredFilms:
        """Check and sort.

        Args:
            labels: (N,) integers, 1 = fractured, 0 = not fractured.
            probabilities: (N,) calibrated probabilities of a fracture, 0..1.
            decisions: (N,) bool or 0/1, true where the film is called fractured.

        Raises:
            DatasetError: What `checked_scores` refuses, or a probability outside 0..1.
        """
        label_array, probability_array = checked_scores(labels, probabilities)
        if probability_array.min() < 0 or probability_array.max() > 1:
            raise DatasetError("a probability lies outside 0 to 1", hint="Pass probabilities here, not logits")
        decision_array = np.asarray(decisions).astype(np.int64)
        if decision_array.shape != label_array.shape:
            raise DatasetError(f"{decision_array.size} decisions were given for {len(label_array)} films")

        order = np.argsort(-probability_array, kind="stable")
        falling = probability_array[order]
        tie_starts = np.flatnonzero(np.r_[True, falling[1:] != falling[:-1]])
        return cls(
            labels=label_array[order],
            probabilities=falling,
            decisions=decision_array[order],
            order=order,
            tie_starts=tie_starts,
            bin_starts=_equal_mass_bins(tie_starts, len(falling)),
        )

    def __len__(self) -> int:
        return len(self.labels)

    @cached_property
    def log_odds(self) -> FloatArray:
        """(N,) float64: log(p / (1 - p)), finite: a probability of 0 or 1 counts as the nearest that 64 bits tell."""
        tiny = float(np.finfo(np.float64).eps)
        inside = np.clip(self.probabilities, tiny, 1 - tiny)
        odds: FloatArray = np.log(inside) - np.log1p(-inside)
        return odds


def _equal_mass_bins(tie_starts: IntArray, films: int) -> IntArray:
    # A run of equal probabilities goes whole into the bin of its middle: split, it would hang on file order.
    ends = np.r_[tie_starts[1:], films]
    middles = (tie_starts + ends) / 2
    bins = np.minimum((middles * RELIABILITY_BINS / films).astype(np.int64), RELIABILITY_BINS - 1)
    return tie_starts[np.r_[True, bins[1:] != bins[:-1]]]
