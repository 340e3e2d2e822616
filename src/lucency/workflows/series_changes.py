"""What differs between a series of runs that was begun and the one that is asked for now, in words."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from lucency.workflows.run_facts import differing

if TYPE_CHECKING:
    from lucency.learning.recipe import Recipe

_SHOWN = 3
_LONGEST = 40
_DESCRIBING = ("title", "source", "parameters")


def plan_changes(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """The values of a plan that differ, such as "folds: 2 then, 3 now".

    Args:
        old: The plan that the series began with.
        new: Values that are wanted now; other keys of `old` do not count.
    """
    words = []
    for key, now in new.items():
        then = old.get(key)
        if then != now and key == "dimensions":
            words += _dimension_changes(then or [], now)
        elif then != now:
            words.append(_changed(key.replace("_", " "), then, now))
    return words


def recipe_changes(old: Recipe, new: Recipe) -> list[str]:
    """The recipe values that differ, at most three, then how many more there are.

    Args:
        old: The recipe that the series began with.
        new: The one that is wanted now.
    """
    rows = differing([old.model_dump(), new.model_dump()])
    # What only describes is worth a word where nothing else differs; the name tells more than any value.
    rows = [row for row in rows if row["key"] not in _DESCRIBING] or rows
    rows.sort(key=lambda row: (row["key"] != "name", row["key"]))
    return _first([_changed(row["key"], *row["values"]) for row in rows], "recipe value")


def _dimension_changes(then: Sequence[Mapping[str, Any]], now: Sequence[Mapping[str, Any]]) -> list[str]:
    before, after = ({one["key"]: _range(one) for one in dimensions} for dimensions in (then, now))
    if before == after:
        return ["the dimensions stand in another order"]
    keys = [key for key in {**before, **after} if before.get(key) != after.get(key)]
    return _first(
        [_changed(f"search of {key}", before.get(key, "none"), after.get(key, "none")) for key in keys], "dimension"
    )


def _range(dimension: Mapping[str, Any]) -> str:
    if dimension["kind"] == "choice":
        return ",".join(dimension["choices"])
    return f"{dimension['low']:g}:{dimension['high']:g}{':log' if dimension['log'] else ''}"


def _first(words: list[str], noun: str) -> list[str]:
    more = len(words) - _SHOWN
    return words if more <= 0 else [*words[:_SHOWN], f"{more} more {noun}{'s' if more > 1 else ''}"]


def _changed(name: str, then: object, now: object) -> str:
    return f"{name}: {_plain(then)} then, {_plain(now)} now"


def _plain(value: object) -> str:
    text = value if isinstance(value, str) else "none" if value is None else json.dumps(value)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..."
