"""The prepared films of a manifest, and those of a run, which may not have changed since."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from lucency.errors import RunError
from lucency.workflows.run_folder import RunFolder
from lucency.workflows.teller import Teller

if TYPE_CHECKING:
    from lucency.datasets.manifest import Manifest
    from lucency.datasets.prepared import Prepared
    from lucency.imaging.geometry import InputSpec
    from lucency.learning.recipe import Recipe


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
    manifest = Manifest.read(run.path / "manifest.csv")
    if details["data"].get("test_is_val"):
        manifest = manifest.noting(TEST_IS_VAL)
    # Prepared films would hide a change: they are found by the hash that the manifest remembers.
    same = files_sha256(list(manifest.table["path"])) == list(manifest.table["sha256"])
    if not same or manifest.content_hash() != details["data"]["manifest_sha256"]:
        raise RunError(
            "the films are not what they were when the run began",
            where=run.path,
            hint="Restore them, or start a new run",
        )
    return manifest, prepare_films(
        manifest, recipe.input_spec, run.path.parent / "prepared", workers=workers, teller=teller or Teller()
    )
