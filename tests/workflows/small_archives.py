"""Small archives that a test writes, good or bad."""

from __future__ import annotations

import io
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

FILES = {"d/a.jpg": b"a" * 3000, "d/e/b.jpg": bytes(range(256)) * 40, "note.txt": b"", "d/inner.zip": b"PK nested"}


def make_zip(path: Path, files: dict[str, bytes], change: Callable[[zipfile.ZipInfo], object] = id) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            entry = zipfile.ZipInfo(name)
            entry.compress_type = zipfile.ZIP_DEFLATED
            change(entry)
            archive.writestr(entry, content)
    return path


def make_tar(path: Path, files: dict[str, bytes], *, mode: str = "w", extra: dict[str, Any] | None = None) -> Path:
    with tarfile.open(path, mode) as archive:  # type: ignore[call-overload]
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            entry.mode = 0o4777
            archive.addfile(entry, io.BytesIO(content))
        if extra:
            entry = tarfile.TarInfo(extra.pop("name"))
            for key, value in extra.items():
                setattr(entry, key, value)
            archive.addfile(entry)
    return path


def content_of(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
