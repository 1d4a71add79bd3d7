"""region/select.py: threshold and NMS, ties included, against twins that take one box after the other."""

import math
from itertools import groupby

import numpy as np
import pytest
import torch
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from yolov2.boxes import iou as box_iou
from yolov2.boxes import xyxy_from_cxcywh
from yolov2.hierarchy.wordtree import WordTree, spans_of
from yolov2.network.layers import Region
from yolov2.region.decode import Candidates, candidates, decode, mapped
from yolov2.region.select import PAIRS_AT_ONCE, Nms, select, select_nodes, suppress

FLOAT32_NOISE = 1e-6
LIBRARIES = pytest.mark.parametrize("array", [np.asarray, torch.asarray], ids=["numpy", "torch"])
KINDS: list[Nms] = ["class", "objectness", "agnostic", "none"]

THRESHOLDS = st.sampled_from([0.0, 1 / 7, 0.25, 1 / 3, 0.5, 0.75, 1.0])  # the overlaps that boxes of few cells have


def boxes_of_few_cells(count: int) -> st.SearchStrategy[np.ndarray]:
    """(count, 4) cxcywh in whole and half cells: many equal ones, some empty, overlaps exactly at the thresholds."""
    corners = hnp.arrays(np.int64, (count, 2), elements=st.integers(0, 3))
    sides = hnp.arrays(np.int64, (count, 2), elements=st.integers(0, 4))
    return st.tuples(corners, sides).map(lambda c: np.column_stack((c[0] + c[1] / 2, c[1])).astype(np.float32))


@st.composite
def many_candidates(draw: st.DrawFn) -> Candidates:
    """Up to 14 candidates of up to three pictures and three classes, with few different probabilities."""
    count, classes = draw(st.integers(0, 14)), draw(st.integers(1, 3))
    eighths = st.integers(0, 8)
    return Candidates(
        pictures=np.sort(draw(hnp.arrays(np.int64, count, elements=st.integers(0, 2)))),
        boxes=draw(boxes_of_few_cells(count)),
        objectness=(draw(hnp.arrays(np.int64, count, elements=eighths)) / 8).astype(np.float32),
        class_probs=(draw(hnp.arrays(np.int64, (count, classes), elements=eighths)) / 8).astype(np.float32),
    )


def slow_iou(a, b) -> np.float32:
    """Intersection over union of two cxcywh boxes in float32, number by number. Source: Darknet `box_iou`."""
    sides = []
    for centre, size in ((0, 2), (1, 3)):
        low = max(a[centre] - a[size] / 2, b[centre] - b[size] / 2)
        high = min(a[centre] + a[size] / 2, b[centre] + b[size] / 2)
        sides.append(max(high - low, np.float32(0)))
    overlap = sides[0] * sides[1]
    union = a[2] * a[3] + b[2] * b[3] - overlap
    return overlap / union if union > 0 else np.float32(0)


def slow_greedy(boxes, iou: float) -> list[int]:
    """Positions that stay of boxes that are best first."""
    staying: list[int] = []
    for later in range(len(boxes)):
        if not any(slow_iou(boxes[better], boxes[later]) > np.float32(iou) for better in staying):
            staying.append(later)
    return staying


def slow_select(found: Candidates, conf, iou: float, nms: Nms) -> list[tuple[int, int, float]]:
    """Candidate, class and score of all that is found, by picture and then best first."""
    rows = []
    for picture, group in groupby(range(len(found.pictures)), key=lambda n: int(found.pictures[n])):
        members = list(group)
        if nms == "objectness":
            members.sort(key=lambda n: -found.objectness[n])
            members = sorted(members[n] for n in slow_greedy(found.boxes[members], iou))
        of_picture = slow_rows(found, members, conf)
        if nms == "agnostic":
            best = {n: max(own, key=lambda row: row[2]) for n, own in groupby(of_picture, key=lambda row: row[0])}
            of_picture = slow_nms(found, list(best.values()), iou)
        if nms == "class":
            classes = {row[1] for row in of_picture}
            of_picture = [r for c in classes for r in slow_nms(found, [r for r in of_picture if r[1] == c], iou)]
        rows += [(picture, -score, n, c) for n, c, score in of_picture]
    return [(n, c, -negative) for _, negative, n, c in sorted(rows)]


def slow_rows(found: Candidates, members: list[int], conf) -> list[tuple[int, int, float]]:
    rows = []
    for n in members:
        for c, probability in enumerate(found.class_probs[n]):
            score = found.objectness[n] * probability
            if score > np.broadcast_to(np.float32(conf), found.class_probs.shape[1])[c]:
                rows.append((n, c, float(score)))
    return rows


