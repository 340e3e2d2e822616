from __future__ import annotations

from pathlib import Path

import pytest

from lucency.errors import RecipeError
from lucency.learning.recipe import Recipe, load_recipe, recipe_names


def test_overrides_reach_every_section() -> None:
    recipe = load_recipe(
        "tiny-vgg",
        [
            "training.epochs=7",
            "input.fit=letterbox",
            "augmentation.rotation = 12.5",
            "seed=3",
            "training.balance=class_weight",
        ],
    )
    assert recipe.training.epochs == 7
    assert recipe.input_spec.fit == "letterbox"
    assert recipe.augmentation.rotation == 12.5
    assert recipe.seed == 3
    assert recipe.training.balance == "class_weight"


def test_unfreeze_takes_a_word_or_a_number() -> None:
    assert load_recipe("mobilenet", ["training.unfreeze=20"]).training.unfreeze == 20
    assert load_recipe("mobilenet", ["training.unfreeze=none"]).training.unfreeze == "none"


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("training.epoch=5", ["training.epoch", "Did you mean 'training.epochs'"]),
        ("epochs=5", ["'epochs'", "training.epochs"]),
        ("training.epochs=-1", ["training.epochs = -1", "greater than or equal to 0"]),
        ("training.epochs=many", ["training.epochs = 'many'", "integer"]),
        ("input.fit=letterbx", ["input.fit", "'letterbx'", "Did you mean 'letterbox'"]),
        ("model.dropout=1.0", ["model.dropout", "less than 1"]),
        ("training.learning_rate=nan", ["training.learning_rate"]),
        ("training.unfreeze=-3", ["training.unfreeze"]),
        ("training.epochs", ["KEY=VALUE"]),
        ("training=5", ["training"]),
    ],
)
def test_a_wrong_override_is_named_with_the_nearest_key(override: str, words: list[str]) -> None:
    with pytest.raises(RecipeError) as caught:
        load_recipe("tiny-vgg", [override])
    for word in words:
        assert word in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_unknown_recipe_names_the_nearest_and_lists_all() -> None:
    with pytest.raises(RecipeError, match="Did you mean 'mobilenet'") as caught:
        load_recipe("mobilnet")
    assert all(name in str(caught.value) for name in recipe_names())


def test_a_file_with_a_typo_names_the_file_and_the_key(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(load_recipe("tiny-vgg").to_toml().replace("batch_size", "batchsize"))
    with pytest.raises(RecipeError, match=r"mine\.toml.*training\.batchsize.*Did you mean 'training\.batch_size'"):
        load_recipe(file)


@pytest.mark.parametrize("text", ["name = ", "name = 'x'\n", "[input]\nheight = 64\n"])
def test_a_broken_file_is_one_clear_line(tmp_path: Path, text: str) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(text)
    with pytest.raises(RecipeError, match=r"mine\.toml"):
        load_recipe(file)


def test_a_missing_file_is_one_clear_line(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="cannot be read"):
        load_recipe(tmp_path / "nowhere.toml")


@pytest.mark.parametrize(
    "overrides", [["training.epochs=0"], ["split.val=0.5", "split.test=0.5"]], ids=["no epoch", "no training film"]
)
def test_values_that_contradict_each_other_are_refused(overrides: list[str]) -> None:
    with pytest.raises(RecipeError):
        load_recipe("tiny-vgg", overrides)


@pytest.mark.parametrize("name", recipe_names())
def test_toml_round_trip(name: str, tmp_path: Path) -> None:
    recipe = load_recipe(name, ['model.weights=a "quoted" \\ path'])
    file = tmp_path / "again.toml"
    file.write_text(recipe.to_toml(), "utf-8")
    again = load_recipe(file)
    assert again == recipe
    assert isinstance(again, Recipe)


def test_operating_points_and_the_older_name_of_one() -> None:
    recipe = load_recipe("tiny-vgg", ["evaluation.operating_point=confirm", "evaluation.specificity=0.99"])
    assert (recipe.evaluation.operating_point, recipe.evaluation.specificity) == ("confirm", 0.99)
    assert load_recipe("tiny-vgg").evaluation.error_rate is None
    assert load_recipe("tiny-vgg", ["evaluation.error_rate=0.05"]).evaluation.error_rate == 0.05
    older = load_recipe("tiny-vgg", ["evaluation.operating_point=sensitivity"])
    assert older.evaluation.operating_point == "screening"
    with pytest.raises(RecipeError, match="'youden', 'screening' or 'confirm'"):
        load_recipe("tiny-vgg", ["evaluation.operating_point=best"])
    with pytest.raises(RecipeError, match=r"evaluation\.error_rate = 1"):
        load_recipe("tiny-vgg", ["evaluation.error_rate=1"])
