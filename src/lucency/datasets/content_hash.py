"""SHA-256 of many files, in threads (hashing and reading both release the interpreter lock)."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor


def file_sha256(path: str | os.PathLike[str]) -> str:
    """SHA-256 of the bytes of a file, hexadecimal; "" where the file cannot be read.

    A film that cannot be read must not stop a scan: it becomes a Finding when it is prepared.
    """
    try:
        with open(path, "rb", buffering=0) as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return ""


def files_sha256(paths: Sequence[str]) -> list[str]:
    """`file_sha256` of each path, in the order given."""
    if len(paths) < 8:
        return [file_sha256(path) for path in paths]
    with ThreadPoolExecutor(max_workers=min(16, 2 * (os.cpu_count() or 1))) as pool:
        return list(pool.map(file_sha256, paths))
