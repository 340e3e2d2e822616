from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, precision_recall_curve

from lucency.evaluation.box_cells import FilmCells, film_cells
from lucency.evaluation.map_precision_recall import pooled_precision_recall
from lucency.imaging.geometry import InputSpec, place

SIZES = ((64, 64), (64, 32), (40, 64), (64, 64), (64, 50)) * 3


@pytest.fixture
def films() -> tuple[list[np.ndarray], list[FilmCells]]:  # type: ignore[type-arg]
    random = np.random.default_rng(2)
    cells, heats = [], []
    for height, width in SIZES:
        box = (*random.uniform(0, 15, 2), *random.uniform(5, 15, 2))
        one = film_cells([box], place(height, width, InputSpec(64, 64)), (8, 8))
        cells.append(one)
        heats.append((2 * one.boxed / 64 + random.integers(0, 5, (8, 8)) / 4).astype(np.float32))
    return heats, cells


def flat_lists(heats: list[np.ndarray], cells: list[FilmCells]) -> tuple[np.ndarray, ...]:  # type: ignore[type-arg]
    """Each cell twice: as boxed and as bare film, with the share of its film as weight."""
    heat = np.concatenate([values.ravel() for values in heats])
    boxed = np.concatenate([(one.boxed / one.film.sum()).ravel() for one in cells])
    film = np.concatenate([(one.film / one.film.sum()).ravel() for one in cells])
    truth = np.repeat([1, 0], len(heat))
    return truth, np.tile(heat, 2), np.concatenate([boxed, film - boxed]).clip(0)


def test_average_precision_is_that_of_scikit_learn_with_each_film_as_one(
    films: tuple[list[np.ndarray], list[FilmCells]],  # type: ignore[type-arg]
) -> None:
    found = pooled_precision_recall(*films, None, resamples=200, seed=0)
    truth, heat, weight = flat_lists(*films)
    figure = found["average_precision"]
    assert figure["value"] == pytest.approx(average_precision_score(truth, heat, sample_weight=weight))
    assert figure["low"] < figure["value"] < figure["high"]
    assert found["base_rate"] == pytest.approx(np.mean([one.boxed_share for one in films[1]]))


def test_the_curve_is_that_of_scikit_learn(films: tuple[list[np.ndarray], list[FilmCells]]) -> None:  # type: ignore[type-arg]
    curve = pooled_precision_recall(*films, None, resamples=0, seed=0)["curve"]
    truth, heat, weight = flat_lists(*films)
    precision, recall, thresholds = precision_recall_curve(truth, heat, sample_weight=weight)
    expected = {float(t): (p, r) for p, r, t in zip(precision[:-1], recall[:-1], thresholds, strict=True)}
    assert len(curve["heat"]) > 20
    for threshold, p, r in zip(curve["heat"], curve["precision"], curve["recall"], strict=True):
        assert expected[threshold] == pytest.approx((p, r))


def test_the_interval_is_that_of_films_drawn_again(
    films: tuple[list[np.ndarray], list[FilmCells]],  # type: ignore[type-arg]
) -> None:
    heats, cells = films
    found = pooled_precision_recall(heats, cells, None, resamples=1500, seed=0)["average_precision"]
    random = np.random.default_rng(9)
    drawn = []
    for _ in range(1500):
        chosen = random.integers(0, len(heats), len(heats))
        truth, heat, weight = flat_lists([heats[i] for i in chosen], [cells[i] for i in chosen])
        drawn.append(average_precision_score(truth, heat, sample_weight=weight))
    assert (found["low"], found["high"]) == pytest.approx(tuple(np.quantile(drawn, [0.025, 0.975])), abs=0.03)


def test_one_group_has_no_interval(films: tuple[list[np.ndarray], list[FilmCells]]) -> None:  # type: ignore[type-arg]
    found = pooled_precision_recall(*films, ["a"] * len(SIZES), resamples=50, seed=0)["average_precision"]
    assert found["low"] is None
    assert "one group" in found["reason"]


def test_few_films_have_no_interval(films: tuple[list[np.ndarray], list[FilmCells]]) -> None:  # type: ignore[type-arg]
    heats, cells = films
    found = pooled_precision_recall(heats[:9], cells[:9], None, resamples=50, seed=0)["average_precision"]
    assert (found["low"], found["reason"]) == (None, "there are only 9 films, and an interval needs 10")
