"""Cut-outs warped, lit and pasted onto a picture, and what of each can be seen then. What goes where: data/scenes.py.

Colours travel times their alpha (premultiplied), so that what is transparent lends no colour to what is not, in a warp
as in a blur.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from yolov2.pictures.quick_distort import Pixels, distort

Floats: TypeAlias = NDArray[np.float32]

OPAQUE = 0.5  # alpha from which a pixel is the object's and no more what lies behind it
STEEPEST = 0.9  # sum of both tilts: at 1 the far edge would lie at infinity
REACH = 3  # deviations of a blur that are looked at
LEAST_BLUR = 0.1  # deviation in pixels; less does nothing
MOST_ENLARGED = 1.6  # times, a part of a background: a sharp object before a blurred one would give itself away
LEAST_ALPHA = 1e-6  # in sum, of what there is to see
NOBODY = 0  # the owner of pixels where no object is


@dataclass(frozen=True, slots=True)
class Placing:
    """Where a cut-out goes. Raises ValueError for a tilt that has no picture."""

    centre_xy: tuple[float, float]  # of its middle, in pixels of the canvas
    longest: float  # pixels of its longer side, before it is turned
    turn: float = 0.0  # radians, clockwise as seen
    tilt_xy: tuple[float, float] = (0.0, 0.0)  # by which share the edge at high x, and at high y, is farther away
    is_mirrored: bool = False

    def __post_init__(self) -> None:
        if sum(map(abs, self.tilt_xy)) > STEEPEST or self.longest <= 0:
            raise ValueError(
                f"placing: found tilt {self.tilt_xy} and length {self.longest}, expected less tilt, and a length"
            )


@dataclass(frozen=True, slots=True)
class Light:
    """How a cut-out is lit, and how sharp it is seen."""

    gains: tuple[float, float, float] = (1.0, 1.0, 1.0)  # of red, green and blue
    contrast: float = 1.0  # around the object's own mean
    slope_xy: tuple[float, float] = (0.0, 0.0)  # of the light: the share by which it grows from the middle to an edge
    blur: float = 0.0  # deviation in pixels


@dataclass(frozen=True, eq=False, slots=True)
class Patch:
    """A warped cut-out, whole, also where it reaches beyond the canvas."""

    colours: Floats  # (h, w, 3) in 0..255, times alpha
    alpha: Floats  # (h, w) in [0, 1]
    corner_xy: tuple[int, int]  # of its top left pixel on the canvas

    @property
    def area(self) -> int:
        """Pixels that are the object's."""
        return int(np.count_nonzero(self.alpha >= OPAQUE))

    @property
    def mean(self) -> tuple[float, float, float]:
        """Its red, green and blue in the mean, in 0..255."""
        opaque = max(LEAST_ALPHA, cv2.sumElems(self.alpha)[0])
        red, green, blue, _ = cv2.sumElems(self.colours)
        return red / opaque, green / opaque, blue / opaque

    @property
    def level(self) -> float:
        """How bright it is in the mean, in 0..255."""
        return sum(self.mean) / 3


@dataclass(frozen=True, slots=True)
class Seen:
    """What of an object can be seen."""

    box: tuple[int, int, int, int]  # x1, y1, x2, y2 at the edges of its pixels
    area: int  # pixels


