"""A head that is trained on kept features is the head that training on the films gives."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from lucency.datasets.folder_lock import folder_lock
from lucency.errors import ResourceError
from lucency.learning.backend import choose_backend

choose_backend()
import keras  # noqa: E402

from lucency.learning import fit as fitting  # noqa: E402
from lucency.learning import frozen_features  # noqa: E402
from lucency.learning.classifier import build_classifier  # noqa: E402
from lucency.learning.fit import fit  # noqa: E402
from lucency.learning.frozen_features import head_model, keep_features, kept_views  # noqa: E402
from lucency.learning.keeper import FitState, Progress  # noqa: E402
from lucency.learning.loader import FilmBatches  # noqa: E402
from lucency.learning.recipe import Recipe, load_recipe  # noqa: E402

IMAGES = np.random.default_rng(0).integers(0, 256, (60, 32, 32), dtype=np.uint8)
LABELS = (IMAGES[:, :8].mean(axis=(1, 2)) > IMAGES[:, 24:].mean(axis=(1, 2))).astype(int)


def frozen(*overrides: str, name: str = "four-block") -> Recipe:
    off = [f"augmentation.{key}=0" for key in ("flip_horizontal", "flip_vertical", "rotation", "shear", "zoom")]
    small = ("input.height=32", "input.width=32", "training.batch_size=16", "model.weights=none")
    return load_recipe(name, [*small, *off, "training.unfreeze=none", "training.epochs=3", *overrides])


def batches(count: int = 44) -> tuple[FilmBatches, FilmBatches]:
    train = FilmBatches(IMAGES, np.arange(count), LABELS[:count], batch_size=16, shuffle=True)
    return train, FilmBatches(IMAGES, np.arange(44, 60), LABELS[44:], batch_size=16)


@pytest.mark.parametrize("name", ["four-block", "tiny-vgg"])
def test_kept_features_and_the_head_give_the_logits_of_the_whole(name: str, tmp_path: Path) -> None:
    model = build_classifier(frozen("model.hidden=[6]", "model.feature_noise=0.3", name=name))
    _, val = batches()
    kept = keep_features(model, val, tmp_path)
    logits = head_model(model).predict_on_batch(kept[0][0])
    np.testing.assert_allclose(logits, model.predict_on_batch(val[0][0]), atol=1e-5)
    # The average of a map is kept rather than the map, where the head begins with it.
    assert kept.images.ndim == (2 if name == "four-block" else 4)


def test_training_on_kept_features_ends_where_training_on_films_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = frozen("model.hidden=[6]", "model.hidden_normalization=true", "training.balance=oversample")
    kept, fast = fit(build_classifier(wanted), wanted, *batches(), tmp_path / "kept")
    monkeypatch.setattr(fitting, "kept_views", lambda *_: 0)
    plain, slow = fit(build_classifier(wanted), wanted, *batches(), tmp_path / "plain")
    assert list((tmp_path / "kept" / "features").glob("*/features.npy"))
    assert not (tmp_path / "plain" / "features").exists()
    for ours, theirs in zip(kept.get_weights(), plain.get_weights(), strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-4)
    assert [row["val_auroc"] for row in fast.rows] == pytest.approx([row["val_auroc"] for row in slow.rows], abs=1e-3)


def test_a_run_on_kept_features_is_resumed_to_the_same_end(tmp_path: Path) -> None:
    wanted = frozen("model.dropout=0.3", "model.feature_noise=0.2", "training.schedule=plateau")

    class Stop(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
            if epoch == 2:
                raise KeyboardInterrupt

    _, whole = fit(build_classifier(wanted), wanted, *batches(), tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        fit(build_classifier(wanted), wanted, *batches(), tmp_path / "broken", callbacks=[Stop()])
    assert FitState.read(tmp_path / "broken" / "checkpoints").epoch == 2
    _, resumed = fit(build_classifier(wanted), wanted, *batches(), tmp_path / "broken")
    for left, right in zip(whole.rows, resumed.rows, strict=True):
        for key in ("loss", "val_loss", "learning_rate"):
            assert left[key] == pytest.approx(right[key], abs=1e-5)


@pytest.mark.parametrize("name", ["four-block", "tiny-vgg"])
def test_onnx_runtime_gives_the_features_of_keras(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = build_classifier(frozen(name=name))
    train, _ = batches()
    by_keras = keep_features(model, train, tmp_path / "keras")
    monkeypatch.setattr(frozen_features, "_WORTH_COMPILING", 1)
    monkeypatch.setattr(frozen_features, "_extractor", unpredictable(frozen_features._extractor))
    by_onnx = keep_features(model, train, tmp_path / "onnx")
    assert np.ptp(by_keras.images) > 1e-3
    np.testing.assert_allclose(by_onnx.images, by_keras.images, atol=1e-5)


def unpredictable(extractor: Any) -> Any:
    """An extractor that fails where Keras is asked to predict with it."""

    def build(model: Any) -> Any:
        built = extractor(model)
        built.predict_on_batch = None
        return built

    return build


def test_features_are_computed_once_and_an_interruption_loses_little(tmp_path: Path) -> None:
    model = build_classifier(frozen())
    films = FilmBatches(IMAGES, np.resize(np.arange(60), 700), np.resize(LABELS, 700))
    heard: list[int] = []

    def stop(done: int, total: int) -> None:
        heard.append(done)
        if len(heard) == 12:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        keep_features(model, films, tmp_path, progress=stop)
    assert not list(tmp_path.glob("*/features.npy"))
    again: list[int] = []
    kept = keep_features(model, films, tmp_path, progress=lambda done, _: again.append(done))
    # Of 22 batches of 32 films, 8 were on disk when the twelfth was interrupted.
    assert len(again) == 22 - 8
    expected = keep_features(model, films, tmp_path / "other")
    np.testing.assert_array_equal(np.asarray(kept.images), np.asarray(expected.images))
    nothing: list[int] = []
    keep_features(model, films, tmp_path, progress=lambda done, _: nothing.append(done))
    assert nothing == []


def test_views_differ_and_are_the_same_again(tmp_path: Path) -> None:
    model = build_classifier(frozen("augmentation.rotation=40", "augmentation.flip_horizontal=0.5"))
    train, _ = batches()
    kept = keep_features(model, train, tmp_path, views=3, augment=True, seed=1)
    again = keep_features(model, train, tmp_path / "again", views=3, augment=True, seed=1)
    other = keep_features(model, train, tmp_path, views=3, augment=True, seed=2)
    assert len(kept.images) == 3 * len(train.rows)
    np.testing.assert_array_equal(np.asarray(kept.images), np.asarray(again.images))
    assert np.abs(np.asarray(kept.images) - np.asarray(other.images)).max() > 1e-3
    views = np.asarray(kept.images).reshape(len(train.rows), 3, -1)
    assert (np.abs(views[:, 0] - views[:, 1]).max(axis=1) > 1e-4).mean() > 0.9


def test_features_that_are_there_are_read_while_others_are_computed(tmp_path: Path) -> None:
    model, (train, val) = build_classifier(frozen()), batches()
    keep_features(model, train, tmp_path)
    (home,) = tmp_path.iterdir()
    with folder_lock(home):
        assert len(keep_features(model, train, tmp_path).images) == len(train.rows)
        assert len(keep_features(model, val, tmp_path).images) == len(val.rows)


def test_a_disk_without_room_is_named_before_anything_is_computed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=100))
    with pytest.raises(ResourceError, match=r"too little room.*cached_views"):
        keep_features(build_classifier(frozen()), batches()[0], tmp_path)


def test_other_films_or_other_weights_are_other_features(tmp_path: Path) -> None:
    train, val = batches()
    for number, (films, seed) in enumerate([(train, 0), (val, 0), (train, 1)], start=1):
        keep_features(build_classifier(frozen(f"seed={seed}")), films, tmp_path)
        assert len(list(tmp_path.glob("*/features.npy"))) == number


def test_noise_before_the_average_is_smaller_noise_after_it() -> None:
    model = build_classifier(frozen("model.feature_noise=0.8"))
    noise = head_model(model).get_layer("feature_noise")
    height, width = model.get_layer("features").output_shape[1:3]
    cells = np.random.default_rng(1).normal(0, 0.8, (20_000, height * width)).mean(axis=1)
    assert noise.stddev == pytest.approx(cells.std(), rel=0.02)


def test_which_phases_keep_features() -> None:
    assert kept_views(frozen(), "none") == 1
    assert kept_views(frozen(), 0) == 1
    assert kept_views(frozen(), 3) == 0
    assert kept_views(frozen(), "all") == 0
    assert kept_views(frozen("augmentation.rotation=10"), "none") == 0
    assert kept_views(frozen("augmentation.rotation=10", "training.cached_views=4"), "none") == 4
    assert kept_views(frozen("training.mixup=0.2"), "none") == 0
    assert kept_views(frozen("training.mixup=0.2", "training.cached_views=3"), "none") == 1


def test_a_listener_hears_of_features_before_the_first_epoch(tmp_path: Path) -> None:
    wanted = frozen("training.epochs=1")
    heard: list[Progress] = []
    fit(build_classifier(wanted), wanted, *batches(), tmp_path, listener=heard.append)
    names = [at.phase for at in heard]
    assert names.index("train") == names.count("features") > 0
    assert heard[names.count("features") - 1].step == heard[0].steps == 60
