"""Which films a stress test takes: a run's own or a folder's, of one split, whole groups at random up to a limit."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from lucency.bundle import Bundle
from lucency.errors import DatasetError
from lucency.workflows.run_folder import RunFolder
from lucency.workflows.scan import read_films
from lucency.workflows.teller import Teller

if TYPE_CHECKING:
    from lucency.datasets.manifest import Manifest

_OPTIMISTIC = {
    "train": "these are the films that the model was trained on",
    "val": "these validation films chose the best epoch, the calibration and the thresholds",
}


@dataclass(frozen=True, eq=False)
class StressFilms:
    """N films that are chosen, none of them read yet.

    Attributes:
        image_ids: Names, unique.
        paths: Files.
        sha256: Hashes of the files as the data set knows them, "" where unknown.
        labels: 1 = fractured.
        groups: Names of groups, or None where none are known.
        boxes: Truth boxes (x, y, width, height) of each film, None where unknown.
        in_split: Films that there were to choose from.
        optimistic: Why the figures of the films as they are flatter, as a sentence, or None.
    """

    image_ids: list[str]
    paths: list[str]
    sha256: list[str]
    labels: list[int]
    groups: list[str] | None
    boxes: list[list[tuple[float, float, float, float]] | None]
    in_split: int
    optimistic: str | None


def films_of_run(run: RunFolder, split: str) -> tuple[Manifest, str | None]:
    """A run's own films of a split, and why figures of them flatter.

    Raises:
        DatasetError: The split is empty, or a film is gone.
    """
    from lucency.datasets.manifest import TEST_IS_VAL, Manifest

    details = run.details()
    manifest = Manifest.read(run.path / "manifest.csv")
    if details["data"].get("test_is_val"):
        manifest = manifest.noting(TEST_IS_VAL)
    optimistic = _OPTIMISTIC.get("val" if split == "test" and manifest.test_is_val else split)
    return _of_split(manifest, split, run.path), optimistic


def films_of_data(
    bundle: Bundle,
    data: str | os.PathLike[str],
    split: str,
    *,
    labels: Mapping[str, int] | None,
    groups: str | os.PathLike[str] | None,
    teller: Teller,
) -> tuple[Manifest, str | None]:
    """The films of a folder or table, of a split where it has splits, and why figures of them flatter.

    Raises:
        DatasetError: The films cannot be used.
    """
    manifest = read_films(data, labels=labels, groups=groups)
    for note in manifest.notes:
        teller.say(note)
    if set(manifest.table["split"]) == {""}:
        manifest = replace(manifest, table=manifest.table.assign(split=split))
    manifest = _of_split(manifest, split, data)
    seen = bundle.films_used("train") | bundle.films_used("val")
    known = int(manifest.table["sha256"].str[:16].isin(seen).sum())
    if not known:
        return manifest, None
    return manifest, (
        f"{known} of these {len(manifest)} films, byte for byte, trained this bundle or chose its thresholds"
    )


def choose_films(manifest: Manifest, optimistic: str | None, *, limit: int, seed: int) -> StressFilms:
    """At most about `limit` films of a manifest, whole groups at random; all of them where `limit` is 0.

    Raises:
        DatasetError: The films are all of one class.
    """
    from lucency.datasets.film_groups import film_groups
    from lucency.datasets.film_sample import sample_films

    table: Any = manifest.table
    labels = [int(label) for label in table["label"]]
    if len(set(labels)) < 2:
        raise DatasetError(
            f"all {len(labels)} films are {'fractured' if labels[0] else 'not fractured'}",
            where=manifest.source,
            hint="A stress test needs films of both classes",
        )
    names = film_groups(manifest)
    known = any(table[column].ne("").any() for column in ("group", "patient_id", "study_id"))
    chosen = sample_films(labels, names, limit, seed=seed) if limit else np.arange(len(labels))
    cells = [str(cell) for cell in table["boxes"]]
    image_ids, paths, hashes = (list(map(str, table[column])) for column in ("image_id", "path", "sha256"))
    return StressFilms(
        image_ids=[image_ids[place] for place in chosen],
        paths=[paths[place] for place in chosen],
        sha256=[hashes[place] for place in chosen],
        labels=[labels[place] for place in chosen],
        groups=[names[place] for place in chosen] if known else None,
        boxes=[_boxes(cells[place], labels[place]) for place in chosen],
        in_split=len(labels),
        optimistic=optimistic,
    )


def _boxes(cell: str, label: int) -> list[tuple[float, float, float, float]] | None:
    """The boxes of a film; those of a fractured film that has none are not known."""
    boxes = [tuple(box) for box in json.loads(cell)] if cell else []
    return boxes if boxes or not label else None


def _of_split(manifest: Manifest, split: str, where: str | os.PathLike[str]) -> Manifest:
    part = manifest.subset(split)
    if not len(part):
        given = sorted(set(manifest.table["split"]) - {""})
        has = f"It has: {', '.join(given)}; choose with --split" if given else "It has no films with a split"
        raise DatasetError(f"has no films of split '{split}'", where=Path(where), hint=has)
    return part
