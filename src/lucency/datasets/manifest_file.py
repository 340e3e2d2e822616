"""The manifest as a CSV or Parquet file: read with every cell checked, written so that it can be moved."""

from __future__ import annotations

import json
import math
import os
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path, PurePath
from typing import TypeVar

from lucency.datasets.content_hash import files_sha256
from lucency.datasets.file_names import refuse_name
from lucency.datasets.table_cells import TABLE_SUFFIXES, read_cells
from lucency.datasets.vocabulary import COLUMN_ALIASES, SPLIT_WORDS, UNKNOWN_WORDS, LabelNames, squeeze
from lucency.errors import DatasetError, MissingExtraError, ResourceError

try:
    import pandas as pd
except ModuleNotFoundError as missing:
    raise MissingExtraError("pandas", extra="tables", need="Reading a data set") from missing

MANIFEST_COLUMNS = (
    "image_id",
    "path",
    "sha256",
    "label",
    "patient_id",
    "study_id",
    "group",
    "body_part",
    "view",
    "split",
    "boxes",
)
OPTIONAL_COLUMNS = ("hardware", "second_label", "kind")
"""Kept where a source has them: whether metal (plates, screws, wires) is on the film, "1" or "0"; the label in another
part of the data set; the kind of fracture."""

Cell = TypeVar("Cell", str, int)


def read_table(path: Path, labels: Mapping[str, int] | None = None, *, present: bool = True) -> pd.DataFrame:
    """Reads a table of films.

    Args:
        path: CSV or Parquet file.
        labels: Further words for labels.
        present: Refuse a table of which a film is not there; otherwise only one of which none is.

    Returns:
        The columns of a manifest, every cell checked, in the order of the file. Where folders that films lie in are
        named for the other class, they are the column second_label.

    Raises:
        DatasetError: A column is missing, a cell cannot be understood, or a film is not there.
    """
    refuse_name(os.path.abspath(path))
    cells = read_cells(path)
    found = {name: _find_column(list(cells.columns), aliases) for name, aliases in COLUMN_ALIASES.items()}
    for required in ("path", "label"):
        if found[required] is None:
            raise DatasetError(
                f"no column with the {required} of a film; found {', '.join(cells.columns) or 'none'}",
                where=path,
                hint=f"Name one {', '.join(COLUMN_ALIASES[required][:4])}, or give the folder of the films",
            )
    if not len(cells):
        raise DatasetError("the table has no rows", where=path)

    def column(name: str) -> list[str]:
        source = found[name]
        return [""] * len(cells) if source is None else [cell.strip() for cell in cells[source]]

    def parsed(name: str, parse: Callable[[str], Cell | None], problem: str, hint: str) -> list[Cell]:
        values = [parse(cell) for cell in column(name)]
        bad = [i for i, value in enumerate(values) if value is None]
        if bad:
            ids = image_ids or column("path")
            shown = ", ".join(f"row {i + 2} ({ids[i]}): {column(name)[i]!r}" for i in bad[:3])
            rest = f" and {len(bad) - 3} more" if len(bad) > 3 else ""
            raise DatasetError(f"column {found[name]}: {problem}: {shown}{rest}", where=path, hint=hint)
        return [value for value in values if value is not None]

    image_ids: list[str] = []
    folder = Path(os.path.abspath(path)).parent
    paths = [os.path.normpath(folder / p) for p in parsed("path", lambda c: c or None, "empty cell", "Give a path")]
    image_ids = [i or relative_to(p, folder) for i, p in zip(column("image_id"), paths, strict=True)]
    names = LabelNames(labels)
    table: dict[str, list[str] | list[int]] = {
        "image_id": image_ids,
        "path": paths,
        "sha256": parsed("sha256", _parse_sha256, "not a SHA-256", "Leave the column out to have it computed"),
        "label": parsed("label", names.of_cell, "not a label", "Labels are 1 (fractured) and 0, or --label NAME=1"),
        "patient_id": [known(cell) for cell in column("patient_id")],
        "study_id": [known(cell) for cell in column("study_id")],
        "group": [known(cell) for cell in column("group")],
        "body_part": column("body_part"),
        "view": column("view"),
        "split": parsed("split", _parse_split, "not a split", "Splits are train, val and test, or empty"),
        "boxes": parsed(
            "boxes", parse_boxes, "not a JSON list of [x, y, width, height]", "For example [[10, 20, 30, 40]]"
        ),
    }
    for name in OPTIONAL_COLUMNS:
        if found[name] is not None:
            table[name] = column(name)
    if "second_label" not in table and (second := _other_folders(paths, table["label"], names)):
        table["second_label"] = second
    _check_unique(image_ids, path)
    if present or not any(map(os.path.isfile, paths)):
        check_present(paths, path)
    return complete(table)


