from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

pytest.importorskip("optuna")

from lucency.errors import RunError
from lucency.learning.search_space import Dimension
from lucency.learning.search_study import PRUNERS, SearchStudy, Trial

SPACE = [
    Dimension("training.learning_rate", "number", 1e-4, 1e-1, log=True),
    Dimension("model.dropout", "number", 0, 0.6),
    Dimension("training.batch_size", "choice", choices=("8", "16")),
    Dimension("training.epochs", "whole", 1, 9),
]
OWN = {"training.learning_rate": 0.01, "model.dropout": 0.1, "training.batch_size": "16", "training.epochs": 4}


def searched(path: Path, *, trials: int = 8, killed: Sequence[int] = (), maximise: bool = True) -> list[Trial]:
    """A search whose value falls with the distance of the dropout from 0.3; killed in the middle of some trials."""
    left = list(killed)
    while True:
        study = SearchStudy(path, SPACE, maximise=maximise, pruner="median", seed=3)
        try:
            while len(study.trials()) < trials:
                trial = study.begin(OWN)
                value = 1 - abs(float(trial.values["model.dropout"]) - 0.3)
                for epoch in (1, 2, 3):
                    trial.report(epoch, value * epoch / 3 * (1 if maximise else -1))
                    if trial.slot in left and epoch == 2:
                        left.remove(trial.slot)
                        break
                    if epoch < 3 and trial.should_prune():
                        trial.prune()
                        break
                else:
                    if trial.slot == 4:
                        trial.fail("the loss became nan")
                    else:
                        trial.finish(value * (1 if maximise else -1))
                    continue
                if trial.slot not in [ended.slot for ended in study.trials()]:
                    break
            else:
                return study.trials()
        finally:
            study.close()


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory: pytest.TempPathFactory) -> list[Trial]:
    return searched(tmp_path_factory.mktemp("study") / "search.db")


def test_each_trial_is_counted_once_and_the_recipe_comes_first(unbroken: list[Trial]) -> None:
    assert [trial.slot for trial in unbroken] == list(range(8))
    assert unbroken[0].values == OWN
    assert unbroken[4].state == "failed"
    assert (unbroken[4].reason, unbroken[4].value) == ("the loss became nan", None)
    for trial in unbroken:
        assert trial.values["training.batch_size"] in ("8", "16")
        assert isinstance(trial.values["training.epochs"], int)
        assert float(f"{trial.values['model.dropout']:.4g}") == trial.values["model.dropout"]


def test_a_search_that_was_killed_ends_like_an_unbroken_one(unbroken: list[Trial], tmp_path: Path) -> None:
    assert searched(tmp_path / "search.db", killed=(0, 5, 5, 7)) == unbroken


def test_a_longer_search_begins_with_the_shorter(unbroken: list[Trial], tmp_path: Path) -> None:
    assert searched(tmp_path / "search.db", trials=5) == unbroken[:5]
    assert searched(tmp_path / "search.db") == unbroken


def test_the_best_is_the_largest_or_the_smallest(tmp_path: Path) -> None:
    for maximise, pick in ((True, max), (False, min)):
        path = tmp_path / f"{maximise}.db"
        trials = searched(path, trials=6, maximise=maximise)
        study = SearchStudy(path, SPACE, maximise=maximise, pruner="median", seed=3)
        best = study.best()
        study.close()
        assert best is not None
        finished = [trial.value for trial in trials if trial.state == "complete" and trial.value is not None]
        assert best.value == pick(finished)


def test_importance_finds_what_decides(tmp_path: Path) -> None:
    study = SearchStudy(tmp_path / "search.db", SPACE, maximise=True, pruner="none", seed=3)
    while len(study.trials()) < 16:
        assert len(study.trials()) >= 12 or study.importance() is None
        trial = study.begin(None)
        trial.finish(1 - abs(float(trial.values["model.dropout"]) - 0.3))
    importance = study.importance()
    study.close()
    assert importance is not None
    assert next(iter(importance)) == "model.dropout"
    assert sum(importance.values()) == pytest.approx(1)


@pytest.mark.parametrize("pruner", PRUNERS)
def test_pruners_end_hopeless_trials_alone(pruner: str, tmp_path: Path) -> None:
    study = SearchStudy(tmp_path / "search.db", SPACE, maximise=True, pruner=pruner, seed=0)
    for value in (0.9, 0.8, 0.85, 0.95, 0.9, 0.91):
        trial = study.begin(None)
        for epoch in range(1, 5):
            trial.report(epoch, value)
            trial.should_prune()
        trial.finish(value)
    hopeless = study.begin(None)
    hopeless.report(1, 0.1)
    assert not hopeless.should_prune()
    hopeless.report(2, 0.1)
    assert hopeless.should_prune() == (pruner != "none")
    study.close()


def test_a_damaged_record_is_named(tmp_path: Path) -> None:
    (tmp_path / "search.db").write_bytes(b"no database" * 100)
    with pytest.raises(RunError, match="cannot be read"):
        SearchStudy(tmp_path / "search.db", SPACE, maximise=True, pruner="median", seed=0)
