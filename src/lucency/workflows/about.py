"""What a bundle says of itself beyond what its run knows: licence, limits, and figures of a cross-validation."""

from __future__ import annotations

import difflib
import json
import os
import tomllib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from lucency.bundle import Card
from lucency.errors import BundleError, RunError
from lucency.workflows.run_folder import read_rows

_TEXTS = ("licence", "intended_use", "attribution", "optimistic_reason")


@dataclass(frozen=True)
class About:
    """What the author of a bundle states; None or empty where nothing is stated.

    Attributes:
        licence: Of the bundle, and of what it was made from.
        intended_use: In one paragraph; replaces the usual one.
        attribution: Whose films they were, as their licence wants it said.
        optimistic_reason: Why the figures of its card are too good.
        limits: What the model was not made for, or cannot do; a sentence each.
    """

    licence: str | None = None
    intended_use: str | None = None
    attribution: str | None = None
    optimistic_reason: str | None = None
    limits: tuple[str, ...] = ()

    def added_to(self, card: Card) -> Card:
        """The card with all that is stated here."""
        told = {name: value for name in ("licence", "intended_use") if (value := getattr(self, name)) is not None}
        data = dict(card.training_data) | ({"attribution": self.attribution} if self.attribution else {})
        metrics = dict(card.metrics)
        if metrics and self.optimistic_reason:
            metrics["optimistic_reason"] = self.optimistic_reason
        return replace(card, training_data=data, metrics=metrics, limits=self.limits or card.limits, **told)


def read_about(path: str | os.PathLike[str]) -> About:
    """Reads a TOML file with the values of an `About`: texts, but for `limits`, which is a list of texts.

    Raises:
        BundleError: It cannot be read, or holds something else.
    """
    try:
        content = tomllib.loads(Path(path).read_text("utf-8"))
    except OSError as error:
        raise BundleError(f"cannot be read ({error.strerror})", where=path) from None
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise BundleError(f"is not valid TOML: {error}", where=path) from None
    known = (*_TEXTS, "limits")
    for key, value in content.items():
        if key not in known:
            close = difflib.get_close_matches(key, known, n=1)
            hint = f"Did you mean '{close[0]}'?" if close else f"Known: {', '.join(known)}"
            raise BundleError(f"nothing is known as '{key}'", where=path, hint=hint)
        if key in _TEXTS and not (isinstance(value, str) and value.strip()):
            raise BundleError(f"{key} should be a text that says something", where=path)
        if key == "limits" and not (isinstance(value, list) and all(isinstance(one, str) and one for one in value)):
            raise BundleError("limits should be a list of texts", where=path)
    texts = {key: " ".join(content[key].split()) for key in _TEXTS if key in content}
    return About(**texts, limits=tuple(" ".join(one.split()) for one in content.get("limits", ())))


def cross_validated(
    folder: str | os.PathLike[str], recipe: Mapping[str, Any], films: Collection[str]
) -> dict[str, Any]:
    """The figures of a cross-validation, as the card of a bundle of the same recipe holds them.

    They are those of the recipe: each film was answered by a model that had not seen it, and none of these models is
    the one in the bundle.

    Args:
        folder: Of a finished cross-validation.
        recipe: Of the bundle, as its card holds it.
        films: SHA-256 of the films that the bundle was trained on.

    Raises:
        RunError: It is not finished, or is one of another recipe or of other films.
    """
    from lucency.learning.recipe import load_recipe
    from lucency.workflows.export import shareable

    home = Path(folder)
    try:
        content = json.loads((home / "cross-validation.json").read_text("utf-8"))
    except OSError:
        raise RunError(
            "holds no finished cross-validation", where=home, hint=f"Go on with: lucency cross-validate --resume {home}"
        ) from None
    except ValueError:
        raise RunError("cross-validation.json is damaged", where=home) from None
    ours, theirs = (_values(one) for one in (recipe, shareable(load_recipe(home / "recipe.toml"))))
    differing = sorted(key for key in ours.keys() | theirs.keys() if ours.get(key) != theirs.get(key))
    if differing:
        raise RunError(
            f"is of another recipe ({', '.join(differing[:3])} differs)", where=home, hint="Give one of the same recipe"
        )
    unknown = set(films) - {row["sha256"] for row in read_rows(home / "films.csv")}
    if unknown:
        raise RunError(
            f"is one of other films: it lacks {len(unknown)} of the {len(set(films))} that the run was trained on",
            where=home,
            hint="Give one of the same data set",
        )
    pooled = content["pooled"]
    return {
        "split": "out-of-fold",
        "films": content["films"],
        "groups": content["groups"],
        "fractured": content["fractured"],
        "optimistic_reason": None,
        "folds": content["folds_wanted"],
        "of": "models of this recipe, each on films that it did not see; the model of this bundle is none of them",
        "figures": pooled["metrics"],
    }


def _values(recipe: Mapping[str, Any]) -> dict[str, Any]:
    """The values of a recipe by `section.key`, but for its splits.

    How many films are kept for calibration is no matter of the recipe's quality, and one that ships keeps no test.
    """
    return {
        f"{section}.{key}" if key else section: value
        for section, values in recipe.items()
        if section != "split"
        for key, value in (values.items() if isinstance(values, Mapping) else (("", values),))
    }
