from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from yolov2.data.columns import EMPTY, FAR, FINE, INVERTED, OUTSIDE, concatenate, join, judge
from yolov2.samples import Fault, Reading, Sample, Samples

SIZE = (40, 60)


def verdict(box, extent=None):
    boxes = np.array([box], np.float64)
    extents = boxes[:, 2:] - boxes[:, :2] if extent is None else np.array([extent], np.float64)
    return judge(boxes, extents, np.array([SIZE]))[0]


@pytest.mark.parametrize(
    ("box", "expected"),
    [
        ((0, 0, 60, 40), FINE),
        ((-0.5, 0, 60.5, 40.5), FINE),
        ((-0.6, 0, 10, 10), OUTSIDE),
        ((50, 30, 60, 40.6), OUTSIDE),
        ((60, 0, 70, 10), FAR),
        ((-9, 0, 0, 10), FAR),
        ((0, 40, 9, 50), FAR),
        ((5, 5, 5, 9), EMPTY),
        ((5, 5, 9, 5), EMPTY),
        ((9, 5, 5, 9), INVERTED),
        ((5, 9, 9, 5), INVERTED),
        ((9, 5, 5, 5), INVERTED),
    ],
)
def test_what_a_box_is(box, expected):
    assert verdict(box) == expected


def slow_verdict(box, extent):
    """The same rule, in words."""
    x1, y1, x2, y2 = box
    if extent[0] < 0 or extent[1] < 0:
        return INVERTED
    if extent[0] == 0 or extent[1] == 0:
        return EMPTY
    if x2 <= 0 or y2 <= 0 or x1 >= 60 or y1 >= 40:
        return FAR
    return OUTSIDE if x1 < -0.5 or y1 < -0.5 or x2 > 60.5 or y2 > 40.5 else FINE


@given(st.lists(st.tuples(*[st.integers(-20, 160).map(lambda n: n / 2)] * 4), max_size=20))
def test_boxes_are_judged_as_each_alone(boxes):
    array = np.array(boxes, np.float64).reshape(-1, 4)
    extents = array[:, 2:] - array[:, :2]
    expected = [slow_verdict(box, extent) for box, extent in zip(boxes, extents.tolist(), strict=True)]
    assert judge(array, extents, np.array([SIZE] * len(array), np.int64).reshape(-1, 2)).tolist() == expected


def samples(*rows):
    return Samples.of(
        Sample(Path(f"{name}.jpg"), SIZE, np.full((n, 4), n, np.float64), np.zeros(n, np.int64), np.zeros(n, bool),
               np.zeros(n, bool), np.ones(n), np.arange(n), id=name)
        for name, n in rows
    )  # fmt: skip


def test_samples_one_after_the_other_keep_their_boxes():
    both = concatenate([samples(("a", 2), ("b", 0)), samples(), samples(("c", 3))])
    assert [(one.id, len(one), one.boxes[:, 0].tolist()) for one in both] == [
        ("a", 2, [2, 2]), ("b", 0, []), ("c", 3, [3, 3, 3])
    ]  # fmt: skip


def test_a_picture_in_two_splits_counts_once_and_so_does_its_fault():
    fault = Fault("code", "where", "a", "b", "c", is_error=False)
    first, second = Reading(samples(("b", 2), ("a", 1)), (fault,)), Reading(samples(("c", 1), ("b", 2)), (fault,))
    both = join([first, second])
    assert (both.samples.ids, both.faults) == (("b", "a", "c"), (fault,))
