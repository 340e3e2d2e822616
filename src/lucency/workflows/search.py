"""Data and a recipe -> a better recipe, by trials that are judged on validation films alone."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lucency.errors import RecipeError, ResourceError, RunError
from lucency.workflows.checked_films import COPIES_TOGETHER, check_series
from lucency.workflows.run_series import QuietTeller, RunSeries, readable_films, try_recipe
from lucency.workflows.search_record import BEST, result_of, value_words, write_record
from lucency.workflows.search_trial import drop_weights, run_trial, trial_folder
from lucency.workflows.teller import Teller
from lucency.workflows.told_findings import tell_findings
from lucency.workflows.wanted_recipe import wanted_recipe

if TYPE_CHECKING:
    from lucency.learning.recipe import Recipe
    from lucency.learning.search_study import SearchStudy

RUNS = "trials"
STUDY = "search.db"


@dataclass(frozen=True)
class SearchResult:
    """What a search gave.

    Attributes:
        folder: The search: `search.json`, `search.html`, `trials.csv`, `figures/` and the runs in `trials/`.
        recipe: The best recipe, as TOML.
        content: The content of `search.json`.
    """

    folder: Path
    recipe: Path
    content: Mapping[str, Any]


def search(
    data: str | os.PathLike[str],
    *,
    recipe: str | os.PathLike[str] = "mobilenet",
    weights: str | None = None,
    overrides: Sequence[str] = (),
    tune: Sequence[str] = (),
    trials: int = 20,
    pruner: str = "median",
    out: str | os.PathLike[str] | None = None,
    labels: Mapping[str, int] | None = None,
    groups: str | os.PathLike[str] | None = None,
    strict: bool = False,
    keep: bool = False,
    workers: int | None = None,
    teller: Teller | None = None,
) -> SearchResult:
    """Searches for a better recipe; called again with the same arguments, it goes on where it stopped.

    All trials share one split. They are judged by `training.monitor` on the validation films; no test film is scored.
    The first trial is the recipe as it is, where the space holds it.

    Args:
        data: Folder of films, or a CSV or Parquet table.
        recipe: What the search starts from: the name of a recipe, or the path of a TOML file.
        weights: Replaces `model.weights`.
        overrides: Recipe values such as "training.epochs=5"; they are not searched.
        tune: Dimensions such as "model.dropout=0:0.5"; those of `SEARCH_SPACE` that apply where empty.
        trials: How many trials there are in all, with those that an earlier call made.
        pruner: "median", "asha" or "none": how trials are ended early.
        out: Folder of the search; `searches/<recipe>-<name of the data>` where None.
        labels: Further names of classes.
        groups: CSV with image_id and group; films of one group stay on one side.
        strict: Stop before the first trial where an error or a warning was found.
        keep: Keep the weights of all trials; otherwise of the best alone.
        workers: Threads that decode films.
        teller: Hears of progress.

    Raises:
        RecipeError: The recipe, a dimension or the pruner is wrong.
        RunError: Another search lies in the folder, or every trial failed.
        LucencyError: Another of its kinds; what is finished is kept.
        KeyboardInterrupt: The search can be resumed.
    """
    teller = teller or Teller()
    wanted = wanted_recipe(recipe, weights, overrides)
    if wanted.training.monitor == "last":
        raise RecipeError(
            "training.monitor = 'last' compares no trials",
            hint="Judge them by a figure of the validation films: --set training.monitor=val_auroc",
        )
    fixed = [text.partition("=")[0].strip() for text in overrides] + (["model.weights"] if weights else [])
    plan = _plan(wanted, fixed, tune, pruner)
    series = RunSeries(Path(out) if out else Path("searches") / f"{wanted.name}-{Path(data).resolve().stem}", RUNS)
    series.refuse_other()
    if not series.begun:
        try_recipe(wanted)
    given, findings = readable_films(data, wanted, series, labels=labels, groups=groups, workers=workers, teller=teller)
    checked = check_series(series, given, workers=workers, teller=teller)
    from lucency.datasets.split import assign_split

    share = wanted.split
    films = checked.keep_together(given, teller)
    films = assign_split(films, val=share.val, test=share.test, seed=wanted.seed, test_from_val=share.test_from_val)
    if series.begun:
        series.refuse_change(plan, wanted, films)
    else:
        tell_findings(checked.findings(given, films, findings), series.path, strict=strict, teller=teller)
    with _held(series):
        if series.begun:
            series.change_plan(trials=trials, keep=keep)
        else:
            series.begin({**plan, "trials": trials, "keep": keep, COPIES_TOGETHER: True}, wanted, films)
        return _go_on(series, workers, teller)


def resume_search(
    folder: str | os.PathLike[str],
    *,
    trials: int | None = None,
    workers: int | None = None,
    teller: Teller | None = None,
) -> SearchResult:
    """Goes on with a search that was interrupted, or makes it longer.

    Args:
        folder: The folder of the search.
        trials: How many trials there are in all; as many as were wanted before where None.
        workers: Threads that decode films.
        teller: Hears of progress.

    Raises:
        RunError: There is no search, or its films changed since.
    """
    series = RunSeries(Path(folder), RUNS)
    series.plan()
    series.films()
    with _held(series):
        if trials is not None:
            series.change_plan(trials=trials)
        return _go_on(series, workers, teller or Teller())


@contextmanager
def _held(series: RunSeries) -> Iterator[None]:
    from lucency.datasets.folder_lock import folder_lock

    with ExitStack() as stack:
        try:
            stack.enter_context(folder_lock(series.path, wait=0, doing="searching"))
        except ResourceError:
            raise RunError(
                "another process is searching here", where=series.path, hint="Wait for it, or give another --out"
            ) from None
        yield


def _plan(recipe: Recipe, fixed: Sequence[str], tune: Sequence[str], pruner: str) -> dict[str, Any]:
    from lucency.learning.search_space import search_space
    from lucency.learning.search_study import PRUNERS
    from lucency.learning.tuned_space import tuned_space

    if pruner not in PRUNERS:
        raise RecipeError(f"no pruner is named '{pruner}'", hint=f"Known pruners: {', '.join(PRUNERS)}")
    space = tuned_space(recipe, tune) if tune else search_space(recipe, fixed)
    if not space:
        raise RecipeError("nothing is left to search", hint="Fix fewer values, or name some with --tune")
    return {"dimensions": [dimension.to_json() for dimension in space], "pruner": pruner}


def _go_on(series: RunSeries, workers: int | None, teller: Teller) -> SearchResult:
    from lucency.learning.backend import choose_backend
    from lucency.learning.search_space import Dimension
    from lucency.learning.search_study import SearchStudy

    plan, recipe = series.plan(), series.recipe()
    choose_backend()
    study = SearchStudy(
        series.path / STUDY,
        [Dimension.from_json(content) for content in plan["dimensions"]],
        maximise=recipe.training.monitor != "val_loss",
        pruner=plan["pruner"],
        seed=recipe.seed,
    )
    try:
        _run_trials(series, recipe, study, plan, workers, teller)
        content = result_of(series, recipe, study, plan)
        if content["best"] is None:
            raise _nothing_finished(series, content)
        write_record(series, recipe, content, pictures=True)
    finally:
        study.close()
    for note in content["notes"]:
        teller.say(note)
    return SearchResult(series.path, series.path / BEST, content)


def _run_trials(
    series: RunSeries, recipe: Recipe, study: SearchStudy, plan: Mapping[str, Any], workers: int | None, teller: Teller
) -> None:
    from lucency.learning.search_space import own_values
    from lucency.learning.trial_hooks import forget_models

    total, own = plan["trials"], own_values(recipe, study.dimensions)
    done = len(study.trials())
    if done:
        teller.say(f"{min(done, total)} of {total} trials are done")
    elif own is None:
        teller.say("The recipe's own values lie outside the space, so the recipe itself is not tried")
    if total == 1 and own is not None:
        teller.say("Trial 1 is the recipe as it is, so one trial searches nothing: give more with --trials")
    try:
        while len(study.trials()) < total:
            trial = study.begin(own)
            words = f"trial {trial.slot + 1} of {total}"
            state, reason = run_trial(series, recipe, trial, workers=workers, teller=QuietTeller(teller, words))
            forget_models()
            _drop_all_but_best(series, study, plan["keep"])
            teller.say(f"{words}: {_ended(study, trial.slot, state, reason, recipe.training.monitor)}")
            write_record(series, recipe, result_of(series, recipe, study, plan), pictures=False)
    except KeyboardInterrupt:
        done = len(study.trials())
        teller.say(f"Stopped after {done} of {total} trials; go on with: lucency search --resume {series.path}")
        raise


def _ended(study: SearchStudy, slot: int, state: str, reason: str, monitor: str) -> str:
    trial, best = study.trials()[slot], study.best()
    if state == "failed":
        return f"failed: {reason}"
    if state == "pruned":
        epochs = len(trial.epochs)
        return f"ended early after {epochs} epoch{'s' if epochs != 1 else ''}, {monitor} {value_words(trial.value)}"
    ahead = "the best so far" if best and best.slot == slot else ""
    if best and not ahead:
        ahead = f"best so far {value_words(best.value)} in trial {best.slot + 1}"
    return f"{monitor} {value_words(trial.value)}, {ahead}"


def _drop_all_but_best(series: RunSeries, study: SearchStudy, keep: bool) -> None:
    best = study.best()
    for trial in study.trials():
        # What did not finish is of no use to anybody; what finished may be wanted.
        if (trial.state != "complete" or not keep) and not (best and trial.slot == best.slot):
            drop_weights(trial_folder(series, trial.slot + 1))


def _nothing_finished(series: RunSeries, content: Mapping[str, Any]) -> RunError:
    reasons = [trial["reason"] for trial in content["trials"] if trial["reason"]]
    if not reasons:
        return RunError("no trial finished", where=series.path, hint="Give more --trials")
    return RunError(
        f"all {len(content['trials'])} trials failed; the first: {reasons[0]}",
        where=series.path,
        hint="Narrow the dimensions with --tune, or change the recipe with --set, and give another --out",
    )
