"""What an author states of a bundle, and figures of a cross-validation, end in its card; what is wrong is told."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from lucency.bundle import Card
from lucency.errors import BundleError, RunError
from lucency.imaging.geometry import InputSpec
from lucency.learning.recipe import load_recipe
from lucency.workflows.about import cross_validated, read_about
from lucency.workflows.export import shareable

CARD = Card("x", InputSpec(64, 64), "0", training_data={"source": "films"}, licence="not known")


def written(folder: Path, text: str) -> Path:
    path = folder / "about.toml"
    path.write_text(text, "utf-8")
    return path


def test_what_is_stated_stands_in_the_card_and_comes_back(tmp_path: Path) -> None:
    about = read_about(
        written(
            tmp_path,
            'licence = """\nApache-2.0,\nlike all"""\nattribution = "Films: A. Author"\nlimits = ["No skulls."]',
        )
    )
    card = about.added_to(CARD)
    assert card.licence == "Apache-2.0, like all"
    assert card.training_data == {"source": "films", "attribution": "Films: A. Author"}
    assert card.limits == ("No skulls.",)
    assert card.intended_use == CARD.intended_use
    assert Card.from_json(card.to_json(), "here").limits == ("No skulls.",)


def test_a_card_without_limits_says_nothing_of_them() -> None:
    assert "limits" not in CARD.to_json()
    assert read_about(Path(__file__).parents[2] / "results" / "lucency-1" / "about.toml").limits


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("licence = ", "not valid TOML"),
        ('license = "x"', "Did you mean 'licence'"),
        ("licence = 3", "licence should be a text"),
        ('limits = "one"', "limits should be a list"),
    ],
)
def test_what_cannot_be_used_is_told(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(BundleError, match=said):
        read_about(written(tmp_path, text))


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="No such file"):
        read_about(tmp_path / "none.toml")


def series(folder: Path, *overrides: str) -> Path:
    recipe = load_recipe("tiny-vgg", overrides)
    (folder / "recipe.toml").write_text(recipe.to_toml(), "utf-8")
    figures: dict[str, Any] = {"auroc": {"value": 0.9, "low": 0.8, "high": 0.95, "reason": None, "dropped": 0}}
    content = {"films": 90, "groups": 40, "fractured": 30, "folds_wanted": 5, "pooled": {"metrics": figures}}
    (folder / "cross-validation.json").write_text(json.dumps(content), "utf-8")
    (folder / "films.csv").write_text("image_id,sha256\na,aa\nb,bb\n", "utf-8")
    return folder


def test_figures_of_a_cross_validation_of_the_same_recipe_are_taken(tmp_path: Path) -> None:
    # A model that ships keeps no test films, so the shares of the split may differ.
    mine = shareable(load_recipe("tiny-vgg", ["split.test_from_val=true"]))
    metrics = cross_validated(series(tmp_path), mine, ["aa"])
    assert metrics["split"] == "out-of-fold"
    assert metrics["figures"]["auroc"]["value"] == 0.9
    assert (metrics["films"], metrics["folds"]) == (90, 5)


def test_figures_of_another_recipe_are_refused(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"training\.epochs differs"):
        cross_validated(series(tmp_path, "training.epochs=99"), shareable(load_recipe("tiny-vgg")), [])


def test_figures_of_other_films_are_refused(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="lacks 1 of the 2"):
        cross_validated(series(tmp_path), shareable(load_recipe("tiny-vgg")), ["aa", "cc"])


def test_a_cross_validation_that_is_not_finished_is_told(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="no finished cross-validation"):
        cross_validated(tmp_path, shareable(load_recipe("tiny-vgg")), [])
