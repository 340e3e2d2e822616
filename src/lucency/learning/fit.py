"""Phases of training (head, then fine-tuning), and how a run goes on where it stopped."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import keras

from lucency.errors import RunError
from lucency.learning.backend import jit
from lucency.learning.classifier import set_trainable
from lucency.learning.epoch_metrics import epoch_metrics
from lucency.learning.frozen_features import head_model, keep_features, kept_views
from lucency.learning.keeper import FitState, Keeper, Listener, Phase, Progress
from lucency.learning.loader import FilmBatches
from lucency.learning.localiser import BoxLoss
from lucency.learning.recipe import Recipe

Schedule = Callable[[Phase, int], Any]
"""A phase and the steps of its epochs -> a learning rate, or a Keras `LearningRateSchedule`."""


def phases(recipe: Recipe) -> list[Phase]:
    """The phases of a recipe, in order."""
    plan = recipe.training
    return [
        phase
        for phase in (
            Phase("head", plan.head_epochs, plan.head_learning_rate, "none"),
            Phase("fine-tune" if plan.head_epochs else "train", plan.epochs, plan.learning_rate, plan.unfreeze),
        )
        if phase.epochs
    ]


def fit(
    model: Any,
    recipe: Recipe,
    train: FilmBatches,
    val: FilmBatches,
    run: Path,
    *,
    listener: Listener | None = None,
    callbacks: Sequence[Any] = (),
    schedule: Schedule | None = None,
    features: Path | None = None,
) -> tuple[Any, FitState]:
    """Trains through all phases, or goes on where the run's checkpoints end.

    Args:
        model: Model of `build_classifier` or `assemble`; replaced by the checkpoint's when the run goes on.
        recipe: What is wanted.
        train: Training films.
        val: Validation films; they choose the best epoch.
        run: Run folder; `checkpoints/`, `history.csv` and `tensorboard/` are written into it.
        listener: Called after each step and each epoch.
        callbacks: Further Keras callbacks. While features of a frozen backbone are kept, their `model` is the head.
        schedule: Replaces the recipe's learning rates.
        features: Folder for features of a frozen backbone, which runs may share; `run/features` where None.

    Returns:
        The model with the weights of the best epoch by `training.monitor`, and the state.

    Raises:
        RunError: The loss is not a number any more; the best checkpoint so far is kept.
        KeyboardInterrupt: The last whole epoch is on disk, and calling again goes on from there.
    """
    folder = run / "checkpoints"
    folder.mkdir(parents=True, exist_ok=True)
    state = FitState.read(folder)
    for left in folder.glob("epoch-*.keras"):
        # A kill or a full disk can leave a checkpoint that no state names.
        if left.name != state.checkpoint:
            left.unlink()
    if state.checkpoint and not state.finished:
        model = _load(folder / state.checkpoint)
    plan, done, trained = phases(recipe), 0, False
    total = sum(phase.epochs for phase in plan)
    for phase in plan:
        first, done = done, done + phase.epochs
        if state.epoch >= done or state.finished or state.reached:
            continue
        if state.epoch > first and state.ends(recipe, phase):
            continue
        if state.epoch == first:
            state.begin_phase()
            set_trainable(model, phase.unfreeze, pretrained=recipe.model.weights != "none")
            rate = (schedule or _schedule(recipe))(phase, len(train))
            optimizer = _optimizer(recipe, rate, len(train) * phase.epochs)
            model.compile(optimizer=optimizer, jit_compile=jit(), **_asked(recipe))
            # Built inside the first step they would have TensorFlow trace the step twice, which takes longer than an
            # epoch on few films.
            model.optimizer.build(model.trainable_variables)
        fitted, films, against = _trained_part(model, recipe, phase, train, val, features or run / "features", listener)
        keeper = Keeper(model, state, recipe, films, phase, total, run, listener)
        averaged = [keras.callbacks.SwapEMAWeights()] if recipe.training.average else []
        with closing(keeper.writer):
            fitted.fit(
                films,
                validation_data=against,
                initial_epoch=state.epoch,
                epochs=done,
                shuffle=False,
                verbose=0,
                callbacks=[keeper, *averaged, *callbacks],
            )
        trained = True
    state.finished = True
    state.write(folder)
    if trained and state.best_epoch == state.epoch and not callbacks:
        # What was saved last is what is in memory, unless a callback changed it since; reading a large network takes
        # seconds.
        return model, state
    return _load(folder / "best.keras"), state


def _trained_part(
    model: Any,
    recipe: Recipe,
    phase: Phase,
    train: FilmBatches,
    val: FilmBatches,
    folder: Path,
    listener: Listener | None,
) -> tuple[Any, FilmBatches, FilmBatches]:
    """What is fitted in a phase, and on what: the classifier on films, or its head on kept features."""
    views = kept_views(recipe, phase.unfreeze)
    if not views:
        return model, train, val
    films = len(train.rows) * views + len(val.rows)

    def tell(done: int) -> None:
        if listener:
            listener(Progress("features", 0, 0, done, films, None))

    augment = any(recipe.augmentation.model_dump().values())
    known = keep_features(
        model, train, folder, views=views, augment=augment, seed=recipe.seed, progress=lambda done, _: tell(done)
    )
    against = keep_features(model, val, folder, progress=lambda done, _: tell(len(train.rows) * views + done))
    head = head_model(model)
    # The optimizer is the classifier's own, so that a checkpoint of the classifier holds its state.
    head.compile(
        optimizer=model.optimizer,
        auto_scale_loss=False,
        jit_compile=jit(),
        **_asked(recipe),
    )
    return head, known, against


def _load(path: Path) -> Any:
    try:
        return keras.saving.load_model(path)
    except (OSError, ValueError) as error:
        reason = str(error).splitlines()[0][:160]
        raise RunError(f"the checkpoint cannot be read ({reason})", where=path, hint="Start a new run") from None


def _asked(recipe: Recipe) -> dict[str, Any]:
    """Loss and metrics, as `compile` takes them."""
    of_label = keras.losses.BinaryCrossentropy(from_logits=True, label_smoothing=recipe.training.label_smoothing)
    plan = recipe.localisation
    if not plan.channels:
        return {"loss": of_label, "metrics": epoch_metrics()}
    return {
        "loss": {"logit": of_label, "map": BoxLoss(plan.fracture_weight)},
        "loss_weights": {"logit": 1.0, "map": plan.box_weight},
        "metrics": {"logit": epoch_metrics()},
    }


def _schedule(recipe: Recipe) -> Schedule:
    plan = recipe.training

    def rate(phase: Phase, steps: int) -> Any:
        if plan.schedule == "cosine":
            warmup = min(round(plan.warmup_epochs * steps), phase.epochs * steps - 1)
            return keras.optimizers.schedules.CosineDecay(
                initial_learning_rate=0.0 if warmup else phase.learning_rate,
                decay_steps=phase.epochs * steps - warmup,
                warmup_target=phase.learning_rate if warmup else None,
                warmup_steps=warmup,
            )
        if plan.schedule == "exponential":
            return keras.optimizers.schedules.ExponentialDecay(phase.learning_rate, steps, plan.decay, staircase=True)
        return phase.learning_rate

    return rate


def _optimizer(recipe: Recipe, rate: Any, steps: int) -> Any:
    plan = recipe.training
    kind = keras.optimizers.AdamW if plan.optimizer == "adamw" else keras.optimizers.Adam
    return kind(
        rate,
        weight_decay=plan.weight_decay if plan.optimizer == "adamw" else plan.weight_decay or None,
        global_clipnorm=plan.gradient_norm or None,
        use_ema=plan.average > 0,
        # On few films a long memory would keep the weights that training began with: they count for exp(-2.5) at most.
        ema_momentum=max(0.0, min(plan.average, 1 - 2.5 / steps)) if plan.average else 0.99,
    )
