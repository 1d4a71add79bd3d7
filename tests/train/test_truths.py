"""Which boxes become truths, which say "maybe", and which are left out."""

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from painted_sets import sample
from yolov2.data.augment import CLASS_ONLY, Draw, Mosaic
from yolov2.errors import Yolov2Warning
from yolov2.samples import UNKNOWN, Samples
from yolov2.train.truths import Truths

SIZE = (100, 200)
BOXES = [(0, 0, 20, 50), (20, 10, 60, 90), (100, 20, 120, 40), (150, 60, 200, 100)]
A = Path("a.png")


def whole(count):
    """The picture as it is on an input of its own size."""
    return Draw(SIZE, (200, 100), (0, 0), False, 0, 1, 1, order=tuple(range(count)))


def truths_of(one, *, difficult: Any = "ignore", most=100, size=SIZE):
    return Truths(Samples.of([one]), difficult=difficult, most=most).of((0,), whole(len(one)), (size,))


def test_boxes_are_shares_of_the_input():
    found = truths_of(sample(A, SIZE, BOXES[:2], [4, 2]))
    np.testing.assert_allclose(found, [(0.05, 0.25, 0.1, 0.5, 4), (0.2, 0.5, 0.2, 0.8, 2)], atol=1e-6)
    assert found.dtype == np.float32


def test_boxes_are_shares_of_the_picture_as_it_was_read_whatever_its_labels_say():
    found = truths_of(sample(A, (999, 999), BOXES[:1], [4]))
    np.testing.assert_allclose(found[0], (0.05, 0.25, 0.1, 0.5, 4), atol=1e-6)


@pytest.mark.parametrize("difficult, classes", [("train", [0, 1, 2, 3]), ("ignore", [0, 3, -1, -1]), ("drop", [0, 3])])
def test_difficult_boxes_and_crowds_follow_the_rule(difficult, classes):
    one = sample(A, SIZE, BOXES, [0, 1, 2, 3], difficult=[1], crowd=[2])
    assert truths_of(one, difficult=difficult)[:, 4].tolist() == classes


@pytest.mark.parametrize("difficult", ["train", "ignore", "drop"])
def test_boxes_of_an_unknown_class_are_left_out(difficult):
    one = sample(A, SIZE, BOXES, [0, UNKNOWN, UNKNOWN, 3], difficult=[1])
    assert truths_of(one, difficult=difficult)[:, 4].tolist() == [0, 3]


def test_a_box_over_the_edge_is_cut_there():
    found = truths_of(sample(A, SIZE, [(-20, -10, 20, 10)], [0]))
    np.testing.assert_allclose(found, [(0.05, 0.05, 0.1, 0.1, 0)], atol=1e-6)


def test_a_box_wholly_beyond_the_corner_is_no_label_of_the_picture():
    assert len(truths_of(sample(A, SIZE, [(-20, -10, -1, -1), (0, 0, 0, 0)], [0, 0]))) == 0


def test_a_picture_that_can_not_be_read_has_no_truths():
    assert len(truths_of(sample(A, SIZE, BOXES, [0, 1, 2, 3]), size=(0, 0))) == 0
    assert len(truths_of(sample(A, SIZE, label=3), size=(0, 0))) == 0


def test_a_label_of_the_whole_picture_is_its_one_truth():
    assert truths_of(sample(A, SIZE, label=7)).tolist() == [[CLASS_ONLY] * 4 + [7]]


def test_truths_beyond_the_most_are_cut_maybes_first_and_told_once():
    one = sample(A, SIZE, BOXES, [0, 1, 2, 3], difficult=[0])
    truths = Truths(Samples.of([one, one]), difficult="ignore", most=2)
    with pytest.warns(Yolov2Warning) as told:
        first = truths.of((0,), whole(4), (SIZE,))
    assert first[:, 4].tolist() == [1, 2]
    assert [str(one.message) for one in told] == [
        "a.png: found 4 boxes in one input, expected at most 2; those beyond are left out, here and elsewhere"
    ]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        np.testing.assert_array_equal(truths.of((1,), whole(4), (SIZE,)), first)


def test_a_mosaic_has_the_boxes_of_all_its_pictures():
    samples = Samples.of([sample(A, SIZE, BOXES[:1], [number]) for number in range(4)])
    tile = Draw((50, 50), (50, 50), (0, 0), False, 0, 1, 1, order=(0,))
    mosaic = Mosaic((100, 100), (tile,) * 4, ((0, 0), (50, 0), (0, 50), (50, 50)))
    found = Truths(samples, difficult="train", most=100).of((3, 2, 1, 0), mosaic, (SIZE,) * 4)
    expected = [(0.025, 0.125, 0.05, 0.25, 3), (0.525, 0.125, 0.05, 0.25, 2)]
    expected += [(0.025, 0.625, 0.05, 0.25, 1), (0.525, 0.625, 0.05, 0.25, 0)]
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_another_rule_is_refused():
    with pytest.raises(ValueError) as refusal:
        truths_of(sample(A, SIZE), difficult="skip")
    assert str(refusal.value) == "difficult: found skip, expected one of train, ignore, drop"
