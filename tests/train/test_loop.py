"""A run from its first update to its last: what it says, keeps and saves, and that it goes on exactly where it was."""

from dataclasses import replace
from typing import Any, cast

import numpy as np
import pytest
import torch

from tiny_runs import RECIPE, Heard, Kept, flat, tiny_run
from yolov2.errors import CheckpointError, OutputError, TrainingError
from yolov2.train.loop import STATE, Outcome
from yolov2.train.recipe import Recipe


def finished(folder, **parts):
    run = tiny_run(folder, **parts)
    outcome = run.run()
    return run, outcome


def test_a_run_does_every_update_and_keeps_the_last_weights(tmp_path):
    kept, heard = Kept(), Heard()
    run, outcome = finished(tmp_path, keep=kept.keep, watcher=heard)
    assert outcome == Outcome(12, None, "done")
    assert [update for update, _ in heard.losses] == list(range(1, 13))
    assert heard.losses[-1][1] < heard.losses[0][1]
    np.testing.assert_array_equal(flat(kept["last"]), flat(run.learner.weights()))
    assert kept["last"].seen == 12 * 4


@pytest.mark.parametrize(
    "recipe",
    [
        RECIPE,
        replace(RECIPE, ema=0.0, mini_batch=1, clip_norm=0.0, freeze=1),
        replace(RECIPE, precision="bf16"),
        replace(RECIPE, precision="fp16", batches=24),  # whose first updates are left out, until they fit
    ],
)
@pytest.mark.parametrize("stop_after", [1, 5, 11])
def test_a_stopped_run_goes_on_exactly_where_it_was(tmp_path, stop_after, recipe):
    whole, _ = finished(tmp_path / "a", recipe=recipe)
    first = tiny_run(tmp_path / "b", recipe=recipe)
    first.is_stopped = lambda: first.learner.updates >= stop_after
    assert first.run() == Outcome(stop_after, None, "stopped")
    second = tiny_run(tmp_path / "b", recipe=recipe)
    second.resume()
    assert second.run() == Outcome(second.plan.updates, None, "done")
    np.testing.assert_array_equal(flat(second.learner.weights()), flat(whole.learner.weights()))
    np.testing.assert_array_equal(flat_module(second), flat_module(whole))


def flat_module(run):
    return np.concatenate([value.detach().numpy().ravel() for value in run.learner.module.state_dict().values()])


def test_a_run_that_was_killed_while_it_was_judged_is_judged_first_when_it_goes_on(tmp_path):
    recipe = replace(RECIPE, validate_every=8 / 7)  # every second update
    whole, _ = finished(tmp_path / "a", recipe=recipe, validate=lambda weights: weights.seen / 100)

    def killed(weights):
        if weights.seen == 4 * 4:
            raise KeyboardInterrupt
        return weights.seen / 100

    first = tiny_run(tmp_path / "b", recipe=recipe, validate=killed)
    with pytest.raises(KeyboardInterrupt):
        first.run()
    heard = Heard()
    second = tiny_run(tmp_path / "b", recipe=recipe, watcher=heard, validate=lambda weights: weights.seen / 100)
    second.resume()
    assert (second.learner.updates, second.best) == (4, 0.08)
    second.run()
    assert heard.scores[0] == (4, 0.16, True)
    assert len(heard.losses) == 8
    np.testing.assert_array_equal(flat_module(second), flat_module(whole))


def test_a_run_killed_in_its_first_update_goes_on(tmp_path):
    first = tiny_run(tmp_path)
    cast(Any, first.learner).update = lambda *_: (_ for _ in ()).throw(KeyboardInterrupt)
    with pytest.raises(KeyboardInterrupt):
        first.run()
    second = tiny_run(tmp_path)
    second.resume()
    assert second.run() == Outcome(12, None, "done")


def test_a_rank_beside_the_first_is_not_judged_and_keeps_nothing(tmp_path):
    kept, heard = Kept(), Heard()
    recipe = replace(RECIPE, validate_every=8 / 7)
    finished(tmp_path, recipe=recipe, keep=kept.keep, watcher=heard, validate=lambda weights: 1 / 0, is_first=False)
    assert (len(heard.scores), kept, list((tmp_path / "run").iterdir())) == (6, {}, [])


def test_patience_begins_after_the_warm_up(tmp_path):
    recipe = replace(RECIPE, validate_every=4 / 7, patience=2, warmup=5)
    run = tiny_run(tmp_path, recipe=recipe, validate=lambda weights: 0.0)
    assert run.run() == Outcome(7, 0.0, "patience")


