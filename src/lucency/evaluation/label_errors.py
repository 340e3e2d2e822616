"""LabelErrors: films whose label a model that never saw them doubts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from lucency.datasets.audit.findings import Finding, counted
from lucency.errors import DatasetError, MissingExtraError
from lucency.evaluation.metrics import measure
from lucency.evaluation.scores import FloatArray, IntArray, checked_scores

WARN_ABOVE = 0.05
"""Share of labels thought wrong above which the finding is a warning."""

FEWEST_FILMS = 20
_NAMED = 3
_WORDS = {0: "not fractured", 1: "fractured"}


@dataclass(frozen=True)
class Suspect:
    """A film whose label may be wrong.

    Attributes:
        image_id: Of the film.
        label: As given, 1 = fractured.
        probability: Out-of-fold probability of a fracture, 0..1.
        quality: Probability of the given label, 0..1; low is suspicious.
        group: Its patient or exam, "" where unknown.
    """

    image_id: str
    label: int
    probability: float
    quality: float
    group: str = ""


@dataclass(frozen=True)
class LabelErrors:
    """What out-of-fold probabilities say of the labels.

    Attributes:
        films: Films looked at.
        auroc: Of the probabilities; a poor model doubts good labels.
        estimated: How many labels are thought to be wrong.
        suspects: So many films, the most suspicious first.
        note: Why nothing was looked for, as a sentence; "" where it was.
    """

    films: int
    auroc: float | None
    estimated: int
    suspects: tuple[Suspect, ...]
    note: str = ""

    @property
    def share(self) -> float:
        """`estimated` / `films`."""
        return self.estimated / self.films

    def to_json(self) -> dict[str, Any]:
        """The label errors as plain JSON values."""
        return {
            "films": self.films,
            "auroc": self.auroc,
            "estimated": self.estimated,
            "share": self.share,
            "suspects": [asdict(suspect) for suspect in self.suspects],
            "note": self.note,
        }


def find_label_errors(
    labels: npt.ArrayLike,
    probabilities: npt.ArrayLike,
    image_ids: Sequence[str],
    groups: Sequence[str] | None = None,
) -> LabelErrors:
    """Confident learning (Northcutt et al. 2021, Journal of Artificial Intelligence Research) with cleanlab.

    A label is doubted where the model is surer of the other class than it is, on average, of films that carry that
    label. The number of doubted labels is an estimate; so many films with the least likely labels are the suspects.

    Args:
        labels: (N,) integers, 1 = fractured.
        probabilities: (N,) probabilities of a fracture, 0..1, each from a model that did not see the film.
        image_ids: N names. A film in several rows (repeats of a cross-validation) counts once, with its mean.
        groups: N names of patients or exams, to be told with the suspects.

    Raises:
        DatasetError: The films cannot be used, see `checked_scores`; a probability outside 0..1; or one film has both
            labels.
        MissingExtraError: cleanlab is not installed.
    """
    truth, scores = checked_scores(labels, probabilities, image_ids=image_ids)
    if scores.min() < 0 or scores.max() > 1:
        raise DatasetError("a probability lies outside 0 to 1", hint="Pass probabilities here, not logits")
    if groups is not None and len(groups) != len(truth):
        raise DatasetError(f"{len(groups)} groups were given for {len(truth)} films")
    names, truth, scores, rows = _once(image_ids, truth, scores)
    held = [""] * len(names) if groups is None else [groups[row] for row in rows]
    for label, word in _WORDS.items():
        films = int((truth == label).sum())
        if films < FEWEST_FILMS:
            note = f"Labels were not doubted: {counted(films, 'film')} {word}, and {FEWEST_FILMS} are the least."
            return LabelErrors(len(names), None, 0, (), note)
    quality = np.where(truth == 1, scores, 1 - scores)
    return LabelErrors(
        films=len(names),
        auroc=float(measure(truth, scores, scores > 0.5, names=["auroc"])["auroc"][0]),
        estimated=len(doubted := _doubted(truth, scores)),
        suspects=tuple(
            Suspect(names[row], int(truth[row]), float(scores[row]), float(quality[row]), held[row]) for row in doubted
        ),
    )


def label_error_findings(errors: LabelErrors) -> list[Finding]:
    """One finding on the doubted labels; none where no label is doubted."""
    if errors.note:
        return [Finding(check="labels", severity="note", message=errors.note)]
    if not errors.suspects:
        return []
    first = ", ".join(
        f"{suspect.image_id} (labelled {_WORDS[suspect.label]}, probability {suspect.probability:.2f})"
        for suspect in errors.suspects[:_NAMED]
    )
    return [
        Finding(
            check="labels",
            severity="warning" if errors.share > WARN_ABOVE else "note",
            message=f"About {counted(errors.estimated, 'label')} of {errors.films} ({errors.share:.1%}) may be wrong,"
            f" say models that did not see these films (AUROC {errors.auroc:.2f}). Most suspicious: {first}.",
            image_ids=tuple(suspect.image_id for suspect in errors.suspects),
            evidence=errors.to_json(),
            action="Look at them, the first ones first: a film that is hard to read is suspected too",
        )
    ]


def _once(
    image_ids: Sequence[str], truth: IntArray, scores: FloatArray
) -> tuple[list[str], IntArray, FloatArray, IntArray]:
    """Each film once, in the order of its first row: names, labels, mean probabilities, first rows."""
    place: dict[str, int] = {}
    film = np.array([place.setdefault(image_id, len(place)) for image_id in image_ids], dtype=np.int64)
    rows = np.unique(film, return_index=True)[1]
    both = np.flatnonzero(truth != truth[rows][film])
    if len(both):
        raise DatasetError("one film has both labels", where=image_ids[both[0]])
    return list(place), truth[rows], np.bincount(film, weights=scores) / np.bincount(film), rows


def _doubted(truth: IntArray, scores: FloatArray) -> list[int]:
    """Rows of the doubted labels, the least likely first."""
    try:
        from cleanlab.filter import find_label_issues
    except ModuleNotFoundError as missing:
        raise MissingExtraError("cleanlab", extra="audit", need="Looking for wrong labels") from missing
    found = find_label_issues(
        truth,
        np.stack([1 - scores, scores], axis=1),
        return_indices_ranked_by="self_confidence",
        filter_by="low_self_confidence",
        n_jobs=1,
    )
    return [int(row) for row in found]
