"""How a model's answers change when its films are damaged: paired differences, and the severity at which it breaks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from lucency.calibration import Calibration
from lucency.decision import OperatingPoint
from lucency.errors import DatasetError
from lucency.evaluation.figures import metric_intervals
from lucency.evaluation.intervals import Draws, Interval, group_numbers, percentile_interval
from lucency.evaluation.metrics import METRICS
from lucency.evaluation.scores import FloatArray, IntArray, ScoredFilms, checked_scores
from lucency.evaluation.weighted import WeightedFilms

LIMITS = {"auroc": 0.05, "sensitivity": 0.10, "specificity": 0.10}
"""A model breaks where one of these metrics falls by so much, with an interval of the fall that excludes none."""

HIDDEN_SHARE = 0.10
"""Where none of n groups shows a change, up to 3 / n of such groups may (rule of three, Hanley and Lippman-Hand 1983).
A metric is judged, to break or to hold, only with enough groups of a class for that to be less than this share: more
than 30. A film whose answer becomes chance costs AUROC half of its weight, so the share serves its limit too."""

_MEANS = ("probability", "flips")


@dataclass(frozen=True, eq=False)
class StressedScores:
    """What a model says of N films under one corruption.

    Attributes:
        name: Of the corruption.
        title: The same for a reader.
        severities: Numbers of the severities, rising.
        values: What each of them means as a number.
        labels: And in words.
        logits: (severities, N).
        strikes_by_chance: Whether some films are struck and the others not, so that there may be none.
    """

    name: str
    title: str
    severities: tuple[int, ...]
    values: tuple[float, ...]
    labels: tuple[str, ...]
    logits: FloatArray
    strikes_by_chance: bool = False


@dataclass(frozen=True, eq=False)
class _Films:
    """The films with what is needed of them in every cell."""

    labels: IntArray
    probabilities: FloatArray
    threshold: float
    draws: Draws

    def sorted(self, probabilities: FloatArray) -> ScoredFilms:
        return ScoredFilms.sort(self.labels, probabilities, probabilities >= self.threshold)

    def groups_of(self, metric: str) -> int:
        """Groups that hold films which the metric is taken over; of AUROC, those of the rarer class."""
        classes = {"sensitivity": (1,), "specificity": (0,)}.get(metric, (0, 1))
        return min(len(np.unique(self.draws.group_of_film[self.labels == label])) for label in classes)


def evaluate_stress(
    labels: Sequence[int] | IntArray,
    clean: FloatArray,
    stressed: Sequence[StressedScores],
    *,
    groups: Sequence[str] | None,
    calibration: Calibration,
    operating_point: OperatingPoint,
    image_ids: Sequence[str] | None = None,
    resamples: int = 1000,
    level: float = 0.95,
    seed: int = 0,
) -> dict[str, Any]:
    """Compares the answers to damaged films with those to the same films as they are.

    Intervals of the changes come from one percentile bootstrap (Efron 1979) that draws whole groups, the same for the
    clean and all damaged versions of a film, so that what makes a film hard in any case falls out of the differences.
    Those of the clean films are as in a report, see `metric_figures`.

    A cell *breaks* where AUROC, sensitivity or specificity falls by its limit in `LIMITS` or more and the interval of
    the difference lies below 0. It *holds* where a fall by the limit is ruled out for all three: the interval ends
    above it. Both take enough groups of the classes that the metric is taken over, see `HIDDEN_SHARE`. Otherwise the
    films are too few to tell: *unclear*.

    Args:
        labels: (N,) integers, 1 = fractured, 0 = not fractured; both must be there.
        clean: (N,) logits of the films as they are.
        stressed: What was said of the damaged films.
        groups: N names of groups that belong together; "" or None: each film alone.
        calibration: From logits to probabilities.
        operating_point: Makes the decisions.
        image_ids: N names, for error messages.
        resamples: How many times the groups are drawn.
        level: Share of the resamples inside an interval, 0..1.
        seed: Of the draws.

    Returns:
        "films", "groups", "fractured", "clean" (a figure of AUROC, sensitivity and specificity) and "corruptions": for
        each "name", "title", "status" ("breaks", "holds" or "unclear"), "breaks_at" (a severity, or None) and
        "severities", for each of which "severity", "value", "label", "state", "breaks" (the metrics that do), "auroc",
        "sensitivity", "specificity", and "changes": figures of the differences of these three to the clean films, of
        the mean absolute change of the calibrated "probability", and of "flips", the share of decisions that change.

    Raises:
        DatasetError: The films cannot be evaluated, or are all of one class.
    """
    truth, clean_logits = checked_scores(labels, clean, image_ids=image_ids)
    if len(np.unique(truth)) < 2:
        raise DatasetError(
            f"all {len(truth)} films are {'fractured' if truth[0] else 'not fractured'}",
            hint="A stress test needs films of both classes",
        )
    group_of_film, group_count = group_numbers(groups, len(truth))
    draws = Draws(group_of_film, group_count, resamples, level, seed)
    films = _Films(truth, calibration.probability(clean_logits), operating_point.threshold, draws)
    versions = [
        calibration.probability(checked_scores(truth, logits, image_ids=image_ids)[1])
        for row in stressed
        for logits in row.logits
    ]
    by_chance = [row.strikes_by_chance for row in stressed for _ in row.logits]
    points, drawn = _drawn(films, versions)
    cells = iter(
        _cell(films, version, points[0], points[place], drawn[0], drawn[place], by_chance[place - 1])
        for place, version in enumerate(versions, start=1)
    )
    sorted_films = films.sorted(films.probabilities)
    intervals = metric_intervals(sorted_films, groups, names=tuple(LIMITS), resamples=resamples, level=level, seed=seed)
    return {
        "films": len(truth),
        "groups": group_count,
        "fractured": int(truth.sum()),
        "clean": {name: {"value": points[0][name]} | asdict(intervals[name]) for name in LIMITS},
        "corruptions": [
            _row(
                row,
                [
                    {"severity": severity, "value": float(value), "label": label} | next(cells)
                    for severity, value, label in zip(row.severities, row.values, row.labels, strict=True)
                ],
            )
            for row in stressed
        ],
    }


def _drawn(
    films: _Films, versions: Sequence[FloatArray]
) -> tuple[list[dict[str, float]], list[dict[str, FloatArray] | None]]:
    """For the clean films and then each version, its metrics, and those in each resample where there are any."""
    samples = [films.sorted(probabilities) for probabilities in (films.probabilities, *versions)]
    changes = np.stack([_change_of_films(films, version) for version in (films.probabilities, *versions)], axis=2)

    def measured(weights: FloatArray) -> dict[tuple[int, str], FloatArray]:
        # (R, N) times (N, 2 * versions): the mean change and the flips of all versions in one product.
        means = (weights @ changes.reshape(len(changes), -1)) / weights.sum(axis=1, keepdims=True)
        means = means.reshape(len(weights), 2, -1)
        found: dict[tuple[int, str], FloatArray] = {}
        for place, sample in enumerate(samples):
            weighted = WeightedFilms(sample, weights[:, sample.order])
            found |= {(place, name): METRICS[name].compute(weighted) for name in LIMITS}
            found |= {(place, name): means[:, row, place] for row, name in enumerate(_MEANS)}
        return found

    once = measured(np.ones((1, len(changes))))
    # The weights are those of the films as given; each version sorts them for itself.
    kept = films.draws.values(measured)
    names, places = (*LIMITS, *_MEANS), range(len(samples))
    points = [{name: float(once[place, name][0]) for name in names} for place in places]
    drawn = [{name: kept[place, name] for name in names} if kept else None for place in places]
    return points, drawn


def _change_of_films(films: _Films, version: FloatArray) -> FloatArray:
    """(N, 2): absolute change of the probability, and 1 where the decision flips."""
    flips = (films.probabilities >= films.threshold) != (version >= films.threshold)
    return np.stack([np.abs(version - films.probabilities), flips.astype(np.float64)], axis=1)


def _cell(
    films: _Films,
    version: FloatArray,
    clean: dict[str, float],
    point: dict[str, float],
    drawn_clean: dict[str, FloatArray] | None,
    drawn: dict[str, FloatArray] | None,
    by_chance: bool,
) -> dict[str, Any]:
    same = bool((version == films.probabilities).all())
    # Where chance struck no film nothing was tried; a damage that is none to these films was.
    untried = same and by_chance
    changes, breaks, held = {}, [], []
    for name, value in point.items():
        differences = None if drawn is None or drawn_clean is None else drawn[name] - drawn_clean[name]
        figure = _figure(value - clean[name], differences, films, same)
        changes[name] = figure
        if name not in LIMITS:
            continue
        limit, groups = LIMITS[name], films.groups_of(name)
        fall = -float(figure["value"])
        constant = differences is not None and bool((differences == differences[0]).all())
        enough = 3 / groups < HIDDEN_SHARE
        below = figure["high"] < 0 if figure["high"] is not None else constant
        # A fall of exactly the limit is one, whatever the last bits of a float say.
        if fall >= limit - 1e-9 and enough and below:
            breaks.append(name)
        above = figure["low"] > -limit if figure["low"] is not None else constant and fall <= 0
        held.append(not untried and (same or (enough and above)))
    state = "breaks" if breaks else "holds" if all(held) else "unclear"
    return {"state": state, "breaks": breaks} | {name: point[name] for name in LIMITS} | {"changes": changes}


def _figure(value: float, differences: FloatArray | None, films: _Films, same: bool) -> dict[str, Any]:
    if same:
        interval = Interval(None, None, "this severity changes no film, so nothing can differ")
    elif differences is None:
        interval = Interval(None, None, films.draws.refusal)
    else:
        interval = percentile_interval(differences, films.draws.level)
    return {"value": value} | asdict(interval)


def _row(row: StressedScores, cells: list[dict[str, Any]]) -> dict[str, Any]:
    broken = next((cell["severity"] for cell in cells if cell["state"] == "breaks"), None)
    held = all(cell["state"] == "holds" for cell in cells)
    return {
        "name": row.name,
        "title": row.title,
        "status": "breaks" if broken is not None else "holds" if held else "unclear",
        "breaks_at": broken,
        "severities": cells,
    }
