from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import rankdata, spearmanr

from lucency.evaluation.map_ranks import average_ranks, rank_correlation


@pytest.mark.parametrize("seed", range(5))
def test_the_correlation_is_that_of_scipy(seed: int) -> None:
    random = np.random.default_rng(seed)
    first = random.integers(0, 6, size=(7, 9)).astype(np.float32)
    second = first + random.integers(0, 9, size=(7, 9))
    assert rank_correlation(first, second) == pytest.approx(spearmanr(first.ravel(), second.ravel()).statistic)
    assert average_ranks(first.ravel()) == pytest.approx(rankdata(first.ravel()))


def test_order_is_all_that_counts() -> None:
    heat = np.random.default_rng(0).normal(size=(7, 7))
    assert rank_correlation(heat, np.exp(heat)) == pytest.approx(1)
    assert rank_correlation(heat, -(heat**3)) == pytest.approx(-1)


def test_a_flat_map_orders_nothing() -> None:
    heat = np.random.default_rng(0).normal(size=(7, 7))
    assert rank_correlation(heat, np.zeros((7, 7))) == 0
    assert np.isnan(rank_correlation(np.ones((7, 7)), np.zeros((7, 7))))
