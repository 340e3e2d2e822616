"""Figures, counts and names as words in a text: rounded in one way, and harmless inside Markdown."""

from __future__ import annotations

import html
import re
from collections.abc import Mapping, Sequence
from typing import Any


def number(value: float | None, digits: int = 3) -> str:
    """A value as text; a dash where there is none."""
    return "-" if value is None else f"{value:.{digits}f}"


def figure(found: Mapping[str, Any] | None, digits: int = 3) -> str:
    """A figure with its interval, such as "0.958 (0.929 to 0.981)"; or why there is none.

    Args:
        found: {"value", "low", "high", "reason"}; None where nothing was measured.
        digits: After the point.
    """
    if found is None:
        return "not measured"
    value, low, high = (found.get(key) for key in ("value", "low", "high"))
    reason = str(found.get("reason") or "no reason is given").rstrip(".")
    if value is None:
        return f"not defined ({reason})"
    if low is None or high is None:
        return f"{number(value, digits)} ({reason})"
    return f"{number(value, digits)} ({number(low, digits)} to {number(high, digits)})"


def counted(count: int, one: str, many: str | None = None) -> str:
    """A count with its noun, such as "1 film" or "1,200 films"."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def percent(share: float) -> str:
    """A share (0..1) in percent."""
    return f"{100 * share:.1f} %"


def listed(words: Sequence[str]) -> str:
    """Words with commas, and "and" before the last."""
    return ", ".join(words[:-1]) + (" and " if len(words) > 1 else "") + words[-1] if words else ""


def plain(text: object) -> str:
    """Text of unknown origin (a folder, a class, a film) as one line that Markdown shows as it is written."""
    line = html.escape(" ".join(str(text).split()), quote=False)
    # An underscore inside a name is no mark of emphasis, and reads better without a backslash.
    return re.sub(r"[\\`*\[\]|~#]|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])", r"\\\g<0>", line)


def code(text: object) -> str:
    """A name or a hash as a code span of one line."""
    return "`" + " ".join(str(text).replace("`", "'").split()) + "`"


def cell(text: str) -> str:
    """Text, with whatever marks it has, as a cell of a Markdown table: one line, and no bar that ends the cell."""
    line = "<br>".join(part for part in (" ".join(part.split()) for part in text.splitlines()) if part)
    return line.replace("\\|", "|").replace("|", "\\|")


def table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """The lines of a Markdown table.

    Args:
        columns: Headings.
        rows: Cells, as many in a row as there are headings.
    """
    return [
        "| " + " | ".join(map(cell, columns)) + " |",
        "|" + " --- |" * len(columns),
        *("| " + " | ".join(map(cell, row)) + " |" for row in rows),
    ]
