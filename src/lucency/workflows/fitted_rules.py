"""All that is fitted on validation films once a model is trained: calibration, operating points, abstention."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from lucency.errors import MissingExtraError
from lucency.workflows.teller import Teller


def fit_rules(
    labels: npt.NDArray[np.int64],
    logits: npt.NDArray[np.float64],
    groups: Sequence[str] | None,
    *,
    split: str,
    sensitivity: float = 0.9,
    specificity: float = 0.95,
    error_rate: float | None = None,
    default: str = "youden",
    seed: int = 0,
    teller: Teller | None = None,
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Fits what turns a logit into an answer.

    Args:
        labels: (N,) 1 = fractured, 0 = not fractured.
        logits: (N,) of films that the model did not learn from.
        groups: N names of groups that stay together; "" or None: each film alone.
        split: What these films are called in the card.
        sensitivity: Of the operating point `screening`, above 0 and below 1.
        specificity: Of the operating point `confirm`, above 0 and below 1.
        error_rate: That the bundle abstains by where none is asked for, or None.
        default: Name of the operating point that decides.
        seed: Of the folds and of the choice of calibration films.
        teller: Hears what was chosen, and of doubts.

    Returns:
        Fields of a `Card` ("calibration", "operating_points", "default_operating_point", "abstention", "scores"), and
        what they were fitted on, for its provenance.

    Raises:
        DatasetError: One class only, or films that cannot be used.
        MissingExtraError: scikit-learn or scipy is not installed.
    """
    try:
        from lucency.evaluation.calibrate import operating_points
        from lucency.evaluation.calibration_choice import choose_calibration
        from lucency.evaluation.conformal import fit_abstention
        from lucency.evaluation.curves import score_histogram
        from lucency.evaluation.scores import ScoredFilms
        from lucency.evaluation.shares import share_figures
    except ModuleNotFoundError as error:
        raise MissingExtraError(str(error.name), extra="train", need="Calibration") from None
    teller = teller or Teller()
    calibration, table = choose_calibration(logits, labels, groups, seed)
    teller.say(table["why"])
    if table["note"]:
        teller.say(table["note"])
    probabilities = calibration.probability(logits)
    points = operating_points(labels, probabilities, sensitivity=sensitivity, specificity=specificity)
    abstention = fit_abstention(logits, labels, error_rate=error_rate, seed=seed)
    for doubt in () if error_rate is None else abstention.doubts(error_rate):
        teller.say(f"Warning: {doubt}")
    chosen = next(point for point in points if point.name == default)
    films = ScoredFilms.sort(labels, probabilities, probabilities >= chosen.threshold)
    counts = {"films": len(labels), "fractured": int(labels.sum())}
    gave = {
        point.name: share_figures(
            {
                "sensitivity": (probabilities >= point.threshold, labels == 1),
                "specificity": (probabilities < point.threshold, labels == 0),
            },
            groups,
            empty="there is no such film",
            seed=seed,
        )
        for point in points
    }
    rules = {
        "calibration": calibration,
        "operating_points": points,
        "default_operating_point": chosen.name,
        "abstention": abstention,
        "scores": {"split": split, "films": len(labels), **score_histogram(films)},
    }
    return rules, {"split": split, **counts, "calibration": table, "operating_points": gave}
