"""The names that `import lucency` promises."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest

import lucency
from lucency.workflows.train import TrainResult

from .test_light_imports import HEAVY

PARTS = sorted(set(dir(lucency)) - set(lucency.__all__))
"""The names that need the extra `train`."""


def test_names_are_sorted_and_each_once() -> None:
    assert lucency.__all__ == sorted(set(lucency.__all__))
    assert dir(lucency) == sorted(set(dir(lucency)))
    assert {"assemble", "build_classifier", "fit", "load_recipe", "set_trainable"} < set(PARTS)


@pytest.mark.parametrize("name", dir(lucency))
def test_each_name_can_be_had(name: str) -> None:
    thing = getattr(lucency, name)
    assert name == "__version__" or thing.__doc__


def test_a_star_brings_what_a_base_install_has(fresh: Callable[..., str]) -> None:
    star = fresh(
        "before = set(globals()); from lucency import *; import sys;"
        f"print(*sorted(set(globals()) - before - {{'before', 'sys'}}), '|', *set({HEAVY!r}) & set(sys.modules))"
    )
    names, heavy = star.split("|")
    assert names.split() == lucency.__all__
    assert heavy.split() == []


def test_type_checkers_see_the_same_names() -> None:
    (block,) = [node for node in ast.parse(Path(lucency.__file__).read_text("utf-8")).body if isinstance(node, ast.If)]
    seen = {alias.name: node.module for node in block.body if isinstance(node, ast.ImportFrom) for alias in node.names}
    again = {alias.asname for node in block.body if isinstance(node, ast.ImportFrom) for alias in node.names}
    assert sorted(seen) == [name for name in dir(lucency) if name != "__version__"]
    # What is not in __all__ counts as public only when it is imported as itself.
    assert again - {None} == set(PARTS)
    for name, module in seen.items():
        assert module is not None
        assert getattr(lucency, name) is getattr(import_module(module), name)


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'predict'"):
        _ = lucency.predict
    with pytest.raises(ImportError):
        exec("from lucency import predict")


@pytest.mark.parametrize("name", ["load_recipe", "recipe_names"])
def test_a_recipe_does_not_wait_for_keras(fresh: Callable[..., str], name: str) -> None:
    assert fresh(f"import sys; from lucency import {name}; print('keras' in sys.modules)") == "False\n"


def backend_of(import_line: str, **variables: str) -> list[str]:
    """KERAS_BACKEND, the backend of Keras, and whether TensorFlow is there, after an import in a new interpreter."""
    code = f"{import_line}; import os, sys, keras; " + (
        "print(os.environ['KERAS_BACKEND'], keras.backend.backend(), 'tensorflow' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], env=variables, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def test_the_backend_is_chosen_before_keras_is_imported(tmp_path: Path) -> None:
    # The home of somebody whose Keras is set up for yet another backend.
    (tmp_path / ".keras").mkdir()
    (tmp_path / ".keras" / "keras.json").write_text('{"backend": "numpy"}', "utf-8")
    chosen = backend_of("from lucency import FilmBatches, build_classifier", KERAS_BACKEND="jax", HOME=str(tmp_path))
    assert chosen == ["jax", "jax", "False"]


def test_what_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    from lucency.learning import backend

    hidden = {"keras"}
    monkeypatch.setattr(backend, "find_spec", lambda name: None if name in hidden else object())
    monkeypatch.setattr(lucency, "find_spec", lambda name: None if name in hidden else object())
    assert dir(lucency) == lucency.__all__
    with pytest.raises(lucency.LucencyError, match=r"lucency\.build_classifier needs keras") as raised:
        _ = lucency.build_classifier
    assert raised.value.hint == 'Install it with: pip install "lucency[train]"'


def test_five_lines_tell_the_story(trained: TrainResult, drawn_films: Path, one_film: Path, tmp_path: Path) -> None:
    from lucency import Predictor, evaluate, read_radiograph

    film = read_radiograph(one_film)
    answer = Predictor(trained.run).predict(film)
    few = eight_of_each_class(drawn_films, tmp_path)
    report = evaluate(trained.run, few, out=tmp_path / "out", resamples=100, allow_seen=True)

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
