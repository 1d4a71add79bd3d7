"""Pictures in, answers out: OpenCV's conventions against plain loops over the rows of the region layer."""

import re
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from opencv_nets import CLASSIFIER, NET, conv, detector, net_of
from yolov2.errors import ModelError
from yolov2.opencv.models import ClassificationModel, DetectionModel, whole_boxes

FLOAT32_NOISE = 2e-6


def picture(*, height=40, width=60, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3)).astype(np.uint8)


def model_of(text, *, kind: Any = DetectionModel, seed=0):
    model = kind(net_of(text, seed=seed))
    model.setInputParams(scale=1 / 255, size=(12, 8), swapRB=True)
    return model


def slow_box(row, width, height):
    """One box as OpenCV's C++ has it: every number cut to a whole one, half a side once more, then kept inside."""
    centre_x, centre_y = int(np.float32(row[0]) * np.float32(width)), int(np.float32(row[1]) * np.float32(height))
    wide, high = int(np.float32(row[2]) * np.float32(width)), int(np.float32(row[3]) * np.float32(height))
    left = max(0, min(centre_x - wide // 2, width - 1))
    top = max(0, min(centre_y - high // 2, height - 1))
    return [left, top, max(1, min(wide, width - left)), max(1, min(high, height - top))]


def slow_detect(rows, width, height, *, confidence, iou, across=False):
    """(class, confidence, box) of every row whose best class passes; class by class, best first."""
    found = []
    for row in rows:
        best = int(np.argmax(row[5:]))
        if row[5 + best] >= np.float32(confidence):
            found.append((best, float(row[5 + best]), slow_box(row, width, height)))
    if not iou:
        return found
    kept = []
    for one in [None] if across else sorted({best for best, _, _ in found}):
        group = sorted((box for box in found if one is None or box[0] == one), key=lambda box: -box[1])
        staying = []
        for box in group:
            if box[1] > confidence and all(slow_iou(box[2], better[2]) <= iou for better in staying):
                staying.append(box)
        kept += staying
    return kept


def slow_iou(a, b):
    overlap_w = max(0, min(a[0] + a[2], b[0] + b[2]) - max(a[0], b[0]))
    overlap_h = max(0, min(a[1] + a[3], b[1] + b[3]) - max(a[1], b[1]))
    return overlap_w * overlap_h / (a[2] * a[3] + b[2] * b[3] - overlap_w * overlap_h)


@given(
    rows=st.lists(st.tuples(*[st.floats(-1, 3, width=32)] * 2, *[st.floats(0, 9, width=32)] * 2), min_size=1),
    width=st.integers(1, 2000),
    height=st.integers(1, 2000),
)
def test_boxes_in_whole_pixels_are_those_of_the_slow_loops(rows, width, height):
    boxes = whole_boxes(np.array(rows, np.float32), width=width, height=height)
    assert boxes.tolist() == [slow_box(row, width, height) for row in rows]


def test_a_box_beyond_all_bounds_fills_the_picture():
    box = np.array([[0.5, 0.5, 1e18, np.inf]], np.float32)
    assert whole_boxes(box, width=60, height=40).tolist() == [[0, 0, 60, 40]]


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("confidence, iou", [(0.5, 0.0), (0.2, 0.4), (0.1, 0.3), (0.02, 0.45)])
@pytest.mark.parametrize("across", [False, True])
def test_what_is_detected_is_what_the_slow_loops_find(seed, confidence, iou, across):
    model = model_of(detector(), seed=seed).setNmsAcrossClasses(across)
    frame = picture(seed=seed)
    (rows,) = model.predict(frame)
    expected = slow_detect(rows, 60, 40, confidence=confidence, iou=iou, across=across)
    class_ids, confidences, boxes = model.detect(frame, confidence, iou)
    assert expected
    assert (class_ids.dtype, confidences.dtype, boxes.dtype) == (np.int32, np.float32, np.int32)
    assert class_ids.tolist() == [one[0] for one in expected]
    assert confidences.tolist() == [one[1] for one in expected]
    assert boxes.tolist() == [one[2] for one in expected]


def test_nothing_found_is_three_empty_tuples():
    model = model_of(detector())
    assert model.detect(picture(), confThreshold=1.1, nmsThreshold=0.4) == ((), (), ())
    assert model.detect(picture(), confThreshold=1.1) == ((), (), ())


def test_a_detection_model_turns_off_the_suppression_of_its_net():
    net = net_of(detector())
    net.setInput(np.random.default_rng(0).random((1, 3, 8, 12), np.float32))
    before = net.forward()
    DetectionModel(net)
    after = net.forward()
    np.testing.assert_array_equal(after[:, :5], before[:, :5])
    assert (before[:, 5:] > 0).sum() < (after[:, 5:] > 0).sum()


def test_a_picture_goes_in_as_its_blob():
    import cv2

    model, frame = model_of(detector()), picture(width=90)
    model.setInputParams(scale=1 / 128, size=(12, 8), mean=(1, 2, 3), swapRB=True, crop=True)
    model.net.setInput(cv2.dnn.blobFromImage(frame, 1 / 128, (12, 8), (1, 2, 3), swapRB=True, crop=True))
    expected = model.net.forward()
    np.testing.assert_array_equal(model.predict(frame)[0], expected)


def test_setters_chain_and_mean_the_same_as_all_at_once():
    frame, one, other = picture(), model_of(detector()), DetectionModel(net_of(detector()))
    chained = other.setInputSize(12, 8).setInputScale(1 / 255).setInputMean(0).setInputSwapRB(True).setInputCrop(False)
    assert chained.setPreferableBackend(3).setPreferableTarget(0).enableWinograd(False) is other
    np.testing.assert_array_equal(other.predict(frame)[0], one.predict(frame)[0])
    np.testing.assert_array_equal(
        other.setInputSize((12, 8)).setInputScale((1 / 255,) * 3).predict(frame)[0], one.predict(frame)[0]
    )


def test_what_set_input_params_leaves_out_is_the_default_again():
    model = model_of(detector()).setInputMean((1, 2, 3)).setInputCrop(True)
    model.setInputParams(size=(12, 8))
    assert (model._scale, model._mean, model._swaps, model._crops) == ((1.0,) * 4, (0.0, 0.0, 0.0), False, False)


def test_output_names_choose_what_is_predicted():
    model = model_of(detector()).setOutputNames(["conv_1", "detection_out"])
    assert [output.shape for output in model.predict(picture())] == [(1, 27, 8, 12), (288, 9)]


@pytest.mark.parametrize("has_softmax", [False, True])
def test_a_class_is_the_best_of_the_outputs(has_softmax):
    model = model_of(CLASSIFIER, kind=ClassificationModel).setEnableSoftmaxPostProcessing(has_softmax)
    assert model.getEnableSoftmaxPostProcessing() is has_softmax
    values = model.predict(picture())[0].ravel().astype(np.float64)
    if has_softmax:
        values = np.exp(values) / np.exp(values).sum()
    best, confidence = model.classify(picture())
    assert (type(best), type(confidence)) == (int, float)
    assert best == values.argmax()
    assert confidence == pytest.approx(values.max(), rel=FLOAT32_NOISE)


def test_a_class_of_a_tree_is_the_node_that_is_walked_down_to(tmp_path):
    (tmp_path / "t.tree").write_text("thing -1\nother -1\ndog 0\ncat 0\n")
    text = NET + conv(4) + "[avgpool]\n[softmax]\ntree=t.tree\n"
    for seed in range(6):
        model = ClassificationModel(net_of(text, seed=seed, tree=tmp_path / "t.tree"))
        model.setInputParams(scale=1 / 255, size=(12, 8))
        root, child = (conditional := model.predict(picture())[0].ravel())[:2].argmax(), 2 + conditional[2:].argmax()
        expected, probability = root, conditional[root]
        if root == 0 and conditional[0] > 0.5 and conditional[0] * conditional[child] > 0.5:
            expected, probability = child, conditional[0] * conditional[child]
        node, confidence = model.classify(picture())
        assert node == expected
        assert confidence == pytest.approx(float(probability), rel=FLOAT32_NOISE)


REFUSED = [
    (lambda model: model.detect(None), "predict: found None, expected a picture (H, W, 3); check that it was read"),
    (lambda model: model.detect(np.zeros((0, 0, 3), np.uint8)), "predict: found an array (0, 0, 3), expected a picture (H, W, 3); check that it was read"),
    (lambda model: model.detect(np.zeros((9, 9), np.uint8)), "blob: found an array (1, 1, 8, 12), expected (B, 3, H, W); make it with blobFromImage"),
    (lambda model: model.setInputSize(0, 0).detect(picture()), "predict: found no input size, expected one; call setInputSize(width, height) first"),
]  # fmt: skip


@pytest.mark.parametrize("call, said", REFUSED)
def test_what_is_no_picture_is_refused(call, said):
    with pytest.raises(ModelError, match=f"^{re.escape(said)}$"):
        call(model_of(detector()))


def test_a_classifier_detects_nothing():
    said = "detect: found a network without [region], expected a detector; use ClassificationModel, or predict(frame)"
    with pytest.raises(ModelError, match=f"^{re.escape(said)}$"):
        model_of(CLASSIFIER).detect(picture())
