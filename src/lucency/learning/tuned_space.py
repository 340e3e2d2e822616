"""The dimensions of a search that a user names: `--tune KEY=LOW:HIGH[:log]`, `KEY=a,b,c` or `KEY`."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Any, get_args

from lucency.errors import RecipeError
from lucency.learning.recipe import Recipe
from lucency.learning.search_space import (
    CONDITIONS,
    SEARCH_SPACE,
    STRENGTH,
    Dimension,
    changed_recipe,
    changes,
    own_value,
    row_dimension,
)

NOT_SEARCHED = {
    "name": "it only describes",
    "title": "it only describes",
    "source": "it only describes",
    "parameters": "it only describes",
    "seed": "each trial would have other validation films",
    "split": "each trial would have other validation films",
    "training.monitor": "trials would be measured by different figures",
    "evaluation": "it changes nothing that validation films could tell",
}
"""Keys and sections that no search may change, and why."""


_EXAMPLE = "training.learning_rate=1e-5:1e-2:log"
_ENDS = {"augmentation": ((0, 10),)}
"""Ranges that the example of a section tries first, where its values are angles; shares take smaller ones."""


def tuned_space(recipe: Recipe, texts: Sequence[str]) -> list[Dimension]:
    """The dimensions that a user names.

    Args:
        recipe: What the search starts from.
        texts: "KEY=LOW:HIGH", "KEY=LOW:HIGH:log", "KEY=a,b,c", or "KEY" for the range of `SEARCH_SPACE`.

    Raises:
        RecipeError: A key is unknown or may not be searched, a text cannot be read, or a value is out of range.
    """
    found: dict[str, Dimension] = {}
    for text in texts:
        dimension = _parse(recipe, text)
        if dimension.key in found:
            raise RecipeError(f"--tune {text}: '{dimension.key}' is tuned twice", hint="Give each key once")
        found[dimension.key] = dimension
    return list(found.values())


def _parse(recipe: Recipe, text: str) -> Dimension:
    key, equals, given = (part.strip() for part in text.partition("="))
    if not key:
        raise RecipeError(f"--tune {text}: no recipe value is named", hint=_hint(_EXAMPLE))
    for name in (key, key.partition(".")[0]):
        if name in NOT_SEARCHED:
            raise RecipeError(f"--tune {text}: '{key}' cannot be searched: {NOT_SEARCHED[name]}")
    if key != STRENGTH:
        try:
            own = own_value(recipe, key)
        except AttributeError:
            changed_recipe(recipe, [f"{key}=0"], f"--tune {text}")
            raise
        if isinstance(own, str) and key in Recipe.model_fields:
            raise RecipeError(f"--tune {text}: '{key}' is a section", hint=f"Name one of its values: {key}.KEY")
    if not equals:
        row = next((row for row in SEARCH_SPACE if row.key == key), None)
        if row is None or not CONDITIONS[row.applies](recipe, key):
            reason = "has no range of its own" if row is None else f"means nothing for the recipe {recipe.name}"
            raise RecipeError(f"--tune {text}: '{key}' {reason}", hint=_hint(_example(recipe, key)))
        return row_dimension(recipe, row)
    if key != STRENGTH and isinstance(_raw(recipe, key), tuple):
        _refuse_unbracketed(recipe, text, key, given)
    dimension = _range(key, given) or _choice(key, given)
    if dimension is None:
        raise RecipeError(f"--tune {text}: neither a range nor a choice", hint=_hint(_example(recipe, key)))
    ends: Sequence[Any] = dimension.choices or (dimension.low, dimension.high)
    for end in ends:
        changed_recipe(recipe, changes(recipe, {key: end}), f"--tune {text}")
    return dimension


def _raw(recipe: Recipe, key: str) -> Any:
    value: Any = recipe
    for part in key.split("."):
        value = getattr(value, part)
    return value


def _refuse_unbracketed(recipe: Recipe, text: str, key: str, given: str) -> None:
    parts = _parts(given)
    if len(parts) > 1 and all(part.startswith("[") and part.endswith("]") for part in parts):
        return
    numbers = list(dict.fromkeys(re.findall(r"[\d.]+", given)))
    choices = [*([] if len(numbers) > 1 else ["[]"]), *(f"[{number}]" for number in numbers)]
    example = f'"{key}={",".join(choices)}"' if numbers else _example(recipe, key)
    raise RecipeError(
        f"--tune {text}: '{key}' takes lists, and there are no two to choose from",
        hint=f"Write each list in brackets: --tune {example}",
    )


def _hint(example: str) -> str:
    return f"Give KEY=LOW:HIGH, KEY=LOW:HIGH:log or KEY=a,b,c; for example --tune {example}"


def _example(recipe: Recipe, key: str) -> str:
    """A dimension of this key that the recipe allows, as it is typed."""
    if key == STRENGTH:
        return f"{STRENGTH}=0:2"
    own = _raw(recipe, key)
    if isinstance(own, tuple):
        return f'"{key}=[64],[128]"' if _allows(recipe, key, ("[64]", "[128]")) else _EXAMPLE
    if isinstance(own, bool):
        return f"{key}=true,false"
    row = next((row for row in SEARCH_SPACE if row.key == key), None)
    if row is not None and row.choices:
        return f"{key}={','.join(row.choices)}"
    if isinstance(own, str):
        names = [name for name in get_args(_annotation(key)) if isinstance(name, str)] or [own, "ANOTHER"]
        return f"{key}={names[0]},{names[1]}"
    usual = row_dimension(recipe, row).ends if row is not None else (0.0, 0.0)
    about = (own // 2, own * 2) if isinstance(own, int) else (own / 2, own * 2) if own else (0, 0)
    for low, high in (usual, about, *_ENDS.get(key.partition(".")[0], ()), (0, 0.5), (1, 10)):
        if low < high and _allows(recipe, key, (low, high)):
            return f"{key}={low:g}:{high:g}{':log' if row is not None and row.log else ''}"
    return _EXAMPLE


def _allows(recipe: Recipe, key: str, values: Sequence[object]) -> bool:
    try:
        for value in values:
            changed_recipe(recipe, [f"{key}={value}"])
    except RecipeError:
        return False
    return True


def _parts(given: str) -> list[str]:
    # A comma within brackets belongs to a value, as in [128],[256,128].
    return [part.strip() for part in re.split(r",(?![^\[]*\])", given)]


def _range(key: str, given: str) -> Dimension | None:
    low, colon, rest = given.partition(":")
    high, _, scale = rest.partition(":")
    try:
        ends = float(low), float(high)
    except ValueError:
        return None
    if not colon or scale not in ("", "log") or not all(map(math.isfinite, ends)):
        return None
    if not ends[0] < ends[1] or (scale == "log" and ends[0] <= 0):
        limit = "above 0 and below the second" if scale == "log" else "below the second"
        raise RecipeError(f"--tune {key}={given}: the first number must be {limit}")
    whole = not _takes_fractions(key) and all(re.fullmatch(r"[+-]?\d+", end) for end in (low.strip(), high.strip()))
    if whole:
        return Dimension(key, "whole", int(ends[0]), int(ends[1]), scale == "log")
    return Dimension(key, "number", *ends, scale == "log")


def _choice(key: str, given: str) -> Dimension | None:
    texts = _parts(given)
    if key == STRENGTH or len(texts) < 2 or not all(texts):
        return None
    if len(set(texts)) < len(texts):
        raise RecipeError(f"--tune {key}={given}: a value is given twice")
    return Dimension(key, "choice", choices=tuple(texts))


def _takes_fractions(key: str) -> bool:
    if key == STRENGTH:
        return True
    annotation = _annotation(key)
    return float in (annotation, *get_args(annotation))


def _annotation(key: str) -> Any:
    section, _, name = key.rpartition(".")
    model = Recipe.model_fields[section].annotation if section else Recipe
    return model.model_fields[name].annotation  # type: ignore[union-attr]
