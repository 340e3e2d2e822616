from __future__ import annotations

from lucency.learning.recipe import load_recipe
from lucency.learning.tuned_space import tuned_space
from lucency.workflows.series_changes import plan_changes, recipe_changes


def test_recipe_values_stand_with_both_values_at_most_three_and_then_a_count() -> None:
    old = load_recipe("tiny-vgg", ["training.epochs=5"])
    assert recipe_changes(old, load_recipe("tiny-vgg", ["training.epochs=9"])) == ["training.epochs: 5 then, 9 now"]
    five = ["training.epochs=9", "model.hidden=[64]", "model.dropout=0.5", "seed=4", "training.patience=2"]
    assert recipe_changes(old, load_recipe("tiny-vgg", five)) == [
        "model.dropout: 0.0 then, 0.5 now",
        "model.hidden: [] then, [64] now",
        "seed: 0 then, 4 now",
        "2 more recipe values",
    ]


def test_another_recipe_is_named_first() -> None:
    words = recipe_changes(load_recipe("tiny-vgg"), load_recipe("mobilenet"))
    assert words[0] == "name: tiny-vgg then, mobilenet now"
    assert words[-1].endswith("more recipe values")
    assert len(words) == 4


def test_what_only_describes_is_named_where_nothing_else_differs() -> None:
    old = load_recipe("tiny-vgg")
    (words,) = recipe_changes(old, old.model_copy(update={"title": "a" * 90}))
    assert words.startswith("title: ")
    assert words.endswith(f"{'a' * 37}... now")


def test_a_plan_names_what_differs_of_it_and_the_dimensions_as_they_are_typed() -> None:
    recipe = load_recipe("tiny-vgg")
    old, new = (
        [dimension.to_json() for dimension in tuned_space(recipe, texts)]
        for texts in (
            ["model.dropout=0:0.5", "training.epochs=1:5"],
            ["model.dropout=0:0.4", "training.batch_size=8,16"],
        )
    )
    assert plan_changes(
        {"dimensions": old, "pruner": "median", "made": "then"}, {"dimensions": new, "pruner": "none"}
    ) == [
        "search of model.dropout: 0:0.5 then, 0:0.4 now",
        "search of training.epochs: 1:5 then, none now",
        "search of training.batch_size: none then, 8,16 now",
        "pruner: median then, none now",
    ]
    assert plan_changes({"dimensions": old}, {"dimensions": old[::-1]}) == ["the dimensions stand in another order"]
    assert plan_changes({"folds": 2, "repeats": 1}, {"folds": 3, "repeats": 1}) == ["folds: 2 then, 3 now"]
