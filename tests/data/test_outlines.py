import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from yolov2.data.outlines import box_around, box_of_circle, box_of_ellipse, shape_flaws, turned_box, turned_corners

lengths = st.floats(0.5, 500)
degrees = st.floats(-720, 720)


def test_the_box_around_points_has_their_extremes():
    assert box_around([(3, 9), (1, 12), (5, 4)]) == (1, 4, 5, 12)


def test_a_circle_goes_through_its_second_point():
    assert box_of_circle((10, 10), (13, 14)) == (5, 5, 15, 15)


def test_a_quarter_turn_is_clockwise_and_exact():
    assert turned_corners((0, 0, 4, 2), 90, around=(0, 0)) == [(0, 0), (0, 4), (-2, 4), (-2, 0)]
    assert turned_corners((0, 0, 4, 2), 180, around=(0, 0)) == [(0, 0), (-4, 0), (-4, -2), (0, -2)]
    assert turned_corners((0, 0, 4, 2), 270, around=(0, 0)) == [(0, 0), (0, -4), (2, -4), (2, 0)]
    assert turned_box((0, 0, 4, 2), 90) == (1, -1, 3, 3)


@pytest.mark.parametrize("turn", [0, 360, -720])
def test_whole_turns_change_nothing(turn):
    assert turned_box((0.1, 0.2, 4.3, 2.4), turn) == (0.1, 0.2, 4.3, 2.4)


@given(rx=lengths, ry=lengths, turn=degrees)
def test_the_box_of_an_ellipse_is_that_of_many_points_on_it(rx, ry, turn):
    angle = math.radians(turn)
    points = [
        (
            rx * math.cos(t) * math.cos(angle) - ry * math.sin(t) * math.sin(angle),
            rx * math.cos(t) * math.sin(angle) + ry * math.sin(t) * math.cos(angle),
        )
        for t in (2 * math.pi * step / 5000 for step in range(5000))
    ]
    assert box_of_ellipse((0, 0), rx, ry, turn) == pytest.approx(box_around(points), rel=1e-3, abs=1e-6 * max(rx, ry))


@given(width=lengths, height=lengths, turn=degrees)
def test_a_turned_box_keeps_its_centre(width, height, turn):
    left, top, right, bottom = turned_box((0, 0, width, height), turn)
    assert ((left + right) / 2, (top + bottom) / 2) == pytest.approx((width / 2, height / 2))
    assert math.hypot(right - left, bottom - top) >= 0.999 * min(width, height)


def test_shapes_are_told_by_kind():
    flaws = shape_flaws({"polygon": 2, "circle": 1}, {"points": 0})
    assert [(flaw.found, flaw.repair) for flaw in flaws] == [("1 circle, 2 polygons", "the box around each is taken")]
