"""quarantine.json: which film came from where, written before anything is moved."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path, PurePosixPath
from typing import Any

from lucency.errors import DatasetError, ResourceError
from lucency.workflows.careful_move import Likeness, sync_folder

RECORD = "quarantine.json"
SCHEMA = 1


@dataclass(frozen=True)
class KeptFilm:
    """One film of the record. Whether it was moved already, the files themselves tell.

    Attributes:
        image_id: Of the manifest.
        root: Folder that it came from, absolute.
        relative: Its path under `root`, with "/".
        kept: Its path under the folder of the quarantine, with "/".
        sha256: As `Likeness`.
        size: As `Likeness`.
        mtime_ns: As `Likeness`.
        link: As `Likeness`.
        reason: Why it was moved.
        when: Date and time in UTC, ISO 8601.
        restored: The same of its return; "" while it is away.
    """

    image_id: str
    root: str
    relative: str
    kept: str
    sha256: str
    size: int
    mtime_ns: int
    reason: str
    when: str
    link: str = ""
    restored: str = ""

    @property
    def likeness(self) -> Likeness:
        """What the film is known by."""
        return Likeness(self.sha256, self.size, self.mtime_ns, self.link)

    def original(self, root: Path | None = None) -> Path:
        """Where the film belongs; under `root` where the data set has moved there."""
        return (root or Path(self.root)) / self.relative


def read_record(folder: Path) -> list[KeptFilm]:
    """The films of a quarantine.

    Args:
        folder: Its folder.

    Raises:
        DatasetError: There is no record, it is broken, or it is from a newer version.
    """
    path = folder / RECORD
    try:
        content: Any = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        raise DatasetError(f"there is no {RECORD} here", where=folder, hint="Give a folder of quarantine") from None
    except (OSError, ValueError) as failed:
        raise DatasetError(f"the record of the quarantine cannot be read ({failed})", where=path) from None
    if isinstance(content, dict) and isinstance(content.get("schema"), int) and content["schema"] > SCHEMA:
        raise DatasetError("the record is from a newer version of Lucency", where=path, hint="Update Lucency")
    try:
        return [_film(values) for values in content["films"]]
    except (KeyError, TypeError, ValueError) as failed:
        raise DatasetError(
            f"the record of the quarantine is broken ({failed})",
            where=path,
            hint="The films are untouched; mend the record by hand, or move them back by hand",
        ) from None


def _film(values: dict[str, Any]) -> KeptFilm:
    film = KeptFilm(**values)
    for item in fields(KeptFilm):
        if not isinstance(getattr(film, item.name), int if item.type == "int" else str):
            raise ValueError(f"{item.name} of {film.image_id!r}")
    # A record from elsewhere must not reach out of the two folders.
    for path in (film.kept, film.relative):
        if PurePosixPath(path).is_absolute() or ".." in PurePosixPath(path).parts or not path:
            raise ValueError(f"the path {path!r}")
    return film


def write_record(folder: Path, films: Sequence[KeptFilm]) -> None:
    """Writes the record, whole or not at all, and forces it to disk.

    Raises:
        ResourceError: The disk is full or cannot be written.
    """
    path = folder / RECORD
    partial = path.with_name(f".{RECORD}.partial")
    content = {"schema": SCHEMA, "films": [asdict(film) for film in films]}
    try:
        with open(partial, "w", encoding="utf-8") as file:
            # Escaped, so that file names that are no text survive.
            json.dump(content, file, indent=1)
            file.write("\n")
            file.flush()
            os.fsync(file.fileno())
        os.replace(partial, path)
        sync_folder(folder)
    except OSError as failed:
        partial.unlink(missing_ok=True)
        raise ResourceError(
            f"the record of the quarantine cannot be written ({failed.strerror})",
            where=path,
            hint="Choose another folder; no film was moved that the record does not name",
        ) from None
