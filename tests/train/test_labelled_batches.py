"""A batch of pictures with a class each depends on its number, its size and the seed alone."""

from typing import Any

import numpy as np
import pytest

from painted_sets import sample
from small_sets import write_picture
from yolov2.data.classifier_draws import Turn, draw_whole, quickly_wholly_changed
from yolov2.data.draws import Augment, numbers_from
from yolov2.errors import Yolov2Warning
from yolov2.samples import UNKNOWN, Samples
from yolov2.train.batches import CHANGE
from yolov2.train.labelled_batches import LabelledBatches
from yolov2.train.store import PictureStore

SIZE = (64, 96)
LABELS = [4, 0, 2, 2, 1, UNKNOWN, 3]


@pytest.fixture
def samples(tmp_path):
    paths = [write_picture(tmp_path / f"{seed}.png", size=(40 + seed, 60), seed=seed) for seed in range(len(LABELS))]
    labels = [None if label == UNKNOWN else label for label in LABELS]
    return Samples.of(sample(path, (0, 0), label=label) for path, label in zip(paths, labels, strict=True))


@pytest.fixture
def store(samples):
    with PictureStore(samples.pictures, side=64) as store:
        yield store


def batches(samples, store, **changes):
    options: dict[str, Any] = {"batch": 4, "augment": Augment(kind="turn", scale=(1, 2), angle=7), "seed": 5}
    return LabelledBatches(samples, store, **(options | changes))


def assert_equal(one, other):
    assert (one.number, one.files) == (other.number, other.files)
    np.testing.assert_array_equal(one.images, other.images)
    np.testing.assert_array_equal(one.truths, other.truths)


def test_truths_are_the_classes_of_the_files(samples, store):
    made = batches(samples, store)
    for number in range(1, 8):
        batch = made.make(number, SIZE)
        assert batch.truths.dtype == np.int64
        assert batch.truths.tolist() == [LABELS[samples.pictures.index(name)] for name in batch.files]
        assert batch.images.shape == (4, *SIZE, 3)


def test_pixels_are_those_of_the_change_that_its_place_draws(samples, store):
    augment = Augment(kind="turn", scale=(1, 2), angle=7)
    batch = batches(samples, store).make(3, SIZE)
    for row, name in enumerate(batch.files):
        draws = numbers_from(np.random.default_rng((5, CHANGE, 8 + row)))
        index = samples.pictures.index(name)
        change = draw_whole(augment, draws, store.size_of(index), SIZE)
        assert isinstance(change, Turn)
        np.testing.assert_array_equal(batch.images[row], quickly_wholly_changed(store[index], change))


@pytest.mark.parametrize("kind", ["turn", "centre", "none", "free", "crop", "darknet"])
def test_a_batch_is_the_same_whatever_was_made_before(samples, store, kind):
    augment = Augment(kind=kind)
    expected = batches(samples, store, augment=augment).make(4, SIZE)
    other = batches(samples, store, augment=augment)
    streamed = list(other.stream((number, SIZE) for number in (6, 4, 1)))
    assert [batch.number for batch in streamed] == [6, 4, 1]
    assert_equal(streamed[1], expected)


def test_ranks_together_make_the_batch(samples, store):
    whole = batches(samples, store).make(2, SIZE)
    for rank in range(2):
        part = batches(samples, store, rank=rank, world=2).make(2, SIZE)
        np.testing.assert_array_equal(part.images, whole.images[rank::2])
        np.testing.assert_array_equal(part.truths, whole.truths[rank::2])


def test_every_picture_comes_once_an_epoch(samples, store):
    made = batches(samples, store, augment=Augment(kind="none"))
    names = [name for number in range(1, 8) for name in made.make(number, (32, 32)).files]  # 28 = 4 epochs of 7
    assert all(sorted(names[start : start + 7]) == sorted(samples.pictures) for start in range(0, 28, 7))


def test_mosaics_are_not_made(samples, store):
    mixed, plain = (batches(samples, store, augment=Augment(kind="free", mosaic=share)) for share in (1.0, 0.0))
    assert_equal(mixed.make(1, SIZE), plain.make(1, SIZE))


def test_a_picture_that_can_not_be_read_teaches_nothing(samples, tmp_path):
    (tmp_path / "0.png").write_bytes(b"")
    with PictureStore(samples.pictures, side=64) as store:
        made = batches(samples, store, batch=7)
        with pytest.warns(Yolov2Warning):
            batch = made.make(1, SIZE)
    assert batch.truths[batch.files.index(str(tmp_path / "0.png"))] == UNKNOWN
    assert sorted(batch.truths.tolist()) == [UNKNOWN, UNKNOWN, 0, 1, 2, 2, 3]


def test_pictures_of_which_none_has_a_class_are_refused(samples, store):
    with pytest.raises(ValueError) as refusal:
        batches(samples.take(np.array([5])), store)
    message = "samples: found no picture with a class, expected pictures of a classification data set"
    assert str(refusal.value) == message
