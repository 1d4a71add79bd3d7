"""Tiles cover a picture, and an object that several of them see comes out once, whole."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from yolov2.boxes import cxcywh_from_xyxy, xyxy_from_cxcywh
from yolov2.detect.tiling import OVERLAP, merge, tiles_of, views_of

PIXEL_NOISE = 1e-3  # float32 of a coordinate of some thousand pixels
LEAST_SEEN = 12  # pixels of a side: less of an object is not found in a tile


@given(
    left=st.integers(0, 50),
    top=st.integers(0, 50),
    width=st.integers(1, 900),
    height=st.integers(1, 900),
    tile=st.tuples(st.integers(8, 400), st.integers(8, 400)),
)
def test_tiles_cover_an_area_and_share_a_fifth_with_their_neighbours(left, top, width, height, tile):
    tiles = tiles_of((left, top, left + width, top + height), tile)
    covered = np.zeros((height, width), bool)
    for x0, y0, x1, y1 in tiles:
        assert (y1 - y0, x1 - x0) == (min(tile[0], height), min(tile[1], width))
        covered[y0 - top : y1 - top, x0 - left : x1 - left] = True
    assert covered.all()
    for low, side in ((0, tile[1]), (1, tile[0])):
        starts = sorted({one[low] for one in tiles})
        shared = [side - (b - a) for a, b in pairwise(starts)]
        assert all(one >= OVERLAP * side - 1 for one in shared)  # a pixel is lost to rounding


def test_what_fits_one_tile_is_looked_at_once_and_what_does_not_as_a_whole_as_well():
    assert views_of((0, 0, 400, 300), (300, 400)) == ((0, 0, 400, 300),)
    assert views_of((0, 0, 700, 300), (300, 400)) == ((0, 0, 700, 300), (0, 0, 400, 300), (300, 0, 700, 300))


def perfect(objects, views, *, first):
    """What a perfect detector would find in the views from this one on: what is inside, where that is enough to see."""
    rows = []
    for index, (left, top, right, bottom) in enumerate(views):
        for class_id, box in objects:
            x0, y0, x1, y1 = max(box[0], left), max(box[1], top), min(box[2], right), min(box[3], bottom)
            if index >= first and min(x1 - x0, y1 - y0) >= LEAST_SEEN:
                rows.append((x0, y0, x1, y1, class_id, index, 0.9 - 0.1 * (index % 3)))
    return np.array(rows, np.float32).reshape(-1, 7)


@st.composite
def scenes(draw):
    """Objects apart from each other: one in each of some cells of a raster, up to a few cells long."""
    objects = []
    for row in range(4):
        column = 0
        while column < 8:
            length = draw(st.integers(1, 5))
            if draw(st.booleans()):
                x0, y0 = 100 * column + draw(st.integers(2, 20)), 100 * row + draw(st.integers(2, 20))
                x1 = 100 * min(column + length, 8) - draw(st.integers(2, 20))
                objects.append((draw(st.integers(0, 2)), (x0, y0, x1, 100 * row + draw(st.integers(70, 98)))))
            column += length
    return objects


@given(objects=scenes(), tile=st.sampled_from([(150, 200), (210, 260), (180, 180)]), first=st.integers(0, 1))
def test_a_perfect_detector_finds_every_object_once_and_whole_whatever_the_tiles(objects, tile, first):
    views = views_of((0, 0, 800, 400), tile)
    rows = perfect(objects, views, first=first)
    kept, boxes = merge(
        cxcywh_from_xyxy(rows[:, :4]), rows[:, 6], rows[:, 4].astype(int), rows[:, 5].astype(int), views, iou=0.45
    )
    assert np.all(np.diff(rows[kept, 6]) <= 0)
    found = sorted((int(rows[k, 4]), *box) for k, box in zip(kept, xyxy_from_cxcywh(boxes).tolist(), strict=True))
    expected = sorted((class_id, *box) for class_id, box in objects)
    assert len(found) == len(expected)
    np.testing.assert_allclose(np.array(found), np.array(expected), atol=PIXEL_NOISE)


TWO = ((0, 0, 180, 100), (0, 0, 100, 100), (80, 0, 180, 100))  # the whole, and two tiles that share columns 80 to 100


def merged(*rows, spans=None):
    """rows: (x0, y0, x1, y1, score, class, view) -> [(x0, y0, x1, y1, score)]"""
    table = np.array(rows, np.float32)
    ids, views = table[:, 5].astype(int), table[:, 6].astype(int)
    kept, boxes = merge(cxcywh_from_xyxy(table[:, :4]), table[:, 4], ids, views, TWO, iou=0.45, spans=spans)
    return [
        (*map(round, box), score) for box, score in zip(xyxy_from_cxcywh(boxes).tolist(), table[kept, 4], strict=True)
    ]


def test_a_part_at_the_seam_falls_to_the_whole_object_that_a_neighbour_sees():
    whole, part = (60, 10, 95, 90, 0.5, 0, 1), (80, 10, 95, 90, 0.9, 0, 2)
    assert merged(whole, part) == [(60, 10, 95, 90, np.float32(0.5))]


def test_parts_that_agree_in_the_strip_become_one_object_with_the_better_score():
    assert merged((20, 10, 100, 90, 0.5, 0, 1), (80, 12, 150, 88, 0.75, 0, 2)) == [(20, 10, 150, 90, np.float32(0.75))]


def test_a_part_that_ends_short_of_its_seam_joins_the_part_beyond_it():
    """Two boxes of one dog, as a network found them in tiles of 416 of a collage: the upper ends 10 px too early."""
    views = views_of((0, 0, 1760, 1056), (416, 416))
    upper, lower = views.index((0, 0, 416, 416)), views.index((0, 320, 416, 736))
    boxes = cxcywh_from_xyxy(np.array([(124, 184, 300, 406), (104, 290, 308, 495)], np.float32))
    scores, ids = np.array([0.75, 0.5], np.float32), np.zeros(2, np.int64)
    kept, joined = merge(boxes, scores, ids, np.array([upper, lower]), views, iou=0.45)
    assert kept.tolist() == [0]
    assert xyxy_from_cxcywh(joined).tolist() == [[104, 184, 308, 495]]


def test_of_two_whole_ones_near_a_seam_a_part_joins_the_better_alone():
    better, other = (20, 10, 95, 90, 0.75, 0, 1), (64, 10, 94, 90, 0.5, 0, 1)
    part = (78, 5, 150, 92, 0.25, 0, 2)
    assert merged(better, other, part) == [(20, 5, 150, 92, np.float32(0.75)), (64, 10, 94, 90, np.float32(0.5))]


@pytest.mark.parametrize(
    "other",
    [(80, 60, 150, 95, 0.75, 0, 2), (80, 12, 150, 40, 0.75, 1, 2)],
    ids=["elsewhere in the strip", "another class"],
)
def test_parts_that_disagree_stay_two(other):
    assert len(merged((20, 10, 100, 45, 0.5, 0, 1), other)) == 2


def test_two_whole_objects_one_before_the_other_stay_two():
    large, small = (82, 5, 170, 95, 0.5, 0, 2), (84, 40, 97, 60, 0.75, 0, 1)
    assert len(merged(large, small)) == 2


def test_the_border_of_the_picture_is_no_seam():
    assert merged((0, 10, 60, 90, 0.5, 0, 1), (0, 12, 150, 99, 0.75, 0, 0)) == [
        (0, 12, 150, 99, np.float32(0.75)),
        (0, 10, 60, 90, np.float32(0.5)),
    ]


def test_nothing_found_is_no_rows():
    empty = np.zeros((0, 4), np.float32)
    kept, boxes = merge(empty, empty[:, 0], np.zeros(0, np.int64), np.zeros(0, np.int64), TWO, iou=0.45)
    assert kept.shape == (0,)
    assert boxes.shape == (0, 4)


def test_a_node_and_one_above_it_are_of_one_kind_and_two_beside_each_other_are_not():
    left, right = (20, 10, 100, 90, 0.5, 3, 1), (80, 12, 150, 88, 0.75, 1, 2)
    above, beside = np.array([[3, 3], [1, 4]]), np.array([[3, 3], [4, 4]])
    assert merged(left, right, spans=above) == [(20, 10, 150, 90, np.float32(0.75))]
    assert len(merged(left, right, spans=beside)) == 2


def test_what_parts_become_competes_once_more():
    whole = (22, 12, 148, 88, 0.25, 0, 0)
    assert merged((20, 10, 100, 90, 0.5, 0, 1), (80, 12, 150, 88, 0.75, 0, 2), whole) == [
        (22, 12, 148, 88, np.float32(0.25))
    ]
