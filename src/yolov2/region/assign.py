"""Truths -> the cell and the anchor that answer for each, and what these should say. Losses are the business of model/.

Truths are padded: (B, T, 5) x, y, width, height as fractions of the network input, and the class; the list of a picture
ends at the first x of 0, as Darknet's does. A class below 0 marks a place where there may be something: no box answers
for it, and none there is told that there is nothing. NumPy and torch alike, without a look at any value.
"""

from dataclasses import dataclass

from array_api_compat import array_namespace

from yolov2.boxes import Array
from yolov2.network.layers import Region

CLASS_ONLY = 100_000  # an x and a y above it mark a label for the picture as a whole; the loader writes 999999
LEAST_SIDE = 1e-9  # of a truth, in cells, so that its logarithm is a number


@dataclass(frozen=True, slots=True)
class Extra:
    """Further anchors of a truth's cell that answer for it, too: those whose shape overlaps it by more than `iou`."""

    iou: float
    weight: float  # how much each counts, the best one being 1


@dataclass(frozen=True, eq=False, slots=True)
class Assignment:
    """For every truth (B, T) the place that answers for it; of padding place 0. With `extra` T counts these, too."""

    is_box: Array  # (B, T) bool: a truth that a box answers for, no padding
    anchors: Array  # (B, T) int64
    cells: Array  # (B, T) int64, row * W + column
    slots: Array  # (B, T) int64, anchor * H * W + cell
    is_last: Array  # (B, T) bool: the last box of its slot, which Darknet lets win
    is_first: Array  # (B, T) bool: the first box of its slot
    shares: Array  # (B, T, T) bool: two boxes with one slot, and every box with itself
    weights: Array  # (B, T) by how much each counts
    corners: Array  # (B, T, 2) x, y of the cell
    targets: Array  # (B, T, 4) x and y inside the cell, logarithms of width and height over the anchor's


def assign(
    truths: Array,
    head: Region,
    grid_hw: tuple[int, int],
    *,
    predicted_wh: Array | None = None,
    extra: Extra | None = None,
    faithful: bool = False,
) -> Assignment:
    """The cell that holds the centre of a truth, and there the anchor whose shape overlaps it most, both at one centre.

    predicted_wh: (B, A, H * W, 2) in cells; where given, the shapes predicted in that cell compete in place of the
    anchors (`bias_match=0`). Of equal overlaps the first anchor wins. A centre on the right edge belongs to the last
    cell; `faithful`: to one beyond, in whose place stands the first cell of the next row.
    extra: further anchors for each truth; the Assignment then has them before the truths themselves: see `expanded`.
    Source: Darknet `forward_region_layer`.
    """
    xp = array_namespace(truths)
    height, width = grid_hw
    is_box = boxes_in(truths)
    grid_wh = xp.asarray((width, height), dtype=truths.dtype, device=truths.device)
    kept = xp.where(is_box[..., None], truths[..., :4], xp.zeros_like(truths[..., :4]))
    centres, sides = kept[..., :2] * grid_wh, kept[..., 2:] * grid_wh  # in cells
    corners = xp.clip(xp.floor(centres), 0, None)
    last_column = width if faithful else width - 1  # Darknet: forward_region_layer leaves the row, but not the array
    columns = xp.clip(xp.astype(corners[..., 0], xp.int64), 0, last_column)
    rows = xp.clip(xp.astype(corners[..., 1], xp.int64), 0, height - 1)
    cells = xp.clip(rows * width + columns, 0, height * width - 1)

    anchors_wh = xp.asarray(head.anchors, dtype=truths.dtype, device=truths.device)  # (A, 2)
    shapes = anchors_wh[None, None]  # (1, 1, A, 2)
    if predicted_wh is not None:
        pictures = xp.arange(truths.shape[0], device=truths.device)[:, None]
        shapes = xp.permute_dims(predicted_wh, (0, 2, 1, 3))[pictures, cells]  # (B, T, A, 2)
    fits = _shape_iou(sides[..., None, :], shapes)  # (B, T, A)
    anchors = xp.argmax(fits, axis=-1)
    weights = xp.astype(is_box, truths.dtype)
    if extra is not None:
        number = xp.arange(head.num_anchors, device=truths.device)
        also = (fits > extra.iou) & (number != anchors[..., None]) & is_box[..., None]  # (B, T, A)
        anchors = xp.concat((_flat(xp.broadcast_to(number, also.shape)), anchors), axis=1)
        weights = xp.concat((_flat(also) * extra.weight, weights), axis=1)
        is_box = xp.concat((_flat(also), is_box), axis=1)
        cells, corners, centres, sides = (expanded(one, head.num_anchors) for one in (cells, corners, centres, sides))
        columns, rows = (expanded(one, head.num_anchors) for one in (columns, rows))
    slots = anchors * (height * width) + cells

    count = slots.shape[1]
    order = xp.arange(count, device=truths.device)
    shares = (slots[:, :, None] == slots[:, None, :]) & is_box[:, :, None] & is_box[:, None, :]  # (B, T, T)
    comes_later = order[None, :] > order[:, None]
    chosen_wh = anchors_wh[anchors]  # (B, T, 2)
    corners = xp.stack((xp.astype(columns, truths.dtype), xp.astype(rows, truths.dtype)), axis=-1)
    logarithms = xp.log(xp.clip(sides, LEAST_SIDE, None) / chosen_wh)
    return Assignment(
        is_box=is_box,
        anchors=anchors,
        cells=cells,
        slots=slots,
        is_last=is_box & ~xp.any(shares & comes_later, axis=2),
        is_first=is_box & ~xp.any(shares & comes_later.T, axis=2),
        shares=shares,
        weights=weights,
        corners=corners,
        targets=xp.concat((centres - corners, logarithms), axis=-1),
    )


def boxes_in(truths: Array) -> Array:
    """Which rows (B, T) are boxes: those before the first x of 0, of pictures that have no label as a whole."""
    xp = array_namespace(truths)
    return _listed(truths) & (truths[..., 4] >= 0) & ~xp.any(is_class_only(truths), axis=1)[:, None]


def is_ignored(truths: Array) -> Array:
    """Which rows (B, T) mark a place where there may be something."""
    return _listed(truths) & (truths[..., 4] < 0)


def expanded(values: Array, anchors: int) -> Array:
    """(B, T, ...) -> (B, T * anchors + T, ...): every row as often as there are anchors, then all rows once more."""
    xp = array_namespace(values)
    return xp.concat((xp.repeat(values, anchors, axis=1), values), axis=1)


def is_class_only(truths: Array) -> Array:
    """Which rows (B, T) label the picture as a whole; its boxes, if it has any, then count for nothing."""
    return _listed(truths) & (truths[..., 0] > CLASS_ONLY) & (truths[..., 1] > CLASS_ONLY)


def _listed(truths: Array) -> Array:
    """Which rows (B, T) come before the end of the list."""
    xp = array_namespace(truths)
    return xp.cumulative_sum(xp.astype(truths[..., 0] == 0, xp.int64), axis=1) == 0


def _flat(values: Array) -> Array:
    """(B, T, A) -> (B, T * A)"""
    return array_namespace(values).reshape(values, (values.shape[0], -1))


def _shape_iou(a: Array, b: Array) -> Array:
    """Intersection over union of boxes (..., 2) with one centre."""
    xp = array_namespace(a, b)
    overlap = xp.prod(xp.minimum(a, b), axis=-1)
    return overlap / (xp.prod(a, axis=-1) + xp.prod(b, axis=-1) - overlap)
