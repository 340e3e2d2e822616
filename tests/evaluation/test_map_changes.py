from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import spearmanr

from lucency.evaluation.box_cells import film_cells
from lucency.evaluation.map_changes import CHANGED_BELOW, ShuffledMaps, map_changes
from lucency.imaging.geometry import InputSpec, place

CELLS = [film_cells([(8, 8, 16, 16)], place(64, 32, InputSpec(64, 64)), (8, 8)) for _ in range(12)]


def maps(seed: int) -> list[np.ndarray]:  # type: ignore[type-arg]
    return list(np.random.default_rng(seed).normal(size=(12, 8, 8)))


def test_correlations_are_those_of_scipy_on_the_film_and_without_sign() -> None:
    heats, others = maps(0), maps(1)
    turned = [0.3 * other - heat for heat, other in zip(heats, others, strict=True)]
    steps = [ShuffledMaps("the head", 1, turned), ShuffledMaps("all weights", 3, others)]
    found = map_changes(heats, steps, CELLS, None, resamples=100, seed=0)

    def expected(second: list[np.ndarray]) -> float:  # type: ignore[type-arg]
        # The film covers the columns 2 to 5.
        pairs = zip(heats, second, strict=True)
        return float(np.mean([abs(spearmanr(a[:, 2:6].ravel(), b[:, 2:6].ravel()).statistic) for a, b in pairs]))

    assert found["steps"][0]["correlation"]["value"] == pytest.approx(expected(turned))
    assert found["steps"][1]["correlation"]["value"] == pytest.approx(expected(others))
    assert found["between_films"]["value"] == pytest.approx(expected(heats[1:] + heats[:1]))
    assert found["steps"][0]["correlation"]["value"] > CHANGED_BELOW > found["steps"][1]["correlation"]["value"]
    assert found["changes"] is True
    assert "it depends on what the model has learned" in found["verdict"]
    assert [step["kernels"] for step in found["steps"]] == [1, 3]


def test_a_map_that_stays_is_not_to_be_trusted() -> None:
    heats = maps(0)
    found = map_changes(heats, [ShuffledMaps("all weights", 3, heats)], CELLS, None, resamples=100, seed=0)
    assert found["changes"] is False
    assert found["verdict"].endswith("do not trust it.")
    assert found["steps"][0]["pointing"] == found["pointing"]


def test_flat_maps_say_nothing() -> None:
    flat = [np.zeros((8, 8))] * 12
    found = map_changes(flat, [ShuffledMaps("all weights", 3, flat)], CELLS, None, resamples=100, seed=0)
    assert found["changes"] is None
    assert "cannot be said" in found["verdict"]


def test_a_map_that_turns_flat_has_changed() -> None:
    flat = [np.zeros((8, 8))] * 12
    found = map_changes(maps(0), [ShuffledMaps("all weights", 3, flat)], CELLS, None, resamples=100, seed=0)
    assert found["steps"][0]["correlation"]["value"] == 0
    assert found["changes"] is True


def test_one_film_alone() -> None:
    found = map_changes(
        maps(0)[:1], [ShuffledMaps("all weights", 1, maps(1)[:1])], CELLS[:1], None, resamples=9, seed=0
    )
    assert found["between_films"]["value"] is None
    assert found["steps"][0]["correlation"]["low"] is None
    assert "on 1 film" in found["verdict"]
