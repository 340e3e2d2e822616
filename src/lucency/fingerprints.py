"""Fingerprints: by what a bundle knows again the films that it has seen, without holding any of them."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

CODE_BYTES = 64
"""Bytes of the code of one view; `datasets.film_prints` makes them."""


@dataclass(frozen=True, eq=False)
class FilmPrint:
    """What is kept of one film besides the hash of its bytes.

    Attributes:
        pixels: SHA-256 of its grey levels, hexadecimal; "" where unknown.
        codes: uint8 (V, CODE_BYTES), a code for each view; V may be 0.
    """

    pixels: str
    codes: npt.NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class Fingerprints:
    """N films that a bundle has seen.

    Attributes:
        splits: N names: "train" or "val".
        digests: uint64 (N,), the first 64 bits of the SHA-256 of each file.
        pixels: uint64 (N,), the same of the grey levels; 0 where unknown.
        codes: uint8 (V, CODE_BYTES), codes of views of films.
        owner: uint32 (V,), the film of each code.
        version: Of the prints; 0 where there are none, as in bundles of older versions.
    """

    splits: tuple[str, ...]
    digests: npt.NDArray[np.uint64]
    pixels: npt.NDArray[np.uint64]
    codes: npt.NDArray[np.uint8]
    owner: npt.NDArray[np.uint32]
    version: int = 0

    @classmethod
    def of(
        cls, films: Mapping[str, Sequence[str]], prints: Mapping[str, FilmPrint] | None = None, version: int = 0
    ) -> Fingerprints:
        """Puts together what is known of the films of some splits.

        Args:
            films: SHA-256 (hexadecimal) of the files of each split.
            prints: Of the films by SHA-256, as far as they could be made.
            version: Of the prints.
        """
        prints = prints or {}
        rows = [(split, sha) for split in sorted(films) for sha in sorted(set(films[split]))]
        known = [prints.get(sha) for _, sha in rows]
        codes = [np.zeros((0, CODE_BYTES), np.uint8) if one is None else one.codes for one in known]
        return cls(
            splits=tuple(split for split, _ in rows),
            digests=np.array([_first_bits(sha) for _, sha in rows], np.uint64),
            pixels=np.array([_first_bits(one.pixels) if one else 0 for one in known], np.uint64),
            codes=np.concatenate([np.zeros((0, CODE_BYTES), np.uint8), *codes]),
            owner=np.repeat(np.arange(len(rows)), [len(one) for one in codes]).astype(np.uint32),
            version=version if prints else 0,
        )

    @classmethod
    def read(cls, path: str | os.PathLike[str]) -> Fingerprints:
        """Reads `fingerprints.npz`, of older bundles too, which know hashes of bytes only."""
        with np.load(path, allow_pickle=False) as stored:
            splits = [name for name in ("train", "val") if name in stored]
            digests = np.concatenate([np.zeros(0, np.uint64), *(stored[name] for name in splits)])
            names = tuple(name for name in splits for _ in range(len(stored[name])))
            if "prints" not in stored:
                nothing = np.zeros((0, CODE_BYTES), np.uint8)
                return cls(names, digests, np.zeros(len(names), np.uint64), nothing, np.zeros(0, np.uint32))
            version = int(stored["version"])
            return cls(names, digests, stored["pixels"], stored["prints"], stored["prints_film"], version)

    def write(self, path: Path) -> None:
        """Writes `fingerprints.npz`."""
        of_split = np.array(self.splits, dtype=np.str_)
        arrays: dict[str, npt.NDArray[np.generic]] = {
            split: self.digests[of_split == split] for split in sorted(set(self.splits) | {"train", "val"})
        }
        if self.version:
            arrays |= {"pixels": self.pixels, "prints": self.codes, "prints_film": self.owner}
            arrays["version"] = np.array(self.version)
        with path.open("wb") as file:
            np.savez_compressed(file, allow_pickle=False, **arrays)

    def joined(self, other: Fingerprints) -> Fingerprints:
        """These films and others, as when a bundle sees further films.

        Prints of another version than these are left out: only hashes of those films are taken over.

        Args:
            other: The other films.
        """
        version = self.version or other.version
        alike = other.version == version
        splits = (*self.splits, *other.splits)
        order = sorted(range(len(splits)), key=lambda row: splits[row])
        place = np.empty(len(order), np.uint32)
        place[order] = np.arange(len(order), dtype=np.uint32)
        owner = np.concatenate([self.owner, other.owner[: len(other.owner) if alike else 0] + len(self.splits)])
        return Fingerprints(
            splits=tuple(splits[row] for row in order),
            digests=np.concatenate([self.digests, other.digests])[order],
            pixels=np.concatenate([self.pixels, other.pixels])[order],
            codes=np.concatenate([self.codes, other.codes[: len(other.codes) if alike else 0]]),
            owner=place[owner],
            version=version,
        )

    def used(self, split: str) -> frozenset[str]:
        """The films of a split, each as the first 16 hexadecimal digits of its SHA-256."""
        return frozenset(
            f"{value:016x}" for name, value in zip(self.splits, self.digests.tolist(), strict=True) if name == split
        )


def _first_bits(sha256: str) -> int:
    return int(sha256[:16], 16) if sha256 else 0
