"""Large pictures in overlapping tiles: which parts are looked at, and what was found in them put together again."""

from __future__ import annotations

import math
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from yolov2.boxes import area, cxcywh_from_xyxy, xyxy_from_cxcywh
from yolov2.boxes import iou as boxes_iou
from yolov2.detect.settings import Rectangle
from yolov2.region.select import suppress

Floats: TypeAlias = NDArray[np.float32]
Indices: TypeAlias = NDArray[np.int64]

OVERLAP = 0.2  # of a tile's side: what its neighbour sees, too
NEAR = 0.02  # of a tile's side: a box that ends so close to a seam is taken as cut there
MAY_BE = (
    OVERLAP / 2
)  # likewise, if the neighbour found a part that it agrees with: nearer to its seam than to the other
COVERED = 0.5  # of a cut box: inside a whole one, it is a part of that


def tiles_of(whole: Rectangle, tile_hw: tuple[int, int], *, overlap: float = OVERLAP) -> tuple[Rectangle, ...]:
    """Tiles of one size that cover an area, row by row, evenly spread; neighbours share at least `overlap` of a side.

    A side of the area that is no longer than the tile's is not cut.
    """
    left, top, right, bottom = whole
    rows = _pieces(top, bottom, tile_hw[0], overlap)
    columns = _pieces(left, right, tile_hw[1], overlap)
    return tuple((x0, y0, x1, y1) for y0, y1 in rows for x0, x1 in columns)


def views_of(whole: Rectangle, tile_hw: tuple[int, int]) -> tuple[Rectangle, ...]:
    """What is looked at of an area: the whole of it, for what is larger than a tile, and, if several, its tiles."""
    tiles = tiles_of(whole, tile_hw)
    return (whole, *tiles) if len(tiles) > 1 else (whole,)


def merge(
    boxes: Floats,
    scores: Floats,
    class_ids: Indices,
    views: Indices,
    rectangles: tuple[Rectangle, ...],
    *,
    iou: float,
    spans: Indices | None = None,
) -> tuple[Indices, Floats]:
    """What several views of one picture found, each object once: (N,) rows that stay, best first, and their boxes.

    boxes: (N, 4) cxcywh in pixels of the picture; views: (N,) which of the rectangles, the whole area first.
    spans: (N, 2) of the nodes of a WordTree, of which one below another is of one kind with it; else classes are equal.
    Of boxes that no seam cuts the best stays, as in `suppress`. One that a seam cuts falls to a whole one that covers
    most of it. What is left of these, and of the whole ones the best that ends near its seam and agrees with one, are
    parts of objects larger than the overlap: two are one object if they agree
    (by `iou`) in the strip that both views see; it gets the box around all its parts, and the best of their scores.
    Then the best stays once more.
    """
    order = np.argsort(-scores, kind="stable")
    kinds = np.stack((class_ids, class_ids), axis=1) if spans is None else spans
    boxes, kinds, views = boxes[order], kinds[order], views[order]
    corners: Floats = xyxy_from_cxcywh(boxes)
    seen = np.array(rectangles, np.float32)[views]  # (N, 4)
    frame = np.array(rectangles[0], np.float32)
    is_cut, may_be_cut = (_cut(corners, seen, frame, near=near) for near in (NEAR, MAY_BE))
    whole = np.flatnonzero(~is_cut)
    whole = whole[_best(boxes[whole], kinds[whole], iou=iou)]
    pieces = (row for row in np.flatnonzero(is_cut).tolist() if not _is_part(row, whole, corners, kinds))
    cut = np.fromiter(pieces, np.int64)
    doubtful = whole[may_be_cut[whole]]
    halves = [doubtful[_agreeing(row, doubtful, corners, seen, kinds, iou=iou)][:1] for row in cut.tolist()]
    if halves:
        cut, whole = np.union1d(cut, np.concatenate(halves)), np.setdiff1d(whole, np.concatenate(halves))
    firsts = _objects(corners[cut], seen[cut], kinds[cut], iou=iou)
    joined = boxes.astype(np.float32)
    for first in np.unique(firsts).tolist():
        parts = corners[cut[firsts == first]]
        around = np.concatenate((parts[:, :2].min(axis=0), parts[:, 2:].max(axis=0)))
        joined[cut[first]] = cxcywh_from_xyxy(around)
    staying = np.sort(np.concatenate((whole, cut[np.unique(firsts)])))
    staying = staying[_best(joined[staying], kinds[staying], iou=iou)]
    return order[staying], joined[staying]


