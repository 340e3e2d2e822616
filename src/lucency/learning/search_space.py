"""What a search may change of a recipe: one literal table, and the dimensions that a user names."""

from __future__ import annotations

import math
import tomllib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from lucency.learning.recipe import Recipe, parse_recipe
from lucency.learning.recipe_sections import AugmentationSection

STRENGTH = "augmentation"
"""Key of the one dimension that is no recipe value: a factor of all strengths in `[augmentation]` but the flips."""

Condition = Literal[
    "always", "epochs", "head_epochs", "fine_tunes", "blends", "own_above_0", "simple_schedule", "augments"
]
Value = float | int | str


@dataclass(frozen=True)
class Row:
    """One row of `SEARCH_SPACE`.

    Attributes:
        key: A recipe value, or `STRENGTH`.
        between: Lowest and highest number; widened where the recipe's own value lies outside.
        about: The same as factors of the recipe's own value.
        log: Whether numbers are drawn evenly on a logarithmic scale.
        choices: Values to choose from, as texts for `--set`; the recipe's own is added.
        applies: Key of `CONDITIONS`.
    """

    key: str
    between: tuple[float, float] | None = None
    about: tuple[float, float] | None = None
    log: bool = False
    choices: tuple[str, ...] = ()
    applies: Condition = "always"


SEARCH_SPACE = (
    Row("training.learning_rate", about=(0.1, 10), log=True, applies="epochs"),
    Row("training.head_learning_rate", about=(0.1, 10), log=True, applies="head_epochs"),
    Row("training.batch_size", choices=("8", "16", "32", "64")),
    Row("training.unfreeze", choices=("10", "30", "100", "all"), applies="fine_tunes"),
    Row("training.schedule", choices=("constant", "cosine"), applies="simple_schedule"),
    Row("training.weight_decay", choices=("0.0", "0.0001", "0.001", "0.01")),
    Row("training.label_smoothing", between=(0, 0.2)),
    Row("training.mixup", between=(0, 0.4), applies="blends"),
    Row("training.balance", choices=("none", "class_weight", "oversample")),
    Row("model.dropout", between=(0, 0.6)),
    Row("model.feature_noise", about=(0, 2), applies="own_above_0"),
    Row("model.hidden_noise", about=(0, 2), applies="own_above_0"),
    Row(STRENGTH, between=(0, 2), applies="augments"),
)
"""What is searched where a user names no dimension."""

CONDITIONS: Mapping[Condition, Callable[[Recipe, str], bool]] = {
    "always": lambda recipe, key: True,
    "epochs": lambda recipe, key: recipe.training.epochs > 0,
    "head_epochs": lambda recipe, key: recipe.training.head_epochs > 0,
    # A backbone of random numbers has nothing to keep, and one that stays frozen would lose its cached features.
    "fine_tunes": lambda recipe, key: recipe.model.weights != "none" and _trains_backbone(recipe),
    "blends": lambda recipe, key: _trains_backbone(recipe) and not recipe.localisation.channels,
    "own_above_0": lambda recipe, key: float(str(own_value(recipe, key))) > 0,
    "simple_schedule": lambda recipe, key: recipe.training.schedule in ("constant", "cosine"),
    "augments": lambda recipe, key: bool(_strengths(recipe)),
}
"""When a row applies to a recipe."""


@dataclass(frozen=True)
class Dimension:
    """One thing that a search varies.

    Attributes:
        key: A recipe value, or `STRENGTH`.
        kind: "number", "whole" or "choice".
        low: Lowest value; None for a choice.
        high: Highest value; None for a choice.
        log: Whether numbers are drawn evenly on a logarithmic scale.
        choices: Values of a choice, as texts for `--set`.
    """

    key: str
    kind: Literal["number", "whole", "choice"]
    low: float | None = None
    high: float | None = None
    log: bool = False
    choices: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Plain values for `search.json`."""
        return {**asdict(self), "choices": list(self.choices)}

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Dimension:
        """What `to_json` gave."""
        return cls(**{**content, "choices": tuple(content["choices"])})

    @property
    def ends(self) -> tuple[float, float]:
        """Lowest and highest value of what is no choice."""
        assert self.low is not None
        assert self.high is not None
        return self.low, self.high

    def holds(self, value: Value) -> bool:
        """Whether a value can be drawn."""
        if self.kind == "choice":
            return value in self.choices
        low, high = self.ends
        return not isinstance(value, str) and low <= value <= high


def search_space(recipe: Recipe, fixed: Iterable[str] = ()) -> list[Dimension]:
    """The rows of `SEARCH_SPACE` that apply to a recipe, about its own values.

    Args:
        recipe: What the search starts from; its own values can be drawn.
        fixed: Keys that the user set, which are left alone; a strength of augmentation fixes them all.
    """
    kept = {STRENGTH if key.startswith(f"{STRENGTH}.") else key for key in fixed}
    return [
        row_dimension(recipe, row)
        for row in SEARCH_SPACE
        if row.key not in kept and CONDITIONS[row.applies](recipe, row.key)
    ]


def own_value(recipe: Recipe, key: str) -> Value:
    """The recipe's own value of a dimension, as a search writes it: a number, or the text of a choice."""
    if key == STRENGTH:
        return 1.0
    value: Any = recipe
    for part in key.split("."):
        value = getattr(value, part)
    return value if isinstance(value, (int, float)) and not isinstance(value, bool) else _text(value)


