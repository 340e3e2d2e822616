"""The films that a table names, and the exam of each: no label is needed to ask a model."""

from __future__ import annotations

import os
from pathlib import Path

from lucency.datasets.manifest_file import known
from lucency.datasets.table_cells import read_cells
from lucency.datasets.vocabulary import COLUMN_ALIASES
from lucency.errors import DatasetError


def read_film_table(table: Path) -> list[tuple[str, str]]:
    """Path and exam ("" where unknown) of each row, in the order of the table.

    Args:
        table: CSV or Parquet with a column of paths, relative to the folder of the table, and perhaps study_id.

    Raises:
        DatasetError: There is no column of paths, a cell of it is empty, or there is no row.
    """
    cells = read_cells(table)
    by_name = {str(name).strip().casefold(): str(name) for name in reversed(list(cells.columns))}
    path_column, exam_column = (
        next((by_name[alias] for alias in COLUMN_ALIASES[name] if alias in by_name), None)
        for name in ("path", "study_id")
    )
    if path_column is None:
        raise DatasetError(
            f"no column with the path of a film; found {', '.join(cells.columns) or 'none'}",
            where=table,
            hint=f"Name one {', '.join(COLUMN_ALIASES['path'][:4])}",
        )
    paths = [str(cell).strip() for cell in cells[path_column]]
    exams = [""] * len(paths) if exam_column is None else [known(str(cell).strip()) for cell in cells[exam_column]]
    if not paths:
        raise DatasetError("the table has no rows", where=table)
    if "" in paths:
        raise DatasetError(f"row {paths.index('') + 2} names no film", where=table)
    # As the user wrote the way to the table, so that answers name films the same way.
    folder = table.parent
    return [(os.path.normpath(folder / path), exam) for path, exam in zip(paths, exams, strict=True)]
