"""The network input and the way back: against Darknet's own arrays, and against a slow twin in Darknet's order."""

from typing import Any

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from strategies import boxes_xyxy, picture_sizes
from yolov2.boxes import cxcywh_from_xyxy
from yolov2.pictures.letterbox import (
    Placement,
    letterbox,
    place_letterbox,
    place_stretch,
    render,
    stretch,
    unletterbox,
)

SAME_INPUT = 2e-6  # golden/MANIFEST.md: pictures and network inputs; float32 rounding of three sums is below 3e-7
SAME_FRACTION = 1e-6  # float32 rounding of fractions up to about 4
FLOAT64_NOISE = 1e-12
NUMPY_AND_TORCH = pytest.mark.parametrize("array", [np.asarray, torch.asarray], ids=["numpy", "torch"])


def noise(height, width, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def slow_resize(pixels, height, width):
    """Darknet's resize_image, columns first and then rows, in its float32 and its order; (3, height, width)."""
    f32 = np.float32
    picture = (pixels / 255.0).astype(f32).transpose(2, 0, 1)
    source_h, source_w = picture.shape[1:]
    scale_x, scale_y = f32(source_w - 1) / f32(max(width - 1, 1)), f32(source_h - 1) / f32(max(height - 1, 1))
    part = np.zeros((3, source_h, width), f32)
    for column in range(width):
        if column == width - 1 or source_w == 1:
            part[:, :, column] = picture[:, :, source_w - 1]
        else:
            x = f32(column) * scale_x
            share = x - f32(int(x))
            part[:, :, column] = (1 - share) * picture[:, :, int(x)] + share * picture[:, :, int(x) + 1]
    result = np.zeros((3, height, width), f32)
    for row in range(height):
        y = f32(row) * scale_y
        share = y - f32(int(y))
        result[:, row] = (1 - share) * part[:, int(y)]
        if row != height - 1 and source_h != 1:
            result[:, row] += share * part[:, int(y) + 1]
    return result


@pytest.mark.golden
@pytest.mark.parametrize("mode, prepare", [("letterbox", letterbox), ("stretch", stretch)])
def test_the_input_of_a_real_network_is_darknets(golden, mode, prepare):
    dog = cv2.imread(str(golden / "pictures" / "dog.png"), cv2.IMREAD_COLOR_RGB)
    expected = np.load(golden / "b_detect" / "voc_224x224.npz")[f"dog_{mode}_input"]
    np.testing.assert_allclose(prepare(dog, (224, 224)), expected, rtol=0, atol=SAME_INPUT)


@pytest.mark.golden
@pytest.mark.parametrize(
    "key", ["resize_53x37", "resize_20x90", "resize_107x74", "resize_52x36", "resize_from_1x37", "resize_from_53x1"]
)
def test_a_resized_picture_is_darknets(small_golden, recipe, key):
    expected = np.load(small_golden / "f_augment" / "functions.npz")[key]
    whole = recipe.seeded_picture(37, 53, 900)
    pixels = {"resize_from_1x37": whole[:, :1], "resize_from_53x1": whole[:1]}.get(key, whole)
    np.testing.assert_allclose(stretch(pixels, expected.shape[1:]), expected, rtol=0, atol=SAME_INPUT)


@pytest.mark.golden
@pytest.mark.parametrize("key", ["letterbox_64x64", "letterbox_96x32", "letterbox_31x77", "letterbox_416x64"])
def test_a_letterboxed_picture_is_darknets(small_golden, recipe, key):
    expected = np.load(small_golden / "f_augment" / "functions.npz")[key]
    pixels = recipe.seeded_picture(37, 53, 900)
    np.testing.assert_allclose(letterbox(pixels, expected.shape[1:]), expected, rtol=0, atol=SAME_INPUT)


@pytest.mark.golden
@pytest.mark.parametrize("number, height, width", [(0, 60, 90), (1, 90, 50), (2, 32, 32)])
@pytest.mark.parametrize(
    "mode, prepare",
    [
        ("predict_letterbox", letterbox),
        ("validcrop_stretch", stretch),
        ("validfull_resize_min", stretch),
        ("validmulti_resize_max_24", stretch),
        ("validmulti_resize_max_48", stretch),
    ],
)
def test_the_input_of_a_classifier_is_darknets(small_golden, recipe, number, height, width, mode, prepare):
    expected = np.load(small_golden / "g_classifier" / "preprocess.npz")[f"p{number}_{mode}"]
    pixels = recipe.seeded_picture(height, width, 950 + number)
    np.testing.assert_allclose(prepare(pixels, expected.shape[1:]), expected, rtol=0, atol=SAME_INPUT)


@given(source=picture_sizes(largest=90), result=picture_sizes(largest=60), seed=st.integers(0, 9))
def test_any_resize_is_the_slow_one(source, result, seed):
    pixels = noise(*source, seed=seed)
    np.testing.assert_allclose(stretch(pixels, result), slow_resize(pixels, *result), rtol=0, atol=SAME_INPUT)


@pytest.mark.parametrize(
    "source, result",
    [
        ((480, 640), (312, 416)),  # a usual photograph, in several strips
        ((433, 353), (352, 300)),
        ((900, 700), (32, 60)),  # rows left behind, columns too
        ((40, 3000), (64, 96)),  # columns left behind alone
        ((3, 70_000), (16, 40)),  # wider than OpenCV samples from
        ((40_000, 3), (32, 32)),
        ((5, 7), (1, 1)),  # where Darknet divides by zero
    ],
    ids=str,
)
def test_a_resize_in_each_of_its_ways_is_the_slow_one(source, result):
    pixels = noise(*source)
    np.testing.assert_allclose(stretch(pixels, result), slow_resize(pixels, *result), rtol=0, atol=SAME_INPUT)


def test_the_last_row_is_dark_where_darknets_float_position_falls_short():
    white = np.full((432, 20, 3), 255, np.uint8)
    resized = stretch(white, (352, 20))
    assert resized[:, :-1].min() == 1.0
    assert resized[:, -1].max() < 1e-4
    np.testing.assert_allclose(resized, slow_resize(white, 352, 20), rtol=0, atol=SAME_INPUT)


def test_a_picture_of_the_networks_size_keeps_every_byte():
    every = np.arange(256, dtype=np.uint8).reshape(16, 16)
    pixels = np.stack((every, every.T, every[::-1]), axis=-1)
    expected = (pixels.transpose(2, 0, 1) / 255.0).astype(np.float32)
    np.testing.assert_array_equal(stretch(pixels, (16, 16)), expected)
    np.testing.assert_array_equal(letterbox(pixels, (16, 16)), expected)


def test_a_view_that_runs_backwards_is_read_as_it_looks():
    pixels = noise(30, 40)
    np.testing.assert_array_equal(stretch(pixels[::-1, ::-1], (20, 20)), stretch(pixels[::-1, ::-1].copy(), (20, 20)))


def test_the_canvas_beside_the_picture_is_half_grey():
    boxed = letterbox(np.zeros((10, 20, 3), np.uint8), (32, 32))
    assert np.unique(boxed[:, :8]).tolist() == [0.5]
    assert np.unique(boxed[:, 8:24]).tolist() == [0.0]
    assert np.unique(boxed[:, 24:]).tolist() == [0.5]


@pytest.mark.parametrize("source", [(10, 20), (20, 10), (32, 32)])
def test_the_result_lands_in_the_array_that_was_given(source):
    batch = np.full((3, 3, 32, 32), -1, np.float32)
    assert letterbox(noise(*source), (32, 32), out=batch[1]).base is batch
    np.testing.assert_array_equal(batch[1], letterbox(noise(*source), (32, 32)))
    assert np.unique(batch[[0, 2]]).tolist() == [-1]


def test_an_array_of_another_shape_or_kind_is_a_wrong_call():
    doubles: Any = np.empty((3, 32, 32))
    with pytest.raises(ValueError, match=r"^render: found out float32 \(3, 31, 32\), expected float32 \(3, 32, 32\)$"):
        letterbox(noise(9, 9), (32, 32), out=np.empty((3, 31, 32), np.float32))
    with pytest.raises(ValueError, match=r"^render: found out float64"):
        letterbox(noise(9, 9), (32, 32), out=doubles)


@pytest.mark.parametrize(
    "picture, network, resized, offset",
    [
        ((480, 640), (416, 416), (312, 416), (52, 0)),
        ((640, 480), (416, 416), (416, 312), (0, 52)),
        ((424, 640), (416, 416), (275, 416), (70, 0)),  # an odd margin of 141
        ((480, 640), (192, 320), (192, 256), (0, 32)),
        ((1, 5000), (416, 416), (1, 416), (207, 0)),  # Darknet: no row at all
        ((5000, 1), (416, 416), (416, 1), (0, 207)),
    ],
)
def test_a_letterbox_lies_where_darknet_puts_it(picture, network, resized, offset):
    assert place_letterbox(picture, network) == Placement(network, resized, offset)


def test_a_placement_outside_its_network_input_is_a_wrong_call():
    with pytest.raises(ValueError, match="expected a picture of at least 1 x 1 inside the network input"):
        Placement((32, 32), (20, 32), (13, 0))


@given(picture=picture_sizes(), network=picture_sizes(largest=200))
def test_a_letterbox_fills_one_side_and_stays_inside(picture, network):
    place = place_letterbox(picture, network)
    assert any(resized == side for resized, side in zip(place.resized, network, strict=True))
    margins = [side - resized for resized, side in zip(place.resized, network, strict=True)]
    assert list(place.offset) == [margin // 2 for margin in margins]
    assert render(noise(*picture), place).shape == (3, *network)


@NUMPY_AND_TORCH
@given(picture=picture_sizes(), network=picture_sizes(largest=200), corners=boxes_xyxy(span=1.0))
def test_unletterbox_undoes_the_way_onto_the_network_input(array, picture, network, corners):
    place = place_letterbox(picture, network)
    boxes = cxcywh_from_xyxy(corners)
    share = np.array(place.resized[::-1]) / np.array(network[::-1])  # as x, y
    there = boxes * np.tile(share, 2)
    there[:, :2] += (1 - share) / 2  # the real-valued half of the margin, as Darknet has it
    np.testing.assert_allclose(unletterbox(array(there), place), boxes, rtol=0, atol=FLOAT64_NOISE)


@NUMPY_AND_TORCH
def test_unletterbox_halves_an_odd_margin_as_a_real_number(array):
    place = place_letterbox((424, 640), (416, 416))  # 275 rows, pasted at row 70; 70.5 is the half
    box = array(np.array([[0.5, 0.5, 0.25, 0.25]], np.float32))
    moved = unletterbox(box, place)
    assert str(moved.dtype).endswith("float32")
    np.testing.assert_allclose(moved, [[0.5, 0.5, 0.25, 0.25 * 416 / 275]], rtol=0, atol=SAME_FRACTION)


@NUMPY_AND_TORCH
def test_boxes_of_a_stretched_picture_stay_as_they_are(array):
    boxes = array(np.random.default_rng(0).uniform(-1, 2, (2, 5, 4)).astype(np.float32))
    np.testing.assert_array_equal(unletterbox(boxes, place_stretch((300, 500), (192, 320))), boxes)


def test_no_box_gives_no_box():
    assert unletterbox(np.zeros((0, 4), np.float32), place_letterbox((3, 4), (32, 32))).shape == (0, 4)
