"""A map of numbers laid over a picture as heat. What the numbers mean is not its business."""

from __future__ import annotations

from typing import TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

Pixels: TypeAlias = NDArray[np.uint8]  # (H, W, 3) RGB
Map: TypeAlias = NDArray[np.float32]  # (H, W) in [0, 1]

PALETTE = cv2.COLORMAP_INFERNO  # brighter means more, for colour-blind eyes and on grey paper, too
COLD, HOT = 0.3, 0.75  # of the map: nothing glows up to the first, all of it from the second on
GLOW = 0.7  # share of the palette's colour where it glows: the picture must be seen through it
DIM, COLOUR = 0.6, 0.3  # how bright and how colourful the picture stays where nothing glows
STRIP_ROWS = 256  # at a time, so that a large picture needs little memory beside itself


def draw_heat(pixels: Pixels, heat: Map) -> Pixels:
    """A copy of the picture: dim and nearly grey where the map is low, under glowing colours where it is high."""
    if heat.shape != pixels.shape[:2]:
        raise ValueError(f"heat: found {heat.shape}, expected {pixels.shape[:2]}, a number a pixel")
    canvas = np.empty_like(pixels)
    for top in range(0, len(pixels), STRIP_ROWS):
        rows = slice(top, top + STRIP_ROWS)
        canvas[rows] = _blend(pixels[rows], heat[rows])
    return canvas


def spread(values: Map, size: tuple[int, int]) -> Map:
    """The map at another (height, width): bilinear, so that none of it is higher or lower than it was."""
    return cv2.resize(values, size[::-1], interpolation=cv2.INTER_LINEAR).astype(np.float32, copy=False)


def _blend(pixels: Pixels, heat: Map) -> Pixels:
    grey = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)[..., None]
    share = np.clip((heat - COLD) / (HOT - COLD), 0, 1)[..., None]
    share = share * share * (3 - 2 * share)  # no edge where glowing begins and ends
    quiet = (COLOUR * pixels + (1 - COLOUR) * grey) * (DIM + (1 - DIM) * share)
    glowing = cv2.applyColorMap(np.rint(255 * np.clip(heat, 0, 1)).astype(np.uint8), PALETTE)[..., ::-1]  # as BGR
    return np.rint(quiet + GLOW * share * (glowing - quiet)).astype(np.uint8)
