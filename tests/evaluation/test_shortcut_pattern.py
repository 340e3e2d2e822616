from __future__ import annotations

import numpy as np

from lucency.evaluation.shortcut_pattern import strongest_pattern


def test_the_range_where_the_classes_differ():
    numbers = np.arange(3000.0)
    labels = ((numbers >= 2400) & (numbers < 2600)).astype(np.int64)
    noise = np.random.default_rng(0).normal(size=3000)
    pattern = strongest_pattern(("noise", "number"), np.stack([noise, numbers], axis=1), labels)
    assert pattern.feature == "number"
    assert pattern.share > 0.85
    assert abs(pattern.low - 2400) < 76
    assert abs(pattern.high - 2599) < 76
    assert pattern.words.startswith(f"Number from {pattern.low:.0f} to {pattern.high:.0f}: ")


def test_a_category_is_told_by_its_value():
    labels = (np.arange(3000) % 15 == 0).astype(np.int64)
    fractured, others = labels.astype(float)[:, None], 1 - labels.astype(float)[:, None]
    assert strongest_pattern(("view = AP",), fractured, labels).words.startswith("View = AP: 100% of 200 films")
    found = strongest_pattern(("view = AP",), others, labels)
    assert found.words == "View other than AP: 100% of 200 films fractured, against 7% of all."


def test_a_feature_that_does_not_vary_has_no_pattern():
    assert strongest_pattern(("flat",), np.ones((20, 1)), np.arange(20) % 2) is None


def test_unknown_values_are_no_range():
    labels = np.repeat([0, 1], 50)
    known_for_one = np.where(labels == 1, np.nan, np.arange(100.0))[:, None]
    pattern = strongest_pattern(("number",), known_for_one, labels)
    assert pattern.fractured == 0
    assert pattern.high < 50
