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


_HINT = "Give KEY=LOW:HIGH, KEY=LOW:HIGH:log or KEY=a,b,c; for example --tune training.learning_rate=1e-5:1e-2:log"


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
        raise RecipeError(f"--tune {text}: no recipe value is named", hint=_HINT)
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
            raise RecipeError(f"--tune {text}: '{key}' {reason}", hint=_HINT)
        return row_dimension(recipe, row)
    dimension = _range(key, given) or _choice(key, given)
    if dimension is None:
        raise RecipeError(f"--tune {text}: neither a range nor a choice", hint=_HINT)
    ends: Sequence[Any] = dimension.choices or (dimension.low, dimension.high)
    for end in ends:
        changed_recipe(recipe, changes(recipe, {key: end}), f"--tune {text}")
    return dimension


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
    # A comma within brackets belongs to a value, as in [128],[256,128].
    texts = [part.strip() for part in re.split(r",(?![^\[]*\])", given)]
    if key == STRENGTH or len(texts) < 2 or not all(texts):
        return None
    if len(set(texts)) < len(texts):
        raise RecipeError(f"--tune {key}={given}: a value is given twice")
    return Dimension(key, "choice", choices=tuple(texts))


def _takes_fractions(key: str) -> bool:
    if key == STRENGTH:
        return True
    section, _, name = key.rpartition(".")
    model = Recipe.model_fields[section].annotation if section else Recipe
    annotation = model.model_fields[name].annotation  # type: ignore[union-attr]
    return float in (annotation, *get_args(annotation))
