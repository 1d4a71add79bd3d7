"""Drawn scenes keep to their ranges: how many objects, how far apart, how far inside; and to their generator."""

from collections import Counter

import numpy as np
import pytest

from yolov2.data.scenes import Scenes, draw_scene

SHAPES = [(100, 50), (40, 80), (60, 60), (30, 90)]
OF_CLASS = ((0,), (1, 2, 3))


def drawn(scenes, *, count=200, size=(300, 400)):
    return [draw_scene(np.random.default_rng((7, n)), scenes, SHAPES, OF_CLASS, size=size) for n in range(count)]


def objects(scene):
    return [thing for thing in scene.things if thing.index is not None]


def box_in_pixels(thing, size):
    """A slow twin: the corners of the turned rectangle."""
    placing = thing.placing(size)
    height, width = (placing.longest * side / max(SHAPES[thing.index]) for side in SHAPES[thing.index])
    turn = np.array(((np.cos(placing.turn), -np.sin(placing.turn)), (np.sin(placing.turn), np.cos(placing.turn))))
    corners = [turn @ (x * width / 2, y * height / 2) + placing.centre_xy for x in (-1, 1) for y in (-1, 1)]
    return np.min(corners, axis=0), np.max(corners, axis=0)


def area(low, high):
    return float(np.prod(np.maximum(0, high - low)))


def test_the_same_generator_draws_the_same_scene():
    assert drawn(Scenes(), count=5) == drawn(Scenes(), count=5)
    assert len(set(drawn(Scenes(), count=50))) == 50


def test_another_size_of_the_same_proportions_has_the_same_scene():
    assert drawn(Scenes(), count=20, size=(320, 320)) == drawn(Scenes(), count=20, size=(608, 608))


@pytest.mark.parametrize("size", [(300, 400), (200, 100)])
def test_objects_are_inside_and_apart_as_wanted(size):
    scenes = Scenes(objects=6, empty=0, length=(0.3, 0.9), inside=0.7, overlap=0.2)
    pairs = 0
    for scene in drawn(scenes, size=size):
        boxes = [box_in_pixels(thing, size) for thing in objects(scene)]
        for i, (low, high) in enumerate(boxes):
            inside = area(np.maximum(low, 0), np.minimum(high, size[::-1]))
            assert inside >= 0.7 * area(low, high) - 1e-6
            for other_low, other_high in boxes[:i]:
                shared = area(np.maximum(low, other_low), np.minimum(high, other_high))
                assert shared <= 0.2 * min(area(low, high), area(other_low, other_high)) + 1e-6
                pairs += 1
    assert pairs > 200


def test_so_many_scenes_are_empty_and_none_has_too_many_objects():
    counts = Counter(len(objects(scene)) for scene in drawn(Scenes(objects=3, empty=0.25), count=400))
    assert 70 < counts[0] < 130  # of 400, expected 100 with a deviation of 8.7
    assert set(counts) == {0, 1, 2, 3}


def test_every_class_is_as_likely_whatever_it_has_of_pictures():
    found = Counter(thing.index for scene in drawn(Scenes(), count=400) for thing in objects(scene))
    total = sum(found.values())
    assert found[0] == pytest.approx(total / 2, rel=0.15)
    assert found[1] == pytest.approx(total / 6, rel=0.3)


def test_lengths_turns_and_mirrors_keep_to_their_ranges():
    scenes = Scenes(length=(0.2, 0.4), turn=10, tilt=0.1, mirror=False)
    things = [thing for scene in drawn(scenes) for thing in scene.things]
    lengths, turns = [thing.longest for thing in things], np.degrees([thing.turn for thing in things])
    assert 0.2 <= min(lengths) < 0.22
    assert 0.38 < max(lengths) <= 0.4
    assert 9 < abs(turns).max() <= 10
    assert max(abs(value) for thing in things for value in thing.tilt_xy) <= 0.1
    assert not any(thing.is_mirrored for thing in things)
    mirrored = [thing.is_mirrored for scene in drawn(Scenes()) for thing in scene.things]
    assert 0.4 < np.mean(mirrored) < 0.6


def test_strangers_shadows_blur_and_noise_can_be_left_out():
    plain = drawn(Scenes(strangers=0, shadows=0, blur=0, noise=0, hue=0, saturation=1, exposure=1))
    assert all(thing.index is not None and thing.shadow[3] == 0 for scene in plain for thing in scene.things)
    assert {(scene.blur, scene.noise, scene.colours) for scene in plain} == {(0, 0, (0, 1, 1))}
    rich = drawn(Scenes(strangers=2))
    assert 0.8 < np.mean([len(scene.things) - len(objects(scene)) for scene in rich]) < 1.2
    assert 0.4 < np.mean([scene.noise == 0 for scene in rich]) < 0.6


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"objects": 0}, "objects: found 0, expected a number from 1 to 50"),
        (
            {"length": (0.5, 0.2)},
            "length: found (0.5, 0.2), expected two numbers above 0, at most 2, the smaller first",
        ),
        ({"tilt": 0.5}, "tilt: found 0.5, expected a number from 0 to 0.45"),
        ({"hinted": 0.5}, "hinted: found 0.5, expected a number from 0 to visible = 0.4"),
        ({"turn": 200.0}, "turn: found 200.0, expected degrees from 0 to 180"),
    ],
)
def test_ranges_that_can_not_be_are_refused(changes, message):
    with pytest.raises(ValueError) as refusal:
        Scenes(**changes)
    assert str(refusal.value) == message
