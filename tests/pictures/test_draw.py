"""Boxes on a picture: what is touched, in which colour, and what stays readable."""

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from strategies import picture_sizes
from yolov2.pictures.draw import Lettering, class_colour, draw_detections
from yolov2.records import Detections

GREY = 77  # no colour of a class, and no ink
NAMES = ("person", "bicycle", "car", "dog")


def found(rows, size, labels=NAMES):
    """Detections of (class, score, box) rows."""
    return Detections(
        xyxy=np.array([box for _, _, box in rows], np.float32).reshape(-1, 4),
        scores=np.array([score for _, score, _ in rows], np.float32),
        class_ids=np.array([class_id for class_id, _, _ in rows], np.int64),
        objectness=np.array([score for _, score, _ in rows], np.float32),
        size=size,
        labels=labels,
    )


def drawn(rows, size=(240, 320), labels=NAMES):
    pixels = np.full((*size, 3), GREY, np.uint8)
    result = draw_detections(pixels, found(rows, size, labels))
    assert result is not pixels
    assert (pixels == GREY).all()
    return result


def extent(mask):
    """The smallest rectangle around what is set: left, top, right, bottom, the last two outside."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return columns[0], rows[0], columns[-1] + 1, rows[-1] + 1


def backgrounds(picture, colour):
    """How many pixels have exactly this colour."""
    return int((picture == colour).all(axis=-1).sum())


@pytest.mark.parametrize(
    "class_id, classes, colour",
    [
        (0, 20, (255, 0, 255)),
        (1, 20, (0, 191, 255)),  # 17 twentieths of the way through Darknet's six stops
        (14, 20, (0, 128, 255)),
        (0, 1, (255, 0, 255)),
        (2, 80, (223, 255, 0)),
    ],
)
def test_a_class_has_darknets_colour(class_id, classes, colour):
    stops = np.array([(1, 0, 1), (0, 0, 1), (0, 1, 1), (0, 1, 0), (1, 1, 0), (1, 0, 0)], float)  # blue, green, red
    place = 5 * ((class_id * 123457) % classes) / classes
    blue, green, red = (np.interp(place, range(6), stops[:, channel]) for channel in range(3))
    assert class_colour(class_id, classes) == tuple(round(255 * value) for value in (red, green, blue)) == colour


def test_nothing_found_gives_an_equal_copy():
    assert (drawn([]) == GREY).all()


def test_a_read_only_picture_can_be_drawn_on():
    pixels = np.full((50, 60, 3), GREY, np.uint8)
    pixels.flags.writeable = False
    result = draw_detections(pixels[::-1], found([(0, 0.9, (5, 30, 40, 45))], (50, 60)))
    assert result.flags.writeable
    assert result[45 - 1, 20].tolist() == [255, 0, 255]


def test_a_box_is_drawn_along_its_edges_in_its_colour():
    picture = drawn([(3, 0.87, (60, 80, 260, 200))])
    colour = list(class_colour(3, len(NAMES)))
    for row, column in ((80, 250), (199, 160), (140, 60), (140, 259)):
        assert picture[row, column].tolist() == colour
    assert picture[140, 160].tolist() == [GREY] * 3
    assert extent((picture != GREY).any(axis=-1))[2:] == (260, 200)


def test_a_label_stands_on_its_box():
    picture = drawn([(3, 0.87, (60, 80, 260, 200))])
    label = (picture[:80] != GREY).any(axis=-1)
    left, top, right, bottom = extent(label)
    assert (left, bottom) == (60, 80)
    assert 10 <= bottom - top <= 24
    assert 30 <= right - left <= 80


@pytest.mark.parametrize("class_id", range(4))
def test_the_ink_of_a_label_is_far_from_its_background(class_id):
    colour = class_colour(class_id, len(NAMES))
    label = drawn([(class_id, 0.87, (60, 80, 260, 200))])[:79, 60:90].reshape(-1, 3)
    brightness = label @ (0.299, 0.587, 0.114)
    ground = np.dot(colour, (0.299, 0.587, 0.114))
    ink = brightness[np.argmax(np.abs(brightness - ground))]
    assert abs(ink - ground) > 100


def test_a_label_that_does_not_fit_above_goes_inside():
    picture = drawn([(2, 0.5, (60, 4, 260, 200))])
    assert (picture[20:30, 100:200] == GREY).all()  # the inside beside the label
    assert backgrounds(picture[:24, 62:130], class_colour(2, len(NAMES))) > 300


@pytest.mark.parametrize("box", [(-50, -60, 40, 900), (300, 230, 900, 900), (-9, 100, 900, 110), (400, 300, 500, 400)])
def test_a_box_over_the_edge_is_clamped_with_its_label_inside(box):
    picture = drawn([(0, 0.99, box)])
    assert backgrounds(picture, class_colour(0, len(NAMES))) > 300
    assert (picture != GREY).any(axis=-1).sum() > 300


def test_the_best_box_lies_on_top():
    box = (60, 80, 260, 200)
    shifted = (60.4, 80, 260, 200)  # drawn on the same pixels
    for best, worst in ((2, 3), (3, 2)):
        picture = drawn([(best, 0.9, box), (worst, 0.3, shifted)])
        assert picture[150, 60].tolist() == list(class_colour(best, len(NAMES)))


def test_labels_of_boxes_at_one_place_do_not_cover_each_other():
    near = [(class_id, 0.9 - class_id / 10, (60 + class_id, 80, 260, 200)) for class_id in (0, 2, 3)]
    together = drawn(near)
    for row in near:
        colour = class_colour(row[0], len(NAMES))
        alone = backgrounds(drawn([row])[:79], colour)  # the label without the box
        assert backgrounds(together, colour) >= alone


def test_the_classes_of_one_box_share_a_label():
    box = (60, 80, 260, 200)
    one, both = drawn([(2, 0.9, box)]), drawn([(2, 0.9, box), (3, 0.4, box)])
    assert backgrounds(both, class_colour(3, len(NAMES))) == 0
    assert extent((both[:80] != GREY).any(axis=-1))[2] > extent((one[:80] != GREY).any(axis=-1))[2] + 30


def test_a_class_without_a_name_keeps_its_colour_whatever_else_is_found():
    row = (7, 0.9, (60, 80, 260, 200))
    alone, among = drawn([row], labels=()), drawn([row, (900, 0.2, (270, 220, 300, 230))], labels=())
    np.testing.assert_array_equal(alone[80:200, 60:260], among[80:200, 60:260])


def test_letters_of_every_language_and_stray_bytes_are_drawn():
    names = ("größe 犬", "line\nbreak\udcff", "x")
    picture = drawn([(0, 0.9, (20, 60, 200, 100)), (1, 0.8, (20, 140, 200, 200))], labels=names)
    assert backgrounds(picture[:60], class_colour(0, 3)) > 300
    assert backgrounds(picture[:140], class_colour(1, 3)) > 300


@pytest.mark.parametrize("size, line", [((60, 80), 1), ((480, 640), 2), ((3000, 4000), 10)])
def test_lines_and_letters_grow_with_the_picture(size, line):
    height, width = size
    picture = drawn([(3, 0.87, (0.25 * width, 0.5 * height, 0.75 * width, 0.9 * height))], size)
    column = (picture[int(0.7 * height) :, width // 2] != GREY).any(axis=-1)
    assert line <= column.sum() <= line + 1
    label = (picture[: height // 2 - line] != GREY).any(axis=-1)
    _, top, _, bottom = extent(label)
    assert 0.02 * height <= bottom - top <= max(0.045 * height, 16)


@given(
    size=picture_sizes(largest=90),
    boxes=hnp.arrays(np.float32, st.tuples(st.integers(0, 12), st.just(4)), elements=st.floats(-200, 300, width=32)),
)
def test_any_boxes_can_be_drawn_on_any_picture(size, boxes):
    rows = [(index % 4, 1 - index / 20, box) for index, box in enumerate(boxes)]
    picture = drawn(rows, size)
    assert picture.shape == (*size, 3)
    assert (picture != GREY).any() == (len(boxes) > 0)


def test_an_endless_box_is_clamped():
    huge = float(np.finfo(np.float32).max)
    picture = drawn([(0, 0.9, (-huge, -huge, huge, np.inf))])
    assert picture[120, 0].tolist() == [255, 0, 255]
    assert picture[239, 160].tolist() == [255, 0, 255]


def test_labels_of_a_narrow_picture_stand_upright():
    narrow = drawn([(2, 0.5, (4, 100, 26, 400)), (1, 0.4, (10, 410, 20, 420))], (500, 30))
    turned = drawn([(2, 0.5, (100, 4, 400, 26)), (1, 0.4, (80, 10, 90, 20))], (30, 500))
    np.testing.assert_array_equal(narrow, np.rot90(turned))


def test_labels_of_a_picture_that_is_wide_enough_lie():
    high = drawn([(2, 0.5, (10, 100, 90, 400))], (500, 100))
    left, top, right, bottom = extent((high[:100] != GREY).any(axis=-1))
    assert right - left > 2 * (bottom - top)


@pytest.mark.parametrize("size, letters", [((48, 64), 9), ((40, 1352), 8), ((12, 64), 6), ((60, 80), 10)])
def test_letters_on_small_pictures_are_as_large_as_there_is_room_for(size, letters):
    height, width = size
    picture = drawn([(2, 0.5, (width / 4, height - 1, width, height))], size)
    _, top, _, bottom = extent((picture == class_colour(2, len(NAMES))).all(axis=-1)[: height - 2])
    assert (
        letters <= bottom - top <= letters + 4
    )  # with the pad above and below, where a line of the box does not meet it


def test_a_label_that_is_too_long_loses_what_matters_least():
    lettering = Lettering(cv2.FontFace("sans"), 10, pad=1)
    texts = ("traffic light 50%, car 40%", "traffic light 50%", "traffic light")
    widths = [lettering.measure(text)[0] for text in texts]
    assert [lettering.fitting(texts, width) for width in widths] == list(texts)
    cut = lettering.fitting(texts, widths[2] - 1)
    assert cut.startswith("traffic li")
    assert cut.endswith("…")
    assert lettering.measure(cut)[0] < widths[2]
    assert lettering.fitting(texts, 1) == "t…"


def test_a_label_that_others_would_hide_is_left_out_and_its_box_is_not():
    picture = drawn([(0, 0.9, (0, 0, 40, 10)), (2, 0.7, (1, 0, 40, 10))], (10, 40))  # room for one
    colour = class_colour(2, len(NAMES))
    assert backgrounds(picture[:9, 2:39], colour) == 0
    assert backgrounds(picture, colour) > 0
