"""Quarantine: bad films are put aside with a record, and come back byte for byte. Nothing is ever deleted."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import Final, Literal

from lucency.errors import DatasetError, ResourceError
from lucency.workflows.careful_move import Likeness, likeness, move_file, one_place, set_time, sweep
from lucency.workflows.quarantine_place import FILMS, refuse_quarantine, within
from lucency.workflows.quarantine_record import RECORD, KeptFilm, read_record, write_record

Outcome = Literal["restored", "in_place", "occupied", "changed", "missing", "failed"]


@dataclass(frozen=True)
class FilmOutcome:
    """What became of one film.

    Attributes:
        image_id: Of the manifest.
        path: Where it belongs.
        outcome: "restored": it is back. "in_place": it was there already. "occupied": something else stands at its
            place. "changed": what lies in quarantine is not what was put there. "missing": it is gone from the
            quarantine. "failed": the system refuses. But for the first two, nothing was touched.
        what: A sentence, where it did not come back.
    """

    image_id: str
    path: Path
    outcome: Outcome
    what: str = ""

    @property
    def back(self) -> bool:
        """Whether the film is where it belongs."""
        return self.outcome in ("restored", "in_place")


@dataclass(frozen=True)
class Quarantined:
    """What was put aside.

    Attributes:
        record: The file that says so.
        moved: image_ids of the films that are in quarantine now.
        left: (image_id, sentence) of those that could not be moved and are where they were.
    """

    record: Path
    moved: tuple[str, ...]
    left: tuple[tuple[str, str], ...]


def quarantine(
    films: Iterable[tuple[str, str, str]], folder: str | os.PathLike[str], *, root: str | os.PathLike[str] | None = None
) -> Quarantined:
    """Moves films into a folder where their relative paths are kept.

    The record is written before the first film is moved, so that one which is killed in the middle can be
    restored, or run again. Of a symbolic link the link itself is moved, never what it points to.

    Args:
        films: (image_id, path, reason) of each.
        folder: The quarantine; made if it is missing. Several runs may share one.
        root: Folder to which paths are relative; what the films have in common by default.

    Raises:
        DatasetError: The folder lies among the films, or they lie where it keeps its own; or it has a record that
            cannot be read.
        ResourceError: The folder cannot be written, or the disk is full.
    """
    from lucency.datasets.folder_lock import folder_lock

    home = Path(os.path.abspath(folder))
    wanted = {Path(os.path.abspath(path)): (image_id, reason) for image_id, path, reason in films}
    refuse_quarantine(home, wanted, root=root)
    top = Path(os.path.abspath(root)) if root is not None else _common(list(wanted))
    try:
        home.mkdir(parents=True, exist_ok=True)
    except OSError as failed:
        raise ResourceError(f"cannot write here: {failed.strerror}", where=home, hint="Choose another folder") from None
    moved: list[str] = []
    left: list[tuple[str, str]] = []
    with folder_lock(home, doing="moving films"):
        record = read_record(home) if (home / RECORD).exists() else []
        plan: list[KeptFilm] = []
        for path, (image_id, reason) in wanted.items():
            away = _in_quarantine(path, record, home)
            try:
                if away and not os.path.lexists(path):
                    moved.append(image_id)
                    continue
                look = likeness(path)
                if away is None or not likeness(home / away.kept).same_content(look):
                    # What never came to be moved, or has come back, is planned anew.
                    record = [old for old in record if old.original() != path or _away(old, home)]
                    away = _planned(image_id, path, reason, look, top, _taken(home, record))
                    record.append(away)
                plan.append(away)
            except OSError as failed:
                left.append((image_id, f"it cannot be read ({failed.strerror})"))
        write_record(home, record)
        for film in plan:
            try:
                _put_aside(film, home)
                moved.append(film.image_id)
            except OSError as failed:
                if failed.errno in _FULL:
                    raise ResourceError("the disk is full; what was not moved is where it was", where=home) from None
                left.append((film.image_id, f"it cannot be moved ({failed.strerror})"))
    return Quarantined(home / RECORD, tuple(moved), tuple(left))


def restore(folder: str | os.PathLike[str], *, root: str | os.PathLike[str] | None = None) -> list[FilmOutcome]:
    """Brings films back, byte for byte and with their times. It can be run again until all are back.

    Args:
        folder: The quarantine.
        root: Where the data set is now; where the films came from by default.

    Returns:
        One outcome for each film that was not restored before, in the order of the record.

    Raises:
        DatasetError: There is no record, or it is broken; or `root` lies in the quarantine.
        ResourceError: The folder cannot be written, or the disk is full.
    """
    from lucency.datasets.folder_lock import folder_lock

    home = Path(os.path.abspath(folder))
    record = read_record(home)
    place = Path(os.path.abspath(root)) if root is not None else None
    if place is not None and within(place, home):
        raise DatasetError(
            "films cannot be restored into the quarantine itself",
            where=place,
            hint="Name the folder of the data set, outside of the quarantine",
        )
    with folder_lock(home, doing="restoring films"):
        record = read_record(home)
        outcomes = []
        try:
            for index, film in enumerate(record):
                if film.restored:
                    continue
                outcome = _bring_back(film, home, place, record)
                outcomes.append(outcome)
                if outcome.back:
                    record[index] = replace(film, restored=_now())
        finally:
            write_record(home, record)
    return outcomes


_FULL: Final = (errno.ENOSPC, errno.EDQUOT)


def _bring_back(film: KeptFilm, home: Path, root: Path | None, record: Sequence[KeptFilm]) -> FilmOutcome:
    kept, place = home / film.kept, film.original(root)

    def outcome(kind: Outcome, what: str = "") -> FilmOutcome:
        return FilmOutcome(film.image_id, place, kind, what)

    try:
        sweep(kept, film.likeness)
        sweep(place, film.likeness)
        there = likeness(place) if os.path.lexists(place) else None
        same = there is not None and there.same_content(film.likeness)
        if not _away(film, home):
            if same:
                return outcome("in_place")
            return outcome("missing", f"it is no longer in the quarantine: {kept}")
        if not likeness(kept).same_content(film.likeness):
            return outcome("changed", f"the file in the quarantine has changed since: {kept}")
        if there is None:
            move_file(kept, place, film.likeness)
        elif any(one_place(home / other.kept, place) for other in record if not other.restored):
            # What stands there is what the quarantine keeps: it may be the only copy.
            return outcome("occupied", "its place is in the quarantine itself; restore to a folder outside of it")
        elif same:
            # A move that was cut short left both names, or a copy of the film was put there.
            set_time(place, film.likeness)
            os.unlink(kept)
        else:
            return outcome("occupied", "something else stands at its place now; move that away and restore again")
    except OSError as failed:
        if failed.errno in _FULL:
            raise ResourceError("the disk is full; what was not restored is in quarantine", where=place) from None
        return outcome("failed", f"it cannot be moved ({failed.strerror})")
    return outcome("restored")


def _put_aside(film: KeptFilm, home: Path) -> None:
    source, target = film.original(), home / film.kept
    status = os.lstat(source)
    if (status.st_size, status.st_mtime_ns) != (film.size, film.mtime_ns):
        raise OSError(0, "it changed just now")
    sweep(target, film.likeness)
    if one_place(source, target):
        raise OSError(0, "it lies in the quarantine already")
    if os.path.lexists(target):
        # Half a move: its content was compared with that of the source.
        os.unlink(source)
    else:
        move_file(source, target, film.likeness)


def _in_quarantine(path: Path, record: Sequence[KeptFilm], home: Path) -> KeptFilm | None:
    """What was put aside from this place and has not come back."""
    return next((film for film in reversed(record) if film.original() == path and _away(film, home)), None)


def _away(film: KeptFilm, home: Path) -> bool:
    return not film.restored and os.path.lexists(home / film.kept)


def _planned(
    image_id: str, path: Path, reason: str, look: Likeness, top: Path | None, taken: Callable[[str], bool]
) -> KeptFilm:
    root = top if top is not None and path.is_relative_to(top) else path.parent
    relative = path.relative_to(root)
    kept, number = PurePosixPath(FILMS, relative.as_posix()), 1
    while taken(str(kept)):
        number += 1
        kept = PurePosixPath(FILMS, relative.with_name(f"{path.stem}~{number}{path.suffix}").as_posix())
    return KeptFilm(
        image_id=image_id,
        root=str(root),
        relative=relative.as_posix(),
        kept=str(kept),
        **asdict(look),
        reason=reason,
        when=_now(),
    )


def _taken(home: Path, record: Sequence[KeptFilm]) -> Callable[[str], bool]:
    names = {film.kept for film in record if not film.restored}
    return lambda kept: kept in names or os.path.lexists(home / kept)


def _common(paths: Sequence[Path]) -> Path | None:
    try:
        return Path(os.path.commonpath([path.parent for path in paths]))
    except ValueError:
        # No films, or films of several drives.
        return None


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
