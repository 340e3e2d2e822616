"""Answers of models that have none stored: on films of the user's own, or on the test films of the other runs."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from lucency.errors import DatasetError, FilmError
from lucency.workflows.compared_runs import ComparedRun, FilmScore, keyed
from lucency.workflows.run_films import prepare_films
from lucency.workflows.scan import read_films
from lucency.workflows.split_films import split_films
from lucency.workflows.teller import Teller


def score_data(
    runs: Sequence[ComparedRun],
    data: str | os.PathLike[str],
    *,
    split: str | None,
    work: Path,
    labels: Mapping[str, int] | None = None,
    groups: str | os.PathLike[str] | None = None,
    workers: int | None = None,
    teller: Teller | None = None,
) -> list[ComparedRun]:
    """Runs every model over films of the user's own.

    Args:
        runs: The models.
        data: Folder of films, or a table. Where it has splits, the films of `split` are taken, otherwise all.
        split: "test" or "val"; None for the test films, or for all of films that have no splits.
        work: Folder for the prepared films.
        labels: Further names of classes.
        groups: CSV with image_id and group.
        workers: Threads that decode.
        teller: Hears of progress.

    Returns:
        The runs with scores of these films.

    Raises:
        DatasetError: The films cannot be used, or have no splits to choose from.
    """
    from lucency.predictor import Predictor

    teller = teller or Teller()
    manifest = read_films(data, labels=labels, groups=groups)
    for note in manifest.notes:
        teller.say(note)
    given = sorted(set(manifest.table["split"]) - {""})
    if not given and split is not None:
        raise DatasetError(
            f"has no splits, so none can be chosen with --split {split}",
            where=data,
            hint="Leave --split out: all its films are compared",
        )
    split = split or "test"
    if not given:
        manifest = replace(manifest, table=manifest.table.assign(split=split))
    elif split not in given:
        raise DatasetError(
            f"has no films of split '{split}'", where=data, hint=f"It has: {', '.join(given)}; choose with --split"
        )
    else:
        manifest = manifest.subset(split)
    scored: list[ComparedRun] = []
    for run in runs:
        prepared = prepare_films(manifest, run.bundle.card.input, work, workers=workers, teller=teller)
        for finding in prepared.findings if not scored else ():
            teller.say(f"{finding.severity}: {finding.message}")
        films = split_films(prepared.manifest, prepared, split)
        predictor, logits = Predictor(run.bundle), []
        for start in range(0, len(films.rows), 16):
            logits += predictor.score_rows(films.images, films.rows[start : start + 16]).tolist()
            teller.progress(f"scoring with {run.name}", len(logits), len(films.rows))
        scores = [
            (sha256, FilmScore(image_id, Path(path), int(label), group, logit))
            for sha256, image_id, path, label, group, logit in zip(
                prepared.manifest.subset(split).table["sha256"],
                films.image_ids,
                films.paths,
                films.labels,
                films.groups or [""] * len(logits),
                logits,
                strict=True,
            )
        ]
        scored.append(replace(run, scores=dict(keyed(scores))))
    return scored


def score_missing(
    runs: Sequence[ComparedRun], *, workers: int | None = None, teller: Teller | None = None
) -> list[ComparedRun]:
    """Runs the models that have no stored answers over the films that all the others have answers for.

    Args:
        runs: The models, some with scores.
        workers: Threads that decode.
        teller: Hears of progress.

    Returns:
        The runs, all with scores.

    Raises:
        DatasetError: None has stored answers, or a film is gone or changed.
    """
    from lucency.predictor import Predictor

    teller = teller or Teller()
    stored = [run.scores for run in runs if run.scores is not None]
    if not stored:
        raise DatasetError(
            "bundles alone hold no answers to compare", hint="Give films to compare on with --films DATA"
        )
    shared = {key: stored[0][key] for key in stored[0] if all(key in held for held in stored)}
    found: list[ComparedRun] = []
    for run in runs:
        if run.scores is not None:
            found.append(run)
            continue
        answers = Predictor(run.bundle).predict_many([film.path for film in shared.values()], workers=workers)
        scores = {}
        for (key, film), answer in zip(shared.items(), answers, strict=True):
            if isinstance(answer, FilmError) or answer[0].sha256[:16] != key[0]:
                reason = answer.what if isinstance(answer, FilmError) else "it has changed since"
                raise DatasetError(
                    f"the test film {film.image_id} cannot be read any more, and {run.name} has no answer stored for "
                    f"it ({reason})",
                    where=film.path,
                    hint="Restore the films, or give others with --films DATA",
                )
            scores[key] = replace(film, logit=answer[0].logit)
            teller.progress(f"scoring with {run.name}", len(scores), len(shared))
        found.append(replace(run, scores=scores))
    return found
