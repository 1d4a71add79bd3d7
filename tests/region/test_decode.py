"""region/decode.py against the formulas of the paper, box by box, and its sparse form against the dense one."""

import math
import warnings

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from predictions import passing
from yolov2.hierarchy.wordtree import WordTree
from yolov2.network.layers import Region
from yolov2.region.decode import (
    LARGEST_BOX,
    Candidates,
    activate,
    candidates,
    decode,
    mapped,
    read,
    sigmoid,
)

FLOAT32_NOISE = 2e-6  # relative: a few roundings
PROBABILITY_NOISE = 2e-7  # absolute: sigmoid and softmax in float32
LIBRARIES = pytest.mark.parametrize("array", [np.asarray, torch.asarray], ids=["numpy", "torch"])

ANCHORS = ((1.25, 2.0), (3.5, 0.75), (6.0, 5.0))
TREE = WordTree(("a", "b", "c", "d", "e"), np.array([-1, -1, 0, 0, 0]))
HEADS = {
    "softmax": Region(ANCHORS, classes=4, softmax=True),
    "logistic": Region(ANCHORS, classes=4),
    "background": Region(ANCHORS, classes=4, softmax=True, background=True),
    "background_logistic": Region(ANCHORS, classes=4, background=True),
    "one_class": Region(ANCHORS, classes=1, softmax=True),
    "mask": Region(ANCHORS, classes=2, coords=7, softmax=True),
    "tree": Region(ANCHORS, classes=5, softmax=True, tree="my.tree"),
}
EVERY_HEAD = pytest.mark.parametrize("name", HEADS)


def tree_of(head: Region) -> WordTree | None:
    return TREE if head.tree else None


def heads(name: str) -> st.SearchStrategy[np.ndarray]:
    """Raw heads (B, channels, H, W) in sixteenths from -20 to 20, of up to two pictures and 3 x 4 cells."""
    shape = st.tuples(st.integers(1, 2), st.just(HEADS[name].channels), st.integers(1, 3), st.integers(1, 4))
    return shape.flatmap(lambda s: hnp.arrays(np.int64, s, elements=st.integers(-320, 320))).map(
        lambda sixteenths: (sixteenths / 16).astype(np.float32)
    )


def slow_sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-x))


def slow_softmax(logits: list[float]) -> list[float]:
    powers = [math.exp(x) for x in logits]
    return [power / sum(powers) for power in powers]


def slow_decode(raw: np.ndarray, head: Region) -> list[tuple[int, list[float], float, list[float]]]:
    """Picture, box, objectness and class probabilities of every anchor in every cell, in Darknet's order."""
    batch, _, height, width = raw.shape
    found = []
    for picture, anchor, row, column in np.ndindex(batch, head.num_anchors, height, width):
        first = anchor * (head.coords + 1 + head.classes)
        tx, ty, tw, th, *rest = raw[picture, first : first + head.entries, row, column].tolist()
        claim, *logits = rest[head.coords - 4 :]
        wide, high = head.anchors[anchor]
        box = [
            (slow_sigmoid(tx) + column) / width,
            (slow_sigmoid(ty) + row) / height,
            math.exp(tw) * wide / width,
            math.exp(th) * high / height,
        ]
        found.append((picture, box, 1.0 if head.background else slow_sigmoid(claim), slow_classes(claim, logits, head)))
    return found


def slow_classes(claim: float, logits: list[float], head: Region) -> list[float]:
    if head.tree:
        return slow_softmax(logits[:2]) + slow_softmax(logits[2:])  # the roots, and the children of the first
    if not head.softmax:
        return [slow_sigmoid(x) for x in logits]
    return slow_softmax([claim, *logits])[1:] if head.background else slow_softmax(logits)


@LIBRARIES
@EVERY_HEAD
@given(data=st.data())
def test_every_anchor_of_every_cell_is_decoded_by_the_papers_formulas(array, name, data):
    head, raw = HEADS[name], data.draw(heads(name))
    prediction = decode(array(raw), head, tree=tree_of(head))
    pictures, boxes, objectness, class_probs = (list(column) for column in zip(*slow_decode(raw, head), strict=True))
    batch, _, height, width = raw.shape
    shape = (batch, head.num_anchors, height, width)
    assert prediction.boxes.shape == (*shape, 4)
    assert prediction.objectness.shape == shape
    assert prediction.class_probs.shape == (*shape, head.classes)
    assert pictures == sorted(pictures)
    np.testing.assert_allclose(prediction.boxes.reshape(-1, 4), boxes, rtol=FLOAT32_NOISE, atol=PROBABILITY_NOISE)
    np.testing.assert_allclose(
        prediction.objectness.reshape(-1), objectness, rtol=FLOAT32_NOISE, atol=PROBABILITY_NOISE
    )
    np.testing.assert_allclose(
        prediction.class_probs.reshape(-1, head.classes), class_probs, rtol=FLOAT32_NOISE, atol=PROBABILITY_NOISE
    )


