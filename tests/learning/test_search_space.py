from __future__ import annotations

import pytest

from lucency.errors import RecipeError
from lucency.learning.recipe import Recipe, load_recipe, recipe_names
from lucency.learning.search_space import (
    CONDITIONS,
    SEARCH_SPACE,
    STRENGTH,
    changed_recipe,
    changes,
    own_values,
    search_space,
)
from lucency.learning.tuned_space import tuned_space


def keys(recipe: Recipe, *fixed: str) -> set[str]:
    return {dimension.key for dimension in search_space(recipe, fixed)}


@pytest.mark.parametrize("name", recipe_names())
def test_every_recipe_can_be_searched_and_lies_in_its_own_space(name: str) -> None:
    recipe = load_recipe(name)
    space = search_space(recipe)
    own = own_values(recipe, space)
    assert own is not None
    back = changed_recipe(recipe, changes(recipe, own))
    assert back == recipe
    for dimension in space:
        for end in dimension.choices or dimension.ends:
            assert changed_recipe(recipe, changes(recipe, {dimension.key: end}))


def test_what_means_nothing_for_a_recipe_is_not_searched() -> None:
    small, large = load_recipe("tiny-vgg"), load_recipe("mobilenet")
    assert "training.unfreeze" in keys(large)
    assert keys(small).isdisjoint({"training.unfreeze", "training.head_learning_rate", STRENGTH})
    assert "training.unfreeze" not in keys(load_recipe("mobilenet", ["model.weights=none"]))
    frozen = load_recipe("mobilenet", ["training.unfreeze=none"])
    assert keys(frozen).isdisjoint({"training.unfreeze", "training.mixup"})
    assert "training.schedule" not in keys(load_recipe("tiny-vgg", ["training.schedule=plateau"]))
    assert {row.applies for row in SEARCH_SPACE} <= set(CONDITIONS)


def test_what_the_user_fixed_is_left_alone() -> None:
    recipe = load_recipe("mobilenet")
    assert keys(recipe) - keys(recipe, "training.batch_size") == {"training.batch_size"}
    assert keys(recipe) - keys(recipe, "augmentation.rotation") == {STRENGTH}


def test_rates_are_searched_about_the_recipes_own() -> None:
    recipe = load_recipe("tiny-vgg", ["training.learning_rate=0.002"])
    (rate,) = [d for d in search_space(recipe) if d.key == "training.learning_rate"]
    assert rate.ends == pytest.approx((0.0002, 0.02))
    assert rate.log
    (drop,) = [d for d in search_space(load_recipe("tiny-vgg", ["model.dropout=0.8"])) if d.key == "model.dropout"]
    assert drop.ends == (0, 0.8)


def test_one_factor_changes_all_strengths_but_the_flips() -> None:
    recipe = load_recipe(
        "tiny-vgg", ["augmentation.rotation=20", "augmentation.zoom=0.6", "augmentation.flip_horizontal=0.5"]
    )
    (factor,) = [d for d in search_space(recipe) if d.key == STRENGTH]
    # zoom must stay under 1: 0.99 / 0.6.
    assert factor.ends == pytest.approx((0, 1.65))
    found = changed_recipe(recipe, changes(recipe, {STRENGTH: 0.5})).augmentation
    assert (found.rotation, found.zoom, found.flip_horizontal, found.shear) == (10, 0.3, 0.5, 0)
    both = changed_recipe(recipe, changes(recipe, {"augmentation.rotation": 3.0, STRENGTH: 0.5})).augmentation
    assert (both.rotation, both.zoom) == (3, 0.3)


