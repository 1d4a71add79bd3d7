"""How the changes of training are drawn: Darknet's form, AlexeyAB's crops, and freely scaled and shifted pictures.

Each takes its chances from a function that gives whole numbers, as the C library's does, and nothing else.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

import numpy as np

from yolov2.data.augment import Draw, Mosaic
from yolov2.pictures.letterbox import place_letterbox, place_stretch

LARGEST_DRAW = 2_147_483_647  # RAND_MAX of the C library
TILE_SHARE = 0.3  # of the input that a tile of a mosaic takes at least, each way

Draws: TypeAlias = Callable[[], int]  # whole numbers from 0 to LARGEST_DRAW, each as likely as any other
Size: TypeAlias = tuple[int, int]  # (height, width)


@dataclass(frozen=True, slots=True)
class Augment:
    """By how much pictures are changed. Raises ValueError for what can't be."""

    # turn and centre are for pictures with a class as a whole alone: see classifier_draws.py
    kind: Literal["none", "darknet", "crop", "free", "turn", "centre"] = "darknet"
    resize: Literal["letterbox", "stretch"] = "letterbox"  # of none: how the whole picture gets onto the input
    jitter: float = 0.2  # of darknet and crop: share of a side
    scale: tuple[float, float] = (0.6, 1.6)  # of free and turn, as the next one
    aspect: float = 1.3  # largest factor, either way; one below 1 works like its inverse
    fills: bool = False  # of free: scale 1 is where the picture fills the input, not where it fits in; so in a mosaic
    angle: float = 0.0  # of turn: degrees, either way
    least_inside: float = 0.3  # of free: share of a box's area that must be left inside
    mirror: bool = True  # every other picture
    hue: float = 0.1  # largest turn, a share of the colour circle
    saturation: float = 1.5  # largest factor, either way; 0 counts as 1
    exposure: float = 1.5
    mosaic: float = 0.0  # share of inputs made of four pictures
    mosaic_until: int | None = None  # the last batch that may have such; None: all may

    def __post_init__(self) -> None:
        widest = 0.5 if self.kind == "crop" else 1.0  # the two sides that move in must not meet
        for name, fits, expected in (
            ("kind", self.kind in KINDS, f"one of {', '.join(KINDS)}"),
            ("resize", self.resize in ("letterbox", "stretch"), "letterbox or stretch"),
            ("jitter", 0 <= self.jitter < widest, f"a number from 0, below {widest}"),
            ("scale", 0 < self.scale[0] <= self.scale[1], "two numbers above 0, the smaller one first"),
            ("aspect", self.aspect > 0, "a number above 0"),
            ("angle", 0 <= self.angle <= 180, "degrees from 0 to 180"),
            ("least_inside", 0 <= self.least_inside <= 1, "a number from 0 to 1"),
            ("mosaic", 0 <= self.mosaic <= 1, "a number from 0 to 1"),
        ):
            if not fits:
                raise ValueError(f"{name}: found {getattr(self, name)}, expected {expected}")


def draw(augment: Augment, draws: Draws, picture_hw: Size, network_hw: Size, *, boxes: int) -> Draw:
    """A change of this kind, within these limits, of a picture with so many boxes.

    Raises ValueError for a kind that knows nothing of boxes.
    """
    if augment.kind not in DRAW_OF:
        raise ValueError(f"kind: found {augment.kind}, expected one for boxes: {', '.join(DRAW_OF)}")
    found = DRAW_OF[augment.kind](draws, picture_hw, network_hw, augment, boxes=boxes)
    return found if augment.mirror else replace(found, is_mirrored=False)


def draw_as_darknet(draws: Draws, picture_hw: Size, network_hw: Size, augment: Augment, *, boxes: int) -> Draw:
    """The picture squeezed by up to `jitter`, as large as it fits, anywhere; none of it is cut off.

    Source: Darknet `load_data_detection`, in the order in which it draws.
    """
    (height, width), (net_h, net_w) = picture_hw, network_hw
    f32, jitter = np.float32, augment.jitter
    wider, taller = (uniform(draws, -jitter * side, jitter * side) for side in (width, height))
    aspect = (f32(width) + wider) / (f32(height) + taller)
    placed_w, placed_h = (f32(net_h) * aspect, f32(net_h)) if aspect < 1 else (f32(net_w), f32(net_w) / aspect)
    x, y = uniform(draws, 0, f32(net_w) - placed_w), uniform(draws, 0, f32(net_h) - placed_h)
    colours = draw_colours(draws, augment)
    is_mirrored = bool(draws() % 2)
    placed, offset = (float(placed_w), float(placed_h)), (float(x), float(y))
    return Draw(network_hw, placed, offset, is_mirrored, *colours, order=_shuffled(draws, boxes), grid="whole")


