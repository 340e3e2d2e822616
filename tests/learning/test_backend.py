from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from lucency.errors import MissingExtraError
from lucency.learning import backend
from lucency.learning.backend import choose_backend, use_device

choose_backend()
import keras  # noqa: E402

from lucency.workflows.train import train  # noqa: E402


@pytest.fixture
def float32_afterwards() -> Iterator[None]:
    yield
    keras.config.set_dtype_policy("float32")


def test_the_device_is_said(float32_afterwards: None) -> None:
    device = use_device()
    assert device.backend == keras.backend.backend()
    assert device.devices
    assert device.precision == ("float32" if device.kind == "cpu" else keras.config.dtype_policy().name)


def test_a_missing_backend_is_named_with_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backend, "find_spec", lambda name: None if name == "jax" else object())
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    with pytest.raises(MissingExtraError, match=r"train-jax"):
        choose_backend()
    monkeypatch.setattr(backend, "find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=r"lucency\[train\]"):
        choose_backend()


def test_jax_is_chosen_where_tensorflow_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backend, "find_spec", lambda name: None if name == "tensorflow" else object())
    monkeypatch.setenv("KERAS_BACKEND", "")
    assert choose_backend() == "jax"


def test_mixed_precision_ends_in_a_float32_bundle(
    monkeypatch: pytest.MonkeyPatch, float32_afterwards: None, drawn_films: Path, tmp_path: Path
) -> None:
    # There is no GPU here: the device's name is feigned, the half-precision arithmetic is real.
    monkeypatch.setattr(keras.distribution, "list_devices", lambda *_: ["gpu:0", "cpu:0"])
    small = [
        "input.height=64",
        "input.width=64",
        "training.epochs=1",
        "augmentation.rotation=5",
        "evaluation.resamples=100",
    ]
    result = train(drawn_films, recipe="tiny-vgg", overrides=small, out=tmp_path / "run")
    assert result.bundle is not None
    assert result.bundle.card.provenance["device"]["precision"] == "mixed_float16"
    assert result.bundle.card.provenance["parity"]["logit"] <= 1e-4
