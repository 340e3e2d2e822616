"""The section of a report about the gate."""

from __future__ import annotations

import json

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score
from statsmodels.stats.proportion import proportion_confint

from lucency.evaluation.gate_report import gate_section
from lucency.gate import GateAnswer


def answer(distance: float, refusal: str | None = None) -> GateAnswer:
    if distance > 1 and refusal is None:
        refusal = "unlike_training_films"
    return GateAnswer(refusal, {"texture": distance / 2, "look": distance})  # type: ignore[arg-type]


FAR = [0.2, 0.4, 1.4, 0.9, 0.5, 2.5, 0.3, 0.8]
LABELS = [1, 0, 1, 0, 0, 0, 0, 0]
ANSWERS = [answer(far, "not_a_radiograph" if far > 2 else None) for far in FAR]
NAMES = [f"f{place}" for place in range(8)]


def test_shares_have_wilson_intervals() -> None:
    section = gate_section(LABELS, ANSWERS, image_ids=NAMES)
    assert json.loads(json.dumps(section, allow_nan=False)) == section
    for name, count, films in (("all", 2, 8), ("fractured", 1, 2), ("not_fractured", 1, 6)):
        row = section["refused"][name]
        assert (row["refused"], row["films"], row["value"]) == (count, films, count / films)
        assert (row["low"], row["high"]) == pytest.approx(proportion_confint(count, films, method="wilson"))
    assert section["reasons"] == {"not_a_radiograph": 1, "unlike_training_films": 1}
    assert [row["image_id"] for row in section["images"]] == ["f5", "f2"]
    assert section["images"][0]["distances"]["look"] == 2.5
    assert section["drawn"] is None
    assert "2 of these 8 films (25.0 %" in section["sentences"][0]


def test_drawn_pictures_are_counted_and_ranked() -> None:
    drawn = {
        "scene": [answer(0.7), answer(3.0, "not_a_radiograph")],
        "uniform": [answer(9.0, "not_a_radiograph")] * 2,
        "chest_film": [answer(1.2), answer(0.4)],
    }
    found = gate_section(LABELS, ANSWERS, image_ids=NAMES, drawn=drawn)["drawn"]
    assert [row["kind"] for row in found["kinds"]] == ["scene", "uniform", "chest_film"]
    pictures = [0.7, 3.0, 9.0, 9.0]
    assert found["pictures"]["refused"] == 3
    assert found["pictures"]["not_a_radiograph"] == 3
    assert found["pictures"]["auroc"] == pytest.approx(roc_auc_score([0] * 8 + [1] * 4, FAR + pictures))
    assert found["other_anatomy"]["films"] == 2
    assert found["other_anatomy"]["auroc"] == pytest.approx(roc_auc_score([0] * 8 + [1] * 2, [*FAR, 1.2, 0.4]))


def test_one_class_and_no_film() -> None:
    section = gate_section([0], [answer(0.1)], image_ids=["a"])
    assert section["refused"]["fractured"]["value"] is None
    assert section["refused"]["fractured"]["reason"] == "there are no such films"
    empty = gate_section([], [], image_ids=[], drawn={"scene": [answer(2.0)]})
    assert empty["sentences"] == []
    assert empty["drawn"]["pictures"]["auroc"] is None
    json.dumps(empty, allow_nan=False)


def test_unequal_numbers_are_refused() -> None:
    with pytest.raises(ValueError, match="2 labels, 1 answers"):
        gate_section(np.array([0, 1]), [answer(0.1)], image_ids=["a"])
