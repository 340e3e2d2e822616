from __future__ import annotations

import json

import numpy as np
import pytest
import statsmodels.api as sm
from sklearn.metrics import log_loss

from lucency.abstention import Abstention
from lucency.calibration import Calibration
from lucency.decision import OperatingPoint
from lucency.evaluation.calibrate import operating_points
from lucency.evaluation.calibration_choice import choose_calibration
from lucency.evaluation.conformal import fit_abstention
from lucency.evaluation.recalibration import Targets, _methods, recalibration_section

OLD = Calibration(1.0)
POINTS = (OperatingPoint("youden", 0.5, 0.9, 0.6), OperatingPoint("sensitivity_90", 0.2, 0.95, None))


def site(seed: int, films: int = 300, *, intercept: float = -1.5) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    logits = random.normal(scale=2.0, size=films)
    labels = (random.random(films) < 1 / (1 + np.exp(-(logits + intercept)))).astype(int)
    return logits, labels


def judged(logits: np.ndarray, labels: np.ndarray, groups: list[str] | None = None, **changes: object) -> dict:
    given = {"calibration": OLD, "points": POINTS, "default": "youden", "abstention": None, "targets": Targets()}
    return recalibration_section(labels, logits, groups, **{**given, "resamples": 100, **changes})  # type: ignore[arg-type]


def test_how_far_off_the_old_bundle_was() -> None:
    logits, labels = site(0)
    old = judged(logits, labels)["old"]
    offset = sm.GLM(labels, np.ones(300), family=sm.families.Binomial(), offset=logits).fit()
    slope = sm.Logit(labels, sm.add_constant(logits)).fit(disp=0)
    fitted = old["calibration"]
    assert fitted["intercept"]["value"] == pytest.approx(offset.params[0], abs=1e-6)
    assert fitted["slope"]["value"] == pytest.approx(slope.params[1], abs=1e-6)
    assert fitted["loss"]["value"] == pytest.approx(log_loss(labels, OLD.probability(logits)))
    assert fitted["intercept"]["low"] < -1.5 < fitted["intercept"]["high"]
    point = old["operating_points"][0]
    assert point["sensitivity"]["value"] == (logits[labels == 1] >= 0).mean()
    assert point["specificity"]["value"] == (logits[labels == 0] < 0).mean()
    assert (point["promised"], old["abstention"]) == ({"sensitivity": 0.9, "specificity": 0.6}, [])


def test_the_words_follow_the_figures() -> None:
    high = judged(*site(0))["sentences"]
    assert high[0].startswith("The old bundle says too high probabilities")
    assert "It is neither clearly too sure" in high[1]
    low = judged(*site(0, intercept=1.5))["sentences"]
    assert low[0].startswith("The old bundle says too low probabilities")
    logits, labels = site(1, intercept=0.0)
    right = judged(logits, labels)["sentences"]
    assert "neither clearly too high nor clearly too low" in right[0]
    assert judged(3 * logits, labels)["sentences"][1].startswith("It is too sure of itself")
    assert judged(logits / 3, labels)["sentences"][1].startswith("It is too timid")
    # 0.9 was promised where about 0.76 is given.
    assert any("promised a sensitivity of 0.900" in said and "outside the interval" in said for said in right)


def test_the_verdict_is_that_of_paired_losses() -> None:
    logits, labels = site(0)
    better = judged(logits, labels)
    gain = better["gain"]
    assert better["verdict"].startswith("The new calibration is better on films of this site that it was not fitted on")
    assert gain["value"] == pytest.approx(
        better["old"]["calibration"]["loss"]["value"] - better["expected"]["calibration"]["loss"]["value"]
    )
    assert 0 < gain["low"] < gain["value"] < gain["high"]
    logits, labels = site(1, intercept=0.0)
    assert judged(logits, labels)["verdict"].startswith("No gain from the new calibration can be told")
    few = judged(logits[:20], labels[:20])
    assert few["gain"] is None
    assert few["verdict"].endswith("Keep the old bundle.")


def test_a_mix_of_methods_is_told_in_words() -> None:
    assert _methods(["platt"] * 5) == "platt"
    assert _methods(["platt", "isotonic", "isotonic", "platt", "isotonic"]) == "isotonic in 3 folds, platt in 2"


def test_without_an_interval_nothing_is_called_right() -> None:
    logits, labels = site(0)
    few = judged(logits, labels, groups=[str(n % 5) for n in range(300)])["sentences"]
    assert few[0].startswith("Whether the old bundle says too high or too low probabilities cannot be said")
    assert few[1].startswith("Whether it is too sure of itself or too timid cannot be said")


def test_what_is_expected_is_what_new_films_show() -> None:
    expected, truth = [], []
    far = site(99, films=20_000)
    for seed in range(4):
        logits, labels = site(seed)
        section = judged(logits, labels, abstention=fit_abstention(logits, labels))
        new = section["expected"]
        fitted, _ = choose_calibration(logits, labels, None)
        points = operating_points(labels, fitted.probability(logits))
        called = fitted.probability(far[0]) >= points[1].threshold
        lowest, _ = fit_abstention(logits, labels).limits(0.1)
        expected.append(
            (
                new["calibration"]["loss"]["value"],
                new["operating_points"][1]["sensitivity"]["value"],
                new["abstention"][2]["fractured"]["value"],
            )
        )
        truth.append(
            (
                log_loss(far[1], fitted.probability(far[0])),
                called[far[1] == 1].mean(),
                (far[0][far[1] == 1] >= lowest).mean(),
            )
        )
        assert new["operating_points"][1]["name"] == "screening"
        # On its own films the bundle looks better than it is.
        assert (fitted.probability(logits) >= points[1].threshold)[labels == 1].mean() >= 0.9
    assert np.mean(expected, axis=0) == pytest.approx(np.mean(truth, axis=0), abs=0.03)


def test_groups_stay_whole_and_few_of_them_are_not_divided() -> None:
    logits, labels = site(2)
    groups = [str(number // 2) for number in range(300)]
    section = judged(logits, labels, groups)
    assert section["groups"] == 150
    few = judged(logits, labels, [str(number // 25) for number in range(300)])
    assert few["expected"] is None
    assert "of 12 groups are too few to divide" in few["reason"]
    assert "not known" in few["sentences"][-1]
    json.dumps([section, few], allow_nan=False)


def test_the_old_abstention_is_judged_too() -> None:
    logits, labels = site(3)
    section = judged(logits, labels, abstention=Abstention(tuple(np.linspace(0, 4, 50)), tuple(np.linspace(-4, 0, 50))))
    (rate,) = [row for row in section["old"]["abstention"] if row["error_rate"] == 0.1]
    # The fifth of 50 calibration films.
    assert rate["fractured"]["value"] == pytest.approx((logits[labels == 1] >= 4 * 4 / 49).mean())
