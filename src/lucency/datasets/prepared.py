"""Decode each film once: a memory-mapped uint8 array that every epoch and every run reads."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from lucency.datasets.audit import files
from lucency.datasets.audit.findings import Finding, counted
from lucency.datasets.film_threads import in_threads, processors
from lucency.datasets.folder_lock import folder_lock
from lucency.datasets.manifest import Manifest
from lucency.datasets.prepared_store import PreparedStore, storage_error, store_folder
from lucency.datasets.vocabulary import CLASS_NAMES
from lucency.errors import DatasetError, FilmError, MissingExtraError
from lucency.imaging import InputSpec, read_radiograph, to_input


@dataclass(frozen=True, eq=False)
class Prepared:
    """Films ready for a network.

    Attributes:
        manifest: The films that could be read, in the order of the manifest given.
        images: uint8 (M, height, width), 0..255, read-only and mapped: films of other manifests may stand in
            it too.
        rows: int64 (N,), row of `images` for each film of `manifest`; byte-identical films share one.
        sizes: int32 (N, 2), height and width of each upright film before the resize, as `geometry.place`
            needs them.
        spec: The network input. The grey is stored once, whatever `spec.channels` says.
        findings: What could not be read ("error", check "files", one for each FilmError code) and what was
            noticed while reading ("note").
    """

    manifest: Manifest
    images: npt.NDArray[np.uint8]
    rows: npt.NDArray[np.int64]
    sizes: npt.NDArray[np.int32]
    spec: InputSpec
    findings: list[Finding]


@dataclass(frozen=True, eq=False)
class _Decoded:
    pixels: npt.NDArray[np.uint8]
    height: int
    width: int
    warnings: tuple[str, ...]


def prepare(
    manifest: Manifest,
    spec: InputSpec,
    folder: Path,
    *,
    workers: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Prepared:
    """Decodes and resizes the films that the folder does not hold yet.

    Films are known by their bytes, so several manifests share one folder, adding films costs only those, and
    a job that was interrupted, killed or met a full disk goes on where it stopped. A film that cannot be read
    is left out and reported, and tried again next time. Decoding runs in threads: Pillow and NumPy give up
    the interpreter lock, and no process has to be started, which TensorFlow and unguarded scripts bear badly.
    Memory does not grow with the films.

    Args:
        manifest: Films, split or not.
        spec: Network input.
        folder: Home of prepared films; a folder for each spec is made in it.
        workers: Threads; one for each processor by default.
        progress: Called with (films done, films in all), from the calling thread.

    Raises:
        DatasetError: No film of a class can be read.
        ResourceError: The disk is full or cannot be written, or another process does not give the folder
            back.
    """
    if not len(manifest):
        raise DatasetError("there are no films to prepare", where=manifest.source)
    home = store_folder(Path(folder), spec)
    try:
        home.mkdir(parents=True, exist_ok=True)
    except OSError as failed:
        raise storage_error(failed, home) from failed
    with folder_lock(home), PreparedStore(home, spec) as store:
        failures = _fill(store, manifest, spec, workers or processors(), progress or _silent)
        entries, images = store.entries, store.images()
    readable = manifest.table["image_id"].map(lambda image_id: image_id not in failures).astype(bool)
    kept = manifest.keep(readable)
    _check_classes(manifest, kept, failures)
    held = [entries[sha] for sha in kept.table["sha256"]]
    return Prepared(
        manifest=kept,
        images=images,
        rows=np.array([entry.row for entry in held], dtype=np.int64),
        sizes=np.array([(e.facts["height"], e.facts["width"]) for e in held], dtype=np.int32).reshape(-1, 2),
        spec=spec,
        findings=[
            *files.unreadable(manifest, failures),
            *files.noticed(kept, [tuple(entry.facts.get("warnings", ())) for entry in held]),
        ],
    )


def _fill(
    store: PreparedStore,
    manifest: Manifest,
    spec: InputSpec,
    workers: int,
    progress: Callable[[int, int], None],
) -> dict[str, FilmError]:
    """Adds what is missing to the store; returns the error of each film that cannot be read, by image_id."""
    films: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for image_id, path, sha in zip(
        manifest.table["image_id"], manifest.table["path"], manifest.table["sha256"], strict=True
    ):
        # Films that could not be hashed have no content to share.
        films[sha or f"unread {image_id}"].append((image_id, path))
    todo = [key for key in films if key not in store.entries]
    store.reserve(len(todo))
    total, done = len(manifest), sum(len(films[key]) for key in films.keys() - set(todo))
    progress(done, total)

    grey = replace(spec, channels=1)
    failures: dict[str, FilmError] = {}
    jobs = ((key, [path for _, path in films[key]]) for key in todo)
    # Closed by hand: when a full disk ends the loop, no thread may go on decoding.
    with closing(in_threads(jobs, lambda job: _decode(*job, grey), workers)) as results:
        for key, result in results:
            if isinstance(result, FilmError):
                failures |= {image_id: result for image_id, _ in films[key]}
            else:
                noted = {"warnings": list(result.warnings)} if result.warnings else {}
                store.add(key, result.pixels, {"height": result.height, "width": result.width, **noted})
            done += len(films[key])
            progress(done, total)
    return failures


def _decode(sha256: str, paths: list[str], spec: InputSpec) -> _Decoded | FilmError:
    """The first of byte-identical files that still is what was scanned."""
    error: FilmError | None = None
    for path in paths:
        try:
            film = read_radiograph(path)
        except FilmError as unreadable:
            error = error or unreadable
            continue
        except MissingExtraError as missing:
            # One DICOM among many must not stop the others; where all films are DICOM, the empty class does.
            return FilmError(missing.what, code=missing.code, where=path, hint=missing.hint)
        if film.sha256 != sha256:
            error = FilmError("the file has changed since it was scanned", where=path)
            error.code = files.CHANGED
            continue
        pixels, _ = to_input(film.pixels, spec)
        return _Decoded(pixels[:, :, 0], film.pixels.shape[0], film.pixels.shape[1], tuple(film.warnings))
    return error or FilmError("there is no file", code="not_found")


def _check_classes(manifest: Manifest, kept: Manifest, failures: dict[str, FilmError]) -> None:
    before = Counter(zip(manifest.table["split"], manifest.table["label"], strict=True))
    after = Counter(zip(kept.table["split"], kept.table["label"], strict=True))
    for (split, label), films in before.items():
        if not after[split, label]:
            place = f" of the split {split}" if split else ""
            reasons = ", ".join(sorted({error.code for error in failures.values()}))
            raise DatasetError(
                f"none of the {counted(films, 'film')}{place} of the class {CLASS_NAMES[label]} can be read"
                f" ({reasons})",
                where=manifest.source,
                hint=f"The first error: {next(iter(failures.values()))}",
            )


def _silent(done: int, total: int) -> None:
    del done, total
