"""Names of files that are no text: Linux allows any bytes, tables and JSON do not."""

from __future__ import annotations

import os
from collections.abc import Sequence

from lucency.errors import DatasetError

_SHOWN = 3


def is_text(path: str) -> bool:
    """Whether a name, as the file system gives it, is valid UTF-8."""
    try:
        path.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def printable(path: str) -> str:
    r"""The name with the bytes that are no text escaped, such as `caf\xe9.jpg`."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def refuse_name(path: str | os.PathLike[str]) -> None:
    """Refuses a folder or table under whose name no film could be written down.

    Raises:
        DatasetError: The path is not valid UTF-8.
    """
    if not is_text(os.fspath(path)):
        raise DatasetError(
            "its path is not valid UTF-8",
            where=printable(os.fspath(path)),
            hint="Rename it, or the folder that it lies in",
        )


def misnamed_films(names: Sequence[str]) -> str:
    """A sentence, without its full stop, on films that are left out for their names.

    Args:
        names: At least one, as `printable` gives them.
    """
    films, its, it = ("1 film", "its name is", "it")
    if len(names) > 1:
        films, its, it = f"{len(names)} films", "their names are", "them"
    rest = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return f"{films} left out, since {its} not valid UTF-8; rename {it}: {', '.join(names[:_SHOWN])}{rest}"
