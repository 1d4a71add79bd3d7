"""Heat over a picture: what glows, what stays to be seen, and what is not touched."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from yolov2.pictures.heat import STRIP_ROWS, draw_heat, spread

SKY = np.full((4, 6, 3), (90, 140, 220), np.uint8)


def whole(value: float) -> np.ndarray:
    return np.full((4, 6), value, np.float32)


def test_where_nothing_matters_the_picture_is_dim_and_nearly_grey():
    cold = draw_heat(SKY, whole(0))
    grey = round(0.299 * 90 + 0.587 * 140 + 0.114 * 220)  # 134, as JPEG weighs colours
    expected = [round(0.6 * (0.3 * c + 0.7 * grey)) for c in (90, 140, 220)]
    assert cold[0, 0].tolist() == expected == [72, 81, 96]


def test_the_hottest_place_is_bright_yellow_with_the_picture_behind_it():
    yellow, grey = (252, 255, 164), 134  # the end of the palette
    expected = [round(0.7 * y + 0.3 * (0.3 * c + 0.7 * grey)) for y, c in zip(yellow, (90, 140, 220), strict=True)]
    assert draw_heat(SKY, whole(1))[0, 0].tolist() == expected == [213, 219, 163]


def test_the_picture_is_seen_through_the_heat():
    black, white = (draw_heat(np.full((4, 6, 3), v, np.uint8), whole(0.9))[0, 0].astype(int) for v in (0, 255))
    np.testing.assert_allclose(white - black, 0.3 * 255, atol=1)


def test_up_to_a_third_nothing_glows():
    np.testing.assert_array_equal(draw_heat(SKY, whole(0.3)), draw_heat(SKY, whole(0)))


def test_more_is_never_darker():
    heat = np.linspace(0, 1, 256, dtype=np.float32)[None]
    grey = draw_heat(np.full((1, 256, 3), 60, np.uint8), heat)[0].astype(float) @ [0.299, 0.587, 0.114]
    assert np.diff(grey).min() > -1.5  # a step of a byte, rounded
    assert grey[-1] > 4 * grey[0]


def test_a_picture_of_several_strips_is_one_picture():
    random = np.random.default_rng(1)
    pixels = random.integers(0, 256, (2 * STRIP_ROWS + 3, 5, 3), np.uint8)
    heat = random.random(pixels.shape[:2], np.float32)
    parts = [draw_heat(pixels[top : top + 100], heat[top : top + 100]) for top in range(0, len(pixels), 100)]
    np.testing.assert_array_equal(draw_heat(pixels, heat), np.concatenate(parts))


@given(st.integers(1, 9), st.integers(1, 9), st.booleans())
def test_a_picture_of_any_size_and_order_is_drawn_and_not_changed(height, width, is_turned):
    pixels = np.random.default_rng(2).integers(0, 256, (height, width, 3), np.uint8)
    given_pixels = pixels[::-1, ::-1] if is_turned else pixels
    before = pixels.copy()
    drawn = draw_heat(given_pixels, np.ones((height, width), np.float32))
    assert (drawn.shape, drawn.dtype) == ((height, width, 3), np.uint8)
    np.testing.assert_array_equal(pixels, before)


def test_a_map_of_another_size_is_refused():
    with pytest.raises(ValueError, match=r"^heat: found \(6, 4\), expected \(4, 6\), a number a pixel$"):
        draw_heat(SKY, np.zeros((6, 4), np.float32))


@pytest.mark.parametrize("size", [(9, 9), (3, 7), (40, 20), (1, 1)])
def test_a_map_at_another_size_stays_in_its_range(size):
    values = np.random.default_rng(3).random((8, 5), np.float32)
    bigger = spread(values, size)
    assert (bigger.shape, bigger.dtype) == (size, np.float32)
    assert values.min() <= bigger.min()
    assert bigger.max() <= values.max()


def test_a_peak_stays_in_its_place():
    values = np.zeros((8, 5), np.float32)
    values[2, 3] = 1
    y, x = np.unravel_index(spread(values, (80, 100)).argmax(), (80, 100))
    assert (y // 10, x // 20) == (2, 3)
