from __future__ import annotations

import numpy as np
import pytest

from lucency.learning.backend import choose_backend

choose_backend()
import keras  # noqa: E402

from lucency.learning.augment import AUGMENTATIONS, RandomAffine, RandomIntensity, augmentation_layers  # noqa: E402

FILMS = np.random.default_rng(0).integers(0, 256, (6, 20, 30, 1)).astype(np.uint8)


def changed(layer: object, films: np.ndarray = FILMS) -> np.ndarray:
    return np.asarray(keras.ops.convert_to_numpy(layer(films, training=True)))  # type: ignore[operator]


@pytest.mark.parametrize("name", AUGMENTATIONS)
def test_every_row_changes_films_in_training_and_none_at_inference(name: str) -> None:
    strength = 0.5 if name not in ("rotation", "shear") else 20.0
    layers = augmentation_layers({name: strength}, seed=1)
    assert len(layers) == 1
    out = changed(layers[0])
    assert out.shape == FILMS.shape
    assert (np.abs(out - FILMS) > 1).any()
    assert out.min() >= 0
    assert out.max() <= 255
    np.testing.assert_array_equal(np.asarray(layers[0](FILMS, training=False)), FILMS)


def test_nothing_asked_for_is_no_layer() -> None:
    assert augmentation_layers(dict.fromkeys(AUGMENTATIONS, 0.0), seed=0) == []


def test_a_certain_flip_is_an_exact_mirror() -> None:
    np.testing.assert_allclose(changed(RandomAffine({"flip_horizontal": 1.0})), FILMS[:, :, ::-1], atol=1e-2)
    np.testing.assert_allclose(changed(RandomAffine({"flip_vertical": 1.0})), FILMS[:, ::-1], atol=1e-2)


def test_rotation_turns_about_the_centre_by_at_most_its_angle() -> None:
    film = np.zeros((1, 41, 41, 1), np.float32)
    film[0, 20, 35] = 255
    angles = []
    for seed in range(40):
        out = changed(RandomAffine({"rotation": 30.0}, seed=seed), film)[0, :, :, 0]
        y, x = np.indices(out.shape)
        cy, cx = (out * y).sum() / out.sum(), (out * x).sum() / out.sum()
        assert np.hypot(cy - 20, cx - 20) == pytest.approx(15, abs=0.6)
        angles.append(np.degrees(np.arctan2(cy - 20, cx - 20)))
    assert max(np.abs(angles)) <= 31.5
    assert min(angles) < -15
    assert max(angles) > 15


def test_zoom_and_shift_stay_within_their_limits() -> None:
    film = np.zeros((1, 60, 60, 1), np.float32)
    film[0, 20:40, 20:40] = 255
    sides, offsets = [], []
    for seed in range(30):
        sides.append(np.sqrt(changed(RandomAffine({"zoom": 0.2}, seed=seed), film).sum() / 255))
        out = changed(RandomAffine({"shift": 0.1}, seed=seed), film)[0, :, :, 0]
        y, x = np.indices(out.shape)
        offsets.append(((out * y).sum() / out.sum() - 29.5, (out * x).sum() / out.sum() - 29.5))
    assert 15.5 < min(sides) < 18.5 < 21.5 < max(sides) < 24.5
    assert np.abs(offsets).max() <= 6.1
    assert np.abs(offsets).max() > 3


def test_brightness_and_contrast_do_what_they_say() -> None:
    grey = np.full((50, 4, 4, 1), 128.0, np.float32)
    out = changed(RandomIntensity({"brightness": 0.1}), grey)
    assert np.ptp(out.reshape(50, -1), axis=1).max() == 0
    assert 15 < np.abs(out - 128).max() <= 25.5
    step = np.tile(np.array([100.0, 150.0], np.float32).reshape(1, 1, 2, 1), (50, 4, 1, 1))
    out = changed(RandomIntensity({"contrast": 0.4}), step)
    spread = out[:, 0, 1, 0] - out[:, 0, 0, 0]
    assert 30 - 1e-3 <= spread.min() < 45
    assert 55 < spread.max() <= 70 + 1e-3
    np.testing.assert_allclose(out.mean(axis=(1, 2, 3)), 125, atol=1e-3)


def test_gamma_bends_the_greys_between_and_leaves_the_ends() -> None:
    film = np.tile(np.array([0.0, 64.0, 255.0], np.float32).reshape(1, 1, 3, 1), (50, 4, 1, 1))
    out = changed(RandomIntensity({"gamma": 0.4}), film)
    np.testing.assert_allclose(out[:, :, [0, 2]], film[:, :, [0, 2]], atol=1e-3)
    exponents = np.log(out[:, 0, 1, 0] / 255) / np.log(64 / 255)
    assert np.exp(-0.4) - 1e-3 <= exponents.min() < 0.75
    assert 1.35 < exponents.max() <= np.exp(0.4) + 1e-3


def test_the_same_seed_draws_the_same() -> None:
    one, two, other = (changed(RandomAffine({"rotation": 30.0, "zoom": 0.2}, seed=seed)) for seed in (4, 4, 5))
    np.testing.assert_array_equal(one, two)
    assert np.abs(one - other).max() > 1
