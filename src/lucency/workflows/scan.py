"""Folder or table -> manifest -> prepared films."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lucency.errors import DatasetError, MissingExtraError
from lucency.workflows.teller import Teller

if TYPE_CHECKING:
    from lucency.datasets.manifest import Manifest
    from lucency.datasets.prepared import Prepared


def read_films(
    data: str | os.PathLike[str],
    *,
    labels: Mapping[str, int] | None = None,
    groups: str | os.PathLike[str] | None = None,
    trainable: bool = True,
) -> Manifest:
    """Scans a folder in one of the known layouts, or a CSV or Parquet table.

    Args:
        data: The folder or table.
        labels: Further names of classes, such as {"bruch": 1, "heil": 0}.
        groups: CSV with image_id and group.
        trainable: Refuse films that nothing can be trained on: of one class, or named by a table and not there.

    Raises:
        DatasetError: Nothing usable is there.
        MissingExtraError: pandas is not installed.
    """
    try:
        from lucency.datasets.layouts import scan
    except ModuleNotFoundError as error:
        raise MissingExtraError(str(error.name), extra="train", need="Reading a data set") from None
    if not Path(data).exists():
        raise DatasetError("does not exist", where=data, hint="Give a folder of films, or a CSV or Parquet table")
    return scan(Path(data), labels=labels, groups=Path(groups) if groups is not None else None, trainable=trainable)


def describe_films(manifest: Manifest) -> dict[str, Any]:
    """What `lucency scan --json` prints: counts, notes and findings of a manifest that is not decoded."""
    from lucency.datasets.audit import audit
    from lucency.datasets.film_groups import film_groups

    table = manifest.table
    named = {split or "not assigned": table[table["split"] == split] for split in ("train", "val", "test", "")}
    return {
        "source": manifest.source,
        "films": len(table),
        "fractured": int(table["label"].sum()),
        "groups": len(set(film_groups(manifest))),
        "exams": len(set(table["study_id"]) - {""}),
        "with_boxes": int((~table["boxes"].isin(["", "[]"])).sum()),
        "body_parts": {str(part): int(count) for part, count in table["body_part"].value_counts().items() if part},
        "splits": {
            name: {"films": len(part), "fractured": int(part["label"].sum())}
            for name, part in named.items()
            if len(part)
        },
        "notes": list(manifest.notes),
        "findings": [finding.to_json() for finding in audit(manifest)],
    }


def prepare_data(
    data: str | os.PathLike[str],
    *,
    recipe: str | os.PathLike[str],
    overrides: Sequence[str] = (),
    out: str | os.PathLike[str],
    labels: Mapping[str, int] | None = None,
    workers: int | None = None,
    teller: Teller | None = None,
) -> Prepared:
    """Decodes each film once, for the network input of a recipe.

    Args:
        data: Folder of films, or a table.
        recipe: Recipe whose input is wanted.
        overrides: Recipe values such as "input.height=128".
        out: Folder of prepared films.
        labels: Further names of classes.
        workers: Threads that decode.
        teller: Hears of progress.
    """
    try:
        from lucency.learning.recipe import load_recipe
    except ModuleNotFoundError as error:
        raise MissingExtraError(str(error.name), extra="tables", need="Preparing films") from None
    spec = load_recipe(recipe, overrides).input_spec
    manifest = read_films(data, labels=labels)
    from lucency.workflows.run_films import prepare_films

    return prepare_films(manifest, spec, Path(out), workers=workers, teller=teller or Teller())
