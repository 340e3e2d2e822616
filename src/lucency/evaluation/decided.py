"""Films that several thresholds have decided: all their figures, from one walk through the resamples."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from lucency.decision import OperatingPoint
from lucency.evaluation.decision_curve import curve_values, decision_curve_section
from lucency.evaluation.figures import Figure, by_formula, metric_figures
from lucency.evaluation.intervals import Draws, computed
from lucency.evaluation.metrics import METRICS
from lucency.evaluation.prevalence import checked_prevalences, prevalence_section
from lucency.evaluation.scores import FloatArray, IntArray, ScoredFilms

COMPARED = ("sensitivity", "specificity", "ppv", "npv")
"""Metrics that are given for every operating point."""


@dataclass(frozen=True, eq=False)
class Decided:
    """What one operating point made of N films.

    Attributes:
        point: The operating point.
        decisions: (N,) bool, true where a film is called fractured.
    """

    point: OperatingPoint
    decisions: npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Figures:
    """The figures of N films.

    Attributes:
        films: The films, sorted, with the decisions of the operating point in use.
        groups: Number of groups; a film without group counts as its own.
        metrics: A figure for each row of `METRICS`.
        operating_points: Each with "name", "threshold", "validation" and figures of `COMPARED`.
        confusion: {"tp", "fp", "tn", "fn"}: counts at the operating point in use.
        groups_of_classes: How many groups hold a film without fracture, and how many a fractured one.
        evidence: The sections "decision_curve" and, where prevalences were asked for, "prevalence".
    """

    films: ScoredFilms
    groups: int
    metrics: dict[str, Figure]
    operating_points: list[dict[str, Any]]
    confusion: dict[str, int]
    groups_of_classes: tuple[int, int]
    evidence: dict[str, dict[str, Any]]


def measure_decided(
    labels: IntArray,
    probabilities: FloatArray,
    used: Decided,
    others: Sequence[Decided],
    *,
    groups: Sequence[str] | None,
    prevalences: Sequence[float] = (),
    resamples: int = 1000,
    seed: int = 0,
) -> Figures:
    """Measures films at one operating point, and compares others with it.

    Args:
        labels: (N,) int64, 1 = fractured.
        probabilities: (N,) float64, calibrated, 0..1.
        used: The operating point in use, whose decisions the metrics judge.
        others: Those to compare it with.
        groups: N names of groups that must stay together; "" or None: each film alone.
        prevalences: Shares of fractures at which predictive values are wanted, each between 0 and 1.
        resamples: Of the bootstrap.
        seed: Of the bootstrap.

    Raises:
        DatasetError: Films, groups or prevalences that cannot be used.
    """
    wanted_prevalences = checked_prevalences(prevalences)
    films = ScoredFilms.sort(labels, probabilities, used.decisions)
    draws = Draws.plan(films, groups, resamples=resamples, seed=seed)
    all_points = {decided.point.name: decided for decided in (*others, used)}
    # The order hangs on the probabilities alone, so one set of weights serves the films of every threshold.
    other_films = {
        name: ScoredFilms.sort(labels, probabilities, decided.decisions)
        for name, decided in all_points.items()
        if name != used.point.name
    }
    threshold = float(np.clip(used.point.threshold, 1e-6, 1 - 1e-6))
    drawn = [name for name in METRICS if METRICS[name].interval and not by_formula(name, draws)]
    compared = [name for name in COMPARED if not by_formula(name, draws)]

    def measured(weights: FloatArray) -> Mapping[tuple[str, str], FloatArray]:
        found = {("", name): value for name, value in computed(films, weights, drawn).items()}
        for point, decided_films in other_films.items():
            for name, value in computed(decided_films, weights, compared).items():
                found[point, name] = value
        found["", "net benefit"] = curve_values(films, weights, threshold)
        return found

    values = draws.values(measured)

    def of(point: str) -> dict[str, FloatArray]:
        return {name: value for (of_point, name), value in values.items() if of_point == point}

    metrics = metric_figures(films, draws, tuple(METRICS), of(""))
    confusion = confusion_counts(films)
    evidence = {
        "decision_curve": decision_curve_section(
            films, draws, values.get(("", "net benefit")), threshold=threshold, name=used.point.name
        )
    }
    if wanted_prevalences:
        evidence["prevalence"] = prevalence_section(
            wanted_prevalences,
            confusion,
            draws,
            values.get(("", "sensitivity")),
            values.get(("", "specificity")),
            operating_point=used.point.name,
            refusal=draws.refusal_for(films.labels, (0, 1)),
        )
    rows = []
    for name, decided in all_points.items():
        chosen = name == used.point.name
        figures = metrics if chosen else metric_figures(other_films[name], draws, COMPARED, of(name))
        rows.append(_row(decided.point) | {metric: figures[metric] for metric in COMPARED})
    held = (len(np.unique(draws.group_of_film[films.labels == label])) for label in (0, 1))
    not_fractured, fractured = held
    return Figures(films, draws.group_count, metrics, rows, confusion, (not_fractured, fractured), evidence)


def _row(point: OperatingPoint) -> dict[str, Any]:
    return {
        "name": point.name,
        "threshold": point.threshold,
        "validation": {"sensitivity": point.sensitivity, "specificity": point.specificity},
    }


def confusion_counts(films: ScoredFilms) -> dict[str, int]:
    """{"tn", "fp", "fn", "tp"}: how many films of each class were called what."""
    counts = np.bincount(2 * films.labels + films.decisions, minlength=4)
    return {name: int(counts[place]) for place, name in enumerate(("tn", "fp", "fn", "tp"))}


def class_report(confusion: Mapping[str, int]) -> dict[str, dict[str, Any]]:
    """For "fractured" and "not_fractured" {"precision", "recall", "f1", "support"}; None for 0/0.

    Args:
        confusion: {"tp", "fp", "tn", "fn"}.
    """

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
