"""The evaluation of one set of films: numbers only."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from lucency.decision import Calibration, OperatingPoint
from lucency.errors import RunError
from lucency.evaluation.baselines import Baseline
from lucency.evaluation.curves import precision_recall_curve, reliability_bins, roc_curve, score_histogram
from lucency.evaluation.intervals import bootstrap_intervals, group_numbers
from lucency.evaluation.metrics import METRICS, WeightedFilms, ece_floor
from lucency.evaluation.scores import ScoredFilms, checked_scores
from lucency.evaluation.verdict import reservations, verdict_sentence

SCHEMA_VERSION = 1
_COMPARED = ("sensitivity", "specificity", "ppv", "npv")


@dataclass(frozen=True)
class EvaluationReport:
    """What `report.json` holds; only plain numbers, strings, lists and dictionaries.

    A *figure* is {"value", "low", "high", "reason", "dropped"}: the value, its 95 % interval, why either
    is missing (a sentence, or None), and in how many resamples the metric was undefined.

    Attributes:
        split: "test", "val" or "train".
        films: Number of films.
        groups: Number of groups; a film without group counts as its own.
        fractured: Number of fractured films.
        metrics: A figure for each row of `METRICS`.
        ece_floor: The calibration error of a perfectly calibrated model on this many films.
        confusion: {"tp", "fp", "tn", "fn"}: counts at the operating point.
        class_report: For "fractured" and "not_fractured" {"precision", "recall", "f1", "support"};
            None for 0/0.
        temperature: Of the calibration.
        operating_point: Name of the one that made the decisions.
        operating_points: Each with "name", "threshold", "validation" ({"sensitivity", "specificity"}) and
            figures of "sensitivity", "specificity", "ppv" and "npv" on these films.
        baselines: Each with "name", "accuracy", "auroc" and "detail".
        roc: See `roc_curve`; None if one class is missing.
        precision_recall: See `precision_recall_curve`; likewise.
        reliability: See `reliability_bins`.
        histogram: See `score_histogram`.
        findings: What the audit found, as plain dictionaries.
        notes: Sentences that a reader of the figures must know.
        optimistic_reason: Why the figures are too good, as a sentence; None where they are not known to be.
        bootstrap: {"resamples", "level", "seed"}.
        unit: What is counted as a film here: "film", or "exam" where the films of an exam answer together.
    """

    split: str
    films: int
    groups: int
    fractured: int
    metrics: Mapping[str, Mapping[str, Any]]
    ece_floor: float
    confusion: Mapping[str, int]
    class_report: Mapping[str, Mapping[str, Any]]
    temperature: float
    operating_point: str
    operating_points: Sequence[Mapping[str, Any]]
    baselines: Sequence[Mapping[str, Any]]
    roc: Mapping[str, Sequence[float]] | None
    precision_recall: Mapping[str, Sequence[float]] | None
    reliability: Sequence[Mapping[str, Any]]
    histogram: Mapping[str, Sequence[float]]
    findings: Sequence[Mapping[str, Any]]
    notes: Sequence[str]
    optimistic_reason: str | None
    bootstrap: Mapping[str, Any]
    unit: str = "film"

    @property
    def verdict(self) -> str:
        """The result in plain words, with what speaks against it."""
        return verdict_sentence(
            metrics=self.metrics,
            films=self.films,
            groups=self.groups,
            fractured=self.fractured,
            split=self.split,
            baselines=self.baselines,
            optimistic_reason=self.optimistic_reason,
            unit=self.unit,
        )

    def to_json(self) -> dict[str, Any]:
        """The fields as a dictionary for `json.dump`, with "schema_version" and "verdict" before them."""
        return {"schema_version": SCHEMA_VERSION, "verdict": self.verdict} | dataclasses.asdict(self)

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> EvaluationReport:
        """Read what `to_json` gave.

        Args:
            content: The dictionary; keys that are not known are passed over.

        Raises:
            RunError: It is no report, or one of a newer schema.
        """
        version = content.get("schema_version")
        if not isinstance(version, int):
            raise RunError("this is not an evaluation report: schema_version is missing", where="report.json")
        if version > SCHEMA_VERSION:
            raise RunError(
                f"the report has schema {version}, but this version reads up to {SCHEMA_VERSION}",
                where="report.json",
                hint="Upgrade lucency",
            )
        # Reports of the first version were all of films.
        content = {"unit": "film", **content}
        names = [field.name for field in dataclasses.fields(cls)]
        missing = [name for name in names if name not in content]
        if missing:
            raise RunError(f"the report lacks {', '.join(missing)}", where="report.json")
        return cls(**{name: content[name] for name in names})


def evaluate_scores(
    labels: npt.ArrayLike,
    logits: npt.ArrayLike,
    *,
    groups: Sequence[str] | None,
    calibration: Calibration,
    operating_point: OperatingPoint,
    other_points: Sequence[OperatingPoint] = (),
    image_ids: Sequence[str] | None = None,
    baselines: Sequence[Baseline] = (),
    findings: Sequence[Mapping[str, Any]] = (),
    split: str = "test",
    optimistic_reason: str | None = None,
    resamples: int = 1000,
    seed: int = 0,
    unit: str = "film",
) -> EvaluationReport:
    """Evaluate the scores of N films with everything that was fixed beforehand.

    Args:
        labels: (N,) integers, 1 = fractured, 0 = not fractured.
        logits: (N,) outputs of the model, unbounded.
        groups: N names of groups that must stay together (patients, exams); "" or None: each film alone.
        calibration: Fitted on other films.
        operating_point: Likewise; makes the decisions.
        other_points: Operating points to compare it with.
        image_ids: N names, for error messages.
        baselines: To be shown beside the accuracy.
        findings: What the audit found, as plain dictionaries.
        split: Which films these are: "test", "val" or "train".
        optimistic_reason: A sentence if the films were used before, for example to choose the threshold.
        resamples: Of the bootstrap.
        seed: Of the bootstrap and of the calibration floor.
        unit: What one of the N is: "film" or "exam".

    Raises:
        DatasetError: The films cannot be evaluated: see `checked_scores` and `group_numbers`.
    """
    label_array, logit_array = checked_scores(labels, logits, image_ids=image_ids)
    probabilities = calibration.probability(logit_array)
    group_count = group_numbers(groups, len(label_array))[1]

    def films_at(point: OperatingPoint) -> ScoredFilms:
        return ScoredFilms.sort(label_array, probabilities, probabilities >= point.threshold)

    def figures(films: ScoredFilms, names: Sequence[str]) -> dict[str, dict[str, Any]]:
        intervals = bootstrap_intervals(films, groups, names=names, resamples=resamples, seed=seed)
        point = WeightedFilms(films, np.ones((1, len(films))))
        return {
            name: {"value": _defined(METRICS[name].compute(point)[0])} | dataclasses.asdict(intervals[name])
            for name in names
        }

    films = films_at(operating_point)
    points = {point.name: point for point in (*other_points, operating_point)}
    return EvaluationReport(
        split=split,
        films=len(films),
        groups=group_count,
        fractured=int(films.labels.sum()),
        metrics=figures(films, tuple(METRICS)),
        ece_floor=ece_floor(films, seed=seed),
        confusion=(confusion := _confusion(films)),
        class_report=_class_report(confusion),
        temperature=calibration.temperature,
        operating_point=operating_point.name,
        operating_points=[
            {
                "name": point.name,
                "threshold": point.threshold,
                "validation": {"sensitivity": point.sensitivity, "specificity": point.specificity},
            }
            | figures(films_at(point), _COMPARED)
            for point in points.values()
        ],
        baselines=[dataclasses.asdict(baseline) for baseline in baselines],
        roc=roc_curve(films),
        precision_recall=precision_recall_curve(films),
        reliability=reliability_bins(films),
        histogram=score_histogram(films),
        findings=[_plain(finding) for finding in findings],
        notes=reservations(
            films=len(films),
            fractured=int(films.labels.sum()),
            distinct_scores=len(films.tie_starts),
            groups=group_count if groups is not None and any(groups) else None,
            unit=unit,
        ),
        optimistic_reason=optimistic_reason,
        bootstrap={"resamples": resamples, "level": 0.95, "seed": seed},
        unit=unit,
    )


def _confusion(films: ScoredFilms) -> dict[str, int]:
    counts = np.bincount(2 * films.labels + films.decisions, minlength=4)
    return {name: int(counts[place]) for place, name in enumerate(("tn", "fp", "fn", "tp"))}


def _class_report(confusion: Mapping[str, int]) -> dict[str, dict[str, Any]]:
    def row(hits: int, wrongly_called: int, missed: int) -> dict[str, Any]:
        called, support = hits + wrongly_called, hits + missed
        return {
            "precision": hits / called if called else None,
            "recall": hits / support if support else None,
            "f1": 2 * hits / (called + support) if called + support else None,
            "support": support,
        }

    tp, fp, tn, fn = (confusion[name] for name in ("tp", "fp", "tn", "fn"))
    return {"fractured": row(tp, fp, fn), "not_fractured": row(tn, fn, fp)}


def _defined(value: float) -> float | None:
    return None if np.isnan(value) else float(value)


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return value.item() if isinstance(value, np.generic) else value
