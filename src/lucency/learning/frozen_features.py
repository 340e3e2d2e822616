"""Features of a frozen backbone, computed once per film and kept, so that the epochs of a head cost seconds."""

from __future__ import annotations

import hashlib
import json
import math
import os
import tempfile
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
from keras import layers

from lucency.datasets.disk_room import require_room
from lucency.datasets.folder_lock import folder_lock
from lucency.learning.backend import jit
from lucency.learning.loader import FilmBatches
from lucency.learning.recipe import Recipe

_BATCH = 32

_WORTH_COMPILING = 500
"""Views from which on the seconds that the conversion to ONNX takes are won back."""


def kept_views(recipe: Recipe, unfreeze: int | str) -> int:
    """How many views of each training film a phase keeps the features of; 0 where it computes them in every step.

    Args:
        recipe: What is wanted.
        unfreeze: What the phase trains of the backbone.
    """
    if unfreeze not in ("none", 0):
        return 0
    plan = recipe.training
    if recipe.localisation.channels:
        # The map is taught by boxes, which a kept feature does not have.
        return 0
    # In inference mode the features of an unchanged film are always the same, so keeping them costs nothing.
    augmented = any(recipe.augmentation.model_dump().values())
    changed = augmented or plan.mixup > 0
    if not changed:
        return 1
    # Mixup blends what is kept; without augmentation further views of a film would all be the same.
    return plan.cached_views if augmented else min(1, plan.cached_views)


def head_model(model: Any) -> Any:
    """The head of a classifier as a model of its own: kept features -> logit; both share their weights.

    Where the map is averaged before anything else happens to it, the average is what is kept: it is hundreds of times
    smaller. Independent noise on the H x W cells of a map is, after the average, noise of 1 / sqrt(H W) its deviation.
    """
    head = _head(model)
    _, height, width, channels = model.get_layer("features").output_shape
    pool = _pool(head)
    if pool is None:
        entering = x = keras.Input((height, width, channels), name="features")
    else:
        entering = x = keras.Input((channels,), name="features")
        for layer in head[:pool]:
            deviation = layer.stddev / math.sqrt(height * width)
            x = layers.GaussianNoise(deviation, seed=layer.seed, name=layer.name)(x)
        head = head[pool + 1 :]
    for layer in head:
        x = layer(x)
    return keras.Model(entering, x, name="head")


