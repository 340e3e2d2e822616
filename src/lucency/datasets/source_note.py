"""SOURCE.txt: beside fetched data, where they came from and under which licence."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

NAMES = ("SOURCE.txt", "SOURCE.lucency.txt")
"""The second where the data bring a file of the first name."""

HEADING = "Fetched by Lucency. Read the licence before you use, change or pass on these data."
_SECRET = re.compile(r"sig(nature)?$|token|(api|access|rl)_?key|auth|secret|credential|password|policy", re.IGNORECASE)


def write_note(folder: Path, entries: Mapping[str, str]) -> Path:
    """Writes the note of a folder of data.

    Args:
        folder: The folder.
        entries: Name -> text; empty ones are left out.
    """
    path = folder / (NAMES[1] if (folder / NAMES[0]).exists() else NAMES[0])
    lines = [HEADING, "", *(f"{name}: {' '.join(text.split())}" for name, text in entries.items() if text)]
    path.write_text("\n".join(lines) + "\n", "utf-8")
    return path


def note_path(folder: Path) -> Path | None:
    """The note of a folder, or None where there is none."""
    # Data may bring a note of an earlier fetch under the first name; then ours has the second.
    for name in reversed(NAMES):
        try:
            with (folder / name).open("rb") as file:
                if file.readline(200).rstrip(b"\r\n") == HEADING.encode():
                    return folder / name
        except OSError:
            continue
    return None


def read_note(folder: Path) -> dict[str, str] | None:
    """The entries of the note of a folder, or None where there is none."""
    path = note_path(folder)
    if path is None:
        return None
    pairs = (line.partition(": ") for line in path.read_text("utf-8", errors="replace").splitlines()[1:])
    return {key: text for key, colon, text in pairs if colon}


def without_secrets(url: str) -> str:
    """A URL that may be written down: no login, and no values of a query that look like a key."""
    try:
        parts = urlsplit(url)
    except ValueError:
        # What cannot be taken apart is shown without all that could hold a secret.
        return re.sub(r"//[^/]*@", "//", re.split(r"[?#]", url, maxsplit=1)[0])
    query = "&".join(
        f"{name}{equals}{'...' if _SECRET.search(name) else value}"
        for name, equals, value in (pair.partition("=") for pair in parts.query.split("&"))
        if name
    )
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, query, ""))
