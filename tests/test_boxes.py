"""yolov2.boxes: conversions and overlaps, against a twin on plain numbers."""

import numpy as np
import pytest
import torch
from hypothesis import given

from strategies import boxes_xyxy
from yolov2.boxes import area, cxcywh_from_xyxy, iou, pairwise_iou, xyxy_from_cxcywh

FLOAT64_NOISE = 1e-12
LIBRARIES = pytest.mark.parametrize("array", [np.asarray, torch.asarray], ids=["numpy", "torch"])


def slow_iou(a, b) -> float:
    """Intersection over union of two xyxy boxes, number by number."""
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    overlap = max(width, 0.0) * max(height, 0.0)
    union = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - overlap
    return overlap / union if union > 0 else 0.0


@LIBRARIES
@given(a=boxes_xyxy(), b=boxes_xyxy())
def test_iou_of_all_pairs_is_the_iou_of_each_pair(array, a, b):
    expected = np.array([[slow_iou(p, q) for q in b] for p in a]).reshape(len(a), len(b))
    np.testing.assert_allclose(pairwise_iou(array(a), array(b)), expected, rtol=0, atol=FLOAT64_NOISE)


@given(a=boxes_xyxy(), b=boxes_xyxy())
def test_iou_is_symmetric_and_from_0_to_1(a, b):
    overlaps = pairwise_iou(a, b)
    np.testing.assert_array_equal(overlaps, pairwise_iou(b, a).T)
    assert ((overlaps >= 0) & (overlaps <= 1)).all()


@given(boxes=boxes_xyxy())
def test_a_box_covers_itself_wholly_unless_it_has_no_area(boxes):
    np.testing.assert_array_equal(iou(boxes, boxes), np.where(area(boxes) > 0, 1.0, 0.0))


@LIBRARIES
@given(boxes=boxes_xyxy())
def test_corners_undo_centre_and_size(array, boxes):
    back = xyxy_from_cxcywh(cxcywh_from_xyxy(array(boxes)))
    np.testing.assert_allclose(back, boxes, rtol=0, atol=FLOAT64_NOISE * 1000)  # coordinates up to 1000


def test_corners_are_half_a_size_from_the_centre():
    np.testing.assert_array_equal(xyxy_from_cxcywh(np.array([[10.0, 20.0, 4.0, 6.0]])), [[8, 17, 12, 23]])


def test_area_is_width_times_height():
    np.testing.assert_array_equal(area(np.array([[8.0, 17.0, 12.0, 23.0]])), [24])


def test_two_unit_squares_half_over_each_other_share_a_third():
    np.testing.assert_allclose(iou(np.array([0, 0, 1.0, 1]), np.array([0.5, 0, 1.5, 1])), 1 / 3)


def test_iou_meets_boxes_pair_by_pair_with_broadcasting():
    assert iou(np.zeros((3, 1, 4)), np.zeros((5, 4))).shape == (3, 5)


def test_boxes_that_share_an_edge_do_not_overlap():
    assert iou(np.array([0, 0, 1.0, 1]), np.array([1.0, 0, 2, 1])) == 0
