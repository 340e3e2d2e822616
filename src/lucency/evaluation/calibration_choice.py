"""Temperature, Platt or isotonic: which of the three calibrates, decided on films that none of them was fitted on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.isotonic import IsotonicRegression
from sklearn.model_selection import StratifiedGroupKFold

from lucency.calibration import Calibration
from lucency.evaluation.calibrate import TEMPERATURE_BOUNDS, calibration_note, fit_temperature, uninformative
from lucency.evaluation.calibration_line import calibration_intercepts, calibration_slopes
from lucency.evaluation.intervals import group_numbers
from lucency.evaluation.scores import FloatArray, IntArray, checked_scores

FOLDS = 5

FEWEST_OF_A_CLASS = 10
"""Groups that must hold a film of a class before the three are compared: two in a fold."""

FILMS_A_STEP = 10
"""Films at least that one step of an isotonic calibration speaks for."""


def fit_platt(logits: npt.ArrayLike, labels: npt.ArrayLike) -> Calibration:
    """Platt scaling (Platt 1999, "Probabilistic outputs for support vector machines"): a slope and an intercept.

    Fitted by plain maximum likelihood, without Platt's smoothed targets: those guard the scores that a support vector
    machine gives to its own training films. Here the films were not trained on, the slope has bounds, and the mean
    probability then is the share of fractured films exactly. The slope is positive, so the order of films stays.

    Args:
        logits: (N,) model outputs of the validation films, unbounded.
        labels: (N,) integers, 1 = fractured, 0 = not fractured.

    Returns:
        A calibration with a temperature within `TEMPERATURE_BOUNDS`; temperature 1 where the films say nothing.

    Raises:
        DatasetError: The films cannot be used, see `checked_scores`.
    """
    label_array, logit_array = checked_scores(labels, logits)
    if uninformative(label_array, logit_array) is not None:
        return Calibration()
    order = np.argsort(-logit_array, kind="stable")
    films, truth, once = logit_array[order], label_array[order], np.ones((1, len(order)))
    low, high = TEMPERATURE_BOUNDS
    slope = float(calibration_slopes(once, truth, films)[0])
    # Where a threshold parts the classes there is no best slope but one of the two ends.
    slopes = [min(max(slope, 1 / high), 1 / low)] if np.isfinite(slope) else [1 / high, 1 / low]
    # About their mean, since logits may lie far from 0 where intercepts are not looked for.
    centre = float(films.mean())
    fits = [
        Calibration(1 / slope, float(calibration_intercepts(once, truth, slope * (films - centre))[0]) - slope * centre)
        for slope in slopes
    ]
    return min(fits, key=lambda fit: float(film_losses(fit, films, truth).mean()))


def fit_isotonic(logits: npt.ArrayLike, labels: npt.ArrayLike) -> Calibration | None:
    """Isotonic regression (Zadrozny and Elkan 2002) with its steps drawn together to points.

    Films in the order of their logits make up packs of at least `FILMS_A_STEP`, equal logits together; pool adjacent
    violators (scikit-learn) then joins packs until the share of fractures rises. A step of n films with k fractures
    says (k + 1/2) / (n + 1), Jeffreys' estimate, which is never 0 or 1; steps that no longer rise after that are
    joined as well. Its knot lies at the mean logit of its films, and between knots the log-odds are a straight line
    (centred isotonic regression, Oron and Flournoy 2017, "Centered isotonic regression", Statistics in
    Biopharmaceutical Research 9), so that films keep their order between the outermost knots instead of being tied
    step by step.

    Args:
        logits: (N,) model outputs of the validation films, unbounded.
        labels: (N,) integers, 1 = fractured, 0 = not fractured.

    Returns:
        A calibration with at least two knots, or None where all films fall into one step.

    Raises:
        DatasetError: The films cannot be used, see `checked_scores`.
    """
    label_array, logit_array = checked_scores(labels, logits)
    values, place = np.unique(logit_array, return_inverse=True)
    counts = np.bincount(place)
    # Films, fractures and sum of logits of each distinct logit, then of each pack.
    table = np.stack([counts, np.bincount(place, weights=label_array), counts * values], axis=1)
    packs = np.add.reduceat(table, _pack_starts(counts), axis=0)
    shares = packs[:, 1] / packs[:, 0]
    risen = IsotonicRegression().fit_transform(np.arange(len(packs)), shares, sample_weight=packs[:, 0])
    starts = np.flatnonzero(np.r_[True, np.diff(risen) > 1e-12])
    steps: list[FloatArray] = []
    for step in np.add.reduceat(packs, starts, axis=0):
        steps.append(step)
        while len(steps) > 1 and _jeffreys(steps[-2]) >= _jeffreys(steps[-1]):
            last = steps.pop()
            steps[-1] = steps[-1] + last
    if len(steps) < 2:
        return None
    return Calibration(
        knots=tuple(
            (float(step[2] / step[0]), float(np.log(_jeffreys(step) / (1 - _jeffreys(step))))) for step in steps
        )
    )


def _pack_starts(counts: IntArray) -> IntArray:
    starts, held = [0], 0
    for place, films in enumerate(counts.tolist()):
        if held >= FILMS_A_STEP and counts[place:].sum() >= FILMS_A_STEP:
            starts.append(place)
            held = 0
        held += films
    return np.array(starts, dtype=np.int64)


def _jeffreys(step: FloatArray) -> float:
    return float((step[1] + 0.5) / (step[0] + 1))


METHODS: dict[str, Callable[[npt.ArrayLike, npt.ArrayLike], Calibration | None]] = {
    "temperature": fit_temperature,
    "platt": fit_platt,
    "isotonic": fit_isotonic,
}
"""The three, the simplest first."""


def choose_calibration(
    logits: npt.ArrayLike, labels: npt.ArrayLike, groups: Sequence[str] | None, seed: int = 0
) -> tuple[Calibration, dict[str, Any]]:
    """Chooses among `METHODS` by the log loss of cross-validation, and fits the chosen one on all films.

    Each film is judged by a calibration that was fitted without its fold; folds keep groups whole. On its own films
    isotonic regression would always win. The simplest method leads; each of the others, the simpler first, takes the
    lead where its mean loss is smaller than that of the one in the lead by more than one standard error of the
    difference, film by film and summed over groups (after the one-standard-error rule of Breiman et al. 1984,
    "Classification and Regression Trees").

    Args:
        logits: (N,) model outputs of the validation films, unbounded.
        labels: (N,) integers, 1 = fractured, 0 = not fractured.
        groups: N names of groups that stay in one fold; "" or None: each film alone.
        seed: Of the folds.

    Returns:
        The calibration, and what spoke for it: "chosen", "why" (a sentence), "note" (a sentence of `calibration_note`,
        or None), "folds", "films", "fractured", "groups", "seed", and "methods": for each {"method", "log_loss" (None
        where the three were not compared), "over" (the method that was in the lead when it was tried), "gain" over that
        one and its "standard_error"}.

    Raises:
        DatasetError: The films cannot be used, see `checked_scores` and `group_numbers`.
    """
    label_array, logit_array = checked_scores(labels, logits)
    group_of_film, group_count = group_numbers(groups, len(label_array))
    facts = {
        "films": len(label_array),
        "fractured": int(label_array.sum()),
        "groups": group_count,
        "seed": seed,
    }
    few = too_few_to_divide(label_array, group_of_film)
    if few is not None or uninformative(label_array, logit_array) is not None:
        chosen = fit_temperature(logit_array, label_array)
        rows = [_row(name, None) for name in METHODS]
        why = f"Temperature scaling without a comparison: {few or uninformative(label_array, logit_array)}."
        return chosen, _table(chosen, why, rows, 0, facts, calibration_note(chosen, logit_array, label_array))
    losses = {name: np.zeros(len(label_array)) for name in METHODS}
    for train, held in divided(label_array, group_of_film, seed):
        for name, fit in METHODS.items():
            # Where all films fall into one step, isotonic regression stands back.
            fitted = fit(logit_array[train], label_array[train]) or fit_temperature(
                logit_array[train], label_array[train]
            )
            losses[name][held] = film_losses(fitted, logit_array[held], label_array[held])
    best = "temperature"
    rows = [_row(best, float(losses[best].mean()))]
    for name in list(METHODS)[1:]:
        gain, error = _gain(losses[best], losses[name], group_of_film, group_count)
        rows.append(_row(name, float(losses[name].mean()), best, gain, error))
        if gain > error and METHODS[name](logit_array, label_array) is not None:
            best = name
    chosen = METHODS[best](logit_array, label_array) or fit_temperature(logit_array, label_array)
    why = (
        f"{_NAMES[best]}: tried from the simplest on, a method takes the lead where it beats the one in the lead by "
        f"more than one standard error in the log loss of {FOLDS}-fold cross-validation over {group_count} groups."
    )
    note = None if best == "isotonic" else calibration_note(chosen, logit_array, label_array)
    return chosen, _table(chosen, why, rows, FOLDS, facts, note)


_NAMES = {"temperature": "Temperature scaling", "platt": "Platt scaling", "isotonic": "Isotonic regression"}


def _row(
    method: str, loss: float | None, over: str | None = None, gain: float | None = None, error: float | None = None
) -> dict[str, Any]:
    return {"method": method, "log_loss": loss, "over": over, "gain": gain, "standard_error": error}


def _table(
    chosen: Calibration, why: str, rows: list[dict[str, Any]], folds: int, facts: dict[str, Any], note: str | None
) -> dict[str, Any]:
    return {"chosen": chosen.method, "why": why, "note": note, "methods": rows, "folds": folds, **facts}


def film_losses(calibration: Calibration, logits: FloatArray, labels: IntArray) -> FloatArray:
    """The log loss of each film, float64 (N,)."""
    log_odds = calibration.log_odds(logits)
    return np.logaddexp(0.0, np.where(labels == 1, -log_odds, log_odds))


def too_few_to_divide(labels: IntArray, group_of_film: IntArray, *, fewest: int = FEWEST_OF_A_CLASS) -> str | None:
    """Why the films cannot be divided into folds, as a sentence without full stop, or None.

    Args:
        labels: (N,) int64, 1 = fractured.
        group_of_film: (N,) int64, as `group_numbers` gives it.
        fewest: Groups that must hold a film of each class.
    """
    for label, word in ((1, "fractured"), (0, "not fractured")):
        chosen = labels == label
        films, groups = int(chosen.sum()), len(np.unique(group_of_film[chosen]))
        if films == 0:
            return f"no film is {word}"
        if groups < fewest:
            among = f" of {groups} groups" if groups < films else ""
            return f"{films} {word} films{among} are too few to divide ({fewest} are needed)"
    return None


def divided(labels: IntArray, group_of_film: IntArray, seed: int) -> list[tuple[IntArray, IntArray]]:
    """`FOLDS` pairs of places (of the other folds, of the fold), each group whole, the classes spread evenly.

    Args:
        labels: (N,) int64, 1 = fractured.
        group_of_film: (N,) int64, as `group_numbers` gives it.
        seed: Of the division.
    """
    folds = StratifiedGroupKFold(FOLDS, shuffle=True, random_state=seed)
    return list(folds.split(np.zeros(len(labels)), labels, group_of_film))


def _gain(simple: FloatArray, other: FloatArray, group_of_film: IntArray, groups: int) -> tuple[float, float]:
    difference = simple - other
    gain = float(difference.mean())
    sums = np.bincount(group_of_film, weights=difference - gain, minlength=groups)
    error = float(np.sqrt(groups / (groups - 1) * (sums**2).sum())) / len(difference)
    return gain, error