class Canvas:
    """A picture that things are pasted onto, and whose each pixel is: the last that is opaque there."""

    def __init__(self, background: Pixels) -> None:
        self._pixels = background.astype(np.float32)
        self._owners = np.full(background.shape[:2], NOBODY, np.int16)

    def paste(self, patch: Patch, *, owner: int) -> None:
        """Lay the patch over all that is there. owner: a number from 1, of which `seen` is asked; 0: of nobody."""
        here = _overlap(patch.alpha.shape, patch.corner_xy, self._owners.shape)
        if here is None:
            return
        on_canvas, of_patch = here
        alpha, below = patch.alpha[of_patch], self._pixels[on_canvas]
        self._pixels[on_canvas] = patch.colours[of_patch] + below * (1 - alpha)[..., None]
        self._owners[on_canvas][alpha >= OPAQUE] = owner

    def darken(self, patch: Patch, *, shift_xy: tuple[int, int], softness: float, strength: float) -> None:
        """The patch's shadow on what is there, before it is pasted. softness: deviation in pixels."""
        alpha, reach = _spread(patch.alpha, softness)
        (x, y), (shift_x, shift_y) = patch.corner_xy, shift_xy
        here = _overlap(alpha.shape, (x - reach + shift_x, y - reach + shift_y), self._owners.shape)
        if here is not None:
            self._pixels[here[0]] *= (1 - strength * alpha[here[1]])[..., None]

    def level_below(self, patch: Patch) -> float | None:
        """How bright the canvas is where the patch would lie; None where they do not meet."""
        here = _overlap(patch.alpha.shape, patch.corner_xy, self._owners.shape)
        return None if here is None else sum(cv2.mean(self._pixels[here[0]])) / 3

    def seen(self, owner: int) -> Seen | None:
        """What of this owner nothing else covers; None: nothing."""
        mask = (self._owners == owner).astype(np.uint8)
        x, y, width, height = cv2.boundingRect(mask)
        return Seen((x, y, x + width, y + height), cv2.countNonZero(mask)) if width else None

    def taken(
        self, *, blur: float = 0.0, noise: Floats | None = None, colours: tuple[float, float, float] = (0.0, 1.0, 1.0)
    ) -> Pixels:
        """The picture as one camera takes all of it: blurred, with noise added, in other colours.

        blur: deviation in pixels; noise: (H, W) levels; colours: hue, saturation and exposure.
        """
        pixels = cv2.GaussianBlur(self._pixels, (0, 0), blur) if blur >= LEAST_BLUR else self._pixels
        added = np.zeros_like(pixels) if noise is None else np.broadcast_to(noise[..., None], pixels.shape)
        taken = cv2.add(pixels, np.ascontiguousarray(added), dtype=cv2.CV_8U).astype(np.uint8, copy=False)
        if colours != (0.0, 1.0, 1.0):
            hue, saturation, exposure = colours
            taken = distort(taken, hue=hue, saturation=saturation, exposure=exposure)
        return taken


def part_of(
    pixels: Pixels, size: tuple[int, int], *, share: float, place_xy: tuple[float, float], is_mirrored: bool
) -> Pixels:
    """A part of the picture with the proportions of `size` (height, width), at that size.

    share: of the largest such part's sides, or more where that would enlarge it too much; place_xy: where it lies, from
    0 at the top left to 1 at the bottom right.
    """
    largest = min(own / wanted for own, wanted in zip(pixels.shape[:2], size, strict=True))
    scale = max(share * largest, min(largest, 1 / MOST_ENLARGED))
    height, width = (max(1, round(wanted * scale)) for wanted in size)
    y, x = (
        (own - part) * place for own, part, place in zip(pixels.shape, (height, width), place_xy[::-1], strict=False)
    )
    part = pixels[round(y) : round(y) + height, round(x) : round(x) + width]
    how = cv2.INTER_AREA if scale > 1 else cv2.INTER_LINEAR
    sized = cv2.resize(part, size[::-1], interpolation=how).astype(np.uint8, copy=False)
    return np.ascontiguousarray(sized[:, ::-1]) if is_mirrored else sized


