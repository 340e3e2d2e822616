"""Films -> their prints: for the bundle that is about to see them, or that may have seen them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from lucency.errors import MissingExtraError
from lucency.fingerprints import CODE_BYTES, FilmPrint, Fingerprints
from lucency.workflows.run_folder import RunFolder, read_rows
from lucency.workflows.teller import Teller

if TYPE_CHECKING:
    from lucency.datasets.manifest import Manifest


def fingerprint_run(run: RunFolder, *, workers: int | None = None, teller: Teller) -> Fingerprints | None:
    """Fingerprints of the training and validation films of a run; None where it knows no films.

    Where the films are not at hand, or a package is missing, they hold hashes of bytes only, and that is said.

    Args:
        run: The run.
        workers: Threads.
        teller: Hears of progress, and of what is missing.
    """
    if not (run.path / "manifest.csv").is_file():
        return None
    rows = [row for row in read_rows(run.path / "manifest.csv") if row["split"] in ("train", "val")]
    films = {split: [row["sha256"] for row in rows if row["split"] == split] for split in ("train", "val")}
    here = [{**row, "path": str(run.path / row["path"])} for row in rows if (run.path / row["path"]).is_file()]
    why = "the films are not on this machine"
    prints: dict[str, FilmPrint] = {}
    version = 0
    if here:
        try:
            from lucency.datasets.film_prints import PRINTS_VERSION

            version = PRINTS_VERSION
            prints = film_prints(_manifest(here), run.path.parent / "prepared", workers=workers, teller=teller)
            why = "their files have changed"
        except (MissingExtraError, ModuleNotFoundError) as missing:
            why = f"a package is missing ({missing})"
    unknown = sum(len(shas) for shas in films.values()) - sum(row["sha256"] in prints for row in rows)
    if unknown:
        teller.say(
            f"Near copies of {unknown} of the {len(rows)} films that the bundle has seen will not be known: {why}"
        )
    return Fingerprints.of(films, prints, version)


def film_prints(
    manifest: Manifest, prepared: Path, *, workers: int | None = None, teller: Teller
) -> dict[str, FilmPrint]:
    """Prints of films by SHA-256; those that cannot be read, or have changed, are not among them.

    Args:
        manifest: The films.
        prepared: Home of prepared films, where what decoding told is kept.
        workers: Threads.
        teller: Hears of progress.

    Raises:
        MissingExtraError: OpenCV is not installed.
        ResourceError: The folder cannot be written.
    """
    from concurrent.futures import ThreadPoolExecutor

    import numpy as np

    from lucency.datasets.film_threads import processors
    from lucency.workflows.audit_films import decode_once

    try:
        from lucency.datasets.audit.near_copies import BLANK
        from lucency.datasets.film_prints import film_print
        from lucency.datasets.film_threads import one_thread_each
    except ModuleNotFoundError as missing:
        raise MissingExtraError(str(missing.name), extra="audit", need="Fingerprints of films") from None
    survey = decode_once(manifest, prepared, workers=workers, teller=teller)
    rows = {
        sha: row
        for row, sha in enumerate(manifest.table["sha256"])
        if survey.rows[row] >= 0 and survey.facts[row].sha256 == sha
    }

    def printed(row: int) -> FilmPrint:
        facts = survey.facts[row]
        # Any two blank films are alike.
        blank = facts.deviation < BLANK
        codes = film_print(survey.thumbs[survey.rows[row]], facts.height, facts.width)
        return FilmPrint(facts.pixel_sha256, np.zeros((0, CODE_BYTES), np.uint8) if blank else codes)

    found: dict[str, FilmPrint] = {}
    with ThreadPoolExecutor(max_workers=workers or processors()) as pool, one_thread_each():
        for sha, one in zip(rows, pool.map(printed, rows.values()), strict=True):
            found[sha] = one
            teller.progress("taking fingerprints", len(found), len(rows))
    return found


def _manifest(rows: list[dict[str, str]]) -> Manifest:
    import pandas as pd

    from lucency.datasets.manifest import Manifest
    from lucency.datasets.manifest_file import MANIFEST_COLUMNS

    table = pd.DataFrame(rows)
    return Manifest(table.reindex(columns=list(MANIFEST_COLUMNS), fill_value=""), source="films of a run")
