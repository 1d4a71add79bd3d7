"""From hits and misses to a number: by hand, by plain loops, and as AlexeyAB's program adds up."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from yolov2.evaluate.average_precision import all_points, at_levels, coco_levels, precision_recall
from yolov2.evaluate.matching import HIT, IGNORED, MISS

FLOAT64_NOISE = 1e-12


@st.composite
def curves(draw):
    """(precision, recall) of a ranked list, perhaps an empty one."""
    verdicts = draw(st.lists(st.sampled_from([HIT, MISS]), max_size=30))
    truths = draw(st.integers(max(1, verdicts.count(HIT)), 40))
    return precision_recall(np.array(verdicts, np.int8), truths)


def slow_levels(precision, recall, points):
    best = [
        max((p for p, r in zip(precision, recall, strict=True) if r >= level / (points - 1)), default=0)
        for level in range(points)
    ]
    return sum(best) / points


def slow_darknet(precision, recall):
    """The loop of AlexeyAB's program for one class: a step counts with the precision of the rank below it, too."""
    if not len(recall):
        return 0.0
    area, last_recall, highest = 0.0, recall[-1], precision[-1]
    for rank in range(len(recall) - 2, -1, -1):
        step, last_recall = last_recall - recall[rank], recall[rank]
        highest = max(highest, precision[rank])
        area += step * highest
    return area + last_recall * highest


def test_precision_and_recall_after_each_detection_leave_out_what_is_ignored():
    precision, recall = precision_recall(np.array([HIT, IGNORED, MISS, HIT], np.int8), 4)
    assert precision.tolist() == [1, 1 / 2, 2 / 3]
    assert recall.tolist() == [1 / 4, 1 / 4, 2 / 4]


def test_without_anything_to_find_recall_is_nan():
    precision, recall = precision_recall(np.array([MISS], np.int8), 0)
    assert precision.tolist() == [0]
    assert np.isnan(recall).tolist() == [True]


def test_the_averages_of_one_list():
    precision, recall = precision_recall(np.array([MISS, HIT, HIT, MISS, HIT], np.int8), 4)
    # precision 0, 1/2, 2/3, 1/2, 3/5; its highest from each rank on 2/3, 2/3, 2/3, 3/5, 3/5; recall to 3/4
    assert all_points(precision, recall) == pytest.approx(1 / 2 * 2 / 3 + 1 / 4 * 3 / 5, abs=FLOAT64_NOISE)
    assert at_levels(precision, recall) == pytest.approx((6 * 2 / 3 + 2 * 3 / 5) / 11, abs=FLOAT64_NOISE)
    assert at_levels(precision, recall, points=101) == pytest.approx((51 * 2 / 3 + 25 * 3 / 5) / 101, abs=1e-12)
    assert coco_levels(precision, recall) == pytest.approx((51 * 2 / 3 + 25 * 3 / 5) / 101, abs=1e-12)


def test_a_recall_of_three_tenths_reaches_the_level_of_three_tenths():
    precision, recall = precision_recall(np.array([HIT] * 3, np.int8), 10)
    assert at_levels(precision, recall) == pytest.approx(4 / 11, abs=FLOAT64_NOISE)


@given(curves())
def test_levels_are_those_of_a_plain_loop(curve):
    precision, recall = curve
    for points in (11, 101):
        expected = pytest.approx(slow_levels(precision, recall, points), abs=FLOAT64_NOISE)
        assert at_levels(precision, recall, points=points) == expected


@given(curves())
def test_the_area_is_that_of_alexeyabs_loop(curve):
    assert all_points(*curve) == pytest.approx(slow_darknet(*curve), abs=FLOAT64_NOISE)


@given(curves())
def test_every_average_lies_between_nothing_and_the_highest_precision(curve):
    highest = max(curve[0], default=0)
    for average in (all_points, at_levels, coco_levels):
        assert 0 <= average(*curve) <= highest + FLOAT64_NOISE


@pytest.mark.parametrize("average", [all_points, at_levels, coco_levels])
def test_nothing_found_is_zero(average):
    assert average(*precision_recall(np.zeros(0, np.int8), 3)) == 0
