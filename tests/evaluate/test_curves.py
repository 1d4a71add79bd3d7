"""What stands behind a score, by hand and by plain loops."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from slow_metrics import CLASSES, detection_sets, random_set, results_of, truths_of
from yolov2.evaluate.curves import best_threshold, calibration, confusion, curve
from yolov2.evaluate.matching import HIT, IGNORED, match_voc

HARD = (1, 0)  # difficult, no crowd


def box_at(place):
    return (100 * place, 0, 100 * place + 10, 10)


def ranked(*hits, truths, scores=None):
    """The curve of one class whose detections hit or miss in this order."""
    scores = scores or [1 - at / 10 for at in range(1, len(hits) + 1)]
    results = results_of([
        (0, 0, score, *box_at(at if hit else -1)) for at, (hit, score) in enumerate(zip(hits, scores, strict=True))
    ])  # fmt: skip
    places = [at for at, hit in enumerate(hits) if hit]
    there = truths_of([(0, 0, *box_at(at)) for at in [*places, *range(50, 50 + truths)][:truths]])
    return curve(match_voc(results, there), results, there, 0)


def sure(of, **options):
    best = best_threshold(of, **options)
    assert best is not None
    return best


def test_a_curve_has_a_point_for_each_detection_that_counts():
    results = results_of(
        [(0, 0, 0.6, *box_at(0)), (0, 0, 0.9, *box_at(1)), (0, 0, 0.7, *box_at(2)), (0, 1, 1, *box_at(0))]
    )
    truths = truths_of([(0, 0, *box_at(0)), (0, 0, *box_at(2), *HARD), (0, 0, *box_at(3))])
    found = curve(match_voc(results, truths), results, truths, 0)
    assert found.scores.tolist() == [0.9, 0.6]
    assert found.precision.tolist() == [0, 0.5]
    assert found.recall.tolist() == [0, 0.5]
    assert found.f1.tolist() == [0, 0.5]
    assert found.truths == 2


def test_the_best_threshold_lies_half_way_to_the_first_score_that_falls():
    best = sure(ranked(True, True, False, truths=2))
    assert (best.f1, best.precision, best.recall) == (1, 1, 1)
    assert best.conf == pytest.approx((0.8 + 0.7) / 2)


def test_the_best_threshold_of_all_lies_half_way_to_the_floor():
    assert sure(ranked(True, truths=1), floor=0.1).conf == pytest.approx((0.9 + 0.1) / 2)


def test_equal_scores_stay_or_fall_together():
    best = sure(ranked(True, False, True, truths=2, scores=[0.9, 0.9, 0.5]))
    assert best.conf == 0.25
    assert best.precision == pytest.approx(2 / 3)


def test_neighbours_among_floats_are_told_apart():
    first = float(np.nextafter(0.5, 1))
    second = float(np.nextafter(first, 1))
    for high, low in ((first, 0.5), (second, first)):  # their middle is rounded down, and up
        best = sure(ranked(True, False, truths=1, scores=[high, low]))
        assert (best.conf, best.f1) == (low, 1)


@pytest.mark.parametrize("of", [ranked(False, truths=1), ranked(truths=1), ranked(False, truths=0)])
def test_without_a_hit_there_is_no_best_threshold(of):
    assert best_threshold(of) is None


@given(detection_sets())
def test_what_lies_above_the_best_threshold_has_the_highest_f1_of_all_cuts(both):
    results, truths = both
    matches = match_voc(results, truths)
    for class_id in range(CLASSES):
        of = curve(matches, results, truths, class_id)
        best = best_threshold(of)
        counted = (results.class_ids == class_id) & (matches.verdicts != IGNORED)

        def f1(conf, counted=counted, wanted=of.truths):
            shown = counted & (results.scores > conf)
            hits = (matches.verdicts[shown] == HIT).sum()
            return 2 * hits / (shown.sum() + wanted) if hits else 0

        highest = max((f1(conf) for conf in (0, *results.scores)), default=0)
        assert (0 if best is None else best.f1) == pytest.approx(highest)
        assert best is None or f1(best.conf) == pytest.approx(highest)


def test_a_thing_is_taken_for_another_only_where_nobody_found_it_as_what_it_is():
    truths = truths_of([(0, 0, *box_at(0)), (0, 1, *box_at(1)), (0, 2, *box_at(2))])
    results = results_of([
        (0, 1, 0.9, *box_at(0)),  # the better score, but a 0 was found there, too
        (0, 0, 0.8, *box_at(0)),
        (0, 0, 0.7, *box_at(1)),  # a 1 taken for a 0
        (0, 2, 0.2, *box_at(2)),  # below the threshold
        (0, 2, 0.6, *box_at(7)),  # nothing there
    ])  # fmt: skip
    assert confusion(results, truths, classes=3).tolist() == [
        [1, 0, 0, 0],
        [1, 0, 0, 0],
        [0, 0, 0, 1],
        [0, 1, 1, 0],
    ]


def test_the_pair_that_overlaps_most_comes_first():
    truths = truths_of([(0, 0, 0, 0, 10, 10), (0, 0, 0, 2, 10, 12)])
    results = results_of([(0, 0, 0.9, 0, 1, 10, 11), (0, 0, 0.5, 0, 0, 10, 10)])
    assert confusion(results, truths, classes=1).tolist() == [[2, 0], [0, 0]]


@pytest.mark.parametrize("flags", [(1, 0), (0, 1)], ids=["difficult", "crowd"])
def test_what_need_not_be_found_is_neither_missed_nor_wrong(flags):
    truths = truths_of([(0, 0, *box_at(0), *flags), (0, 0, *box_at(1), *flags)])
    results = results_of([(0, 1, 0.9, *box_at(0)), (0, 1, 0.9, *box_at(5))])
    assert confusion(results, truths, classes=2).tolist() == [[0, 0, 0], [0, 0, 0], [0, 1, 0]]


@given(detection_sets(crowds=True))
def test_rows_of_the_confusion_are_the_truths_and_columns_the_detections(both):
    results, truths = both
    table = confusion(results, truths, classes=CLASSES, conf=0.3)
    wanted = np.bincount(truths.class_ids[truths.counted], minlength=CLASSES)
    shown = np.bincount(results.class_ids[results.scores > 0.3], minlength=CLASSES)
    assert table[:CLASSES].sum(axis=1).tolist() == wanted.tolist()
    assert (table[:, :CLASSES].sum(axis=0) <= shown).all()
    if truths.counted.all():
        assert table[:, :CLASSES].sum(axis=0).tolist() == shown.tolist()
    assert table[CLASSES, CLASSES] == 0


def test_calibration_by_hand():
    scores = [0.05, 0.15, 0.19, 0.1, 1.0]
    results = results_of([(0, 0, score, *box_at(at)) for at, score in enumerate(scores)])
    truths = truths_of([(0, 0, *box_at(1)), (0, 0, *box_at(4)), (0, 0, *box_at(0), *HARD)])
    found = calibration(match_voc(results, truths), results)
    assert found.counts.tolist() == [0, 3, 0, 0, 0, 0, 0, 0, 0, 1]  # the first is not counted, 0.1 opens the second bin
    assert found.mean_scores[[1, 9]] == pytest.approx([(0.15 + 0.19 + 0.1) / 3, 1])
    assert found.precision[[1, 9]] == pytest.approx([1 / 3, 1])
    assert np.isnan(found.precision[0])
    assert found.error == pytest.approx(3 / 4 * (1 / 3 - 0.44 / 3))


def test_calibration_of_nothing_has_no_error():
    results = results_of([])
    assert math.isnan(calibration(match_voc(results, truths_of([])), results).error)


@given(st.integers(0, 5))
def test_scores_that_are_right_as_often_as_they_say_have_a_small_error(seed):
    rng = np.random.default_rng(seed)
    scores = rng.random(5000)
    hits = rng.random(5000) < scores
    results = results_of([(at, 0, score, *box_at(0)) for at, score in enumerate(scores)])
    truths = truths_of([(at, 0, *box_at(0)) for at in np.flatnonzero(hits)])
    assert calibration(match_voc(results, truths), results).error < 0.04


def test_a_fair_detector_has_a_curve_for_every_class():
    results, truths = random_set(pictures=20, truths=100, found=400, classes=4)
    matches = match_voc(results, truths)
    points = [curve(matches, results, truths, class_id) for class_id in range(4)]
    assert sum(len(one.scores) for one in points) == (matches.verdicts != IGNORED).sum()
    assert sum(one.truths for one in points) == truths.counted.sum()
