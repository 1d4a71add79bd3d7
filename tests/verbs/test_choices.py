"""What a first run chooses from the data and the machine, and that what was asked for stays."""

from dataclasses import replace

import numpy as np
import pytest

from painted_sets import sample
from yolov2.network import architectures
from yolov2.samples import Samples
from yolov2.train.ranks import Rank
from yolov2.train.recipe import Recipe
from yolov2.verbs.choices import fitted_to_data, fitted_to_memory

RECIPE = Recipe(epochs=50, batch=32, sizes=(224, 320, 416))


def pictures(count, *, size=(480, 640)):
    return Samples.of([sample(f"{number}.jpg", size) for number in range(count)])


def chosen(samples, recipe=RECIPE, fixed=()):
    told = []
    return fitted_to_data(recipe, samples, fixed=fixed, tell=told.append), told


def test_enough_large_pictures_change_nothing():
    assert chosen(pictures(640)) == (RECIPE, [])


def test_few_pictures_are_a_smaller_batch_and_passed_more_often():
    found, told = chosen(pictures(20))
    assert (found.batch, found.epochs) == (20, 1000)
    assert found.validate_every == 20  # as often in the run
    assert told == [
        "batch 20 in place of 32: there are no more pictures",
        "1000 epochs in place of 50: these would be 50 updates, too few to learn from",
    ]


def test_small_pictures_are_not_made_larger_than_they_are():
    found, told = chosen(pictures(640, size=(200, 300)))
    assert found.sizes == (224, 320)
    assert told == ["sizes up to 320 in place of 416: the pictures have 300 pixels"]
    assert chosen(pictures(640, size=(20, 30)))[0].sizes == (224,)
    assert chosen(pictures(640, size=(0, 0)))[0].sizes == RECIPE.sizes  # not known


@pytest.mark.parametrize("name", ["batch", "sizes", "epochs"])
def test_what_was_asked_for_stays(name):
    found, _ = chosen(pictures(5, size=(100, 100)), fixed=[name])
    assert getattr(found, name) == getattr(RECIPE, name)
    assert chosen(pictures(5), replace(RECIPE, batches=7))[0].batches == 7


def test_a_batch_that_the_memory_has_no_room_for_is_halved_until_it_fits(monkeypatch):
    network, told = architectures.nano(), []
    small = replace(RECIPE, precision="fp32")
    monkeypatch.setattr("yolov2.train.job.free_memory", lambda: 64 << 30)
    assert fitted_to_memory(small, network, device="cpu", rank=Rank(), fixed=(), tell=told.append) == small
    monkeypatch.setattr("yolov2.train.job.free_memory", lambda: 1 << 30)
    found = fitted_to_memory(small, network, device="cpu", rank=Rank(), fixed=(), tell=told.append)
    assert found.mini_batch in (16, 8, 4)
    assert told == [f"{found.mini_batch} pictures at a time: the memory has no room for more of a batch of 32"]
    assert fitted_to_memory(small, network, device="cpu", rank=Rank(), fixed=["mini_batch"], tell=told.append) == small
    assert np.log2(found.mini_batch) % 1 == 0
    shared = fitted_to_memory(small, network, device="cpu", rank=Rank(1, 4, 1, 4), fixed=(), tell=told.append)
    assert shared.mini_batch is not None
    assert shared.mini_batch < found.mini_batch  # four processes on the same memory
    monkeypatch.setattr("yolov2.train.job.free_memory", lambda: 64 << 30)
    assert fitted_to_memory(small, network, device="cpu", rank=Rank(1, 4, 1, 4), fixed=(), tell=told.append) == small
