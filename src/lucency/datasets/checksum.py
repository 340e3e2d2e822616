"""Checksum: what the bytes of a file should be, who said so, and whether they are."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from lucency.errors import DatasetError

Algorithm = Literal["sha256", "md5"]

DIGITS: dict[Algorithm, int] = {"sha256": 64, "md5": 32}
"""Hexadecimal digits of a digest."""


@dataclass(frozen=True)
class Checksum:
    """The digest that a file should have.

    Attributes:
        algorithm: Key of `DIGITS`. MD5 finds damage; only SHA-256 also finds malice.
        digest: Hexadecimal, small letters.
        told_by: Who says so, such as "the figshare record".
    """

    algorithm: Algorithm
    digest: str
    told_by: str

    @classmethod
    def parse(cls, algorithm: Algorithm, text: str, told_by: str) -> Checksum:
        """Reads a digest as people paste it.

        Raises:
            DatasetError: It is none.
        """
        digest = text.strip().lower().removeprefix(f"{algorithm}:").strip()
        if len(digest) != DIGITS[algorithm] or not set(digest) <= set("0123456789abcdef"):
            raise DatasetError(f"this is no {algorithm}: it has {DIGITS[algorithm]} hexadecimal digits", where=text)
        return cls(algorithm, digest, told_by)

    def of(self, path: Path) -> str:
        """The digest that a file has, by the same algorithm."""
        return digest_of(path, self.algorithm)

    def check(self, path: Path, *, where: str, hint: str) -> None:
        """Makes sure that a file is what it should be.

        Args:
            path: The file.
            where: What the error is about: its address or name.
            hint: What to do where it is not.

        Raises:
            DatasetError: It is not.
        """
        self.compare(self.of(path), where=where, hint=hint)

    def compare(self, found: str, *, where: str, hint: str) -> None:
        """As `check`, where the digest of the file is known already.

        Args:
            found: The digest that the file has.
            where: What the error is about.
            hint: What to do where it is another.

        Raises:
            DatasetError: It is another.
        """
        if found != self.digest:
            raise DatasetError(
                f"wrong checksum: the {self.algorithm} is {found}, and should be {self.digest} ({self.told_by})",
                where=where,
                hint=hint,
            )

    def __str__(self) -> str:
        return f"{self.algorithm} {self.digest} ({self.told_by})"


def digest_of(path: Path, algorithm: Algorithm) -> str:
    """The digest that a file has, hexadecimal."""
    with path.open("rb", buffering=0) as file:
        # Where MD5 is switched off as unfit for security, it still serves to find damage.
        return hashlib.file_digest(file, lambda: hashlib.new(algorithm, usedforsecurity=False)).hexdigest()
