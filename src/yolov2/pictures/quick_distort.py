"""The pictures of `distort.py` in whole numbers, for the speed: OpenCV on bytes, within two levels after the placing.

Colours never become hue, saturation and value: in bytes a hue is too coarse, and values are cut only at the very end,
as red, green and blue. By how much each channel falls short of the greatest one says it all: saturation and exposure
are linear in that, a turn of the hue by a sixth of the circle is an exchange of channels, and one by up to half of that
is a few additions and subtractions that stop at the ends.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from yolov2.pictures.distort import CANVAS, Spot

Pixels: TypeAlias = NDArray[np.uint8]  # (H, W, 3) RGB

SECTORS = 6  # of the colour circle: from red over yellow, green, cyan, blue and magenta back to red
LEAST_TURN = 1 / 512  # of a sector: less moves no byte
MOST_IN_BYTES = 1.7  # times: a stronger change would make more than four levels of what bytes round away
FINER = 64  # steps of 16-bit numbers in place of one of a byte, where it does; that takes four times as long


def shrunk(pixels: Pixels, longest: int) -> Pixels:
    """The picture with its longer side at most so long, each pixel the mean of those it stands for."""
    height, width = pixels.shape[:2]
    if max(height, width) <= longest:
        return pixels
    share = longest / max(height, width)
    size_wh = max(1, round(width * share)), max(1, round(height * share))
    return cv2.resize(pixels, size_wh, interpolation=cv2.INTER_AREA).astype(np.uint8, copy=False)


def show(pixels: Pixels, spot: Spot, *, out: Pixels) -> None:
    """Fill the spot of the canvas `out` with the picture, bilinear; what lies beside it stays as it is."""
    if spot.is_empty:
        return
    (top, bottom), (left, right) = spot.rows, spot.columns
    (step_y, step_x), (start_y, start_x) = spot.step_yx, spot.start_yx
    back = np.array(((step_x, 0, start_x + step_x * left), (0, step_y, start_y + step_y * top)), np.float64)
    placed = cv2.warpAffine(
        cv2.cvtColor(pixels, cv2.COLOR_RGB2RGBA),  # OpenCV samples that more than twice as fast
        back,
        (right - left, bottom - top),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_CONSTANT if spot.has_black_rim else cv2.BORDER_REPLICATE,
    )
    cv2.cvtColor(placed, cv2.COLOR_RGBA2RGB, dst=out[top:bottom, left:right])


def grey(exposure: float) -> int:
    """The level of an empty canvas in that light."""
    return round(255 * min(1.0, CANVAS * exposure))


def distort(pixels: Pixels, *, hue: float, saturation: float, exposure: float, out: Pixels | None = None) -> Pixels:
    """Other colours, in `out` if given: the hue turned by a share of the circle, the others times a factor."""
    result = np.empty_like(pixels) if out is None else out
    channels: list[Any] = [*np.empty((3, *pixels.shape[:2]), np.uint8)]
    greatest = np.empty(pixels.shape[:2], np.uint8)
    cv2.split(pixels, channels)
    cv2.max(channels[0], channels[1], dst=greatest)
    cv2.max(greatest, channels[2], dst=greatest)

    unit = 1 if exposure * saturation <= MOST_IN_BYTES else FINER
    depth, kind = (cv2.CV_8U, np.uint8) if unit == 1 else (cv2.CV_16U, np.uint16)
    room = np.empty((10, *pixels.shape[:2]), kind)
    short: list[Any] = [*room[:3]]
    for channel, by in zip(channels, short, strict=True):
        if unit == 1:
            cv2.subtract(greatest, channel, dst=by)
        else:
            cv2.addWeighted(greatest, unit, channel, -unit, 0, dst=by, dtype=depth)
    short = _turned(short, hue * SECTORS, room=room[3:])
    for channel, by in zip(channels, short, strict=True):  # cut at both ends here, and only here
        cv2.addWeighted(greatest, exposure, by, -exposure * saturation / unit, 0, dst=channel, dtype=cv2.CV_8U)
    cv2.merge(channels, dst=result)
    return result


def _turned(short: list[Any], sectors: float, *, room: NDArray[Any]) -> list[Any]:
    """By how much red, green and blue fall short of the greatest channel once the hue is turned by so many sectors.

    The greatest channel falls short by 0, the least by the span of the colour. room: seven planes to work in.
    """
    whole = round(sectors)
    part = sectors - whole
    is_part = abs(part) >= LEAST_TURN
    if whole % SECTORS == 0 and not is_part:
        return short
    spare: list[Any] = [*room[:3]]
    span, turn, rest, more = room[3:]
    cv2.max(short[0], short[1], dst=span)
    cv2.max(span, short[2], dst=span)
    for _ in range(whole % SECTORS):  # red falls short then by what green stood above the least channel, and so on
        for channel in range(3):
            cv2.subtract(span, short[(channel + 1) % 3], dst=spare[channel])
        short, spare = spare, short
    if not is_part:
        return short
    cv2.addWeighted(span, abs(part), span, 0, 0, dst=turn)
    cv2.subtract(span, turn, dst=rest)
    for channel, turned in enumerate(spare):
        follower = short[(channel + (1 if part > 0 else -1)) % 3]
        # Where this channel falls, the one that follows it is the greatest, or comes to be; where it rises, the least.
        cv2.subtract(turn, follower, dst=more)
        cv2.add(short[channel], more, dst=turned)
        cv2.min(turned, span, dst=turned)
        cv2.subtract(follower, rest, dst=more)
        cv2.subtract(turned, more, dst=turned)
    return spare
