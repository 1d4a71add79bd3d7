"""How pictures are made up from cut-outs: what lies where, in which light, as one record. Pixels: pictures/paste.py.

Lengths are shares of the shorter side of the picture, so that one scene can be made in any size.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from yolov2.data.draws import Augment, draw_colours, numbers_from
from yolov2.pictures.paste import STEEPEST, Light, Placing

TRIES = 12  # places that are tried for an object before it is left out
LEAST_APART = 1e-9  # of two boxes


@dataclass(frozen=True, slots=True)
class Scenes:
    """By how much scenes differ. Raises ValueError for what can't be."""

    objects: int = 4  # of an input, at most
    empty: float = 0.1  # share of inputs without any
    strangers: int = 2  # pieces of backgrounds that are no object, at most
    length: tuple[float, float] = (0.12, 0.75)  # of an object's longer side
    turn: float = 20.0  # degrees, either way
    tilt: float = 0.25  # by how much one edge is farther away than the other, at most
    mirror: bool = True  # every other object
    inside: float = 0.6  # share of an object's box that is inside the picture, at least
    overlap: float = 0.3  # share of the smaller of two boxes that lies in the other, at most
    visible: float = 0.4  # share of an object that must be seen for a truth
    hinted: float = 0.1  # from this share to that it is neither a truth nor background
    shadows: float = 0.6  # share of things that throw one
    blur: float = 1.2  # deviation in pixels, at most, of the whole picture; and of its noise in levels
    noise: float = 8.0
    hue: float = 0.05  # as in an Augment, of the whole picture
    saturation: float = 1.4
    exposure: float = 1.4

    def __post_init__(self) -> None:
        for name, fits, expected in (
            ("objects", 1 <= self.objects <= 50, "a number from 1 to 50"),
            ("empty", 0 <= self.empty <= 1, "a number from 0 to 1"),
            ("strangers", 0 <= self.strangers <= 50, "a number from 0 to 50"),
            ("length", 0 < self.length[0] <= self.length[1] <= 2, "two numbers above 0, at most 2, the smaller first"),
            ("turn", 0 <= self.turn <= 180, "degrees from 0 to 180"),
            ("tilt", 0 <= self.tilt <= STEEPEST / 2, f"a number from 0 to {STEEPEST / 2}"),
            ("inside", 0 < self.inside <= 1, "a number above 0, at most 1"),
            ("overlap", 0 <= self.overlap <= 1, "a number from 0 to 1"),
            ("shadows", 0 <= self.shadows <= 1, "a number from 0 to 1"),
            ("blur", self.blur >= 0, "a number from 0"),
            ("noise", self.noise >= 0, "a number from 0"),
            ("hinted", 0 <= self.hinted <= self.visible <= 1, f"a number from 0 to visible = {self.visible}"),
        ):
            if not fits:
                raise ValueError(f"{name}: found {getattr(self, name)}, expected {expected}")


@dataclass(frozen=True, slots=True)
class Backdrop:
    """Which part of which picture lies behind everything."""

    draw: float  # in [0, 1): which one
    share: float  # of the largest part with the input's proportions
    place_xy: tuple[float, float]  # of the room that is left
    is_mirrored: bool


@dataclass(frozen=True, slots=True)
class Thing:
    """What is pasted: an object, or a stranger."""

    index: int | None  # of the object; None: a stranger
    backdrop: Backdrop | None  # of which a stranger is a piece
    centre_xy: tuple[float, float]  # shares of the width and of the height
    longest: float
    turn: float  # radians
    tilt_xy: tuple[float, float]
    is_mirrored: bool
    light: Light  # its blur in pixels
    settling: float  # by how much of the way it takes on the light behind it
    shadow: tuple[float, float, float, float]  # shift x, y and softness, shares of its length; strength

    def placing(self, size: tuple[int, int]) -> Placing:
        """The same in pixels of a canvas of this size (height, width)."""
        height, width = size
        centre = self.centre_xy[0] * width, self.centre_xy[1] * height
        return Placing(centre, self.longest * min(size), self.turn, self.tilt_xy, self.is_mirrored)


@dataclass(frozen=True, slots=True)
class Scene:
    """One made-up picture, but for its pixels."""

    backdrop: Backdrop
    things: tuple[Thing, ...]  # the nearest last
    blur: float  # pixels, of the whole picture, and so the next two
    noise: float  # levels
    colours: tuple[float, float, float]  # hue, saturation, exposure


