"""A folder of runs that belong together: its plan, its recipe and its films, none of which may change on the way."""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lucency.errors import MissingExtraError, RunError
from lucency.workflows.run_films import prepare_films
from lucency.workflows.run_folder import now, read_rows, versions, write_json, write_text
from lucency.workflows.scan import read_films
from lucency.workflows.series_changes import plan_changes, recipe_changes
from lucency.workflows.teller import Teller

if TYPE_CHECKING:
    from lucency.datasets.manifest import Manifest
    from lucency.learning.recipe import Recipe

FILMS, RECIPE, PLAN = "films.csv", "recipe.toml", "plan.json"


@dataclass(frozen=True)
class RunSeries:
    """Runs of one recipe on the same films: a search, or a cross-validation.

    Attributes:
        path: The folder.
        runs: Name of the folder in it that holds the runs.
    """

    path: Path
    runs: str

    @property
    def begun(self) -> bool:
        """Whether a series lies there."""
        return (self.path / PLAN).is_file() and (self.path / self.runs).is_dir()

    def refuse_other(self) -> None:
        """Makes sure that nothing else lies there; prepared films and what a strict stop left are no hindrance.

        Raises:
            RunError: Something does.
        """
        held = sorted(entry.name for entry in self.path.iterdir()) if self.path.is_dir() else []
        # Until the plan is written nothing of a series is worth keeping.
        strange = [name for name in held if name not in (self.runs, "findings.json", FILMS, RECIPE, "lock")]
        if strange and not self.begun:
            raise RunError(f"is not empty (it holds {strange[0]})", where=self.path, hint="Give another --out")

    def begin(self, plan: Mapping[str, Any], recipe: Recipe, films: Manifest) -> None:
        """Writes recipe, films and plan, the plan last: where it stands, the others are whole."""
        write_text(self.path / RECIPE, recipe.to_toml())
        films.write(self.path / FILMS)
        details = {"made": now(), "versions": versions(), "films": films.content_hash()}
        write_json(self.path / PLAN, {"schema_version": 1, **plan, **details})

    def change_plan(self, **details: Any) -> None:
        """Writes other values of the plan."""
        write_json(self.path / PLAN, {**self.plan(), **details})

    def plan(self) -> dict[str, Any]:
        """The plan.

        Raises:
            RunError: There is none, or it is damaged.
        """
        import json

        place = self.path / PLAN
        if not self.begun:
            problem = f"holds no {self.runs} to go on with" if self.path.is_dir() else "does not exist"
            raise RunError(problem, where=self.path, hint="Give the folder that was begun")
        try:
            content = json.loads(place.read_text("utf-8"))
        except (OSError, ValueError) as error:
            raise RunError(f"cannot be read ({error})", where=place) from None
        if not isinstance(content, dict) or content.get("schema_version") != 1:
            raise RunError("is damaged, or from a newer version", where=place)
        return content

    def refuse_change(self, plan: Mapping[str, Any], recipe: Recipe, films: Manifest) -> None:
        """Makes sure that the same series is meant.

        Raises:
            RunError: Plan, recipe or films differ from those that it began with.
        """
        old = self.plan()
        began_with = self.recipe()
        differ = plan_changes(old, plan) + (recipe_changes(began_with, recipe) if began_with != recipe else [])
        if old["films"] != films.content_hash():
            then = len(read_rows(self.path / FILMS))
            other = "the films, their labels, groups or splits differ"
            differ.append(other if then == len(films) else f"films: {then} then, {len(films)} now")
        if differ:
            place = shlex.quote(str(self.path))
            raise RunError(
                f"was begun otherwise ({'; '.join(differ)})",
                where=self.path,
                hint=f"Go on as it was begun with --resume {place}, or begin anew with --out {self._free_place()}",
            )

    def _free_place(self) -> str:
        number = 2
        while (place := self.path.with_name(f"{self.path.name}-{number}")).exists():
            number += 1
        return shlex.quote(str(place))

    def recipe(self) -> Recipe:
        """The recipe that it began with."""
        from lucency.learning.recipe import load_recipe

        return load_recipe(self.path / RECIPE)

    def films(self) -> Manifest:
        """The films that it began with.

        Raises:
            RunError: One of them changed or is gone.
        """
        from lucency.datasets.content_hash import files_sha256
        from lucency.datasets.manifest import Manifest

        manifest = Manifest.read(self.path / FILMS)
        same = files_sha256(list(manifest.table["path"])) == list(manifest.table["sha256"])
        if not same or manifest.content_hash() != self.plan()["films"]:
            raise RunError(
                "the films are not what they were at the beginning",
                where=self.path,
                hint="Restore them, or begin anew with another --out",
            )
        return manifest


class QuietTeller(Teller):
    """Passes progress on under the name of a run; what a run has to say stays in its folder.

    Args:
        teller: Hears it.
        words: Name of the run, such as "trial 3 of 20".
    """

    def __init__(self, teller: Teller, words: str):
        self._teller = teller
        self._words = words

    def progress(self, stage: str, done: int, total: int, detail: str = "") -> None:
        """How far the run has come."""
        # Films are prepared before the first run: each further one only finds that they are.
        if not (stage == "preparing films" and done == total):
            self._teller.progress(f"{self._words}, {stage}", done, total, detail)


def try_recipe(recipe: Recipe) -> None:
    """Builds the model once and drops it: a mistake shows before films are decoded and runs are begun.

    Raises:
        RecipeError: The model cannot be built, or its weights are not there.
    """
    from lucency.learning.backend import use_device

    use_device()
    from lucency.learning.classifier import build_classifier
    from lucency.learning.trial_hooks import forget_models

    build_classifier(recipe)
    forget_models()


def readable_films(
    data: str | os.PathLike[str],
    recipe: Recipe,
    series: RunSeries,
    *,
    labels: Mapping[str, int] | None,
    groups: str | os.PathLike[str] | None,
    workers: int | None,
    teller: Teller,
) -> tuple[Manifest, list[Any]]:
    """Films that can be read, prepared where the runs of the series look for them, and the findings of decoding."""
    try:
        manifest = read_films(data, labels=labels, groups=groups)
    except ModuleNotFoundError as error:
        raise MissingExtraError(str(error.name), extra="train", need="Reading a data set") from None
    prepared = prepare_films(
        manifest, recipe.input_spec, series.path / series.runs / "prepared", workers=workers, teller=teller
    )
    return prepared.manifest, list(prepared.findings)