def _best(boxes: Floats, kinds: Indices, *, iou: float) -> Indices:
    """Which boxes (N, 4), the best first, no better one of their kind covers."""
    is_flat = bool((kinds[:, 0] == kinds[:, 1]).all())
    if is_flat:
        return suppress(boxes, kinds[:, 0], iou=iou)
    return suppress(boxes, np.zeros(len(boxes), np.int64), iou=iou, spans=kinds)


def _alike(kinds: Indices, kind: Indices) -> NDArray[np.bool_]:
    """Which of these (N, 2) are of one kind with this: the same, or one above the other in a tree."""
    below = (kinds[:, 0] >= kind[0]) & (kinds[:, 1] <= kind[1])
    return below | ((kinds[:, 0] <= kind[0]) & (kinds[:, 1] >= kind[1]))


def _pieces(start: int, end: int, length: int, overlap: float) -> list[tuple[int, int]]:
    """One side cut into pieces of one length."""
    if end - start <= length:
        return [(start, end)]
    step = length * (1 - overlap)
    count = math.ceil((end - start - length) / step) + 1
    firsts = np.rint(np.linspace(start, end - length, count)).astype(int).tolist()
    return [(first, first + length) for first in firsts]


def _cut(corners: Floats, seen: Floats, whole: Floats, *, near: float) -> NDArray[np.bool_]:
    """Which boxes (N,) end at a seam, or so near to it: a border of their view inside the area."""
    margin = near * np.tile(seen[:, 2:] - seen[:, :2], 2)  # (N, 4), of the sides of the view
    at_low = (corners[:, :2] <= seen[:, :2] + margin[:, :2]) & (seen[:, :2] > whole[:2])
    at_high = (corners[:, 2:] >= seen[:, 2:] - margin[:, 2:]) & (seen[:, 2:] < whole[2:])
    return np.any(at_low | at_high, axis=1)


def _is_part(row: int, whole: Indices, corners: Floats, kinds: Indices) -> bool:
    """Whether a whole box of its kind covers most of this one."""
    others, own = corners[whole[_alike(kinds[whole], kinds[row])]], corners[row]
    return bool(np.any(area(_clip(others, own)) > COVERED * area(own)))


def _objects(corners: Floats, seen: Floats, kinds: Indices, *, iou: float) -> Indices:
    """For each cut box (N,) the first one of its object: parts that agree where both views see, link by link."""
    firsts = np.arange(len(corners))
    for row in range(len(corners)):
        later = np.arange(row, len(corners))  # an earlier one has looked at this one already
        linked = np.unique(np.append(firsts[later[_agreeing(row, later, corners, seen, kinds, iou=iou)]], firsts[row]))
        if len(linked) > 1:
            firsts[np.isin(firsts, linked)] = linked[0]
    return firsts


def _agreeing(
    row: int, others: Indices, corners: Floats, seen: Floats, kinds: Indices, *, iou: float
) -> NDArray[np.bool_]:
    """Which of the others, of its kind and of other views, agree with this box in the strip that both views see."""
    strips = _clip(seen[others], seen[row])
    agree = boxes_iou(_clip(corners[row], strips), _clip(corners[others], strips)) > iou
    return agree & np.any(seen[others] != seen[row], axis=1) & _alike(kinds[others], kinds[row])


def _clip(corners: Floats, to: Floats) -> Floats:
    """Boxes cut at the borders of others, xyxy (..., 4); without area where they do not meet."""
    low = np.maximum(corners[..., :2], to[..., :2])
    return np.concatenate((low, np.maximum(np.minimum(corners[..., 2:], to[..., 2:]), low)), axis=-1)
