"""Where labels go: inside the picture, at their boxes, hiding little."""

from hypothesis import given
from hypothesis import strategies as st

from yolov2.pictures.label_places import HIDDEN, TRIED_LABELS, place_labels

PICTURE_HW = 240, 320
LABEL_WH = 60, 16
LINE = 2


def places(*boxes, picture_hw=PICTURE_HW, size_wh=LABEL_WH):
    return place_labels(boxes, [size_wh] * len(boxes), picture_hw=picture_hw, line=LINE)


def overlap(a, b) -> int:
    return max(0, min(a[2], b[2]) - max(a[0], b[0])) * max(0, min(a[3], b[3]) - max(a[1], b[1]))


def test_a_label_stands_on_its_box():
    assert places((60, 80, 260, 200)) == [(59, 63, 119, 79)]


def test_without_room_above_it_stands_inside():
    assert places((60, 4, 260, 200)) == [(59, 5, 119, 21)]


def test_a_label_moves_away_from_a_small_box_that_it_would_hide():
    small = (70, 66, 82, 78)
    first, second = places((60, 80, 260, 200), small)
    assert overlap(first, small) == 0
    assert overlap(second, small) == overlap(first, second) == 0


def test_a_small_box_is_not_hidden_by_its_own_label():
    box = (100, 2, 110, 12)  # no room above
    (label,) = places(box)
    assert overlap(label, box) == 0


def test_the_second_label_of_one_place_moves():
    first, second = places((60, 80, 260, 200), (61, 80, 260, 200))
    assert first == (59, 63, 119, 79)
    assert overlap(first, second) == 0


def test_between_two_labels_there_is_a_line_of_picture():
    first, second = places((60, 80, 110, 200), (120, 80, 260, 200))  # side by side they would touch
    assert first == (59, 63, 119, 79)
    assert overlap((58, 62, 120, 80), second) == 0


def test_a_label_that_better_ones_would_hide_is_left_out():
    assert [place is None for place in places(*[(0, 0, 60, 18)] * 3, picture_hw=(20, 60))] == [False, True, True]


def test_of_a_great_many_labels_the_rest_takes_the_usual_place_or_none():
    boxes = [(10, 30, 300, 230)] * TRIED_LABELS
    *_, crowded, free = places(*boxes, (10, 30, 300, 230), (200, 220, 210, 230))
    assert crowded is None
    assert free == (199, 203, 259, 219)


def test_no_label_at_all_is_no_place():
    assert places() == []


BOXES = st.tuples(st.integers(0, 319), st.integers(0, 239), st.integers(1, 320), st.integers(1, 240)).map(
    lambda box: (box[0], box[1], min(320, box[0] + box[2]), min(240, box[1] + box[3]))
)


@given(st.lists(BOXES, max_size=30))
def test_every_label_is_inside_and_little_of_it_hidden(boxes):
    given_places = [place for place in places(*boxes) if place is not None]
    assert bool(given_places) == bool(boxes)
    for number, (left, top, right, bottom) in enumerate(given_places):
        assert (right - left, bottom - top) == LABEL_WH
        assert min(left, top) >= 0
        assert (right, bottom) <= (320, 240)
        assert bottom <= 240
        area = LABEL_WH[0] * LABEL_WH[1]
        assert all(overlap(given_places[number], better) <= HIDDEN * area for better in given_places[:number])
