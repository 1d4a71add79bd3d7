"""Picture -> network input by Darknet's rules, and boxes back. Only here and in augmentation do coordinates move."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

import cv2
import numpy as np
from array_api_compat import array_namespace
from numpy.typing import NDArray

from yolov2.boxes import Array

Size: TypeAlias = tuple[int, int]  # (height, width)
Pixels: TypeAlias = NDArray[np.uint8]  # (H, W, C) RGB, or as many channels as the network has
Image: TypeAlias = NDArray[np.float32]  # (C, H, W) of the same in [0, 1]

CANVAS = 0.5  # Darknet's grey beside a letterboxed picture

# Speed only, the numbers stay the same. A picture is resized strip by strip, so that the working memory stays small;
# else the C library gives megabytes back and fetches them again for every picture, at three times the cost. If it
# shrinks this much, the pixels between the neighbours that count are left behind before anything is made float. And
# OpenCV samples RGBA more than twice as fast as RGB, which pays for the conversion up to so many pixels for one.
STRIP_PIXELS = 1 << 15  # of the source
ROWS_ALONE_FROM = 4.0
COLUMNS_ALONE_FROM = 8.0
RGBA_UP_TO = 4.0


@dataclass(frozen=True, slots=True)
class Placement:
    """Where a picture lies on the network input. Sizes are (height, width) in pixels of that input."""

    network: Size
    resized: Size  # the picture on it, at least 1 x 1
    offset: Size = (0, 0)  # rows above and columns left of the picture

    def __post_init__(self) -> None:
        for n, r, o in zip(self.network, self.resized, self.offset, strict=True):
            if not (n >= 1 and r >= 1 and 0 <= o <= n - r):
                raise ValueError(f"found {self}, expected a picture of at least 1 x 1 inside the network input")


def place_letterbox(picture_hw: Size, network_hw: Size) -> Placement:
    """The largest place with the picture's own proportions, in the middle. Source: Darknet `letterbox_image`."""
    (height, width), (net_h, net_w) = picture_hw, network_hw
    if np.float32(net_w) / np.float32(width) < np.float32(net_h) / np.float32(height):
        resized = max(1, height * net_w // width), net_w  # Darknet: letterbox_image gives 0 rows to a very wide picture
    else:
        resized = net_h, max(1, width * net_h // height)
    return Placement(network_hw, resized, ((net_h - resized[0]) // 2, (net_w - resized[1]) // 2))


def place_stretch(picture_hw: Size, network_hw: Size) -> Placement:
    """The whole network input, whatever the picture's proportions."""
    del picture_hw  # the same for every picture; the signature is that of place_letterbox
    return Placement(network_hw, network_hw)


def letterbox(pixels: Pixels, network_hw: Size, *, out: Image | None = None) -> Image:
    """The picture in the middle of a grey canvas: (C, H, W) float32 in [0, 1], in `out` if given.

    Source: Darknet `letterbox_image`.
    """
    return render(pixels, place_letterbox(pixels.shape[:2], network_hw), out=out)


def stretch(pixels: Pixels, network_hw: Size, *, out: Image | None = None) -> Image:
    """The picture over the whole network input: (C, H, W) float32 in [0, 1]. Source: Darknet `resize_image`."""
    return render(pixels, place_stretch(pixels.shape[:2], network_hw), out=out)


def render(pixels: Pixels, placement: Placement, *, out: Image | None = None) -> Image:
    """The picture at its place on the canvas: (C, H, W) float32 in [0, 1], in `out` if given."""
    (net_h, net_w), (rows, columns), (top, left) = placement.network, placement.resized, placement.offset
    shape = pixels.shape[2], net_h, net_w
    if out is None:
        out = np.empty(shape, np.float32)
    elif out.shape != shape or out.dtype != np.float32:
        raise ValueError(f"render: found out {out.dtype} {out.shape}, expected float32 {shape}")
    bottom, right = top + rows, left + columns
    for margin in (out[:, :top], out[:, bottom:], out[:, top:bottom, :left], out[:, top:bottom, right:]):
        margin.fill(CANVAS)
    _resize_into(out[:, top:bottom, left:right], pixels)
    return out


def unletterbox(boxes_cxcywh: Array, placement: Placement) -> Array:
    """Boxes in fractions of the network input -> the same in fractions of the picture; cxcywh (..., 4), NumPy or torch.

    A stretched picture fills its input, so its boxes stay as they are. Source: Darknet `correct_region_boxes`.
    """
    xp = array_namespace(boxes_cxcywh)
    (net_h, net_w), (rows, columns) = placement.network, placement.resized
    # Darknet: correct_region_boxes halves the margin as a real number, where the picture was pasted at the whole one
    # below: half a pixel off when the margin is odd. Networks were trained and judged with it, so it stays.
    margin_x, margin_y = (net_w - columns) / 2 / net_w, (net_h - rows) / 2 / net_h
    share_x, share_y = columns / net_w, rows / net_h
    x, y, width, height = (boxes_cxcywh[..., i] for i in range(4))
    moved = ((x - margin_x) / share_x, (y - margin_y) / share_y, width / share_x, height / share_y)
    return xp.stack(moved, axis=-1)


def _resize_into(target: Image, pixels: Pixels) -> None:
    """Fills (C, h, w) with the picture, resized: bilinear, corners on corners. Source: Darknet `resize_image`."""
    (source_h, source_w), (height, width) = pixels.shape[:2], target.shape[1:]
    if (source_h, source_w) == (height, width):
        np.divide(pixels.transpose(2, 0, 1), np.float32(255), out=target)
        return
    y, x = _source_positions(source_h, height), _source_positions(source_w, width)
    x[-1] = source_w - 1  # Darknet: resize_image takes the last column as it is
    # Darknet: resize_image leaves the lower neighbour out of the last row. Where float32 rounds that row's position to
    # just below the last row of the picture, it comes out nearly black: one height in twenty, such as 432 rows to 352.
    last_row_weight = 1 - (y[-1] - np.floor(y[-1])) if source_h > 1 else 1
    y[-1] = np.floor(y[-1])

    columns, keep_columns, per_row = x, None, source_w
    if source_w >= COLUMNS_ALONE_FROM * width:
        (keep_columns, columns), per_row = _neighbours(x, source_w), 2 * width
    keep_some_rows = source_h >= ROWS_ALONE_FROM * height
    per_row *= 2 if keep_some_rows else source_h / height
    strip = max(1, int(STRIP_PIXELS / per_row))
    columns = np.ascontiguousarray(np.broadcast_to(columns, (min(strip, height), width)))
    for start in range(0, height, strip):
        rows = y[start : start + strip]
        if keep_some_rows:
            keep_rows, rows = _neighbours(rows, source_h)
            source = np.take(pixels, keep_rows, axis=0)
        else:
            first = int(rows[0])
            source = pixels[first : int(rows[-1]) + 2]
            rows = rows - np.float32(first)
        if keep_columns is not None:
            source = np.take(source, keep_columns, axis=1)
        sampled = _sample(source, rows, columns[: len(rows)]).transpose(2, 0, 1)  # (C or more, strip, w)
        np.divide(sampled[: len(target)], np.float32(255), out=target[:, start : start + strip])
    if last_row_weight != 1:
        target[:, -1] *= last_row_weight


def _source_positions(source: int, result: int) -> NDArray[np.float32]:
    """Where each row or column of the result lies in the source, rounded as Darknet's float arithmetic rounds it."""
    # Darknet: resize_image divides by zero for a result of one row; the first row is meant.
    scale = np.float32(source - 1) / np.float32(max(result - 1, 1))
    return np.arange(result, dtype=np.float32) * scale


def _neighbours(positions: NDArray[np.float32], source: int) -> tuple[NDArray[np.intp], NDArray[np.float32]]:
    """The source rows (columns) on either side of each position, in pairs, and the positions among these pairs.

    Exact where a picture shrinks to half or less: the new positions are no larger, so their fractions keep every bit.
    """
    first = positions.astype(np.intp)
    pairs = np.stack((first, np.minimum(first + 1, source - 1)), axis=1).ravel()
    moved = np.arange(0, 2 * len(positions), 2, dtype=np.float32)
    moved += positions - first.astype(np.float32)
    return pairs, moved


def _sample(pixels: Pixels, y: NDArray[np.float32], columns: NDArray[np.float32]) -> NDArray[Any]:
    """Bilinear samples in [0, 255] at each row of `y` (h,) and the columns (h, w) on it; (h, w, C) float32, or RGBA."""
    if pixels.shape[2] not in (1, 3, 4):  # there OpenCV 5 rounds the weights, off by five grey levels
        return np.dstack([_sample(pixels[..., k, None], y, columns) for k in range(pixels.shape[2])])
    source: NDArray[Any] = np.ascontiguousarray(pixels)
    if source.shape[2] == 3 and source.shape[0] * source.shape[1] <= RGBA_UP_TO * columns.size:
        source = cv2.cvtColor(source, cv2.COLOR_RGB2RGBA)
    rows = np.ascontiguousarray(np.broadcast_to(y[:, None], columns.shape))
    # OpenCV rounds a sample of a byte picture to a byte, one of a float picture not at all.
    sampled = cv2.remap(source.astype(np.float32), columns, rows, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return sampled.reshape(*columns.shape, -1)  # of one channel OpenCV leaves the last axis out
