"""The films of an audit, decoded and compared once: where they come from, and where what is known of them is kept."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from lucency.errors import DatasetError, MissingExtraError
from lucency.workflows.scan import read_films
from lucency.workflows.teller import Teller

if TYPE_CHECKING:
    from lucency.datasets.audit.copies import Copies
    from lucency.datasets.audit.survey import Survey
    from lucency.datasets.manifest import Manifest

AUDITS = Path("runs", "audit")
"""Where audits are written unless another folder is named."""


def films_to_audit(
    data: str | os.PathLike[str] | Manifest,
    *,
    labels: Mapping[str, int] | None = None,
    groups: str | os.PathLike[str] | None = None,
) -> Manifest:
    """The films of a folder or table, also where training would refuse them: of one class, or not there.

    Args:
        data: Folder of films, table, or a manifest, which is taken as it is.
        labels: Further names of classes.
        groups: CSV with image_id and group.

    Raises:
        DatasetError: Nothing usable is there, or labels or groups were given for a manifest.
        MissingExtraError: pandas is not installed.
    """
    if not isinstance(data, str | os.PathLike):
        if labels or groups is not None:
            raise DatasetError("labels and groups go with a folder or table", hint="Read it with read_films")
        return data
    found = read_films(data, labels=labels, groups=groups, trainable=False)
    return _hashed_anew(found) if names_films(found) else found


def names_films(films: Manifest) -> bool:
    """Whether a table names the films, which it still does when one of them is moved away."""
    return films.source.endswith("table)")


def _hashed_anew(films: Manifest) -> Manifest:
    """The films of a table by the bytes that are there now, whatever sha256 the table says."""
    from lucency.datasets.audit.findings import counted
    from lucency.datasets.content_hash import files_sha256

    table = films.table
    now = files_sha256([str(path) for path in table["path"]])
    films = replace(films, table=table.assign(sha256=now).astype({"sha256": table["sha256"].dtype}))
    # A film that is not there, or cannot be read, becomes a finding.
    changed = sum(was != sha != "" for was, sha in zip(table["sha256"], now, strict=True))
    if not changed:
        return films
    differ = counted(changed, "film differs", "films differ")
    return films.noting(f"{differ} from the sha256 in the table: the files are audited as they are now")


def audit_folder(data: str | os.PathLike[str] | Manifest, out: str | os.PathLike[str] | None) -> Path:
    """The folder of an audit: the one that is named, or `runs/audit/<name of the data>`."""
    if out is not None:
        return Path(out)
    if isinstance(data, str | os.PathLike):
        place = Path(os.path.abspath(data))
    else:
        place = Path(os.path.abspath(data.source.rpartition(" (")[0] or data.source))
    # The dot in the name of a folder begins no suffix: set.v1 is not set.v2.
    return AUDITS / ((place.name if place.is_dir() else place.stem) or "films")


def prepared_beside(audit: Path) -> Path:
    """Where what was decoded for an audit is kept: with the prepared films of runs that lie beside it.

    For `runs/audit/films` and for `runs/audited` that is `runs/prepared`, which training shares.
    """
    home = Path(os.path.abspath(audit)).parent
    return (home.parent if home.name == AUDITS.name else home) / "prepared"


def decode_once(manifest: Manifest, prepared: Path, *, workers: int | None, teller: Teller) -> Survey:
    """Decodes every film that the folder does not know yet, and says what it told.

    Args:
        manifest: Films, unreadable ones included.
        prepared: Home of prepared films.
        workers: Threads that decode.
        teller: Hears of progress.

    Raises:
        ResourceError: The folder cannot be written, or the disk is full.
    """
    from lucency.datasets.audit.survey_films import survey_films

    return survey_films(
        manifest,
        prepared,
        workers=workers,
        progress=lambda done, total: teller.progress("looking at films", done, total),
    )


def compare_films(manifest: Manifest, survey: Survey, prepared: Path, *, workers: int | None, teller: Teller) -> Copies:
    """Which films show one radiograph; looked up where the same contents were compared before.

    Args:
        manifest: N films.
        survey: What decoding told of them.
        prepared: Home of prepared films.
        workers: Threads.
        teller: Hears of progress.

    Raises:
        MissingExtraError: OpenCV or faiss is not installed.
        ResourceError: The folder cannot be written.
    """
    from lucency.workflows.kept_copies import keep_copies, kept_copies

    kept = kept_copies(manifest, survey, prepared)
    if kept is not None:
        return kept
    try:
        from lucency.datasets.audit.near_copies import find_copies
    except ModuleNotFoundError as missing:
        raise MissingExtraError(str(missing.name), extra="audit", need="Looking for near copies") from None
    try:
        found = find_copies(
            manifest,
            survey,
            workers=workers,
            progress=lambda done, total: teller.progress("looking for copies", done, total),
        )
    except ModuleNotFoundError as missing:
        raise MissingExtraError(str(missing.name), extra="audit", need="Looking for near copies") from None
    keep_copies(found, manifest, survey, prepared)
    return found
