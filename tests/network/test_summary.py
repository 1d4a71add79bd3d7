"""Counts and the printed table of a network, against what Darknet itself counted and printed."""

import json
from pathlib import Path
from typing import Any

import pytest

from yolov2.network.architectures import darknet19, yolov2, yolov2_tiny_voc
from yolov2.network.layers import (
    Activation,
    AvgPool,
    BatchNorm,
    Connected,
    Convolutional,
    Cost,
    Crop,
    Dropout,
    Layer,
    MaxPool,
    Reorg,
    Route,
    Shortcut,
    Softmax,
    Upsample,
)
from yolov2.network.shapes import Shape
from yolov2.network.spec import Network
from yolov2.network.summary import Row, summarise

ROUNDING = 1e-12  # relative; Darknet adds BFLOPs in float64, we add whole numbers

OFFICIAL = (
    "yolov2_608x608",
    "yolov2_416x416",
    "yolov2-voc_416x416",
    "yolov2-voc_544x544",
    "yolov2-tiny_416x416",
    "yolov2-tiny-voc_416x416",
    "yolo9000_544x544",
    "darknet19_256x256",
    "darknet19_224x224",
    "darknet19_448_448x448",
    "darknet9000_448x448",
)

# One layer of every kind, in sizes that show which number stands where.
EVERY_KIND: tuple[Layer, ...] = (
    Crop(height=12, width=16),
    Convolutional(8, size=3, stride=2, padding=1, batch_normalize=True),
    Convolutional(8, size=3, padding=1, groups=4, activation="leaky"),
    BatchNorm(),
    Activation("relu"),
    Shortcut(source=1),
    MaxPool(size=2, stride=2, padding=1),
    Upsample(stride=2),
    Route((7, 5)),
    Reorg(stride=2),
    Reorg(stride=2, reverse=True, legacy=False),
    AvgPool(),
    Dropout(0.25),
    Connected(10, batch_normalize=True),
    Softmax(),
    Cost(),
)
TABLE_OF_EVERY_KIND = """\
layer     filters    size              input                output
    0 Crop Layer: 14 x 20 -> 12 x 16 x 3 image
    1 conv      8  3 x 3 / 2    16 x  12 x   3   ->     8 x   6 x   8  0.000 BFLOPs
    2 conv      8  3 x 3 / 1     8 x   6 x   8   ->     8 x   6 x   8  0.000 BFLOPs
    3 Batch Normalization Layer: 8 x 6 x 8 image
    4 Activation Layer: 384 inputs
    5 res    1                   8 x   6 x   8   ->     8 x   6 x   8
    6 max          2 x 2 / 2     8 x   6 x   8   ->     4 x   3 x   8
    7 upsample            2x     4 x   3 x   8   ->     8 x   6 x   8
    8 route  7 5
    9 reorg              / 2     8 x   6 x  16   ->     4 x   3 x  64
   10 reorg              / 2     4 x   3 x  64   ->     8 x   6 x  16
   11 avg                        8 x   6 x  16   ->    16
   12 dropout       p = 0.25                 16  ->    16
   13 connected                              16  ->    10
   14 softmax                                          10
   15 cost                                             10"""


@pytest.fixture
def rows() -> tuple[Row, ...]:
    return summarise(Network(Shape(3, 14, 20), EVERY_KIND)).rows


def official(small_golden: Path, name: str) -> tuple[dict[str, Any], Network]:
    case = json.loads((small_golden / "j_cfg_summary" / "summary.json").read_text())[name]
    return case, Network.read(small_golden / case["cfg"]).at_size(case["height"], case["width"])


@pytest.mark.golden
def test_every_official_network_of_the_reference_is_compared(small_golden: Path):
    assert tuple(json.loads((small_golden / "j_cfg_summary" / "summary.json").read_text())) == OFFICIAL


@pytest.mark.golden
@pytest.mark.parametrize("name", OFFICIAL)
def test_the_table_is_the_one_that_darknet_prints(small_golden: Path, name: str):
    case, network = official(small_golden, name)

    assert summarise(network).table.split("\n") == case["printed_table"]


