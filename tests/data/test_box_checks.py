from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from yolov2.data.box_checks import View, check_boxes, measure_grid
from yolov2.samples import Sample, Samples

ANCHORS = np.array([[1.0, 1.0], [3.0, 2.0]])
VIEW = View((416, 416), ANCHORS, "test")


def samples_of(*pictures, size=(300, 400), class_ids=None, crowd=()):
    """One picture for each list of xyxy boxes, of one size (height, width)."""
    rows = []
    for boxes in pictures:
        count = len(boxes)
        ids = np.zeros(count, np.int64) if class_ids is None else np.array(class_ids, np.int64)
        rows.append(
            Sample(
                Path("p.jpg"),
                size,
                np.array(boxes, np.float64).reshape(-1, 4),
                ids,
                np.zeros(count, np.bool_),
                np.array([i in crowd for i in range(count)], np.bool_),
                np.zeros(count),
                np.arange(1, count + 1),
                annotation="p.txt",
            )
        )
    return Samples.of(rows)


def found(samples, view=VIEW):
    return [(one.code, one.where) for one in check_boxes(samples, "darknet", ["cat", "dog"], view, root="set")]


boxes = st.lists(
    st.tuples(st.floats(0, 380), st.floats(0, 280), st.floats(1, 200), st.floats(1, 200)).map(
        lambda box: (box[0], box[1], min(box[0] + box[2], 400.0), min(box[1] + box[3], 300.0))
    ),
    max_size=12,
)


@given(pictures=st.lists(boxes, min_size=1, max_size=3))
def test_the_grid_is_that_of_plain_loops(pictures):
    grid = measure_grid(samples_of(*pictures), VIEW)
    cells, slots, best = Counter(), Counter(), []
    for number, picture in enumerate(pictures):
        for x1, y1, x2, y2 in picture:
            scale = min(416 / 400, 416 / 300)
            top = (416 - 300 * scale) / 2
            column = int((x1 + x2) / 2 * scale // 32)
            row = int(((y1 + y2) / 2 * scale + top) // 32)
            cell = number, min(row, 12), min(column, 12)
            shape = (x2 - x1) * scale / 32, (y2 - y1) * scale / 32
            ious = [slow_iou(shape, anchor) for anchor in ANCHORS.tolist()]
            cells[cell] += 1
            slots[(*cell, ious.index(max(ious)))] += 1
            best.append(max(ious))
    assert grid.shared_cells == sum(count > 1 for count in cells.values())
    assert grid.crowded_cells == sum(count > 2 for count in cells.values())
    assert grid.shared_priors == sum(count for count in slots.values() if count > 1)
    assert grid.mean_iou == pytest.approx(np.mean(best) if best else 0)
    assert grid.recall_at_50 == pytest.approx(np.mean([iou >= 0.5 for iou in best]) if best else 0)


def slow_iou(a, b):
    overlap = min(a[0], b[0]) * min(a[1], b[1])
    return overlap / (a[0] * a[1] + b[0] * b[1] - overlap)


def test_small_boxes_are_told_once_by_class_and_with_their_share():
    samples = samples_of([(0, 0, 7.6, 50), (0, 0, 50, 7), (50, 50, 100, 100), (0, 0, 200, 200)], class_ids=[0, 1, 1, 0])
    (tiny, small) = check_boxes(samples, "darknet", ["cat", "dog"], VIEW, root="set")
    assert (tiny.code, tiny.where, small.code) == ("box-tiny", "set", "box-small")
    assert tiny.found == (
        "2 of 4 boxes (50.0%) under 8 pixels wide or high at 416 x 416, as in p.txt:1; cat 1 of 2, dog 1 of 2"
    )
    assert small.found.startswith(
        "1 of 4 boxes (25.0%) under two cells (64 pixels) wide and high at 416 x 416, as in p"
    )


def test_at_a_larger_size_they_are_not_small():
    samples = samples_of([(0, 0, 7.6, 50)])
    assert ("box-tiny", "set") in found(samples)
    assert ("box-tiny", "set") not in found(samples, View((608, 608), ANCHORS, "test"))


def test_one_box_within_a_hundredth_of_a_pixel_is_the_same_and_farther_off_is_not():
    first = (10.0, 10.0, 200.0, 200.0)
    assert ("box-identical", "p.txt:2") in found(samples_of([first, (10.004, 10.0, 200.0, 199.996)]))
    assert found(samples_of([first, (10.02, 10.0, 200.0, 200.0)])) == []
    assert found(samples_of([first], [first])) == []  # in two pictures


def test_more_than_fifteen_to_one_is_a_sliver_and_a_crowd_may_be():
    thin, allowed = (0, 100, 320, 120), (0, 100, 300, 120)
    assert ("box-sliver", "p.txt:1") in found(samples_of([thin]))
    assert ("box-sliver", "p.txt:1") not in found(samples_of([allowed]))
    assert ("box-sliver", "p.txt:1") not in found(samples_of([thin], crowd=[0]))


def test_thirty_boxes_are_taken_and_thirty_one_are_not():
    row = [(12 * i, 10, 12 * i + 90, 200) for i in range(31)]
    assert [code for code, _ in found(samples_of(row[:30])) if code == "boxes-over-30"] == []
    assert ("boxes-over-30", "p.txt") in found(samples_of(row))


def test_as_many_boxes_in_a_cell_as_priors_are_fine_and_one_more_is_not():
    nested = [(150 - i, 100 - i, 250 + i, 200 + i) for i in range(3)]
    assert found(samples_of(nested[:2])) == []
    (fault,) = check_boxes(samples_of(nested), "darknet", ["cat"], VIEW, root="set")
    assert fault.message == (
        "p.txt:1: found 3 boxes in cell 6, 6 of 13 x 13, expected at most 2, one a prior; "
        "train at a larger --size, or with more priors"
    )


def test_of_coco_a_box_is_named_by_its_json_path():
    samples = samples_of([(10, 10, 200, 200)] * 2)
    (fault,) = check_boxes(samples, "coco", ["cat"], VIEW, root="set")
    assert fault.message.startswith('p.txt:annotations[2].bbox: found the "cat" of annotations[1].bbox once more, ')


def test_a_set_without_boxes_has_no_fault():
    assert found(samples_of([])) == []
    assert measure_grid(samples_of([]), VIEW).mean_iou == 0
