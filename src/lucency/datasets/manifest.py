"""Manifest: what we have, one row per image."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass, replace
from pathlib import Path

from lucency.errors import DatasetError, MissingExtraError

try:
    import pandas as pd
except ModuleNotFoundError as missing:
    raise MissingExtraError("pandas", extra="tables", need="Reading a data set") from missing

from lucency.datasets.manifest_file import MANIFEST_COLUMNS, read_table, write_table

TEST_IS_VAL = "test films are the validation films: the test figure is optimistic"
"""The note by which a manifest says that its validation films serve as test films too."""


@dataclass(frozen=True, eq=False)
class Manifest:
    """What we have: a table of films.

    Attributes:
        table: One row per film, RangeIndex, the columns `MANIFEST_COLUMNS` and at most `OPTIONAL_COLUMNS`
            after them. image_id: text, unique. path: absolute. sha256: of the bytes, hexadecimal, "" where
            the file could not be read. label: int64, 1 = fractured, 0 = not. patient_id, study_id, group,
            body_part, view: "" where unknown. split: train, val, test or "". boxes: JSON text `[[x, y, width,
            height], ...]` in pixels of the upright film, "" where unknown, "[]" where there are none.
        source: Where it came from, and the name of the layout.
        notes: What was noticed on the way. Notes are not written to the file: `TEST_IS_VAL` is given anew by
            `assign_split(..., test_from_val=True)`, which changes nothing else in a table already split.
        misnamed: Films that no row can name, since their names are not valid UTF-8; printable. Not written either.
    """

    table: pd.DataFrame
    source: str
    notes: tuple[str, ...] = ()
    misnamed: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        absent = [name for name in MANIFEST_COLUMNS if name not in self.table.columns]
        if absent:
            raise DatasetError(f"a manifest needs the columns {', '.join(absent)}", where=self.source)

    def __len__(self) -> int:
        return len(self.table)

    @classmethod
    def read(cls, path: str | os.PathLike[str]) -> Manifest:
        """Reads a CSV or Parquet table, by suffix, and checks every row.

        Only a column with paths and one with labels are needed (`COLUMN_ALIASES` lists the names they may
        have). Relative paths start at the folder of the table. sha256 is computed where it is missing.

        Args:
            path: The table.

        Raises:
            DatasetError: A column is missing, a cell cannot be understood, or a film is not there.
        """
        return cls(read_table(Path(path)), source=f"{path} (table)")

    def write(self, path: str | os.PathLike[str]) -> None:
        """Writes CSV or Parquet, by suffix, with relative paths to films under the folder of the file.

        Args:
            path: The table. An existing file is replaced at once, never half.

        Raises:
            DatasetError: The suffix is neither .csv nor .parquet.
            ResourceError: The file cannot be written.
        """
        write_table(self.table, Path(path))

    @property
    def test_is_val(self) -> bool:
        """Whether the validation films serve as test films too."""
        return TEST_IS_VAL in self.notes

    def subset(self, split: str) -> Manifest:
        """The films of one split; those of "val" when "test" is asked for and `test_is_val`.

        Args:
            split: train, val, test, or "" for films not yet assigned.
        """
        if split not in ("train", "val", "test", ""):
            raise DatasetError(f"{split!r} is not a split", hint="Splits are train, val and test")
        wanted = "val" if split == "test" and self.test_is_val else split
        return replace(self, table=self.table[self.table["split"] == wanted].reset_index(drop=True))

    def keep(self, mask: pd.Series[bool]) -> Manifest:
        """The rows where `mask` is true, in the same order."""
        return replace(self, table=self.table[mask].reset_index(drop=True))

    def noting(self, *notes: str) -> Manifest:
        """The same manifest with further notes; a note already there is not repeated."""
        return replace(self, notes=tuple(dict.fromkeys((*self.notes, *notes))))

    def content_hash(self) -> str:
        """SHA-256 over sha256, label, split and group of all rows: same films, same answer, in any order."""
        rows = sorted(
            f"{sha}\t{label}\t{split}\t{group}"
            for sha, label, split, group in zip(
                self.table["sha256"],
                self.table["label"],
                self.table["split"],
                self.table["group"],
                strict=True,
            )
        )
        return hashlib.sha256("\n".join(rows).encode()).hexdigest()
