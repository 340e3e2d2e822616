"""A CSV or Parquet file as a table of text, whoever wrote it."""

from __future__ import annotations

import math
from pathlib import Path

from lucency.errors import DatasetError, MissingExtraError

try:
    import pandas as pd
except ModuleNotFoundError as missing:
    raise MissingExtraError("pandas", extra="tables", need="Reading a data set") from missing

TABLE_SUFFIXES = (".csv", ".parquet")


def read_cells(path: Path) -> pd.DataFrame:
    """All cells of a CSV or Parquet file as text; "" where there is nothing.

    Raises:
        DatasetError: The file is missing, of another kind, or cannot be parsed.
    """
    suffix = path.suffix.lower()
    if suffix not in TABLE_SUFFIXES:
        raise DatasetError(f"a table ends in {' or '.join(TABLE_SUFFIXES)}, not {suffix or 'nothing'}", where=path)
    try:
        if suffix == ".csv":
            with open(path, encoding="utf-8-sig") as file:
                header = file.readline()
            separator = max((",", ";", "\t"), key=header.count)
            cells = pd.read_csv(
                path, sep=separator, dtype=str, keep_default_na=False, encoding="utf-8-sig", index_col=False
            )
        else:
            raw = pd.read_parquet(path)
            cells = pd.DataFrame({str(name): [_as_text(cell) for cell in raw[name]] for name in raw.columns})
    except FileNotFoundError:
        raise DatasetError("no such table", where=path) from None
    except ImportError as missing:
        raise MissingExtraError("pyarrow", extra="tables", need="Reading Parquet") from missing
    except UnicodeDecodeError:
        raise DatasetError("the table is not UTF-8 text", where=path, hint="Save it as CSV UTF-8") from None
    except (
        pd.errors.ParserError,
        pd.errors.ParserWarning,
        pd.errors.EmptyDataError,
        ValueError,
        OSError,
    ) as bad:
        reason = str(bad).splitlines()[0] if str(bad) else type(bad).__name__
        raise DatasetError(f"the table cannot be read: {reason}", where=path) from bad
    return cells.fillna("")


def _as_text(cell: object) -> str:
    if isinstance(cell, float):
        return "" if math.isnan(cell) else (str(int(cell)) if cell.is_integer() else str(cell))
    return "" if cell is None or cell is pd.NA else str(cell)
