"""The prepared films of a manifest, and those of a run, which may not have changed since."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from lucency.errors import RunError
from lucency.workflows.run_folder import RunFolder, read_rows
from lucency.workflows.teller import Teller

if TYPE_CHECKING:
    from lucency.datasets.manifest import Manifest
    from lucency.datasets.prepared import Prepared
    from lucency.imaging.geometry import InputSpec
    from lucency.learning.recipe import Recipe

_RESTORE = "Restore them, or start a new run"


def prepare_films(
    manifest: Manifest, spec: InputSpec, folder: Path, *, workers: int | None, teller: Teller
) -> Prepared:
    """Decodes the films of a manifest once, into a folder that runs and evaluations may share."""
    from lucency.datasets.prepared import prepare

    def progress(done: int, total: int) -> None:
        teller.progress("preparing films", done, total)

    return prepare(manifest, spec, folder, workers=workers, progress=progress)


def run_films(
    run: RunFolder, recipe: Recipe, *, workers: int | None = None, teller: Teller | None = None
) -> tuple[Manifest, Prepared]:
    """The manifest of a run and its prepared films, none of which may have changed or gone.

    Raises:
        RunError: A film changed or cannot be read any more.
    """
    from lucency.datasets.content_hash import files_sha256
    from lucency.datasets.manifest import TEST_IS_VAL, Manifest

    details = run.details()
    rows = read_rows(run.path / "manifest.csv")
    gone = [row["image_id"] for row in rows if not (run.path / row["path"]).is_file()]
    if gone:
        raise RunError(f"films of the run are gone: {_named(gone)}", where=run.path, hint=_RESTORE)
    manifest = Manifest.read(run.path / "manifest.csv")
    if details["data"].get("test_is_val"):
        manifest = manifest.noting(TEST_IS_VAL)
    # Prepared films would hide a change: they are found by the hash that the manifest remembers.
    table = manifest.table
    hashes = files_sha256(list(table["path"]))
    changed = [
        image for image, now, then in zip(table["image_id"], hashes, table["sha256"], strict=True) if now != then
    ]
    if changed or manifest.content_hash() != details["data"]["manifest_sha256"]:
        which = _named(changed) if changed else "manifest.csv was changed"
        raise RunError(f"the films are not what they were when the run began: {which}", where=run.path, hint=_RESTORE)
    return manifest, prepare_films(
        manifest, recipe.input_spec, run.path.parent / "prepared", workers=workers, teller=teller or Teller()
    )


def _named(images: list[str]) -> str:
    rest = f" and {len(images) - 3} more" if len(images) > 3 else ""
    return ", ".join(images[:3]) + rest
