"""Which detection hits which truth, by VOC's rule and by AlexeyAB's."""

import numpy as np
import pytest
from hypothesis import given

from slow_metrics import detection_sets, inclusive_iou, results_of, truths_of
from yolov2.evaluate.matching import (
    HIT,
    IGNORED,
    MISS,
    Results,
    Truths,
    match_darknet,
    match_voc,
    overlaps,
    pairs,
)

HARD = (1, 0)  # difficult, no crowd


def plain_iou(a, b):
    width, height = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    if width <= 0 or height <= 0:
        return 0.0
    areas = [(box[2] - box[0]) * (box[3] - box[1]) for box in (a, b)]
    return width * height / (sum(areas) - width * height)


def slow_darknet(results, truths, iou):
    """Verdicts by AlexeyAB's rule, a detection at a time."""
    verdicts, taken = [MISS] * len(results), set()
    for row in sorted(range(len(results)), key=lambda row: -results.scores[row]):
        best, most, is_hard = None, iou, False
        for other in range(len(truths)):
            if (truths.image_ids[other], truths.class_ids[other]) != (results.image_ids[row], results.class_ids[row]):
                continue
            overlap = plain_iou(results.xyxy[row].tolist(), truths.xyxy[other].tolist())
            if truths.difficult[other]:
                is_hard |= overlap > iou
            elif overlap > most:
                best, most = other, overlap
        if best is not None:
            verdicts[row] = MISS if best in taken else HIT
            taken.add(best)
        elif is_hard:
            verdicts[row] = IGNORED
    return verdicts


@given(detection_sets())
def test_overlaps_are_those_of_one_pair_at_a_time(both):
    results, truths = both
    rows, others = pairs(results, truths, same_class=False)
    found = [(results.xyxy[row].tolist(), truths.xyxy[other].tolist()) for row, other in zip(rows, others, strict=True)]
    for extra, slow in ((0.0, plain_iou), (1.0, inclusive_iou)):
        ious = overlaps(results.xyxy[rows], truths.xyxy[others], extra=extra)
        assert ious.tolist() == [slow(*pair) for pair in found]


@pytest.mark.parametrize("same_class", [True, False])
@given(both=detection_sets())
def test_pairs_are_all_that_share_a_picture(both, same_class):
    results, truths = both
    expected = [
        (row, other)
        for row in range(len(results))
        for other in range(len(truths))
        if results.image_ids[row] == truths.image_ids[other]
        and (not same_class or results.class_ids[row] == truths.class_ids[other])
    ]
    found = pairs(results, truths, same_class=same_class)
    assert list(zip(*(part.tolist() for part in found), strict=True)) == expected


@given(detection_sets())
def test_verdicts_by_alexeyabs_rule_are_those_of_a_plain_loop(both):
    results, truths = both
    assert match_darknet(results, truths, iou=0.5).verdicts.tolist() == slow_darknet(results, truths, 0.5)


def test_the_better_score_hits_and_the_second_on_one_truth_misses():
    results = results_of([(0, 0, 0.6, 0, 0, 10, 10), (0, 0, 0.9, 0, 0, 10, 10)])
    matches = match_voc(results, truths_of([(0, 0, 0, 0, 10, 10)]))
    assert matches.verdicts.tolist() == [MISS, HIT]
    assert matches.order.tolist() == [1, 0]
    assert matches.truths.tolist() == [0, 0]


def test_of_equal_scores_the_first_hits():
    results = results_of([(0, 0, 0.5, 0, 0, 10, 10)] * 2)
    assert match_voc(results, truths_of([(0, 0, 0, 0, 10, 10)])).verdicts.tolist() == [HIT, MISS]


def test_a_second_best_truth_is_not_tried():
    truths = truths_of([(0, 0, 0, 0, 10, 10), (0, 0, 0, 0, 10, 8)])
    results = results_of([(0, 0, 0.9, 0, 0, 10, 10), (0, 0, 0.8, 0, 0, 10, 10)])  # both are most like the first
    for match in (match_voc, match_darknet):
        assert match(results, truths).verdicts.tolist() == [HIT, MISS]


