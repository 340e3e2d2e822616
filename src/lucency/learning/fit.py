"""Phases (head, then fine-tuning), checkpoints and resume."""

from __future__ import annotations

import csv
import io
import json
import math
import os
import shutil
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import keras

from lucency.errors import RunError
from lucency.learning.classifier import set_trainable
from lucency.learning.loader import FilmBatches
from lucency.learning.recipe import Recipe


@dataclass(frozen=True)
class Phase:
    """A stretch of epochs with one learning rate and one set of trainable layers."""

    name: str
    epochs: int
    learning_rate: float
    unfreeze: int | str


@dataclass(frozen=True)
class Progress:
    """Where training stands: `epoch` of `epochs` (from 1), `step` of `steps`, and the seconds left at this pace."""

    phase: str
    epoch: int
    epochs: int
    step: int
    steps: int
    seconds_left: float
    row: dict[str, Any] | None = None


Listener = Callable[[Progress], None]


@dataclass
class FitState:
    """What `checkpoints/state.json` holds: enough to go on after any epoch."""

    epoch: int = 0
    checkpoint: str | None = None
    best_epoch: int = 0
    best_value: float | None = None
    phase_best: float | None = None
    waited: int = 0
    finished: bool = False
    rows: list[dict[str, Any]] = field(default_factory=list)

    @classmethod
    def read(cls, folder: Path) -> FitState:
        """The state in a run's checkpoint folder, or a fresh one.

        Raises:
            RunError: The file is damaged.
        """
        path = folder / "state.json"
        if not path.is_file():
            return cls()
        try:
            return cls(**json.loads(path.read_text("utf-8")))
        except (ValueError, TypeError) as error:
            raise RunError(f"the training state is damaged ({error})", where=path, hint="Start a new run") from None

    def write(self, folder: Path) -> None:
        """Writes the state so that a kill at any moment leaves the old or the new one whole."""
        temporary = folder / "state.json.part"
        temporary.write_text(json.dumps(self.__dict__, indent=1), "utf-8")
        os.replace(temporary, folder / "state.json")


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
) -> tuple[Any, FitState]:
    """Trains through all phases, or goes on where the run's checkpoints end.

    Args:
        model: Model of `build_classifier`; replaced by the checkpoint's when the run goes on.
        recipe: What is wanted.
        train: Training films.
        val: Validation films; they choose the best epoch.
        run: Run folder; `checkpoints/`, `history.csv` and `tensorboard/` are written into it.
        listener: Called after each step and each epoch.
        callbacks: Further Keras callbacks.

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
    plan, done = phases(recipe), 0
    total = sum(phase.epochs for phase in plan)
    for phase in plan:
        first, done = done, done + phase.epochs
        if state.epoch >= done or state.finished:
            continue
        if state.epoch > first and _tired(state, recipe, phase):
            continue
        if state.epoch == first:
            state.waited, state.phase_best = 0, None
            set_trainable(model, phase.unfreeze, pretrained=recipe.model.weights != "none")
            model.compile(
                optimizer=_optimizer(recipe, phase, len(train)),
                loss=keras.losses.BinaryCrossentropy(from_logits=True),
                metrics=[
                    keras.metrics.BinaryAccuracy(threshold=0.0, name="accuracy"),
                    keras.metrics.AUC(num_thresholds=1000, from_logits=True, name="auroc"),
                ],
            )
        keeper = _Keeper(state, recipe, train, phase, total, run, listener)
        with closing(keeper.writer):
            model.fit(
                train,
                validation_data=val,
                initial_epoch=state.epoch,
                epochs=done,
                shuffle=False,
                verbose=0,
                callbacks=[keeper, *callbacks],
            )
    state.finished = True
    state.write(folder)
    return _load(folder / "best.keras"), state


def _tired(state: FitState, recipe: Recipe, phase: Phase) -> bool:
    patience = recipe.training.patience
    return phase.name != "head" and patience > 0 and state.waited >= patience


def _load(path: Path) -> Any:
    try:
        return keras.saving.load_model(path)
    except (OSError, ValueError) as error:
        reason = str(error).splitlines()[0][:160]
        raise RunError(f"the checkpoint cannot be read ({reason})", where=path, hint="Start a new run") from None


def _optimizer(recipe: Recipe, phase: Phase, steps: int) -> Any:
    plan = recipe.training
    rate: Any = phase.learning_rate
    if plan.schedule == "cosine":
        warmup = min(round(plan.warmup_epochs * steps), phase.epochs * steps - 1)
        rate = keras.optimizers.schedules.CosineDecay(
            initial_learning_rate=0.0 if warmup else phase.learning_rate,
            decay_steps=phase.epochs * steps - warmup,
            warmup_target=phase.learning_rate if warmup else None,
            warmup_steps=warmup,
        )
    if plan.optimizer == "adamw":
        return keras.optimizers.AdamW(rate, weight_decay=plan.weight_decay)
    return keras.optimizers.Adam(rate, weight_decay=plan.weight_decay or None)


class _Keeper(keras.callbacks.Callback):
    """Keeps history, the checkpoint of each epoch and the best one, stops in time, and tells how long it will take."""

    def __init__(
        self,
        state: FitState,
        recipe: Recipe,
        train: FilmBatches,
        phase: Phase,
        total: int,
        run: Path,
        listener: Listener | None,
    ):
        super().__init__()
        self.state = state
        self.recipe = recipe
        self.train = train
        self.phase = phase
        self.total = total
        self.run = run
        self.listener = listener
        self.begun = self.epoch_begun = time.monotonic()
        self.steps_done = 0
        self.writer = _summary_writer(run / "tensorboard")

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self.epoch_begun = time.monotonic()
        self.train.begin_epoch(epoch)
        # The draws of an epoch depend on the seed and its number alone: a resumed run draws what an unbroken one does.
        generators = [
            layer.seed_generator for layer in self.model._flatten_layers() if hasattr(layer, "seed_generator")
        ]
        for index, generator in enumerate(generators):
            generator.state.assign([self.recipe.seed, (epoch + 1) * 1000 + index])

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        self.steps_done += 1
        self._tell(self.state.epoch + 1, batch + 1, None)

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        values = {name: float(value) for name, value in (logs or {}).items()}
        state, folder = self.state, self.run / "checkpoints"
        if not math.isfinite(values["loss"]):
            raise RunError(
                f"the loss became {values['loss']} in epoch {epoch + 1}",
                where=self.run,
                hint="The checkpoint before it is kept. Lower training.learning_rate and start again",
            )
        rate = float(keras.ops.cast(self.model.optimizer.learning_rate, "float32"))
        row = {
            "epoch": epoch + 1,
            "phase": self.phase.name,
            "seconds": round(time.monotonic() - self.epoch_begun, 2),
            "learning_rate": rate,
            **values,
        }
        monitor = self.recipe.training.monitor
        value = values[monitor] if monitor != "val_loss" else -values[monitor]
        better = math.isfinite(value) and (state.best_value is None or value > state.best_value)
        # Patience is counted within a phase: fine-tuning may begin below what the head alone reached.
        progress = math.isfinite(value) and (state.phase_best is None or value > state.phase_best)
        name = f"epoch-{epoch + 1:04d}.keras"
        self.model.save(folder / name)
        if better:
            shutil.copyfile(folder / name, folder / "best.part")
            os.replace(folder / "best.part", folder / "best.keras")
        old = state.checkpoint
        state.epoch, state.checkpoint = epoch + 1, name
        state.best_epoch, state.best_value = (epoch + 1, value) if better else (state.best_epoch, state.best_value)
        state.phase_best, state.waited = (value, 0) if progress else (state.phase_best, state.waited + 1)
        state.rows.append(row)
        state.write(folder)
        if old and old != name:
            (folder / old).unlink(missing_ok=True)
        _write_history(state.rows, self.run / "history.csv")
        for key, number in values.items():
            self.writer.add_scalar(key, number, epoch + 1)
        self.writer.add_scalar("learning_rate", rate, epoch + 1)
        self.writer.flush()
        if _tired(state, self.recipe, self.phase):
            self.model.stop_training = True
        self._tell(epoch + 1, self.params["steps"], row)

    def _tell(self, epoch: int, step: int, row: dict[str, Any] | None) -> None:
        if self.listener is None:
            return
        steps = self.params["steps"]
        pace = (time.monotonic() - self.begun) / max(1, self.steps_done)
        left = pace * ((self.total - epoch) * steps + steps - step)
        self.listener(Progress(self.phase.name, epoch, self.total, step, steps, left, row))


def _summary_writer(folder: Path) -> Any:
    # Keras's own TensorBoard callback imports TensorFlow; this writer does not, so JAX runs have it too.
    from tensorboard.summary import Writer

    return Writer(str(folder))


def _write_history(rows: list[dict[str, Any]], path: Path) -> None:
    text = io.StringIO()
    writer = csv.DictWriter(text, fieldnames=list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    temporary = path.with_suffix(".part")
    temporary.write_text(text.getvalue(), "utf-8")
    os.replace(temporary, path)
