"""Reads docs/reference/json.md, and says where a JSON value is not what the page states."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

PLAIN: dict[str, tuple[type, ...]] = {
    "text": (str,),
    "whole number": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "null": (type(None),),
    "object": (dict,),
    "open object": (dict,),
}


@dataclass
class Key:
    """One row of a table: what a key holds, and the keys of the object within."""

    kind: str = "object"
    optional: bool = False
    inside: dict[str, Key] = field(default_factory=dict)


@dataclass(frozen=True)
class StatedJson:
    """The page: the table of each heading as a tree of keys, the first column of each table, and the examples."""

    shapes: dict[str, Key]
    columns: dict[str, list[str]]
    examples: dict[str, list[str]]

    def problems(self, value: Any, title: str, *, shortened: bool = False) -> list[str]:
        """Where a value differs from what stands under a heading; in a shortened one keys may be missing."""
        return list(self._object(value, self.shapes[title], title, shortened))

    def _object(self, value: dict[str, Any], key: Key, where: str, shortened: bool) -> Iterator[str]:
        any_key = key.inside.get("*")
        if any_key is None:
            for missing in [] if shortened else sorted(set(key.inside) - set(value)):
                if not key.inside[missing].optional:
                    yield f"{where}.{missing} is missing"
        for name, item in value.items():
            stated = key.inside.get(name, any_key)
            if stated is None:
                yield f"{where}.{name} is not stated"
            else:
                yield from self._value(item, stated.kind, stated, f"{where}.{name}", shortened)

    def _value(self, value: Any, kind: str, key: Key, where: str, shortened: bool) -> Iterator[str]:
        if kind.startswith("list of "):
            if not isinstance(value, list):
                yield f"{where} is {value!r}, but stated is {kind}"
                return
            for place, item in enumerate(value):
                yield from self._value(item, kind.removeprefix("list of "), key, f"{where}[{place}]", shortened)
            return
        found = [list(self._choice(value, choice, key, where, shortened)) for choice in kind.split(" or ")]
        yield from min(found, key=len)

    def _choice(self, value: Any, choice: str, key: Key, where: str, shortened: bool) -> Iterator[str]:
        shape = key if choice == "object" else self.shapes.get(choice)
        types = PLAIN.get(choice, (dict,))
        if not isinstance(value, types) or (isinstance(value, bool) and bool not in types):
            yield f"{where} is {value!r}, but stated is {key.kind}"
        elif shape is not None:
            yield from self._object(value, shape, where, shortened)


def read_page(path: Path) -> StatedJson:
    """Reads the page."""
    shapes: dict[str, Key] = {}
    columns: dict[str, list[str]] = {}
    examples: dict[str, list[str]] = {}
    title, fence, block = "", "", []
    for line in path.read_text("utf-8").splitlines():
        if fence:
            if line == "```":
                examples.setdefault(f"{title} {fence}", []).append("\n".join(block))
                fence, block = "", []
            else:
                block.append(line)
        elif line.startswith("```"):
            fence = line.removeprefix("```")
        elif heading := re.fullmatch(r"##+ (.+)", line):
            title = heading[1]
        elif row := re.match(r"\| `([^`]+)` \| ([^|]*) \|", line):
            columns.setdefault(title, []).append(row[1])
            kind, _, optional = row[2].strip().partition(", ")
            place = shapes.setdefault(title, Key())
            for part in row[1].replace("[]", "").split("."):
                place = place.inside.setdefault(part, Key())
            place.kind, place.optional = kind, optional == "optional"
    return StatedJson(shapes, columns, examples)
