"""Decoded films on disk: one growing array and a journal of what its rows hold.

A row is written before the journal speaks of it, and never changes afterwards. So a process that is killed, a
full disk or a power cut leaves a store that is whole as far as its journal goes; the rest is simply done
again.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import shutil
from collections.abc import Mapping
from contextlib import nullcontext, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import numpy.typing as npt

from lucency.errors import ResourceError
from lucency.imaging.geometry import InputSpec

PIXEL_PATH_VERSION = 1
"""Raised whenever `read_radiograph` or `to_input` returns other pixels for the same film."""

COMMIT_BYTES = 16 * 2**20
"""So many bytes of films are written before they are forced to disk and entered in the journal."""

SPARE_BYTES = 16 * 2**20
"""Left free beside the films themselves."""


@dataclass(frozen=True)
class Entry:
    """What the journal says of one film.

    Attributes:
        row: Its row in the array; -1 where it has no pixels.
        facts: What else was noted of it: plain JSON values.
    """

    row: int
    facts: Mapping[str, Any]


class PreparedStore:
    """The films prepared for one InputSpec, by content.

    A context manager: what was added is committed at its end.
    The caller holds `folder_lock` while it adds. Grey is stored once, so specs that differ in channels share
    a store.

    Args:
        folder: Folder of this store, see `store_folder`.
        spec: Network input.
        facts: Names of what is noted of each film, where another list needs another store.

    Raises:
        ResourceError: The folder cannot be written.
    """

    def __init__(self, folder: Path, spec: InputSpec, facts: tuple[str, ...] = ()):
        self.folder = folder
        self.array_path = folder / "films.u8"
        self._journal_path = folder / "films.jsonl"
        self._shape = (spec.height, spec.width)
        self.film_bytes = spec.height * spec.width
        self._pending: list[str] = []
        try:
            _write_once(folder / "spec.json", _identity(spec, facts))
            # Both stay open as long as the store, which closes them.
            mode = "r+b" if self.array_path.exists() else "w+b"
            self._array = open(self.array_path, mode, buffering=0)  # noqa: SIM115
            self.entries = self._read_journal()
            self._journal = open(self._journal_path, "ab", buffering=0)  # noqa: SIM115
        except OSError as failed:
            raise storage_error(failed, folder) from failed
        taken = {entry.row for entry in self.entries.values() if entry.row >= 0}
        self._free = sorted(set(range(max(taken, default=-1) + 1)) - taken, reverse=True)
        self._next = max(taken, default=-1) + 1

    def __enter__(self) -> PreparedStore:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            # On a full disk there may still be room for the journal's lines, which are short.
            with suppress(ResourceError) if isinstance(error, ResourceError) else nullcontext():
                self.commit()
        finally:
            self._array.close()
            self._journal.close()

    def reserve(self, films: int) -> None:
        """Refuses at once a job that the disk has no room for.

        Args:
            films: Number of films to come.

        Raises:
            ResourceError: Not enough space is free.
        """
        need = films * self.film_bytes
        free = shutil.disk_usage(self.folder).free
        if films and free < need + SPARE_BYTES:
            raise ResourceError(
                f"the disk is too full for {films} prepared films: {_size(need)} needed, {_size(free)} free",
                where=self.folder,
                hint="Free some space, choose another folder or a smaller input; what is prepared is kept",
            )

    def add(self, sha256: str, pixels: npt.NDArray[np.uint8] | None, facts: Mapping[str, Any]) -> None:
        """Adds one film.

        Args:
            sha256: Of the film's bytes.
            pixels: uint8 (spec.height, spec.width); None where it could not be decoded.
            facts: Plain JSON values to note of it, under other keys than "sha256" and "row".

        Raises:
            ResourceError: The disk is full or cannot be written.
        """
        try:
            row = -1 if pixels is None else self._write_row(pixels)
            self.entries[sha256] = Entry(row, facts)
            self._pending.append(json.dumps({"sha256": sha256, "row": row} | dict(facts)))
            if len(self._pending) * self.film_bytes >= COMMIT_BYTES:
                self.commit()
        except OSError as failed:
            raise storage_error(failed, self.folder) from failed

    def _write_row(self, pixels: npt.NDArray[np.uint8]) -> int:
        row = self._free.pop() if self._free else self._next
        self._next = max(self._next, row + 1)
        # Written, not mapped: a full disk is then an error and not a bus error that ends the process.
        _write_all(self._array.fileno(), pixels.tobytes(), row * self.film_bytes)
        return row

    def commit(self) -> None:
        """Forces the films added so far to disk and enters them in the journal.

        Raises:
            ResourceError: The disk is full or cannot be written.
        """
        if not self._pending:
            return
        try:
            os.fsync(self._array.fileno())
            _write_all(self._journal.fileno(), ("\n".join(self._pending) + "\n").encode(), None)
            self._pending.clear()
        except OSError as failed:
            raise storage_error(failed, self.folder) from failed

    def images(self) -> npt.NDArray[np.uint8]:
        """The array, mapped read-only: uint8 (rows, height, width), 0..255."""
        rows = self._next
        if not rows:
            return np.zeros((0, *self._shape), dtype=np.uint8)
        return np.memmap(self.array_path, dtype=np.uint8, mode="r", shape=(rows, *self._shape))

    def _read_journal(self) -> dict[str, Entry]:
        entries: dict[str, Entry] = {}
        if not self._journal_path.exists():
            return entries
        whole_rows = self.array_path.stat().st_size // self.film_bytes
        good = 0
        with open(self._journal_path, "r+b") as file:
            for line in file:
                entry = _entry(line)
                # A line cut short by a crash would merge with the next one written.
                if entry is None:
                    break
                good += len(line)
                if entry[1].row < whole_rows:
                    entries[entry[0]] = entry[1]
            file.truncate(good)
        return entries


def store_folder(folder: Path, spec: InputSpec, facts: tuple[str, ...] = ()) -> Path:
    """The folder of the store: the size of its films, and a hash of all that decides on pixels and facts."""
    digest = hashlib.sha256(_identity(spec, facts).encode()).hexdigest()[:12]
    return folder / f"{spec.height}x{spec.width}-{spec.fit}-{digest}"


def storage_error(failed: OSError, folder: Path) -> ResourceError:
    """The error of a user for one of the system."""
    if failed.errno in (errno.ENOSPC, errno.EDQUOT):
        return ResourceError(
            "the disk is full; the films prepared so far are kept",
            where=folder,
            hint="Free some space and run the same command again: it goes on where it stopped",
        )
    return ResourceError(f"cannot write here: {failed.strerror or failed}", where=folder, hint="Choose another folder")


def _identity(spec: InputSpec, facts: tuple[str, ...]) -> str:
    grey = replace(spec, channels=1).to_json()
    noted = {"facts": facts} if facts else {}
    return json.dumps({"pixel_path": PIXEL_PATH_VERSION, "input": grey, **noted}, sort_keys=True)


def _entry(line: bytes) -> tuple[str, Entry] | None:
    if not line.endswith(b"\n"):
        return None
    try:
        facts: dict[str, Any] = json.loads(line)
        return str(facts.pop("sha256")), Entry(int(facts.pop("row")), facts)
    except (ValueError, KeyError, TypeError, AttributeError):
        return None


def _write_once(path: Path, text: str) -> None:
    if path.exists():
        return
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        partial.write_text(text + "\n", encoding="utf-8")
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)


def _write_all(descriptor: int, data: bytes, offset: int | None) -> None:
    if offset is not None:
        os.lseek(descriptor, offset, os.SEEK_SET)
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


def _size(count: int) -> str:
    return f"{count / 2**30:.1f} GiB" if count >= 2**30 else f"{count / 2**20:.0f} MiB"
