"""What a cross-validation leaves: its JSON, the out-of-fold predictions, figures and a page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from lucency.workflows.export import shareable
from lucency.workflows.fold_evidence import add_fold_evidence
from lucency.workflows.fold_runs import Fold, fold_answers, fold_report, refuse_holes
from lucency.workflows.run_folder import RunFolder, now, versions, write_json, write_rows, write_text
from lucency.workflows.run_series import RunSeries

if TYPE_CHECKING:
    from lucency.datasets.manifest import Manifest
    from lucency.evaluation.report import EvaluationReport
    from lucency.learning.recipe import Recipe

SCHEMA_VERSION = 1
COLUMNS = ("image_id", "label", "group", "repeat", "fold", "logit", "probability", "decision")
"""Of `out_of_fold.csv`."""

_TOLD = ("auroc", "sensitivity", "specificity", "accuracy")


def write_record(
    series: RunSeries, folds: Sequence[Fold], films: Manifest, recipe: Recipe, *, left_out: int
) -> tuple[EvaluationReport, dict[str, Any]]:
    """Writes all of it, each file whole or not at all.

    Args:
        series: The cross-validation.
        folds: Its folds, all finished.
        films: The films that were divided.
        recipe: What was cross-validated.
        left_out: Films that the data set gives as test.

    Returns:
        The report of all films together, and the content of `cross-validation.json`.
    """
    from lucency.evaluation.pooled import evaluate_pooled, pooled_baselines

    answers, rows = [], []
    repeats = max(fold.repeat for fold in folds)
    for fold in folds:
        said, told = fold_answers(fold)
        answers.append(said)
        rows += [{**row, "repeat": str(fold.repeat), "fold": str(fold.fold)} for row in told]
    refuse_holes(rows, films, repeats)
    if repeats > 1 and not any(row["group"] for row in rows):
        answers = [_each_film_a_group(said, folds, rows, place) for place, said in enumerate(answers)]
    reports = [fold_report(fold) for fold in folds]
    pooled = evaluate_pooled(
        answers,
        baselines=pooled_baselines([report["baselines"] for report in reports], [len(said.labels) for said in answers]),
        findings=RunFolder(series.path).read_json("findings.json"),
        resamples=recipe.evaluation.resamples,
        seed=recipe.seed,
    )
    pooled = add_fold_evidence(pooled, folds, answers, rows, films)
    content: dict[str, Any] = {
        "schema_version": SCHEMA_VERSION,
        "recipe": recipe.name,
        "folds_wanted": max(fold.fold for fold in folds),
        "repeats": repeats,
        "seed": recipe.seed,
        "films": len(films),
        "fractured": int(films.table["label"].sum()),
        "groups": pooled.groups,
        "left_out_test_films": left_out,
        "metrics": {
            name: _spread([report["metrics"].get(name, {}).get("value") for report in reports])
            for name in pooled.metrics
        },
        "folds": [
            _of_fold(series, fold, report, said) for fold, report, said in zip(folds, reports, answers, strict=True)
        ],
        "pooled": pooled.to_json(),
        "notes": [],
        "made": now(),
        "versions": versions(),
    }
    content["notes"] = _notes(content)
    write_rows(series.path / "out_of_fold.csv", COLUMNS, rows)
    _draw(series, content, recipe)
    # Last: where it stands, everything else does.
    write_json(series.path / "cross-validation.json", content)
    return pooled, content


def _each_film_a_group(said: Any, folds: Sequence[Fold], rows: Sequence[Mapping[str, str]], place: int) -> Any:
    from dataclasses import replace

    # The same film in two repeats is one film: its rows must be drawn together.
    own = [
        row["image_id"]
        for row in rows
        if (row["repeat"], row["fold"]) == (str(folds[place].repeat), str(folds[place].fold))
    ]
    return replace(said, groups=own)


def _spread(values: Sequence[float | None]) -> dict[str, Any]:
    known = [value for value in values if value is not None]
    return {
        "mean": float(np.mean(known)) if known else None,
        "standard_deviation": float(np.std(known, ddof=1)) if len(known) > 1 else None,
        "lowest": min(known, default=None),
        "highest": max(known, default=None),
        "folds": list(values),
    }


def _of_fold(series: RunSeries, fold: Fold, report: Mapping[str, Any], said: Any) -> dict[str, Any]:
    details = RunFolder.open(fold.path).details()
    point = said.operating_points[0]
    return {
        "repeat": fold.repeat,
        "fold": fold.fold,
        "run": f"{series.runs}/{fold.words}",
        **{key: report[key] for key in ("films", "groups", "fractured", "temperature")},
        "operating_point": point.name,
        "threshold": point.threshold,
        "best_epoch": details.get("best_epoch"),
        "metrics": {name: figure["value"] for name, figure in report["metrics"].items()},
        "baselines": report["baselines"],
        "roc": report["roc"],
    }


def _notes(content: Mapping[str, Any]) -> list[str]:
    count = len(content["folds"])
    words = {"auroc": "AUROC", "sensitivity": "sensitivity", "specificity": "specificity", "accuracy": "accuracy"}
    parts = []
    for name in _TOLD:
        row = content["metrics"][name]
        if row["mean"] is not None and row["standard_deviation"] is not None:
            span = f"{row['lowest']:.3f} to {row['highest']:.3f}"
            parts.append(
                f"{words[name]} {row['mean']:.3f} (standard deviation {row['standard_deviation']:.3f}, {span})"
            )
    notes = [
        f"Mean over {count} folds: {'; '.join(parts)}. The models share training films, so this spread is no standard "
        "error; the intervals of all films together are by whole groups."
    ]
    if content["repeats"] > 1:
        notes.append(f"Each film counts once in each of {content['repeats']} repeats; its rows are drawn together.")
    if content["left_out_test_films"]:
        notes.append(
            f"{content['left_out_test_films']} films that the data set gives as test took no part; --all-films divides "
            "them too."
        )
    notes.append(
        "This measures the recipe, not one bundle. If the recipe was chosen by looking at these films, the figures are "
        "optimistic."
    )
    return notes


def _draw(series: RunSeries, content: Mapping[str, Any], recipe: Recipe) -> None:
    from lucency.reporting.canvas import to_png
    from lucency.reporting.evidence_figures import evidence_figures
    from lucency.reporting.figures import report_figures
    from lucency.reporting.fold_figures import fold_figures
    from lucency.reporting.html import render_report

    pooled = content["pooled"]
    figures = {**report_figures(pooled), **fold_figures(content), **evidence_figures(pooled["evidence"])}
    (series.path / "figures").mkdir(exist_ok=True)
    for name, figure in figures.items():
        (series.path / "figures" / f"{name}.png").write_bytes(to_png(figure))
    notes = [{"check": "folds", "severity": "note", "message": note} for note in content["notes"]]
    page = render_report(
        pooled,
        figures,
        title=f"Lucency cross-validation: {content['recipe']}, {len(content['folds'])} folds",
        run_details={
            **{fold["run"]: _fold_words(fold) for fold in content["folds"]},
            "seed": content["seed"],
            "made": content["made"],
            "recipe": shareable(recipe),
            "versions": content["versions"],
        },
        findings=[*pooled["findings"], *notes],
    )
    write_text(series.path / "cross-validation.html", page)


def _fold_words(fold: Mapping[str, Any]) -> dict[str, Any]:
    figures = {name: fold["metrics"][name] for name in _TOLD}
    return {
        "films": f"{fold['films']}, {fold['fractured']} fractured, {fold['groups']} groups",
        **{name: "not defined" if value is None else f"{value:.3f}" for name, value in figures.items()},
        "threshold": f"{fold['threshold']:.4f} ({fold['operating_point']})",
        "temperature": "" if fold["temperature"] is None else f"{fold['temperature']:.3f}",
        "best epoch": fold["best_epoch"],
    }
