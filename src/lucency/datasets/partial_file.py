"""PartialFile: what has come of a download so far, and by what the rest will be known to belong to it."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True)
class RemoteFile:
    """What a server says of the file behind an address.

    Attributes:
        url: The address that was asked, before any redirection.
        etag: Its entity tag, or "".
        modified: Its Last-Modified, or "".
        size: Bytes, or None where it does not say.
    """

    url: str
    etag: str = ""
    modified: str = ""
    size: int | None = None

    @property
    def validator(self) -> str:
        """What `If-Range` may hold (RFC 9110, section 13.1.5): a strong entity tag or a date, or ""."""
        return self.etag if self.etag and not self.etag.startswith("W/") else self.modified

    def same_as(self, other: RemoteFile) -> bool:
        """Whether both can be one file: nothing that both state differs."""
        mine, theirs = asdict(self), asdict(other)
        return all(mine[key] == theirs[key] for key in mine if mine[key] and theirs[key])


class PartialFile:
    """`NAME.part` beside the file that it will be, and `NAME.part.json` with its `RemoteFile`.

    Args:
        target: The file that it will be.
    """

    def __init__(self, target: Path):
        self.target = target
        self.path = target.with_name(target.name + ".part")
        self._state = target.with_name(target.name + ".part.json")

    @property
    def size(self) -> int:
        """Bytes that are there."""
        try:
            return self.path.stat().st_size
        except FileNotFoundError:
            return 0

    def remote(self) -> RemoteFile | None:
        """What the server said when these bytes came; None where that is not known."""
        try:
            return RemoteFile(**json.loads(self._state.read_text("utf-8")))
        except (OSError, ValueError, TypeError):
            return None

    def begin(self, remote: RemoteFile) -> None:
        """Starts from nothing."""
        self.clear()
        self._state.write_text(json.dumps(asdict(remote)), "utf-8")
        self.path.touch()

    def append(self, content: bytes) -> None:
        """Adds bytes; unbuffered, so that what was counted lies in the file whatever happens next."""
        with self.path.open("ab", buffering=0) as file:
            rest = memoryview(content)
            while rest:
                rest = rest[file.write(rest) :]

    def clear(self) -> None:
        """Forgets all that has come."""
        # The bytes go first: without their state they would never be taken up again.
        self.path.unlink(missing_ok=True)
        self._state.unlink(missing_ok=True)

    def finish(self) -> Path:
        """Gives the file its name."""
        os.replace(self.path, self.target)
        self._state.unlink(missing_ok=True)
        return self.target
