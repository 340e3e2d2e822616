"""What training keeps: the state after each epoch, its checkpoint, the best one, history and TensorBoard's files."""

from __future__ import annotations

import csv
import io
import json
import math
import os
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import keras

from lucency.errors import RunError
from lucency.learning.epoch_metrics import figures_of_films
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
    """Where training stands: `epoch` of `epochs` (from 1), `step` of `steps`, and the seconds left at this pace.

    While frozen features are computed, `phase` is "features", `step` counts films and `seconds_left` is None.
    """

    phase: str
    epoch: int
    epochs: int
    step: int
    steps: int
    seconds_left: float | None
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
    plateau_best: float | None = None
    plateau_waited: int = 0
    reached: bool = False
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

    def begin_phase(self) -> None:
        """Forgets what is counted within a phase: fine-tuning may begin below what the head alone reached."""
        self.waited, self.phase_best = 0, None
        self.plateau_waited, self.plateau_best = 0, None

    def ends(self, recipe: Recipe, phase: Phase) -> bool:
        """Whether a phase has no epoch to come, because patience has ended or `stop_at` is reached."""
        patience = recipe.training.patience
        return self.reached or (phase.name != "head" and patience > 0 and self.waited >= patience)


class Keeper(keras.callbacks.Callback):
    """Keeps history, the checkpoint of each epoch and the best one, stops in time, and tells how long it will take.

    Args:
        saved: The classifier that checkpoints hold; what is fitted may be its head alone.
        state: Changed and written after each epoch.
        recipe: What is wanted.
        train: Training films or their features; told when an epoch begins.
        phase: The phase that is trained.
        total: Epochs of all phases.
        run: Run folder.
        listener: Called after each step and each epoch.
    """

    def __init__(
        self,
        saved: Any,
        state: FitState,
        recipe: Recipe,
        train: FilmBatches,
        phase: Phase,
        total: int,
        run: Path,
        listener: Listener | None,
    ):
        super().__init__()
        self.saved = saved
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
        self._refuse_nan(float((logs or {}).get("loss", 0.0)))
        self._tell(self.state.epoch + 1, batch + 1, None)

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        values = figures_of_films(logs)
        self._refuse_nan(values["loss"])
        state, folder = self.state, self.run / "checkpoints"
        rate = float(keras.ops.cast(self.model.optimizer.learning_rate, "float32"))
        row = {
            "epoch": epoch + 1,
            "phase": self.phase.name,
            "seconds": round(time.monotonic() - self.epoch_begun, 2),
            "learning_rate": rate,
            **values,
        }
        plan = self.recipe.training
        sign = -1 if plan.monitor == "val_loss" else 1
        value = float(epoch) if plan.monitor == "last" else sign * values[plan.monitor]
        better = math.isfinite(value) and (state.best_value is None or value > state.best_value)
        progress = math.isfinite(value) and (state.phase_best is None or value > state.phase_best)
        if plan.schedule == "plateau":
            self._mind_plateau(values["val_loss"], rate)
        name = f"epoch-{epoch + 1:04d}.keras"
        old = state.checkpoint
        state.epoch, state.checkpoint = epoch + 1, name
        state.best_epoch, state.best_value = (epoch + 1, value) if better else (state.best_epoch, state.best_value)
        state.phase_best, state.waited = (value, 0) if progress else (state.phase_best, state.waited + 1)
        state.reached = plan.stop_at is not None and value >= sign * plan.stop_at
        state.rows.append(row)
        last = epoch + 1 == self.params["epochs"] or state.ends(self.recipe, self.phase)
        self._save(folder, name, better=better, last=last)
        state.write(folder)
        if old and old != name:
            (folder / old).unlink(missing_ok=True)
        _write_history(state.rows, self.run / "history.csv")
        for key, number in values.items():
            self.writer.add_scalar(key, number, epoch + 1)
        self.writer.add_scalar("learning_rate", rate, epoch + 1)
        self.writer.flush()
        if state.ends(self.recipe, self.phase):
            self.model.stop_training = True
        self._tell(epoch + 1, self.params["steps"], row)

    def _save(self, folder: Path, name: str, *, better: bool, last: bool) -> None:
        """Writes the checkpoint and, where it is better, the best model: with averaged weights where there are any."""
        averaged = self.recipe.training.average > 0
        raw = self.saved.get_weights() if averaged and better and not last else None
        if averaged and last:
            # Keras does the same once the phase is over: the next one begins with them, resumed or not.
            self.saved.optimizer.finalize_variable_values(self.saved.trainable_variables)
        self.saved.save(folder / name)
        if not better:
            return
        part = folder / "part-best.keras"
        if raw is None:
            shutil.copyfile(folder / name, part)
        else:
            self.saved.optimizer.finalize_variable_values(self.saved.trainable_variables)
            self.saved.save(part)
            self.saved.set_weights(raw)
        os.replace(part, folder / "best.keras")

    def _refuse_nan(self, loss: float) -> None:
        if math.isfinite(loss):
            return
        best = self.state.best_epoch
        kept = (
            f"The model of epoch {best}, the best so far, is kept as checkpoints/best.keras"
            if best
            else "No epoch was finished"
        )
        raise RunError(
            f"the loss became {loss} in epoch {self.state.epoch + 1}",
            where=self.run,
            hint=f"{kept}. Lower training.learning_rate and start a new run",
        )

    def _mind_plateau(self, val_loss: float, rate: float) -> None:
        """Keras's ReduceLROnPlateau, whose counters would be lost when a run is resumed."""
        state, plan = self.state, self.recipe.training
        if state.plateau_best is None or val_loss < state.plateau_best - 1e-4:
            state.plateau_best, state.plateau_waited = val_loss, 0
            return
        state.plateau_waited += 1
        if state.plateau_waited >= plan.decay_patience:
            self.model.optimizer.learning_rate = rate * plan.decay
            state.plateau_waited = 0

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
