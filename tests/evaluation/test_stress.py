"""Stress figures against scikit-learn and SciPy, and the rules by which a model breaks."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import recall_score, roc_auc_score

from lucency.calibration import Calibration
from lucency.decision import OperatingPoint
from lucency.errors import DatasetError
from lucency.evaluation.stress import StressedScores, evaluate_stress
from lucency.evaluation.stress_verdict import corruption_sentence, stress_verdict

POINT = OperatingPoint("half", 0.5)
CALIBRATION = Calibration(2.0)


def made_up(films: int = 300, seed: int = 0, lift: float = 2.5) -> tuple[np.ndarray, np.ndarray]:  # type: ignore[type-arg]
    random = np.random.default_rng(seed)
    labels = (np.arange(films) % 2).astype(np.int64)
    return labels, random.normal(0, 1, films) + lift * (labels - 0.5)


def row(name: str, *logits: np.ndarray) -> StressedScores:  # type: ignore[type-arg]
    numbers = tuple(range(1, len(logits) + 1))
    return StressedScores(name, name, numbers, tuple(map(float, numbers)), tuple(map(str, numbers)), np.stack(logits))


def stress_of(labels: Any, clean: Any, *rows: StressedScores, **more: Any) -> dict[str, Any]:
    given: dict[str, Any] = {"groups": None, "calibration": CALIBRATION, "operating_point": POINT, "resamples": 400}
    return evaluate_stress(labels, clean, rows, **(given | more))


def test_figures_are_those_of_scikit_learn() -> None:
    labels, clean = made_up()
    noisy = clean + np.random.default_rng(1).normal(0.4, 1.0, len(clean))
    found = stress_of(labels, clean, row("noise", noisy))
    (cell,) = found["corruptions"][0]["severities"]
    said, said_clean = noisy >= 0, clean >= 0
    assert cell["auroc"] == pytest.approx(roc_auc_score(labels, noisy))
    assert cell["sensitivity"] == pytest.approx(recall_score(labels, said))
    assert cell["specificity"] == pytest.approx(recall_score(labels, said, pos_label=0))
    assert found["clean"]["auroc"]["value"] == pytest.approx(roc_auc_score(labels, clean))
    changes = cell["changes"]
    assert changes["auroc"]["value"] == pytest.approx(roc_auc_score(labels, noisy) - roc_auc_score(labels, clean))
    assert changes["flips"]["value"] == pytest.approx((said != said_clean).mean())
    # The logistic function of SciPy, at the temperature of the calibration.
    moved = np.abs(stats.logistic.cdf(noisy / 2) - stats.logistic.cdf(clean / 2))
    assert changes["probability"]["value"] == pytest.approx(moved.mean())
    json.dumps(found, allow_nan=False)


def test_intervals_are_those_of_a_paired_bootstrap() -> None:
    labels, clean = made_up(160)
    noisy = clean + np.random.default_rng(1).normal(0, 1.0, len(clean))
    found = stress_of(labels, clean, row("noise", noisy), resamples=3000)
    changes = found["corruptions"][0]["severities"][0]["changes"]
    # Chance moves the ends of an interval from 700 resamples by some 5 % of its width.
    statistics = {
        "auroc": lambda y, a, b: roc_auc_score(y, b) - roc_auc_score(y, a),
        "flips": lambda y, a, b: ((a >= 0) != (b >= 0)).mean(),
    }
    for name, statistic in statistics.items():
        expected = stats.bootstrap(
            (labels, clean, noisy), statistic, paired=True, vectorized=False, method="percentile", n_resamples=700,
            rng=np.random.default_rng(5),
        ).confidence_interval  # fmt: skip
        width = expected.high - expected.low
        assert changes[name]["low"] == pytest.approx(expected.low, abs=0.15 * width)
        assert changes[name]["high"] == pytest.approx(expected.high, abs=0.15 * width)


def test_films_of_a_group_widen_the_interval() -> None:
    labels, clean = made_up(60)
    noisy = clean + np.random.default_rng(1).normal(0, 1.0, len(clean))
    four = [np.tile(values, 4) for values in (labels, clean, noisy)]
    groups = [f"patient {number}" for number in range(60)] * 4
    widths = []
    for names in (None, groups):
        changes = stress_of(four[0], four[1], row("x", four[2]), groups=names)["corruptions"][0]["severities"][0]
        figure = changes["changes"]["auroc"]
        widths.append(figure["high"] - figure["low"])
    # Four copies of a film are worth one.
    assert widths[1] == pytest.approx(2 * widths[0], rel=0.25)


def test_the_first_severity_that_breaks_is_named() -> None:
    labels, clean = made_up(400)
    noise = np.random.default_rng(1).normal(0, 1.0, len(clean))
    found = stress_of(labels, clean, row("noise", *(clean + strength * noise for strength in (0, 0.05, 1.5, 3))))
    (one,) = found["corruptions"]
    assert (one["status"], one["breaks_at"]) == ("breaks", 3)
    assert [cell["state"] for cell in one["severities"]] == ["holds", "holds", "breaks", "breaks"]
    assert "auroc" in one["severities"][2]["breaks"]
    sentence = corruption_sentence(one, found["clean"], films=400)
    assert sentence.startswith("noise: the model breaks at severity 3 (3). AUROC falls from 0.9")
    assert sentence.endswith("It holds before that.")
    assert stress_verdict(found) == (
        "1 of 1 corruption breaks the model on 400 films of 400 groups, 200 fractured: noise at severity 3 (3)."
    )


def test_a_shift_of_all_scores_breaks_the_decisions_and_not_the_order() -> None:
    labels, clean = made_up(400)
    found = stress_of(labels, clean, row("shift", clean + 2.0))
    (cell,) = found["corruptions"][0]["severities"]
    assert cell["breaks"] == ["specificity"]
    assert cell["changes"]["auroc"]["value"] == 0
    assert cell["changes"]["sensitivity"]["value"] > 0


def test_few_films_cannot_show_that_a_model_holds() -> None:
    labels, clean = made_up(24)
    shaken = clean + np.random.default_rng(3).normal(0, 0.4, len(clean))
    found = stress_of(labels, clean, row("noise", shaken))
    (one,) = found["corruptions"]
    assert (one["status"], one["breaks_at"]) == ("unclear", None)
    assert "24 films are too few to rule one out" in corruption_sentence(one, found["clean"], films=24)
    assert "For noise, 24 films are too few to tell." in stress_verdict(found)


@pytest.mark.parametrize(("films", "status"), [(40, "unclear"), (400, "holds")])
def test_no_flip_among_few_is_no_proof(films: int, status: str) -> None:
    # Probabilities move, but neither the order nor a decision: with 20 films of a class, up to 3 in 20 may yet (the
    # rule of three), with 200 no more than 0.015.
    labels, clean = made_up(films, lift=6)
    found = stress_of(labels, clean, row("sharper", clean * 1.5))
    changes = found["corruptions"][0]["severities"][0]["changes"]
    assert changes["sensitivity"]["low"] is None
    assert changes["sensitivity"]["value"] == 0
    assert changes["probability"]["value"] > 0
    assert found["corruptions"][0]["status"] == status


def test_a_severity_that_changes_nothing_holds_with_few_films() -> None:
    labels, clean = made_up(24)
    found = stress_of(labels, clean, row("nothing", clean, clean))
    (one,) = found["corruptions"]
    assert one["status"] == "holds"
    assert "changes no film" in one["severities"][0]["changes"]["auroc"]["reason"]
    assert corruption_sentence(one, found["clean"], films=24).endswith("No answer changes.")


def test_a_loss_without_exception_is_a_break_without_an_interval() -> None:
    # All fractures were found, and none is: every resample says the same.
    labels, clean = made_up(80, lift=12)
    found = stress_of(labels, clean, row("dark", clean - 30))
    (cell,) = found["corruptions"][0]["severities"]
    change = cell["changes"]["sensitivity"]
    assert (change["value"], change["low"], change["high"]) == (-1, None, None)
    assert cell["breaks"] == ["sensitivity"]


@pytest.mark.parametrize(("films", "breaks"), [(60, []), (62, ["sensitivity"])])
def test_few_groups_of_a_class_break_nothing(films: int, breaks: list[str]) -> None:
    labels, clean = made_up(films, lift=12)
    (cell,) = stress_of(labels, clean, row("dark", clean - 30))["corruptions"][0]["severities"]
    assert cell["breaks"] == breaks
    assert cell["state"] == ("breaks" if breaks else "unclear")


def test_one_group_gives_no_intervals_and_no_break() -> None:
    labels, clean = made_up(60)
    found = stress_of(labels, clean, row("noise", -clean), groups=["one"] * 60)
    (one,) = found["corruptions"]
    assert one["status"] == "unclear"
    assert "one group" in one["severities"][0]["changes"]["auroc"]["reason"]


def test_a_model_that_knows_nothing_has_nothing_to_lose() -> None:
    labels, clean = made_up(100, lift=0)
    found = stress_of(labels, clean, row("noise", clean + 0.001), row("shift", clean + 9))
    assert found["corruptions"][1]["status"] == "breaks"
    verdict = stress_verdict(found, optimistic_reason="they trained it")
    assert verdict.startswith("On the films as they are (100 films of 100 groups, 50 fractured) the model is not shown")
    assert verdict.endswith("no corruption can be judged. The figures are optimistic: they trained it.")


def test_a_perfect_model_has_something_to_lose() -> None:
    labels, clean = made_up(40, lift=30)
    found = stress_of(labels, clean, row("noise", clean))
    assert found["clean"]["auroc"]["low"] is None
    assert stress_verdict(found) == (
        "It is not shown to break the model at severity 1, on 40 films of 40 groups, 20 fractured."
    )


def test_a_good_model_that_holds_is_said_to_and_optimism_too() -> None:
    labels, clean = made_up(900, lift=6)
    shaken = clean + np.random.default_rng(3).normal(0, 0.05, len(clean))
    rows = [row(name, *[shaken] * 5) for name in ("Blur", "JPEG")]
    found = stress_of(labels, clean, *rows)
    verdict = stress_verdict(found, optimistic_reason="they trained it.")
    assert verdict == (
        "No corruption is shown to break the model within the five severities, on 900 films of 900 groups, 450 "
        "fractured. It holds under blur and JPEG. "
        "The figures are optimistic: they trained it."
    )
    assert "within the five severities" in corruption_sentence(found["corruptions"][0], found["clean"], films=900)


@pytest.mark.parametrize(("label", "words"), [(1, "all 5 films are fractured"), (0, "all 5 films are not fractured")])
def test_one_class_is_refused(label: int, words: str) -> None:
    with pytest.raises(DatasetError, match=words):
        stress_of([label] * 5, np.arange(5.0), row("noise", np.arange(5.0)))


def test_a_broken_score_names_the_film() -> None:
    labels, clean = made_up(4)
    with pytest.raises(DatasetError, match="not a finite number"):
        stress_of(labels, clean, row("noise", clean * np.nan), image_ids=["a", "b", "c", "d"])


def test_where_chance_struck_no_film_nothing_is_said_to_hold() -> None:
    labels, clean = made_up(400)
    struck = clean.copy()
    struck[::2] *= -1
    numbers = (1, 2)
    given = ("inversion", "Inversion", numbers, (10.0, 50.0), ("10 %", "50 %"), np.stack([clean, struck]))
    one, two = stress_of(labels, clean, StressedScores(*given, strikes_by_chance=True))["corruptions"][0]["severities"]
    assert (one["state"], two["state"]) == ("unclear", "breaks")
    (other,) = stress_of(labels, clean, StressedScores(*given))["corruptions"]
    assert other["severities"][0]["state"] == "holds"
