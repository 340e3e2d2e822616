"""DeLong against its definition, McNemar and Holm against values worked by hand and published."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm
from sklearn.metrics import roc_auc_score

from lucency.evaluation.paired_tests import delong, delong_difference, delong_interval, holm, mcnemar


def by_definition(labels: np.ndarray, scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """DeLong 1988, equations 4 to 6, over all pairs of films."""
    above, below = scores[:, labels == 1], scores[:, labels == 0]
    wins = (above[:, :, None] > below[:, None, :]) + 0.5 * (above[:, :, None] == below[:, None, :])
    rows, columns = wins.mean(axis=2), wins.mean(axis=1)
    areas = wins.mean(axis=(1, 2))
    m, n = rows.shape[1], columns.shape[1]
    first = (rows - areas[:, None]) @ (rows - areas[:, None]).T / (m - 1)
    second = (columns - areas[:, None]) @ (columns - areas[:, None]).T / (n - 1)
    return areas, first / m + second / n


@pytest.mark.parametrize("ties", [False, True])
def test_delong_is_its_definition(ties: bool) -> None:
    random = np.random.default_rng(3)
    labels = (random.random(80) < 0.3).astype(int)
    scores = random.normal(size=(3, 80)) + labels
    if ties:
        scores = np.round(scores)
    areas, covariance = delong(labels, scores)
    expected = by_definition(labels, scores)
    np.testing.assert_allclose(areas, expected[0], rtol=1e-12)
    np.testing.assert_allclose(covariance, expected[1], rtol=1e-10)
    np.testing.assert_allclose(areas, [roc_auc_score(labels, row) for row in scores], rtol=1e-12)


@pytest.mark.parametrize("level", [0.9, 0.95])
def test_the_interval_is_normal_in_log_odds(level: float) -> None:
    random = np.random.default_rng(8)
    labels = (random.random(90) < 0.3).astype(int)
    scores = random.normal(size=90) + 1.5 * labels
    low, high = np.log([end / (1 - end) for end in delong_interval(labels, scores, level=level)])
    (area,), ((variance,),) = by_definition(labels, scores[None])
    assert (low + high) / 2 == pytest.approx(np.log(area / (1 - area)))
    # The spread of a function is the spread times its slope, taken here as a difference.
    slope = (np.log((area + 1e-6) / (1 - area - 1e-6)) - np.log((area - 1e-6) / (1 - area + 1e-6))) / 2e-6
    assert high - low == pytest.approx(2 * norm.ppf((1 + level) / 2) * np.sqrt(variance) * slope, rel=1e-6)


def test_an_area_without_spread_has_no_interval() -> None:
    assert delong_interval([0, 0, 1, 1], [1.0, 2.0, 3.0, 4.0]) is None
    assert delong_interval([0, 0, 1, 1], [1.0, 1.0, 1.0, 1.0]) is None


def test_delong_by_hand() -> None:
    # Fractured films score 3 and 1, the others 2 and 0. Of the four pairs three are won: area 3/4. Film by film the
    # fractured win 1 and 1/2, the others lose 1/2 and 1: either variance is 1/8, so the area's is 1/8/2 + 1/8/2.
    areas, covariance = delong([1, 1, 0, 0], [[3.0, 1.0, 2.0, 0.0]])
    assert areas == pytest.approx([0.75])
    assert covariance.ravel() == pytest.approx([1 / 8])


def test_delong_difference_is_a_z_test() -> None:
    random = np.random.default_rng(5)
    labels = np.arange(300) % 3 == 0
    weak, strong = random.normal(size=300) + 0.3 * labels, random.normal(size=300) + 2 * labels
    areas, covariance = delong(labels, np.stack([weak, strong]))
    error = np.sqrt(covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1])
    found = delong_difference(labels, weak, strong)
    assert found.value == pytest.approx(areas[1] - areas[0])
    assert (found.low, found.high) == pytest.approx((found.value - 1.959964 * error, found.value + 1.959964 * error))
    assert found.p == pytest.approx(2 * (1 - norm.cdf(found.value / error)), rel=1e-6)
    back = delong_difference(labels, strong, weak)
    assert (back.value, back.p) == pytest.approx((-found.value, found.p))


def test_the_same_ranking_has_no_spread() -> None:
    labels, scores = np.array([0, 0, 1, 1, 0]), np.array([0.1, 0.4, 0.3, 0.9, 0.2])
    found = delong_difference(labels, scores, scores**3)
    assert found.value == 0
    assert (found.low, found.high, found.p) == (None, None, None)


def test_delong_needs_two_of_each() -> None:
    with pytest.raises(ValueError, match="not 1 and 3"):
        delong([0, 1, 0, 0], [0.1, 0.2, 0.3, 0.4])


def test_mcnemar_by_hand() -> None:
    # One film is called rightly by the first alone, nine by the second alone: 2 (1 + 10) / 2^10.
    first = np.array([True] + [False] * 9 + [True] * 5 + [False] * 2)
    second = np.array([False] + [True] * 9 + [True] * 5 + [False] * 2)
    assert mcnemar(first, second) == (1, 9, pytest.approx(22 / 1024))
    assert mcnemar(first, first) == (0, 0, 1.0)


def test_holm_gives_the_published_example() -> None:
    # The worked example of the method's encyclopedia article, which R's p.adjust gives too.
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])


def test_holm_passes_over_what_has_no_p() -> None:
    assert holm([0.02, None, 0.9]) == [pytest.approx(0.04), None, 0.9]
    assert holm([]) == []
    assert holm([0.7, 0.8]) == [1.0, 1.0]
