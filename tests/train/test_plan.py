"""Rates of a recipe by the number of the update."""

from dataclasses import replace

import pytest

from yolov2.errors import RecipeError
from yolov2.network.spec import TrainingOptions
from yolov2.train.plan import Plan
from yolov2.train.recipe import Recipe
from yolov2.train.schedule import darknet_rate

CFG = TrainingOptions()


def plan(pictures=1000, **changes):
    return Plan(replace(Recipe(), **changes), CFG, pictures)


def test_a_polynomial_falls_to_nothing_as_darknets_does():
    found = plan(batches=80, policy="poly", learning_rate=0.1, power=4.0, warmup=0)
    options = TrainingOptions(learning_rate=0.1, policy="poly", power=4.0, max_batches=80)
    for update in (1, 20, 40, 79, 80):
        assert found.rate(update) == pytest.approx(darknet_rate(options, update))
    assert found.rate(40) == pytest.approx(0.1 / 16)
    assert found.rate(80) == 0


def test_a_polynomial_counts_its_warm_up():
    found = plan(batches=80, policy="poly", learning_rate=0.1, power=1.0, warmup=20, warmup_power=1.0)
    assert [found.rate(update) for update in (10, 20, 40)] == pytest.approx([0.05, 0.075, 0.05])


def test_classifiers_are_trained_as_the_paper_says():
    first, second = Recipe.named("classify-224"), Recipe.named("classify-448")
    for recipe, epochs, rate, side in ((first, 160, 0.1, 224), (second, 10, 0.001, 448)):
        assert (recipe.epochs, recipe.learning_rate, recipe.sizes) == (epochs, rate, (side,))
        assert (recipe.policy, recipe.power, recipe.batch) == ("poly", 4, 128)
        assert (recipe.momentum, recipe.decay) == (0.9, 0.0005)
        assert (recipe.augment, recipe.angle, recipe.aspect) == ("turn", 7, 1.33)
    assert Plan(first, CFG, 1_281_167).updates == 1_601_459


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"power": "-1"}, "--set: power: found -1.0, expected a number from 0; correct it"),
        ({"angle": "200"}, "--set: angle: found 200.0, expected degrees from 0 to 180; correct it"),
    ],
)
def test_what_no_rate_or_angle_can_be_is_refused(changes, message):
    with pytest.raises(RecipeError) as refusal:
        Recipe().changed(changes)
    assert str(refusal.value) == message
