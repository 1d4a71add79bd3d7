"""A picture and its boxes under a recorded draw are those that Darknet made of them."""

import json

import numpy as np
import pytest

from yolov2.data.augment import changed, changed_boxes
from yolov2.data.draws import Augment, draw_as_darknet
from yolov2.pictures.distort import distort, hsv_from_rgb, place

PIXEL_NOISE = 1e-4  # MANIFEST.md: at most one value in a thousand may be further off
MOST_OFF = 1e-3
TRUTH_NOISE = 1e-6

CASES = [
    f"f{number:02}_{draw}_{name}"
    for number, name in enumerate(
        ("48x64_to_64x96", "64x48_to_96x96", "75x100_to_96x64", "60x130_to_96x96", "40x40_to_64x64", "90x70_to_64x96")
    )
    for draw in range(3)
]


def case_of(golden, name):
    return next(one for one in json.loads((golden / "f_augment/cases.json").read_text()) if one.get("case") == name)


def picture_of(case, recipe):
    sides = (int(number) for number in case["picture"].removeprefix("seeded_picture(").rstrip(")").split(","))
    return recipe.to_chw(recipe.seeded_picture(*sides))


@pytest.mark.golden
@pytest.mark.parametrize("name", CASES)
def test_pixels_and_truths_are_darknets(golden_with, recipe, name):
    golden = golden_with(f"f_augment/{name}.npz")
    case = case_of(golden, name)
    stored = np.load(golden / case["npz"])
    image = picture_of(case, recipe)
    labels = np.array([line.split() for line in case["labels"]], float).reshape(-1, 5)
    remaining = iter(stored["draws"].tolist()[1:])  # the first chose the picture
    augment = Augment(**{key: case[key] for key in ("jitter", "hue", "saturation", "exposure")})
    network_hw = case["net_h"], case["net_w"]
    draw = draw_as_darknet(lambda: next(remaining), image.shape[1:], network_hw, augment, boxes=len(labels))
    assert list(remaining) == []

    _, _, _, nw, nh, dx, dy, hue, saturation, exposure, flip = stored["params"].tolist()
    assert (*draw.placed_wh, *draw.offset_xy) == pytest.approx((nw, nh, dx, dy), rel=TRUTH_NOISE, abs=TRUTH_NOISE)
    assert (draw.hue, draw.saturation, draw.exposure) == pytest.approx((hue, saturation, exposure), rel=TRUTH_NOISE)
    assert draw.is_mirrored == bool(flip)
    off = np.abs(changed(image, draw) - stored["output"]) > PIXEL_NOISE
    assert off.mean() <= MOST_OFF
    truths = changed_boxes(labels[:, 1:], labels[:, 0].astype(int), draw, most=30)
    expected = stored["truth"][stored["truth"][:, 0] != 0]
    np.testing.assert_allclose(truths, expected, atol=TRUTH_NOISE)


@pytest.mark.golden
def test_placing_and_colours_are_darknets(small_golden, recipe):
    stored = np.load(small_golden / "f_augment/functions.npz")
    case = next(
        one for one in json.loads((small_golden / "f_augment/cases.json").read_text()) if "functions" in one["npz"]
    )
    image = recipe.to_chw(recipe.seeded_picture(37, 53, int(case["picture"].rstrip(")").split(",")[-1])))
    for name in ("place_up", "place_down", "place_clip"):
        width, height, x, y, canvas_w, canvas_h = stored[f"{name}_args"].tolist()
        canvas = np.full((3, canvas_h, canvas_w), 0.5, np.float32)
        placed = place(image, size_hw=(height, width), offset_xy=(x, y), canvas=canvas)
        np.testing.assert_allclose(placed, stored[name], atol=PIXEL_NOISE)
    for name in ("distort_none", "distort_a", "distort_b", "distort_c"):
        hue, saturation, exposure = stored[f"{name}_args"].tolist()
        distorted = distort(image, hue=hue, saturation=saturation, exposure=exposure)
        is_magenta = (
            hsv_from_rgb(image)[0] + np.float32(hue) == 1
        )  # Darknet's answer to a hue of exactly 1; ours is red
        assert np.all((np.abs(distorted - stored[name]) <= PIXEL_NOISE) | is_magenta)
    hue = stored["hsv"]
    np.testing.assert_allclose(hsv_from_rgb(image)[1:], hue[1:], atol=PIXEL_NOISE)
    coloured = ~np.isnan(hue[0])
    np.testing.assert_allclose(hsv_from_rgb(image)[0][coloured], hue[0][coloured], atol=PIXEL_NOISE)
