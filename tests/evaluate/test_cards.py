"""The part of a photograph that shows a mistake."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from yolov2.evaluate.cards import SHAPE, Window, smaller, window_around


def test_a_box_stands_in_the_middle_with_room_around_it():
    window = window_around((500, 400, 600, 500), (1000, 1200))
    assert window.size_wh == (293, 220)  # 100 * 2.2, and 4 : 3
    assert window == Window(403, 340, 696, 560)


def test_a_tiny_box_is_shown_with_its_surroundings():
    assert window_around((500, 400, 504, 404), (1000, 1200)).size_wh == (128, 96)


def test_at_an_edge_the_window_moves_inwards():
    assert window_around((0, 900, 100, 1000), (1000, 1200)) == Window(0, 780, 293, 1000)


def test_a_box_as_large_as_the_picture_shows_all_of_it():
    assert window_around((0, 0, 300, 200), (200, 300)) == Window(0, 0, 300, 200)


@given(
    size=st.tuples(st.integers(1, 500), st.integers(1, 500)),
    shares=st.tuples(*[st.floats(0, 1)] * 4),
)
def test_the_window_lies_in_the_picture_and_has_a_pixel(size, shares):
    height, width = size
    (x1, x2), (y1, y2) = (
        sorted((shares[0] * width, shares[1] * width)),
        sorted((shares[2] * height, shares[3] * height)),
    )
    window = window_around((x1, y1, x2, y2), size)
    assert 0 <= window.left < window.right <= width
    assert 0 <= window.top < window.bottom <= height
    wide, high = window.size_wh
    assert wide <= round(max(high, 1) * SHAPE) + 2 or high == height


@pytest.mark.parametrize("size, kept", [((100, 200), (100, 200)), ((480, 481), (240, 240)), ((2000, 3000), (285, 428))])
def test_a_large_picture_is_made_smaller(size, kept):
    assert smaller(np.zeros((*size, 3), np.uint8), most=480).shape == (*kept, 3)


def test_of_each_square_the_mean_is_kept():
    pixels = np.arange(16, dtype=np.uint8).reshape(4, 4, 1)
    np.testing.assert_array_equal(smaller(pixels, most=2)[..., 0], [[2, 4], [10, 12]])


def test_a_picture_of_one_line_stays():
    assert smaller(np.zeros((1, 2000, 3), np.uint8), most=480).shape == (1, 2000, 3)
