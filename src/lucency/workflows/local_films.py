"""Films of a new site that may recalibrate a bundle: enough of each class, and none that the bundle has seen."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from lucency.bundle import Bundle
from lucency.errors import DatasetError, MissingExtraError
from lucency.fingerprints import FilmPrint, Fingerprints
from lucency.workflows.film_fingerprints import film_prints
from lucency.workflows.known_films import films_seen
from lucency.workflows.run_films import prepare_films
from lucency.workflows.scan import read_films
from lucency.workflows.split_films import split_films
from lucency.workflows.teller import Teller

if TYPE_CHECKING:
    from lucency.datasets.manifest import Manifest

FEWEST_OF_A_CLASS = 30
"""Films of a class below which nothing is fitted."""

FEW_FILMS = 100
"""Below so many films a warning is given."""

_BATCH = 16


@dataclass(frozen=True, eq=False)
class LocalFilms:
    """N films of a site, with what the network says of them.

    Attributes:
        labels: int64 (N,), 1 = fractured.
        logits: float64 (N,).
        groups: Names; films with the same one belong together. None where no group, patient or study is known.
        exams: Names of exams, "" where unknown.
        fingerprints: By which the films are known again.
    """

    labels: npt.NDArray[np.int64]
    logits: npt.NDArray[np.float64]
    groups: list[str] | None
    exams: list[str]
    fingerprints: Fingerprints


def read_local_films(
    bundle: Bundle,
    data: str | os.PathLike[str],
    *,
    split: str | None = None,
    labels: Mapping[str, int] | None = None,
    groups: str | os.PathLike[str] | None = None,
    workers: int | None = None,
    teller: Teller,
) -> LocalFilms:
    """Reads the films, refuses those that cannot be used, and scores them.

    Args:
        bundle: Whose network scores them.
        data: Folder of films or table.
        split: Which films, where the data have splits; None where they have none.
        labels: Further names of classes.
        groups: CSV with image_id and group.
        workers: Processes that decode films.
        teller: Hears of progress and of doubts.

    Raises:
        DatasetError: The films cannot be used, are too few, or trained or tuned the bundle.
    """
    manifest = _chosen(read_films(data, labels=labels, groups=groups), split, data)
    from lucency.predictor import Predictor

    with TemporaryDirectory(prefix="lucency-local-") as folder:
        work = Path(folder)
        prepared = prepare_films(manifest, bundle.card.input, work, workers=workers, teller=teller)
        for finding in prepared.findings:
            if finding.severity != "note":
                teller.say(f"{finding.severity}: {finding.message}")
        films = split_films(prepared.manifest, prepared, "val")
        _refuse_few(films.labels, data, teller)
        _refuse_seen(bundle, prepared.manifest, work, data, workers, teller)
        predictor, parts = Predictor(bundle, gate=False), []
        for start in range(0, len(films.rows), _BATCH):
            parts.append(predictor.score_rows(films.images, films.rows[start : start + _BATCH]))
            teller.progress("scoring films", min(start + _BATCH, len(films.rows)), len(films.rows))
        fingerprints = _fingerprints(prepared.manifest, work, workers, teller)
    return LocalFilms(films.labels, np.concatenate(parts), films.groups, films.exams, fingerprints)


def _chosen(manifest: Manifest, split: str | None, data: str | os.PathLike[str]) -> Manifest:
    given = sorted(set(manifest.table["split"]) - {""})
    if given and split is None:
        raise DatasetError(
            f"has splits ({', '.join(given)})", where=data, hint="Say which films are to recalibrate with --split"
        )
    if split is not None and split not in given:
        has = f"It has: {', '.join(given)}" if given else "It has no splits: leave --split out"
        raise DatasetError(f"has no films of split '{split}'", where=data, hint=has)
    chosen = manifest if split is None else manifest.subset(split)
    return replace(chosen, table=chosen.table.assign(split="val"))


def _refuse_few(labels: npt.NDArray[np.int64], data: str | os.PathLike[str], teller: Teller) -> None:
    total, fractured = len(labels), int(labels.sum())
    if min(fractured, total - fractured) < FEWEST_OF_A_CLASS:
        raise DatasetError(
            f"recalibration needs at least {FEWEST_OF_A_CLASS} films of each class, not {fractured} fractured and "
            f"{total - fractured} others",
            where=data,
            hint="Label more films of the site",
        )
    if total < FEW_FILMS:
        teller.say(f"Warning: {total} films are few; with {FEW_FILMS} to 500 the thresholds are firmer.")


def _refuse_seen(
    bundle: Bundle,
    manifest: Manifest,
    work: Path,
    data: str | os.PathLike[str],
    workers: int | None,
    teller: Teller,
) -> None:
    seen = films_seen(bundle, manifest, work, workers=workers, teller=teller)
    if seen.found:
        ways = Counter(film.how for film in seen.found)
        names = ", ".join(film.image_id for film in seen.found[:3])
        more = f" and {len(seen.found) - 3} more" if len(seen.found) > 3 else ""
        raise DatasetError(
            f"{len(seen.found)} of these {seen.films} films trained this bundle or chose its thresholds "
            f"({', '.join(f'{count} {how}' for how, count in ways.items())}): {names}{more}",
            where=data,
            hint="Give films that are new to the bundle",
        )
    if seen.unlooked:
        teller.say(f"Near copies of films that the bundle has seen were not all looked for: {seen.unlooked}")


def _fingerprints(manifest: Manifest, work: Path, workers: int | None, teller: Teller) -> Fingerprints:
    prints: dict[str, FilmPrint] = {}
    version = 0
    try:
        from lucency.datasets.film_prints import PRINTS_VERSION

        version = PRINTS_VERSION
        prints = film_prints(manifest, work, workers=workers, teller=teller)
    except (MissingExtraError, ModuleNotFoundError) as missing:
        teller.say(f"Near copies of these films will not be known: a package is missing ({missing})")
    return Fingerprints.of({"val": list(manifest.table["sha256"])}, prints, version)
