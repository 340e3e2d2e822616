"""Runs and bundles -> one table and one page: which is better, by how much, and how sure that is."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lucency.errors import MissingExtraError, RunError
from lucency.workflows.common_films import CommonFilms, films_in_common
from lucency.workflows.compared_runs import ComparedRun, open_runs
from lucency.workflows.comparison_folder import default_folder, refuse_used
from lucency.workflows.fresh_scores import score_data, score_missing
from lucency.workflows.latency import measure_latency
from lucency.workflows.run_facts import data_differences, history_of, recipe_differences, size_of, training_of
from lucency.workflows.run_folder import now, versions, write_json, write_rows, write_text
from lucency.workflows.teller import Teller

if TYPE_CHECKING:
    from lucency.evaluation.report import EvaluationReport

SCHEMA_VERSION = 1
_SEEN = {"train": "trained", "val": "chose the thresholds of"}
_CURVES = ("roc", "precision_recall", "reliability")


@dataclass(frozen=True)
class Comparison:
    """What a comparison gave.

    Attributes:
        out: Folder with `compare.html`, `compare.json`, `predictions.csv` and `figures/`.
        content: The content of `compare.json`.
    """

    out: Path
    content: Mapping[str, Any]


def compare(
    runs: Sequence[str | os.PathLike[str]],
    *,
    baseline: str | os.PathLike[str] | None = None,
    films: str | os.PathLike[str] | None = None,
    split: str | None = None,
    out: str | os.PathLike[str] | None = None,
    labels: Mapping[str, int] | None = None,
    groups: str | os.PathLike[str] | None = None,
    latency: int = 100,
    resamples: int = 2000,
    seed: int = 0,
    workers: int | None = None,
    teller: Teller | None = None,
) -> Comparison:
    """Compares models on the same films, none of which trained one of them or chose its thresholds.

    Args:
        runs: Run folders, bundle folders, or names of models in the box, two or more.
        baseline: The one that the others are compared with; it need not be among `runs`. The first where None.
        films: Folder or table of films to run all models on; where None, the stored answers to the films in common.
        split: "test" or "val"; "test" where None. Films that have no splits are compared whole, and None is wanted.
        out: Folder to write; `comparison-<names>` in the working folder where None, with films and split in its name.
        labels: Further names of classes; only with `films`.
        groups: CSV with image_id and group; only with `films`.
        latency: Single-film predictions that are timed for each model; 0 for none.
        resamples: Of the bootstrap.
        seed: Of the bootstrap and of the order in which models are timed.
        workers: Threads that decode films.
        teller: Hears of progress.

    Raises:
        RunError: A run cannot be used, or one is given twice.
        BundleError: A bundle cannot be used.
        DatasetError: No film is left, labels disagree, or a split is wanted of films without splits.
    """
    teller = teller or Teller()
    if films is None and (labels or groups):
        raise RunError("labels and groups go with films of their own", hint="Give the films as well, with --films")
    try:
        import lucency.evaluation.compare
        import lucency.reporting.compare_page  # noqa: F401 - asked for before any work is done
    except ModuleNotFoundError as error:
        raise MissingExtraError(str(error.name), extra="train", need="Comparing runs") from None
    wanted, split = split, split or "test"
    films_from = Path(films).resolve().name if films is not None else None
    opened = open_runs(_ordered(runs, baseline), split=split, stored=films is None)
    target = Path(out) if out else default_folder(opened, films=films_from, split=split)
    refuse_used(target)
    histories = {run.name: history_of(run) for run in opened}
    if films is not None:
        opened = score_data(
            opened,
            films,
            split=wanted,
            work=target / "prepared",
            labels=labels,
            groups=groups,
            workers=workers,
            teller=teller,
        )
    else:
        opened = score_missing(opened, workers=workers, teller=teller)
    keep_tuned = split == "val" or (films is None and all(run.test_is_val for run in opened))
    common = films_in_common(opened, split=split, tuned_on=keep_tuned)
    timed = None
    if latency:
        timed = measure_latency(
            [run.bundle for run in opened], common.paths, predictions=latency, seed=seed, teller=teller
        )
    content = _measured(opened, common, split=split, resamples=resamples, seed=seed)
    for place, (run, entry) in enumerate(zip(opened, content["runs"], strict=True)):
        entry["size"] = size_of(run.bundle)
        entry["training"] = training_of(run, histories[run.name])
        entry["latency"] = timed["models"][place] if timed else None
    content["notes"] = _notes(opened, common, content.pop("reservations"), tuned_on=common.tuned > 0)
    content |= {
        "left_out": common.left_out,
        "unshared": common.unshared,
        "related": common.related,
        "recipe_differences": recipe_differences(opened),
        "data_differences": data_differences(opened),
        "timing": {key: value for key, value in timed.items() if key != "models"} if timed else None,
        "films_from": films_from,
        "made": now(),
        "versions": versions(),
    }
    if (target / "compare.json").is_file():
        teller.say(f"Replaces an earlier comparison in {target}")
    _write(target, content, common, opened, histories)
    for note in content["notes"]:
        teller.say(f"{note['severity']}: {note['message']}")
    for sentence in content["sentences"]:
        teller.say(sentence)
    teller.say(f"Comparison: {target / 'compare.html'}")
    return Comparison(target, content)


def _ordered(
    runs: Sequence[str | os.PathLike[str]], baseline: str | os.PathLike[str] | None
) -> list[str | os.PathLike[str]]:
    if baseline is None:
        return list(runs)
    place = Path(baseline).resolve()
    return [baseline, *(run for run in runs if Path(run).resolve() != place)]


def _notes(
    runs: Sequence[ComparedRun], common: CommonFilms, reservations: Sequence[str], *, tuned_on: bool
) -> list[dict[str, str]]:
    notes = []
    kept = len(common.image_ids)
    if common.left_out:
        total = kept + len(common.left_out) + common.unshared
        counts = {
            (run.name, side): sum(film["used"].get(run.name) == side for film in common.left_out)
            for run in runs
            for side in ("train", "val")
        }
        by_run = ", ".join(f"{count} {_SEEN[side]} {name}" for (name, side), count in counts.items() if count)
        text = f"{len(common.left_out)} of {total} films are left out for all, since they are not new to all: {by_run}"
        notes.append(("warning", f"{text}. {kept} remain."))
    if tuned_on:
        notes.append(
            (
                "warning",
                "These validation films chose the best epoch, the calibration and the thresholds of the models: the "
                "figures are optimistic, and more so for a model that was tuned on them more.",
            )
        )
    if common.related:
        text = "share a patient, an exam or their bytes with films that trained a model or chose its thresholds"
        notes.append(("warning", f"{common.related} of the {kept} films {text}: differences may favour that model."))
    blind = [run.name for run in runs if not run.seen["train"]]
    if blind:
        text = f"Which films trained {', '.join(blind)} is not known. Films of this comparison that were among them"
        notes.append(("warning", f"{text} flatter that model, and no check can tell."))
    if common.unshared:
        notes.append(("note", f"{common.unshared} further films are not among those that all models answer."))
    notes += [("note", reservation) for reservation in reservations]
    return [{"severity": severity, "message": message} for severity, message in notes]


def _measured(
    runs: Sequence[ComparedRun], common: CommonFilms, *, split: str, resamples: int, seed: int
) -> dict[str, Any]:
    from lucency.evaluation.compare import ModelScores, compare_models, difference_sentence
    from lucency.evaluation.report import evaluate_scores

    reports: list[EvaluationReport] = []
    models: list[ModelScores] = []
    for run, logits in zip(runs, common.logits, strict=True):
        card = run.bundle.card
        point = card.operating_point()
        reports.append(
            evaluate_scores(
                common.labels,
                logits,
                groups=common.groups,
                calibration=card.calibration,
                operating_point=point,
                image_ids=common.image_ids,
                split=split,
                resamples=resamples,
                seed=seed,
            )
        )
        probabilities = card.calibration.probability(logits)
        models.append(ModelScores(run.name, probabilities, probabilities >= point.threshold))
    found = compare_models(common.labels, models, groups=common.groups, resamples=resamples, seed=seed)
    of_run = {run.name: report.to_json() for run, report in zip(runs, reports, strict=True)}
    first = runs[0].name
    sentences = [
        difference_sentence(
            first,
            name,
            {
                metric: (of_run[first]["metrics"][metric]["value"], of_run[name]["metrics"][metric]["value"])
                for metric in row
            },
            row,
            films=len(common.image_ids),
            comparisons=len(found),
        )
        for name, row in found.items()
    ]
    kept = ("temperature", "operating_point", "metrics", "ece_floor", "confusion", *_CURVES)
    return {
        "schema_version": SCHEMA_VERSION,
        "sentences": sentences,
        "baseline": first,
        "split": split,
        **{key: of_run[first][key] for key in ("films", "groups", "fractured", "bootstrap")},
        "runs": [
            {
                "name": run.name,
                "bundle": run.bundle.identity,
                "recipe": run.bundle.card.recipe.get("name"),
                "threshold": run.bundle.card.operating_point().threshold,
                **{key: of_run[run.name][key] for key in kept},
            }
            for run in runs
        ],
        "differences": [
            {"run": name, "metrics": {metric: difference.to_json() for metric, difference in row.items()}}
            for name, row in found.items()
        ],
        "reservations": list(dict.fromkeys(note for report in reports for note in report.notes)),
    }


def _write(
    target: Path,
    content: Mapping[str, Any],
    common: CommonFilms,
    runs: Sequence[ComparedRun],
    histories: Mapping[str, Sequence[Mapping[str, str]]],
) -> None:
    from lucency.reporting.canvas import to_png
    from lucency.reporting.compare_figures import comparison_figures
    from lucency.reporting.compare_page import render_comparison

    figures = comparison_figures(content, histories)
    (target / "figures").mkdir(parents=True, exist_ok=True)
    for name, figure in figures.items():
        (target / "figures" / f"{name}.png").write_bytes(to_png(figure))
    rows: list[dict[str, Any]] = [
        {"image_id": image_id, "group": common.groups[place] if common.groups else "", "label": common.labels[place]}
        for place, image_id in enumerate(common.image_ids)
    ]
    for run, logits in zip(runs, common.logits, strict=True):
        point, probabilities = run.bundle.card.operating_point(), run.bundle.card.calibration.probability(logits)
        for row, logit, probability in zip(rows, logits.tolist(), probabilities.tolist(), strict=True):
            row[f"logit {run.name}"] = logit
            row[f"probability {run.name}"] = probability
            row[f"decision {run.name}"] = point.decide(probability)
    write_rows(target / "predictions.csv", list(rows[0]), rows)
    write_text(target / "compare.html", render_comparison(content, figures))
    write_json(target / "compare.json", content)
