"""Shortcuts: how well the label can be told from what is not bone."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from lucency.datasets.audit.findings import Finding, counted
from lucency.datasets.audit.probe_features import ProbeFeatures
from lucency.datasets.audit.shortcut_features import PROBES, Probe, probed_films, shortcut_features
from lucency.datasets.audit.survey import Survey
from lucency.datasets.film_sample import sample_evenly
from lucency.datasets.film_threads import processors
from lucency.datasets.manifest import Manifest
from lucency.evaluation.intervals import bootstrap_intervals, group_numbers
from lucency.evaluation.metrics import measure
from lucency.evaluation.scores import FloatArray, IntArray, ScoredFilms
from lucency.evaluation.shortcut_pattern import Pattern, strongest_pattern

WARN_ABOVE = 0.60
"""AUROC above which a probe is a warning, where its interval leaves 0.50 out."""

MOST_FILMS = 5_000
"""Of more films, so many are drawn: where classes are even and films stand alone, an AUROC is known to 0.02 by then."""

FEWEST_FILMS = 20
FEWEST_GROUPS = 5
_FOLDS = 5


@dataclass(frozen=True)
class Shortcut:
    """What one probe found.

    Attributes:
        probe: Name of the row of `PROBES`.
        title: What a reader sees.
        auroc: Of out-of-fold scores, 0..1; 0.5 is chance.
        low: Lower end of its 95 % interval, None where every draw of groups gave the same.
        high: Upper end.
        films: Films probed.
        groups: Groups of films, of which none is in two folds.
        severity: "warning" where the label can be told.
        detail: One or two sentences.
        action: What to do, as a sentence; "" where there is nothing to do.
        within: AUROC among pairs of films of one body part and view, None where those are not known.
        pattern: The single feature that says most.
    """

    probe: str
    title: str
    auroc: float
    low: float | None
    high: float | None
    films: int
    groups: int
    severity: Literal["warning", "note"]
    detail: str
    action: str
    within: float | None = None
    pattern: Pattern | None = None

    def to_json(self) -> dict[str, Any]:
        """The shortcut as plain JSON values."""
        return {
            "probe": self.probe,
            "title": self.title,
            "auroc": self.auroc,
            "low": self.low,
            "high": self.high,
            "films": self.films,
            "groups": self.groups,
            "severity": self.severity,
            "detail": self.detail,
            "action": self.action,
            "within_body_part_and_view": self.within,
            "pattern": self.pattern.to_json() if self.pattern else None,
        }


@dataclass(frozen=True)
class Shortcuts:
    """What all probes found.

    Attributes:
        probes: In the order of `PROBES`, those that could be made.
        notes: Sentences about what was left out, and why.
    """

    probes: tuple[Shortcut, ...]
    notes: tuple[str, ...] = ()


def find_shortcuts(
    manifest: Manifest,
    survey: Survey | None,
    groups: Sequence[str],
    *,
    most_films: int = MOST_FILMS,
    seed: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> Shortcuts:
    """Probes the readable films of a manifest.

    Args:
        manifest: N films.
        survey: What decoding told of them; None where nothing was decoded.
        groups: N names of groups: copies, patients, exams; "" stands alone.
        most_films: Of more, so many are drawn, of each group as many as of the others as far as it has them.
        seed: Of draws, folds and classifiers.
        progress: Called with (probes done, probes in all).
    """
    rows = np.arange(len(manifest)) if survey is None else np.flatnonzero(survey.rows >= 0)
    notes = []
    if len(rows) > most_films:
        readable = len(rows)
        rows = rows[sample_evenly([groups[row] for row in rows.tolist()], most_films, seed=seed)]
        notes.append(f"Shortcuts were looked for on {len(rows)} of {readable} films, drawn evenly from the groups.")
    few, few_survey = probed_films(manifest, survey, rows)
    names = [groups[row] for row in rows.tolist()]
    labels = few.table["label"].to_numpy(dtype=np.int64)
    refusal = _too_few(labels, names)
    if refusal:
        return Shortcuts((), (refusal,))
    strata = [f"{part}\t{view}" for part, view in zip(few.table["body_part"], few.table["view"], strict=True)]
    features = shortcut_features(few, few_survey)
    absent = [probe.title for probe in PROBES if features[probe.name] is None]
    if absent:
        notes.append(f"Shortcuts not probed, since they are not known or the same for every film: {', '.join(absent)}.")
    known = {name: found for name, found in features.items() if found is not None}
    probes = probe_shortcuts(known, labels, names, strata=strata, seed=seed, progress=progress)
    return Shortcuts(tuple(probes), tuple(notes))


def probe_shortcuts(
    features: Mapping[str, ProbeFeatures],
    labels: npt.ArrayLike,
    groups: Sequence[str],
    *,
    strata: Sequence[str] | None = None,
    resamples: int = 500,
    seed: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> list[Shortcut]:
    """Tries to tell the label from each set of features, with gradient-boosted trees on grouped, stratified folds.

    Args:
        features: Name of a row of `PROBES` -> (N, F) features.
        labels: (N,) integers, 1 = fractured.
        groups: N names, "" where a film stands alone; at least 5 groups with films of each class.
        strata: N names, such as body part and view: the AUROC is told among films of one stratum, too.
        resamples: Of the bootstrap over groups.
        seed: Of folds, classifiers and bootstrap.
        progress: Called with (probes done, probes in all).

    Returns:
        In the order of `PROBES`.
    """
    from threadpoolctl import threadpool_limits

    truth = np.asarray(labels, dtype=np.int64)
    folds = _folds(truth, groups, seed)
    wanted = [probe for probe in PROBES if probe.name in features]

    def judged(probe: Probe) -> Shortcut:
        scores = _out_of_fold(features[probe.name].values, truth, folds, seed)
        return _judged(probe, features[probe.name], truth, scores, groups, strata, resamples, seed)

    found = []
    # So few films are fitted many times faster by one thread than by several that wait for each other. OpenMP keeps its
    # limit for each thread, BLAS one for all.
    with (
        threadpool_limits(1),
        ThreadPoolExecutor(processors(), initializer=threadpool_limits, initargs=(1,)) as pool,
    ):
        for shortcut in pool.map(judged, wanted):
            found.append(shortcut)
            if progress is not None:
                progress(len(found), len(wanted))
    return found


def shortcut_findings(shortcuts: Shortcuts) -> list[Finding]:
    """One finding for each probe that tells the label, and one note on what could not be probed."""
    meanings = {probe.name: probe.meaning for probe in PROBES}
    findings = [
        Finding(
            check="shortcuts",
            severity=shortcut.severity,
            message=f"{shortcut.title}: {shortcut.detail}",
            evidence={**shortcut.to_json(), "meaning": meanings[shortcut.probe]},
            action=shortcut.action,
        )
        for shortcut in shortcuts.probes
        if shortcut.auroc > WARN_ABOVE
    ]
    if shortcuts.notes:
        findings.append(Finding(check="shortcuts", severity="note", message=" ".join(shortcuts.notes)))
    return findings


def _too_few(labels: IntArray, groups: Sequence[str]) -> str:
    of_film, _ = group_numbers(groups, len(labels))
    for label, name in ((1, "fractured"), (0, "not fractured")):
        films, held = int((labels == label).sum()), len(np.unique(of_film[labels == label]))
        if films < FEWEST_FILMS or held < FEWEST_GROUPS:
            return (
                f"Shortcuts were not looked for: {counted(films, 'film')} in {counted(held, 'group')}"
                f" {'is' if films == 1 else 'are'} {name}, and {FEWEST_FILMS} films in {FEWEST_GROUPS} groups are"
                " the least."
            )
    return ""


def _folds(labels: IntArray, groups: Sequence[str], seed: int) -> list[tuple[IntArray, IntArray]]:
    from sklearn.model_selection import StratifiedGroupKFold

    of_film, _ = group_numbers(groups, len(labels))
    divided = StratifiedGroupKFold(_FOLDS, shuffle=True, random_state=seed).split(labels, labels, of_film)
    return [(train, test) for train, test in divided if len(test)]


def _out_of_fold(values: FloatArray, labels: IntArray, folds: list[tuple[IntArray, IntArray]], seed: int) -> FloatArray:
    from sklearn.ensemble import HistGradientBoostingClassifier

    scores = np.empty(len(labels))
    least = max(5, min(20, len(labels) // 20))
    for train, test in folds:
        # Small trees, a few of them: it is quick, needs no scaling, and finds runs of numbers and categories alike.
        trees = HistGradientBoostingClassifier(
            max_iter=60, max_leaf_nodes=15, min_samples_leaf=least, early_stopping=False, random_state=seed
        )
        scores[test] = trees.fit(values[train], labels[train]).predict_proba(values[test])[:, 1]
    return scores


def _judged(
    probe: Probe,
    features: ProbeFeatures,
    labels: IntArray,
    scores: FloatArray,
    groups: Sequence[str],
    strata: Sequence[str] | None,
    resamples: int,
    seed: int,
) -> Shortcut:
    films = ScoredFilms.sort(labels, scores, scores > 0.5)
    interval = bootstrap_intervals(films, groups, names=["auroc"], resamples=resamples, seed=seed)["auroc"]
    auroc = _auroc(labels, scores)
    above = auroc > WARN_ABOVE
    sure = above and (interval.low is None or interval.low > 0.5)
    within = _auroc_within(labels, scores, strata) if strata else None
    pattern = strongest_pattern(features.names, features.values, labels)
    detail = f"AUROC {auroc:.2f}"
    if interval.low is not None:
        detail += f" (95 % interval {interval.low:.2f} to {interval.high:.2f})"
    if above:
        detail += "" if within is None else f", {within:.2f} among films of one body part and view"
        detail += ", without looking at bone" if sure else "; with so few films this may be chance"
    detail += f". {pattern.words}" if above and pattern else "."
    return Shortcut(
        probe=probe.name,
        title=probe.title,
        auroc=auroc,
        low=interval.low,
        high=interval.high,
        films=len(labels),
        groups=group_numbers(groups, len(labels))[1],
        severity="warning" if sure else "note",
        detail=detail,
        action=probe.action if above else "",
        within=within,
        pattern=pattern,
    )


def _auroc(labels: IntArray, scores: FloatArray) -> float:
    return float(measure(labels, scores, scores > 0.5, names=["auroc"])["auroc"][0])


def _auroc_within(labels: IntArray, scores: FloatArray, strata: Sequence[str]) -> float | None:
    """Share of pairs of one stratum that are in the right order; None where there is one stratum, or no such pair."""
    names, of_film = np.unique(np.array(strata, dtype=object).astype(str), return_inverse=True)
    wins = pairs = 0.0
    for stratum in range(len(names)):
        inside = of_film == stratum
        fractured = int(labels[inside].sum())
        here = fractured * (int(inside.sum()) - fractured)
        if here:
            wins += here * _auroc(labels[inside], scores[inside])
            pairs += here
    return wins / pairs if len(names) > 1 and pairs else None
