"""The films of one split with their rows in the prepared array, as plain arrays and lists."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from lucency.datasets.manifest import Manifest
    from lucency.datasets.prepared import Prepared


@dataclass(frozen=True, eq=False)
class SplitFilms:
    """N films of one split, in the order of the manifest.

    Attributes:
        images: uint8 (rows, H, W), memory-mapped, of all splits.
        rows: int64 (N,): row of each film.
        labels: int64 (N,), 1 = fractured.
        groups: Names; films with the same one belong together. None where no group, patient or study is known.
        image_ids: Names, unique.
        paths: Files.
        boxes: Truth boxes (x, y, width, height) in pixels of the upright film.
        exams: Names of exams (study_id of the manifest), "" where unknown.
    """

    images: npt.NDArray[np.uint8]
    rows: npt.NDArray[np.int64]
    labels: npt.NDArray[np.int64]
    groups: list[str] | None
    image_ids: list[str]
    paths: list[str]
    boxes: list[list[tuple[float, float, float, float]]]
    exams: list[str]


def split_films(manifest: Manifest, prepared: Prepared, split: str) -> SplitFilms:
    """The films of a split ("train", "val" or "test")."""
    from lucency.datasets.film_groups import film_groups

    row_of: dict[str, int] = dict(zip(prepared.manifest.table["image_id"], prepared.rows.tolist(), strict=True))
    part = manifest.subset(split)
    table: Any = part.table
    known = any(manifest.table[column].ne("").any() for column in ("group", "patient_id", "study_id"))
    group_of = dict(zip(manifest.table["image_id"], film_groups(manifest), strict=True))
    return SplitFilms(
        images=prepared.images,
        rows=np.array([row_of[image_id] for image_id in table["image_id"]], dtype=np.int64),
        labels=table["label"].to_numpy(dtype=np.int64),
        groups=[group_of[image_id] for image_id in table["image_id"]] if known else None,
        image_ids=list(table["image_id"]),
        paths=list(table["path"]),
        boxes=[[tuple(box) for box in json.loads(cell)] if cell else [] for cell in table["boxes"]],
        exams=list(table["study_id"]),
    )
