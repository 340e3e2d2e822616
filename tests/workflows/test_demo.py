from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from lucency.datasets.manifest import Manifest
from lucency.errors import RunError
from lucency.workflows.demo import demo


def test_the_demo_tells_the_whole_story_once(tmp_path: Path) -> None:
    small = ("input.height=64", "input.width=64", "training.epochs=1", "evaluation.resamples=100")
    result = demo(tmp_path / "demo", films=90, overrides=small)
    assert result.training.bundle is not None
    assert [answer.prediction is not None for answer in result.answers] == [True, True]
    assert all(answer.overlay is not None and answer.overlay.is_file() for answer in result.answers)
    assert (tmp_path / "demo" / "run" / "report.html").is_file()
    with pytest.raises(RunError, match="holds a demo already"):
        demo(tmp_path / "demo", films=90)


@pytest.mark.slow
def test_a_small_cnn_learns_the_films_and_shortcuts_do_not(tmp_path: Path) -> None:
    result = demo(tmp_path / "demo")
    report = result.training.report
    assert report is not None
    assert report.metrics["auroc"]["value"] > 0.8
    (neighbour,) = [baseline for baseline in report.baselines if baseline["name"] == "nearest_neighbour"]
    assert neighbour["auroc"] < 0.65
    manifest = Manifest.read(result.training.run / "manifest.csv")

    def thumbnails(split: str) -> tuple[np.ndarray, np.ndarray]:
        table = manifest.subset(split).table
        small = []
        for path in table["path"]:
            with Image.open(path) as film:
                small.append(np.asarray(film.convert("L").resize((8, 8), Image.Resampling.BOX)).ravel() / 255)
        return np.array(small), table["label"].to_numpy()

    (train_films, train_labels), (films, labels) = thumbnails("train"), thumbnails("test")
    judge = LogisticRegression(max_iter=2000).fit(train_films, train_labels)
    assert roc_auc_score(labels, judge.decision_function(films)) < 0.65
