"""Training batches with augmentation, and what they cost beside the training step that eats them."""

from __future__ import annotations

import contextlib
import io
import os
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from benchmarks.measurement import Figure, in_turn
from benchmarks.workbench import SIDE, Workbench

if TYPE_CHECKING:
    from lucency.learning.loader import FilmBatches

BATCH = 32
TURN_BATCHES = 6
TURNS = 11
STEPS = 6
STEP_TURNS = 3

ROTATION, SHEAR, ZOOM = 15.0, 10.0, 0.15
GEOMETRY = {"flip_horizontal": 0.5, "rotation": ROTATION, "shear": SHEAR, "zoom": ZOOM}
INTENSITY = {"brightness": 0.1, "contrast": 0.1}


def batches(bench: Workbench) -> list[Figure]:
    """Images a second, ready for a network: three channels of its own scale, augmented."""
    ours = _film_batches(bench)
    seconds = in_turn(
        {
            "ours": _turn(_epochs(ours), _augmenter(GEOMETRY)),
            "ours with intensity": _turn(_epochs(ours), _augmenter({**GEOMETRY, **INTENSITY})),
            "usual": _turn(_image_data_generator(bench, "rgb"), None),
            "usual, grey": _turn(_image_data_generator(bench, "grayscale"), None),
        },
        TURNS,
    )
    films = BATCH * TURN_BATCHES
    what = f"training batches at {SIDE} with rotation, shear, zoom, flip"
    rows = (
        (f"{what} against ImageDataGenerator", "ours", "usual", ("at least", 8.0)),
        ("the same, ImageDataGenerator told to read grey", "ours", "usual, grey", None),
        ("the same, brightness and contrast on our side too", "ours with intensity", "usual", None),
    )
    return [
        Figure(
            "batches",
            text,
            "images/s",
            films / seconds.median(mine),
            films / seconds.median(theirs),
            seconds.ratio(theirs, mine),
            target,
            seconds.best_ratio(theirs, mine),
            f"{films / min(seconds.processor[mine]):.0f} images a second of one processor core against "
            f"{films / min(seconds.processor[theirs]):.0f}; ours uses all cores, ImageDataGenerator one",
        )
        for text, mine, theirs, target in rows
    ]


def loader(bench: Workbench) -> list[Figure]:
    """The share of a training step that goes into fetching and augmenting its films."""
    from lucency.learning.backend import use_device

    use_device()
    import keras

    from lucency.learning.classifier import build_classifier, set_trainable
    from lucency.learning.recipe import load_recipe

    sides = (f"input.height={SIDE}", f"input.width={SIDE}")
    recipe = load_recipe("mobilenet", [*sides, "model.weights=none", f"training.batch_size={BATCH}"])
    model = build_classifier(recipe)
    set_trainable(model, "all", pretrained=True)
    model.compile(
        optimizer=keras.optimizers.AdamW(recipe.training.learning_rate),
        loss=keras.losses.BinaryCrossentropy(from_logits=True),
    )
    source = _film_batches(bench, films=STEPS * BATCH)
    wanted = {name: value for name, value in recipe.augmentation.model_dump().items() if value}
    fetch = _turn(_epochs(source), None, count=STEPS)
    both = _turn(_epochs(source), _augmenter(wanted), count=STEPS)

    def step() -> None:
        model.fit(source, epochs=1, shuffle=False, verbose=0)

    times = in_turn({"fetching": fetch, "fetching and augmenting": both, "step": step}, STEP_TURNS)
    step_ms = 1000 * times.median("step") / STEPS
    return [
        Figure(
            "loader",
            f"share of a training step (mobilenet, {SIDE}, batch {BATCH}) that goes into {name}",
            "ms",
            1000 * times.median(name) / STEPS,
            step_ms,
            times.ratio(name, "step"),
            ("at most", 0.1),
            times.best_ratio(name, "step"),
        )
        for name in ("fetching", "fetching and augmenting")
    ]


def _film_batches(bench: Workbench, films: int | None = None) -> FilmBatches:
    from lucency.learning.backend import use_device

    use_device()
    from lucency.learning.loader import FilmBatches

    prepared = bench.prepared
    rows, labels = prepared.rows[:films], prepared.manifest.table["label"].to_numpy()[:films]
    return FilmBatches(prepared.images, rows, labels, batch_size=BATCH, shuffle=True)


def _epochs(source: FilmBatches) -> Callable[[], Any]:
    """Batch after batch and epoch after epoch, each in a new order."""
    at = {"epoch": 0, "batch": 0}

    def following() -> Any:
        if at["batch"] == len(source):
            at["epoch"], at["batch"] = at["epoch"] + 1, 0
        if at["batch"] == 0:
            source.begin_epoch(at["epoch"])
        films, _, _ = source[at["batch"]]
        at["batch"] += 1
        return films

    return following


def _augmenter(strengths: dict[str, float]) -> Callable[[Any], Any]:
    """The first layers of a trainable model, compiled as `fit` compiles them."""
    import keras
    import tensorflow as tf

    from lucency.learning.augment import augmentation_layers
    from lucency.learning.classifier import network_input

    films = keras.Input((SIDE, SIDE, 1))
    x = films
    for layer in augmentation_layers(strengths, 0):
        x = layer(x)
    model = keras.Model(films, network_input((SIDE, SIDE), "minus_one_to_one")(x))
    compiled = tf.function(lambda batch: model(batch, training=True), reduce_retracing=True)
    return lambda batch: compiled(tf.constant(batch))


def _image_data_generator(bench: Workbench, color_mode: str) -> Callable[[], Any]:
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    from tensorflow.keras.preprocessing.image import ImageDataGenerator

    generator = ImageDataGenerator(
        rescale=1 / 255, rotation_range=ROTATION, shear_range=SHEAR, zoom_range=ZOOM, horizontal_flip=True
    )
    # It prints how many films it found.
    with contextlib.redirect_stdout(io.StringIO()):
        flow = generator.flow_from_directory(
            str(bench.class_folders),
            target_size=(SIDE, SIDE),
            batch_size=BATCH,
            class_mode="binary",
            color_mode=color_mode,
            seed=0,
        )
    return lambda: next(flow)[0]


def _turn(
    following: Callable[[], Any], after: Callable[[Any], Any] | None, *, count: int = TURN_BATCHES
) -> Callable[[], float]:
    """Work that makes `count` batches and returns its seconds."""

    def work() -> float:
        begun = time.perf_counter()
        for _ in range(count):
            batch = following() if after is None else after(following())
            # One value of the result: nothing may be left undone.
            float(batch[0, 0, 0, 0])
        return time.perf_counter() - begun

    return work
