"""Moving a file so that it is never lost and nothing is ever overwritten, from one file system to another too."""

from __future__ import annotations

import hashlib
import os
import shutil
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path


class DamagedCopyError(OSError):
    """A copy does not have the bytes of its original; the original is untouched."""


@dataclass(frozen=True)
class Likeness:
    """By what a file is known to be the same one.

    Attributes:
        sha256: Of its bytes; of the text of its target where it is a link.
        size: Bytes.
        mtime_ns: When it was last changed, in nanoseconds.
        link: Target of a symbolic link as it is written there; "" for a file.
    """

    sha256: str
    size: int
    mtime_ns: int
    link: str = ""

    def same_content(self, other: Likeness) -> bool:
        """Whether both have the same bytes, or point to the same place."""
        return (self.sha256, self.size, self.link) == (other.sha256, other.size, other.link)


def one_place(one: Path, other: Path) -> bool:
    """Whether two paths are the same name in the same folder, so that removing one removes the other.

    Two hard links of one file are two places. Names that differ by case alone count as one: on some systems they are.
    """
    if one.name.casefold() != other.name.casefold():
        return False
    if os.path.realpath(one.parent) == os.path.realpath(other.parent):
        return True
    try:
        return os.path.samefile(one.parent, other.parent)
    except FileNotFoundError:
        return False


def likeness(path: Path) -> Likeness:
    """What a file or symbolic link is known by. A link is not followed.

    Raises:
        OSError: It is not there, cannot be read, or is neither a file nor a link.
    """
    status = os.lstat(path)
    if path.is_symlink():
        target = os.readlink(path)
        return Likeness(hashlib.sha256(os.fsencode(target)).hexdigest(), status.st_size, status.st_mtime_ns, target)
    # A pipe would never end.
    if not path.is_file():
        raise OSError(0, "neither a file nor a link")
    with open(path, "rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return Likeness(digest, status.st_size, status.st_mtime_ns)


def move_file(source: Path, target: Path, known: Likeness) -> None:
    """Moves a file, or a symbolic link as such; its target stays where it is.

    On one file system the file gets its new name before it loses the old one. To another it is copied, the
    copy read again and compared, and then the original is removed. A process that is killed in the middle
    leaves the original, the moved file, or both.

    Args:
        source: The file.
        target: Where it goes; its folder is made.
        known: What `likeness` says of `source`.

    Raises:
        FileExistsError: Something is at `target`.
        DamagedCopyError: The copy went wrong.
        OSError: Something else forbids it. In all cases `source` is untouched, and `target` as it was.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    if known.link:
        os.symlink(known.link, target)
    else:
        try:
            os.link(source, target)
        except (FileExistsError, FileNotFoundError):
            raise
        except OSError:
            # Another file system, or one without hard links.
            _copy(source, target, known)
    try:
        set_time(target, known)
        os.unlink(source)
    except OSError:
        if os.path.lexists(source):
            os.unlink(target)
        raise


def set_time(path: Path, known: Likeness) -> None:
    """Gives a file or link its time again, where the system can."""
    status = os.lstat(path)
    if status.st_mtime_ns != known.mtime_ns:
        with suppress(NotImplementedError):
            os.utime(path, ns=(status.st_atime_ns, known.mtime_ns), follow_symlinks=not known.link)


def sync_folder(folder: Path) -> None:
    """Forces the names in a folder to disk, where the system can: a power cut then does not lose them."""
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _copy(source: Path, target: Path, known: Likeness) -> None:
    if os.path.lexists(target):
        raise FileExistsError(0, "something stands there already", str(target))
    partial = _partial(target, known)
    partial.unlink(missing_ok=True)
    try:
        with open(source, "rb") as file, open(partial, "xb") as copy:
            shutil.copyfileobj(file, copy, 1 << 20)
            copy.flush()
            os.fsync(copy.fileno())
        shutil.copystat(source, partial)
        if not likeness(partial).same_content(known):
            raise DamagedCopyError(0, "the copy differs from the original", str(source))
        _publish(partial, target)
        sync_folder(target.parent)
    finally:
        partial.unlink(missing_ok=True)


def sweep(target: Path, known: Likeness) -> None:
    """Removes what a move to `target` that was killed left beside it."""
    _partial(target, known).unlink(missing_ok=True)


def _partial(target: Path, known: Likeness) -> Path:
    # A name of fixed length: that of the film may already be as long as names may be.
    return target.with_name(f".{known.sha256[:24]}.partial")


def _publish(partial: Path, target: Path) -> None:
    try:
        # Unlike a rename, a link never replaces what stands there.
        os.link(partial, target)
    except FileExistsError:
        raise
    except OSError:
        os.rename(partial, target)
