"""An object is cut out by its alpha, or from a plain background with its shadow left behind; scenes stay whole."""

from typing import Any

import numpy as np
import pytest
from PIL import Image

from drawn_objects import disc
from small_sets import write_picture
from yolov2.pictures.cut_out import cut_out, plain_alpha, visible_box

SIZE = (240, 320)
MOST_WRONG = 0.015  # of the object's pixels: the seam, of a pixel or so


def wall(*, noise=3.0):
    """A wall lit from one side."""
    y, x = np.mgrid[0 : 1 : SIZE[0] * 1j, 0 : 1 : SIZE[1] * 1j]
    pixels = np.stack((190 - 50 * y - 20 * x, 185 - 45 * y - 25 * x, 170 - 40 * y - 30 * x), axis=-1)
    return pixels + np.random.default_rng(0).normal(0, noise, pixels.shape)


def alpha_of(pixels) -> Any:
    return plain_alpha(as_bytes(pixels))


def cut(rgba, *, longest) -> Any:
    return cut_out(rgba, longest=longest)


def within(cx, cy, rx, ry):
    y, x = np.mgrid[: SIZE[0], : SIZE[1]] + 0.5
    return ((x - cx) / rx) ** 2 + ((y - cy) / ry) ** 2


def as_bytes(pixels):
    return np.clip(pixels, 0, 255).astype(np.uint8)


def opaque(rgb):
    return np.dstack((rgb, np.full(rgb.shape[:2], 255, np.uint8)))


@pytest.mark.parametrize("colour", [(200, 40, 40), (30, 90, 200), (240, 238, 230)])
def test_an_object_before_a_wall_is_cut_out_without_its_shadow(colour):
    pixels = wall()
    pixels *= 1 - 0.4 * np.exp(-2 * within(180, 190, 60, 20))[..., None]  # the shadow, below it and to the right
    mask = within(150, 120, 70, 60) <= 1
    pixels[mask] = colour
    found = alpha_of(pixels) >= 128
    assert (found != mask).sum() <= MOST_WRONG * mask.sum() + np.pi * 130  # one pixel inside, all around
    assert (found & ~mask).sum() <= MOST_WRONG * mask.sum()


def test_a_label_of_the_walls_own_colour_stays():
    pixels = wall()
    mask, label = within(150, 120, 70, 60) <= 1, within(150, 120, 20, 15) <= 1
    colours = pixels.copy()
    pixels[mask] = (30, 90, 200)
    pixels[label] = colours[label]
    assert (alpha_of(pixels)[label] == 255).all()


def test_specks_on_the_wall_go():
    pixels = wall()
    pixels[within(150, 120, 70, 60) <= 1] = (30, 90, 200)
    speck = within(290, 20, 4, 4) <= 1
    pixels[speck] = (20, 20, 20)
    assert not alpha_of(pixels)[speck].any()


def test_an_object_that_reaches_the_lower_edge_is_cut_out():
    pixels = wall()
    mask = within(160, 240, 40, 180) <= 1
    pixels[mask] = (30, 110, 50)
    found = alpha_of(pixels) >= 128
    assert found[-1, 160]
    assert (found != mask).mean() < 0.02


def test_a_scene_and_a_bare_wall_have_no_plain_background(tmp_path):
    scene = np.array(Image.open(write_picture(tmp_path / "a.png", size=SIZE)))
    assert plain_alpha(scene) is None
    assert plain_alpha(as_bytes(wall())) is None
    speck = wall()
    speck[within(150, 120, 5, 5) <= 1] = (20, 20, 20)
    assert plain_alpha(as_bytes(speck)) is None
    assert plain_alpha(np.full((20, 20, 3), 128, np.uint8)) is None
    assert plain_alpha(np.full((1, 1, 3), 128, np.uint8)) is None


@pytest.mark.parametrize("step, is_plain", [(4, True), (40, False)])
def test_a_wall_with_strong_stripes_is_not_plain(step, is_plain):
    pixels = wall()
    pixels[:, np.arange(SIZE[1]) // 20 % 2 == 0] += step
    pixels[within(150, 120, 70, 60) <= 1] = (200, 30, 30)
    assert (alpha_of(pixels) is not None) == is_plain


def test_alpha_is_the_outline_and_what_is_around_it_goes():
    rgba = np.zeros((60, 80, 4), np.uint8)
    rgba[..., :3] = 77
    rgba[10:50, 20:60] = disc(40, (200, 100, 50))
    found = cut(rgba, longest=100)
    assert found.cut == "alpha"
    assert found.flat.shape == (40, 40, 4)
    assert found.flat[20, 20].tolist() == [200, 100, 50, 255]
    assert not found.flat[0, 0].any()


def test_a_scene_is_one_object_as_a_whole(tmp_path):
    rgba = opaque(np.array(Image.open(write_picture(tmp_path / "a.png"))))
    found = cut(rgba, longest=100)
    assert found.cut == "whole"
    np.testing.assert_array_equal(found.flat, rgba)


def test_an_object_is_made_as_small_as_wanted():
    pixels = wall()
    pixels[within(150, 120, 70, 60) <= 1] = (30, 90, 200)
    found = cut(opaque(as_bytes(pixels)), longest=50)
    assert found.cut == "plain"
    assert max(found.flat.shape[:2]) == 50
    assert abs(found.flat[25 * 60 // 70, 25].astype(int) - (30, 90, 200, 255)).max() <= 1


def test_nothing_opaque_is_no_object():
    assert cut_out(disc(20, (9, 9, 9), alpha=127), longest=100) is None


def test_the_box_of_what_is_visible():
    alpha = np.zeros((10, 12), np.uint8)
    alpha[2:5, 3:9] = 128
    alpha[7, 1] = 127
    assert visible_box(alpha) == (3, 2, 9, 5)
    assert visible_box(alpha[:1]) is None
