"""The evaluation of one set of films: numbers only."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from lucency.calibration import Calibration
from lucency.decision import OperatingPoint
from lucency.errors import RunError
from lucency.evaluation.baselines import Baseline
from lucency.evaluation.calibration_line import calibration_section
from lucency.evaluation.curves import precision_recall_curve, reliability_bins, roc_curve, score_histogram
from lucency.evaluation.decided import Decided, class_report, measure_decided
from lucency.evaluation.metrics import ece_floor
from lucency.evaluation.scores import FloatArray, IntArray, checked_scores
from lucency.evaluation.verdict import reservations, verdict_sentence

SCHEMA_VERSION = 1


@dataclass(frozen=True)
class EvaluationReport:
    """What `report.json` holds; only plain numbers, strings, lists and dictionaries.

    A *figure* is {"value", "low", "high", "reason", "dropped", "method"}: the value, its 95 % interval, why either is
    missing (a sentence, or None), in how many resamples the metric was undefined, and where the interval comes from:
    "bootstrap", "delong", "wilson", "logit" or None. Reports of earlier versions have no "method".

    Attributes:
        split: "test", "val" or "train".
        films: Number of films.
        groups: Number of groups; a film without group counts as its own.
        fractured: Number of fractured films.
        metrics: A figure for each row of `METRICS`; fewer in reports of earlier versions.
        ece_floor: The calibration error of a perfectly calibrated model on this many films.
        confusion: {"tp", "fp", "tn", "fn"}: counts at the operating point.
        class_report: For "fractured" and "not_fractured" {"precision", "recall", "f1", "support"};
            None for 0/0.
        temperature: Of the calibration; None where it is not a temperature alone.
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
        evidence: Sections by name, each described where it is made: "calibration" (see `calibration_section`),
            "decision_curve", "prevalence" and others.
    """

    split: str
    films: int
    groups: int
    fractured: int
    metrics: Mapping[str, Mapping[str, Any]]
    ece_floor: float
    confusion: Mapping[str, int]
    class_report: Mapping[str, Mapping[str, Any]]
    temperature: float | None
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
    evidence: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

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
        fields = dataclasses.fields(cls)
        # Fields with a default came later than the first version.
        needed = [one.name for one in fields if one.default is MISSING and one.default_factory is MISSING]
        missing = [name for name in needed if name not in content]
        if missing:
            raise RunError(f"the report lacks {', '.join(missing)}", where="report.json")
        return cls(**{one.name: content[one.name] for one in fields if one.name in content})


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
    prevalences: Sequence[float] = (),
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
        prevalences: Shares of fractures at which predictive values are wanted, each between 0 and 1.

    Raises:
        DatasetError: The films cannot be evaluated: see `checked_scores` and `group_numbers`; or a prevalence is not
            between 0 and 1.
    """
    label_array, logit_array = checked_scores(labels, logits, image_ids=image_ids)
    probabilities = calibration.probability(logit_array)

    def decided(point: OperatingPoint) -> Decided:
        return Decided(point, probabilities >= point.threshold)

    return report_decided(
        label_array,
        probabilities,
        decided(operating_point),
        [decided(point) for point in other_points],
        groups=groups,
        temperature=calibration.temperature if calibration.method == "temperature" else None,
        calibration=calibration.to_json(),
        baselines=baselines,
        findings=findings,
        split=split,
        optimistic_reason=optimistic_reason,
        resamples=resamples,
        seed=seed,
        unit=unit,
        prevalences=prevalences,
    )


def report_decided(
    labels: IntArray,
    probabilities: FloatArray,
    used: Decided,
    others: Sequence[Decided],
    *,
    groups: Sequence[str] | None,
    temperature: float | None,
    calibration: Mapping[str, Any],
    baselines: Sequence[Baseline] = (),
    findings: Sequence[Mapping[str, Any]] = (),
    split: str = "test",
    optimistic_reason: str | None = None,
    resamples: int = 1000,
    seed: int = 0,
    unit: str = "film",
    prevalences: Sequence[float] = (),
) -> EvaluationReport:
    """The report of N films that are calibrated and decided already.

    Args:
        labels: (N,) int64, 1 = fractured, 0 = not fractured.
        probabilities: (N,) float64, calibrated, 0..1.
        used: Decisions of the operating point in use.
        others: Those of operating points to compare it with.
        groups: As for `evaluate_scores`.
        temperature: What the report calls so.
        calibration: What `Calibration.to_json` says, or the like.
        baselines: To be shown beside the accuracy.
        findings: What the audit found, as plain dictionaries.
        split: Which films these are.
        optimistic_reason: A sentence if the films were used before.
        resamples: Of the bootstrap.
        seed: Of the bootstrap and of the calibration floor.
        unit: "film" or "exam".
        prevalences: As for `evaluate_scores`.

    Raises:
        DatasetError: See `evaluate_scores`.
    """
    found = measure_decided(
        labels,
        probabilities,
        used,
        others,
        groups=groups,
        prevalences=prevalences,
        resamples=resamples,
        seed=seed,
    )
    films, fractured = found.films, int(found.films.labels.sum())
    return EvaluationReport(
        split=split,
        films=len(films),
        groups=found.groups,
        fractured=fractured,
        metrics=found.metrics,
        ece_floor=ece_floor(films, seed=seed),
        confusion=found.confusion,
        class_report=class_report(found.confusion),
        temperature=temperature,
        operating_point=used.point.name,
        operating_points=found.operating_points,
        baselines=[dataclasses.asdict(baseline) for baseline in baselines],
        roc=roc_curve(films),
        precision_recall=precision_recall_curve(films),
        reliability=reliability_bins(films),
        histogram=score_histogram(films),
        findings=[_plain(finding) for finding in findings],
        notes=reservations(
            films=len(films),
            fractured=fractured,
            distinct_scores=len(films.tie_starts),
            groups=found.groups if groups is not None and any(groups) else None,
            unit=unit,
            groups_of_classes=found.groups_of_classes,
        ),
        optimistic_reason=optimistic_reason,
        bootstrap={"resamples": resamples, "level": 0.95, "seed": seed},
        unit=unit,
        evidence={"calibration": calibration_section(calibration, found.films), **found.evidence},
    )


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return value.item() if isinstance(value, np.generic) else value
