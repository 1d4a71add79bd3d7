"""Pictures turned, scaled and cut out in one go, for training classifiers: in Darknet's float arithmetic, and of bytes.

Where a pixel comes from is an affine map; what it is made of stands in a Turn (data/classifier_draws.py).
"""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from yolov2.pictures.distort import Image, bilinear
from yolov2.pictures.quick_distort import Pixels

Map = NDArray[np.float64]  # (2, 3): (x, y) in the picture = map @ (x, y, 1) on the input


def turning(
    picture_hw: tuple[int, ...],
    network_hw: tuple[int, int],
    *,
    radians: float,
    scale: float,
    aspect: float,
    shift_xy: tuple[float, float],
) -> Map:
    """Where the pixels of an input lie in a picture that is scaled, the width by less where `aspect` is above 1, then
    cut out so far from its middle, and turned about that.

    Source: Darknet `rotate_crop_image`.
    """
    (height, width), (net_h, net_w) = picture_hw, network_hw
    step_x, step_y = aspect / scale, 1 / scale
    x, y = (shift_xy[0] - net_w / 2) * step_x, (shift_xy[1] - net_h / 2) * step_y
    cos, sin = math.cos(radians), math.sin(radians)
    return np.array(
        (
            (cos * step_x, -sin * step_y, cos * x - sin * y + width / 2),
            (sin * step_x, cos * step_y, sin * x + cos * y + height / 2),
        )
    )


def centring(picture_hw: tuple[int, ...], network_hw: tuple[int, int]) -> Map:
    """The square in the middle of the picture over the whole input, first pixel to first, last to last.

    Source: Darknet `center_crop_image`.
    """
    (height, width), (net_h, net_w) = picture_hw, network_hw
    side = min(height, width)
    steps = (side - 1) / max(1, net_w - 1), (side - 1) / max(1, net_h - 1)
    return np.array(((steps[0], 0, (width - side) // 2), (0, steps[1], (height - side) // 2)))


def mirrored(back: Map, width: int) -> Map:
    """The map of an input so wide whose left and right are exchanged."""
    turned = back.copy()
    turned[:, 0] = -back[:, 0]
    turned[:, 2] += back[:, 0] * (width - 1)
    return turned


def of_smaller(back: Map, picture_hw: tuple[int, ...], stored_hw: tuple[int, ...]) -> Map:
    """The same map into a copy of the picture that is kept at another size."""
    shares = np.array((stored_hw[1] / picture_hw[1], stored_hw[0] / picture_hw[0]))[:, None]
    moved = back * shares
    moved[:, 2:] += shares / 2 - 0.5  # the middle of a pixel lies half a pixel from its edge, in either
    return moved


def rotate(image: Image, back: Map, network_hw: tuple[int, int], *, rim: bool) -> Image:
    """The input (C, H, W) whose pixels the map takes from the image, bilinear; beyond its edge it is black with `rim`,
    else its last pixels go on.
    """
    rows, columns = np.indices(network_hw)
    x, y = (row[0] * columns + row[1] * rows + row[2] for row in back)
    return bilinear(image, y.astype(np.float32), x.astype(np.float32), rim=rim)


def quick_rotate(pixels: Pixels, back: Map, *, rim: bool, out: Pixels) -> None:
    """The same of bytes (H, W, 3), all over `out`."""
    flags, beyond = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP, cv2.BORDER_CONSTANT if rim else cv2.BORDER_REPLICATE
    cv2.warpAffine(pixels, back, out.shape[1::-1], dst=out, flags=flags, borderMode=beyond)
