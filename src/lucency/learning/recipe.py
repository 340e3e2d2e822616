"""Recipe: what is wanted, in strict TOML."""

from __future__ import annotations

import difflib
import math
import os
import tomllib
from collections.abc import Iterable, Iterator
from importlib import resources
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel, Field, ValidationError

from lucency.errors import RecipeError
from lucency.imaging.geometry import InputSpec
from lucency.learning.recipe_sections import (
    AugmentationSection,
    EvaluationSection,
    InputSection,
    LocalisationSection,
    ModelSection,
    Section,
    SplitSection,
    TrainingSection,
)


class Recipe(Section):
    """Everything that decides what a run does, apart from the data."""

    name: str = Field(min_length=1, description="names the bundle")
    title: str = Field("", description="what it is, in one line")
    source: str = Field("", description="where it comes from")
    parameters: int | None = Field(None, description="numbers in the model at its own input size")
    seed: int = Field(0, ge=0, lt=2**31, description="of splits, weights, order and augmentation")
    input: InputSection
    model: ModelSection
    localisation: LocalisationSection = LocalisationSection()
    augmentation: AugmentationSection = AugmentationSection()
    training: TrainingSection = TrainingSection()
    split: SplitSection = SplitSection()
    evaluation: EvaluationSection = EvaluationSection()

    @property
    def input_spec(self) -> InputSpec:
        """The geometry as the imaging room understands it."""
        section = self.input
        return InputSpec(section.height, section.width, 1, section.fit, section.interpolation)

    def to_toml(self) -> str:
        """The whole recipe, defaults included, as TOML that `load_recipe` reads back to an equal recipe."""
        values = self.model_dump(exclude_none=True)
        top = [f"{key} = {_toml(value)}" for key, value in values.items() if not isinstance(value, dict)]
        sections = [
            f"\n[{key}]\n" + "\n".join(f"{name} = {_toml(item)}" for name, item in value.items())
            for key, value in values.items()
            if isinstance(value, dict)
        ]
        return "\n".join(top + sections) + "\n"


def _toml(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, tuple):
        return f"[{', '.join(map(_toml, value))}]"
    if isinstance(value, str):
        escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\t", "\\t")
        return f'"{escaped}"'
    return repr(value)


def recipe_names() -> list[str]:
    """Names of the recipes that ship with the package, sorted."""
    folder = resources.files("lucency.learning").joinpath("recipes")
    return sorted(entry.name.removesuffix(".toml") for entry in folder.iterdir() if entry.name.endswith(".toml"))


def load_recipe(name_or_path: str | os.PathLike[str], overrides: Iterable[str] = ()) -> Recipe:
    """Reads a recipe that ships with the package, or a TOML file.

    Args:
        name_or_path: A name of `recipe_names()`, or the path of a `.toml` file.
        overrides: Texts such as "training.epochs=5"; the value is read as TOML, and as plain text where that fails.

    Raises:
        RecipeError: The recipe or a value is unknown or out of range; the nearest known one is named.
    """
    text, place = _recipe_text(os.fspath(name_or_path))
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise RecipeError(f"is not valid TOML: {error}", where=place) from None
    for override in overrides:
        _apply(values, override)
    return parse_recipe(values, place)


def parse_recipe(values: dict[str, Any], place: str = "recipe") -> Recipe:
    """Checks a dictionary of recipe values.

    Raises:
        RecipeError: The first value that is unknown or out of range.
    """
    try:
        recipe = Recipe.model_validate(values)
    except ValidationError as error:
        raise _explain(error, place) from None
    if recipe.training.epochs + recipe.training.head_epochs == 0:
        raise RecipeError(
            "training.epochs and training.head_epochs are both 0",
            where=place,
            hint="Ask for at least one epoch",
        )
    _check_localisation(recipe, place)
    plan = recipe.training
    if plan.monitor == "last" and (plan.patience or plan.stop_at is not None):
        raise RecipeError(
            "training.patience and training.stop_at watch a figure, and training.monitor = 'last' watches none",
            where=place,
            hint="Set training.monitor to val_auroc, val_loss or val_accuracy, or leave them out",
        )
    if recipe.split.val + recipe.split.test >= 1:
        raise RecipeError("split.val and split.test leave no film for training", where=place, hint="Lower one of them")
    return recipe