def test_dimensions_that_a_user_names() -> None:
    recipe = load_recipe("tiny-vgg")
    texts = [
        "training.learning_rate=1e-5:1e-2:log",
        "training.epochs=1:5",
        "model.hidden=[],[128],[256, 128]",
        "training.unfreeze=none,20,all",
        "model.dropout=0:1e-1",
        "training.label_smoothing",
    ]
    rate, epochs, hidden, unfreeze, drop, smooth = tuned_space(recipe, texts)
    assert (rate.kind, rate.ends, rate.log) == ("number", (1e-5, 1e-2), True)
    assert (epochs.kind, epochs.ends, epochs.log) == ("whole", (1, 5), False)
    assert hidden.choices == ("[]", "[128]", "[256, 128]")
    assert changed_recipe(recipe, changes(recipe, {"model.hidden": "[256, 128]"})).model.hidden == (256, 128)
    assert changed_recipe(recipe, changes(recipe, {"training.unfreeze": "20"})).training.unfreeze == 20
    assert unfreeze.choices == ("none", "20", "all")
    assert drop.kind == "number"
    assert smooth.ends == (0, 0.2)
    own = own_values(recipe, [rate, hidden, unfreeze])
    assert own == {"training.learning_rate": 0.001, "model.hidden": "[]", "training.unfreeze": "all"}


def test_a_recipe_outside_the_space_has_no_place_in_it() -> None:
    recipe = load_recipe("tiny-vgg")
    assert own_values(recipe, tuned_space(recipe, ["training.learning_rate=0.1:0.2"])) is None
    assert own_values(recipe, tuned_space(recipe, ["training.batch_size=7,9"])) is None


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("training.learning_rat=1:2", "Did you mean 'training.learning_rate'"),
        ("training=1:2", "is a section"),
        ("=1:2", "no recipe value is named"),
        ("seed=1:4", "other validation films"),
        ("split.val=0.1:0.2", "other validation films"),
        ("training.monitor=val_auroc,val_loss", "different figures"),
        ("model.dropout=0:2", "out of range"),
        ("augmentation=0:30", None),
        ("training.epochs=1.5:3", "out of range"),
        ("training.learning_rate=0:1:log", "above 0"),
        ("training.learning_rate=2:1", "below the second"),
        ("training.learning_rate=1:2:lin", "neither a range nor a choice"),
        ("model.dropout=nan:1", "neither a range nor a choice"),
        ("model.dropout=0.5", "neither a range nor a choice"),
        ("input.fit=letterbox,squas", "Did you mean 'squash'"),
        ("input.fit=squash,squash", "twice"),
        ("training.stop_at", "no range of its own"),
        ("training.head_learning_rate", "means nothing for the recipe tiny-vgg"),
        ("augmentation.rotation", "for example --tune augmentation.rotation=0:10"),
        ("training.batch_size=8", "for example --tune training.batch_size=8,16,32,64"),
        ("input.fit", "for example --tune input.fit=letterbox,squash"),
        ("model.hidden=64,128", '--tune "model.hidden=[64],[128]"'),
        ("model.hidden=64:128", '--tune "model.hidden=[64],[128]"'),
        ("model.hidden=[64],128", '--tune "model.hidden=[64],[128]"'),
        ("model.hidden=64", '--tune "model.hidden=[],[64]"'),
        ("model.hidden", '--tune "model.hidden=[64],[128]"'),
    ],
)
def test_a_dimension_that_cannot_be(text: str, words: str | None) -> None:
    recipe = load_recipe("tiny-vgg")
    if words is None:
        # Without any augmentation there is nothing that a factor could break.
        assert tuned_space(recipe, [text])
        return
    with pytest.raises(RecipeError) as caught:
        tuned_space(recipe, [text])
    assert words in str(caught.value)


@pytest.mark.parametrize("name", ["tiny-vgg", "mobilenet"])
def test_the_example_of_a_hint_can_be_typed_as_it_stands(name: str) -> None:
    recipe, tried = load_recipe(name), 0
    for section, values in recipe.model_dump().items():
        keys = [f"{section}.{key}" for key in values] if isinstance(values, dict) else []
        for key in keys:
            with pytest.raises(RecipeError) as caught:
                tuned_space(recipe, [f"{key}=one"])
            example = (caught.value.hint or "").rpartition("--tune ")[2].strip('"')
            if example and "ANOTHER" not in example:
                # What depends on a heat map of its own has no value that these recipes allow.
                assert example.startswith(f"{key}=") or key == "model.scales"
                assert tuned_space(recipe, [example])
                tried += 1
    # Keys that cannot be searched have no example.
    assert tried > 30


def test_a_key_is_tuned_once() -> None:
    with pytest.raises(RecipeError, match="twice"):
        tuned_space(load_recipe("tiny-vgg"), ["model.dropout=0:0.5", "model.dropout=0:0.2"])
