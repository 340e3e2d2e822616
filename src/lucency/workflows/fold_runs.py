"""The runs of a cross-validation: one a fold, each trained, calibrated and measured like any other."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from lucency.errors import DatasetError, RunError
from lucency.workflows.run_folder import RunFolder, read_rows
from lucency.workflows.run_series import RECIPE, QuietTeller, RunSeries
from lucency.workflows.teller import Teller

if TYPE_CHECKING:
    from lucency.datasets.manifest import Manifest
    from lucency.evaluation.pooled import ModelAnswers
    from lucency.learning.recipe import Recipe


@dataclass(frozen=True)
class Fold:
    """One fold of one repeat, both counted from 1.

    Attributes:
        repeat: Which division of the films.
        fold: Which part of it is tested.
        path: Its run; the table of its films lies beside it.
    """

    repeat: int
    fold: int
    path: Path

    @property
    def table(self) -> Path:
        """The manifest that the run is trained on."""
        return self.path.with_name(f"{self.path.name}.csv")

    @property
    def words(self) -> str:
        """What it is called, such as "repeat-2-fold-1"."""
        return self.path.name

    @property
    def finished(self) -> bool:
        """Whether it is trained and measured."""
        return (self.path / "run.json").is_file() and RunFolder.open(self.path).has("evaluated")


def planned_folds(series: RunSeries, *, folds: int, repeats: int) -> list[Fold]:
    """The folds in the order in which they are run."""
    return [
        Fold(
            repeat,
            fold,
            series.path / series.runs / (f"repeat-{repeat}-fold-{fold}" if repeats > 1 else f"fold-{fold}"),
        )
        for repeat in range(1, repeats + 1)
        for fold in range(1, folds + 1)
    ]


def fold_films(films: Manifest, recipe: Recipe, *, folds: int, repeats: int) -> list[Manifest]:
    """The films of each fold with their splits, in the order of `planned_folds`.

    Raises:
        DatasetError: Too few groups for so many folds.
    """
    from lucency.datasets.folds import assign_folds, fold_split

    found = []
    for repeat in range(repeats):
        seed = recipe.seed + repeat
        of_film = assign_folds(films, folds, seed=seed)
        for fold in range(folds):
            found.append(fold_split(films, of_film, fold, val=recipe.split.val, seed=seed))
    return found


def run_fold(series: RunSeries, fold: Fold, films: Manifest, *, workers: int | None, teller: Teller) -> None:
    """Runs a fold to its end; one that was interrupted goes on after its last whole epoch.

    Args:
        series: The cross-validation.
        fold: Which one.
        films: Its films with their splits.
        workers: Threads that decode films.
        teller: Hears of progress.

    Raises:
        LucencyError: One of its kinds; the folds that are finished are kept.
        KeyboardInterrupt: Likewise.
    """
    from lucency.workflows.train import resume_training, train

    quiet = QuietTeller(teller, fold.words)
    if (fold.path / "run.json").is_file():
        resume_training(fold.path, workers=workers, teller=quiet)
    else:
        shutil.rmtree(fold.path, ignore_errors=True)
        films.write(fold.table)
        train(fold.table, recipe=series.path / RECIPE, out=fold.path, workers=workers, teller=quiet, audit=False)


def fold_report(fold: Fold) -> dict[str, Any]:
    """The content of the fold's `report.json`."""
    content = RunFolder.open(fold.path).read_json("report.json")
    if not isinstance(content, dict):
        raise RunError("report.json is damaged", where=fold.path)
    return content


def fold_answers(fold: Fold) -> tuple[ModelAnswers, list[dict[str, str]]]:
    """What the fold's bundle said of its films, and the rows of its `predictions.csv`.

    Raises:
        BundleError: The bundle is damaged.
        RunError: The predictions are not there.
    """
    from lucency.bundle import read_bundle
    from lucency.evaluation.pooled import ModelAnswers

    card = read_bundle(fold.path).card
    decides = card.operating_point()
    place = fold.path / "predictions.csv"
    if not place.is_file():
        raise RunError("predictions.csv is gone", where=fold.path, hint=f"Run: lucency evaluate {fold.path}")
    rows = read_rows(place)
    answers = ModelAnswers(
        labels=np.array([int(row["label"]) for row in rows]),
        logits=np.array([float(row["logit"]) for row in rows]),
        groups=[row["group"] for row in rows],
        calibration=card.calibration,
        operating_points=[decides, *(point for point in card.operating_points if point.name != decides.name)],
    )
    return answers, rows


def refuse_holes(rows: list[dict[str, str]], films: Manifest, repeats: int) -> None:
    """Makes sure that every film was answered once in each repeat.

    Raises:
        DatasetError: A film was not, or too often.
    """
    told = sorted(row["image_id"] for row in rows)
    if told != sorted(list(films.table["image_id"]) * repeats):
        raise DatasetError("the folds do not answer every film once", where=films.source, hint="Begin anew")
