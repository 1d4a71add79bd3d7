"""The paper's way to a detector, small: a classifier, the same on larger pictures, its layers in a detector."""

from dataclasses import dataclass, replace

import cv2
import numpy as np
import pytest
import torch
from PIL import Image

from painted_sets import sample
from yolov2.boxes import pairwise_iou
from yolov2.darknet.weights import Weights, initial_weights
from yolov2.data.draws import Augment
from yolov2.detect.classifier import Classifier
from yolov2.detect.detector import Detector
from yolov2.evaluate.accuracy import accuracy
from yolov2.model.region_loss import Head
from yolov2.network import architectures
from yolov2.network.layers import Convolutional
from yolov2.network.spec import Network
from yolov2.samples import Samples
from yolov2.train.batches import Batches
from yolov2.train.classification import Classification
from yolov2.train.job import augment_of
from yolov2.train.labelled_batches import LabelledBatches
from yolov2.train.learner import Learner
from yolov2.train.objective import Detection
from yolov2.train.plan import Plan
from yolov2.train.recipe import Recipe
from yolov2.train.start import start
from yolov2.train.store import PictureStore

CLASSES = ("disc", "square", "triangle")  # reddish, greenish, bluish
SMALL, LARGE = 32, 64
PICTURE = 96
DARKNET_19 = 23  # layers: 18 convolutions and 5 pools, all but the classifier's own last one
WIDTH = 0.1

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("one_thread")]


