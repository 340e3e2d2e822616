"""The films on which models can be compared: the same for all of them, and new to each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from lucency.errors import DatasetError
from lucency.workflows.compared_runs import ComparedRun, FilmKey, FilmScore

Scores = Mapping[FilmKey, FilmScore]


@dataclass(frozen=True, eq=False)
class CommonFilms:
    """N films that every model answers and none has seen.

    Attributes:
        image_ids: Names, as the first model has them.
        paths: Files, as the first model has them; they may be gone by now.
        labels: int64 (N,), 1 = fractured.
        groups: Films with the same name belong together; None where no group is known.
        logits: For each model float64 (N,).
        left_out: Films that a model has seen: "image_id", and "used": for the name of each such model "train" or "val".
        unshared: How many further films only some of the models answer.
        related: How many of the N films share a group with a film that trained a model or chose its thresholds.
        tuned: How many of the N films chose the thresholds of a model.
    """

    image_ids: list[str]
    paths: list[Path]
    labels: npt.NDArray[np.int64]
    groups: list[str] | None
    logits: list[npt.NDArray[np.float64]]
    left_out: list[dict[str, Any]]
    unshared: int
    related: int
    tuned: int


def films_in_common(runs: Sequence[ComparedRun], *, split: str, tuned_on: bool = False) -> CommonFilms:
    """The films that all runs have answers for, without those that one of them was trained or tuned on.

    Args:
        runs: All with scores.
        split: "test" or "val", for the words of an error.
        tuned_on: Keep films that chose the thresholds of a model; for where validation films are what is compared on.

    Raises:
        DatasetError: No film is left, or runs disagree about a label.
    """
    scores: list[Scores] = [run.scores or {} for run in runs]
    everything = sorted(set().union(*scores))
    sides = ("train",) if tuned_on else ("train", "val")
    known: list[dict[str, Any]] = []
    kept: list[FilmKey] = []
    unshared = 0
    for key in everything:
        used = {run.name: side for run in runs for side in reversed(sides) if key[0] in run.seen[side]}
        if used:
            image_id = next(held[key].image_id for held in scores if key in held)
            known.append({"image_id": image_id, "used": used})
        elif all(key in held for held in scores):
            kept.append(key)
        else:
            unshared += 1
    _check_labels(runs, scores, kept)
    if not kept:
        films = {"test": "test film", "val": "validation film"}[split]
        raise DatasetError(
            f"no film is left to compare on: {len(known)} of {len(everything)} trained one of the models or chose its "
            "thresholds" + (f", and {unshared} are not shared by all" if unshared else "")
            if known
            else f"the models share no {films}",
            hint="Give films that are new to all of them with --films DATA",
        )
    kept.sort(key=lambda key: scores[0][key].image_id)
    first = [scores[0][key] for key in kept]
    return CommonFilms(
        image_ids=[film.image_id for film in first],
        paths=[film.path for film in first],
        labels=np.array([film.label for film in first], dtype=np.int64),
        groups=_joined_groups(scores, kept),
        logits=[np.array([held[key].logit for key in kept]) for held in scores],
        left_out=known,
        unshared=unshared,
        related=_related(runs, kept, sides),
        tuned=sum(any(digits in run.seen["val"] for run in runs) for digits, _ in kept),
    )


def _check_labels(runs: Sequence[ComparedRun], scores: Sequence[Scores], kept: Sequence[FilmKey]) -> None:
    words = {0: "not fractured", 1: "fractured"}
    for key in kept:
        for run, held in zip(runs[1:], scores[1:], strict=True):
            first, other = scores[0][key], held[key]
            if first.label != other.label:
                raise DatasetError(
                    f"is labelled {words[first.label]} in {runs[0].name} but {words[other.label]} in {run.name}",
                    where=f"film {first.image_id}",
                    hint="Correct the labels and evaluate again, or compare on films of your own with --films",
                )


def _joined_groups(scores: Sequence[Scores], kept: Sequence[FilmKey]) -> list[str] | None:
    from lucency.datasets.film_groups import linked

    columns = [[held[key].group for key in kept] for held in scores]
    if not any(name for column in columns for name in column):
        return None
    # Copies of one film belong together whether or not a run knows their patient.
    return linked([f"{digits}-{copy}" for digits, copy in kept], [*columns, [digits for digits, _ in kept]])


def _related(runs: Sequence[ComparedRun], kept: Sequence[FilmKey], sides: Sequence[str]) -> int:
    related: set[str] = set()
    for run in runs:
        used = {film for other in runs for side in sides for film in other.seen[side]}
        of_used = {group for film, group in run.groups.items() if film in used}
        related |= {film for film, group in run.groups.items() if group in of_used}
    return sum(digits in related for digits, _ in kept)
