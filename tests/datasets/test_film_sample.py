from __future__ import annotations

import numpy as np
import pytest

from lucency.datasets.film_sample import sample_evenly, sample_films


@pytest.mark.parametrize("limit", [20, 50, 137])
def test_whole_groups_and_the_share_of_each_class(limit: int) -> None:
    random = np.random.default_rng(0)
    groups = [f"g{number}" for number in random.integers(0, 160, 400)]
    labels = (random.random(400) < 0.2).astype(int).tolist()
    chosen = sample_films(labels, groups, limit, seed=1)
    names = {groups[place] for place in chosen}
    assert sorted(chosen) == [place for place in range(400) if groups[place] in names]
    assert 0.8 * limit <= len(chosen) <= limit + 1
    share = np.mean([labels[place] for place in chosen])
    assert share == pytest.approx(np.mean(labels), abs=2 / limit)
    assert (sample_films(labels, groups, limit, seed=1) == chosen).all()
    assert set(sample_films(labels, groups, limit, seed=2)) != set(chosen)


def test_all_films_where_there_are_no_more() -> None:
    assert sample_films([0, 1, 0], ["a", "b", "c"], 3, seed=0).tolist() == [0, 1, 2]


def test_a_rare_class_is_not_lost() -> None:
    labels = [0] * 99 + [1]
    chosen = sample_films(labels, [str(place) for place in range(100)], 10, seed=0)
    assert 99 in chosen
    assert len(chosen) == 11


def test_one_large_group_is_taken_whole() -> None:
    assert len(sample_films([0, 1] * 10, ["same"] * 20, 4, seed=0)) == 20


def test_each_group_gives_one_film_before_any_gives_two():
    groups = ["a"] * 50 + ["b"] * 3 + ["c"] + ["", ""]
    for seed in range(5):
        chosen = sample_evenly(groups, 8, seed=seed)
        assert (np.diff(chosen) > 0).all()
        counts = [sum(groups[place] == name for place in chosen) for name in "abc"]
        assert (sorted(counts[:2]), counts[2], sum(not groups[place] for place in chosen)) in (([2, 3], 1, 2),)
    assert sample_evenly(groups, 100, seed=0).tolist() == list(range(56))
    assert sample_evenly(groups, 3, seed=0).tolist() == sample_evenly(groups, 3, seed=0).tolist()
    assert len({tuple(sample_evenly(groups, 8, seed=seed)) for seed in range(5)}) > 1
