"""How often a classifier is right, counted by hand."""

import numpy as np
import pytest

from painted_sets import sample
from small_sets import write_picture
from yolov2.detect.classifier import Classifier
from yolov2.evaluate.accuracy import Accuracy, accuracy, place_of
from yolov2.hierarchy.wordtree import WordTree
from yolov2.model.module import DarknetModule
from yolov2.model.weights import arrays
from yolov2.network.layers import AvgPool, Convolutional, Softmax
from yolov2.network.shapes import Shape
from yolov2.network.spec import Network
from yolov2.records import Classification
from yolov2.samples import Samples

TREE = WordTree(("warm", "cold", "red", "green"), np.array([-1, -1, 0, 0]))


def colours(*, tree=False, rows=((9, 0, 0), (0, 9, 0), (0, 0, 9), (3, 3, 3))):
    """A network whose classes are shares of red, green and blue, and all of them."""
    layers = (
        Convolutional(len(rows), size=1, activation="linear"),
        AvgPool(),
        Softmax(tree="a.tree" if tree else None),
    )
    network = Network(Shape(3, 8, 8), layers)
    weights = arrays(DarknetModule(network))
    weights.layers[0]["weights"][:] = np.array(rows, np.float32)[:, :, None, None]
    weights.layers[0]["biases"][:] = 0
    return network, weights


def painted(folder, *colours_and_labels):
    from PIL import Image

    samples = []
    for number, (colour, label) in enumerate(colours_and_labels):
        path = folder / f"{number}.png"
        Image.new("RGB", (20, 20), colour).save(path)
        samples.append(sample(path, (0, 0), label=label))
    return Samples.of(samples)


def test_right_answers_are_counted(tmp_path):
    samples = painted(
        tmp_path, ("red", 0), ("red", 1), ("lime", 1), ("blue", 3), ("white", 2), ("black", 0), ("blue", None)
    )
    with Classifier(*colours()) as classifier:
        found = accuracy(classifier, samples, top=2, batch=2)
    assert found == Accuracy(pictures=6, first=3, among=4, top=2)
    assert (found.top1, found.top_k) == (0.5, 4 / 6)


def test_a_picture_that_can_not_be_read_counts_neither_way(tmp_path):
    samples = painted(tmp_path, ("red", 0), ("lime", 1), ("blue", 2))
    (tmp_path / "1.png").write_bytes(b"")
    with Classifier(*colours()) as classifier:
        found = accuracy(classifier, samples)
    assert (found.pictures, found.first, found.among) == (2, 2, 2)
    assert [failure.source for failure in found.failures] == [str(tmp_path / "1.png")]


def test_classes_may_be_nodes_of_a_tree(tmp_path):
    network, weights = colours(tree=True, rows=((9, 0, 0), (0, 0, 9), (9, 0, 0), (0, 9, 0)))
    samples = painted(tmp_path, ("red", 1), ("blue", 0), ("red", 0))  # 0: cold, 1: red
    with Classifier(network, weights, tree=TREE, map=(1, 2)) as classifier:
        found = accuracy(classifier, samples, top=1)
    assert (found.pictures, found.first) == (3, 2)


def test_a_class_that_is_no_answer_stands_behind_all():
    found = Classification(np.array([2, 0, 1]), np.array([0.5, 0.3, 0.2], np.float32), (4, 4))
    assert [place_of(found, label) for label in (2, 0, 1, 7)] == [0, 1, 2, 3]


def test_no_picture_is_no_success():
    empty = Accuracy(0, 0, 0, 5)
    assert (empty.top1, empty.top_k) == (0, 0)
    with Classifier(*colours()) as classifier:
        assert accuracy(classifier, Samples.of([])) == empty


@pytest.mark.parametrize("batch", [1, 3, 32])
def test_the_batch_changes_nothing(tmp_path, batch):
    paths = [write_picture(tmp_path / f"{seed}.png", seed=seed) for seed in range(7)]
    samples = Samples.of(sample(path, (0, 0), label=index % 4) for index, path in enumerate(paths))
    with Classifier(*colours()) as classifier:
        expected = sum(int(classifier(str(path)).class_ids[0]) == index % 4 for index, path in enumerate(paths))
        assert accuracy(classifier, samples, batch=batch).first == expected
