"""A folder for what must lie on a disk for a moment, emptied whatever happens to the service.

A second process holds one end of a pipe. When the service ends, even by SIGKILL, the system closes the other end, and
that process removes the folder and ends too.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

_GUARDIAN = """
import shutil, signal, sys
for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
    signal.signal(number, signal.SIG_IGN)
sys.stdin.buffer.read()
shutil.rmtree(sys.argv[1], ignore_errors=True)
"""


@contextlib.contextmanager
def private_folder() -> Iterator[Path]:
    """A fresh folder that only this user can read, for as long as the block lasts, at most as long as the process.

    It lies in memory where the system has a memory file system for that, and in the folder for temporary files
    otherwise.

    Raises:
        OSError: No folder can be made.
    """
    shared = Path("/dev/shm")
    parent = shared if "TMPDIR" not in os.environ and os.access(shared, os.W_OK | os.X_OK) else None
    folder = Path(tempfile.mkdtemp(prefix="lucency-", dir=parent))
    try:
        guardian = subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", _GUARDIAN, str(folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
    except OSError:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    assert guardian.stdin is not None
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        guardian.stdin.close()
        guardian.wait(10)