def test_the_last_weights_are_kept_with_their_own_score(tmp_path):
    """None where they were not judged."""
    kept, scores = [], iter([0.2, 0.9, 0.4])
    recipe = replace(RECIPE, validate_every=16 / 7)  # every fourth update
    run = tiny_run(
        tmp_path, recipe=recipe, validate=lambda weights: next(scores),
        keep=lambda name, weights, score: kept.append((name, weights.seen // 4, score)),
    )  # fmt: skip
    run.run()
    assert [one for one in kept if one[0] == "last"] == [
        ("last", 4, None), ("last", 4, 0.2), ("last", 8, None), ("last", 8, 0.9), ("last", 12, None), ("last", 12, 0.4),
    ]  # fmt: skip
    assert [one for one in kept if one[0] == "best"] == [("best", 4, 0.2), ("best", 8, 0.9)]


def test_a_run_killed_in_its_last_validation_is_judged_when_it_goes_on(tmp_path):
    recipe = replace(RECIPE, validate_every=1000)
    first = tiny_run(tmp_path, recipe=recipe, validate=lambda weights: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        first.run()
    kept = Kept()
    second = tiny_run(tmp_path, recipe=recipe, validate=lambda weights: 0.7, keep=kept.keep)
    second.resume()
    assert not second.is_over
    assert second.run() == Outcome(12, 0.7, "done")
    assert set(kept) == {"best", "last"}
    assert second.is_over


def test_the_best_weights_are_kept_and_patience_ends_a_run(tmp_path):
    scores = iter([0.2, 0.5, 0.4, 0.3, 0.9])
    kept, heard = Kept(), Heard()
    recipe = replace(RECIPE, validate_every=4 / 7, patience=2, warmup=1)  # every update
    run = tiny_run(tmp_path, recipe=recipe, keep=kept.keep, watcher=heard, validate=lambda weights: next(scores))
    assert run.run() == Outcome(4, 0.5, "patience")
    assert heard.scores == [(1, 0.2, True), (2, 0.5, True), (3, 0.4, False), (4, 0.3, False)]
    assert kept["best"].seen == 2 * 4
    again = tiny_run(tmp_path, recipe=recipe, validate=lambda weights: 0.45)
    again.resume()
    assert (again.best, again.worse) == (0.5, 2)


class Poisoned:
    """Batches of which one has a truth that is no number."""

    def __init__(self, batches, number):
        self.batches, self._number, self.waited_s = batches, number, 0.0

    def stream(self, numbers):
        for batch in self.batches.stream(numbers):
            if batch.number == self._number:
                batch.truths[0, 0, :4] = np.nan
            yield batch


@pytest.mark.parametrize("number", [4, 5])  # one after which weights are saved, and one after which they are not
def test_a_truth_that_is_no_number_ends_the_run_and_the_last_save_stays(tmp_path, number):
    first = tiny_run(tmp_path)
    first.is_stopped = lambda: first.learner.updates >= 3
    first.run()
    second = tiny_run(tmp_path, validate=lambda weights: 1.0)
    poisoned = Poisoned(second.batches, number)
    second.batches = cast(Any, poisoned)
    second.resume()
    with pytest.raises(TrainingError) as refusal:
        second.run()
    said = str(refusal.value)
    assert said.startswith(f"update {number}: found no number in ")
    assert said.endswith(
        "expected finite losses; take a third of the learning rate, or run `yolov2 data check`; what was saved last is kept"
    )
    assert all(name in said for name in poisoned.batches.make(number, (32, 32)).files)
    third = tiny_run(tmp_path)
    third.resume()
    assert third.learner.updates == (3 if number == 4 else 4)
    assert third.learner.is_finite()


def test_a_weight_that_is_no_number_is_never_saved(tmp_path):
    """Running statistics have no say in the losses of a training, so these stay finite."""
    first = tiny_run(tmp_path)
    first.is_stopped = lambda: first.learner.updates >= 3
    first.run()
    before = (tmp_path / "run" / STATE).read_bytes()
    second = tiny_run(tmp_path, recipe=replace(RECIPE, validate_every=8 / 7), validate=lambda weights: 1.0)
    second.resume()
    conv = cast(Any, second.learner.module.layers[0])
    conv.norm.running_var[0] = np.inf
    with pytest.raises(
        TrainingError, match=r"^update 4: found no number in weights at a rate of [0-9.]+, with .*0.png"
    ) as refusal:
        second.run()
    assert str(refusal.value).endswith("; what was saved last is kept")
    assert (tmp_path / "run" / STATE).read_bytes() == before


@pytest.mark.parametrize(
    "wrong", [torch.OutOfMemoryError("CUDA out of memory."), RuntimeError("DefaultCPUAllocator: can't allocate memory")]
)
@pytest.mark.parametrize(
    "mini_batch, repair", [(None, "give --set mini_batch=2, or smaller sizes"), (1, "give smaller sizes")]
)
def test_memory_that_ends_in_an_update_is_told_and_the_last_save_stays(tmp_path, wrong, mini_batch, repair):
    recipe = replace(RECIPE, mini_batch=mini_batch)
    first = tiny_run(tmp_path, recipe=recipe)
    first.is_stopped = lambda: first.learner.updates >= 3
    first.run()
    second = tiny_run(tmp_path, recipe=recipe)
    second.resume()
    side, update, count = second.plan.side(5), second.learner.update, mini_batch or 4

    def filled(images, truths, rate):
        if second.learner.updates == 4:
            raise wrong
        return update(images, truths, rate)

    cast(Any, second.learner).update = filled
    with pytest.raises(TrainingError) as refusal:
        second.run()
    assert str(refusal.value) == (
        f"update 5: found no memory left for {count} pictures of {side} x {side} at a time, expected enough for an "
        f"update; {repair}; what was saved last is kept"
    )
    third = tiny_run(tmp_path, recipe=recipe)
    third.resume()
    assert third.learner.updates == 3


def test_another_fault_of_an_update_is_not_taken_for_one_of_memory(tmp_path):
    run = tiny_run(tmp_path)

    def broken(images, truths, rate):
        raise RuntimeError("shapes do not fit")

    cast(Any, run.learner).update = broken
    with pytest.raises(RuntimeError, match="^shapes do not fit$"):
        run.run()


def test_an_input_has_the_sides_of_the_plan(tmp_path):
    sides = []
    heard = Heard()
    heard.updated = lambda update, losses, *, rate, side, waited_s: sides.append(side)
    run, _ = finished(tmp_path, watcher=heard)
    assert sides == [run.plan.side(update) for update in range(1, 13)]
    assert set(sides) == {32, 48}


def test_a_state_of_another_network_and_a_damaged_one_are_refused(tmp_path):
    finished(tmp_path)
    other = tiny_run(tmp_path, recipe=replace(RECIPE, ema=0.0))
    with pytest.raises(TrainingError) as refusal:
        other.resume()
    assert str(refusal.value) == (
        f"{tmp_path / 'run' / STATE}: found another network's state, expected that of this run; "
        "resume with the model and the recipe that it was begun with"
    )
    state = tmp_path / "run" / STATE
    state.write_bytes(state.read_bytes()[:-9])
    with pytest.raises(CheckpointError):
        tiny_run(tmp_path).resume()


def test_a_folder_that_is_gone_ends_the_run_in_one_line(tmp_path):
    run = tiny_run(tmp_path)
    (tmp_path / "run").rmdir()
    with pytest.raises(
        OutputError, match=r"state.safetensors: found no such folder, expected a folder to write into; create it$"
    ):
        run.run()


def test_a_recipe_without_an_average_saves_what_was_learned(tmp_path):
    kept = Kept()
    run, _ = finished(tmp_path, recipe=replace(RECIPE, ema=0.0), keep=kept.keep)
    assert run.learner.averaged is None
    np.testing.assert_array_equal(flat(kept["last"]), flat(run.learner.weights()))


def test_frozen_layers_keep_their_weights_and_their_statistics(tmp_path):
    run = tiny_run(tmp_path, recipe=replace(RECIPE, freeze=1))
    before = {name: value.clone() for name, value in run.learner.module.layers[0].state_dict().items()}
    head = run.learner.module.layers[2].state_dict()["conv.weight"].clone()
    run.run()
    for name, value in run.learner.module.layers[0].state_dict().items():
        np.testing.assert_array_equal(value.numpy(), before[name].numpy())
    assert not np.array_equal(run.learner.module.layers[2].state_dict()["conv.weight"].numpy(), head.numpy())


def test_a_batch_in_parts_is_learned_as_one_where_no_statistics_come_in(tmp_path):
    whole, parts = (
        finished(tmp_path / name, recipe=replace(RECIPE, mini_batch=size, freeze=1, ema=0.0, prior_until=0))[0]
        for name, size in (("a", None), ("b", 1))
    )
    np.testing.assert_allclose(flat(parts.learner.weights()), flat(whole.learner.weights()), atol=1e-5)


def test_the_default_recipe_is_the_papers():
    assert (Recipe().learning_rate, Recipe().momentum, Recipe().decay, Recipe().steps) == (0.001, 0.9, 0.0005, (60, 90))