def slow_nms(found: Candidates, rows: list[tuple[int, int, float]], iou: float) -> list[tuple[int, int, float]]:
    rows = sorted(rows, key=lambda row: -row[2])
    return [rows[n] for n in slow_greedy([found.boxes[row[0]] for row in rows], iou)]


def as_library(found: Candidates, array) -> Candidates:
    return Candidates(*(array(getattr(found, name)) for name in Candidates.__slots__))


@LIBRARIES
@pytest.mark.parametrize("nms", KINDS)
@given(found=many_candidates(), conf=st.sampled_from([0.0, 0.125, 0.25, 0.5]), iou=THRESHOLDS)
def test_select_is_the_plain_greedy_rule_ties_included(array, nms, found, conf, iou):
    selection = select(as_library(found, array), conf=conf, iou=iou, nms=nms)
    expected = slow_select(found, conf, iou, nms)
    columns = (selection.candidates, selection.class_ids, selection.scores)
    assert list(zip(*(column.tolist() for column in columns), strict=True)) == expected
    chosen = [n for n, _, _ in expected]
    np.testing.assert_array_equal(selection.pictures, found.pictures[chosen])
    np.testing.assert_array_equal(selection.boxes, found.boxes[chosen])
    np.testing.assert_array_equal(selection.objectness, found.objectness[chosen])


@LIBRARIES
@pytest.mark.parametrize("pairs", [0, 6, PAIRS_AT_ONCE], ids=["rounds", "rounds, then pairs", "pairs"])
@given(data=st.data(), iou=THRESHOLDS)
def test_suppress_is_greedy_inside_every_segment(array, pairs, data, iou):
    count = data.draw(st.integers(0, 20))
    boxes = data.draw(boxes_of_few_cells(count))
    segments = data.draw(hnp.arrays(np.int64, count, elements=st.integers(0, 3)))
    members = [np.flatnonzero(segments == segment) for segment in range(4)]
    expected = sorted(int(own[n]) for own in members for n in slow_greedy(boxes[own], iou))
    assert suppress(array(boxes), array(segments), iou=iou, pairs_at_once=pairs).tolist() == expected


@pytest.mark.slow
@pytest.mark.parametrize("pairs", [0, 5000, PAIRS_AT_ONCE], ids=["rounds", "rounds, then pairs", "pairs"])
def test_suppress_is_greedy_among_hundreds_of_boxes(pairs):
    rng = np.random.default_rng(0)
    boxes = np.concatenate((rng.random((600, 2)), rng.random((600, 2)) * 0.4), axis=1).astype(np.float32)
    segments = rng.integers(0, 3, 600)
    members = [np.flatnonzero(segments == segment) for segment in range(3)]
    expected = sorted(int(own[n]) for own in members for n in slow_greedy(boxes[own], 0.3))
    assert suppress(boxes, segments, iou=0.3, pairs_at_once=pairs).tolist() == expected


@pytest.mark.parametrize("pairs", [0, PAIRS_AT_ONCE], ids=["rounds", "pairs"])
def test_a_box_that_fell_covers_nothing(pairs):
    row = np.array([[x, 0, 2, 1] for x in range(7)], np.float32)  # each covers a third of the next one alone
    assert suppress(row, np.zeros(7, np.int64), iou=0.3, pairs_at_once=pairs).tolist() == [0, 2, 4, 6]


@given(data=st.data(), iou=THRESHOLDS)
def test_nms_twice_is_nms_once(data, iou):
    count = data.draw(st.integers(0, 20))
    boxes = data.draw(boxes_of_few_cells(count))
    segments = data.draw(hnp.arrays(np.int64, count, elements=st.integers(0, 2)))
    staying = suppress(boxes, segments, iou=iou)
    assert suppress(boxes[staying], segments[staying], iou=iou).tolist() == list(range(len(staying)))


@given(a=boxes_of_few_cells(1), b=boxes_of_few_cells(1))
@example(a=np.array([[1, 1, 2, 2]], np.float32), b=np.array([[2, 1, 2, 2]], np.float32))
def test_a_box_falls_above_the_overlap_and_not_at_it(a, b):
    overlap = float(box_iou(xyxy_from_cxcywh(a), xyxy_from_cxcywh(b))[0])
    pair, one = np.concatenate((a, b)), np.zeros(2, np.int64)
    assert suppress(pair, one, iou=overlap).tolist() == [0, 1]
    if overlap > 0:
        assert suppress(pair, one, iou=float(np.nextafter(np.float32(overlap), np.float32(0)))).tolist() == [0]


def three_candidates() -> Candidates:
    """Two boxes of which the first covers the second by 0.6, and one apart; two classes."""
    return Candidates(
        pictures=np.zeros(3, np.int64),
        boxes=np.array([[4, 4, 4, 4], [5, 4, 4, 4], [20, 20, 4, 4]], np.float32),
        objectness=np.array([0.8, 1.0, 0.5], np.float32),
        class_probs=np.array([[0.75, 0.5], [0.5, 0.75], [0.5, 0.5]], np.float32),
    )


