"""The model that ships on the real films that calibrated it: what its card says of them comes out again."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from lucency import DEFAULT_MODEL, read_bundle
from lucency.workflows.evaluate import evaluate
from lucency.workflows.scan import read_films

if TYPE_CHECKING:
    from lucency.evaluation.report import EvaluationReport

pytestmark = pytest.mark.realdata


@pytest.fixture(scope="module")
def report(real_data: Path, tmp_path_factory: pytest.TempPathFactory) -> EvaluationReport:
    """Of the films that were kept for calibration, which are the only ones it was not trained on."""
    folder = tmp_path_factory.mktemp("calibration")
    films = read_films(real_data / "fracatlas", groups=real_data / "fracatlas" / "groups.csv")
    known = read_bundle(DEFAULT_MODEL).films_used("val")
    chosen = films.keep(films.table["sha256"].str[:16].isin(known))
    assert len(chosen.table) >= len(known)
    chosen.write(folder / "films.csv")
    return evaluate(DEFAULT_MODEL, folder / "films.csv", out=folder / "report", allow_seen=True, resamples=100)


def test_its_probabilities_are_spread_as_its_card_says(report: EvaluationReport) -> None:
    stated = read_bundle(DEFAULT_MODEL).card.scores
    for of_class in ("fractured", "not_fractured"):
        moved = np.abs(np.array(report.histogram[of_class]) - np.array(stated[of_class])).sum() / 2
        # Two decoders of JPEG may differ by a grey level and bring a film over the edge of a bin.
        assert moved <= 3


def test_its_operating_points_give_the_sensitivity_and_specificity_of_its_card(report: EvaluationReport) -> None:
    assert len(report.operating_points) >= 2
    for point in report.operating_points:
        for name, stated in point["validation"].items():
            assert point[name]["value"] == pytest.approx(stated, abs=0.015), (point["name"], name)
