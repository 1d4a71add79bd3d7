"""The same network for other classes, and how much two networks have in common."""

import pytest

from yolov2.network import architectures
from yolov2.network.heads import for_classes, last_with_weights, same_layers
from yolov2.network.layers import Convolutional, Cost, MaxPool, Softmax
from yolov2.network.mismatch import Mismatch
from yolov2.network.shapes import Shape
from yolov2.network.spec import Network

ANCHORS = ((1.0, 2.0), (3.0, 4.0), (5.0, 6.0))


def test_a_detector_for_other_classes_is_the_one_that_is_built_for_them():
    changed = for_classes(architectures.yolov2_voc(), 3, anchors=ANCHORS)
    assert changed == architectures.yolov2_voc(classes=3, anchors=ANCHORS)
    assert changed.layers[-2] == Convolutional(3 * (5 + 3), size=1, activation="linear")


def test_without_anchors_those_of_the_network_stay_and_a_tree_goes():
    changed = for_classes(architectures.yolo9000(), 5)
    assert changed.region is not None
    assert (changed.region.tree, changed.region.map, changed.region.classes) == (None, None, 5)
    assert changed.region.anchors == architectures.YOLO9000_ANCHORS


def test_a_classifier_for_other_classes_is_the_one_that_is_built_for_them():
    assert for_classes(architectures.darknet19(), 10) == architectures.darknet19(classes=10)


def test_a_classifier_over_a_tree_that_gets_classes_of_its_own_loses_the_tree():
    changed = for_classes(architectures.darknet9000(), 10)
    assert changed.head == Softmax()
    assert changed.num_classes == 10
    assert changed.layers[-1] == Cost("masked")


def test_a_classifier_gives_a_detector_the_layers_of_darknet_19():
    assert same_layers(architectures.yolov2_voc(), architectures.darknet19_448()) == 23
    assert same_layers(architectures.yolov2_voc(classes=3), architectures.yolov2_voc()) == last_with_weights(
        architectures.yolov2_voc()
    )
    assert same_layers(architectures.yolov2_voc(), architectures.yolov2_voc()) == 32
    assert same_layers(architectures.yolov2_voc(width=0.5), architectures.yolov2_voc()) == 0


def test_a_network_without_weights_has_no_classes():
    bare = Network(Shape(3, 8, 8), (MaxPool(size=2, stride=2, padding=1),))
    with pytest.raises(Mismatch):
        last_with_weights(bare)
    assert last_with_weights(Network(Shape(3, 8, 8), (Convolutional(4), MaxPool(size=2, stride=2, padding=1)))) == 0
