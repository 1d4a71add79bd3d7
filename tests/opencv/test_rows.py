"""The rows of the region layer against plain loops over the raw head."""

import math

import numpy as np
import pytest

import golden_cases
from opencv_nets import golden_net
from yolov2.hierarchy.wordtree import WordTree
from yolov2.network.layers import Region
from yolov2.opencv.rows import RowMaker

FLOAT32_NOISE = 2e-6  # of sigmoid, exp and softmax in float32 against float64
IOU = 0.4  # tried with OpenCV 4.14
HEAD = Region(anchors=((1.0, 2.0), (3.0, 1.0), (0.5, 0.7)), classes=4, softmax=True)


def slow_rows(raw, head, *, threshold, is_suppressed):
    """The same by loops in float64: cell by cell, anchor by anchor, class by class."""
    batch, _, height, width = raw.shape
    pictures = []
    for b in range(batch):
        rows = []
        for y in range(height):
            for x in range(width):
                for a, (anchor_w, anchor_h) in enumerate(head.anchors):
                    values = raw[b, a * head.entries : (a + 1) * head.entries, y, x].astype(np.float64)
                    box = [
                        (x + sigmoid(values[0])) / width,
                        (y + sigmoid(values[1])) / height,
                        math.exp(values[2]) * anchor_w / width,
                        math.exp(values[3]) * anchor_h / height,
                    ]
                    objectness, logits = sigmoid(values[head.coords]), values[head.coords + 1 :]
                    if head.softmax:
                        powers = [math.exp(logit - max(logits)) for logit in logits]
                        probs = [power / sum(powers) for power in powers]
                    else:
                        probs = [sigmoid(logit) for logit in logits]
                    scores = [objectness * prob for prob in probs]
                    rows.append([*box, objectness, *(score if score > threshold else 0 for score in scores)])
        if is_suppressed:
            for column in range(5, 5 + head.classes):
                suppress_column(rows, column)
        pictures.append(rows)
    return np.array(pictures)


def suppress_column(rows, column):
    """Of one class, best first: what a better box that stays covers by more than IOU gets 0."""
    staying = []
    for row in sorted((row for row in rows if row[column] > 0), key=lambda row: -row[column]):
        if any(slow_iou(row, better) > IOU for better in staying):
            row[column] = 0
        else:
            staying.append(row)


def slow_iou(a, b):
    overlap_w = min(a[0] + a[2] / 2, b[0] + b[2] / 2) - max(a[0] - a[2] / 2, b[0] - b[2] / 2)
    overlap_h = min(a[1] + a[3] / 2, b[1] + b[3] / 2) - max(a[1] - a[3] / 2, b[1] - b[3] / 2)
    overlap = max(overlap_w, 0) * max(overlap_h, 0)
    return overlap / (a[2] * a[3] + b[2] * b[3] - overlap)


def sigmoid(x):
    return 1 / (1 + math.exp(-x))


def random_raw(head, *, batch=2, height=5, width=4, seed=0):
    return np.random.default_rng(seed).standard_normal((batch, head.channels, height, width)).astype(np.float32)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("is_suppressed", [True, False])
def test_rows_are_those_of_the_slow_loops(seed, is_suppressed):
    raw = random_raw(HEAD, seed=seed)
    rows = RowMaker(HEAD, 0.1, None, "gpu")(raw, is_suppressed=is_suppressed)
    expected = slow_rows(raw, HEAD, threshold=0.1, is_suppressed=is_suppressed)
    assert rows.dtype == np.float32
    np.testing.assert_array_equal(rows[..., 5:] > 0, expected[..., 5:] > 0)
    np.testing.assert_allclose(rows, expected, rtol=FLOAT32_NOISE, atol=FLOAT32_NOISE)


def test_suppression_takes_some_scores_and_leaves_their_boxes():
    raw = random_raw(HEAD)
    make = RowMaker(HEAD, 0.1, None, "gpu")
    every, fewer = make(raw, is_suppressed=False), make(raw, is_suppressed=True)
    assert 0 < (fewer[..., 5:] > 0).sum() < (every[..., 5:] > 0).sum()
    np.testing.assert_array_equal(fewer[..., :5], every[..., :5])


def test_a_score_at_the_threshold_is_zero():
    head = Region(anchors=((1.0, 1.0),), classes=1, softmax=True)  # its score is the objectness, here exactly .5
    raw = np.zeros((1, 6, 1, 1), np.float32)
    assert RowMaker(head, 0.5, None, "gpu")(raw, is_suppressed=True)[0, 0, 5] == 0
    assert RowMaker(head, 0.499, None, "gpu")(raw, is_suppressed=True)[0, 0, 5] == 0.5


def test_a_picture_does_not_suppress_another_ones_boxes():
    raw = random_raw(HEAD, batch=1)
    make = RowMaker(HEAD, 0.1, None, "gpu")
    both = make(np.concatenate((raw, raw)), is_suppressed=True)
    np.testing.assert_array_equal(both[0], both[1])
    np.testing.assert_array_equal(both[:1], make(raw, is_suppressed=True))


REGIONS = ("s07_region_softmax", "s08_region_logistic", "s10_region_1class", "s11_region_coords6")


@pytest.mark.golden
@pytest.mark.parametrize("name", REGIONS)
def test_rows_are_those_of_darknets_own_raw_head(small_golden, recipe, name):
    net, case = golden_net(small_golden, recipe, name=name)
    net.setInput(case.images)
    head, raw = case.network.region, case.layers[case.network.raw_index]
    threshold = net.loaded.threshold
    assert threshold == 0.05
    expected = slow_rows(raw, head, threshold=threshold, is_suppressed=True)
    allowed = golden_cases.LAYER_TOLERANCE * max(1.0, float(np.abs(raw).max()), float(np.abs(expected).max()))
    np.testing.assert_allclose(net.forward(), expected, rtol=0, atol=allowed)


def test_a_background_class_leaves_every_objectness_at_one(small_golden, recipe):
    net, case = golden_net(small_golden, recipe, name="s09_region_background")
    net.setInput(case.images)
    assert (net.forward()[..., 4] == 1).all()


def test_of_a_tree_the_node_that_the_box_is_walked_down_to_has_the_score(small_golden):
    tree = WordTree.read(small_golden / "data" / "small.tree")
    head = Region(anchors=((1.0, 1.0), (2.0, 2.0)), classes=len(tree), softmax=True, tree="small.tree")
    raw = 3 * random_raw(head, height=2, width=2)
    rows = RowMaker(head, 0.0, tree, "gpu")(raw, is_suppressed=False)
    for picture in range(2):
        for row, (y, x, a) in zip(rows[picture], np.ndindex(2, 2, 2), strict=True):
            values = raw[picture, a * head.entries : (a + 1) * head.entries, y, x].astype(np.float64)
            node, probability = slow_walk(values[5:], tree)
            expected = np.zeros(len(tree))
            expected[node] = sigmoid(values[4]) * probability
            np.testing.assert_allclose(row[5:], expected, atol=FLOAT32_NOISE)


def slow_walk(logits, tree):
    """The deepest node above 1/2 from the root's group down, always by the best child, and its probability."""
    answer, probability, parent = None, 1.0, -1
    while True:
        members = [node for node, above in enumerate(tree.parents) if above == parent]
        if not members:
            return answer, probability
        powers = [math.exp(logits[node]) for node in members]
        best = max(range(len(members)), key=powers.__getitem__)
        here = probability * powers[best] / sum(powers)
        if answer is not None and here <= 0.5:
            return answer, probability
        answer, probability, parent = members[best], here, members[best]
        if here <= 0.5:
            return answer, probability
