from __future__ import annotations

import numpy as np
import pytest
from statsmodels.stats.proportion import proportion_confint

from lucency.evaluation.shares import share_figures

EVERYONE = np.ones(40, dtype=bool)


def test_films_alone_get_wilson() -> None:
    hits = np.arange(40) < 31
    figure = share_figures({"x": (hits, EVERYONE)}, None, empty="none")["x"]
    low, high = proportion_confint(31, 40, method="wilson")
    assert figure["value"] == 31 / 40
    assert (figure["low"], figure["high"]) == (pytest.approx(low), pytest.approx(high))
    assert figure["method"] == "wilson"


def test_groups_make_an_interval_wider() -> None:
    random = np.random.default_rng(0)
    hits = np.repeat(random.random(60) < 0.7, 5)
    everyone = np.ones(300, dtype=bool)
    groups = [str(number // 5) for number in range(300)]
    alone = share_figures({"x": (hits, everyone)}, None, empty="none")["x"]
    together = share_figures({"x": (hits, everyone)}, groups, empty="none")["x"]
    assert together["value"] == alone["value"]
    # Sixty groups of equal films are sixty films: sqrt(5) as wide.
    ratio = (together["high"] - together["low"]) / (alone["high"] - alone["low"])
    assert ratio == pytest.approx(5**0.5, rel=0.15)
    assert together["method"] == "bootstrap"


def test_what_cannot_be_said() -> None:
    nobody = np.zeros(40, dtype=bool)
    groups = [str(number // 8) for number in range(40)]
    empty = share_figures({"x": (EVERYONE, nobody)}, None, empty="there is no such film")["x"]
    assert (empty["value"], empty["low"], empty["reason"]) == (None, None, "there is no such film")
    few = share_figures({"x": (EVERYONE, EVERYONE)}, groups, empty="none")["x"]
    assert (few["value"], few["low"]) == (1.0, None)
    assert "only 5 groups" in few["reason"]
    none = share_figures({"x": (EVERYONE, EVERYONE)}, [str(n // 2) for n in range(40)], empty="none", resamples=0)["x"]
    assert (none["low"], none["reason"]) == (None, "no resamples were asked for")
    same = share_figures({"x": (EVERYONE, EVERYONE)}, [str(n // 2) for n in range(40)], empty="none")["x"]
    assert same["low"] is None
    assert "same value" in same["reason"]