@pytest.mark.parametrize(
    "nms, kept",
    [
        ("class", [(1, 1), (0, 0), (2, 0), (2, 1)]),  # each of the two wins in its class
        ("objectness", [(1, 1), (1, 0), (2, 0), (2, 1)]),
        ("agnostic", [(1, 1), (2, 0)]),
        ("none", [(1, 1), (0, 0), (1, 0), (0, 1), (2, 0), (2, 1)]),
    ],
)
def test_the_kinds_of_nms_differ_in_what_competes(nms, kept):
    found = select(three_candidates(), conf=0.1, iou=0.5, nms=nms)
    assert list(zip(found.candidates.tolist(), found.class_ids.tolist(), strict=True)) == kept


@LIBRARIES
def test_a_threshold_a_class_leaves_out_what_is_below_its_own(array):
    found = as_library(three_candidates(), array)
    selection = select(found, conf=np.array([math.inf, 0.3]), iou=0.5, nms="none")
    assert list(zip(selection.candidates.tolist(), selection.class_ids.tolist(), strict=True)) == [(1, 1), (0, 1)]


def test_a_score_at_the_threshold_is_not_found():
    assert len(select(three_candidates(), conf=0.75, iou=0.5).scores) == 0


@LIBRARIES
@pytest.mark.parametrize("nms, winners", [("class", 6), ("objectness", 6), ("agnostic", 2), ("none", 600)])
def test_of_equal_scores_the_earlier_candidate_wins_also_among_hundreds(array, nms, winners):
    boxes = np.ones((200, 4), np.float32)  # in two places, by turns
    boxes[1::2, 0] = 5
    alike = Candidates(np.zeros(200, np.int64), boxes, np.ones(200, np.float32), np.full((200, 3), 0.5, np.float32))
    found = select(as_library(alike, array), conf=0.1, iou=0.5, nms=nms)
    rows = [(n, c) for n in range(200) for c in range(1 if nms == "agnostic" else 3)][:winners]
    assert list(zip(found.candidates.tolist(), found.class_ids.tolist(), strict=True)) == rows


def test_pictures_of_a_batch_do_not_compete():
    one = three_candidates()
    two = Candidates(np.array([0, 1, 1]), one.boxes, one.objectness, one.class_probs)
    assert len(select(two, conf=0.1, iou=0.5).scores) == 6


@LIBRARIES
@pytest.mark.parametrize("nms", KINDS)
def test_no_candidate_gives_no_row(array, nms):
    none = as_library(Candidates(*(getattr(three_candidates(), name)[:0] for name in Candidates.__slots__)), array)
    selection = select(none, conf=0.1, iou=0.5, nms=nms)
    assert tuple(selection.boxes.shape) == (0, 4)
    assert selection.class_ids.dtype == array(np.zeros(0, np.int64)).dtype


@pytest.mark.parametrize("nms", KINDS)
def test_what_is_no_number_is_not_found(nms):
    found = three_candidates()
    found.class_probs[0] = math.nan
    found.class_probs[1, 1] = math.nan
    assert 0 not in (selection := select(found, conf=0.1, iou=1.0, nms=nms)).candidates
    assert not np.isnan(selection.scores).any()


@LIBRARIES
def test_class_ids_beyond_half_precision_stay_whole(array):
    found = Candidates(
        array(np.zeros(1, np.int64)),
        array(np.zeros((1, 4), np.float32)),
        array(np.ones(1, np.float32)),
        array(np.eye(1, 9418, 9417, dtype=np.float32)),
    )
    assert select(found, conf=0.5, iou=0.5).class_ids.tolist() == [9417]


def test_the_largest_boxes_overlap_without_a_warning():
    boxes = np.full((3, 4), 3e37, np.float32)
    boxes[1] = 1  # far away, and small
    assert suppress(boxes, np.zeros(3, np.int64), iou=0.5).tolist() == [0, 1]


# animal(dog(hound, terrier), cat), vehicle(car)
ANIMALS = WordTree(("animal", "vehicle", "dog", "cat", "car", "hound", "terrier"), np.array([-1, -1, 0, 0, 1, 2, 2]))


