"""Thresholds by class, and settings that can't be."""

import numpy as np
import pytest

from yolov2.detect.settings import Settings

LABELS = ("person", "dog", "cat", "dog")
INF = np.float32(np.inf)


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        (Settings(), [0.25, 0.25, 0.25, 0.25]),
        (Settings(conf=0.5), [0.5, 0.5, 0.5, 0.5]),
        (Settings(conf={"cat": 0.1}), [0.25, 0.25, np.float32(0.1), 0.25]),
        (Settings(conf={"dog": 0.75}), [0.25, 0.75, 0.25, 0.75]),
        (Settings(classes=["dog"], conf=0.5), [INF, 0.5, INF, 0.5]),
        (Settings(classes=["dog"], conf={"dog": 0.75, "cat": 0.5}), [INF, 0.75, INF, 0.75]),
        (Settings(classes=["0", "cat"]), [0.25, INF, 0.25, INF]),
    ],
)
def test_every_class_has_its_threshold_and_an_unwanted_one_infinity(settings, expected):
    np.testing.assert_array_equal(settings.thresholds(LABELS, 4), np.array(expected, np.float32))


def test_a_class_the_model_lacks_is_refused_with_those_it_has():
    with pytest.raises(
        ValueError, match="^classes: found 'cow', expected a class of the model: person, dog, cat, dog$"
    ):
        Settings(classes=["cow"]).thresholds(LABELS, 4)


def test_without_names_classes_are_asked_for_by_number():
    np.testing.assert_array_equal(Settings(classes=["2"]).thresholds((), 3), np.array([INF, INF, 0.25], np.float32))
    with pytest.raises(ValueError, match="^classes: found '3', expected a class of the model: 0 to 2$"):
        Settings(classes=["3"]).thresholds((), 3)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"conf": 1.5}, "conf: found 1.5, expected a number from 0 to 1"),
        ({"conf": {"dog": -1}}, "conf: found -1, expected a number from 0 to 1"),
        ({"conf": float("nan")}, "conf: found nan, expected a number from 0 to 1"),
        ({"iou": 2}, "iou: found 2, expected a number from 0 to 1"),
        ({"nms": "soft"}, "nms: found 'soft', expected one of class, objectness, agnostic, none"),
        ({"resize": "crop"}, "resize: found 'crop', expected letterbox or stretch"),
        ({"max_det": 0}, "max_det: found 0, expected a number from 1, or None"),
        (
            {"roi": (5, 0, 5, 9)},
            "roi: found 5,0,5,9, expected left, top, right, bottom, with left below right and top below bottom",
        ),
        (
            {"roi": (5, 0, 9)},
            "roi: found 5,0,9, expected left, top, right, bottom, with left below right and top below bottom",
        ),
        (
            {"roi": (0, 0, float("inf"), 9)},
            "roi: found 0,0,inf,9, expected left, top, right, bottom, with left below right and top below bottom",
        ),
        ({"roi": (-5, 0, 9, 9)}, "roi: found -5,0,9,9, expected numbers from 0"),
        (
            {"roi": (0.2, 50, 0.9, 300)},
            "roi: found 0.2,50,0.9,300, expected four pixels as 100,50,400,300, or four shares of the picture as 0,0.5,1,1",
        ),
        (
            {"roi": (0, 0, 1, 300)},
            "roi: found 0,0,1,300, expected four pixels as 100,50,400,300, or four shares of the picture as 0,0.5,1,1",
        ),
        (
            {"roi": (0.5, 0, 200, 300)},
            "roi: found 0.5,0,200,300, expected four pixels as 100,50,400,300, or four shares of the picture as 0,0.5,1,1",
        ),
        (
            {"nms": "objectness", "tile": 64},
            "nms: found objectness together with tile, expected class, agnostic or none",
        ),
        ({"tile": 0}, "tile: found 0, expected numbers above 0"),
        ({"min_size": (3, -1)}, "min_size: found (3, -1), expected numbers above 0"),
        ({"max_size": float("nan")}, "max_size: found nan, expected numbers above 0"),
    ],
)
def test_settings_out_of_range_are_refused(wrong, message):
    with pytest.raises(ValueError) as refusal:
        Settings(**wrong)
    assert str(refusal.value) == message


@pytest.mark.parametrize(
    ("roi", "expected"),
    [
        (None, (0, 0, 640, 480)),
        ((10, 20, 300, 400), (10, 20, 300, 400)),
        ((10, 20, 3000, 4000), (10, 20, 640, 480)),
        ((10.5, 0, 300.25, 2), (10, 0, 300, 2)),
        ((0, 0.5, 1, 1), (0, 240, 640, 480)),
    ],
)
def test_a_region_of_interest_is_in_pixels_or_in_shares_and_ends_with_the_picture(roi, expected):
    assert Settings(roi=roi).area((480, 640)) == expected


@pytest.mark.parametrize("depth", [-1, "3", "leafs", 1.5])
def test_a_depth_is_a_number_from_0_or_leaf(depth):
    with pytest.raises(ValueError) as wrong:
        Settings(depth=depth)
    assert str(wrong.value) == f"depth: found {depth!r}, expected a number from 0, or 'leaf'"
