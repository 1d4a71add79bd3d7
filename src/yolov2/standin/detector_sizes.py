"""`random=1` in [region]: which input sizes `detector train` draws, by pjreddie's rule and by AlexeyAB's."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np

from yolov2.network.spec import Network
from yolov2.standin.line import Dialect
from yolov2.standin.training import Sizes
from yolov2.train.stream import Size

STEP = 32
LEAST, LARGEST = 320, 608  # pjreddie's
LAST, ALEXEYABS_LAST = 200, 100  # updates at the end of a run, of the largest size


def sizes_of(network: Network, dialect: Dialect, *, first: int) -> Sizes:
    """The input size of every update of a run that begins with the update `first`."""
    own, region = (network.input.height, network.input.width), network.region
    if region is None or not region.random:
        return Sizes(own)
    last = network.training.max_batches
    if dialect == "pjreddie":
        return Sizes(own, first, draw=partial(_redmons, last=last))
    return Sizes(own, first, draw=partial(_alexeyabs, own=own, reach=region.random, first=first, last=last))


def largest_side(network: Network, dialect: Dialect) -> int:
    """The longest side of an input, in pixels, that may come."""
    own, region = (network.input.height, network.input.width), network.region
    if region is None or not region.random:
        return max(own)
    return LARGEST if dialect == "pjreddie" else max(_scaled(own, _reach(region.random)))


def size_lines(network: Network, dialect: Dialect) -> Callable[[Size], list[str]]:
    """What is said of a new size."""
    reach = _reach(network.region.random if network.region is not None else 1)

    def lines(size: Size) -> list[str]:
        height, width = size
        if dialect == "pjreddie":
            return ["Resizing", str(width)]
        return [f"Resizing, random_coef = {reach:.2f} ", f"\n {width} x {height} "]

    return lines


def _redmons(rng: np.random.Generator, update: int, *, last: int) -> Size:
    """A square of 320 to 608 pixels. Source: Darknet `train_detector`."""
    side = LARGEST if update - 1 + LAST > last else int(rng.integers(LEAST // STEP, LARGEST // STEP + 1)) * STEP
    return side, side


def _alexeyabs(rng: np.random.Generator, update: int, *, own: Size, reach: float, first: int, last: int) -> Size:
    """The network's own size times up to `reach`, either way; the largest at first, to see whether it fits.

    Source: AlexeyAB's `train_detector`.
    """
    factor, is_larger = float(rng.uniform(1, _reach(reach))), rng.random() < 0.5
    if update == first or update - 1 > last - ALEXEYABS_LAST:
        return _scaled(own, _reach(reach))
    drawn = _scaled(own, factor if is_larger else 1 / factor)
    is_odd = not is_larger and (drawn[0] > own[0] or drawn[1] > own[1])  # it is rounded up by a step and a half
    return own if is_odd else drawn


def _scaled(own: Size, factor: float) -> Size:
    height, width = (max(STEP, int(factor * side / STEP + 1.5) * STEP) for side in own)
    return height, width


def _reach(random: float) -> float:
    """AlexeyAB's `random=` is a factor; 1 stands for 1.4."""
    return 1.4 if random == 1 else random
