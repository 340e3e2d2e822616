from __future__ import annotations

import numpy as np
import pytest

from lucency.decision import Decision
from lucency.errors import DatasetError
from lucency.evaluation.failures import failure_section

NAMES = ["a", "b", "c", "d", "e", "f", "g", "h"]
LABELS = [1, 1, 1, 0, 0, 0, 1, 0]
PROBABILITIES = [0.30, 0.05, 0.90, 0.80, 0.95, 0.10, 0.62, 0.55]


def decided(probabilities: list[float], threshold: float) -> list[Decision]:
    return ["fractured" if value >= threshold else "not_fractured" for value in probabilities]


def names(section: dict[str, object], kind: str) -> list[str]:
    listed = section[kind]
    assert isinstance(listed, dict)
    return [row["image_id"] for row in listed["shown"]]


def test_the_worst_come_first() -> None:
    section = failure_section(
        LABELS, PROBABILITIES, decided(PROBABILITIES, 0.6), image_ids=NAMES, threshold=0.6, shown=3
    )
    assert names(section, "false_negatives") == ["b", "a"]
    assert names(section, "false_positives") == ["e", "d"]
    assert section["false_negatives"]["share"] == pytest.approx(2 / 4)
    assert section["false_positives"]["films"] == 2
    # Log-odds from 0.405: g +0.08, h -0.20, then c +1.79 against f -2.60.
    assert names(section, "uncertain") == ["g", "h", "c"]
    assert [row["place"] for row in section["uncertain"]["shown"]] == [6, 7, 2]


def test_at_most_so_many_are_named_but_all_are_counted() -> None:
    labels, probabilities = [1] * 40 + [0], [0.1] * 40 + [0.2]
    ids = [f"film {39 - place:02d}" for place in range(40)] + ["last"]
    section = failure_section(labels, probabilities, decided(probabilities, 0.5), image_ids=ids, threshold=0.5)
    assert section["false_negatives"]["films"] == 40
    # Equal probabilities: by name, not by the order of the files.
    assert names(section, "false_negatives") == [f"film {place:02d}" for place in range(12)]
    assert names(section, "false_positives") == []
    assert section["false_positives"]["share"] == 0


def test_one_class_has_no_share_of_the_other() -> None:
    section = failure_section([1, 1], [0.0, 1.0], decided([0.0, 1.0], 0.5), image_ids=["x", "y"], threshold=0.5)
    assert section["false_positives"]["share"] is None
    assert names(section, "false_negatives") == ["x"]
    assert names(section, "uncertain") == ["y"]


def test_decisions_of_other_films_are_refused() -> None:
    with pytest.raises(DatasetError, match="1 decisions were given for 2 films"):
        failure_section([1, 0], np.array([0.1, 0.2]), ["fractured"], image_ids=["x", "y"], threshold=0.5)
