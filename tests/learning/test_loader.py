"""What batches hold, in which order, and how classes are balanced and films blended."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from lucency.learning.backend import choose_backend

choose_backend()

from lucency.learning.loader import FilmBatches  # noqa: E402

IMAGES = np.random.default_rng(0).integers(0, 256, (20, 4, 4), dtype=np.uint8)
LABELS = np.array([1] * 4 + [0] * 16)


def epoch_of(loader: FilmBatches, epoch: int) -> tuple[npt.NDArray[Any], ...]:
    loader.begin_epoch(epoch)
    return tuple(np.concatenate(parts) for parts in zip(*(loader[i] for i in range(len(loader))), strict=True))


def seen(films: npt.NDArray[Any]) -> list[int]:
    return [int(np.flatnonzero((film[..., 0] == IMAGES).all(axis=(1, 2)))[0]) for film in films]


def test_each_film_is_shown_once_in_an_order_of_the_epoch_alone() -> None:
    rows = np.array([3, 1, 0])
    loader = FilmBatches(IMAGES, rows, [1, 0, 1], batch_size=2, shuffle=True, seed=4)
    assert len(loader) == 2
    orders = []
    for epoch in (0, 1, 2, 3, 0):
        films, labels, weights = epoch_of(loader, epoch)
        assert films.shape == (3, 4, 4, 1)
        assert films.dtype == np.uint8
        order = seen(films)
        assert sorted(order) == [0, 1, 3]
        assert [{3: 1, 1: 0, 0: 1}[row] for row in order] == labels[:, 0].tolist()
        assert weights.tolist() == [1, 1, 1]
        orders.append(order)
    assert orders[0] == orders[4]
    assert len({tuple(order) for order in orders}) > 1


def test_without_shuffling_the_order_is_that_of_the_rows() -> None:
    films, _, _ = epoch_of(FilmBatches(IMAGES, np.arange(20), LABELS, batch_size=8), 3)
    assert seen(films) == list(range(20))


def test_class_weights_travel_with_their_films() -> None:
    _, labels, weights = epoch_of(FilmBatches(IMAGES, np.arange(20), LABELS, shuffle=True, balance="class_weight"), 0)
    # 20 films: a film of the four weighs 20 / (2 * 4), one of the sixteen 20 / (2 * 16).
    np.testing.assert_allclose(weights, np.where(labels[:, 0] == 1, 2.5, 0.625))


def test_oversampling_shows_every_film_and_as_many_of_each_class() -> None:
    loader = FilmBatches(IMAGES, np.arange(20), LABELS, batch_size=8, shuffle=True, balance="oversample")
    films, labels, _ = epoch_of(loader, 0)
    assert len(films) == 32
    assert labels.sum() == 16
    counts = np.bincount(seen(films), minlength=20)
    assert counts.tolist() == [4] * 4 + [1] * 16


def test_twice_shows_each_film_of_the_smaller_class_two_times() -> None:
    films, labels, _ = epoch_of(FilmBatches(IMAGES, np.arange(20), LABELS, shuffle=True, balance="twice"), 0)
    assert labels.sum() == 8
    assert np.bincount(seen(films), minlength=20).tolist() == [2] * 4 + [1] * 16


def test_undersampling_draws_other_films_of_the_larger_class_each_epoch() -> None:
    loader = FilmBatches(IMAGES, np.arange(20), LABELS, batch_size=8, shuffle=True, balance="undersample")
    shown: set[int] = set()
    for epoch in range(6):
        films, labels, _ = epoch_of(loader, epoch)
        assert len(films) == 8
        assert labels.sum() == 4
        assert set(range(4)) <= set(seen(films))
        shown |= set(seen(films))
    assert len(shown) > 12


def test_mixup_blends_films_and_labels_by_the_same_share() -> None:
    flat = np.repeat(np.array([0, 200], np.uint8), 50)[:, None, None] * np.ones((1, 4, 4), np.uint8)
    loader = FilmBatches(flat, np.arange(100), np.repeat([0, 1], 50), batch_size=50, shuffle=True, mixup=0.4, seed=1)
    films, labels, _ = epoch_of(loader, 0)
    np.testing.assert_allclose(films[:, 0, 0, 0] / 200, labels[:, 0], atol=1e-5)
    assert ((labels > 0.02) & (labels < 0.98)).mean() > 0.1
    np.testing.assert_array_equal(epoch_of(loader, 0)[1], labels)
    assert not np.array_equal(epoch_of(loader, 1)[1], labels)


@pytest.mark.parametrize("views", [1, 3])
def test_kept_features_take_the_place_of_films(views: int) -> None:
    features = np.arange(20 * views, dtype=np.float32)[:, None]
    films = FilmBatches(IMAGES, np.arange(20), LABELS, shuffle=True, balance="oversample", seed=2)
    kept = films.with_features(features, views)
    values, labels, _ = epoch_of(kept, 0)
    owner = values[:, 0] // views
    np.testing.assert_array_equal(LABELS[owner.astype(int)], labels[:, 0])
    if views > 1:
        assert len({int(value) % views for value in values[:, 0]}) == views