def draw_crop(draws: Draws, picture_hw: Size, network_hw: Size, augment: Augment, *, boxes: int) -> Draw:
    """Every side of the picture moved in or out by up to `jitter`, what is beyond it filled with its last pixels, and
    all of that stretched over the input. Most published weights were trained so.

    Source: AlexeyAB's Darknet `load_data_detection`, which leaves out boxes of less than a pixel.
    """
    (height, width), (net_h, net_w) = picture_hw, network_hw
    reach_x, reach_y = int(width * augment.jitter), int(height * augment.jitter)
    left, right = (int(uniform(draws, -reach_x, reach_x)) for _ in range(2))
    top, bottom = (int(uniform(draws, -reach_y, reach_y)) for _ in range(2))
    is_mirrored, colours = bool(draws() % 2), draw_colours(draws, augment)
    scale_x, scale_y = net_w / (width - left - right), net_h / (height - top - bottom)
    placed, offset = (width * scale_x, height * scale_y), (-left * scale_x, -top * scale_y)
    order = tuple(range(boxes))
    return Draw(network_hw, placed, offset, is_mirrored, *colours, order=order, outside="edge", least_pixels=1.0)


def draw_free(draws: Draws, picture_hw: Size, network_hw: Size, augment: Augment, *, boxes: int) -> Draw:
    """The picture as large as it fits in or, with `fills`, as fills the input, times a number from `scale`; its
    proportions changed by up to `aspect`; anywhere in the input where it is smaller, any part of it where it is larger.
    """
    (height, width), (net_h, net_w) = picture_hw, network_hw
    fit = (max if augment.fills else min)(net_h / height, net_w / width) * float(uniform(draws, *augment.scale))
    stretch = math.exp(float(uniform(draws, -math.log(augment.aspect), math.log(augment.aspect))) / 2)
    placed = width * fit * stretch, height * fit / stretch
    x, y = (float(uniform(draws, 0, net - side)) for net, side in zip((net_w, net_h), placed, strict=True))
    is_mirrored, colours = bool(draws() % 2), draw_colours(draws, augment)
    order = tuple(range(boxes))
    return Draw(network_hw, placed, (x, y), is_mirrored, *colours, order=order, least_inside=augment.least_inside)


def draw_nothing(draws: Draws, picture_hw: Size, network_hw: Size, augment: Augment, *, boxes: int) -> Draw:
    """The picture as the trained network will get it, without any chance."""
    del draws
    place = place_letterbox if augment.resize == "letterbox" else place_stretch
    found = place(picture_hw, network_hw)
    (height, width), (y, x), order = found.resized, found.offset, tuple(range(boxes))
    return Draw(
        network_hw, (width, height), (x, y), False, hue=0, saturation=1, exposure=1, order=order, grid="corners"
    )


DRAW_OF: Mapping[str, Callable[..., Draw]] = {
    "none": draw_nothing,
    "darknet": draw_as_darknet,
    "crop": draw_crop,
    "free": draw_free,
}
KINDS = (*DRAW_OF, "turn", "centre")


def draw_mosaic(draws: Draws, network_hw: Size, draw_of: Sequence[Callable[[Size], Draw]]) -> Mosaic:
    """Four pictures around a point in the inner part of the input; `draw_of` gives each one's change for its tile."""
    y, x = (round(side * float(uniform(draws, TILE_SHARE, 1 - TILE_SHARE))) for side in network_hw)
    (height, width), (y, x) = network_hw, (max(1, y), max(1, x))
    corners = (0, 0), (x, 0), (0, y), (x, y)
    sizes = (y, x), (y, width - x), (height - y, x), (height - y, width - x)
    return Mosaic(network_hw, tuple(draw(size) for draw, size in zip(draw_of, sizes, strict=True)), corners)


def numbers_from(rng: np.random.Generator, *, at_once: int = 32) -> Draws:
    """Whole numbers as the functions above want them, from a NumPy generator."""

    def endless() -> Iterator[int]:
        while True:
            yield from rng.integers(0, LARGEST_DRAW + 1, at_once).tolist()

    return endless().__next__


def draw_colours(draws: Draws, augment: Augment) -> tuple[float, float, float]:
    """Hue, saturation and exposure. Source: Darknet `random_distort_image`."""
    turned = float(uniform(draws, -augment.hue, augment.hue))
    return turned, factor(draws, augment.saturation), factor(draws, augment.exposure)


def uniform(draws: Draws, low: float | np.float32, high: float | np.float32) -> np.float32:
    """Source: Darknet `rand_uniform`."""
    low, high = np.float32(min(low, high)), np.float32(max(low, high))
    return np.float32(draws()) / np.float32(LARGEST_DRAW) * (high - low) + low


def factor(draws: Draws, largest: float) -> float:
    """Between 1 / largest and largest, either side of 1 as likely; 0 counts as 1. Source: Darknet `rand_scale`."""
    factor = uniform(draws, 1, largest or 1)
    return float(factor) if draws() % 2 else float(np.float32(1) / factor)


def _shuffled(draws: Draws, count: int) -> tuple[int, ...]:
    """Source: Darknet `randomize_boxes`."""
    order = list(range(count))
    for index in range(count):
        other = draws() % count
        order[index], order[other] = order[other], order[index]
    return tuple(order)
