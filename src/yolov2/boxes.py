"""Box arithmetic on NumPy arrays and torch tensors alike. A function says its format, xyxy or cxcywh, of any unit."""

from typing import Any, TypeAlias

from array_api_compat import array_namespace

Array: TypeAlias = Any  # a NumPy array or a torch tensor: the array API has no type of its own


def xyxy_from_cxcywh(boxes: Array) -> Array:
    """Corners (x1, y1, x2, y2) of boxes given by centre and size; (..., 4) -> (..., 4)."""
    xp = array_namespace(boxes)
    centre, half = boxes[..., :2], boxes[..., 2:] / 2
    return xp.concat((centre - half, centre + half), axis=-1)


def cxcywh_from_xyxy(boxes: Array) -> Array:
    """Centre and size of boxes given by corners; (..., 4) -> (..., 4)."""
    xp = array_namespace(boxes)
    top_left, bottom_right = boxes[..., :2], boxes[..., 2:]
    return xp.concat(((top_left + bottom_right) / 2, bottom_right - top_left), axis=-1)


def iou(a: Array, b: Array) -> Array:
    """Intersection over union of boxes pair by pair, with broadcasting; xyxy (..., 4) and (..., 4) -> (...).

    Two boxes without area have 0 (Darknet's `box_iou` gives NaN there, which passes no threshold either).
    """
    xp = array_namespace(a, b)
    overlap_wh = xp.minimum(a[..., 2:], b[..., 2:]) - xp.maximum(a[..., :2], b[..., :2])
    overlap = xp.prod(xp.clip(overlap_wh, 0, None), axis=-1)
    union = area(a) + area(b) - overlap
    return overlap / xp.clip(union, xp.finfo(union.dtype).smallest_normal, None)


def pairwise_iou(a: Array, b: Array) -> Array:
    """Intersection over union of every box of `a` (N, 4) with every box of `b` (M, 4); xyxy -> (N, M)."""
    return iou(a[:, None, :], b[None, :, :])


def area(boxes: Array) -> Array:
    """Area of xyxy boxes, in the square of their unit; (..., 4) -> (...)."""
    return (boxes[..., 2] - boxes[..., 0]) * (boxes[..., 3] - boxes[..., 1])
