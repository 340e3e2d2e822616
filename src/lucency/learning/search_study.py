"""The trials of a search in Optuna's storage: each is counted once, whatever was killed in between.

A trial has a slot, its place among those that count. The sampler of a slot is seeded by the slot alone, so a search
that was killed and resumed draws what an unbroken one draws.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from lucency.errors import MissingExtraError, RunError
from lucency.learning.search_space import Dimension, Value

try:
    import optuna
except ModuleNotFoundError as missing:
    raise MissingExtraError("optuna", extra="search", need="Searching for a recipe") from missing

STARTUP_TRIALS = 8
"""Trials that are drawn at random before the sampler learns from them."""

IMPORTANCE_TRIALS = 12
"""Finished trials below which the importance of dimensions is not estimated."""

# The first epoch says more about warm-up and learning rate than about where a trial will end.
PRUNERS: Mapping[str, Callable[[], Any]] = {
    "median": lambda: optuna.pruners.MedianPruner(n_startup_trials=4, n_warmup_steps=2),
    "asha": lambda: optuna.pruners.SuccessiveHalvingPruner(min_resource=2, reduction_factor=3),
    "none": optuna.pruners.NopPruner,
}
"""How trials are ended early; asha is successive halving without waiting (Li et al. 2020, arXiv 1810.05934)."""

_SLOT, _REASON, _INTERRUPTED = "slot", "reason", "interrupted"
State = Literal["complete", "pruned", "failed"]


@dataclass(frozen=True)
class Trial:
    """A trial that counts.

    Attributes:
        slot: Its place, from 0.
        state: How it ended.
        values: Key of each dimension -> what was tried.
        value: The best `monitor` of its epochs; None where it failed.
        epochs: The `monitor` after each epoch that was trained.
        reason: Why it failed; "" otherwise.
    """

    slot: int
    state: State
    values: Mapping[str, Value]
    value: float | None
    epochs: Sequence[float | None]
    reason: str


class RunningTrial:
    """A trial that is under way; one of `finish`, `prune` and `fail` ends it.

    Args:
        study: Optuna's study.
        trial: Optuna's trial.
        slot: Its place.
        values: What is tried.
    """

    def __init__(self, study: Any, trial: Any, slot: int, values: Mapping[str, Value]):
        self._study, self._trial = study, trial
        self._told: set[int] = set()
        self.slot = slot
        self.values = values

    def report(self, epoch: int, value: float) -> None:
        """Notes the `monitor` after an epoch, from 1; told twice, the first stands."""
        if epoch not in self._told:
            self._told.add(epoch)
            self._trial.report(value, epoch)

    def should_prune(self) -> bool:
        """Whether the trials before it say that it will not be the best."""
        return bool(self._trial.should_prune())

    def finish(self, value: float) -> None:
        """Ends it with its best value."""
        self._study.tell(self._trial, value)

    def prune(self) -> None:
        """Ends it early."""
        self._study.tell(self._trial, state=optuna.trial.TrialState.PRUNED)

    def fail(self, reason: str) -> None:
        """Ends it without a value."""
        self._trial.set_user_attr(_REASON, reason)
        self._study.tell(self._trial, state=optuna.trial.TrialState.FAIL)


class SearchStudy:
    """The trials of one search.

    Args:
        path: SQLite file; made where there is none.
        dimensions: What is varied.
        maximise: Whether a larger value is better.
        pruner: Key of `PRUNERS`.
        seed: Of the sampler.

    Raises:
        RunError: The file is damaged or cannot be used.
    """

    def __init__(self, path: Path, dimensions: Sequence[Dimension], *, maximise: bool, pruner: str, seed: int):
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        self.dimensions = list(dimensions)
        self.maximise = maximise
        self._seed = seed
        if "?" in str(path):
            raise RunError("a search cannot lie under a name with a question mark", where=path.parent)
        try:
            self._storage = optuna.storages.RDBStorage(f"sqlite:///{path.absolute()}")
            self._study = optuna.create_study(
                storage=self._storage,
                study_name="search",
                direction="maximize" if maximise else "minimize",
                pruner=PRUNERS[pruner](),
                load_if_exists=True,
            )
        except Exception as error:  # SQLAlchemy and Optuna raise many kinds for one damaged or foreign file.
            reason = str(error).splitlines()[0][:160]
            raise RunError(
                f"the record of the trials cannot be read ({reason})", where=path, hint="Start a new search"
            ) from None

    def trials(self) -> list[Trial]:
        """The trials that count, by slot."""
        found = [self._plain(trial) for trial in self._ended()]
        return sorted(found, key=lambda trial: trial.slot)

    def best(self) -> Trial | None:
        """The finished trial with the best value, the first among equal ones; None where none finished."""
        finished = [trial for trial in self.trials() if trial.state == "complete" and trial.value is not None]
        sign = -1.0 if self.maximise else 1.0
        return min(finished, key=lambda trial: (sign * float(trial.value or 0.0), trial.slot), default=None)

    def begin(self, first: Mapping[str, Value] | None) -> RunningTrial:
        """Starts the next trial, or once more the one that was interrupted.

        Args:
            first: What the very first trial tries; drawn where None.
        """
        slot = len(self._ended())
        planned = self._interrupted(slot) or (first if slot == 0 else None)
        states = optuna.trial.TrialState
        if planned and not self._study.get_trials(deepcopy=False, states=(states.WAITING,)):
            self._study.enqueue_trial(dict(planned))
        seed = int(np.random.SeedSequence([self._seed, slot]).generate_state(1)[0])
        self._study.sampler = optuna.samplers.TPESampler(seed=seed, n_startup_trials=STARTUP_TRIALS)
        trial = self._study.ask({dimension.key: _distribution(dimension) for dimension in self.dimensions})
        trial.set_user_attr(_SLOT, slot)
        return RunningTrial(self._study, trial, slot, self._values(trial.params))

    def importance(self) -> dict[str, float] | None:
        """Share of each dimension in how good trials are, the largest first; None while too few have finished.

        PED-ANOVA (Watanabe et al. 2023, arXiv 2304.10255).
        """
        if sum(trial.state == "complete" for trial in self.trials()) < IMPORTANCE_TRIALS or len(self.dimensions) < 2:
            return None
        try:
            found = optuna.importance.get_param_importances(
                self._study, evaluator=optuna.importance.PedAnovaImportanceEvaluator()
            )
        except (ValueError, RuntimeError):
            # All values equal: nothing to explain.
            return None
        return {key: float(share) for key, share in found.items()}

    def close(self) -> None:
        """Lets go of the file."""
        self._storage.remove_session()
        self._storage.engine.dispose()

    def _interrupted(self, slot: int) -> dict[str, Value] | None:
        """Ends what a kill left half done; what was tried in the slot, where all of it is known."""
        states = optuna.trial.TrialState
        for trial in self._study.get_trials(deepcopy=False, states=(states.RUNNING,)):
            self._storage.set_trial_user_attr(trial._trial_id, _INTERRUPTED, True)
            self._storage.set_trial_state_values(trial._trial_id, states.FAIL)
        keys = {dimension.key for dimension in self.dimensions}
        half = [
            trial.params
            for trial in self._study.get_trials(deepcopy=False, states=(states.FAIL,))
            if trial.user_attrs.get(_INTERRUPTED) and trial.user_attrs.get(_SLOT) == slot and set(trial.params) == keys
        ]
        return dict(half[-1]) if half else None

    def _ended(self) -> list[Any]:
        return [
            trial
            for trial in self._study.get_trials(deepcopy=False)
            if trial.state.is_finished() and not trial.user_attrs.get(_INTERRUPTED)
        ]

    def _plain(self, trial: Any) -> Trial:
        names: dict[Any, State] = {
            optuna.trial.TrialState.COMPLETE: "complete",
            optuna.trial.TrialState.PRUNED: "pruned",
            optuna.trial.TrialState.FAIL: "failed",
        }
        state = names[trial.state]
        told = [value for _, value in sorted(trial.intermediate_values.items())]
        epochs = [value if math.isfinite(value) else None for value in told]
        known = [value for value in epochs if value is not None]
        pick = max if self.maximise else min
        value = trial.value if state == "complete" else pick(known, default=None) if state == "pruned" else None
        reason = trial.user_attrs.get(_REASON, "")
        return Trial(int(trial.user_attrs[_SLOT]), state, self._values(trial.params), value, epochs, reason)

    def _values(self, params: Mapping[str, Any]) -> dict[str, Value]:
        return {dimension.key: _drawn(dimension, params[dimension.key]) for dimension in self.dimensions}


def _distribution(dimension: Dimension) -> Any:
    if dimension.kind == "choice":
        return optuna.distributions.CategoricalDistribution(dimension.choices)
    low, high = dimension.ends
    if dimension.kind == "whole":
        return optuna.distributions.IntDistribution(int(low), int(high), log=dimension.log)
    return optuna.distributions.FloatDistribution(low, high, log=dimension.log)


def _drawn(dimension: Dimension, value: Any) -> Value:
    if dimension.kind == "choice":
        return str(value)
    if dimension.kind == "whole":
        return int(value)
    low, high = dimension.ends
    # Four digits: more would pretend to a precision that no search has, and make a recipe hard to read.
    return min(max(float(f"{value:.4g}"), low), high)
