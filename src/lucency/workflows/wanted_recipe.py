"""The recipe that a command was asked to use."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lucency.learning.recipe import Recipe


def wanted_recipe(recipe: str | os.PathLike[str], weights: str | None, overrides: Sequence[str]) -> Recipe:
    """A recipe with what was changed of it, and its weights file named whole, so that a run can go on from anywhere.

    Args:
        recipe: Name of a recipe, or the path of a TOML file.
        weights: Replaces `model.weights` where not None.
        overrides: Recipe values such as "training.epochs=5".

    Raises:
        RecipeError: The recipe or a value is wrong.
        MissingExtraError: Keras is not installed.
    """
    from lucency.learning.backend import require

    require("keras", need="Training")
    from lucency.learning.recipe import load_recipe

    wanted = load_recipe(recipe, [*overrides, *([f"model.weights={weights}"] if weights else [])])
    if wanted.model.weights in ("none", "imagenet"):
        return wanted
    place = str(Path(wanted.model.weights).expanduser().resolve())
    return wanted.model_copy(update={"model": wanted.model.model_copy(update={"weights": place})})
