"""Every kind of change: pixels and boxes move together, the quick form is the exact one, limits are kept."""

from dataclasses import replace
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from strategies import picture_sizes
from yolov2.data.augment import (
    CLASS_ONLY,
    Draw,
    Mosaic,
    changed,
    changed_boxes,
    mosaic_boxes,
    quick_mosaic,
    quickly_changed,
    spot_of,
)
from yolov2.data.draws import Augment, draw, draw_mosaic, numbers_from
from yolov2.pictures.letterbox import letterbox, place_letterbox, stretch
from yolov2.pictures.read import read_picture

KINDS = ("none", "darknet", "crop", "free")
AFTER_WARP, AFTER_COLOURS = 2, 4  # levels that the quick form may be off
# Pixels of the input: a painted edge is found at a whole one. Darknet cuts the picture's size and its place down to
# whole pixels, both by up to one, and its boxes not; and it begins half a pixel off.
EDGE = {"none": 1.01, "crop": 1.01, "free": 1.01, "darknet": 3.0}
LIVELY: dict[str, Any] = {"hue": 0.1, "saturation": 1.5, "exposure": 1.5}
STILL: dict[str, Any] = {"hue": 0.0, "saturation": 1.0, "exposure": 1.0}


def floats(pixels):
    return (pixels / np.float32(255)).transpose(2, 0, 1).astype(np.float32)


def levels(image):
    return image.transpose(1, 2, 0) * 255


def noise(size, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (*size, 3), np.uint8)


def shares(corners, size):
    """(N, 4) xyxy in pixels as cxcywh in shares of a picture."""
    height, width = size
    x1, y1, x2, y2 = (np.asarray(corners, float) / (width, height, width, height)).T
    return np.column_stack(((x1 + x2) / 2, (y1 + y2) / 2, x2 - x1, y2 - y1))


def corners_of(truths, size):
    """(N, 4) xyxy in pixels of the input of truths (N, 5)."""
    height, width = size
    centre, half = truths[:, :2], truths[:, 2:4] / 2
    return np.hstack((centre - half, centre + half)) * (width, height, width, height)


def draws(seed):
    return numbers_from(np.random.default_rng(seed))


@pytest.mark.parametrize("kind", KINDS)
@given(picture_sizes(largest=90), st.sampled_from([(32, 32), (64, 96), (96, 64), (160, 160)]), st.integers(0, 999))
def test_the_quick_form_is_the_exact_one(kind, size, network, seed):
    pixels = noise(size, seed)
    for colours, limit in ((STILL, AFTER_WARP), (LIVELY, AFTER_COLOURS)):
        augment = Augment(kind=kind, jitter=0.3, scale=(0.3, 2.0), aspect=1.5, **colours)
        change = draw(augment, draws(seed), size, network, boxes=0)
        off = np.abs(quickly_changed(pixels, change) - levels(changed(floats(pixels), change)))
        assert off.max() <= limit


@pytest.mark.golden
@pytest.mark.parametrize("kind", KINDS)
def test_the_quick_form_of_photographs_is_the_exact_one(kind, voc_pictures):
    for seed, path in enumerate(voc_pictures[::1300]):
        pixels = read_picture(path).rgb
        change = draw(Augment(kind=kind), draws(seed), pixels.shape[:2], (224, 224), boxes=0)
        off = np.abs(quickly_changed(pixels, change) - levels(changed(floats(pixels), change)))
        assert off.max() <= AFTER_COLOURS


@pytest.mark.parametrize("kind", KINDS)
@given(st.integers(0, 9999))
def test_a_painted_box_is_found_where_its_truth_says(kind, seed):
    rng = np.random.default_rng(seed)
    size = tuple(rng.integers(60, 200, 2).tolist())
    height, width = size
    x1, y1 = int(rng.integers(1, width - 30)), int(rng.integers(1, height - 30))
    x2, y2 = int(rng.integers(x1 + 20, width)), int(rng.integers(y1 + 20, height))
    pixels = np.zeros((*size, 3), np.uint8)
    pixels[y1:y2, x1:x2] = 255
    augment = Augment(kind=kind, scale=(0.7, 1.5), least_inside=0.0, **STILL)
    change = draw(augment, draws(seed), size, (160, 128), boxes=1)
    truths = changed_boxes(shares([(x1, y1, x2, y2)], size), np.array([3]), change)

    seen = quickly_changed(pixels, change)[..., 0].astype(int)
    if kind in ("darknet", "free"):  # the grey around the picture is none of it
        seen[np.abs(seen - 128) <= 1] = 0
    if kind == "none":
        seen[np.all(seen == 128, axis=1)] = 0
        seen[:, np.all((seen == 128) | (seen == 0), axis=0)] = 0
    rows, columns = np.flatnonzero(seen.max(1) > 150), np.flatnonzero(seen.max(0) > 150)
    if len(truths) == 0 or len(rows) < 3 or len(columns) < 3:
        return  # beyond the edge, but for a line
    found = np.array((columns[0], rows[0], columns[-1] + 1, rows[-1] + 1))
    step = max(1.0, *(1 / np.abs(spot_of(change, size).step_yx)))  # an enlarged pixel fades over so many
    assert np.abs(corners_of(truths, (160, 128))[0] - found).max() <= EDGE[kind] * step
    assert truths[0, 4] == 3


