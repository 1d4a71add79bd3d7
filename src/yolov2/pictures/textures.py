"""Pictures of nothing, made up: backgrounds for those who have none, and pieces of them that are no object at all."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from yolov2.pictures.paste import premultiplied
from yolov2.pictures.quick_distort import Pixels

Numbers: TypeAlias = NDArray[np.float32]

OCTAVES = 2, 4, 8, 16, 32, 64  # cells of the noise across the picture
MOST_SHAPES = 12
LEVELS = 256  # of brightness
EDGE = 0.06  # of a piece: how soft its edge is, in levels of its noise


def texture(rng: np.random.Generator, size: tuple[int, int]) -> Pixels:
    """A picture (H, W, 3): clouds, planks or speckles in some colours, shapes upon them, and light from a side."""
    shade = GRAINS[int(rng.integers(len(GRAINS)))](rng, size)
    ramp = cv2.resize(_colours(rng)[:, None], (1, LEVELS), interpolation=cv2.INTER_LINEAR)  # dark, middle, bright
    index = cv2.cvtColor(np.rint(shade * (LEVELS - 1)).astype(np.uint8), cv2.COLOR_GRAY2RGB)
    pixels = _with_shapes(rng, cv2.LUT(index, np.rint(ramp).astype(np.uint8)).astype(np.uint8, copy=False))
    height, width = size
    slope_x, slope_y = rng.uniform(-0.3, 0.3, 2).tolist()
    across, down = (np.linspace(-1, 1, length, dtype=np.float32) for length in (width, height))
    light = cv2.merge([1 + slope_x * across[None, :] + slope_y * down[:, None]] * 3)
    return cv2.multiply(pixels, light, dtype=cv2.CV_8U).astype(np.uint8, copy=False)


def piece(rng: np.random.Generator, pixels: Pixels) -> NDArray[np.uint8]:
    """A piece of a picture (H, W, 4), colours times alpha, its outline a blob's, a disc's, or a few straight cuts."""
    height, width = pixels.shape[:2]
    y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j].astype(np.float32)
    kind = int(rng.integers(3))
    if kind == 0:  # a blob
        inside = 0.62 - np.hypot(x, y) + 0.7 * (_noise(rng, (height, width), cells=int(rng.integers(3, 7))) - 0.5)
    elif kind == 1:  # a disc, as the warp will have it an ellipse
        inside = 0.95 - np.hypot(x, y)
    else:  # a few straight cuts
        angles = np.sort(rng.uniform(0, 2 * np.pi, int(rng.integers(4, 8))))
        distances = rng.uniform(0.4, 0.9, len(angles))
        out = x * np.cos(angles)[:, None, None] + y * np.sin(angles)[:, None, None]
        inside = np.minimum((distances[:, None, None] - out).min(axis=0), 0.95 - np.maximum(abs(x), abs(y)))
    alpha = np.clip(inside / EDGE + 0.5, 0, 1)
    return premultiplied(np.dstack((pixels, (255 * alpha).astype(np.uint8))))


def _colours(rng: np.random.Generator) -> Numbers:
    """(3, 3) three colours, more or less alike and more or less grey: most surfaces are."""
    colours = rng.uniform(0, 255, (3, 3))
    colours += rng.uniform(0, 0.7) * (colours[1] - colours)
    colours += rng.beta(2, 1) * (colours.mean(axis=1, keepdims=True) - colours)
    return colours.astype(np.float32)


def _clouds(rng: np.random.Generator, size: tuple[int, int]) -> Numbers:
    """Noise of several sizes, the share of small ones drawn."""
    keep = rng.uniform(0.35, 0.9)
    total = np.zeros(size, np.float32)
    for octave, cells in enumerate(OCTAVES):
        total += np.float32(keep**octave) * _noise(rng, size, cells=cells)
    return _stretched(total)


def _planks(rng: np.random.Generator, size: tuple[int, int]) -> Numbers:
    """Stripes in any direction, bent a little."""
    height, width = size
    y, x = np.mgrid[0 : 1 : height * 1j, 0 : 1 : width * 1j].astype(np.float32)
    turn, count = rng.uniform(0, np.pi), rng.uniform(2, 24)
    bent = x * np.cos(turn) + y * np.sin(turn) + rng.uniform(0, 0.2) * _noise(rng, size, cells=4)
    wave = np.sin(2 * np.pi * count * bent, dtype=np.float32)
    sharp = np.float32(rng.uniform(0.5, 6))
    return _stretched(np.clip(sharp * wave, -1, 1) + np.float32(0.5) * _clouds(rng, size))


def _speckles(rng: np.random.Generator, size: tuple[int, int]) -> Numbers:
    """Patches with sharp edges: gravel, leaves, cloth."""
    noise = _noise(rng, size, cells=int(rng.integers(12, 60)))
    return _stretched(np.floor(noise * int(rng.integers(2, 6))) + np.float32(0.4) * _clouds(rng, size))


GRAINS: tuple[Callable[[np.random.Generator, tuple[int, int]], Numbers], ...] = (_clouds, _planks, _speckles)


def _noise(rng: np.random.Generator, size: tuple[int, int], *, cells: int) -> Numbers:
    """Smooth noise in about [0, 1], with so many cells across."""
    height, width = size
    grid = rng.random((cells + 1, cells + 1), np.float32)
    return cv2.resize(grid, (width, height), interpolation=cv2.INTER_CUBIC).astype(np.float32, copy=False)


def _stretched(values: Numbers) -> Numbers:
    low, high = float(values.min()), float(values.max())
    return (values - low) / max(1e-6, high - low)


def _with_shapes(rng: np.random.Generator, pixels: Pixels) -> Pixels:
    """Boxes, discs, polygons and lines in flat colours, half seen through, so that an edge alone means nothing."""
    height, width = pixels.shape[:2]
    side = min(height, width)
    drawn = pixels.copy()
    for _ in range(int(rng.integers(0, MOST_SHAPES + 1))):
        colour = tuple(_colours(rng)[0].tolist())
        centre = (rng.random(2) * (width, height)).astype(np.int32)
        reach = math.exp(float(rng.uniform(math.log(0.03), math.log(0.4)))) * side
        corners = rng.uniform(-1, 1, (int(rng.integers(3, 7)), 2))
        points = np.rint(centre + reach * corners).astype(np.int32)
        kind = int(rng.integers(4))
        if kind == 0:
            cv2.fillConvexPoly(drawn, np.asarray(cv2.convexHull(points), np.int32), colour, cv2.LINE_AA)
        elif kind == 1:
            axes = (int(reach) + 1, int(reach * rng.uniform(0.3, 1)) + 1)
            cv2.ellipse(drawn, centre.tolist(), axes, float(rng.uniform(0, 180)), 0, 360, colour, -1, cv2.LINE_AA)
        elif kind == 2:
            box = cv2.boxPoints((tuple(centre.tolist()), (2 * reach, reach), float(rng.uniform(0, 90))))
            cv2.fillConvexPoly(drawn, np.rint(box).astype(np.int32), colour, cv2.LINE_AA)
        else:
            thick = 1 + int(rng.uniform(0, 0.03) * side)
            cv2.line(drawn, points[0].tolist(), points[1].tolist(), colour, thick, cv2.LINE_AA)
    share = float(rng.uniform(0.4, 1))
    return cv2.addWeighted(drawn, share, pixels, 1 - share, 0).astype(np.uint8, copy=False)
