"""A batch depends on its number, its size and the seed alone; ranks together make it; every picture comes once."""

import threading
from collections import Counter
from typing import Any

import numpy as np
import pytest

from made_anywhere import assert_made_anywhere
from painted_sets import sample, write_samples
from yolov2.data.augment import Draw, Mosaic, quickly_changed
from yolov2.errors import Yolov2Warning
from yolov2.samples import Samples
from yolov2.train.batches import Augment, Batches
from yolov2.train.store import PictureStore

SIZE = (64, 96)
MIXED = Augment(kind="free", mosaic=0.4)


@pytest.fixture
def samples(tmp_path):
    return write_samples(tmp_path)


@pytest.fixture
def store(samples):
    with PictureStore(samples.pictures, side=64) as store:
        yield store


def batches(samples, store, **changes):
    options: dict[str, Any] = {"batch": 4, "augment": MIXED, "seed": 5}
    return Batches(samples, store, **(options | changes))


def assert_equal(one, other):
    assert (one.number, one.files) == (other.number, other.files)
    np.testing.assert_array_equal(one.images, other.images)
    np.testing.assert_array_equal(one.truths, other.truths)


@pytest.mark.parametrize("kind", ["none", "darknet", "crop", "free"])
def test_a_batch_is_the_same_whatever_was_made_before_and_wherever(samples, store, kind):
    augment = Augment(kind=kind, mosaic=0.4)
    first = batches(samples, store, augment=augment)
    expected = {number: first.make(number, SIZE) for number in range(1, 10)}
    with PictureStore(samples.pictures, side=64) as fresh:
        again = batches(samples, fresh, augment=augment)
        assert_made_anywhere(again, expected, SIZE, assert_equal, numbers=(7, 2, 9, 2))


def test_another_seed_makes_another_batch(samples, store):
    one, other = (batches(samples, store, seed=seed).make(1, SIZE) for seed in (5, 6))
    assert np.abs(np.asarray(one.images, int) - np.asarray(other.images)).max() > 50


def test_another_size_keeps_pictures_and_colours(samples, store):
    one, other = (batches(samples, store).sketch(3, size) for size in (SIZE, (32, 32)))
    assert one.pictures == other.pictures
    pairs = list(zip(one.changes, other.changes, strict=True))
    looks = [
        [(change.hue, change.saturation, change.is_mirrored) for change in pair if isinstance(change, Draw)]
        for pair in pairs
    ]
    assert [] in looks  # a mosaic
    plain = [look for look in looks if look]
    assert plain
    assert all(first == second for first, second in plain)


@pytest.mark.parametrize("world", [2, 3])
def test_ranks_together_make_the_batch(samples, store, world):
    whole = batches(samples, store).make(5, SIZE)
    parts = [batches(samples, store, rank=rank, world=world).make(5, SIZE) for rank in range(world)]
    for rank, part in enumerate(parts):
        np.testing.assert_array_equal(part.images, whole.images[rank::world])
        rows = min(part.truths.shape[1], whole.truths.shape[1])
        np.testing.assert_array_equal(part.truths[:, :rows], whole.truths[rank::world, :rows])
        assert not part.truths[:, rows:].any()
        assert not whole.truths[rank::world, rows:].any()
    assert sorted(name for part in parts for name in part.files) == sorted(whole.files)


def test_every_picture_comes_once_an_epoch_in_an_order_of_its_own(samples, store):
    plain = batches(samples, store, augment=Augment(kind="none"))
    names = [name for number in range(1, 15) for name in plain.make(number, (32, 32)).files]  # 56 = 8 epochs of 7
    epochs = [names[start : start + 7] for start in range(0, 56, 7)]
    assert all(sorted(epoch) == sorted(samples.pictures) for epoch in epochs)
    assert len({tuple(epoch) for epoch in epochs}) == 8


def test_pixels_and_truths_are_those_of_the_change(samples, store):
    plain = batches(samples, store, augment=Augment(kind="crop"))
    sketch, batch = plain.sketch(2, SIZE), plain.make(2, SIZE)
    assert np.asarray(batch.images).flags.c_contiguous
    assert batch.truths.shape == (4, 8, 5)
    for row, ((index,), change) in enumerate(zip(sketch.pictures, sketch.changes, strict=True)):
        assert isinstance(change, Draw)
        np.testing.assert_array_equal(batch.images[row], quickly_changed(store[index], change))
        assert batch.files[row] == samples.pictures[index]
        if index == 6:
            assert not batch.truths[row].any()  # background