def _check_localisation(recipe: Recipe, place: str) -> None:
    if not recipe.localisation.channels:
        if recipe.model.scales:
            raise RecipeError(
                "model.scales want a heat map of its own", where=place, hint="Set localisation.channels, to 128"
            )
        return
    without = {
        "model.hidden": recipe.model.hidden,
        "model.hidden_noise": recipe.model.hidden_noise,
        "model.feature_noise": recipe.model.feature_noise,
        "training.mixup": recipe.training.mixup,
        "training.cached_views": recipe.training.cached_views,
    }
    for key, value in without.items():
        if value:
            raise RecipeError(
                f"{key} does not go with localisation.channels", where=place, hint="Leave one of them out"
            )
    if recipe.input.height % 32 or recipe.input.width % 32:
        raise RecipeError(
            f"localisation wants sides that are multiples of 32, not {recipe.input.height}x{recipe.input.width}",
            where=place,
            hint="Change input.height and input.width",
        )
    # Shares that keep both sides multiples of 32 are so many times 1 / parts; some have no exact decimals.
    parts = math.gcd(recipe.input.height, recipe.input.width) // 32
    counts = [round(scale * parts) for scale in recipe.model.scales]
    for scale, count in zip(recipe.model.scales, counts, strict=True):
        if counts.count(count) > 1 or abs(scale * parts - count) > 1e-4:
            raise RecipeError(
                f"model.scales wants shares that differ and give sides in multiples of 32, not {scale}",
                where=place,
                hint=f"Sides of {recipe.input.height}x{recipe.input.width} want multiples of {1 / parts:g}",
            )


def _recipe_text(name: str) -> tuple[str, str]:
    if name in recipe_names():
        return resources.files("lucency.learning").joinpath(f"recipes/{name}.toml").read_text("utf-8"), f"recipe {name}"
    path = Path(name)
    if path.suffix == ".toml" or os.sep in name:
        try:
            return path.read_text("utf-8"), str(path)
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "not a text file"
            raise RecipeError(f"the recipe cannot be read ({reason})", where=path) from None
    raise RecipeError(
        f"no recipe is named '{name}'",
        hint=f"{_nearest(name, recipe_names())}Known recipes: {', '.join(recipe_names())}; or give a .toml file",
    )


def _apply(values: dict[str, Any], override: str) -> None:
    key, equals, text = override.partition("=")
    key, text = key.strip(), text.strip()
    if not equals or not key:
        raise RecipeError(f"--set {override}: expected KEY=VALUE", hint="For example: --set training.epochs=5")
    if key not in _keys():
        raise RecipeError(f"--set {override}: no recipe value is named '{key}'", hint=_nearest(key, _keys()).strip())
    try:
        value = tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        value = text
    section, _, name = key.rpartition(".")
    target = values.setdefault(section, {}) if section else values
    target[name] = value


def _keys() -> list[str]:
    return list(_walk(Recipe, ""))


def _walk(model: type[BaseModel], prefix: str) -> Iterator[str]:
    for name, field in model.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from _walk(field.annotation, f"{prefix}{name}.")
        else:
            yield prefix + name


def _nearest(name: str, known: Iterable[str]) -> str:
    known = list(known)
    by_last = {key.rpartition(".")[2]: key for key in known}
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.6)
    if not close:
        close = [by_last[key] for key in difflib.get_close_matches(name.rpartition(".")[2], by_last, n=1, cutoff=0.6)]
    return f"Did you mean '{close[0]}'? " if close else ""


def _explain(error: ValidationError, place: str) -> RecipeError:
    first = error.errors()[0]
    path = [str(part) for part in first["loc"] if isinstance(part, str)]
    # A union reports the member it tried as a last part ("int", "literal[...]"), which is no key of the recipe.
    while path and ".".join(path) not in _keys() and first["type"] != "extra_forbidden" and len(path) > 1:
        path.pop()
    key = ".".join(path)
    if first["type"] == "extra_forbidden":
        if ".".join(path) in Recipe.model_fields:
            return RecipeError(f"'{key}' is not a value", where=place)
        hint = _nearest(key, _keys()).strip() or f"Known values: {', '.join(_keys())}"
        return RecipeError(f"no recipe value is named '{key}'", where=place, hint=hint)
    if first["type"] == "missing":
        return RecipeError(f"'{key}' is missing", where=place)
    message = first["msg"].removeprefix("Input should be ")
    if first["type"] == "too_long":
        message = f"at most {first['ctx']['max_length']} values"
    elif first["type"] == "tuple_type":
        message = "a list in brackets"
    return RecipeError(
        f"{key} = {first['input']!r} is out of range: it should be {message}",
        where=place,
        hint=_choice_hint(key, first["input"]),
    )


def _choice_hint(key: str, value: object) -> str | None:
    section, _, name = key.partition(".")
    field = Recipe.model_fields.get(section)
    if field is None or not isinstance(field.annotation, type) or not issubclass(field.annotation, BaseModel):
        return None
    inner = field.annotation.model_fields.get(name)
    choices = [c for c in get_args(inner.annotation) if isinstance(c, str)] if inner else []
    close = difflib.get_close_matches(str(value), choices, n=1, cutoff=0.5)
    return f"Did you mean '{close[0]}'?" if close else None