@pytest.fixture(scope="module")
def one_thread():
    """Threads that wait for each other cost minutes where others use the processor, too."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def painted(rng, kinds):
    """A picture with these shapes side by side, and their boxes."""
    canvas = cv2.resize(rng.integers(0, 128, (4, 4, 3), np.uint8), (PICTURE, PICTURE), interpolation=cv2.INTER_CUBIC)
    boxes, room = [], PICTURE // len(kinds)
    for place, kind in enumerate(kinds):
        r = int(room * rng.uniform(0.3, 0.45))
        x, y = place * room + int(rng.integers(r, room - r)), int(rng.integers(r, PICTURE - r))
        colour = rng.integers(0, 90, 3).tolist()
        colour[kind] = 255
        if kind == 0:
            cv2.circle(canvas, (x, y), r, colour, -1)
        else:
            corners = [(x - r, y - r), (x + r, y - r)] if kind == 1 else [(x, y - r)]
            cv2.fillPoly(canvas, [np.array([*corners, (x + r, y + r), (x - r, y + r)])], colour)
        boxes.append((x - r, y - r, x + r + 1, y + r + 1))
    return canvas, boxes


def labelled(folder, *, count, seed):
    """Pictures of one shape each."""
    rng = np.random.default_rng(seed)
    samples = []
    for number in range(count):
        path = folder / f"{seed}-{number}.png"
        Image.fromarray(painted(rng, [number % 3])[0]).save(path)
        samples.append(sample(path, (0, 0), label=number % 3))
    return Samples.of(samples)


def boxed(folder, *, count):
    """Pictures of two shapes each, with boxes."""
    rng = np.random.default_rng(9)
    samples = []
    for number in range(count):
        kinds, path = [number % 3, (number + 1) % 3], folder / f"boxed-{number}.png"
        pixels, boxes = painted(rng, kinds)
        Image.fromarray(pixels).save(path)
        samples.append(sample(path, (PICTURE, PICTURE), boxes, kinds))
    return Samples.of(samples)


def trained(learner, batches, plan):
    """The weights after all updates of the plan."""
    for number in range(1, plan.updates + 1):
        batch = batches.make(number, (plan.side(number),) * 2)
        learner.update(batch.images, batch.truths, plan.rate(number))
    return learner.weights()


def classified(network, weights, samples, recipe):
    """The weights of a classifier after this recipe, so much shorter."""
    small = replace(recipe, batch=16, mini_batch=None, norm_momentum=0.1, precision="fp32")
    plan = Plan(small, network.training, len(samples))
    with PictureStore(samples.pictures, side=PICTURE) as store:
        batches = LabelledBatches(samples, store, batch=small.batch, augment=augment_of(small, plan), seed=0)
        learner = Learner(network, weights, Classification(network), small, batch=small.batch)
        return trained(learner, batches, plan)


def top1(network, weights, samples):
    with Classifier(network, weights, names=CLASSES, preprocess="valid") as classifier:
        return accuracy(classifier, samples).top1


@dataclass(frozen=True, slots=True)
class Steps:
    """The classifier at the first size and at the second, each with what it knows of pictures it has not seen."""

    first_top1: float
    before_top1: float  # of the first classifier's weights at the second size
    second: Network
    second_weights: Weights
    second_top1: float


@pytest.fixture(scope="module")
def steps(tmp_path_factory, one_thread):
    folder = tmp_path_factory.mktemp("pictures")
    pictures, held_out = labelled(folder, count=96, seed=1), labelled(folder, count=99, seed=2)
    first = architectures.darknet19(classes=3, width=WIDTH, size=SMALL)
    recipe = replace(Recipe.named("classify-224"), batches=40, sizes=(SMALL,), scale=(1.0, 1.2), learning_rate=0.05)
    weights = classified(first, None, pictures, recipe)
    second = first.at_size(LARGE, LARGE)
    tuning = replace(Recipe.named("classify-448"), batches=30, sizes=(LARGE,), learning_rate=0.01)
    tuned = classified(second, weights, pictures, tuning)
    scores = (top1(network, of, held_out) for network, of in ((first, weights), (second, weights), (second, tuned)))
    first_top1, before_top1, second_top1 = scores
    return Steps(first_top1, before_top1, second, tuned, second_top1)


def test_a_small_darknet_19_learns_to_tell_pictures_it_has_not_seen(steps):
    assert steps.first_top1 >= 0.95


def test_it_does_not_know_them_at_twice_the_size_until_it_is_fine_tuned(steps):
    assert steps.before_top1 < 0.8
    assert steps.second_top1 >= 0.9


def detector():
    anchors = ((0.6, 0.6), (1.2, 1.2))
    return architectures.yolov2_voc(classes=3, width=WIDTH, size=LARGE, anchors=anchors)


def test_a_detector_takes_over_all_of_darknet_19_and_nothing_else(steps):
    network = detector()
    begun = start(network, source=steps.second, weights=steps.second_weights, with_head=False)
    assert begun.learned == DARKNET_19
    convolutions = [index for index, layer in enumerate(network.layers) if isinstance(layer, Convolutional)]
    fresh = initial_weights(network).layers
    learned = steps.second_weights.layers[:DARKNET_19]
    taken = [index for index in convolutions[:18] if same(begun.weights.layers[index], learned[index])]
    assert taken == convolutions[:18]
    assert taken[-1] == DARKNET_19 - 1
    assert [index for index in convolutions if same(begun.weights.layers[index], fresh[index])] == convolutions[18:]
    assert begun.weights.seen == 0


def same(one, other):
    return one.keys() == other.keys() and all(np.array_equal(one[name], other[name]) for name in one)


def test_the_detector_finds_what_it_was_shown(steps, tmp_path):
    network, pictures = detector(), boxed(tmp_path, count=4)
    begun = start(network, source=steps.second, weights=steps.second_weights, with_head=False)
    recipe = replace(
        Recipe.named("finetune"), batches=100, batch=4, sizes=(LARGE,), learning_rate=0.02, warmup=10, ema=0.0,
        final_share=0.0, norm_momentum=0.1, precision="fp32", augment="none",
    )  # fmt: skip
    still = Augment(kind="none", hue=0.0, saturation=1.0, exposure=1.0)
    with PictureStore(pictures.pictures, side=PICTURE) as store:
        batches = Batches(pictures, store, batch=recipe.batch, augment=still, seed=0)
        assert network.region is not None
        learner = Learner(network, begun.weights, Detection(Head(network.region), recipe), recipe, batch=recipe.batch)
        weights = trained(learner, batches, Plan(recipe, network.training, len(pictures)))
    with Detector(network, weights, names=CLASSES, conf=0.3) as found_by:
        for one in pictures:
            found = found_by(str(one.picture))
            order = np.argsort(found.xyxy[:, 0])  # as they were painted
            assert found.class_ids[order].tolist() == one.class_ids.tolist()
            assert np.diag(pairwise_iou(found.xyxy[order].astype(float), one.boxes)).min() > 0.5