@pytest.mark.parametrize("kind", KINDS)
def test_a_change_mirrored_is_its_input_mirrored(kind):
    pixels = noise((50, 70))
    change = draw(Augment(kind=kind, **STILL), draws(1), (50, 70), (64, 96), boxes=2)
    boxes = shares([(5, 10, 30, 40), (40, 5, 69, 20)], (50, 70))
    straight, turned = (replace(change, is_mirrored=is_mirrored) for is_mirrored in (False, True))
    both = [quickly_changed(pixels, one).astype(int) for one in (straight, turned)]
    assert np.abs(both[0] - both[1][:, ::-1]).max() <= 1
    classes = np.array([0, 1])
    truths, mirrored = (changed_boxes(boxes, classes, one) for one in (straight, turned))
    np.testing.assert_allclose(mirrored[:, 0], 1 - truths[:, 0], atol=1e-6)
    np.testing.assert_allclose(mirrored[:, 1:], truths[:, 1:], atol=1e-6)


def test_no_change_is_the_letterbox_of_detection():
    pixels = noise((75, 100))
    change = draw(Augment(kind="none"), draws(0), (75, 100), (96, 64), boxes=0)
    place = place_letterbox((75, 100), (96, 64))
    assert (change.placed_wh, change.offset_xy) == (place.resized[::-1], place.offset[::-1])
    expected = levels(letterbox(pixels, (96, 64)))
    assert np.abs(quickly_changed(pixels, change) - expected).max() <= 1


def test_no_change_may_also_be_a_stretch():
    pixels = noise((75, 100))
    change = draw(Augment(kind="none", resize="stretch"), draws(0), (75, 100), (96, 64), boxes=0)
    assert np.abs(quickly_changed(pixels, change) - levels(stretch(pixels, (96, 64)))).max() <= 1


@pytest.mark.parametrize("seed", range(8))
def test_crops_are_cut_in_whole_pixels_continued_and_stretched(seed):
    """AlexeyAB's order: cut out with the last pixels repeated, then resize; boxes by the same numbers."""
    numbers = np.random.default_rng(seed).integers(0, 2**31, 40).tolist()
    size, network = (60, 90), (64, 96)
    reach_x, reach_y = int(90 * 0.3), int(60 * 0.3)
    shares_drawn = [number / 2147483647 for number in numbers]
    left, right = (int((2 * share - 1) * reach_x) for share in shares_drawn[:2])
    top, bottom = (int((2 * share - 1) * reach_y) for share in shares_drawn[2:4])
    is_mirrored = bool(numbers[4] % 2)
    remaining = iter(numbers)
    augment = Augment(kind="crop", jitter=0.3, **STILL)
    change = draw(augment, lambda: next(remaining), size, network, boxes=1)

    pixels = noise(size, seed)
    rows, columns = np.arange(top, 60 - bottom).clip(0, 59), np.arange(left, 90 - right).clip(0, 89)
    cut = pixels[rows][:, columns].astype(np.float32)
    expected = cv2.resize(cut, network[::-1], interpolation=cv2.INTER_LINEAR)
    expected = expected[:, ::-1] if is_mirrored else expected
    off = np.abs(levels(changed(floats(pixels), change)) - expected)
    assert off[2:-2, 2:-2].max() < 0.05  # on the rim the cut knows nothing of its neighbours, where we do

    box = np.array([10.0, 12.0, 50.0, 40.0])
    wide, high = 90 - left - right, 60 - top - bottom
    x1, y1, x2, y2 = np.clip((box - (left, top, left, top)) / (wide, high, wide, high), 0, 1)
    x1, x2 = (1 - x2, 1 - x1) if is_mirrored else (x1, x2)
    truths = changed_boxes(shares([box], size), np.array([0]), change)
    np.testing.assert_allclose(truths[0, :4], ((x1 + x2) / 2, (y1 + y2) / 2, x2 - x1, y2 - y1), atol=1e-5)


def test_crops_leave_out_boxes_of_less_than_a_pixel():
    change = draw(Augment(kind="crop", jitter=0.0, **STILL), draws(0), (100, 100), (50, 50), boxes=2)
    boxes = shares([(10, 10, 11.9, 50), (10, 10, 12.1, 50)], (100, 100))
    assert changed_boxes(boxes, np.array([0, 1]), change)[:, 4].tolist() == [1]


