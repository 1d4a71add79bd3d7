"""What a model gets wrong: the kinds of mistakes, and which is the worst."""

import numpy as np
from hypothesis import given

from slow_metrics import detection_sets, results_of, truths_of
from yolov2.evaluate.mistakes import KINDS, find_mistakes

DOG, CAT = 0, 1
SIZES = np.tile((100, 100), (10, 1))
HARD, CROWD = (1, 0), (0, 1)


def mistakes(found, there):
    return find_mistakes(results_of(found), truths_of(there), sizes=SIZES)


def kinds(found, there):
    """By kind the rows of detections; of what was missed those of truths."""
    said = mistakes(found, there).by_kind
    return {
        kind: [one.truth if kind == "missed" else one.detection for one in said[kind]] for kind in KINDS if said[kind]
    }


def test_what_was_found_is_no_mistake():
    assert kinds([(0, DOG, 0.9, 0, 0, 10, 10)], [(0, DOG, 0, 0, 10, 10)]) == {}


def test_each_kind_of_mistake():
    there = [(0, DOG, 0, 0, 10, 10), (0, CAT, 50, 50, 60, 60), (0, DOG, 80, 80, 90, 90)]
    found = [
        (0, DOG, 0.9, 0, 0, 10, 10),
        (0, DOG, 0.8, 0, 0, 10, 8),  # a second one on the first dog
        (0, DOG, 0.7, 50, 50, 60, 58),  # on the cat
        (0, DOG, 0.6, 80, 80, 90, 83),  # IoU 0.3 with the other dog
        (0, DOG, 0.5, 30, 30, 40, 40),  # on nothing
        (0, CAT, 0.4, 80, 80, 90, 83),  # touches a dog, which is no cat
        (1, DOG, 0.3, 0, 0, 10, 10),  # in another picture
    ]
    assert kinds(found, there) == {"missed": [1, 2], "class": [2], "box": [3], "background": [4, 5, 6], "twice": [1]}


def test_a_mistake_says_what_it_is_about():
    said = mistakes([(3, DOG, 0.9, 0, 0, 10, 3)], [(3, CAT, 50, 50, 60, 60, *HARD), (3, DOG, 0, 0, 10, 10)])
    (box,) = said.by_kind["box"]
    assert (box.kind, box.picture, box.detection, box.truth, box.iou) == ("box", 3, 0, 1, 0.3)
    (missed,) = said.by_kind["missed"]
    assert (missed.picture, missed.detection, missed.truth) == (3, None, 1)


def test_the_object_goes_to_the_detection_most_like_it():
    there = [(0, DOG, 0, 0, 10, 10)]
    assert kinds([(0, DOG, 0.9, 0, 0, 10, 6), (0, DOG, 0.2, 0, 0, 10, 10)], there) == {"twice": [0]}


def test_the_largest_miss_and_the_surest_detection_are_the_worst():
    there = [(0, DOG, 0, 0, 10, 10), (1, DOG, 0, 0, 40, 40), (2, DOG, 0, 0, 20, 20)]
    assert kinds([], there) == {"missed": [1, 2, 0]}
    found = [(number, DOG, score, 60, 60, 70, 70) for number, score in enumerate((0.3, 0.9, 0.5))]
    assert kinds(found, []) == {"background": [1, 2, 0]}


def test_size_is_the_share_of_the_picture():
    sizes = np.array([(1000, 1000), (50, 50)])
    said = find_mistakes(results_of([]), truths_of([(0, DOG, 0, 0, 30, 30), (1, DOG, 0, 0, 20, 20)]), sizes=sizes)
    assert [one.truth for one in said.by_kind["missed"]] == [1, 0]


def test_only_the_worst_of_a_picture_is_shown():
    said = mistakes([(number // 2, DOG, 0.9 - number / 10, 60, 60, 70, 70) for number in range(6)], [])
    assert len(said.by_kind["background"]) == 6
    assert [one.detection for one in said.worst("background", 2)] == [0, 2]


def test_nobody_misses_difficult_objects_and_crowds_and_who_finds_them_makes_no_mistake():
    there = [(0, DOG, 0, 0, 10, 10, *HARD), (0, DOG, 40, 40, 90, 90, *CROWD)]
    found = [(0, CAT, 0.9, 0, 0, 10, 8), (0, DOG, 0.9, 50, 50, 60, 60), (0, DOG, 0.9, 85, 85, 99, 99)]
    assert kinds(found, there) == {"background": [2]}  # less than half of it lies in the crowd


@given(detection_sets(crowds=True))
def test_every_detection_is_right_excused_or_one_mistake_and_no_object_is_lost(both):
    results, truths = both
    sizes = np.tile((20, 20), (3, 1))
    said = find_mistakes(results, truths, sizes=sizes).by_kind
    rows = [one.detection for kind in KINDS if kind != "missed" for one in said[kind]]
    assert len(rows) == len(set(rows))
    missed = {one.truth for one in said["missed"] if one.truth is not None}
    assert all(truths.counted[sorted(missed)])
    taken = int(truths.counted.sum()) - len(missed)
    assert taken + len(rows) <= len(results)
