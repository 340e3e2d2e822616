"""The whole story on films that the program draws itself."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from lucency.errors import RunError
from lucency.workflows.predict import FilmAnswer, caption, predict_films
from lucency.workflows.teller import Teller
from lucency.workflows.train import TrainResult, train

DEMO_FILMS = 1200
DEMO_RECIPE = "four-block"
DEMO_OVERRIDES: tuple[str, ...] = ()


@dataclass(frozen=True)
class DemoResult:
    """What the demo made.

    Attributes:
        films: Folder of the drawn films.
        training: Run, bundle and report.
        answers: Predictions for two test films, one of each class, with overlays.
    """

    films: Path
    training: TrainResult
    answers: list[FilmAnswer]


def demo(
    folder: str | os.PathLike[str] = "demo",
    *,
    films: int = DEMO_FILMS,
    recipe: str = DEMO_RECIPE,
    overrides: Sequence[str] = DEMO_OVERRIDES,
    seed: int = 0,
    teller: Teller | None = None,
) -> DemoResult:
    """Draws films, trains on them, measures the bundle, and explains two films.

    Args:
        folder: Where everything is written; films that were drawn there before are used again.
        films: How many films to draw.
        recipe: Recipe to train.
        overrides: Recipe values.
        seed: What the films are drawn from.
        teller: Hears of progress.

    Raises:
        MissingExtraError: Training is not installed.
        RunError: The folder holds a demo run already.
    """
    teller = teller or Teller()
    from lucency.learning.backend import require

    require("keras", need="The demo")
    from lucency.datasets.synthetic import write_dataset

    base = Path(folder)
    if (base / "run" / "run.json").exists():
        raise RunError("holds a demo already", where=base, hint="Remove that folder, or give another --out")
    teller.say(f"Drawing {films} films in {base / 'films'}")
    write_dataset(
        base / "films",
        films=films,
        seed=seed,
        progress=lambda done, total: teller.progress("drawing films", done, total),
    )
    result = train(base / "films", recipe=recipe, overrides=overrides, out=base / "run", teller=teller)
    answers = [] if result.bundle is None else _explain(result, base, teller)
    return DemoResult(base / "films", result, answers)


def _explain(result: TrainResult, base: Path, teller: Teller) -> list[FilmAnswer]:
    from lucency.datasets.manifest import Manifest
    from lucency.predictor import Predictor

    assert result.bundle is not None
    table = Manifest.read(result.run / "manifest.csv").subset("test").table
    chosen = [str(table[table["label"] == label]["path"].iloc[0]) for label in (1, 0)]
    answers = list(predict_films(Predictor(result.bundle), chosen, overlays=base / "overlays"))
    for answer, truth in zip(answers, ("fractured", "not fractured"), strict=True):
        if answer.prediction is not None:
            teller.say(
                f"{Path(answer.path).name} (drawn {truth}): {caption(answer.prediction)[0]}; see {answer.overlay}"
            )
    return answers