@given(picture_sizes(largest=500), st.integers(0, 999), st.booleans())
def test_free_changes_keep_their_limits(size, seed, fills):
    augment = Augment(kind="free", scale=(0.5, 1.5), aspect=1.3, fills=fills)
    change = draw(augment, draws(seed), size, (224, 320), boxes=0)
    (height, width), (placed_w, placed_h), (x, y) = size, change.placed_wh, change.offset_xy
    fit = (max if fills else min)(224 / height, 320 / width)
    scale = np.sqrt(placed_w * placed_h / (width * height)) / fit
    assert 0.4999 <= scale <= 1.5001
    assert 1 / 1.3001 <= (placed_w / placed_h) / (width / height) <= 1.3001
    for offset, placed, side in ((x, placed_w, 320), (y, placed_h, 224)):
        assert min(0, side - placed) - 1e-3 <= offset <= max(0, side - placed) + 1e-3
    assert abs(change.hue) <= 0.1001
    assert 1 / 1.5001 <= change.saturation <= 1.5001


def test_boxes_stay_with_enough_of_their_area_inside():
    change = Draw((100, 100), (100.0, 100.0), (-50.0, 0.0), False, 0, 1, 1, order=(0, 1, 2), least_inside=0.3)
    boxes = shares([(29, 0, 60, 40), (43.5, 0, 53.2, 40), (43, 0, 53.1, 40)], (100, 100))  # 32 %, 33 %, 30.7 % inside
    assert changed_boxes(boxes, np.array([0, 1, 2]), change)[:, 4].tolist() == [0, 1, 2]
    boxes = shares([(27, 0, 59.7, 40), (43.5, 0, 52.7, 40), (0, 0, 49, 40)], (100, 100))  # 29.7 %, 29.3 %, nothing
    assert changed_boxes(boxes, np.array([0, 1, 2]), change)[:, 4].tolist() == []
    assert changed_boxes(boxes, np.array([0, -1, -1]), change)[:, 4].tolist() == [-1]  # any part of a maybe counts


def test_a_mosaic_shows_each_change_in_its_tile():
    sizes = [(50, 70), (40, 40), (90, 30), (20, 80)]
    pictures = [noise(size, seed) for seed, size in enumerate(sizes)]
    chance = draws(5)
    augment = Augment(kind="free", least_inside=0.0)
    mosaic = draw_mosaic(
        chance, (96, 128), [lambda tile, size=size: draw(augment, chance, size, tile, boxes=1) for size in sizes]
    )
    canvas = quick_mosaic(pictures, mosaic)
    covered = np.zeros((96, 128), int)
    boxes = [shares([(0, 0, width, height)], (height, width)) for height, width in sizes]
    truths = mosaic_boxes(boxes, [np.array([number]) for number in range(4)], mosaic)
    assert truths[:, 4].tolist() == [0, 1, 2, 3]
    for number, (pixels, change, (x, y)) in enumerate(zip(pictures, mosaic.draws, mosaic.corners_xy, strict=True)):
        height, width = change.network_hw
        covered[y : y + height, x : x + width] += 1
        np.testing.assert_array_equal(canvas[y : y + height, x : x + width], quickly_changed(pixels, change))
        own = corners_of(changed_boxes(boxes[number], np.array([number]), change), (height, width))
        np.testing.assert_allclose(corners_of(truths, (96, 128))[number], own[0] + (x, y, x, y), atol=1e-3)
    assert np.all(covered == 1)


def test_a_mosaic_keeps_no_label_of_a_whole_picture():
    change = Draw((8, 8), (8.0, 8.0), (0.0, 0.0), False, 0, 1, 1, order=(0,))
    labels = np.zeros((1, 4))
    assert changed_boxes(labels, np.array([4]), change)[0].tolist() == [CLASS_ONLY] * 4 + [4]
    mosaic = Mosaic((16, 16), (change,) * 4, ((0, 0), (8, 0), (0, 8), (8, 8)))
    assert len(mosaic_boxes([labels] * 4, [np.array([4])] * 4, mosaic)) == 0


def test_without_mirror_left_stays_left():
    augment = Augment(kind="free", mirror=False)
    assert not any(draw(augment, draws(seed), (50, 70), (64, 64), boxes=0).is_mirrored for seed in range(20))


@pytest.mark.parametrize(
    "fields, message",
    [
        ({"kind": "cut"}, "kind: found cut, expected one of none, darknet, crop, free, turn, centre"),
        ({"kind": "crop", "jitter": 0.5}, "jitter: found 0.5, expected a number from 0, below 0.5"),
        ({"scale": (1.5, 0.5)}, "scale: found (1.5, 0.5), expected two numbers above 0, the smaller one first"),
        ({"aspect": 0.0}, "aspect: found 0.0, expected a number above 0"),
        ({"angle": -1.0}, "angle: found -1.0, expected degrees from 0 to 180"),
        ({"mosaic": 2.0}, "mosaic: found 2.0, expected a number from 0 to 1"),
    ],
)
def test_limits_that_make_no_sense_are_refused(fields, message):
    with pytest.raises(ValueError) as refusal:
        Augment(**fields)
    assert str(refusal.value) == message


@pytest.mark.parametrize("kind", ["turn", "centre"])
def test_a_change_that_knows_nothing_of_boxes_is_not_drawn_for_them(kind):
    with pytest.raises(ValueError) as refusal:
        draw(Augment(kind=kind), draws(0), (50, 70), (64, 64), boxes=1)
    assert str(refusal.value) == f"kind: found {kind}, expected one for boxes: none, darknet, crop, free"