@pytest.mark.golden
@pytest.mark.parametrize("name", OFFICIAL)
def test_weights_operations_and_shapes_are_those_that_darknet_counts(small_golden: Path, name: str):
    case, network = official(small_golden, name)
    summary = summarise(network)

    assert summary.parameters == case["total_params"]
    assert summary.operations / 1e9 == pytest.approx(case["total_conv_bflops"], rel=ROUNDING)
    for row, layer in zip(summary.to_dict()["layers"], case["layers"], strict=True):
        assert row["index"] == layer["i"]
        assert row["type"] == layer["type"]
        assert row["output"] == layer["output"]
        assert row["weights"] == layer["params"]
        assert row["operations"] / 1e9 == pytest.approx(layer["bflops"] or 0, rel=ROUNDING)
        if layer["type"] not in ("route", "cost"):  # Darknet leaves these at 0
            assert row["input"] == layer["input"]


def test_yolov2_at_608_has_the_published_counts():
    summary = summarise(yolov2())

    assert summary.parameters == 50_983_561
    assert round(summary.operations / 1e9, 2) == 62.94


def test_darknet19_at_224_has_the_papers_5_58_billion_operations():
    assert round(summarise(darknet19(size=224)).operations / 1e9, 2) == 5.58


def test_every_kind_of_layer_has_darknets_line():
    assert summarise(Network(Shape(3, 14, 20), EVERY_KIND)).table == TABLE_OF_EVERY_KIND


def test_groups_divide_operations_and_weights(rows):
    assert rows[2].operations == 2 * (3 * 3 * 2) * (8 * 6 * 8)  # 2 of the 8 channels for each filter
    assert rows[2].parameters == 8 + 8 * 2 * 3 * 3


def test_a_connected_layer_counts_every_input_for_every_output(rows):
    assert rows[13].operations == 2 * 16 * 10
    assert rows[13].parameters == 10 + 16 * 10 + 3 * 10


def test_batch_norm_adds_three_numbers_a_channel_and_no_operations(rows):
    assert (rows[1].parameters, rows[1].operations) == (8 * (3 * 3 * 3 + 1 + 3), 2 * (3 * 3 * 3) * (8 * 6 * 8))
    assert (rows[3].parameters, rows[3].operations) == (3 * 8, 0)


def test_a_row_says_what_it_reads(rows):
    assert rows[0].sources == (-1,)
    assert rows[5].sources == (4, 1)
    assert rows[8].sources == (7, 5)
    assert rows[8].inputs == (Shape(8, 6, 8), Shape(8, 6, 8))
    assert rows[8].input == rows[8].output == Shape(16, 6, 8)


def test_the_shortcut_line_shows_the_earlier_layer_and_the_result():
    layers = (Convolutional(4), MaxPool(size=2, stride=2, padding=1), Convolutional(6), Shortcut(source=0))

    line = summarise(Network(Shape(3, 8, 16), layers)).rows[3].line
    assert line == "    3 res    0                  16 x   8 x   4   ->     8 x   4 x   6"


def test_the_summary_of_a_detector_as_json():
    summary = summarise(yolov2_tiny_voc(2, anchors=[(1, 2), (3, 4.5)], size=(32, 64)))
    found = json.loads(json.dumps(summary.to_dict()))

    assert {key: found[key] for key in found if key != "layers"} == {
        "name": "yolov2-tiny-voc",
        "input": [3, 32, 64],
        "weights": summary.parameters,
        "operations": summary.operations,
        "classes": 2,
        "anchors": [[1.0, 2.0], [3.0, 4.5]],
    }
    assert found["layers"][1] == {
        "index": 1,
        "type": "maxpool",
        "size": 2,
        "stride": 2,
        "from": [0],
        "input": [16, 32, 64],
        "output": [16, 16, 32],
        "weights": 0,
        "operations": 0,
    }
    assert found["layers"][14]["filters"] == 2 * (5 + 2)


def test_a_classifier_has_classes_and_no_anchors():
    summary = summarise(darknet19(7))

    assert (summary.classes, summary.anchors) == (7, ())


def test_a_backbone_has_no_classes():
    assert summarise(Network(Shape(3, 8, 8), (Convolutional(4),))).classes is None
