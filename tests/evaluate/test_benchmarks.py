"""The rules of VOC, AlexeyAB and Darknet: against the development kit's rule in plain loops, and by hand."""

import math
import xml.etree.ElementTree as ET

import numpy as np
import pytest
from hypothesis import given

from slow_metrics import CLASSES, detection_sets, devkit, inclusive_iou, random_set, results_of, truths_of
from yolov2.detect.detector import Detector
from yolov2.evaluate.benchmarks import comp4_corners, darknet_map, darknet_recall, voc07, voc12, voc_corners
from yolov2.evaluate.matching import Results, Truths

SAME = 1e-6  # what the issue of an equal score is held to; both sides count in float64
HARD = (1, 0)  # difficult, no crowd
PERFECT = (0, 0, 0.9, 0, 0, 10, 10)
THERE = (0, 0, 0, 0, 10, 10)


def assert_as_the_devkit(results, truths, classes):
    for score, year in ((voc07, 2007), (voc12, 2012)):
        found = score(results, truths, classes=classes)
        per_class, mean = devkit(results, truths, classes, year=year)
        np.testing.assert_allclose(found.per_class, per_class, rtol=0, atol=SAME)
        np.testing.assert_allclose(found.mean, mean, rtol=0, atol=SAME)


@given(detection_sets(crowds=True))
def test_voc_is_as_the_devkit_has_it_where_everything_ties(both):
    results, truths = both
    assert_as_the_devkit(results, truths, CLASSES)


@pytest.mark.parametrize("seed", range(3))
def test_voc_is_as_the_devkit_has_it_on_fair_detections(seed):
    assert_as_the_devkit(*random_set(pictures=40, truths=150, found=600, seed=seed), 20)


@pytest.mark.golden
def test_voc_is_as_the_devkit_has_it_on_real_detections_of_real_pictures(models, voc_pictures, shared):
    detector = Detector.open(models / "yolo-lite" / "voc-trial3-nobatch.cfg", conf=0.005, max_det=None)
    val = set((shared / "data" / "voc2007" / "ImageSets" / "Main" / "val.txt").read_text().split())
    pictures = [path for path in voc_pictures if path.stem in val][::15]
    found, truths = [], []
    for number, path in enumerate(pictures):
        boxes = detector(path)
        corners = comp4_corners(boxes.xyxy.astype(np.float64), np.tile(boxes.size, (len(boxes), 1)))
        found += [(number, c, s, *box) for c, s, box in zip(boxes.class_ids, boxes.scores, corners, strict=True)]
        for thing in ET.parse(path.parents[1] / "Annotations" / f"{path.stem}.xml").iter("object"):
            box = [int(thing.findtext(f"bndbox/{side}", "")) for side in ("xmin", "ymin", "xmax", "ymax")]
            truths.append(
                (number, detector.names.index(thing.findtext("name", "")), *box, int(thing.findtext("difficult", "")))
            )
    assert len(pictures) >= 100
    assert len(found) > 5_000
    results, there = results_of(found), truths_of([(*row, 0) for row in truths])
    assert_as_the_devkit(results, there, len(detector.names))
    assert 0.2 < voc07(results, there, classes=20).mean < 0.8


def test_a_class_without_objects_is_left_out_of_the_mean():
    results = results_of([PERFECT, (0, 1, 0.9, 0, 0, 10, 10)])
    score = voc07(results, truths_of([THERE, (0, 1, 0, 0, 10, 10, *HARD)]), classes=3)
    assert score.mean == 1
    np.testing.assert_array_equal(score.per_class, [1, np.nan, np.nan])
    assert score.truths.tolist() == [1, 0, 0]
    assert score.to_dict(("a", "b", "c")) == {"map": 1.0, "per_class": {"a": 1.0, "b": None, "c": None}}


@pytest.mark.parametrize("truths", [[], [(*THERE, *HARD)]], ids=["none", "all difficult"])
def test_without_anything_to_find_there_is_no_mean(truths):
    score = voc12(results_of([PERFECT]), truths_of(truths), classes=2)
    assert math.isnan(score.mean)
    assert score.to_dict(("a", "b"))["map"] is None


def test_boxes_of_a_class_that_does_not_exist_count_for_nothing():
    results = results_of([PERFECT, (0, 7, 0.9, 0, 0, 5, 5), (0, -1, 0.9, 0, 0, 5, 5)])
    truths = truths_of([THERE, (0, 7, 0, 0, 5, 5), (0, -1, 0, 0, 5, 5)])
    assert voc07(results, truths, classes=2).mean == 1
    found = darknet_map(results, truths, classes=1)
    assert (found.hits, found.misses, found.unfound) == (1, 0, 0)


def test_the_size_of_a_full_evaluation_is_no_matter():
    """2,000 pictures with 44,000 detections, as many as a network gives on VOC's; the rule in loops takes a sample."""
    results, truths = random_set(pictures=2000, truths=6000, found=44_000)
    some = (0, 7, 19)
    per_class, _ = devkit(results, truths, 20)
    np.testing.assert_allclose(
        voc07(results, truths, classes=20).per_class[list(some)], np.array(per_class)[list(some)]
    )


