"""What is done to a picture in training, as one sampled record; and its boxes under it. Pixels: pictures/distort.py.

How such a record is drawn is the business of draws.py.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from yolov2.pictures import quick_distort
from yolov2.pictures.distort import CANVAS, Image, Spot, distort, mirror, show, spot_at
from yolov2.pictures.quick_distort import Pixels

LEAST_SIDE = 0.001  # of the network input: a smaller box is no truth
CLASS_ONLY = 999_999.0  # x, y, width and height of a label for the picture as a whole


@dataclass(frozen=True, slots=True)
class Draw:
    """One change of one picture: where it lies on the network input, whether mirrored, which colours."""

    network_hw: tuple[int, int]
    placed_wh: tuple[float, float]  # the whole picture's width and height on the input, in pixels of it
    offset_xy: tuple[float, float]  # of its top left corner; negative where it begins beyond the input
    is_mirrored: bool
    hue: float  # added, a share of the colour circle
    saturation: float  # a factor
    exposure: float  # a factor
    order: tuple[int, ...]  # of the boxes: where only some are kept, the first ones are
    outside: Literal["grey", "edge"] = "grey"  # beyond the picture; edge: its last pixels go on
    # free: pixels lie where the boxes do; whole: as Darknet has them, at whole numbers and with a black rim; corners:
    # from the middle of the first pixel to the middle of the last, as letterbox has them
    grid: Literal["free", "whole", "corners"] = "free"
    least_inside: float = 0.0  # share of its area that a box must have left inside the input
    least_pixels: float = 0.0  # of the input that either side of it must have left


@dataclass(frozen=True, slots=True)
class Mosaic:
    """Several pictures side by side in one input, each changed as if its tile were an input of its own."""

    network_hw: tuple[int, int]
    draws: tuple[Draw, ...]
    corners_xy: tuple[tuple[int, int], ...]  # top left, of each tile


def spot_of(draw: Draw, picture_hw: tuple[int, ...]) -> Spot:
    """Where on the input the pixels of a picture lie that is stored at this size, before it is mirrored."""
    (net_h, net_w), (width, height), (x, y) = draw.network_hw, draw.placed_wh, draw.offset_xy
    if draw.grid == "whole":
        # Darknet: load_data_detection cuts the places of pixels down to whole numbers, and those of boxes not
        return spot_at(picture_hw, (int(height), int(width)), (int(x), int(y)), draw.network_hw)
    if draw.grid == "corners":
        step_y, step_x = (picture_hw[0] - 1) / max(1.0, height - 1), (picture_hw[1] - 1) / max(1.0, width - 1)
        starts = -y * step_y, -x * step_x
    else:  # the middle of a pixel lies half a pixel from its edge, in the picture as on the input
        step_y, step_x = picture_hw[0] / height, picture_hw[1] / width
        starts = (0.5 - y) * step_y - 0.5, (0.5 - x) * step_x - 0.5
    rows = max(0, math.ceil(y - 0.5)), min(net_h, math.ceil(y + height - 0.5))
    columns = max(0, math.ceil(x - 0.5)), min(net_w, math.ceil(x + width - 0.5))
    if draw.outside == "edge":
        rows, columns = (0, net_h), (0, net_w)
    return Spot(rows, columns, (step_y, step_x), starts, has_black_rim=False)


def changed(image: Image, draw: Draw) -> Image:
    """The network's input for a picture (C, H, W) in [0, 1], in Darknet's arithmetic. Source: `load_data_detection`."""
    canvas = np.full((len(image), *draw.network_hw), CANVAS, np.float32)
    placed = show(image, spot_of(draw, image.shape[1:]), canvas=canvas)
    coloured = distort(placed, hue=draw.hue, saturation=draw.saturation, exposure=draw.exposure)
    return mirror(coloured) if draw.is_mirrored else coloured


def quickly_changed(pixels: Pixels, draw: Draw, *, out: Pixels | None = None) -> Pixels:
    """The same of bytes (H, W, 3), in `out` if given: within 2 levels, and within 4 where the colours change.

    That holds for factors up to 1.5; each doubling of saturation or exposure doubles what the rounding of bytes does.
    """
    (height, width), spot = draw.network_hw, spot_of(draw, pixels.shape[:2])
    result = np.empty((height, width, 3), np.uint8) if out is None else out
    if draw.is_mirrored:
        spot = spot.mirrored(width)
    grey = quick_distort.grey(draw.exposure)
    if spot.is_empty:
        result.fill(grey)
        return result
    (top, bottom), (left, right) = spot.rows, spot.columns
    for beside in (result[:top], result[bottom:], result[top:bottom, :left], result[top:bottom, right:]):
        beside.fill(grey)
    quick_distort.show(pixels, spot, out=result)
    if (draw.hue, draw.saturation, draw.exposure) != (0.0, 1.0, 1.0):
        part = result[top:bottom, left:right]
        quick_distort.distort(part, hue=draw.hue, saturation=draw.saturation, exposure=draw.exposure, out=part)
    return result


def quick_mosaic(pictures: Sequence[Pixels], mosaic: Mosaic, *, out: Pixels | None = None) -> Pixels:
    """The input (H, W, 3) that is made of these pictures, in `out` if given."""
    result = np.empty((*mosaic.network_hw, 3), np.uint8) if out is None else out
    for pixels, draw, (x, y) in zip(pictures, mosaic.draws, mosaic.corners_xy, strict=True):
        height, width = draw.network_hw
        quickly_changed(pixels, draw, out=result[y : y + height, x : x + width])
    return result


def changed_boxes(
    boxes: NDArray[np.float64], class_ids: Sequence[int] | NDArray[np.int64], draw: Draw, *, most: int | None = None
) -> NDArray[np.float32]:
    """Truths (N, 5) x, y, width, height in shares of the network input, and class, of boxes cxcywh in shares of the
    picture. What lies beyond the input is cut away, and what is left of less than a thousandth is no truth.

    most: as many at most, before small ones are left out. A box with x and y 0 is a label for the whole picture. A
    class below 0 marks a place where there may be something: of that any part counts.
    Source: Darknet `correct_boxes`, `fill_truth_detection`.
    """
    order = list(draw.order)[:most]
    chosen, classes = boxes[order].astype(np.float32), np.asarray(class_ids)[order]
    (net_h, net_w), (width, height), (x, y) = draw.network_hw, draw.placed_wh, draw.offset_xy
    scale = np.array((width / net_w, height / net_h), np.float32)
    shift = np.array((x / net_w, y / net_h), np.float32)
    low = (chosen[:, :2] - chosen[:, 2:] / 2) * scale + shift
    high = (chosen[:, :2] + chosen[:, 2:] / 2) * scale + shift
    if draw.is_mirrored:
        low[:, 0], high[:, 0] = 1 - high[:, 0], 1 - low[:, 0]
    whole = np.prod(high - low, axis=1)
    low, high = np.clip(low, 0, 1), np.clip(high, 0, 1)
    sides = high - low
    truths = np.column_stack(((low + high) / 2, sides, classes)).astype(np.float32)
    is_label = (chosen[:, 0] == 0) & (chosen[:, 1] == 0)
    truths[is_label, :4] = CLASS_ONLY
    is_kept = np.all(truths[:, 2:4] >= LEAST_SIDE, axis=1)
    is_large = np.all(sides * (net_w, net_h) >= draw.least_pixels, axis=1)
    is_large &= np.prod(sides, axis=1) >= draw.least_inside * whole
    return truths[is_kept & (is_large | is_label | (classes < 0))]


def mosaic_boxes(
    boxes: Sequence[NDArray[np.float64]], class_ids: Sequence[NDArray[np.int64]], mosaic: Mosaic
) -> NDArray[np.float32]:
    """Truths (N, 5) of all pictures of a mosaic, as changed_boxes has them; labels of a picture as a whole get lost."""
    height, width = mosaic.network_hw
    parts: list[NDArray[np.float32]] = [np.zeros((0, 5), np.float32)]
    for own, classes, draw, (x, y) in zip(boxes, class_ids, mosaic.draws, mosaic.corners_xy, strict=True):
        truths = changed_boxes(own, classes, draw)
        truths = truths[truths[:, 0] != CLASS_ONLY]
        tile_h, tile_w = draw.network_hw
        truths[:, :4] *= np.array((tile_w / width, tile_h / height) * 2, np.float32)
        truths[:, :2] += np.array((x / width, y / height), np.float32)
        parts.append(truths[np.all(truths[:, 2:4] >= LEAST_SIDE, axis=1)])
    return np.concatenate(parts)
