"""How often the 95 % intervals of a report hold the truth.

`python -m benchmarks.interval_coverage [--films 600] [--simulations 1000] [--resamples 1000] [--alone | --grouped |
--rare] [--json FILE]`. Test films of a population whose true figures are known by formula are drawn again and again,
and measured as a report measures them.

The population: one film in five is fractured; scores are normal, 1.5 apart, and the said log-odds are a little wrong,
so that the calibration slope is 0.8. Films stand alone, or come in groups of one to four that share part of the score
and how likely a fracture is, as the films of one patient do. What holds of one film is the same in both.

`--rare` asks how intervals fare where few patients are fractured: 100 patients of three films each, of whom a given
number have a fracture on all three, and the same number of fractured films among 300 that stand alone. Below ten a
report gives none of these intervals.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from scipy.integrate import quad
from scipy.optimize import brentq
from scipy.special import expit, logit
from scipy.stats import norm

from lucency.cli.printing import table
from lucency.decision import OperatingPoint
from lucency.evaluation.decided import Decided, measure_decided
from lucency.evaluation.decision_curve import THRESHOLDS
from lucency.evaluation.intervals import Draws, computed, percentile_interval
from lucency.evaluation.metrics import METRICS, PARTIAL_UP_TO
from lucency.evaluation.paired_tests import delong_interval
from lucency.evaluation.scores import ScoredFilms

SHARE, APART, TOO_BOLD, SHIFT, THRESHOLD = 0.2, 1.5, 1.25, 0.2, 0.3
ELSEWHERE = 0.05
_OF_CURVE = (0.1, 0.3)
_RARE = (3, 5, 10, 15, 25, 40)


def said_log_odds(score: Any) -> Any:
    """What the model says of a film with this score: the true log-odds, too bold and shifted."""
    return SHIFT + TOO_BOLD * (APART * score - APART**2 / 2 + logit(SHARE))


def truth() -> dict[str, float]:
    """Every figure of the population, by formula or by numerical integration."""
    cut = ((logit(THRESHOLD) - SHIFT) / TOO_BOLD - logit(SHARE) + APART**2 / 2) / APART
    sensitivity, specificity = norm.sf(cut - APART), norm.cdf(cut)
    tp, fn = SHARE * sensitivity, SHARE * (1 - sensitivity)
    tn, fp = (1 - SHARE) * specificity, (1 - SHARE) * (1 - specificity)

    def mean(value: Any) -> float:
        def of(score: float) -> float:
            weights = SHARE * norm.pdf(score - APART), (1 - SHARE) * norm.pdf(score)
            return float(weights[0] * value(score, 1) + weights[1] * value(score, 0))

        return float(quad(of, -9, 11, limit=400)[0])

    def precision(score: float) -> float:
        found = SHARE * norm.sf(score - APART)
        return float(found / (found + (1 - SHARE) * norm.sf(score)))

    def shifted(by: float) -> float:
        return mean(lambda score, _: expit(said_log_odds(score) + by)) - SHARE

    part = quad(lambda rate: norm.sf(norm.isf(rate) - APART), 0, PARTIAL_UP_TO)[0]
    least = PARTIAL_UP_TO**2 / 2
    agreed, chance = tp + tn, SHARE * (tp + fp) + (1 - SHARE) * (fn + tn)
    figures = {
        "auroc": norm.cdf(APART / np.sqrt(2)),
        "partial_auroc": (1 + (part - least) / (PARTIAL_UP_TO - least)) / 2,
        "average_precision": quad(lambda score: precision(score) * norm.pdf(score - APART), -9, 11, limit=400)[0],
        "accuracy": agreed,
        "balanced_accuracy": (sensitivity + specificity) / 2,
        "sensitivity": sensitivity,
        "specificity": specificity,
        "ppv": tp / (tp + fp),
        "npv": tn / (tn + fn),
        "positive_likelihood_ratio": sensitivity / (1 - specificity),
        "negative_likelihood_ratio": (1 - sensitivity) / specificity,
        "f1": 2 * tp / (2 * tp + fp + fn),
        "mcc": (tp * tn - fp * fn) / np.sqrt((tp + fp) * SHARE * (1 - SHARE) * (tn + fn)),
        "kappa": (agreed - chance) / (1 - chance),
        "loss": mean(lambda score, label: np.logaddexp(0, (1 - 2 * label) * said_log_odds(score))),
        "brier": mean(lambda score, label: (expit(said_log_odds(score)) - label) ** 2),
        "calibration_slope": 1 / TOO_BOLD,
        "calibration_intercept": brentq(shifted, -3, 3),
    }
    for threshold in _OF_CURVE:
        at = ((logit(threshold) - SHIFT) / TOO_BOLD - logit(SHARE) + APART**2 / 2) / APART
        alarms = (1 - SHARE) * norm.sf(at) * threshold / (1 - threshold)
        figures[f"net benefit at {threshold:g}"] = SHARE * norm.sf(at - APART) - alarms
    odds = ELSEWHERE / (1 - ELSEWHERE)
    figures[f"ppv at prevalence {ELSEWHERE:g}"] = expit(np.log(odds * sensitivity / (1 - specificity)))
    figures[f"npv at prevalence {ELSEWHERE:g}"] = expit(-np.log(odds * (1 - sensitivity) / specificity))
    return {name: float(value) for name, value in figures.items()}


def drawn_films(films: int, *, grouped: bool, random: np.random.Generator) -> tuple[Any, Any, list[str] | None]:
    """Test films: labels (N,) int64, said probabilities (N,) float64, and their groups."""
    noise = random.normal(size=films)
    if not grouped:
        labels = (random.random(films) < SHARE).astype(np.int64)
        return labels, expit(said_log_odds(noise + APART * labels)), None
    sizes = random.integers(1, 5, size=films)
    group = np.repeat(np.arange(films), sizes)[:films]
    # Of the spread of the score 64 % belong to the group; half of the spread behind the label does.
    score = 0.8 * random.normal(size=films)[group] + 0.6 * noise
    behind = np.sqrt(0.5) * (random.normal(size=films)[group] + random.normal(size=films))
    labels = (behind < norm.ppf(SHARE)).astype(np.int64)
    return labels, expit(said_log_odds(score + APART * labels)), [str(number) for number in group]


def intervals(films: int, resamples: int, *, grouped: bool, seed: int) -> dict[str, Mapping[str, Any]]:
    """The figures of one set of test films, each with "low", "high" and "method"."""
    labels, probabilities, groups = drawn_films(films, grouped=grouped, random=np.random.default_rng(seed))
    point = OperatingPoint("used", THRESHOLD)
    found = measure_decided(
        labels,
        probabilities,
        Decided(point, probabilities >= THRESHOLD),
        [],
        groups=groups,
        prevalences=(ELSEWHERE,),
        resamples=resamples,
        seed=seed,
    )
    figures: dict[str, Mapping[str, Any]] = {
        name: figure for name, figure in found.metrics.items() if METRICS[name].interval
    }
    curve = found.evidence["decision_curve"]
    for threshold in _OF_CURVE:
        place = THRESHOLDS.index(threshold)
        ends = {"low": curve["low"][place], "high": curve["high"][place], "method": "bootstrap"}
        figures[f"net benefit at {threshold:g}"] = ends
    row = found.evidence["prevalence"]["rows"][0]
    return figures | {f"{name} at prevalence {ELSEWHERE:g}": row[name] for name in ("ppv", "npv")}


def coverage(films: int, simulations: int, resamples: int, *, grouped: bool) -> dict[str, dict[str, Any]]:
    """How often each interval held the truth.

    Returns:
        For each figure "truth", "covered" (share of the simulations), "below" and "above" (shares in which the whole
        interval lay on that side of the truth), "width" (mean) and "method".
    """
    of_population = truth()
    sides = {name: [0, 0] for name in of_population}
    width, method = dict.fromkeys(of_population, 0.0), dict.fromkeys(of_population, "")
    for seed in range(simulations):
        for name, figure in intervals(films, resamples, grouped=grouped, seed=seed).items():
            sides[name][0] += figure["high"] < of_population[name]
            sides[name][1] += figure["low"] > of_population[name]
            width[name] += figure["high"] - figure["low"]
            method[name] = figure["method"]
    return {
        name: {
            "truth": value,
            "covered": 1 - sum(sides[name]) / simulations,
            "below": sides[name][0] / simulations,
            "above": sides[name][1] / simulations,
            "width": width[name] / simulations,
            "method": method[name],
        }
        for name, value in of_population.items()
    }


def rare_coverage(simulations: int, resamples: int, fractured: int) -> dict[str, float]:
    """How often 95 % intervals held the truth with few fractured patients, or few fractured films that stand alone.

    Returns:
        Shares for "auroc" and "sensitivity" by the bootstrap of 100 patients, and for "delong" of films that stand
        alone; of the simulations that gave an interval.
    """
    told = truth()
    held: dict[str, list[bool]] = {"auroc": [], "sensitivity": [], "delong": []}
    patient = np.repeat(np.arange(100), 3)
    labels = (patient < fractured).astype(np.int64)
    few = (np.arange(300) < fractured).astype(np.int64)
    for seed in range(simulations):
        random = np.random.default_rng(seed)
        score = 0.8 * random.normal(size=100)[patient] + 0.6 * random.normal(size=300)
        said = expit(said_log_odds(score + APART * labels))
        films = ScoredFilms.sort(labels, said, said >= THRESHOLD)
        draws = Draws.plan(films, [str(number) for number in patient], resamples=resamples, seed=seed)
        for name, values in draws.values(partial(computed, films, names=("auroc", "sensitivity"))).items():
            ends = percentile_interval(values, draws.level)
            if ends.low is not None and ends.high is not None:
                held[name].append(ends.low <= told[name] <= ends.high)
        of_films = delong_interval(few, expit(said_log_odds(random.normal(size=300) + APART * few)))
        if of_films is not None:
            held["delong"].append(of_films[0] <= told["auroc"] <= of_films[1])
    return {name: float(np.mean(inside)) for name, inside in held.items()}


def print_rare(simulations: int, resamples: int) -> dict[str, dict[str, float]]:
    """Print the table for some numbers of fractured patients; returns it."""
    found = {str(number): rare_coverage(simulations, resamples, number) for number in _RARE}
    columns = ("fractured", "AUROC, patients", "sensitivity, patients", "AUROC, films alone (DeLong)")
    rows = [(number, *(f"{100 * share:.1f} %" for share in row.values())) for number, row in found.items()]
    print(table(columns, rows, right=columns))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.interval_coverage", description=__doc__.partition("\n")[0]
    )
    parser.add_argument("--films", type=int, default=600)
    parser.add_argument("--simulations", type=int, default=1000)
    parser.add_argument("--resamples", type=int, default=1000)
    only = parser.add_mutually_exclusive_group()
    only.add_argument("--alone", action="store_true", help="only films that stand alone")
    only.add_argument("--grouped", action="store_true", help="only films in groups")
    only.add_argument("--rare", action="store_true", help="only how intervals fare with few fractured patients")
    parser.add_argument("--json", type=Path, metavar="FILE")
    given = parser.parse_args()
    content: dict[str, Any] = {key: getattr(given, key) for key in ("films", "simulations", "resamples")}
    for name, grouped in (("alone", False), ("grouped", True)):
        if given.rare or (given.alone and grouped) or (given.grouped and not grouped):
            continue
        begun = time.monotonic()
        found = content[name] = coverage(given.films, given.simulations, given.resamples, grouped=grouped)
        print(f"{name}: {time.monotonic() - begun:.0f} s, load {os.getloadavg()[0]:.1f}", file=sys.stderr)
        columns = ("figure", "truth", "covered", "too low", "too high", "width", "method")
        rows = [
            (
                figure,
                f"{row['truth']:.3f}",
                f"{100 * row['covered']:.1f} %",
                f"{100 * row['below']:.1f} %",
                f"{100 * row['above']:.1f} %",
                f"{row['width']:.3f}",
                row["method"],
            )
            for figure, row in found.items()
        ]
        print(f"\n{name}")
        print(table(columns, rows, right=columns[1:-1]), flush=True)
    if given.rare:
        content["rare"] = print_rare(given.simulations, given.resamples)
    if given.json:
        given.json.write_text(json.dumps(content, indent=1) + "\n")


if __name__ == "__main__":
    main()