def keep_features(
    model: Any,
    batches: FilmBatches,
    folder: Path,
    *,
    views: int = 1,
    augment: bool = False,
    seed: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> FilmBatches:
    """Batches of the features of the same films, computed now or found in `folder`.

    Args:
        model: Model of `build_classifier`; its backbone and augmentation layers are used, in inference and in training
            mode.
        batches: The films.
        folder: Where features are kept, under a name made from the weights, the films and all that changes them. What
            an interrupted call computed is gone on with.
        views: Views of each film.
        augment: Whether a view is changed by the augmentation layers.
        seed: Seed of the augmentation.
        progress: Hears of each batch: films done, films in all.
    """
    home = folder / _key(model, batches, views, augment, seed)
    path = home / "features.npy"
    if not path.is_file():
        home.mkdir(parents=True, exist_ok=True)
        with folder_lock(home, doing="computing features"):
            # Whoever held the lock before may have computed them.
            if not path.is_file():
                _compute(model, batches, path, views=views, seed=seed if augment else None, progress=progress)
    return batches.with_features(np.load(path, mmap_mode="r"), views)


def _compute(
    model: Any,
    batches: FilmBatches,
    path: Path,
    *,
    views: int,
    seed: int | None,
    progress: Callable[[int, int], None] | None,
) -> None:
    count = len(batches.rows)
    extractor = _extractor(model)
    shape = (count * views, *extractor.output_shape[1:])
    extract = _compiled(extractor) if count * views >= _WORTH_COMPILING else extractor.predict_on_batch
    part, mark = path.with_suffix(".part.npy"), path.with_suffix(".json")
    try:
        done = int(json.loads(mark.read_text("utf-8"))["done"])
        kept: Any = np.lib.format.open_memmap(part, mode="r+")
        done = done if kept.shape == shape else 0
    except (OSError, ValueError, KeyError):
        done = 0
    if not done:
        # A full disk under a memory map kills the process instead of raising an error.
        require_room(
            path.parent,
            4 * math.prod(shape),
            hint="Free some space, lower training.cached_views, or let the last layers train (training.unfreeze)",
        )
        kept = np.lib.format.open_memmap(part, mode="w+", dtype=np.float32, shape=shape)
    steps = [(view, start) for view in range(views) for start in range(0, count, _BATCH)]
    for number, (view, start) in enumerate(steps):
        if number < done:
            continue
        rows = batches.rows[start : start + _BATCH]
        films = batches.images[rows][..., None]
        if seed is not None:
            films = _augmented(model, films, (seed, number))
        kept[np.arange(start, start + len(rows)) * views + view] = extract(films)
        if number % 8 == 7:
            kept.flush()
            mark.write_text(json.dumps({"done": number + 1}), "utf-8")
        if progress:
            progress(min(view * count + start + len(rows), count * views), count * views)
    kept.flush()
    del kept
    os.replace(part, path)
    mark.unlink(missing_ok=True)


def _augmented(model: Any, films: npt.NDArray[np.uint8], seed: tuple[int, int]) -> Any:
    x: Any = films
    for index, layer in enumerate(_augmentation(model)):
        layer.seed_generator.state.assign([seed[0] + index, seed[1]])
        x = layer(x, training=True)
    return x


def _augmentation(model: Any) -> list[Any]:
    return [layer for layer in model.layers if hasattr(layer, "strengths")]


def _extractor(model: Any) -> Any:
    features = model.get_layer("features")
    _, height, width, _ = features.input_shape
    film = keras.Input((height, width, 1), name="film")
    x = features(model.get_layer("network_input")(film), training=False)
    head = _head(model)
    pool = _pool(head)
    if pool is not None:
        x = head[pool](x)
    model = keras.Model(film, x, name="extractor")
    model.compile(jit_compile=jit())
    return model


def _exact(model: Any) -> bool:
    """Whether it computes in float32 throughout; ONNX has no convolutions in bfloat16."""
    return all(layer.dtype_policy.name == "float32" for layer in model._flatten_layers())


def _compiled(extractor: Any) -> Callable[[Any], Any]:
    """The extractor in ONNX Runtime, which is two to three times faster on a CPU than Keras on TensorFlow."""
    on_cpu = all(name.startswith("cpu") for name in keras.distribution.list_devices())
    wanted = keras.backend.backend() == "tensorflow" and on_cpu and _exact(extractor)
    if not wanted or find_spec("tf2onnx") is None:
        return extractor.predict_on_batch  # type: ignore[no-any-return]
    import onnxruntime

    from lucency.learning.export import write_onnx

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "extractor.onnx"
        shape = extractor.input_shape[1:]
        write_onnx(lambda film: {"features": extractor(film, training=False)}, shape, path, weights=extractor.variables)
        session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    return lambda films: session.run(["features"], {"film": np.asarray(films, np.float32)})[0]


def _head(model: Any) -> list[Any]:
    names = [layer.name for layer in model.layers]
    return list(model.layers[names.index("features") + 1 :])


def _pool(head: Sequence[Any]) -> int | None:
    for index, layer in enumerate(head):
        if isinstance(layer, layers.GlobalAveragePooling2D):
            return index
        if not isinstance(layer, layers.GaussianNoise):
            return None
    return None


def _key(model: Any, batches: FilmBatches, views: int, augment: bool, seed: int) -> str:
    made = hashlib.blake2b(digest_size=16)
    plan: list[Any] = [views, keras.version(), model.get_layer("network_input").get_layer("scale").get_config()]
    if not _exact(model):
        plan.append([layer.dtype_policy.name for layer in model._flatten_layers()])
    if augment:
        plan += [seed, [layer.strengths for layer in _augmentation(model)]]
    made.update(json.dumps([*plan, _pool(_head(model)) is not None], sort_keys=True).encode())
    for weights in model.get_layer("features").get_weights():
        made.update(np.ascontiguousarray(weights).tobytes())
    for row in batches.rows:
        made.update(np.ascontiguousarray(batches.images[row]).tobytes())
    return made.hexdigest()