def test_about_as_many_inputs_as_wanted_are_mosaics_until_their_last_batch(samples, store):
    augment = Augment(kind="free", mosaic=0.4, mosaic_until=60)
    made = batches(samples, store, augment=augment)
    kinds = Counter(type(change) for number in range(1, 61) for change in made.sketch(number, SIZE).changes)
    assert 70 < kinds[Mosaic] < 122  # of 240, expected 96 with a deviation of 7.6
    assert all(isinstance(change, Draw) for number in range(61, 80) for change in made.sketch(number, SIZE).changes)


def test_a_mosaic_names_all_its_files(samples, store):
    sketch = batches(samples, store, augment=Augment(kind="free", mosaic=1.0)).sketch(1, SIZE)
    assert [len(indices) for indices in sketch.pictures] == [4] * 4
    assert sketch.files == tuple(samples.pictures[index] for indices in sketch.pictures for index in indices)


def test_a_picture_with_a_label_as_a_whole_is_in_no_mosaic(samples, store):
    labelled = Samples.of([sample(one.picture, one.size, label=3) for one in samples])
    made = batches(labelled, store, augment=Augment(kind="free", mosaic=1.0))
    sketch = made.sketch(1, SIZE)
    assert all(isinstance(change, Draw) for change in sketch.changes)
    assert sketch.truths[:, 0, 4].tolist() == [3] * 4


def test_truths_are_padded_to_few_lengths(tmp_path):
    path = write_samples(tmp_path).pictures[0]
    many = [(x, 1, x + 2, 5) for x in range(9)]
    samples = Samples.of([sample(path, (40, 60), many, [0] * 9)])
    with PictureStore(samples.pictures, side=64) as store:
        made = batches(samples, store, batch=1, augment=Augment(kind="none")).make(1, SIZE)
    assert made.truths.shape == (1, 16, 5)
    assert (made.truths[0, :, 2] > 0).sum() == 9


def test_a_picture_that_can_not_be_read_is_background(tmp_path):
    samples = write_samples(tmp_path, count=3)
    (tmp_path / "0.png").write_bytes(b"")
    with PictureStore(samples.pictures, side=64) as store:
        made = batches(samples, store, batch=3, augment=Augment(kind="none"))
        with pytest.warns(Yolov2Warning):
            batch = made.make(1, SIZE)
    row = batch.files.index(str(tmp_path / "0.png"))
    assert not batch.truths[row].any()
    assert set(batch.images[row].ravel().tolist()) <= {127, 128}


def test_a_stream_is_in_order_and_makes_no_more_than_wanted(samples, store):
    made = batches(samples, store)
    numbers = [(number, ((64, 64), (32, 96))[number % 2]) for number in range(1, 8)]
    asked = []

    def noted():
        for pair in numbers:
            asked.append(pair)
            yield pair

    stream = made.stream(noted(), workers=3, ahead=2)
    assert_equal(next(stream), made.make(1, (32, 96)))
    assert len(asked) == 3
    rest = list(stream)
    assert [batch.number for batch in rest] == [2, 3, 4, 5, 6, 7]
    for batch, (number, size) in zip(rest, numbers[1:], strict=True):
        assert_equal(batch, made.make(number, size))
    assert made.waited_s > 0


def test_a_fault_in_a_thread_comes_out_of_the_stream(samples, store):
    with pytest.raises(ValueError) as refusal:
        list(batches(samples, store).stream([(0, SIZE)]))
    assert str(refusal.value) == "number: found 0, expected one from 1"


def test_a_stream_that_is_left_ends_its_threads(samples, store):
    stream = batches(samples, store).stream(((number, SIZE) for number in range(1, 1000)), workers=2, ahead=3)
    next(stream)
    stream.close()
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("yolov2-batches")]


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"rank": 2, "world": 2}, "rank: found 2 of 2, expected one below, and no more ranks than inputs: 4"),
        ({"world": 5}, "rank: found 0 of 5, expected one below, and no more ranks than inputs: 4"),
    ],
)
def test_ranks_that_can_not_be_are_refused(samples, store, changes, message):
    with pytest.raises(ValueError) as refusal:
        batches(samples, store, **changes)
    assert str(refusal.value) == message


def test_a_data_set_without_pictures_is_refused(store):
    with pytest.raises(ValueError) as refusal:
        batches(Samples.of([]), store)
    assert str(refusal.value) == "samples: found none, expected one at least"
