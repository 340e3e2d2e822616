"""How far a bundle is off at a new site, and what one that is calibrated there can be expected to give."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from lucency.abstention import Abstention
from lucency.calibration import Calibration
from lucency.decision import OperatingPoint
from lucency.evaluation.calibrate import operating_points
from lucency.evaluation.calibration_choice import FOLDS, choose_calibration, divided, film_losses, too_few_to_divide
from lucency.evaluation.conformal import ERROR_RATES, abstention_section, answer_figures, fit_abstention
from lucency.evaluation.intervals import Draws, Interval, group_numbers, percentile_interval
from lucency.evaluation.pooled import ModelAnswers, evaluate_pooled
from lucency.evaluation.report import EvaluationReport, evaluate_scores
from lucency.evaluation.scores import FloatArray, IntArray, checked_scores

FEWEST_GROUPS_OF_A_CLASS = 15
"""Groups that must hold a film of a class, so that four fifths of them can still be divided once more."""


@dataclass(frozen=True)
class Targets:
    """What the new bundle is asked for.

    Attributes:
        sensitivity: Of `screening`, above 0 and below 1.
        specificity: Of `confirm`, above 0 and below 1.
        default: Name of the operating point that decides.
        error_rates: At which abstention is told, each above 0 and below 1.
    """

    sensitivity: float = 0.9
    specificity: float = 0.95
    default: str = "youden"
    error_rates: tuple[float, ...] = ERROR_RATES


def recalibration_section(
    labels: npt.ArrayLike,
    logits: npt.ArrayLike,
    groups: Sequence[str] | None,
    *,
    calibration: Calibration,
    points: Sequence[OperatingPoint],
    default: str,
    abstention: Abstention | None,
    targets: Targets,
    resamples: int = 1000,
    seed: int = 0,
) -> dict[str, Any]:
    """What a bundle gave on N films that it never saw, and what one fitted on such films gives on others.

    The first is an evaluation as any other. The second comes from cross-validation over groups: on each of five folds
    answers what was chosen and fitted on the other four, never on the fold itself.

    Args:
        labels: (N,) integers, 1 = fractured, 0 = not fractured.
        logits: (N,) model outputs, unbounded.
        groups: N names of groups; "" or None: each film alone.
        calibration: Of the bundle.
        points: Operating points of the bundle.
        default: Name of the one that decides.
        abstention: Of the bundle, or None.
        targets: What the new bundle is asked for.
        resamples: Of the bootstrap.
        seed: Of folds and bootstrap.

    Returns:
        "films", "fractured", "groups", "old", "expected" (None where the films cannot be divided), "reason" (why, or
        None), "gain" (figure of the log loss of the old less that of the new on the same films, or None), "verdict"
        (whether that is more than chance, a sentence or two) and "sentences". Each of the two: "calibration"
        ({"method" (of a mix over folds, how many folds each), "mean_probability", "intercept", "slope", "loss",
        "brier": figures, "ece", "ece_floor"}), "auroc" (figure), "reliability" (bins), "operating_points" (each
        {"name", "promised": {"sensitivity", "specificity"}, "sensitivity", "specificity": figures}) and "abstention"
        (for each error rate {"error_rate", "uncertain", "wrong", "fractured", "not_fractured": figures, the last two
        the coverage of the class}; empty where the bundle has none).

    Raises:
        DatasetError: The films cannot be used, see `checked_scores` and `group_numbers`.
    """
    label_array, logit_array = checked_scores(labels, logits)
    group_of_film, group_count = group_numbers(groups, len(label_array))
    bootstrap = {"resamples": resamples, "seed": seed}
    ordered = sorted(points, key=lambda point: point.name != default)
    report = evaluate_scores(
        label_array, logit_array, groups=groups, calibration=calibration, operating_point=ordered[0],
        other_points=ordered[1:], resamples=resamples, seed=seed,
    )  # fmt: skip
    old = _side(report, calibration.method, calibration.probability(logit_array), points)
    old["abstention"] = []
    if abstention is not None:
        told = abstention_section(abstention, label_array, logit_array, groups, targets.error_rates, **bootstrap)
        old["abstention"] = [
            {
                "error_rate": rate["error_rate"],
                "uncertain": rate["uncertain"],
                "wrong": rate["wrong"],
                "fractured": rate["classes"]["fractured"]["coverage"],
                "not_fractured": rate["classes"]["not_fractured"]["coverage"],
            }
            for rate in told["rates"]
        ]
    expected = gain = None
    reason = too_few_to_divide(label_array, group_of_film, fewest=FEWEST_GROUPS_OF_A_CLASS)
    if reason is None:
        expected, losses = _expected(label_array, logit_array, groups, group_of_film, targets, bootstrap)
        saved = film_losses(calibration, logit_array, label_array) - losses
        gain = _mean_figure(saved, Draws(group_of_film, group_count, resamples, 0.95, seed))
    section = {
        "films": len(label_array),
        "fractured": int(label_array.sum()),
        "groups": group_count,
        "old": old,
        "expected": expected,
        "reason": reason,
        "gain": gain,
    }
    return section | {"verdict": _verdict(section), "sentences": _sentences(section)}


def _mean_figure(values: FloatArray, draws: Draws) -> dict[str, Any]:
    drawn = draws.values(lambda weights: {"mean": (weights @ values) / weights.sum(axis=1)})
    interval = percentile_interval(drawn["mean"], draws.level) if drawn else Interval(None, None, draws.refusal)
    return {"value": float(values.mean())} | asdict(interval)


def _side(
    report: EvaluationReport, method: str, probabilities: FloatArray, points: Sequence[OperatingPoint]
) -> dict[str, Any]:
    measured = {row["name"]: row for row in report.operating_points}
    return {
        "calibration": {
            "method": method,
            "mean_probability": float(probabilities.mean()),
            "intercept": report.metrics["calibration_intercept"],
            "slope": report.metrics["calibration_slope"],
            "loss": report.metrics["loss"],
            "brier": report.metrics["brier"],
            "ece": report.metrics["ece"]["value"],
            "ece_floor": report.ece_floor,
        },
        "auroc": report.metrics["auroc"],
        "reliability": list(report.reliability),
        "operating_points": [
            {
                "name": point.name,
                "promised": {"sensitivity": point.sensitivity, "specificity": point.specificity},
                "sensitivity": measured[point.name]["sensitivity"],
                "specificity": measured[point.name]["specificity"],
            }
            for point in points
        ],
    }


def _expected(
    labels: IntArray,
    logits: FloatArray,
    groups: Sequence[str] | None,
    group_of_film: IntArray,
    targets: Targets,
    bootstrap: dict[str, int],
) -> tuple[dict[str, Any], FloatArray]:
    """What the new bundle gives, cross-validated, and the log loss of each film."""
    names = [f"group {number}" for number in group_of_film.tolist()]
    answers, losses = [], np.zeros(len(labels))
    may_be = {rate: (np.zeros(len(labels), bool), np.zeros(len(labels), bool)) for rate in targets.error_rates}
    for train, held in divided(labels, group_of_film, bootstrap["seed"]):
        fitted, _ = choose_calibration(logits[train], labels[train], [names[i] for i in train], bootstrap["seed"])
        points = operating_points(
            labels[train], fitted.probability(logits[train]),
            sensitivity=targets.sensitivity, specificity=targets.specificity,
        )  # fmt: skip
        decides_first = sorted(points, key=lambda point: point.name != targets.default)
        answers.append(ModelAnswers(labels[held], logits[held], [names[i] for i in held], fitted, decides_first))
        losses[held] = film_losses(fitted, logits[held], labels[held])
        kept = fit_abstention(logits[train], labels[train], seed=bootstrap["seed"])
        for rate, (fractured, other) in may_be.items():
            lowest, highest = kept.limits(rate)
            fractured[held], other[held] = logits[held] >= lowest, logits[held] <= highest
    report = evaluate_pooled(answers, resamples=bootstrap["resamples"], seed=bootstrap["seed"])
    probabilities = np.concatenate([fold.calibration.probability(fold.logits) for fold in answers])
    wanted = (
        OperatingPoint("youden", 0.5),
        OperatingPoint("screening", 0.5, targets.sensitivity),
        OperatingPoint("confirm", 0.5, None, targets.specificity),
    )
    abstention = []
    for rate, (fractured, other) in may_be.items():
        figures = answer_figures(fractured, other, labels, groups, **bootstrap)
        abstention.append(
            {
                "error_rate": rate,
                "uncertain": figures["uncertain"],
                "wrong": figures["wrong"],
                "fractured": figures["fractured coverage"],
                "not_fractured": figures["not_fractured coverage"],
            }
        )
    side = _side(report, _methods([fold.calibration.method for fold in answers]), probabilities, wanted)
    return {**side, "abstention": abstention}, losses


def _methods(chosen: Sequence[str]) -> str:
    """The method that every fold chose; where they differ, each with its folds: "isotonic in 3 folds, platt in 2"."""
    (first, folds), *others = Counter(chosen).most_common()
    rest = "".join(f", {method} in {count}" for method, count in others)
    return f"{first} in {folds} folds{rest}" if others else first


def _verdict(section: Mapping[str, Any]) -> str:
    """Whether the new calibration is better than the old one by more than chance."""
    gain = section["gain"]
    if gain is None:
        return f"Whether the new calibration is better cannot be told: {section['reason']}. Keep the old bundle."
    by = f"the log loss of the old one less that of the new one is {_interval(gain)}"
    where = "on films of this site that it was not fitted on"
    if gain["low"] is not None and gain["low"] > 0:
        return f"The new calibration is better {where}: {by}."
    if gain["high"] is not None and gain["high"] < 0:
        return f"The new calibration is worse {where}: keep the old bundle. There {by}."
    return f"No gain from the new calibration can be told {where}: keep the old bundle. There {by}."


def _sentences(section: Mapping[str, Any]) -> list[str]:
    old, expected = section["old"], section["expected"]
    fitted, prevalence = old["calibration"], section["fractured"] / section["films"]
    found = [
        _towards(
            fitted["intercept"],
            right=0.0,
            below="The old bundle says too high probabilities",
            above="The old bundle says too low probabilities",
            fits="The old bundle's probabilities are neither clearly too high nor clearly too low",
            open_to_doubt="Whether the old bundle says too high or too low probabilities cannot be said",
        )
        + f". The mean probability is {fitted['mean_probability']:.3f}, the share of fractured films {prevalence:.3f}.",
        _towards(
            fitted["slope"],
            right=1.0,
            below="It is too sure of itself",
            above="It is too timid",
            fits="It is neither clearly too sure nor clearly too timid",
            open_to_doubt="Whether it is too sure of itself or too timid cannot be said",
        )
        + ".",
        f"Its calibration error (ECE) is {fitted['ece']:.3f}; a perfectly calibrated bundle would show about "
        f"{fitted['ece_floor']:.3f} on so many films.",
    ]
    for point in old["operating_points"]:
        for name in ("sensitivity", "specificity"):
            promised, figure = point["promised"][name], point[name]
            if promised is None or figure["value"] is None:
                continue
            said = f"At {point['name']} it promised a {name} of {promised:.3f} and gave {_interval(figure)}"
            missed = figure["low"] is not None and not figure["low"] <= promised <= figure["high"]
            found.append(said + (": the promise lies outside the interval." if missed else "."))
    if expected is None:
        found.append(f"What the new bundle gives on other films is not known: {section['reason']}.")
        return found
    new = expected["calibration"]
    found.append(
        f"The new bundle, judged by {FOLDS}-fold cross-validation over groups: calibration error {new['ece']:.3f} "
        f"(floor {new['ece_floor']:.3f}), intercept {_interval(new['intercept'])}, slope {_interval(new['slope'])}, "
        f"log loss {_number(new['loss'])} after {_number(fitted['loss'])}."
    )
    return found


def _towards(figure: Mapping[str, Any], *, right: float, below: str, above: str, fits: str, open_to_doubt: str) -> str:
    if figure["value"] is None:
        return f"{open_to_doubt} (no figure: {figure['reason']})"
    name = "calibration intercept" if right == 0 else "calibration slope"
    words = fits
    if figure["low"] is None:
        words = open_to_doubt
    elif figure["high"] < right:
        words = below
    elif figure["low"] > right:
        words = above
    return f"{words} ({name} {_interval(figure)}, {right:g} is right)"


def _number(figure: Mapping[str, Any]) -> str:
    return "-" if figure["value"] is None else f"{figure['value']:.3f}"


def _interval(figure: Mapping[str, Any]) -> str:
    if figure["low"] is None:
        return f"{_number(figure)} (no interval: {figure['reason']})"
    return f"{figure['value']:.3f} ({figure['low']:.3f} to {figure['high']:.3f})"
