"""The family as Python calls: equal to Darknet's files, and what its parameters change."""

import math
from collections.abc import Iterable
from pathlib import Path

import pytest

from yolov2.network.architectures import (
    OFFICIAL,
    VOC_ANCHORS,
    darknet19,
    darknet19_448,
    darknet9000,
    detector_after,
    scaled,
    yolo9000,
    yolov2,
    yolov2_tiny,
    yolov2_tiny_voc,
    yolov2_voc,
)
from yolov2.network.layers import Convolutional, Layer, Reorg, Softmax
from yolov2.network.shapes import Shape
from yolov2.network.spec import Network

CALLS = [yolov2, yolov2_voc, yolov2_tiny, yolov2_tiny_voc, yolo9000, darknet19, darknet19_448, darknet9000]
DETECTORS = CALLS[:5]


def filters(layers: Iterable[Layer]) -> list[int]:
    return [layer.filters for layer in layers if isinstance(layer, Convolutional)]


@pytest.mark.golden
@pytest.mark.parametrize("name", OFFICIAL)
def test_a_call_without_arguments_is_darknets_file_with_all_training_options(small_golden: Path, name: str):
    network = Network.read(small_golden / "cfg" / f"{name}.cfg")

    assert OFFICIAL[name]() == network
    assert OFFICIAL[name]().name == network.name == name


def test_every_call_is_listed_under_the_name_of_its_network():
    assert {name: call().name for name, call in OFFICIAL.items()} == {name: name for name in OFFICIAL}
    assert list(OFFICIAL.values()) == CALLS


def test_darknet19_has_the_output_sizes_of_table_6_at_224():
    shapes = darknet19(size=224).shapes

    # fmt: off
    assert [(shape.channels, shape.height) for shape in shapes[:23]] == [
        (32, 224), (32, 112),
        (64, 112), (64, 56),
        (128, 56), (64, 56), (128, 56), (128, 28),
        (256, 28), (128, 28), (256, 28), (256, 14),
        (512, 14), (256, 14), (512, 14), (256, 14), (512, 14), (512, 7),
        (1024, 7), (512, 7), (1024, 7), (512, 7), (1024, 7),
    ]
    # fmt: on
    assert shapes[23:] == (Shape(1000, 7, 7), Shape(1000, 1, 1), Shape(1000, 1, 1))


@pytest.mark.parametrize("call", DETECTORS)
def test_the_head_follows_classes_and_anchors(call):
    network = call(3, anchors=[(1, 2), (3, 4)])

    assert network.raw_shape.channels == 2 * (5 + 3)
    assert network.region.classes == network.num_classes == 3
    assert network.region.anchors == ((1.0, 2.0), (3.0, 4.0))


@pytest.mark.parametrize("call", [darknet19, darknet19_448, darknet9000])
def test_a_classifier_ends_in_as_many_numbers_as_classes(call):
    assert call(7).shapes[-1] == Shape(7, 1, 1)
    assert call(7).num_classes == 7


@pytest.mark.parametrize("call", CALLS)
def test_half_the_width_is_half_of_every_hidden_layer_and_the_whole_head(call):
    *hidden, head = filters(call().layers)
    *halves, same_head = filters(call(width=0.5).layers)

    assert halves == [count // 2 for count in hidden]
    assert same_head == head


def test_filters_are_rounded_to_the_nearest_multiple_of_8_and_at_least_8():
    layers = [Convolutional(count) for count in (16, 32, 64, 100, 120)]

    assert filters(scaled(layers, 0.25)) == [8, 8, 16, 24, 32]  # of 4, 8, 16, 25 and 30
    assert filters(scaled(layers, 0.01)) == [8, 8, 8, 8, 8]
    assert filters(scaled(layers, 1.5)) == [24, 48, 96, 152, 184]  # of 24, 48, 96, 150 and 180


@pytest.mark.parametrize("width", [0, -1, math.inf, math.nan])
def test_a_width_that_is_no_positive_number_is_a_wrong_call(width):
    with pytest.raises(ValueError, match=rf"^width: found {width}, expected a number above 0$"):
        yolov2_tiny(width=width)


@pytest.mark.parametrize("call", CALLS)
def test_the_input_is_square_or_height_before_width(call):
    assert call(size=320).input == Shape(3, 320, 320)
    assert call(size=(320, 288)).input == Shape(3, 320, 288)


@pytest.mark.parametrize("call", [yolov2, yolov2_voc])
def test_only_the_order_of_the_passthrough_changes_without_the_legacy_reorg(call):
    legacy, plain = call(), call(legacy_reorg=False)

    assert (legacy.layers[27], plain.layers[27]) == (Reorg(2, legacy=True), Reorg(2, legacy=False))
    assert plain.layers[:27] + plain.layers[28:] == legacy.layers[:27] + legacy.layers[28:]
    assert plain.shapes == legacy.shapes


def test_the_passthrough_joins_the_last_map_of_twice_the_size():
    network = yolov2_voc()

    assert network.shapes[16] == Shape(512, 26, 26)
    assert network.shapes[17] == Shape(512, 13, 13)
    assert network.shapes[28] == Shape(256 + 1024, 13, 13)


def test_yolov2_voc_with_the_classes_of_coco_is_yolov2_but_for_anchors_size_and_schedule():
    ours = yolov2(80, anchors=VOC_ANCHORS, size=416)

    assert yolov2_voc(80).layers == ours.layers
    assert yolov2_voc(80).input == ours.input


def test_the_tree_of_a_hierarchical_network_can_be_another():
    region = yolo9000(5, tree="five.tree", map=None).region

    assert region is not None
    assert (region.tree, region.map) == ("five.tree", None)
    assert darknet9000(5, tree="five.tree").head == Softmax(tree="five.tree")


def test_darknet_19_becomes_yolov2_voc():
    assert detector_after(darknet19(size=416)) == yolov2_voc()
    assert detector_after(darknet19(size=416), 3, anchors=((1, 2),)) == yolov2_voc(3, anchors=((1, 2),))


def test_the_layers_after_a_narrow_classifier_are_as_narrow():
    made = detector_after(darknet19(width=0.5, size=416))
    assert made == yolov2_voc(width=0.5)
    assert filters(made.layers)[:18] == filters(darknet19(width=0.5).layers)[:18]


def test_without_a_finer_layer_there_is_nothing_to_pass_through():
    flat = Network(Shape(3, 8, 8), (Convolutional(8), Convolutional(4)))
    with pytest.raises(ValueError) as refusal:
        detector_after(flat)
    assert str(refusal.value) == "layers: found none twice as fine as the last one, expected one, for a passthrough"
