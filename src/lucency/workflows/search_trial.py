"""One trial of a search: a run that ends after training, early where others were better by then."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from lucency.errors import DatasetError, LucencyError, MissingExtraError, ResourceError, RunError, StrictError
from lucency.workflows.run_folder import RunFolder
from lucency.workflows.run_series import FILMS, RECIPE, RunSeries
from lucency.workflows.teller import Teller

if TYPE_CHECKING:
    from lucency.learning.recipe import Recipe
    from lucency.learning.search_study import RunningTrial


class _PrunedError(Exception):
    """Leaves training from within a callback."""


def trial_folder(series: RunSeries, number: int) -> Path:
    """The run of a trial, by its number from 1."""
    return series.path / series.runs / f"{number:03d}"


def run_trial(
    series: RunSeries, recipe: Recipe, trial: RunningTrial, *, workers: int | None, teller: Teller
) -> tuple[str, str]:
    """Trains a trial to its end and notes how it ended; an interrupted one goes on after its last whole epoch.

    Args:
        series: The search.
        recipe: What the search starts from.
        trial: What is tried.
        workers: Threads that decode films.
        teller: Hears of progress.

    Returns:
        "complete", "pruned" or "failed", and the reason of a failure.

    Raises:
        LucencyError: What no other trial could do better: the films, the disk, a missing package.
        KeyboardInterrupt: The trial is not counted.
    """
    try:
        value = _best_value(series, recipe, trial, workers, teller)
    except _PrunedError:
        trial.prune()
        return "pruned", ""
    except (DatasetError, MissingExtraError, StrictError):
        raise
    except ResourceError as error:
        if "memory" not in error.what:
            raise
        reason = f"{error.what}. {error.hint}"
    except LucencyError as error:
        reason = error.what
    except Exception as error:
        # Keras refuses impossible combinations with many kinds of exceptions; the next trial may be fine.
        reason = f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"
    else:
        if value is not None:
            trial.finish(value)
            return "complete", ""
        reason = f"{recipe.training.monitor} was never a number"
    trial.fail(reason)
    return "failed", reason


def _best_value(
    series: RunSeries, recipe: Recipe, trial: RunningTrial, workers: int | None, teller: Teller
) -> float | None:
    from lucency.learning.search_space import changed_recipe, changes
    from lucency.learning.trial_hooks import epoch_hook
    from lucency.workflows.train import resume_training, train

    texts = changes(recipe, trial.values)
    wanted = changed_recipe(recipe, texts)
    monitor, epochs = wanted.training.monitor, wanted.training.head_epochs + wanted.training.epochs

    def told(epoch: int, figures: Mapping[str, float]) -> None:
        trial.report(epoch, figures[monitor])
        # After the last epoch the value is known, and there is nothing left to save.
        if epoch < epochs and trial.should_prune():
            raise _PrunedError

    folder, hooks = trial_folder(series, trial.slot + 1), [epoch_hook(told)]
    if _goes_on(folder, wanted):
        state = folder / "checkpoints" / "state.json"
        for row in RunFolder.open(folder).read_json("checkpoints/state.json")["rows"] if state.is_file() else ():
            told(row["epoch"], row)
        resume_training(folder, workers=workers, teller=teller, callbacks=hooks, through="trained")
    else:
        shutil.rmtree(folder, ignore_errors=True)
        train(
            series.path / FILMS,
            recipe=series.path / RECIPE,
            overrides=texts,
            out=folder,
            workers=workers,
            teller=teller,
            callbacks=hooks,
            through="trained",
        )
    best = RunFolder.open(folder).read_json("checkpoints/state.json")["best_value"]
    # The state of a run counts upwards, whatever is monitored.
    return None if best is None else float(best) * (-1 if monitor == "val_loss" else 1)


def _goes_on(folder: Path, wanted: Recipe) -> bool:
    from lucency.learning.recipe import load_recipe

    try:
        return (folder / "run.json").is_file() and load_recipe(folder / "recipe.toml") == wanted
    except LucencyError:
        return False


def drop_weights(folder: Path) -> None:
    """Deletes the weights of a trial's run, and says so in its `run.json`; curves and recipe stay."""
    files = [*folder.glob("*.keras"), *folder.glob("checkpoints/*.keras"), *folder.glob("checkpoints/*.part")]
    if not files:
        return
    if (folder / "run.json").is_file():
        try:
            RunFolder.open(folder).note(weights="deleted by the search, since another trial was better")
        except RunError:
            shutil.rmtree(folder)
            return
    for file in files:
        file.unlink(missing_ok=True)
