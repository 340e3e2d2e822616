"""What layouts with many label files share: lists of films, one split a film, one error for all broken files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from lucency.datasets.audit.findings import counted
from lucency.errors import DatasetError

Parts = tuple[str, ...]


def read_list(path: Path) -> list[str]:
    """The lines of a list of films that are not empty.

    Raises:
        DatasetError: It cannot be read, or is no UTF-8 text.
    """
    try:
        lines = path.read_text("utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError):
        raise DatasetError("the list of films cannot be read", where=path) from None
    return [line.strip() for line in lines if line.strip()]


def refuse_broken(problems: Sequence[str], kind: str, hint: str, root: Path) -> None:
    """Names the first few of the files that cannot be understood.

    Args:
        problems: A sentence for each, which names the file.
        kind: What such a file is called.
        hint: What to do.
        root: The folder.

    Raises:
        DatasetError: There is one.
    """
    if problems:
        raise DatasetError(
            f"{counted(len(problems), kind)} cannot be understood: {'; '.join(problems[:3])}{_more(problems)}",
            where=root,
            hint=hint,
        )


def refuse_two_splits(places: Mapping[str, Mapping[str, str]], root: Path) -> None:
    """A film belongs to one split: one in two would be trained on and tested with.

    Args:
        places: Film -> split -> the file that puts it there.
        root: The folder.

    Raises:
        DatasetError: A film is in two splits.
    """
    clashes = [
        f"{film} ({', '.join(f'{split} by {source}' for split, source in sorted(found.items()))})"
        for film, found in sorted(places.items())
        if len(found) > 1
    ]
    if clashes:
        raise DatasetError(
            f"{counted(len(clashes), 'film is', 'films are')} in more than one split: "
            f"{'; '.join(clashes[:3])}{_more(clashes)}",
            where=root,
            hint="Let each film stand in one split, or take the splits out to have them drawn",
        )


def _more(items: Sequence[str]) -> str:
    return f" and {len(items) - 3} more" if len(items) > 3 else ""
