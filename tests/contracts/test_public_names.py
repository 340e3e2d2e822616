"""The names that `import lucency` promises."""

from __future__ import annotations

import ast
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import lucency
from lucency.workflows.train import TrainResult


def test_names_are_sorted_and_each_once() -> None:
    assert lucency.__all__ == sorted(set(lucency.__all__))


@pytest.mark.parametrize("name", lucency.__all__)
def test_each_name_can_be_had(name: str) -> None:
    thing = getattr(lucency, name)
    assert name == "__version__" or thing.__doc__


def test_nothing_else_is_public(fresh: Callable[..., str]) -> None:
    assert dir(lucency) == lucency.__all__
    star = fresh("before = set(globals()); from lucency import *; print(*sorted(set(globals()) - before - {'before'}))")
    assert star.split() == lucency.__all__


def test_type_checkers_see_the_same_names() -> None:
    (block,) = [node for node in ast.parse(Path(lucency.__file__).read_text("utf-8")).body if isinstance(node, ast.If)]
    seen = {alias.name: node.module for node in block.body if isinstance(node, ast.ImportFrom) for alias in node.names}
    assert sorted(seen) == [name for name in lucency.__all__ if name != "__version__"]
    for name, module in seen.items():
        assert getattr(lucency, name).__module__ == module


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'predict'"):
        _ = lucency.predict
    with pytest.raises(ImportError):
        exec("from lucency import predict")


def test_five_lines_tell_the_story(trained: TrainResult, drawn_films: Path, one_film: Path, tmp_path: Path) -> None:
    from lucency import Predictor, evaluate, read_radiograph

    film = read_radiograph(one_film)
    answer = Predictor(trained.run).predict(film)
    report = evaluate(trained.run, eight_of_each_class(drawn_films, tmp_path), out=tmp_path / "out", resamples=100)

    assert film.pixels.dtype == np.float32
    assert answer.decision in ("fractured", "not_fractured")
    assert answer.bundle == trained.bundle.identity
    assert report.films == 16
    assert report.metrics["auroc"]["value"] is not None


def eight_of_each_class(films: Path, folder: Path) -> Path:
    import pandas as pd

    table = pd.read_csv(films / "dataset.csv")
    few = table.groupby("label").head(8).assign(path=lambda rows: [str(films / path) for path in rows["path"]])
    few.to_csv(folder / "few.csv", index=False)
    return folder / "few.csv"
