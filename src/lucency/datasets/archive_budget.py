"""How much an archive may unpack to: counted while it is read, so that a lie about sizes helps nobody."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from lucency.datasets.disk_room import size_text
from lucency.errors import DatasetError

RATIO_IS_HARMLESS_BELOW = 64 << 20
"""Bytes; what unpacks to less is no bomb, however well it was packed."""


@dataclass(frozen=True)
class Limits:
    """What an archive may unpack to.

    Attributes:
        files: Files and folders.
        size: Bytes in all.
        ratio: Unpacked bytes for each byte of the archive. Films reach 2, tables 20; a bomb has 1,000 and more.
    """

    files: int = 500_000
    size: int = 200 * 10**9
    ratio: float = 100.0


class LimitError(DatasetError):
    """An archive unpacks to more than the limits allow; with higher ones it may be unpacked after all."""


class Budget:
    """Counts what comes out of one archive.

    Args:
        archive: The archive, for errors.
        limits: What it may come to.
    """

    def __init__(self, archive: Path, limits: Limits):
        self.archive = archive
        self.limits = limits
        self.packed = max(archive.stat().st_size, 1)
        self.files = 0
        self.size = 0

    def count(self, name: str) -> None:
        """One more file or folder.

        Raises:
            LimitError: It is one too many.
        """
        self.files += 1
        if self.files > self.limits.files:
            raise self._exceeded(f"it holds more than {self.limits.files:,} files (at {name})", "--max-files")

    def spend(self, size: int, name: str) -> None:
        """So many more bytes, of a member of that name.

        Raises:
            LimitError: They are too many in all, or for so small an archive.
        """
        self.size += size
        self.foresee(self.size, name)

    def foresee(self, size: int, name: str) -> None:
        """What an archive says that it will come to.

        Raises:
            LimitError: That is too much.
        """
        if size > self.limits.size:
            raise self._exceeded(f"it unpacks to more than {size_text(self.limits.size)} (at {name})", "--max-size")
        if size > RATIO_IS_HARMLESS_BELOW and size > self.limits.ratio * self.packed:
            raise self._exceeded(
                f"it unpacks to more than {self.limits.ratio:g} times its own size, as a bomb does (at {name})",
                "--max-ratio",
            )

    def _exceeded(self, what: str, option: str) -> LimitError:
        return LimitError(
            f"the archive is refused: {what}",
            where=self.archive,
            hint=f"If you trust it, raise the limit with {option}",
        )