@LIBRARIES
@EVERY_HEAD
@given(data=st.data(), threshold=st.sampled_from([0.0, 0.25, 0.5, 0.75, 0.999]))
def test_candidates_are_the_boxes_of_the_whole_prediction_that_pass(array, name, data, threshold):
    head, raw = HEADS[name], array(data.draw(heads(name)))
    few = candidates(raw, head, threshold=threshold, tree=tree_of(head))
    all_of_them = passing(decode(raw, head, tree=tree_of(head)), threshold=threshold)
    np.testing.assert_array_equal(few.pictures, all_of_them.pictures)
    assert few.pictures.dtype == array(np.zeros(1, np.int64)).dtype
    for field in ("boxes", "objectness", "class_probs"):
        np.testing.assert_allclose(
            getattr(few, field), getattr(all_of_them, field), rtol=FLOAT32_NOISE, atol=PROBABILITY_NOISE
        )


def test_an_objectness_at_the_threshold_does_not_pass():
    raw = np.zeros((1, HEADS["softmax"].channels, 1, 1), np.float32)  # sigmoid(0) is 0.5 exactly
    assert len(candidates(raw, HEADS["softmax"], threshold=0.5).boxes) == 0
    assert len(candidates(raw, HEADS["softmax"], threshold=np.nextafter(np.float32(0.5), 0)).boxes) == 3


def test_candidates_come_by_picture_then_anchor_row_and_column():
    raw = np.full((2, 27, 2, 3), 8.0, np.float32)
    found = candidates(raw, Region(ANCHORS, classes=4), threshold=0.5)
    assert found.pictures.tolist() == [0] * 18 + [1] * 18
    columns, rows = np.floor(found.boxes[:6, 0] * 3), np.floor(found.boxes[:6, 1] * 2)
    assert (columns.tolist(), rows.tolist()) == ([0, 1, 2, 0, 1, 2], [0, 0, 0, 1, 1, 1])
    widths = found.boxes[::6, 2] / math.exp(8) * 3
    np.testing.assert_allclose(widths, [1.25, 3.5, 6.0] * 2, rtol=FLOAT32_NOISE)


@LIBRARIES
@EVERY_HEAD
def test_a_head_without_any_object_gives_no_candidate(array, name):
    head = HEADS[name]
    raw = array(np.full((2, head.channels, 2, 2), -30.0, np.float32))
    found = candidates(raw, head, threshold=1.0, tree=tree_of(head))
    assert (tuple(found.boxes.shape), tuple(found.class_probs.shape)) == ((0, 4), (0, head.classes))


@LIBRARIES
@pytest.mark.parametrize("entry", [0, 1, 2, 3, 4], ids=["tx", "ty", "tw", "th", "objectness"])
def test_what_is_no_number_is_no_candidate(array, entry):
    raw = np.full((1, 27, 1, 1), 2.0, np.float32)
    raw[0, 9 + entry] = math.nan  # of the second anchor
    found = candidates(array(raw), HEADS["softmax"], threshold=0.5)
    np.testing.assert_allclose(found.boxes[:, 2], math.exp(2) * np.array([1.25, 6.0]), rtol=FLOAT32_NOISE)
    assert len(passing(decode(array(raw), HEADS["softmax"]), threshold=0.5).boxes) == 2


@LIBRARIES
@EVERY_HEAD
@pytest.mark.parametrize("value", [math.inf, -math.inf, 3e38, -3e38])
def test_values_without_bound_give_no_warning_and_no_box_without_bound(array, name, value):
    head = HEADS[name]
    raw = array(np.full((1, head.channels, 1, 1), value, np.float32))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = candidates(raw, head, threshold=-1.0, tree=tree_of(head))
    assert len(found.boxes) == 3
    assert np.isfinite(np.asarray(found.boxes)).all()
    assert np.isfinite(np.asarray(found.class_probs)).all()


@pytest.mark.parametrize("tw", [30.0, 60.0, 1000.0])
def test_sizes_end_where_pixels_would_leave_float32(tw):
    boxes = decode(np.full((1, 27, 1, 1), tw, np.float32), HEADS["softmax"]).boxes[0, :, 0, 0, 2:]
    expected = np.minimum(math.exp(min(tw, 80)) * np.array(ANCHORS), LARGEST_BOX)
    np.testing.assert_allclose(boxes, expected, rtol=FLOAT32_NOISE)


def test_the_mask_of_more_than_four_coords_is_a_probability_under_the_gpu_arithmetic_alone():
    head = HEADS["mask"]
    raw = np.full((1, head.channels, 1, 1), 2.0, np.float32)
    entries = {arithmetic: activate(raw, head, arithmetic=arithmetic)[0, :10, 0, 0] for arithmetic in ("gpu", "cpu")}
    np.testing.assert_allclose(entries["gpu"][4:8], slow_sigmoid(2), rtol=FLOAT32_NOISE)
    np.testing.assert_array_equal(entries["cpu"][4:7], 2)
    np.testing.assert_array_equal(entries["cpu"][7:], entries["gpu"][7:])


