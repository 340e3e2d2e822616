"""What every benchmark works on: films, one trained run, and the same network as the field saves it."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np

from benchmarks.measurement import run
from lucency.datasets.layouts import scan
from lucency.datasets.manifest import Manifest
from lucency.datasets.prepared import Prepared, prepare
from lucency.datasets.synthetic import write_dataset
from lucency.imaging import InputSpec

SIDE = 224
SCRIPTS = Path(__file__).parent / "scripts"
CLASS_FOLDERS = ("not_fractured", "fractured")

DRAWN_SIZE = (448, 384)
"""Height and width of drawn films: those of the middle film of FracAtlas."""

RUN_FILMS = 60


def lucency_command() -> list[str]:
    """The console script beside this Python, as a user starts it."""
    script = Path(sys.executable).with_name("lucency")
    return [str(script)] if script.exists() else [sys.executable, "-c", "from lucency.cli.main import main; main()"]


@dataclass(frozen=True)
class Workbench:
    """Films and models for the benchmarks; each is made when it is first asked for.

    Attributes:
        folder: Where everything is written.
        given: Folder of films, or None to draw some.
        films: How many films to use.
        given_run: Trained run to ask, or None to train one.
        weights: ImageNet weights of MobileNet, or None for random ones.
    """

    folder: Path
    given: Path | None
    films: int
    given_run: Path | None
    weights: Path | None = None

    @cached_property
    def manifest(self) -> Manifest:
        """The films as they came, in an order that mixes classes and body parts; unreadable ones included."""
        source = self.given
        if source is None:
            source = self.folder / "drawn"
            write_dataset(source, films=self.films, size=DRAWN_SIZE)
        manifest = scan(source)
        order = np.random.default_rng(0).permutation(len(manifest))[: self.films]
        return replace(manifest, table=manifest.table.iloc[order].reset_index(drop=True))

    @cached_property
    def prepared(self) -> Prepared:
        """The films that can be read, decoded at `SIDE`."""
        return prepare(self.manifest, InputSpec(SIDE, SIDE), self.folder / "prepared")

    @cached_property
    def class_folders(self) -> Path:
        """The same films in a folder for each class, for `flow_from_directory`, which dies on an unreadable film."""
        target = self.folder / "class_folders"
        for name in CLASS_FOLDERS:
            (target / name).mkdir(parents=True)
        table = self.prepared.manifest.table
        for index, (path, label) in enumerate(zip(table["path"], table["label"], strict=True)):
            os.symlink(path, target / CLASS_FOLDERS[label] / f"{index:06d}-{Path(path).name}")
        return target

    @cached_property
    def sample(self) -> list[Path]:
        """A few films to ask about."""
        return [Path(path) for path in self.prepared.manifest.table["path"].head(20)]

    @cached_property
    def run(self) -> Path:
        """A trained run of the recipe `mobilenet`; how well it learned does not matter here."""
        if self.given_run is not None:
            return self.given_run
        films, target = write_dataset(self.folder / "run_films", films=RUN_FILMS), self.folder / "runs" / "run"
        changes = ("training.epochs=1", "training.head_epochs=0", "evaluation.resamples=100")
        sides = (f"input.height={SIDE}", f"input.width={SIDE}")
        settings = [word for change in (*changes, *sides) for word in ("--set", change)]
        run(
            [
                *lucency_command(),
                "train",
                films,
                "--recipe",
                "mobilenet",
                "--weights",
                "none",
                "--out",
                target,
                *settings,
            ]
        )
        return target

    @cached_property
    def usual_model(self) -> Path:
        """The network of `run` as a plain `.keras` file."""
        target = self.folder / "usual.keras"
        run([sys.executable, SCRIPTS / "save_usual_model.py", self.run, target])
        return target
