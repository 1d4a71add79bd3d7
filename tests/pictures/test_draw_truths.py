from pathlib import Path

import numpy as np

from yolov2.pictures.draw import class_colour
from yolov2.pictures.draw_truths import CELL, GAP, contact_sheet, draw_truths
from yolov2.samples import Sample

GREY = np.full((100, 200, 3), 128, np.uint8)


def sample(*boxes, class_ids=None, difficult=False, label=None):
    array = np.array(boxes, np.float64).reshape(-1, 4)
    count = len(array)
    flags = np.full(count, difficult)
    columns = (np.array(class_ids or [0] * count, np.int64), flags, np.zeros(count, np.bool_))
    return Sample(Path("a.jpg"), (100, 200), array, *columns, np.zeros(count), np.zeros(count, np.int64), label=label)


def label_width(drawn, colour):
    """The width of the filled label above a box that begins at row 50."""
    return int((drawn[45] == colour).all(axis=-1).sum())


def test_a_box_is_drawn_in_the_colour_of_its_class_at_its_edges():
    drawn = draw_truths(GREY, sample((20, 50, 120, 90), class_ids=[1]), ("cat", "dog"))
    colour = class_colour(1, 2)
    assert [tuple(drawn[y, x].tolist()) for y, x in ((60, 20), (60, 119), (50, 100), (89, 60))] == [colour] * 4
    assert (drawn[60:80, 40:100] == 128).all()


def test_what_is_difficult_has_a_longer_label():
    widths = [
        label_width(draw_truths(GREY, sample((20, 50, 120, 90), difficult=flag), ("cat",)), class_colour(0, 1))
        for flag in (False, True)
    ]
    assert widths[1] > 1.8 * widths[0] > 0


def test_the_smaller_box_lies_on_top():
    both = draw_truths(GREY, sample((20, 50, 120, 90), (20, 50, 60, 70), class_ids=[0, 1]), ("cat", "dog"))
    assert tuple(both[60, 20].tolist()) == class_colour(1, 2)
    assert tuple(both[80, 20].tolist()) == class_colour(0, 2)


def test_a_box_of_an_unknown_class_is_drawn_too():
    drawn = draw_truths(GREY, sample((20, 50, 120, 90), class_ids=[-1]), ("cat",))
    assert not (drawn[60, 20] == 128).all()


def test_the_class_of_a_whole_picture_frames_it():
    drawn = draw_truths(GREY, sample(label=1), ("cat", "dog"))
    assert tuple(drawn[60, 0].tolist()) == tuple(drawn[99, 100].tolist()) == class_colour(1, 2)


def test_a_picture_without_truth_stays_as_it_is():
    np.testing.assert_array_equal(draw_truths(GREY, sample(), ("cat",)), GREY)


def test_a_sheet_has_five_pictures_in_a_row_each_in_its_cell():
    sheet = contact_sheet([np.full((2 * CELL, CELL, 3), shade, np.uint8) for shade in range(6)])
    assert sheet.shape == (2 * CELL + 3 * GAP, 5 * CELL + 6 * GAP, 3)
    middles = [GAP + CELL // 2 + (CELL + GAP) * column for column in range(5)]
    assert [int(sheet[middles[0], x, 0]) for x in middles] == [0, 1, 2, 3, 4]
    assert [int(sheet[middles[1], x, 0]) for x in middles] == [5, 255, 255, 255, 255]


def test_small_pictures_are_not_made_larger_on_a_sheet():
    sheet = contact_sheet([np.zeros((10, 20, 3), np.uint8)])
    assert int((sheet == 0).all(axis=-1).sum()) == 200