def test_an_average_of_activated_heads_can_be_read():
    head = HEADS["softmax"]
    raw = np.zeros((1, 27, 1, 1), np.float32)
    raw[0, 4::9] = 20.0
    average = (activate(raw, head) + activate(-raw, head)) / 2
    np.testing.assert_allclose(read(average, head).objectness, 0.5, rtol=FLOAT32_NOISE)


@LIBRARIES
def test_half_precision_is_decoded_in_single(array):
    raw = np.random.default_rng(0).normal(size=(1, 27, 13, 13)).astype(np.float16)
    found = candidates(array(raw), HEADS["softmax"], threshold=0.5)
    expected = candidates(array(raw.astype(np.float32)), HEADS["softmax"], threshold=0.5)
    assert found.boxes.dtype == found.class_probs.dtype == expected.boxes.dtype
    np.testing.assert_array_equal(found.boxes, expected.boxes)


def test_gradients_pass_through_decode():
    raw = torch.zeros((1, 27, 1, 1), requires_grad=True)
    prediction = decode(raw, HEADS["softmax"])
    (prediction.boxes.sum() + prediction.objectness.sum()).backward()
    assert raw.grad is not None
    # a quarter from each sigmoid, the anchor's side from exp(0)
    np.testing.assert_allclose(raw.grad[0, :5, 0, 0], [0.25, 0.25, 1.25, 2.0, 0.25], rtol=FLOAT32_NOISE)


def test_a_head_of_9418_classes_works_out_only_the_candidates():
    tree = WordTree(tuple(map(str, range(9418))), np.repeat(np.arange(-1, 4708), 2))
    head = Region(ANCHORS, classes=9418, softmax=True, tree="my.tree")
    raw = np.zeros((1, head.channels, 17, 17), np.float32)
    raw[0, 4 :: head.entries] = -9.0
    raw[0, 4 + head.entries, 5, 7] = 9.0
    found = candidates(raw, head, threshold=0.5, tree=tree)
    assert found.class_probs.shape == (1, 9418)
    np.testing.assert_allclose(found.class_probs, 0.5)
    np.testing.assert_allclose(found.boxes[0, :2], [7.5 / 17, 5.5 / 17], rtol=FLOAT32_NOISE)


@LIBRARIES
def test_a_maps_classes_have_the_absolute_probability_of_their_nodes(array):
    found = Candidates(
        array(np.zeros(1, np.int64)),
        array(np.zeros((1, 4))),
        array(np.ones(1)),
        array(np.array([[0.75, 0.25, 0.5, 0.25, 0.25]])),
    )
    assert mapped(found, TREE, array(np.array([2, 1, 2]))).class_probs.tolist() == [[0.375, 0.25, 0.375]]


def test_a_head_of_other_channels_is_a_wrong_call():
    expected = r"^raw head: found \(1, 26, 2, 3\), expected \(B, 27 = 3 \* \(4 \+ 1 \+ 4\), H, W\)$"
    with pytest.raises(ValueError, match=expected):
        decode(np.zeros((1, 26, 2, 3), np.float32), HEADS["softmax"])


def test_a_tree_head_without_its_tree_is_a_wrong_call():
    with pytest.raises(ValueError, match="a tree, which is not given"):
        decode(np.zeros((1, 30, 1, 1), np.float32), HEADS["tree"])


def test_a_tree_of_another_size_is_a_wrong_call():
    with pytest.raises(ValueError, match="tree: found 5 nodes, expected 4"):
        decode(np.zeros((1, 27, 1, 1), np.float32), HEADS["softmax"], tree=TREE)


@given(x=st.floats(-1e4, 1e4))
def test_sigmoid_is_the_logistic_function(x):
    assert float(sigmoid(np.float64(x))) == pytest.approx(slow_sigmoid(max(x, -700)), abs=1e-15)


@LIBRARIES
@given(raw=heads("tree"))
def test_a_walked_candidate_has_the_same_box_and_the_probabilities_of_its_walk(array, raw):
    dense = candidates(array(raw), HEADS["tree"], threshold=0.3, tree=TREE)
    walked = candidates(array(raw), HEADS["tree"], threshold=0.3, tree=TREE, is_walked=True)
    for name in ("pictures", "boxes", "objectness"):
        np.testing.assert_array_equal(getattr(walked, name), getattr(dense, name))
    expected, found = np.asarray(dense.class_probs), np.asarray(walked.class_probs)
    np.testing.assert_allclose(found[:, :2], expected[:, :2], rtol=FLOAT32_NOISE)
    below = expected[:, 0] >= expected[:, 1]  # the walk goes on below "a" only
    np.testing.assert_allclose(found[below, 2:], expected[below, 2:], rtol=FLOAT32_NOISE)
    assert not found[~below, 2:].any()


def test_without_a_tree_a_walk_changes_nothing():
    raw = np.random.default_rng(5).standard_normal((1, HEADS["softmax"].channels, 3, 4)).astype(np.float32)
    plain = candidates(raw, HEADS["softmax"], threshold=0.3)
    np.testing.assert_array_equal(
        candidates(raw, HEADS["softmax"], threshold=0.3, is_walked=True).class_probs, plain.class_probs
    )