def premultiplied(rgba: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """RGBA (H, W, 4) with its colours times alpha."""
    alpha = cv2.cvtColor(np.ascontiguousarray(rgba[..., 3]), cv2.COLOR_GRAY2RGB)
    colours = cv2.multiply(np.ascontiguousarray(rgba[..., :3]), alpha, scale=1 / 255)
    return np.dstack((colours, rgba[..., 3])).astype(np.uint8, copy=False)


def warped(flat: NDArray[np.uint8], placing: Placing) -> Patch:
    """The cut-out (H, W, 4), colours times alpha, as it lies there: scaled, mirrored, tilted, turned; each pixel is the
    mean of all that it shows.

    Its edge is as soft as its alpha, and at the edges of the array where that is opaque there.
    """
    size = height, width = flat.shape[0], flat.shape[1]
    matrix = homography(size, placing)
    corners = _through(matrix, np.array(((0, 0), (width, 0), (width, height), (0, height)), np.float64))
    share = placing.longest * (1 + max(map(abs, placing.tilt_xy))) / max(size)
    if share < 1:  # a warp takes four pixels for each of its own, whatever is lost between them
        smaller = max(1, round(height * share)), max(1, round(width * share))
        flat = cv2.resize(flat, smaller[::-1], interpolation=cv2.INTER_AREA).astype(np.uint8, copy=False)
        matrix = matrix @ np.diag((width / smaller[1], height / smaller[0], 1.0))
    low = np.floor(corners.min(axis=0)).astype(int) - 1
    window_wh = np.ceil(corners.max(axis=0)).astype(int) + 1 - low
    # The middle of OpenCV's first pixel is 0, and ours half a pixel from its edge.
    to_window = _shift(*(-0.5 - low)) @ matrix @ _shift(0.5, 0.5)
    placed = cv2.warpPerspective(flat, to_window, tuple(window_wh.tolist()), flags=cv2.INTER_LINEAR).astype(np.float32)
    colours = cv2.cvtColor(placed, cv2.COLOR_RGBA2RGB).astype(np.float32, copy=False)
    x, y = low.tolist()
    return Patch(colours, placed[..., 3] / np.float32(255), (x, y))


def homography(size: tuple[int, int], placing: Placing) -> NDArray[np.float64]:
    """(3, 3) from the cut-out's pixels to the canvas's, both measured at their edges. size: height, width."""
    height, width = size
    scale = placing.longest / max(size)
    sign = -1.0 if placing.is_mirrored else 1.0
    to_middle = np.diag((sign * scale, scale, 1.0)) @ _shift(-width / 2, -height / 2)
    tilt = np.eye(3)
    tilt[2, :2] = np.array(placing.tilt_xy) / (placing.longest / 2)
    cos, sin = math.cos(placing.turn), math.sin(placing.turn)
    turn = np.array(((cos, -sin, 0), (sin, cos, 0), (0, 0, 1.0)))
    return _shift(*placing.centre_xy) @ turn @ tilt @ to_middle


def lit(patch: Patch, light: Light) -> Patch:
    """The patch in this light, and as sharp."""
    alpha = patch.alpha[..., None]
    mean = np.array(patch.mean, np.float32)
    gains = np.array(light.gains, np.float32)
    bright = patch.colours * (light.contrast * gains)
    bright += alpha * ((1 - light.contrast) * gains * mean)
    height, width = patch.alpha.shape
    slope_x, slope_y = light.slope_xy
    across, down = (np.linspace(-1, 1, length, dtype=np.float32) for length in (width, height))
    bright *= (1 + slope_x * across[None, :] + slope_y * down[:, None])[..., None]
    np.clip(bright, 0, 255 * alpha, out=bright)
    return _blurred(replace(patch, colours=bright), light.blur)


def _blurred(patch: Patch, blur: float) -> Patch:
    if blur < LEAST_BLUR:
        return patch
    (colours, reach), (alpha, _) = _spread(patch.colours, blur), _spread(patch.alpha, blur)
    x, y = patch.corner_xy
    return Patch(colours, alpha, (x - reach, y - reach))


def _spread(plane: Floats, blur: float) -> tuple[Floats, int]:
    """The plane blurred, larger by so many pixels on every side."""
    reach = math.ceil(REACH * blur)
    padded = cv2.copyMakeBorder(plane, reach, reach, reach, reach, cv2.BORDER_CONSTANT, value=(0, 0, 0))
    # The kernel's size is said, for OpenCV's own choice for floats reaches farther than it is worth.
    kernel = 2 * reach + 1, 2 * reach + 1
    return cv2.GaussianBlur(padded, kernel, max(blur, LEAST_BLUR)).astype(np.float32, copy=False), reach


def _overlap(
    size: tuple[int, ...], corner_xy: tuple[int, int], canvas: tuple[int, ...]
) -> tuple[tuple[slice, slice], tuple[slice, slice]] | None:
    """The pixels of the canvas that a patch lies on, and those of the patch; None: it lies beyond."""
    (height, width), (x, y) = size, corner_xy
    top, bottom, left, right = max(0, y), min(canvas[0], y + height), max(0, x), min(canvas[1], x + width)
    if top >= bottom or left >= right:
        return None
    return (slice(top, bottom), slice(left, right)), (slice(top - y, bottom - y), slice(left - x, right - x))


def _shift(x: float, y: float) -> NDArray[np.float64]:
    return np.array(((1, 0, x), (0, 1, y), (0, 0, 1.0)))


def _through(matrix: NDArray[np.float64], points: NDArray[np.float64]) -> NDArray[np.float64]:
    """(N, 2) points after a homography."""
    flat = np.column_stack((points, np.ones(len(points)))) @ matrix.T
    return flat[:, :2] / flat[:, 2:]
