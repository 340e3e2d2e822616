"""Every metric for films of each kind: which kinds are answered worse, and of which nothing can be said."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from lucency.errors import DatasetError
from lucency.evaluation.figures import by_formula, figure, metric_figures
from lucency.evaluation.intervals import Draws, Interval, computed, group_numbers, point_values
from lucency.evaluation.metrics import METRICS, ece_floor
from lucency.evaluation.scores import FloatArray, IntArray, ScoredFilms
from lucency.evaluation.subgroup_tests import BoolArray, Candidate, against_rest
from lucency.evaluation.subgroup_words import (
    FEWEST_OF_A_CLASS,
    TOO_WIDE,
    doubt,
    row_sentence,
    trait_sentence,
    worst_of,
    worst_sentence,
)

UNKNOWN = "unknown"
MOST_VALUES = 12
"""A trait with more values shows the most frequent ones; the others are one row."""

_COMPARED = ("auroc", "sensitivity")


@dataclass(frozen=True, eq=False)
class _Scored:
    labels: IntArray
    probabilities: FloatArray
    decisions: BoolArray
    groups: Sequence[str] | None

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True)
class _Bootstrap:
    resamples: int
    level: float
    seed: int


@dataclass(frozen=True, eq=False)
class _Value:
    name: str
    films: BoolArray
    known: bool = True
    pooled: bool = False


@contextmanager
def _one_thread() -> Iterator[None]:
    """For tall, narrow products: a second thread of the linear algebra doubles the processor time and gains nothing."""
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1, user_api="blas"):
        yield


@_one_thread()
def measure_subgroups(
    labels: npt.ArrayLike,
    probabilities: npt.ArrayLike,
    decisions: npt.ArrayLike,
    groups: Sequence[str] | None,
    traits: Mapping[str, Sequence[str]],
    *,
    orders: Mapping[str, Sequence[str]] | None = None,
    fractured_only: Collection[str] = (),
    resamples: int = 1000,
    level: float = 0.95,
    seed: int = 0,
) -> dict[str, Any]:
    """Measures the films of each value of each trait, and holds them against all other films.

    Each film has one value of a trait. A value is compared with the rest by AUROC where both sides have
    `FEWEST_OF_A_CLASS` films of either class, else by sensitivity where both have as many fractured films; see
    `against_rest` for the test. The lowest of many figures is low by chance alone, so a worst subgroup is named only
    where the test tells it apart after Holm's correction over all subgroups of all traits, and its interval ends below
    that of the rest begins.

    Where all films of a value are of one class, the figures that mix both classes are left out, since they would only
    say how often that class is there.

    Args:
        labels: (N,) integers, 1 = fractured, 0 = not fractured.
        probabilities: (N,) calibrated probabilities, 0..1.
        decisions: (N,) bool, true where the film is called fractured.
        groups: N names of groups that belong together; "" or None: each film alone.
        traits: For each trait the value of each of the N films; "" where it is not known.
        orders: For traits whose values have an order, that order; other values follow by how frequent they are.
        fractured_only: Traits that only fractured films have; the values of other films are not looked at.
        resamples: Of the bootstraps.
        level: Of the intervals, 0..1.
        seed: Of all draws.

    Returns:
        Plain values only:

        - "traits": each with "name", "fractured_only", "compared_by", "sentence" and "rows"; a row has "value", "known"
          and "pooled" (what is not known, and what is too rare to be shown alone, come last), "films", "fractured",
          "groups", "metrics" (a figure for each row of `METRICS`), "ece_floor", "difference" (a `Contrast`, or None),
          "too_wide" (whether nothing can be said of "compared_by") and "sentence" (why, or None);
        - "overall": figures of AUROC and sensitivity of all films;
        - "comparisons": how many comparisons have a p-value, which Holm's correction is for;
        - "worst": for "auroc" and "sensitivity" {"trait", "value"}, or None where none can be named;
        - "sentences": the worst subgroup, or that none can be named;
        - "films", "fractured", "bootstrap", and "limits": the constants that the sentences rest on.

    Raises:
        DatasetError: The films cannot be evaluated, or a trait does not have a value for each of them.
    """
    ScoredFilms.sort(labels, probabilities, decisions)
    films = _Scored(
        np.asarray(labels).astype(np.int64),
        np.asarray(probabilities, dtype=np.float64),
        np.asarray(decisions).astype(bool),
        groups,
    )
    group_numbers(groups, len(films))
    bootstrap = _Bootstrap(resamples, level, seed)
    candidates: list[Candidate] = []
    compared: list[dict[str, Any]] = []
    found: list[dict[str, Any]] = []
    for trait, values in traits.items():
        if len(values) != len(films):
            raise DatasetError(
                f"the trait {trait} has {len(values)} values for {len(films)} films",
                hint='Give one value a film, "" where it is not known',
            )
        among = films.labels == 1 if trait in fractured_only else np.ones(len(films), dtype=bool)
        of_trait = []
        for value in _values(values, among, (orders or {}).get(trait, ())):
            row = _row(films, value, bootstrap)
            of_trait.append(row)
            candidate = _candidate(films, value, among)
            if candidate is not None:
                candidates.append(candidate)
                compared.append(row)
        by = "sensitivity" if trait in fractured_only else "auroc"
        found.append({"name": trait, "fractured_only": trait in fractured_only, "compared_by": by, "rows": of_trait})
    contrasts, comparisons = against_rest(
        films.labels,
        films.probabilities,
        films.decisions,
        groups,
        candidates,
        resamples=resamples,
        level=level,
        seed=seed,
    )
    for row, contrast in zip(compared, contrasts, strict=True):
        row["difference"] = contrast.to_json()
    for one in found:
        for row in one["rows"]:
            row["too_wide"] = doubt(row, one["compared_by"]) is not None
            row["sentence"] = row_sentence(one["name"], row, one["compared_by"]) if row["known"] else None
        one["sentence"] = trait_sentence(one["name"], one["rows"], fractured_only=one["fractured_only"])
    by_metric = {
        metric: [
            (one["name"], row)
            for one in found
            for row in one["rows"]
            if row["difference"] and row["difference"]["metric"] == metric
        ]
        for metric in _COMPARED
    }
    worst = {metric: worst_of(named, metric) for metric, named in by_metric.items()}
    return {
        "films": len(films),
        "fractured": int(films.labels.sum()),
        "traits": found,
        "overall": _figures(films, np.ones(len(films), dtype=bool), bootstrap, _COMPARED),
        "comparisons": comparisons,
        "worst": {
            metric: None if named is None else {"trait": named[0], "value": named[1]["value"]}
            for metric, named in worst.items()
        },
        "sentences": [
            worst_sentence(named, metric, comparisons)
            for metric, named in by_metric.items()
            if metric == "auroc" or named
        ],
        "bootstrap": asdict(bootstrap),
        "limits": {"too_wide": TOO_WIDE, "fewest_of_a_class": FEWEST_OF_A_CLASS, "most_values": MOST_VALUES},
    }


def _values(values: Sequence[str], among: BoolArray, order: Sequence[str]) -> list[_Value]:
    names = np.array([value.strip() for value in values], dtype=object)
    counts = Counter(names[among].tolist())
    unknown = counts.pop("", 0)
    by_count = sorted(counts, key=lambda name: (-counts[name], name))
    shown = by_count if len(by_count) <= MOST_VALUES else by_count[: MOST_VALUES - 1]
    places = {name: place for place, name in enumerate(order)}
    found = [
        _Value(name, among & (names == name))
        for name in sorted(shown, key=lambda name: (places.get(name, len(places)), by_count.index(name)))
    ]
    rare = by_count[len(shown) :]
    if rare:
        found.append(
            _Value(f"{len(rare)} other values", among & np.isin(names.astype(str), rare), known=False, pooled=True)
        )
    if unknown:
        found.append(_Value(UNKNOWN, among & (names == ""), known=False))
    return found


def _row(films: _Scored, value: _Value, bootstrap: _Bootstrap) -> dict[str, Any]:
    chosen = value.films
    groups = None if films.groups is None else [films.groups[place] for place in np.flatnonzero(chosen).tolist()]
    count = int(chosen.sum())
    fractured = int(films.labels[chosen].sum())
    mixed = 0 < fractured < count
    part = ScoredFilms.sort(films.labels[chosen], films.probabilities[chosen], films.decisions[chosen])
    return {
        "value": value.name,
        "known": value.known,
        "pooled": value.pooled,
        "films": count,
        "fractured": fractured,
        "groups": group_numbers(groups, count)[1],
        "metrics": _figures(films, chosen, bootstrap, tuple(METRICS)),
        "ece_floor": ece_floor(part, seed=bootstrap.seed) if mixed else None,
        "difference": None,
    }


def _figures(
    films: _Scored, chosen: BoolArray, bootstrap: _Bootstrap, names: Sequence[str]
) -> dict[str, dict[str, Any]]:
    labels, probabilities, decisions = (part[chosen] for part in (films.labels, films.probabilities, films.decisions))
    groups = None if films.groups is None else [films.groups[place] for place in np.flatnonzero(chosen).tolist()]
    present = set(labels.tolist())
    refused = {}
    if len(present) == 1:
        kept, words = ("sensitivity", "fractured") if present == {1} else ("specificity", "without fracture")
        refused = dict.fromkeys((name for name in names if name != kept), f"all of them are {words}")
    measured = [name for name in names if name not in refused]
    part = ScoredFilms.sort(labels, probabilities, decisions)
    draws = Draws.plan(part, groups, resamples=bootstrap.resamples, level=bootstrap.level, seed=bootstrap.seed)
    point = point_values(part, measured)
    drawn = [
        name for name in measured if METRICS[name].interval and np.isfinite(point[name]) and not by_formula(name, draws)
    ]
    values = draws.values(lambda weights: computed(part, weights, drawn)) if drawn else {}
    figures = metric_figures(part, draws, measured, values)
    for name, reason in refused.items():
        figures[name] = figure(np.nan, Interval(None, None, reason))
    return {name: figures[name] for name in names}


def _candidate(films: _Scored, value: _Value, among: BoolArray) -> Candidate | None:
    """The value against the rest, by the first of the metrics that both sides have films enough for; else None."""
    if not value.known:
        return None
    inside, outside = value.films, among & ~value.films
    for metric, classes in (("auroc", (0, 1)), ("sensitivity", (1,))):
        enough = all(
            (films.labels[side] == label).sum() >= FEWEST_OF_A_CLASS for side in (inside, outside) for label in classes
        )
        if not enough:
            continue
        if metric == "sensitivity":
            # Films of the other class have no sensitivity; without them equal comparisons are seen to be equal.
            return Candidate(metric, inside & (films.labels == 1), outside & (films.labels == 1))
        return Candidate(metric, inside, outside)
    return None
