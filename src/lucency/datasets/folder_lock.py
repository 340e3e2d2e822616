"""One writer to a folder at a time; the lock dies with its process."""

from __future__ import annotations

import errno
import logging
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lucency.errors import ResourceError

_log = logging.getLogger("lucency")


@contextmanager
def folder_lock(folder: Path, *, wait: float = 3600.0, doing: str = "preparing films") -> Iterator[None]:
    """Holds the lock of a folder, waiting for another process to give it back.

    A process that is killed gives its lock back. On a file system without locks the work goes on without,
    with a warning in the log.

    Args:
        folder: An existing folder.
        wait: Seconds to wait before giving up.
        doing: What the holder of the lock does, for the log.

    Raises:
        ResourceError: Another process held the lock all the time, or the folder cannot be written.
    """
    try:
        file = open(folder / "lock", "a+b")  # noqa: SIM115 -- closed by the next statement
    except OSError as failed:
        raise ResourceError(f"cannot write here: {failed.strerror}", where=folder) from failed
    with file:
        start = time.monotonic()
        told = False
        while not (locked := _try_lock(file.fileno(), folder)):
            if time.monotonic() - start >= wait:
                raise ResourceError(
                    f"another process has been writing here for {wait:.0f} s",
                    where=folder,
                    hint="Wait for it, or choose another folder",
                )
            if not told:
                _log.warning("another process is %s in %s: waiting for it", doing, folder)
                told = True
            time.sleep(0.2)
        try:
            yield
        finally:
            if locked:
                _unlock(file.fileno())


if sys.platform == "win32":  # pragma: no cover
    import msvcrt

    def _try_lock(descriptor: int, folder: Path) -> bool:
        try:
            os.lseek(descriptor, 0, os.SEEK_SET)
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

    def _unlock(descriptor: int) -> None:
        os.lseek(descriptor, 0, os.SEEK_SET)
        msvcrt.locking(descriptor, msvcrt.LK_UNLCK, 1)

else:
    import fcntl

    def _try_lock(descriptor: int, folder: Path) -> bool:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as refused:
            if refused.errno in (errno.EWOULDBLOCK, errno.EACCES):
                return False
            _log.warning("%s cannot be locked (%s): let one process at a time prepare films", folder, refused)
        return True

    def _unlock(descriptor: int) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_UN)