def draw_scene(
    rng: np.random.Generator,
    scenes: Scenes,
    shapes: Sequence[tuple[int, int]],
    of_class: Sequence[Sequence[int]],
    *,
    size: tuple[int, int],
) -> Scene:
    """A scene of some of the objects: every class is as likely, and every object of it.

    shapes: (height, width) of each object; of_class: the indices of each class's; size: of the input, of which the
    proportions count.
    """
    backdrop = _backdrop(rng)
    count = 0 if rng.random() < scenes.empty else int(rng.integers(1, scenes.objects + 1))
    boxes: list[tuple[float, float, float, float]] = []
    things: list[Thing] = []
    for _ in range(count):
        chosen = of_class[int(rng.integers(len(of_class)))]
        index = chosen[int(rng.integers(len(chosen)))]
        thing = _placed(rng, scenes, index, shapes[index], boxes, size)
        if thing is not None:
            things.append(thing)
    for _ in range(int(rng.integers(0, scenes.strangers + 1))):
        thing = _placed(rng, scenes, None, (1, 1), [], size)
        assert thing is not None, "nothing is in its way"
        things.insert(int(rng.integers(len(things) + 1)), thing)
    blur = scenes.blur * max(0.0, float(rng.uniform(-1, 1)))  # half of all pictures are sharp, and half without noise
    noise = scenes.noise * max(0.0, float(rng.uniform(-1, 1)))
    ranges = Augment(hue=scenes.hue, saturation=scenes.saturation, exposure=scenes.exposure)
    return Scene(backdrop, tuple(things), blur, noise, draw_colours(numbers_from(rng), ranges))


def _placed(
    rng: np.random.Generator,
    scenes: Scenes,
    index: int | None,
    shape: tuple[int, int],
    boxes: list[tuple[float, float, float, float]],
    size: tuple[int, int],
) -> Thing | None:
    """A thing with its box among the others, which get it added; None where there is no room."""
    shortest, largest = map(math.log, scenes.length)
    longest = math.exp(float(rng.uniform(shortest, largest)))
    turn = math.radians(float(rng.uniform(-scenes.turn, scenes.turn)))
    tilt = tuple(rng.uniform(-scenes.tilt, scenes.tilt, 2).tolist())
    is_mirrored = bool(scenes.mirror and rng.random() < 0.5)
    light, settling, shadow = _light(rng), float(rng.uniform(0, 0.5)), _shadow(rng, scenes.shadows)
    backdrop = _backdrop(rng) if index is None else None
    for _ in range(TRIES):
        centre = tuple(rng.uniform(0, 1, 2).tolist())
        box = _outline(centre, longest, turn, shape, size)
        if _inside(box, size) < scenes.inside or any(_shared(box, other) > scenes.overlap for other in boxes):
            continue
        boxes.append(box)
        return Thing(index, backdrop, centre, longest, turn, tilt, is_mirrored, light, settling, shadow)
    if index is not None:
        return None
    return Thing(None, backdrop, (0.5, 0.5), longest, turn, tilt, is_mirrored, light, settling, shadow)


def _light(rng: np.random.Generator) -> Light:
    bright, contrast = (math.exp(float(rng.uniform(-0.35, 0.35))) for _ in range(2))
    gains = tuple((bright * np.exp(rng.uniform(-0.1, 0.1, 3))).tolist())
    slope = tuple(rng.uniform(-0.3, 0.3, 2).tolist())
    return Light(gains, contrast, slope, blur=float(rng.uniform(0.3, 0.9)))


def _shadow(rng: np.random.Generator, share: float) -> tuple[float, float, float, float]:
    shift_x, shift_y = float(rng.uniform(-0.06, 0.06)), float(rng.uniform(0, 0.06))
    strength = float(rng.uniform(0.15, 0.55)) if rng.random() < share else 0.0
    return shift_x, shift_y, float(rng.uniform(0.01, 0.06)), strength


def _backdrop(rng: np.random.Generator) -> Backdrop:
    place = tuple(rng.random(2).tolist())
    return Backdrop(float(rng.random()), float(rng.uniform(0.35, 1)), place, bool(rng.random() < 0.5))


def _outline(
    centre: tuple[float, float], longest: float, turn: float, shape: tuple[int, int], size: tuple[int, int]
) -> tuple[float, float, float, float]:
    """About the box of a turned object, x1, y1, x2, y2 in shares of the shorter side."""
    height, width = (longest * side / max(shape) for side in shape)
    cos, sin = abs(math.cos(turn)), abs(math.sin(turn))
    reach_x, reach_y = (width * cos + height * sin) / 2, (width * sin + height * cos) / 2
    x, y = (share * side / min(size) for share, side in zip(centre, size[::-1], strict=True))
    return x - reach_x, y - reach_y, x + reach_x, y + reach_y


def _inside(box: tuple[float, float, float, float], size: tuple[int, int]) -> float:
    """The share of a box that lies in the picture."""
    height, width = (side / min(size) for side in size)
    x1, y1, x2, y2 = box
    own = (x2 - x1) * (y2 - y1)
    return max(0.0, min(x2, width) - max(x1, 0)) * max(0.0, min(y2, height) - max(y1, 0)) / own


def _shared(one: tuple[float, float, float, float], other: tuple[float, float, float, float]) -> float:
    """The share of the smaller of two boxes that lies in the other."""
    across, down = (max(0.0, min(one[i + 2], other[i + 2]) - max(one[i], other[i])) for i in range(2))
    areas = [(x2 - x1) * (y2 - y1) for x1, y1, x2, y2 in (one, other)]
    return across * down / max(LEAST_APART, min(areas))
