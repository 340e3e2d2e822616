"""survey_films: decode every film once, and remember what it told."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from contextlib import closing
from dataclasses import fields
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from lucency.datasets.audit.files import CHANGED
from lucency.datasets.audit.film_facts import FilmFacts
from lucency.datasets.audit.measure_film import measure_film
from lucency.datasets.audit.survey import THUMB, Survey
from lucency.datasets.film_threads import in_threads, processors
from lucency.datasets.folder_lock import folder_lock
from lucency.datasets.manifest import Manifest
from lucency.datasets.prepared_store import PreparedStore, storage_error, store_folder

MEASURE_VERSION = 1
"""Raised whenever `measure_film` says something else of the same bytes."""

MAY_PASS: Final = frozenset(
    {"not_found", "permission_denied", "missing_extra", "unsupported_syntax", "too_large", CHANGED}
)
"""Codes that another day, another package or more memory may mend: such a film is not remembered but tried again."""

_NOTED: Final = (f"survey {MEASURE_VERSION}", *(item.name for item in fields(FilmFacts)))

_Measured = tuple[FilmFacts, npt.NDArray[np.uint8] | None]


def survey_films(
    manifest: Manifest,
    folder: Path,
    *,
    workers: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Survey:
    """Decodes and measures the films that the folder does not know yet.

    Films are known by their bytes: a second survey of unchanged films decodes nothing, and one that was
    interrupted, killed or met a full disk goes on where it stopped. Unreadable films are remembered too, but
    for those in `MAY_PASS`. Memory does not grow with the films.

    Args:
        manifest: Films, split or not.
        folder: Home of surveys; a folder for this kind of survey is made in it.
        workers: Threads; one for each processor by default.
        progress: Called with (films done, films in all), from the calling thread.

    Raises:
        ResourceError: The disk is full or cannot be written, or another process does not give the folder
            back.
    """
    home = store_folder(Path(folder), THUMB, _NOTED)
    try:
        home.mkdir(parents=True, exist_ok=True)
    except OSError as failed:
        raise storage_error(failed, home) from failed
    with folder_lock(home, doing="surveying films"), PreparedStore(home, THUMB, _NOTED) as store:
        passing = _fill(store, manifest, workers or processors(), progress)
        entries, thumbs = store.entries, store.images()
    known: dict[str, FilmFacts] = {}
    facts, rows = [], []
    for key in _keys(manifest):
        if key not in known:
            known[key] = passing[key] if key in passing else FilmFacts.from_json({"sha256": key, **entries[key].facts})
        facts.append(known[key])
        rows.append(entries[key].row if key in entries else -1)
    return Survey(tuple(facts), thumbs, np.array(rows, dtype=np.int64))


def _keys(manifest: Manifest) -> list[str]:
    """What a film is known by: its content, or its name where it could not be hashed."""
    table = manifest.table
    return [sha or f"unread {image_id}" for sha, image_id in zip(table["sha256"], table["image_id"], strict=True)]


def _fill(
    store: PreparedStore,
    manifest: Manifest,
    workers: int,
    progress: Callable[[int, int], None] | None,
) -> dict[str, FilmFacts]:
    """Adds what is missing to the store; returns the facts of films that are not remembered, by key."""
    paths: dict[str, list[str]] = defaultdict(list)
    for key, path in zip(_keys(manifest), manifest.table["path"], strict=True):
        paths[key].append(path)
    todo = [key for key in paths if key not in store.entries]
    store.reserve(len(todo))
    total = len(manifest)
    done = total - sum(len(paths[key]) for key in todo)
    tell = progress or (lambda done, total: None)
    tell(done, total)

    passing: dict[str, FilmFacts] = {}
    # Closed by hand: when a full disk ends the loop, no thread may go on decoding.
    with closing(in_threads(((key, paths[key]) for key in todo), _measure, workers)) as results:
        for key, (facts, thumb) in results:
            if facts.code in MAY_PASS or facts.sha256 != key:
                passing[key] = facts
            else:
                noted: dict[str, Any] = facts.to_json()
                del noted["sha256"]
                store.add(key, thumb, noted)
            done += len(paths[key])
            tell(done, total)
    return passing


def _measure(job: tuple[str, list[str]]) -> _Measured:
    """The first of byte-identical files that still is what was scanned."""
    sha256, paths = job
    first: FilmFacts | None = None
    for path in paths:
        facts, thumb = measure_film(path)
        if facts.sha256 == sha256:
            return facts, thumb
        if facts.sha256:
            changed = "the file has changed since it was scanned"
            facts = FilmFacts(sha256=facts.sha256, size=facts.size, format=facts.format, code=CHANGED, what=changed)
        first = first or facts
    return first or FilmFacts(code="not_found", what="there is no file"), None
