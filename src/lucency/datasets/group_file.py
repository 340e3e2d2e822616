"""A table that says which films belong together, joined to a manifest."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path, PurePosixPath

import pandas as pd

from lucency.datasets.manifest_file import known
from lucency.datasets.table_cells import read_cells
from lucency.errors import DatasetError

FILM_COLUMNS = ("image_id", "path", "file", "filename", "file_name", "image", "filestem")
GROUP_COLUMNS = ("group", "patient_id", "patient", "cluster", "study_id")


def apply_groups(table: pd.DataFrame, path: Path) -> tuple[pd.DataFrame, str]:
    """Sets the group of each film that the file names, by image_id or by the name of the film's file.

    Args:
        table: Rows of a manifest.
        path: CSV or Parquet with one column for the film and one for the group.

    Returns:
        The table with groups, and a note on how many films were found.

    Raises:
        DatasetError: A column is missing, a film is put in two groups, or no film is found.
    """
    cells = read_cells(path)
    by_name = {str(name).strip().casefold(): str(name) for name in reversed(list(cells.columns))}
    film_column = next((by_name[name] for name in FILM_COLUMNS if name in by_name), None)
    group_column = next((by_name[name] for name in GROUP_COLUMNS if name in by_name), None)
    if film_column is None or group_column is None:
        raise DatasetError(
            f"groups need the columns image_id and group; found {', '.join(cells.columns) or 'none'}",
            where=path,
        )
    group_of: dict[str, str] = {}
    for row, (film, group) in enumerate(zip(cells[film_column], cells[group_column], strict=True), start=2):
        key = film.strip().replace("\\", "/")
        if group_of.setdefault(key, known(group.strip())) != known(group.strip()):
            raise DatasetError(f"row {row} puts {key} in a second group", where=path)

    ids = list(table["image_id"])
    named: dict[str, list[int]] = defaultdict(list)
    stems: dict[str, list[int]] = defaultdict(list)
    for i, film_path in enumerate(table["path"]):
        name = PurePosixPath(film_path.replace("\\", "/")).name
        named[name].append(i)
        stems[PurePosixPath(name).stem].append(i)
    groups = list(table["group"])
    matched = 0
    for i, (image_id, film_path) in enumerate(zip(ids, table["path"], strict=True)):
        name = PurePosixPath(film_path.replace("\\", "/")).name
        # A name that several films share says nothing about which of them is meant.
        key = image_id if image_id in group_of else name if len(named[name]) == 1 else ""
        stem = PurePosixPath(name).stem
        if key not in group_of and len(stems[stem]) == 1:
            key = stem
        if key in group_of:
            matched += 1
            groups[i] = group_of[key] or groups[i]
    if not matched:
        raise DatasetError(
            f"none of its {len(group_of)} films is among the {len(ids)} of the data set",
            where=path,
            hint=f"Films are known by image_id, such as {ids[0]}, or by the name of their file, with or without suffix",
        )
    lone = len(ids) - matched
    note = f"groups of {matched} of {len(ids)} films from {path.name}" + (
        f"; the other {lone} keep theirs" if lone else ""
    )
    return table.assign(group=pd.Series(groups, dtype="str")), note
