"""Majority and one nearest neighbour."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.neighbors import KNeighborsClassifier

from lucency.errors import DatasetError
from lucency.evaluation import baselines
from lucency.evaluation.baselines import majority, nearest_neighbour, thumbnails


def noise(seed: int, films: int, side: tuple[int, int] = (64, 64)) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (films, *side), dtype=np.uint8)


def test_majority_is_that_of_the_training_films() -> None:
    found = majority([0, 0, 1], [1, 1, 1, 0])
    assert found.accuracy == 0.25
    assert found.auroc is None
    assert found.detail["answer"] == "not_fractured"
    assert majority([1, 1, 0], [1, 1, 1, 0]).accuracy == 0.75


def test_thumbnails_are_area_means() -> None:
    images = noise(0, 3)
    blocks = images.reshape(3, 32, 2, 32, 2).mean(axis=(2, 4)) / 255
    np.testing.assert_allclose(thumbnails(images), blocks.reshape(3, -1), atol=1e-6)


@pytest.mark.parametrize("side", [(50, 77), (20, 31), (33, 32)])
def test_thumbnails_keep_the_mean_at_any_size(side: tuple[int, int]) -> None:
    images = noise(1, 2, side)
    np.testing.assert_allclose(thumbnails(images).mean(axis=1), images.mean(axis=(1, 2)) / 255, rtol=1e-4)


def test_thumbnails_take_rows_and_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    images = noise(2, 9)
    whole = thumbnails(images)
    monkeypatch.setattr(baselines, "_PIXELS_AT_ONCE", 64 * 64 * 2)
    np.testing.assert_array_equal(thumbnails(images, np.array([7, 0, 3, 3])), whole[[7, 0, 3, 3]])


def test_agrees_with_scikit_learn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(baselines, "_DISTANCES_AT_ONCE", 500)
    random = np.random.default_rng(3)
    train, test = noise(4, 120), noise(5, 60)
    labels, truth = random.integers(0, 2, 120), random.integers(0, 2, 60)
    outside = KNeighborsClassifier(1, algorithm="brute").fit(thumbnails(train), labels)
    found = nearest_neighbour(train, labels, test, truth)
    assert found.accuracy == pytest.approx(outside.score(thumbnails(test), truth))
    assert found.auroc is not None
    assert 0.3 < found.auroc < 0.7


def test_copies_on_both_sides_are_unmasked() -> None:
    images = noise(6, 80)
    labels = np.random.default_rng(7).integers(0, 2, 80)
    rows = np.arange(80)
    found = nearest_neighbour(images, labels, images, labels[40:], train_rows=rows, test_rows=rows[40:])
    assert found.accuracy == 1.0
    assert found.auroc == 1.0


def test_one_class_among_the_training_films() -> None:
    found = nearest_neighbour(noise(8, 5), np.zeros(5), noise(9, 4), [0, 1, 0, 0])
    assert found.accuracy == 0.75
    assert found.auroc is None


def test_one_class_among_the_evaluated_films() -> None:
    assert nearest_neighbour(noise(8, 6), [0, 1] * 3, noise(9, 3), [0, 0, 0]).auroc is None


def test_bad_input_is_refused_in_words() -> None:
    with pytest.raises(DatasetError, match="no training films"):
        majority([], [1])
    with pytest.raises(DatasetError, match="neither 0 nor 1"):
        majority([0, 3], [1])
    with pytest.raises(DatasetError, match="2 labels were given for 5 training films"):
        nearest_neighbour(noise(8, 5), [0, 1], noise(9, 4), [0, 1, 0, 0])
    with pytest.raises(DatasetError, match="films, height, width"):
        thumbnails(noise(0, 2)[..., None])
