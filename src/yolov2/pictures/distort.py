"""Pictures changed for training, in Darknet's float arithmetic: placed on a canvas, mirrored, other colours.

The quick form of the same is `quick_distort.py`; what is to be done stands in a Draw (data/augment.py).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Image: TypeAlias = NDArray[np.float32]  # (C, H, W) in [0, 1]

CANVAS = 0.5
SMALLEST = np.float32(1e-30)  # divides a zero where there is nothing to divide


@dataclass(frozen=True, slots=True)
class Spot:
    """Which part of a canvas shows a picture, and the place in the picture that each pixel of it is taken from."""

    rows: tuple[int, int]  # of the canvas: the first, and the one behind the last; none if the second is no larger
    columns: tuple[int, int]
    step_yx: tuple[float, float]  # row r of the canvas shows the picture at row start + step * r
    start_yx: tuple[float, float]
    has_black_rim: bool  # beyond its last row and column the picture is black; else these go on

    @property
    def is_empty(self) -> bool:
        """Whether nothing of the picture is to be seen."""
        return self.rows[1] <= self.rows[0] or self.columns[1] <= self.columns[0]

    def mirrored(self, width: int) -> Spot:
        """The same on a canvas so wide whose left and right are exchanged."""
        (step_y, step_x), (start_y, start_x) = self.step_yx, self.start_yx
        left, right = self.columns
        start = start_y, start_x + step_x * (width - 1)
        return Spot(self.rows, (width - right, width - left), (step_y, -step_x), start, self.has_black_rim)


def place(image: Image, *, size_hw: tuple[int, int], offset_xy: tuple[int, int], canvas: Image) -> Image:
    """A copy of the canvas with the image on it at this size; what lies beyond the canvas is lost.

    Source: Darknet `place_image`.
    """
    return show(image, spot_at(image.shape[1:], size_hw, offset_xy, canvas.shape[1:]), canvas=canvas)


def spot_at(
    picture_hw: tuple[int, ...], size_hw: tuple[int, int], offset_xy: tuple[int, int], canvas_hw: tuple[int, ...]
) -> Spot:
    """Where a picture of this size lies if it is made so large and put there. Source: Darknet `place_image`."""
    (height, width), (x, y) = size_hw, offset_xy
    # Darknet: place_image begins in the first pixel's middle and ends beyond the last one's, where it mixes with 0
    steps = picture_hw[0] / max(1, height), picture_hw[1] / max(1, width)
    rows, columns = (max(y, 0), min(y + height, canvas_hw[0])), (max(x, 0), min(x + width, canvas_hw[1]))
    return Spot(rows, columns, steps, (-y * steps[0], -x * steps[1]), has_black_rim=True)


def show(image: Image, spot: Spot, *, canvas: Image) -> Image:
    """A copy of the canvas with the image in its spot, bilinear."""
    result = canvas.copy()
    if not spot.is_empty:
        y, x = (
            (np.arange(*span) * step + start).astype(np.float32)
            for span, step, start in zip((spot.rows, spot.columns), spot.step_yx, spot.start_yx, strict=True)
        )
        result[:, slice(*spot.rows), slice(*spot.columns)] = bilinear(image, y[:, None], x, rim=spot.has_black_rim)
    return result


def distort(image: Image, *, hue: float, saturation: float, exposure: float) -> Image:
    """Other colours: the hue turned by a share of the circle, saturation and brightness times a factor.

    Source: Darknet `distort_image`.
    """
    h, s, v = hsv_from_rgb(image)
    h = h + np.float32(hue)
    s = s * np.float32(saturation)
    v = v * np.float32(exposure)
    turned = np.select((h > 1, h < 0), (h - np.float32(1), h + np.float32(1)), h)
    return np.clip(rgb_from_hsv(np.stack((turned, s, v))), np.float32(0), np.float32(1))


def hsv_from_rgb(image: Image) -> Image:
    """Hue, saturation and value in [0, 1]; grey has the hue 0, where Darknet's is no number. Source: `rgb_to_hsv`."""
    r, g, b = image
    value, least = image.max(axis=0), image.min(axis=0)
    delta = value - least
    divisor = np.maximum(delta, SMALLEST)
    hue = np.select((r == value, g == value), ((g - b) / divisor, 2 + (b - r) / divisor), 4 + (r - g) / divisor)
    hue[hue < 0] += 6
    hue[delta == 0] = 0
    return np.stack((hue / 6, delta / np.maximum(value, SMALLEST), value)).astype(np.float32)


def rgb_from_hsv(image: Image) -> Image:
    """Red, green and blue of hue, saturation and value. Source: Darknet `hsv_to_rgb`.

    A hue of exactly 1 is red, as 0 is; Darknet makes it magenta.
    """
    h, s, v = image
    h = 6 * h
    sector = np.floor(h)
    f = h - sector
    p, q, t = v * (1 - s), v * (1 - s * f), v * (1 - s * (1 - f))
    index = sector.astype(np.int64) % 6
    choices = ((v, t, p), (q, v, p), (p, v, t), (p, q, v), (t, p, v), (v, p, q))
    channels = [np.choose(index, [choice[channel] for choice in choices]) for channel in range(3)]
    return np.where(s == 0, v, np.stack(channels)).astype(np.float32)


def mirror(image: Image) -> Image:
    """Left and right exchanged. Source: Darknet `flip_image`."""
    return image[:, :, ::-1]


def bilinear(image: Image, y: NDArray[np.float32], x: NDArray[np.float32], *, rim: bool) -> Image:
    """Values (C, H, W) between pixels at rows y and columns x, which broadcast to (H, W). What lies outside is 0 with
    `rim`, else the next pixel inside.

    Source: Darknet `bilinear_interpolate`.
    """
    height, width = image.shape[1:]
    framed = np.pad(image, ((0, 0), (1, 1), (1, 1)), mode="constant" if rim else "edge")
    y, x = np.clip(y, -1, height), np.clip(x, -1, width)
    top, left = (np.clip(np.floor(at), -1, side - 1) for at, side in ((y, height), (x, width)))
    dy, dx = (y - top).astype(np.float32), (x - left).astype(np.float32)
    row, column = top.astype(np.int64) + 1, left.astype(np.int64) + 1  # within the frame
    one = np.float32(1)
    mixed = (
        (one - dy) * (one - dx) * framed[:, row, column]
        + dy * (one - dx) * framed[:, row + 1, column]
        + (one - dy) * dx * framed[:, row, column + 1]
        + dy * dx * framed[:, row + 1, column + 1]
    )
    return mixed.astype(np.float32)
