"""The changes on the device are the exact ones; they wait for nothing."""

import numpy as np
import pytest
import torch
from torch._subclasses.fake_tensor import FakeTensorMode

from painted_sets import write_samples
from tiny_runs import RECIPE, begun, flat, network
from yolov2.data.augment import Mosaic, changed
from yolov2.model.region_loss import Head
from yolov2.train.augment import DeviceBatches, DeviceStore, Tables, gather, has_room
from yolov2.train.batches import Augment, Batches
from yolov2.train.learner import Learner
from yolov2.train.objective import Detection
from yolov2.train.store import PictureStore

FLOAT32_NOISE = 0.05  # levels; positions in float32, and OpenCV is not asked
BF16_STEP = 0.5 * 255 / 256  # levels: half a step between neighbours just below 1
SIZE = (64, 96)


@pytest.fixture
def parts(tmp_path):
    samples = write_samples(tmp_path)
    with PictureStore(samples.pictures, side=64) as store:
        yield samples, store, DeviceStore(store, "cpu")


def exact(store, indices, change):
    """The input (3, H, W) in levels by the exact path, tile by tile."""
    tiles = zip(change.draws, change.corners_xy, strict=True) if isinstance(change, Mosaic) else [(change, (0, 0))]
    canvas = np.full((3, *change.network_hw), np.nan, np.float32)
    for index, (draw, (x, y)) in zip(indices, tiles, strict=True):
        height, width = draw.network_hw
        image = (store[index] / np.float32(255)).transpose(2, 0, 1).astype(np.float32)
        canvas[:, y : y + height, x : x + width] = changed(image, draw) * 255
    return canvas


@pytest.mark.parametrize("mosaic", [0.0, 0.5])
@pytest.mark.parametrize("kind", ["none", "darknet", "crop", "free"])
def test_the_batch_on_the_device_is_that_of_the_exact_path(parts, kind, mosaic):
    samples, store, device = parts
    augment = Augment(kind=kind, mosaic=mosaic, hue=0.4, saturation=2.0, exposure=2.0)
    batches = Batches(samples, store, batch=5, augment=augment, seed=1)
    for number in range(1, 7):
        sketch = batches.sketch(number, SIZE)
        images = device.images(sketch)
        assert images.shape == (5, 3, *SIZE)
        assert images.is_contiguous(memory_format=torch.channels_last)
        for image, indices, change in zip(images, sketch.pictures, sketch.changes, strict=True):
            assert np.abs(image.numpy() * 255 - exact(store, indices, change)).max() <= FLOAT32_NOISE


def test_it_is_the_batch_of_the_processor_but_for_four_levels(parts):
    samples, store, device = parts
    batches = Batches(samples, store, batch=7, augment=Augment(kind="free", mosaic=0.3), seed=2)
    for number in range(1, 5):
        images = device.images(batches.sketch(number, SIZE)).permute(0, 2, 3, 1).numpy() * 255
        assert np.abs(images - batches.make(number, SIZE).images).max() <= 4


def test_images_come_in_half_precision_where_asked(parts):
    samples, store, device = parts
    sketch = Batches(samples, store, batch=7, augment=Augment(kind="crop"), seed=2).sketch(1, SIZE)
    images = device.images(sketch, dtype=torch.bfloat16)
    assert images.dtype == torch.bfloat16
    assert (images.float() - device.images(sketch)).abs().max() * 255 <= BF16_STEP


@pytest.mark.parametrize("mosaic", [0.0, 1.0])
def test_nothing_waits_for_the_device(parts, mosaic):
    """Under fake tensors every look at a value is an error."""
    samples, store, device = parts
    sketch = Batches(samples, store, batch=7, augment=Augment(mosaic=mosaic), seed=2).sketch(1, SIZE)
    tables = device.tables(sketch)
    with FakeTensorMode() as mode:
        fakes = [mode.from_tensor(one) for one in (tables.places, tables.numbers, tables.cuts)]
        images = gather(mode.from_tensor(device.pictures), Tables(*fakes).to(torch.device("cpu")), SIZE)
        assert images.shape == (7, 3, *SIZE)


def test_pictures_lie_padded_on_the_device(parts):
    samples, store, device = parts
    assert device.pictures.shape == (7, max(h for h, _ in device.sizes), max(w for _, w in device.sizes), 3)
    for index in range(len(samples)):
        height, width = store[index].shape[:2]
        np.testing.assert_array_equal(device.pictures[index, :height, :width].numpy(), store[index])
        assert not device.pictures[index, height:].any()


def test_a_learner_learns_the_same_from_batches_of_either_kind(parts):
    samples, store, device = parts
    batches = Batches(samples, store, batch=4, augment=Augment(kind="free", mosaic=0.3), seed=2)
    updated = []
    for kind in (batches, DeviceBatches(batches, device)):
        net = network()
        assert net.region is not None
        learner = Learner(net, begun(net), Detection(Head(net.region), RECIPE), RECIPE, batch=4)
        for batch in kind.stream((number, (64, 64)) for number in range(1, 4)):
            assert batch.files == batches.sketch(batch.number, (64, 64)).files
            learner.update(batch.images, batch.truths, 0.01)
        updated.append(flat(learner.weights()))
    moved = np.abs(updated[0] - flat(begun(network()))).max()
    assert np.abs(updated[0] - updated[1]).max() < 0.02 * moved


def test_a_processor_keeps_no_second_copy_of_all_pictures():
    assert not has_room(torch.device("cpu"), pictures=1, side=8)
