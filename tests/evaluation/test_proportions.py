"""Wilson's interval against published figures and statsmodels."""

from __future__ import annotations

import pytest
from statsmodels.stats.proportion import proportion_confint

from lucency.evaluation.proportions import wilson


@pytest.mark.parametrize(
    ("hits", "tries", "low", "high"),
    [
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_published_figures(hits: int, tries: int, low: float, high: float) -> None:
    # Newcombe 1998, Statistics in Medicine 17, 857-872, table I, method 3.
    assert wilson(hits, tries) == (pytest.approx(low, abs=5e-5), pytest.approx(high, abs=5e-5))


@pytest.mark.parametrize("level", [0.9, 0.95])
@pytest.mark.parametrize(("hits", "tries"), [(0, 1), (1, 1), (20, 20), (3, 7), (480, 600)])
def test_agrees_with_statsmodels(hits: int, tries: int, level: float) -> None:
    assert wilson(hits, tries, level=level) == pytest.approx(
        proportion_confint(hits, tries, alpha=1 - level, method="wilson"), abs=1e-12
    )


def test_all_of_twenty_is_no_certainty() -> None:
    low, high = wilson(20, 20)
    assert high == 1.0
    assert 0.8 < low < 0.9


@pytest.mark.parametrize(("hits", "tries"), [(0, 0), (3, 2), (-1, 2)])
def test_what_is_no_share_is_refused(hits: int, tries: int) -> None:
    with pytest.raises(ValueError, match="is no share"):
        wilson(hits, tries)
