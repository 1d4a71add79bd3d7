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


def test_sizes_grow_from_the_smaller_half_to_the_larger_one():
    found = plan(batches=600, sizes=(96, 32, 64, 160, 128), size_every=5, grow=True, final_share=0.1)
    drawn = [{found.side(update) for update in range(first, first + 100)} for first in (1, 201, 401)]
    assert drawn == [{32, 64, 96}, {64, 96, 128}, {96, 128, 160}]
    assert {found.side(update) for update in range(541, 601)} == {160}
    assert {plan(batches=100, sizes=(32,), grow=True).side(update) for update in range(1, 101)} == {32}


def test_a_size_is_drawn_from_the_list_every_so_many_updates_and_the_last_share_has_the_largest():
    found = plan(batches=6000, sizes=(320, 352, 384), size_every=10, final_share=0.1)
    sides = [found.side(update) for update in range(1, 6001)]
    blocks = [sides[start : start + 10] for start in range(0, 5400, 10)]
    assert all(len(set(block)) == 1 for block in blocks)
    counts = [sum(block[0] == side for block in blocks) for side in (320, 352, 384)]
    assert all(140 < count < 220 for count in counts)  # of 540, expected 180 with a deviation of 11
    assert sides[5400:] == [384] * 600
    assert sides[5390] < 384  # so that the end is where it says


def test_sizes_are_the_same_on_all_ranks_and_of_another_seed_others():
    one, other, beside = (plan(batches=600, sizes=(320, 352, 384), seed=seed) for seed in (3, 4, 3))
    sides = [[found.side(update) for update in range(1, 601)] for found in (one, other, beside)]
    assert sides[0] == sides[2] != sides[1]


def test_the_papers_steps_count_in_epochs():
    found = Plan(Recipe.named("voc-paper"), CFG, 6400)  # 100 updates an epoch
    assert found.updates == 16_000
    for epoch, rate in ((59, 1e-3), (61, 1e-4), (89, 1e-4), (91, 1e-5), (160, 1e-5)):
        assert found.rate(100 * epoch) == pytest.approx(rate)
    assert found.rate(100) < found.rate(500) < found.rate(1000) == pytest.approx(1e-3)


def test_a_cosine_falls_from_its_peak_after_the_warm_up_to_its_share():
    found = plan(batches=1000, policy="cosine", learning_rate=0.1, warmup=100, warmup_power=1.0, final_rate=0.02)
    assert [found.rate(update) for update in (50, 100, 550, 1000)] == pytest.approx([0.05, 0.1, 0.051, 0.002])


@pytest.mark.parametrize(
    "policy, changes",
    [
        ("constant", {}),
        ("step", {"step": 7, "scale": 0.5}),
        ("steps", {"steps": (5, 9), "scales": (10.0, 0.1)}),
        ("exp", {"gamma": 0.9}),
        ("poly", {"power": 4.0}),
        ("sigmoid", {"gamma": 0.3, "step": 10}),
    ],
)
def test_the_policy_cfg_follows_every_policy_of_the_cfg_with_its_burn_in(policy, changes):
    options = TrainingOptions(policy=policy, learning_rate=0.01, burn_in=4, max_batches=20, **changes)
    found = Plan(replace(Recipe(), policy="cfg", learning_rate=0.01, batches=20, batch=3), options, 30)
    assert (found.updates, found.batch, found.updates_an_epoch) == (20, 3, 10)
    for update in (1, 3, 4, 7, 12, 20):
        assert found.rate(update) == darknet_rate(options, update), update
    assert found.rate(2) == pytest.approx(0.01 * (2 / 4) ** 4)


def test_the_policy_random_draws_a_rate_for_each_update_the_same_again():
    options = TrainingOptions(policy="random", learning_rate=2, power=1, max_batches=500)
    recipe = replace(Recipe(), policy="cfg", learning_rate=2.0, batches=500)
    first, again = (Plan(recipe, options, 30) for _ in range(2))
    rates = [first.rate(update) for update in range(1, 501)]
    assert rates == [again.rate(update) for update in range(1, 501)]
    assert 0 <= min(rates) < 0.05 < 1.95 < max(rates) < 2


def test_a_run_without_updates_is_refused():
    with pytest.raises(ValueError) as refusal:
        plan(pictures=0)
    assert str(refusal.value) == "batches: found a run of 0 updates, expected one at least"
