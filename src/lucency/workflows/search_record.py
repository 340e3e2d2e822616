"""What a search leaves: `search.json`, `trials.csv`, the best recipe, pictures and a page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from lucency.workflows.run_folder import now, read_rows, versions, write_json, write_rows, write_text
from lucency.workflows.run_series import FILMS, RunSeries
from lucency.workflows.search_trial import trial_folder

if TYPE_CHECKING:
    from lucency.learning.recipe import Recipe
    from lucency.learning.search_study import SearchStudy, Trial

SCHEMA_VERSION = 1
BEST = "best.toml"
_RESAMPLES = 1000


def value_words(value: float | None) -> str:
    """A value as a person reads it."""
    return "not known" if value is None else f"{value:.4f}"


def result_of(series: RunSeries, recipe: Recipe, study: SearchStudy, plan: Mapping[str, Any]) -> dict[str, Any]:
    """The content of `search.json`.

    Args:
        series: The search.
        recipe: What it started from.
        study: Its trials.
        plan: Its plan.
    """
    from lucency.learning.search_space import own_value, own_values

    trials, best = study.trials(), study.best()
    monitor, own = recipe.training.monitor, own_values(recipe, study.dimensions)
    first = trials[0] if trials and own is not None and trials[0].values == own else None
    films = _films(series)
    auroc = _auroc_of(series, best, recipe.seed) if best else None
    content: dict[str, Any] = {
        "schema_version": SCHEMA_VERSION,
        "recipe": recipe.name,
        "monitor": monitor,
        "direction": "maximize" if study.maximise else "minimize",
        "seed": recipe.seed,
        "pruner": plan["pruner"],
        "trials_wanted": plan["trials"],
        "films": films,
        "dimensions": [
            {**dimension.to_json(), "own": own_value(recipe, dimension.key)} for dimension in study.dimensions
        ],
        "counts": {state: sum(t.state == state for t in trials) for state in ("complete", "pruned", "failed")},
        "trials": [
            {
                "trial": trial.slot + 1,
                "state": trial.state,
                "value": trial.value,
                "values": dict(trial.values),
                "epochs": list(trial.epochs),
                "reason": trial.reason,
                "run": f"{series.runs}/{trial.slot + 1:03d}",
            }
            for trial in trials
        ],
        "own": {"trial": 1, "value": first.value} if first else None,
        "best": None,
        "importance": study.importance(),
        "notes": [],
        "made": now(),
        "versions": versions(),
    }
    if best is not None:
        content["best"] = {
            "trial": best.slot + 1,
            "value": best.value,
            "values": dict(best.values),
            "run": f"{series.runs}/{best.slot + 1:03d}",
            "recipe": BEST,
            "val_auroc": auroc,
        }
        content["notes"] = _notes(series, content)
    return content


def write_record(series: RunSeries, recipe: Recipe, content: Mapping[str, Any], *, pictures: bool) -> None:
    """Writes the record anew, each file whole or not at all.

    Args:
        series: The search.
        recipe: What it started from.
        content: Of `search.json`.
        pictures: Whether figures and page are drawn too.
    """
    keys = [dimension["key"] for dimension in content["dimensions"]]
    rows = [
        {
            "trial": trial["trial"],
            "state": trial["state"],
            content["monitor"]: "" if trial["value"] is None else trial["value"],
            "epochs": len(trial["epochs"]),
            **trial["values"],
            "reason": trial["reason"],
        }
        for trial in content["trials"]
    ]
    write_rows(series.path / "trials.csv", ["trial", "state", content["monitor"], "epochs", *keys, "reason"], rows)
    best = content["best"]
    if best is not None:
        write_text(series.path / BEST, _best_recipe(recipe, content).to_toml())
    if pictures:
        from lucency.reporting.canvas import to_png
        from lucency.reporting.search_figures import search_figures
        from lucency.reporting.search_page import render_search

        figures = search_figures(content)
        (series.path / "figures").mkdir(exist_ok=True)
        for name, figure in figures.items():
            (series.path / "figures" / f"{name}.png").write_bytes(to_png(figure))
        write_text(series.path / "search.html", render_search(content, figures))
    write_json(series.path / "search.json", content)


def _best_recipe(recipe: Recipe, content: Mapping[str, Any]) -> Recipe:
    from lucency.learning.search_space import changed_recipe, changes

    best, tried = content["best"], len(content["trials"])
    found = changed_recipe(recipe, changes(recipe, best["values"]))
    source = f"{recipe.source}; " if recipe.source else ""
    details: dict[str, Any] = {
        "name": f"{recipe.name}-searched",
        "source": f"{source}changed by lucency search: trial {best['trial']} of {tried} by {content['monitor']}",
    }
    if found.model != recipe.model or found.input != recipe.input:
        # Another network may have another number of parameters.
        details["parameters"] = None
    return found.model_copy(update=details)


def _films(series: RunSeries) -> dict[str, dict[str, int]]:
    rows = read_rows(series.path / FILMS)
    return {
        split: {"films": len(labels), "fractured": sum(labels)}
        for split in ("train", "val", "test")
        if (labels := [int(row["label"]) for row in rows if row["split"] == split])
    }


def _auroc_of(series: RunSeries, trial: Trial, seed: int) -> dict[str, float | None] | None:
    """AUROC of the validation films of a trial with its interval, as `{"value", "low", "high"}`."""
    from lucency.calibration import Calibration
    from lucency.evaluation.intervals import bootstrap_intervals
    from lucency.evaluation.metrics import measure
    from lucency.evaluation.scores import ScoredFilms

    place = trial_folder(series, trial.slot + 1) / "validation.csv"
    if not place.is_file():
        return None
    rows = read_rows(place)
    labels = np.array([int(row["label"]) for row in rows])
    probabilities = Calibration().probability([float(row["logit"]) for row in rows])
    called = probabilities >= 0.5
    groups = [row["group"] for row in rows]
    films = ScoredFilms.sort(labels, probabilities, called)
    interval = bootstrap_intervals(films, groups, names=["auroc"], resamples=_RESAMPLES, seed=seed)["auroc"]
    value = float(measure(labels, probabilities, called, names=["auroc"])["auroc"][0])
    return {"value": value, "low": interval.low, "high": interval.high}


def _notes(series: RunSeries, content: Mapping[str, Any]) -> list[str]:
    best, monitor, counts = content["best"], content["monitor"], content["counts"]
    finished, films = counts["complete"], content["films"]["val"]["films"]
    notes = [
        f"Best: {monitor} {value_words(best['value'])} in trial {best['trial']} of {len(content['trials'])}. It was "
        f"chosen among {finished} finished trials by the same {films} validation films, so it is optimistic: measure "
        "the recipe on films that took no part."
    ]
    if content["own"] is not None and content["own"]["value"] is not None:
        own = f"The recipe as it was has {monitor} {value_words(content['own']['value'])} (trial 1)."
        notes.append(f"{own} No trial was better." if best["trial"] == 1 else own)
    auroc = best["val_auroc"]
    if monitor == "val_auroc" and auroc and auroc["low"] is not None:
        alike = sum(t["state"] == "complete" and t["value"] >= auroc["low"] for t in content["trials"])
        notes.append(
            f"On so few films the best trial's AUROC has a 95 % interval of {auroc['low']:.2f} to {auroc['high']:.2f}; "
            f"{alike} of the {finished} finished trials lie within it, so these films hardly tell them apart."
            if alike > 1
            else f"The best trial's AUROC has a 95 % interval of {auroc['low']:.2f} to {auroc['high']:.2f}."
        )
    if "test" in content["films"] and (series.path / best["run"] / "model.keras").is_file():
        notes.append(
            "No test film was scored. To measure the best trial on them, once: "
            f"lucency train --resume {series.path / best['run']}"
        )
    if counts["failed"]:
        notes.append(f"{counts['failed']} trial(s) failed; trials.csv says why.")
    return notes