def tree_candidates() -> Candidates:
    """Three boxes apart: surely a hound, a dog of either kind, a vehicle with little objectness."""
    return Candidates(
        pictures=np.zeros(3, np.int64),
        boxes=np.array([[4, 4, 4, 4], [14, 4, 4, 4], [20, 20, 4, 4]], np.float32),
        objectness=np.array([0.5, 0.9, 0.2], np.float32),
        class_probs=np.array(
            [
                [0.9, 0.1, 0.9, 0.1, 1.0, 0.9, 0.1],
                [0.9, 0.1, 0.9, 0.1, 1.0, 0.5, 0.5],
                [0.2, 0.8, 0.5, 0.5, 1.0, 0.5, 0.5],
            ],
            np.float32,
        ),
    )


def test_a_box_of_a_tree_is_its_deepest_likely_node_with_that_nodes_probability():
    found = select_nodes(tree_candidates(), ANIMALS, conf=0.1, iou=0.45)
    assert [ANIMALS.names[node] for node in found.class_ids] == ["dog", "hound", "car"]
    np.testing.assert_allclose(found.scores, [0.9 * 0.81, 0.5 * 0.729, 0.2 * 0.8], rtol=FLOAT32_NOISE)


def test_darknet_scores_a_node_by_the_objectness_alone():
    found = select_nodes(tree_candidates(), ANIMALS, conf=0.1, iou=0.45, faithful=True)
    assert [ANIMALS.names[node] for node in found.class_ids] == ["dog", "hound", "car"]
    np.testing.assert_array_equal(found.scores, found.objectness)


def test_depth_and_threshold_of_the_tree_steer_how_deep_an_answer_goes():
    shallow = select_nodes(tree_candidates(), ANIMALS, conf=0.1, iou=0.45, depth=0)
    assert [ANIMALS.names[node] for node in shallow.class_ids] == ["animal", "animal", "vehicle"]
    bold = select_nodes(tree_candidates(), ANIMALS, conf=0.1, iou=0.45, tree_threshold=0.3)
    assert [ANIMALS.names[node] for node in bold.class_ids] == ["hound", "hound", "car"]


def test_a_threshold_a_node_counts_where_the_walk_ends():
    conf = np.full(7, 0.1)
    conf[5] = math.inf  # no hounds
    found = select_nodes(tree_candidates(), ANIMALS, conf=conf, iou=0.45)
    assert [ANIMALS.names[node] for node in found.class_ids] == ["dog", "car"]


@pytest.mark.parametrize(
    "nms, faithful, nodes",
    [
        ("class", False, ["dog"]),
        ("class", True, ["dog", "hound"]),
        ("agnostic", False, ["dog"]),
        ("objectness", False, ["dog"]),
        ("none", False, ["dog", "hound"]),
    ],
)
def test_boxes_of_one_place_compete_where_one_node_lies_above_the_other(nms, faithful, nodes):
    found = tree_candidates()
    found.boxes[1] = found.boxes[0]
    found.boxes[2] = found.boxes[0]
    chosen = select_nodes(found, ANIMALS, conf=0.3, iou=0.45, nms=nms, faithful=faithful)
    assert sorted(ANIMALS.names[node] for node in chosen.class_ids) == sorted(nodes)


@pytest.mark.parametrize("pairs_at_once", [0, 1 << 17], ids=["in rounds", "in pairs"])
@pytest.mark.parametrize("array", [np.asarray, torch.asarray], ids=["numpy", "torch"])
def test_boxes_of_one_place_beside_each_other_in_the_tree_both_stay(array, pairs_at_once):
    boxes = array(np.full((4, 4), 0.5, np.float32))
    nodes = array(np.array([5, 3, 2, 6]))  # hound, cat, dog, terrier
    staying = suppress(
        boxes, array(np.zeros(4, np.int64)), iou=0.45, spans=spans_of(nodes, ANIMALS), pairs_at_once=pairs_at_once
    )
    assert staying.tolist() == [0, 1, 3]  # the dog is the hound that was found before it


@pytest.mark.parametrize("nms", KINDS)
def test_nothing_is_made_on_another_device_than_that_of_the_raw_head(nms):
    tree = WordTree(("a", "b", "c", "d", "e"), np.array([-1, -1, 0, 0, 0]))
    head = Region(((1.0, 2.0), (3.0, 1.0)), classes=5, softmax=True, tree="my.tree")
    raw = torch.linspace(-2, 2, 2 * head.channels * 6).reshape(2, head.channels, 2, 3)
    with torch.device("meta"):  # where a tensor goes whose maker names no device
        found = candidates(raw, head, threshold=0.3, tree=tree)
        by_class = select(found, conf=0.01, iou=0.1, nms=nms)
        by_node = select_nodes(found, tree, conf=0.01, iou=0.1, nms=nms)
        whole = decode(raw, head, tree=tree)
        classes = mapped(found, tree, (1, 3)).class_probs
    for tensor in (found.boxes, by_class.scores, by_node.scores, by_node.class_ids, whole.boxes, classes):
        assert tensor.device.type == "cpu"
        assert len(tensor) > 0
