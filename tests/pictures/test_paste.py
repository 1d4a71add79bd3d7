"""A pasted object lies where its placing says, its colours are its own, and its box is what can be seen of it."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from drawn_objects import disc
from yolov2.pictures.paste import Canvas, Light, Patch, Placing, homography, lit, part_of, premultiplied, warped

BLACK = np.zeros((120, 160, 3), np.uint8)
WHITE_CARD = np.full((30, 50, 4), 255, np.uint8)


def placings():
    return st.builds(
        Placing,
        centre_xy=st.tuples(st.floats(-20, 180), st.floats(-20, 140)),
        longest=st.floats(6, 150),
        turn=st.floats(-math.pi, math.pi),
        tilt_xy=st.tuples(st.floats(-0.3, 0.3), st.floats(-0.3, 0.3)),
        is_mirrored=st.booleans(),
    )


def seen(canvas, owner) -> Any:
    return canvas.seen(owner)


def extent(mask) -> Any:
    """x1, y1, x2, y2 of a mask by plain search; None of an empty one."""
    if not mask.any():
        return None
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return columns[0], rows[0], columns[-1] + 1, rows[-1] + 1


@given(placing=placings(), blur=st.floats(0, 3), side=st.integers(3, 90))
def test_the_box_is_the_extent_of_what_can_be_seen(placing, blur, side):
    canvas = Canvas(BLACK)
    canvas.paste(lit(warped(disc(side, (255, 255, 255)), placing), Light(blur=blur)), owner=1)
    is_white = canvas.taken()[..., 1] >= 128
    found = canvas.seen(1)
    assert (found and found.box) == extent(is_white)
    assert found is None or found.area == is_white.sum()


@given(placing=placings())
def test_the_corners_of_a_card_lie_where_the_homography_puts_them(placing):
    patch = warped(WHITE_CARD, placing)
    corners = [homography((30, 50), placing) @ (x, y, 1) for x in (0, 50) for y in (0, 30)]
    points = np.array([corner[:2] / corner[2] for corner in corners])
    x1, y1, x2, y2 = extent(patch.alpha > 0.02)
    x, y = patch.corner_xy
    enlarged = max(1, placing.longest / 50) / (1 - sum(map(abs, placing.tilt_xy)))  # a pixel of the card, and its edge
    assert abs(np.array((x1 + x, y1 + y)) - points.min(axis=0)).max() <= 1 + enlarged
    assert abs(np.array((x2 + x, y2 + y)) - points.max(axis=0)).max() <= 1 + enlarged


@pytest.mark.parametrize("longest", [8, 20, 50, 97])
@pytest.mark.parametrize("turn", [0, 0.3, math.pi / 2])
def test_a_card_covers_its_own_area(longest, turn):
    patch = warped(WHITE_CARD, Placing((80.3, 59.6), longest, turn))
    expected = longest * longest * 30 / 50
    assert float(patch.alpha.sum()) == pytest.approx(expected, rel=0.01, abs=1)
    x, y = patch.corner_xy
    rows, columns = np.indices(patch.alpha.shape) + 0.5
    assert float((patch.alpha * columns).sum() / patch.alpha.sum()) + x == pytest.approx(80.3, abs=0.1)
    assert float((patch.alpha * rows).sum() / patch.alpha.sum()) + y == pytest.approx(59.6, abs=0.1)


def test_what_is_not_changed_is_pasted_as_it_is():
    rgba = np.random.default_rng(0).integers(0, 256, (30, 50, 4), np.uint8)
    rgba[..., 3] = 255
    canvas = Canvas(BLACK)
    canvas.paste(warped(rgba, Placing((45, 25), 50)), owner=1)
    np.testing.assert_array_equal(canvas.taken()[10:40, 20:70], rgba[..., :3])
    assert seen(canvas, 1).box == (20, 10, 70, 40)


def test_mirrored_and_turned_by_a_right_angle_every_pixel_moves_to_its_place():
    rgba = np.random.default_rng(0).integers(0, 256, (30, 50, 4), np.uint8)
    rgba[..., 3] = 255
    canvas = Canvas(BLACK)
    canvas.paste(warped(rgba, Placing((80, 60), 50, is_mirrored=True)), owner=1)
    np.testing.assert_array_equal(canvas.taken()[45:75, 55:105], rgba[:, ::-1, :3])
    canvas.paste(warped(rgba, Placing((80, 60), 50, turn=math.pi / 2)), owner=1)  # clockwise: the left side is the top
    found, expected = canvas.taken()[35:85, 65:95].astype(int), np.rot90(rgba[..., :3], -1)
    assert abs(found - expected).max() <= 1


def test_a_tilted_card_is_shorter_at_its_far_edge():
    corners = [
        homography((40, 40), Placing((0, 0), 40, tilt_xy=(0.25, 0))) @ (x, y, 1) for x in (0, 40) for y in (0, 40)
    ]
    (left, top), (_, bottom), (right, far_top), (_, far_bottom) = [corner[:2] / corner[2] for corner in corners]
    assert (left, right) == pytest.approx((-20 / 0.75, 20 / 1.25))
    assert (bottom - top, far_bottom - far_top) == pytest.approx((40 / 0.75, 40 / 1.25))


def test_hidden_colours_of_transparent_pixels_are_never_seen():
    rgba = disc(40, (0, 200, 0))
    rgba[rgba[..., 3] == 0] = (255, 0, 255, 0)
    canvas = Canvas(np.full((120, 160, 3), (0, 200, 0), np.uint8))
    canvas.paste(lit(warped(premultiplied(rgba), Placing((80, 60), 33, turn=0.4)), Light(blur=1)), owner=1)
    assert abs(canvas.taken().astype(int) - (0, 200, 0)).max() <= 2


def test_light_is_a_factor_a_channel_and_ends_at_white():
    patch = warped(np.full((8, 8, 4), (100, 60, 40, 255), np.uint8), Placing((10, 10), 8))
    found = lit(patch, Light(gains=(1.5, 0.5, 9)))
    middle = found.colours[found.alpha == 1]
    np.testing.assert_allclose(middle, np.broadcast_to((150, 30, 255), middle.shape), rtol=1e-5)
    assert (found.colours <= 255 * found.alpha[..., None] + 1e-3).all()


def test_contrast_keeps_the_mean_and_a_slope_brightens_one_side():
    rgba = np.random.default_rng(0).integers(90, 160, (20, 20, 4), np.uint8)
    rgba[..., 3] = 255
    patch = warped(rgba, Placing((10, 10), 20))
    stronger = lit(patch, Light(contrast=1.5))
    assert stronger.level == pytest.approx(patch.level, rel=1e-3)
    opaque = patch.alpha == 1
    assert stronger.colours[opaque].std() == pytest.approx(1.5 * patch.colours[opaque].std(), rel=0.02)
    sloped = lit(patch, Light(slope_xy=(0.4, 0)))
    ratio = sloped.colours[opaque] / patch.colours[opaque]
    columns = np.broadcast_to(np.linspace(-1, 1, patch.alpha.shape[1]), patch.alpha.shape)[opaque]
    np.testing.assert_allclose(ratio, np.broadcast_to((1 + 0.4 * columns)[:, None], ratio.shape), rtol=1e-4)


def test_a_blurred_patch_stays_where_it_is():
    patch = warped(disc(30, (200, 100, 50)), Placing((40.5, 30.5), 30))
    for blur in (0.5, 1.0, 2.4):
        alpha, (x, y) = (soft := lit(patch, Light(blur=blur))).alpha, soft.corner_xy
        rows, columns = np.indices(alpha.shape) + 0.5
        assert (alpha * columns).sum() / alpha.sum() + x == pytest.approx(40.5, abs=0.02)
        assert (alpha * rows).sum() / alpha.sum() + y == pytest.approx(30.5, abs=0.02)
        assert alpha.sum() == pytest.approx(patch.alpha.sum(), rel=1e-3)


def card(x, y, *, side=20, value=255.0):
    return Patch(np.full((side, side, 3), value, np.float32), np.ones((side, side), np.float32), (x, y))


def test_what_lies_on_top_takes_from_what_is_seen_below():
    canvas = Canvas(BLACK)
    canvas.paste(card(10, 10), owner=1)
    canvas.paste(card(20, 5, side=40), owner=2)
    assert seen(canvas, 1).box == (10, 10, 20, 30)
    assert seen(canvas, 1).area == 10 * 20
    canvas.paste(card(5, 5, side=60), owner=0)  # nobody's
    assert canvas.seen(1) is None
    assert canvas.seen(2) is None


def test_a_patch_over_the_edge_is_seen_as_far_as_it_lies_inside():
    canvas = Canvas(BLACK)
    canvas.paste(card(-5, 110), owner=1)
    assert seen(canvas, 1).box == (0, 110, 15, 120)
    canvas.paste(card(300, 0), owner=2)
    assert canvas.seen(2) is None
    assert canvas.level_below(card(300, 0)) is None


def test_half_transparent_edges_mix_both_colours():
    canvas = Canvas(np.full((40, 40, 3), 200, np.uint8))
    half = Patch(np.full((10, 10, 3), 25, np.float32), np.full((10, 10), 0.25, np.float32), (0, 0))
    canvas.paste(half, owner=1)
    assert np.unique(canvas.taken()[:10, :10]).tolist() == [25 + 150]
    assert canvas.seen(1) is None


def test_a_shadow_darkens_around_the_patch_and_is_nobodys():
    canvas = Canvas(np.full((120, 160, 3), 200, np.uint8))
    canvas.darken(card(60, 50), shift_xy=(5, 3), softness=2, strength=0.5)
    taken = canvas.taken()
    assert taken[63, 75].tolist() == [100] * 3  # the middle of the shadow
    assert taken[50 + 3 - 7, 75].tolist() == [200] * 3  # three deviations above it
    assert canvas.seen(1) is None


def test_noise_and_colours_are_those_of_the_whole_picture():
    canvas = Canvas(np.full((40, 40, 3), 100, np.uint8))
    canvas.paste(card(0, 0, side=10, value=100.0), owner=1)
    noise = np.random.default_rng(0).normal(0, 5, (40, 40)).astype(np.float32)
    np.testing.assert_array_equal(canvas.taken(noise=noise)[..., 1], np.rint(100 + noise))
    assert np.unique(canvas.taken(colours=(0.0, 1.0, 1.5))).tolist() == [150]
    edge = canvas.taken(blur=1.0)
    assert np.unique(edge).tolist() == [100]


def test_a_part_keeps_proportions_and_is_never_enlarged_much():
    pixels = np.zeros((200, 100, 3), np.uint8)
    pixels[:, :, 0], pixels[:, :, 1] = np.arange(200)[:, None], np.arange(100)[None, :]
    whole = part_of(pixels, (100, 100), share=1.0, place_xy=(0, 0.5), is_mirrored=False)
    np.testing.assert_array_equal(whole, pixels[50:150])
    np.testing.assert_array_equal(
        part_of(pixels, (100, 100), share=1.0, place_xy=(0, 0.5), is_mirrored=True), whole[:, ::-1]
    )
    small = part_of(pixels, (80, 80), share=0.1, place_xy=(1, 1), is_mirrored=False)  # 50 pixels become 80, not 10
    assert (int(small[0, 0, 0]), int(small[-1, -1, 0])) == (150, 199)
    assert (int(small[0, 0, 1]), int(small[-1, -1, 1])) == (50, 99)


def test_colours_times_alpha():
    rgba = np.array([[(200, 100, 50, 255), (200, 100, 50, 51), (9, 9, 9, 0)]], np.uint8)
    assert premultiplied(rgba).tolist() == [[[200, 100, 50, 255], [40, 20, 10, 51], [0, 0, 0, 0]]]


@pytest.mark.parametrize("changes", [{"tilt_xy": (0.5, -0.5)}, {"longest": 0.0}])
def test_a_placing_without_a_picture_is_refused(changes):
    with pytest.raises(ValueError) as refusal:
        Placing(**({"centre_xy": (0, 0), "longest": 10.0, "tilt_xy": (0.0, 0.0)} | changes))
    assert str(refusal.value).startswith("placing: found tilt ")
