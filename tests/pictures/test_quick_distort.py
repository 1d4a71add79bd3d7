"""Pictures in whole numbers are those in floats, but for a few levels; each half-way step is exact where it can be."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from yolov2.pictures import quick_distort
from yolov2.pictures.distort import Spot, distort, show

ROUNDING = 0.5001  # levels: one rounding to whole numbers, and float32
AFTER_COLOURS = 2.2  # levels: the rounding of a turn times 1.7, and that of the answer
FACTORS = st.floats(1 / 1.5, 1.5)


def floats(pixels):
    """(H, W, 3) bytes as (3, H, W) in [0, 1]."""
    return (pixels / np.float32(255)).transpose(2, 0, 1).astype(np.float32)


def levels(image):
    return image.transpose(1, 2, 0) * 255


def awkward_pixels(seed):
    """Noise, greys, nearly greys, and full colours, which have two equal channels."""
    rng = np.random.default_rng(seed)
    noise = rng.integers(0, 256, (32, 32, 3), np.uint8)
    noise[:4] = noise[:4, :, :1]
    noise[4:8] = noise[4:8, :, :1] // 2 + rng.integers(0, 3, (4, 32, 3), np.uint8)
    noise[8:12] = rng.integers(0, 2, (4, 32, 3), np.uint8) * 255
    noise[12:16] //= 8
    return noise


@given(st.integers(0, 99), st.floats(-0.5, 0.5), FACTORS, FACTORS)
def test_colours_of_bytes_are_those_of_floats(seed, hue, saturation, exposure):
    pixels = awkward_pixels(seed)
    changes: dict[str, Any] = {"hue": hue, "saturation": saturation, "exposure": exposure}
    got = quick_distort.distort(pixels, **changes)
    assert np.abs(got - levels(distort(floats(pixels), **changes))).max() <= AFTER_COLOURS


@pytest.mark.parametrize("sixths", range(-3, 4))
def test_a_hue_turned_by_sixths_of_the_circle_is_exact(sixths):
    pixels = awkward_pixels(0)
    got = quick_distort.distort(pixels, hue=sixths / 6, saturation=1.0, exposure=1.0)
    assert np.abs(got - levels(distort(floats(pixels), hue=sixths / 6, saturation=1.0, exposure=1.0))).max() < 0.01


def test_strong_changes_are_made_in_finer_steps():
    pixels = awkward_pixels(0)
    changes: dict[str, Any] = {"hue": 0.05, "saturation": 1.5, "exposure": 1.5}
    got = quick_distort.distort(pixels, **changes)
    assert np.abs(got - levels(distort(floats(pixels), **changes))).max() < 0.55


def test_pixels_may_be_changed_in_place_within_a_larger_array():
    canvas = np.random.default_rng(0).integers(0, 256, (40, 50, 3), np.uint8)
    before, part = canvas.copy(), canvas[5:20, 10:30]
    changes: dict[str, Any] = {"hue": 0.1, "saturation": 1.3, "exposure": 0.8}
    quick_distort.distort(part, **changes, out=part)
    np.testing.assert_array_equal(canvas[5:20, 10:30], quick_distort.distort(before[5:20, 10:30].copy(), **changes))
    canvas[5:20, 10:30] = before[5:20, 10:30]
    np.testing.assert_array_equal(canvas, before)


@given(st.data())
def test_a_spot_of_bytes_is_that_of_floats(data):
    height, width, net_h, net_w = (data.draw(st.integers(1, 40)) for _ in range(4))
    pixels = np.random.default_rng(data.draw(st.integers(0, 99))).integers(0, 256, (height, width, 3), np.uint8)
    rows, columns = (sorted(data.draw(st.tuples(*[st.integers(0, side)] * 2))) for side in (net_h, net_w))
    steps = data.draw(st.tuples(*[st.floats(-4, 4)] * 2))
    starts = data.draw(st.tuples(*[st.floats(-30, 30)] * 2))
    spot = Spot(tuple(rows), tuple(columns), steps, starts, has_black_rim=data.draw(st.booleans()))
    canvas = np.full((net_h, net_w, 3), 127, np.uint8)
    expected = levels(show(floats(pixels), spot, canvas=floats(canvas)))
    quick_distort.show(pixels, spot, out=canvas)
    assert np.abs(canvas - expected).max() <= ROUNDING


def test_a_mirrored_spot_shows_what_the_mirrored_canvas_does():
    pixels = np.random.default_rng(0).integers(0, 256, (17, 23, 3), np.uint8)
    spot = Spot((2, 20), (3, 27), (0.8, 0.7), (-1.5, 0.25), has_black_rim=False)
    straight, mirrored = (np.zeros((24, 32, 3), np.uint8) for _ in range(2))
    quick_distort.show(pixels, spot, out=straight)
    quick_distort.show(pixels, spot.mirrored(32), out=mirrored)
    assert np.abs(mirrored[:, ::-1].astype(int) - straight).max() <= 1
    assert spot.mirrored(32).mirrored(32).columns == spot.columns
    assert spot.mirrored(32).mirrored(32).start_yx == pytest.approx(spot.start_yx)


def test_the_empty_canvas_is_grey_in_its_light():
    assert [quick_distort.grey(exposure) for exposure in (0.5, 1.0, 1.5, 3.0)] == [64, 128, 191, 255]


def test_a_large_picture_shrinks_to_the_means_of_its_pixels():
    pixels = np.random.default_rng(0).integers(0, 256, (8, 12, 3), np.uint8)
    means = pixels.reshape(4, 2, 6, 2, 3).mean(axis=(1, 3))
    assert np.abs(quick_distort.shrunk(pixels, 6) - means).max() <= 0.5
    assert quick_distort.shrunk(pixels, 12) is pixels
    assert quick_distort.shrunk(np.zeros((1, 900, 3), np.uint8), 10).shape == (1, 10, 3)
