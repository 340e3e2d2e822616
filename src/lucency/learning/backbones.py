"""BACKBONES: one row each, with the factory, the input convention, the head it takes, its weights and their licence."""

from __future__ import annotations

import contextlib
import os
import sys
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal
from urllib.error import HTTPError

import keras

from lucency.errors import RecipeError
from lucency.learning import architectures

Convention = Literal["zero_to_one", "minus_one_to_one"]

CONVENTIONS: dict[Convention, tuple[float, float]] = {
    "zero_to_one": (1 / 255, 0.0),
    "minus_one_to_one": (1 / 127.5, -1.0),
}
"""Scale and offset that turn grey 0..255 into what a network expects."""


@dataclass(frozen=True)
class Backbone:
    """One row of `BACKBONES`.

    Attributes:
        factory: (H, W, 3) -> keras.Model from the network's input convention to the map that enters the head.
        convention: Key of `CONVENTIONS`.
        pooling: How the map is brought to a vector for the logit.
        smallest_side: Smallest input side in pixels.
        weights_url: Where the ImageNet weights come from, or None where there are none.
        weights_licence: Licence of those weights.
    """

    factory: Callable[[tuple[int, int, int]], Any]
    convention: Convention
    pooling: Literal["average", "flatten"]
    smallest_side: int
    weights_url: str | None = None
    weights_licence: str | None = None

    @property
    def weights_file(self) -> str | None:
        """File name of the ImageNet weights."""
        return self.weights_url.rpartition("/")[2] if self.weights_url else None


def _stack(layers: Callable[[], list[Any]]) -> Callable[[tuple[int, int, int]], Any]:
    def build(shape: tuple[int, int, int]) -> Any:
        return keras.Sequential([keras.Input(shape), *layers()], name="features")

    return build


def _application(name: str) -> Callable[[tuple[int, int, int]], Any]:
    def build(shape: tuple[int, int, int]) -> Any:
        return getattr(keras.applications, name)(include_top=False, weights=None, input_shape=shape, name="features")

    return build


BACKBONES: dict[str, Backbone] = {
    "tiny-vgg": Backbone(_stack(architectures.tiny_vgg), "zero_to_one", "flatten", smallest_side=32),
    "four-block": Backbone(_stack(architectures.four_block), "zero_to_one", "average", smallest_side=32),
    "mobilenet": Backbone(
        _application("MobileNet"),
        "minus_one_to_one",
        "average",
        smallest_side=32,
        weights_url="https://storage.googleapis.com/tensorflow/keras-applications/mobilenet/mobilenet_1_0_224_tf_no_top.h5",
        weights_licence="Apache-2.0",
    ),
}
"""Every architecture that a recipe can name."""


def load_weights(backbone: Any, name: str, weights: str, *, cache: Path | None = None, url: str | None = None) -> None:
    """Fills a backbone with pretrained weights, in place.

    Args:
        backbone: Model made by the row's factory.
        name: Key of `BACKBONES`.
        weights: "none", "imagenet", or the path of a `.h5` or `.weights.h5` file.
        cache: Folder for downloaded weights; Keras's own (`~/.keras/models`) by default.
        url: Another address of the ImageNet weights.

    Raises:
        RecipeError: The file is missing, cannot be fetched, or holds another architecture.
    """
    row = BACKBONES[name]
    if weights == "none":
        return
    path = _fetch(name, row, cache, url) if weights == "imagenet" else Path(weights).expanduser()
    if not path.is_file():
        raise RecipeError(
            "the weights file does not exist",
            where=path,
            hint='Give "imagenet", "none", or the path of a weights file for this architecture',
        )
    with path.open("rb") as file:
        head = file.read(64)
    if head.startswith(b"version https://git-lfs"):
        raise RecipeError("this is a Git-LFS pointer, not the weights", where=path, hint="Run: git lfs pull")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            backbone.load_weights(str(path))
    except (
        Exception
    ) as error:  # Keras and h5py raise ValueError, OSError, KeyError, TypeError for one and the same cause.
        reason = str(error).strip().splitlines()[0][:160] if str(error).strip() else type(error).__name__
        raise RecipeError(
            f"the weights do not fit {name} ({reason})",
            where=path,
            hint=f"They must come from the {name} backbone without its top, and be a whole .h5 or .weights.h5 file",
        ) from None


def _fetch(name: str, row: Backbone, cache: Path | None, url: str | None) -> Path:
    url = url or row.weights_url
    if url is None:
        raise RecipeError(f"there are no ImageNet weights for {name}", hint='Set model.weights to "none"')
    file = url.rpartition("/")[2]
    folder = cache or Path(os.environ.get("KERAS_HOME", Path.home() / ".keras")) / "models"
    if (folder / file).is_file():
        return folder / file
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with contextlib.redirect_stdout(sys.stderr):
            return Path(keras.utils.get_file(file, origin=url, cache_dir=str(folder), cache_subdir=""))
    except Exception as error:  # get_file wraps every network failure in a bare Exception.
        (folder / file).unlink(missing_ok=True)
        if isinstance(error.__context__, HTTPError):
            error.__context__.close()
        reason = str(error).strip().rpartition("--")[2].strip() or type(error).__name__
        raise RecipeError(
            f"the ImageNet weights of {name} cannot be fetched ({reason})",
            where=url,
            hint=f"Fetch that file where there is internet and put it at {folder / file}, or give --weights PATH or "
            "--weights none",
        ) from None