def own_values(recipe: Recipe, dimensions: Sequence[Dimension]) -> dict[str, Value] | None:
    """The recipe's own place in a space, or None where it lies outside."""
    place: dict[str, Value] = {}
    for dimension in dimensions:
        value = own_value(recipe, dimension.key)
        if dimension.kind == "choice":
            value = next((text for text in dimension.choices if _same(text, value)), "")
        if not dimension.holds(value):
            return None
        place[dimension.key] = value
    return place


def changes(recipe: Recipe, values: Mapping[str, Value]) -> list[str]:
    """Texts for `--set` that bring a recipe to a place of the space.

    Args:
        recipe: What the search starts from.
        values: Key of each dimension -> value.
    """
    texts = []
    if STRENGTH in values:
        factor = float(values[STRENGTH])
        texts += [f"{STRENGTH}.{name}={own * factor:.4g}" for name, own in _strengths(recipe).items()]
    return texts + [f"{key}={_text(value)}" for key, value in values.items() if key != STRENGTH]


def changed_recipe(recipe: Recipe, texts: Sequence[str], place: str = "recipe") -> Recipe:
    """The recipe with changed values, checked like any other.

    Args:
        recipe: What is changed.
        texts: As `changes` gives them.
        place: Where the values come from, for error messages.

    Raises:
        RecipeError: A value is unknown or out of range.
    """
    values = recipe.model_dump()
    for text in texts:
        key, _, given = text.partition("=")
        section, _, name = key.rpartition(".")
        target = values.setdefault(section, {}) if section else values
        try:
            target[name] = tomllib.loads(f"value = {given}")["value"]
        except tomllib.TOMLDecodeError:
            target[name] = given
    return parse_recipe(values, place)


def row_dimension(recipe: Recipe, row: Row) -> Dimension:
    """A row of `SEARCH_SPACE` about a recipe's own value."""
    own = own_value(recipe, row.key)
    if row.choices:
        known = any(_same(text, own) for text in row.choices)
        return Dimension(row.key, "choice", choices=row.choices if known else (*row.choices, _text(own)))
    number = float(own)
    low, high = row.between or (0.0, 0.0)
    if row.about:
        low, high = (float(f"{number * factor:.4g}") for factor in row.about)
    if row.key == STRENGTH:
        high = min(high, *(_limit(name) / value for name, value in _strengths(recipe).items()))
    return Dimension(row.key, "number", min(low, number), max(high, number), row.log)


def _trains_backbone(recipe: Recipe) -> bool:
    return recipe.training.epochs > 0 and recipe.training.unfreeze not in ("none", 0)


def _strengths(recipe: Recipe) -> dict[str, float]:
    # A flip is a probability: half of all films is already the most that it can mix.
    values = recipe.augmentation.model_dump()
    return {name: value for name, value in values.items() if value and not name.startswith("flip")}


def _limit(name: str) -> float:
    for bound in AugmentationSection.model_fields[name].metadata:
        if getattr(bound, "le", None) is not None:
            return float(bound.le)
        if getattr(bound, "lt", None) is not None:
            return 0.99 * float(bound.lt)
    return math.inf


def _same(text: str, value: Value) -> bool:
    if text == value:
        return True
    try:
        return bool(tomllib.loads(f"value = {text}")["value"] == value)
    except tomllib.TOMLDecodeError:
        return False


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, tuple):
        return f"[{', '.join(map(_text, value))}]"
    return value if isinstance(value, str) else repr(value)