def test_alexeyabs_map_counts_a_class_without_labels_as_nothing():
    found = darknet_map(results_of([PERFECT]), truths_of([THERE]), classes=2)
    assert found.score.per_class.tolist() == [1, 0]
    assert found.score.mean == 0.5


def test_alexeyabs_numbers_at_the_threshold():
    truths = truths_of([THERE, (1, 0, 0, 0, 10, 10), (2, 0, 0, 0, 10, 10), (2, 1, 50, 50, 60, 60)])
    results = results_of([
        PERFECT,
        (0, 0, 0.8, 0, 0, 10, 9),  # the second on one truth
        (1, 0, 0.7, 0, 0, 10, 8),  # IoU 0.8
        (1, 1, 0.26, 0, 0, 10, 10),  # another class
        (2, 0, 0.25, 0, 0, 10, 10),  # a hit, but not above 0.25
    ])  # fmt: skip
    found = darknet_map(results, truths, classes=2)
    assert (found.hits, found.misses, found.unfound) == (2, 2, 2)
    assert (found.precision, found.recall, found.f1) == (0.5, 0.5, 0.5)
    assert found.mean_iou == pytest.approx((1 + 0.8) / 4)
    # class 0: hit, miss, hit, hit of three: 1/3 * 1 + 2/3 * 3/4; class 1: one miss
    assert found.score.per_class == pytest.approx([1 / 3 + 2 / 3 * 3 / 4, 0])
    # the highest precision is 1 up to recall 1/3, and 3/4 above
    assert darknet_map(results, truths, classes=2, points=11).score.per_class[0] == pytest.approx((4 + 7 * 3 / 4) / 11)
    assert darknet_map(results, truths, classes=2, points=101).score.per_class[0] == pytest.approx(
        (34 + 67 * 3 / 4) / 101
    )


def test_alexeyabs_difficult_objects_are_neither_hit_nor_missed():
    found = darknet_map(results_of([PERFECT]), truths_of([(*THERE, *HARD), (1, 0, 0, 0, 5, 5)]), classes=1)
    assert (found.hits, found.misses, found.unfound) == (0, 0, 1)


def test_nothing_found_and_nothing_there_are_zeros():
    found = darknet_map(results_of([]), truths_of([]), classes=1)
    assert (found.score.mean, found.precision, found.recall, found.f1, found.mean_iou) == (0, 0, 0, 0, 0)
    recall = darknet_recall(results_of([]), truths_of([]), pictures=0)
    assert (recall.correct, recall.total, recall.recall, recall.mean_iou, recall.proposals) == (0, 0, 0, 0, 0)


def test_darknets_recall_asks_for_no_class_and_counts_proposals_a_picture():
    truths = truths_of([THERE, (0, 1, 20, 20, 30, 30), (1, 0, 0, 0, 10, 10)])
    results = results_of([
        (0, 5, 0.9, 0, 0, 10, 8),  # IoU 0.8 with the first, whatever the class
        (0, 5, 0.9, 20, 20, 30, 25),  # IoU 0.5: not above
        (1, 0, 0.001, 0, 0, 10, 10),  # not above 0.001
    ])  # fmt: skip
    found = darknet_recall(results, truths, pictures=4)
    assert (found.correct, found.total) == (1, 3)
    assert found.recall == pytest.approx(1 / 3)
    assert found.mean_iou == pytest.approx((0.8 + 0.5 + 0) / 3)
    assert found.proposals == 2 / 4


@given(detection_sets())
def test_darknets_mean_iou_is_that_of_a_plain_loop(both):
    results, truths = both
    best = [
        max(
            (
                inclusive_iou(box - [0, 0, 1, 1], truth - [0, 0, 1, 1])
                for box, image in zip(results.xyxy, results.image_ids, strict=True)
                if image == truths.image_ids[row]
            ),
            default=0,
        )
        for row, truth in enumerate(truths.xyxy)
    ]
    assert darknet_recall(results, truths, pictures=3).mean_iou == pytest.approx(sum(best) / max(1, len(best)))


def test_corners_of_voc_and_back():
    assert voc_corners(np.array([[7.0, 2, 40, 30]])).tolist() == [[8, 3, 40, 30]]


def test_comp4_corners_count_from_one_and_stay_inside():
    boxes, sizes = np.array([[-3, 4.5, 99.5, 49.7], [5, 5, 6, 6]]), np.array([[50, 100], [50, 100]])
    assert comp4_corners(boxes, sizes).tolist() == [[1, 5.5, 100, 50], [6, 6, 7, 7]]


def test_records_of_a_selection_are_records():
    results, truths = random_set(pictures=3, truths=9, found=20)
    assert isinstance(results[:5], Results)
    assert isinstance(truths[~truths.difficult], Truths)
