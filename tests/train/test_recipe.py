"""Recipes: TOML in, the same TOML out, whatever can't be refused in one line."""

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from yolov2.errors import RecipeError
from yolov2.train.recipe import BUILT_IN, Recipe, format_recipe, parse_recipe

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("name", BUILT_IN)
def test_a_built_in_recipe_is_read_and_written(name):
    recipe = Recipe.named(name)
    assert parse_recipe(format_recipe(recipe), where="a.toml") == recipe


def test_what_a_file_leaves_out_keeps_its_default(tmp_path):
    (tmp_path / "a.toml").write_text("batch = 8\nsizes = [320, 352]\nclass_weights = { dog = 2 }\n")
    recipe = Recipe.named(tmp_path / "a.toml")
    assert (recipe.batch, recipe.sizes, recipe.class_weights, recipe.momentum) == (8, (320, 352), {"dog": 2.0}, 0.9)


@given(st.integers(1, 500), st.floats(1e-5, 1), st.lists(st.integers(32, 640), min_size=1, max_size=4), st.booleans())
def test_formatting_and_parsing_undo_each_other(batch, rate, sizes, mirror):
    recipe = Recipe(batch=batch, learning_rate=rate, sizes=tuple(sizes), mirror=mirror)
    assert parse_recipe(format_recipe(recipe), where="a.toml") == recipe


def test_values_of_the_command_line_are_text():
    recipe = Recipe().changed({"policy": "cosine", "sizes": "[320, 352]", "batch": "8", "mirror": "false"})
    assert (recipe.policy, recipe.sizes, recipe.batch, recipe.mirror) == ("cosine", (320, 352), 8, False)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("epochs = -1", "a.toml: epochs: found -1.0, expected a number above 0; correct it"),
        ("epoch = 3", "a.toml: found epoch, expected a field of a recipe, such as epochs; docs/recipes.md lists all"),
        ('policy = "linear"', "a.toml: found policy = linear, expected one of steps, cosine, poly, cfg; correct it"),
        ("scale = [1]", "a.toml: found scale = [1], expected two numbers in a list; correct it"),
        ("sizes = [416.5]", "a.toml: found sizes = [416.5], expected a list of numbers; correct it"),
        ("batch = true", "a.toml: found batch = True, expected a whole number; correct it"),
        ("mini_batch = 0", "a.toml: mini_batch: found 0, expected a number from 1; correct it"),
            ("seed = -1", "a.toml: seed: found -1, expected a number from 0; correct it"),
            ("class_weights = { a = -1 }", "a.toml: class_weights: found {'a': -1.0}, expected numbers from 0; correct it"),
        ("scales = [0.1]", "a.toml: scales: found (0.1,), expected 2 of them, as many as steps; correct it"),
        ('class_weights = { dog = "much" }', "a.toml: found class_weights = {'dog': 'much'}, expected a table of numbers; correct it"),
    ],
)  # fmt: skip
def test_what_can_not_be_is_refused(text, message):
    with pytest.raises(RecipeError) as refusal:
        parse_recipe(text, where="a.toml")
    assert str(refusal.value) == message


def test_a_broken_file_names_its_line():
    with pytest.raises(
        RecipeError, match=r"^a.toml: found .*\(at line 2, column 9\), expected TOML; correct it there$"
    ):
        parse_recipe("batch = 8\nsizes = x\nwarmup = 1\n", where="a.toml")


def test_an_unknown_name_is_refused_with_the_closest():
    with pytest.raises(
        RecipeError, match=r"^recipe: found voc-papr \(did you mean voc-paper\?\), expected one of voc-paper, "
    ):
        Recipe.named("voc-papr")


def test_the_docs_list_every_value_as_it_is():
    usual, modern = (one.to_dict() for one in (Recipe(), Recipe.named("modern")))
    rows = re.findall(r"^\| `(\w+)` \| `(.+?)` \| `(.+?)` \|", (ROOT / "docs" / "recipes.md").read_text(), re.M)
    said = {name: (text, other) for name, text, other in rows}
    assert said.keys() == usual.keys()
    for name, texts in said.items():
        assert [Recipe().changed({name: text}).to_dict()[name] for text in texts] == [usual[name], modern[name]]


def test_values_come_as_texts_or_as_they_are():
    changed = Recipe(batches=9).changed({"sizes": (64, 96), "extra_iou": ".25", "class_weights": {"dog": 2}})
    assert (changed.sizes, changed.extra_iou, changed.class_weights) == ((64, 96), 0.25, {"dog": 2.0})
    assert Recipe(batches=9).changed({"epochs": 3}).batches is None
    assert Recipe(mini_batch=4).changed({"mini_batch": "none", "augment": "none"}) == Recipe(augment="none")


def test_odd_names_of_classes_come_back():
    recipe = Recipe(class_weights={'R"B\\C é\x7f\n': 2.0})
    assert parse_recipe(format_recipe(recipe), where="a.toml") == recipe


def test_epochs_take_the_place_of_batches_wherever_they_stand():
    base = Recipe(batches=7)
    assert parse_recipe("epochs = 3", where="r.toml", base=base).batches is None
    assert base.changed({"epochs": "3"}).batches is None
    assert parse_recipe("epochs = 3\nbatches = 5", where="r.toml", base=base).batches == 5


def test_kinds_are_refused_before_the_ranges_of_a_recipe_are_known():
    Recipe.check_kinds({"scales": "[0.5, 0.5, 0.5]", "batch": "0"})
    for values, message in (
        ({"scale": "big"}, "--set: found scale = big, expected two numbers in a list; correct it"),
        ({"bach": "3"}, "--set: found bach, expected a field of a recipe, such as batch; docs/recipes.md lists all"),
    ):
        with pytest.raises(RecipeError) as refusal:
            Recipe.check_kinds(values)
        assert str(refusal.value) == message