def complete(table: Mapping[str, list[str] | list[int]]) -> pd.DataFrame:
    """The rows of a manifest, with sha256 and group filled in where empty.

    Args:
        table: Column name -> cells; columns that are absent become "".
    """
    rows = len(table["path"])
    columns: dict[str, list[str | int]] = {name: [*table.get(name, [""] * rows)] for name in MANIFEST_COLUMNS}
    columns |= {name: [*table[name]] for name in OPTIONAL_COLUMNS if name in table}
    todo = [i for i, sha in enumerate(columns["sha256"]) if not sha]
    for i, sha in zip(todo, files_sha256([str(columns["path"][i]) for i in todo]), strict=True):
        columns["sha256"][i] = sha
    columns["group"] = [
        group or patient or study
        for group, patient, study in zip(columns["group"], columns["patient_id"], columns["study_id"], strict=True)
    ]
    return pd.DataFrame(
        {name: pd.Series(cells, dtype="int64" if name == "label" else "str") for name, cells in columns.items()}
    )


def describes_films(path: Path) -> bool:
    """Whether a table has a column with paths and one with labels."""
    columns = list(read_cells(path).columns)
    return all(_find_column(columns, COLUMN_ALIASES[name]) for name in ("path", "label"))


def write_table(table: pd.DataFrame, path: Path) -> None:
    """Writes a manifest's table; see `Manifest.write`."""
    suffix = path.suffix.lower()
    if suffix not in TABLE_SUFFIXES:
        raise DatasetError(f"a table ends in {' or '.join(TABLE_SUFFIXES)}, not {suffix or 'nothing'}", where=path)
    folder = Path(os.path.abspath(path)).parent
    portable = table.assign(path=[relative_to(p, folder) for p in table["path"]])
    partial = folder / f".{path.name}.{os.getpid()}.partial"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if suffix == ".csv":
            portable.to_csv(partial, index=False, encoding="utf-8", lineterminator="\n")
        else:
            portable.to_parquet(partial, index=False)
        os.replace(partial, path)
    except ImportError as missing:
        raise MissingExtraError("pyarrow", extra="tables", need="Writing Parquet") from missing
    except OSError as failed:
        raise ResourceError(f"the table cannot be written: {failed.strerror or failed}", where=path) from failed
    finally:
        partial.unlink(missing_ok=True)


def relative_to(path: str, folder: Path) -> str:
    """`path` from `folder`, with forward slashes, where it lies under it; otherwise as it is."""
    inside = Path(path)
    return inside.relative_to(folder).as_posix() if inside.is_relative_to(folder) else path


def known(cell: str) -> str:
    """The cell, or "" where it says that nothing is known."""
    return "" if cell.casefold() in UNKNOWN_WORDS else cell


def parse_boxes(cell: str) -> str | None:
    """Compact JSON of boxes, "" where unknown, None where it is no list of [x, y, width, height]."""
    if not cell:
        return ""
    try:
        boxes = json.loads(cell)
        good = isinstance(boxes, list) and all(
            isinstance(box, list)
            and len(box) == 4
            and all(type(v) in (int, float) and math.isfinite(v) for v in box)
            and box[2] > 0
            and box[3] > 0
            for box in boxes
        )
    except (ValueError, RecursionError):
        return None
    return json.dumps(boxes, separators=(",", ":")) if good else None


def _parse_sha256(cell: str) -> str | None:
    return cell.lower() if re.fullmatch(r"[0-9a-fA-F]{64}|", cell) else None


def _parse_split(cell: str) -> str | None:
    return SPLIT_WORDS.get(squeeze(cell)) if cell else ""


def _find_column(columns: list[str], aliases: tuple[str, ...]) -> str | None:
    by_name = {name.strip().casefold(): name for name in reversed(columns)}
    return next((by_name[alias] for alias in aliases if alias in by_name), None)


def _check_unique(image_ids: list[str], path: Path) -> None:
    first: dict[str, int] = {}
    for row, image_id in enumerate(image_ids, start=2):
        if image_id in first:
            raise DatasetError(
                f"image_id {image_id} is in row {first[image_id]} and again in row {row}",
                where=path,
                hint="Give each film one row, or each row an image_id of its own",
            )
        first[image_id] = row


def _other_folders(paths: list[str], labels: Sequence[str | int], names: LabelNames) -> list[str]:
    """The label by which the folders of each film are named, "" where they name none or both; [] where all agree."""
    folders = [PurePath(path).parent for path in paths]
    try:
        # What all films lie in tells none from another: the folder of a user may be called "fracture".
        shared = len(PurePath(os.path.commonpath(folders)).parts)
    except ValueError:
        return []
    found: dict[PurePath, str] = {}
    for folder in set(folders):
        # Bare digits may as well number patients.
        words = tuple(part for part in folder.parts[shared:] if not part.isdigit())
        try:
            label = names.of_folders(words)
        except DatasetError:
            label = None
        found[folder] = "" if label is None else str(label)
    second = [found[folder] for folder in folders]
    return second if any(other and int(other) != label for other, label in zip(second, labels, strict=True)) else []


def check_present(paths: Sequence[str], path: Path) -> None:
    """Refuses a table that names films which are not there.

    Args:
        paths: Of the films.
        path: Of the table.

    Raises:
        DatasetError: One of them is no file.
    """
    absent = [p for p in paths if not os.path.isfile(p)]
    if absent:
        rest = f" and {len(absent) - 3} more" if len(absent) > 3 else ""
        raise DatasetError(
            f"{len(absent)} of {len(paths)} films are not there: {', '.join(absent[:3])}{rest}",
            where=path,
            hint="Relative paths start at the folder of the table",
        )
