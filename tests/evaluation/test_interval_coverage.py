"""How often the intervals of a report hold the truth, by simulation."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import statsmodels.api as sm
from scipy.special import logit
from sklearn import metrics as sk
from sklearn.linear_model import LogisticRegression

from lucency.evaluation.metrics import METRICS

if not (Path(__file__).parents[2] / "benchmarks").is_dir():
    pytest.skip("the benchmarks are not beside the tests", allow_module_level=True)

from benchmarks.interval_coverage import THRESHOLD, coverage, drawn_films, truth


@pytest.mark.parametrize("grouped", [False, True])
def test_the_truth_is_that_of_many_films(grouped: bool) -> None:
    # Formulas and integrals on one side, scikit-learn on 300,000 films on the other.
    labels, probabilities, _ = drawn_films(300_000, grouped=grouped, random=np.random.default_rng(1))
    called = probabilities >= THRESHOLD
    positive, negative = sk.class_likelihood_ratios(labels, called)
    line = LogisticRegression(C=np.inf).fit(logit(probabilities)[:, None], labels)
    seen = {
        "auroc": sk.roc_auc_score(labels, probabilities),
        "partial_auroc": sk.roc_auc_score(labels, probabilities, max_fpr=0.2),
        "average_precision": sk.average_precision_score(labels, probabilities),
        "accuracy": sk.accuracy_score(labels, called),
        "balanced_accuracy": sk.balanced_accuracy_score(labels, called),
        "sensitivity": sk.recall_score(labels, called),
        "specificity": sk.recall_score(labels, called, pos_label=0),
        "ppv": sk.precision_score(labels, called),
        "npv": sk.precision_score(labels, called, pos_label=0),
        "negative_likelihood_ratio": negative,
        "f1": sk.f1_score(labels, called),
        "mcc": sk.matthews_corrcoef(labels, called),
        "kappa": sk.cohen_kappa_score(labels, called),
        "loss": sk.log_loss(labels, probabilities),
        "brier": sk.brier_score_loss(labels, probabilities),
        "calibration_slope": line.coef_[0, 0],
    }
    told = truth()
    assert positive == pytest.approx(told["positive_likelihood_ratio"], rel=0.03)
    for name, value in seen.items():
        assert value == pytest.approx(told[name], abs=0.008), name
    flat = sm.GLM(labels, np.ones(len(labels)), family=sm.families.Binomial(), offset=logit(probabilities)).fit()
    assert flat.params[0] == pytest.approx(told["calibration_intercept"], abs=0.02)
    assert set(told) >= {name for name, row in METRICS.items() if row.interval}


@pytest.mark.parametrize("grouped", [False, True])
def test_intervals_cover_roughly(grouped: bool) -> None:
    found = coverage(300, 60, 200, grouped=grouped)
    covered = {name: row["covered"] for name, row in found.items()}
    # The standard error of 60 simulations is 3 points.
    assert min(covered.values()) >= 0.83, covered
    assert 0.91 <= np.mean(list(covered.values())) <= 0.99


@pytest.mark.slow
@pytest.mark.parametrize("grouped", [False, True])
def test_intervals_cover_in_93_to_97_of_100(grouped: bool) -> None:
    """The table of docs/explanation/metrics.md; minutes."""
    found = coverage(600, 1000, 1000, grouped=grouped)
    # Twice the standard error of 1000 simulations, 0.7 points, on either side.
    for name, row in found.items():
        assert 0.93 - 0.014 <= row["covered"] <= 0.97 + 0.014, (name, row)
    assert {row["method"] for row in found.values()} == (
        {"bootstrap"} if grouped else {"bootstrap", "delong", "wilson", "logit"}
    )