def test_reaching_the_iou_is_enough_for_voc_and_too_little_for_darknet():
    truths, half = truths_of([(0, 0, 1, 1, 10, 10)]), results_of([(0, 0, 0.9, 1, 1, 10, 5)])  # 5 of 10 rows of pixels
    assert match_voc(half, truths).ious.tolist() == [0.5]
    assert match_voc(half, truths).verdicts.tolist() == [HIT]
    truths, half = truths_of([(0, 0, 0, 0, 10, 10)]), results_of([(0, 0, 0.9, 0, 0, 10, 5)])
    assert match_darknet(half, truths).ious.tolist() == [0.5]
    assert match_darknet(half, truths).verdicts.tolist() == [MISS]


def test_corners_of_voc_include_their_pixels():
    one_pixel = truths_of([(0, 0, 3, 3, 3, 3)])
    assert match_voc(results_of([(0, 0, 0.9, 3, 3, 3, 4)]), one_pixel).ious.tolist() == [0.5]


def test_most_like_a_difficult_one_counts_for_nothing_for_voc_and_only_without_another_for_darknet():
    truths = truths_of([(0, 0, 0, 0, 10, 10, *HARD), (0, 0, 0, 0, 10, 8)])
    results = results_of([(0, 0, 0.9, 0, 0, 10, 10), (0, 0, 0.8, 0, 1, 10, 14)])
    assert match_voc(results, truths).verdicts.tolist() == [IGNORED, IGNORED]
    assert match_darknet(results, truths).verdicts.tolist() == [HIT, IGNORED]


def test_of_truths_that_are_equally_like_it_the_first_is_taken():
    results, both = results_of([(0, 0, 0.9, 0, 0, 10, 10)]), [(0, 0, 0, 0, 10, 10, *HARD), (0, 0, 0, 0, 10, 10)]
    assert match_voc(results, truths_of(both)).verdicts.tolist() == [IGNORED]
    assert match_voc(results, truths_of(both[::-1])).verdicts.tolist() == [HIT]


def test_other_classes_and_other_pictures_do_not_count():
    results = results_of([(1, 0, 0.9, 0, 0, 10, 10), (0, 1, 0.8, 0, 0, 10, 10)])
    matches = match_voc(results, truths_of([(0, 0, 0, 0, 10, 10)]))
    assert matches.verdicts.tolist() == [MISS, MISS]
    assert matches.truths.tolist() == [-1, -1]


def test_a_selection_of_rows_keeps_every_column():
    results = results_of([(1, 0, 0.9, 0, 0, 10, 10), (0, 1, 0.8, 2, 3, 4, 5)])[np.array([1])]
    truths = truths_of([(0, 0, 0, 0, 10, 10, *HARD), (1, 2, 0, 0, 1, 3, 0, 1), (1, 2, 0, 0, 1, 3)])
    assert (results.scores.tolist(), results.xyxy.tolist()) == ([0.8], [[2, 3, 4, 5]])
    assert truths.counted.tolist() == [False, False, True]
    assert truths[truths.crowd].areas.tolist() == [3]


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ((2, 3, 2, (2, 4)), "Results.class_ids: found (3,), expected (2,)"),
        ((2, 2, 2, (2, 5)), "Results.xyxy: found (2, 5), expected (2, 4)"),
    ],
)
def test_columns_of_different_lengths_are_refused(columns, message):
    images, classes, scores, xyxy = columns
    with pytest.raises(ValueError) as refused:
        Results(np.zeros(images, np.int64), np.zeros(classes, np.int64), np.zeros(scores), np.zeros(xyxy))
    assert str(refused.value) == message


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_numbers_that_are_none_are_refused(value):
    one = np.zeros(1, np.int64)
    with pytest.raises(ValueError, match=r"^Results.scores: found NaN or infinity, expected numbers$"):
        Results(one, one, np.array([value]), np.zeros((1, 4)))
    with pytest.raises(ValueError, match=r"^Truths.xyxy: found NaN or infinity, expected numbers$"):
        Truths(one, one, np.full((1, 4), value), one > 0, one > 0, np.ones(1))
