"""Where the labels of boxes go, so that one hides little of the others and of what is in the boxes. Draws nothing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Rectangle: TypeAlias = tuple[int, int, int, int]  # left, top, right, bottom in pixels; the last two lie outside
Places: TypeAlias = NDArray[np.int64]  # (N, 4) such rectangles

TRIED_LABELS = 200  # so many look for a free place; a picture with more is covered anyway
LABEL_WEIGHT = 4  # a hidden label is worse than a hidden box
COVERED = 0.25  # of a box or label, from where on it counts as hidden
HIDDEN = 0.2  # of a label, from where on it is not written: a rest of it would be read as another

GAP = np.array((-1, -1, 1, 1))  # pixels round a label: without a line of picture two of one class would read as one


def place_labels(
    boxes: Sequence[Rectangle], sizes_wh: Sequence[tuple[int, int]], *, picture_hw: tuple[int, int], line: int
) -> list[Rectangle | None]:
    """A place for the label of every box, best first: at its box, inside the picture. None where there is no room.

    The first of the usual places that hides least is taken, and one on which much is hidden by better labels is none.
    """
    all_boxes = np.array(boxes, np.int64).reshape(-1, 4)
    taken = np.empty_like(all_boxes)  # with a gap round each
    count = 0
    chosen: list[Rectangle | None] = []
    for number, (box, size_wh) in enumerate(zip(boxes, sizes_wh, strict=True)):
        places = _candidates(box, size_wh, picture_hw=picture_hw, line=line)
        visible = all_boxes if number < TRIED_LABELS else all_boxes[:0]
        costs, hidden = _costs(places[:1], taken[:count], visible)
        if costs[0] and number < TRIED_LABELS:  # mostly the first place is a good one
            costs, hidden = _costs(places, taken[:count], visible)
        best = int(np.argmin(costs))  # the first of equals
        if hidden[best] > HIDDEN:
            chosen.append(None)
            continue
        chosen.append(places[best])
        taken[count] = places[best] + GAP
        count += 1
    return chosen


def _candidates(box: Rectangle, size_wh: tuple[int, int], *, picture_hw: tuple[int, int], line: int) -> list[Rectangle]:
    """Places for a label, the usual ones first: above the box, inside, below, beside it, further down in it."""
    (left, top, right, bottom), (w, h), (height, width) = box, size_wh, picture_hw
    grown = line // 2
    flush = left - grown, right + grown - w
    above, inside, below, lowest = top - grown - h, top + grown, bottom + grown, bottom - grown - h
    corners = [(max(0, min(x, width - w)), y) for x in flush for y in (above, inside, below, lowest)]
    beside = [x for x in (right + grown, left - grown - w) if 0 <= x <= width - w]
    corners += [(x, y) for x in beside for y in (top - grown, bottom + grown - h)]
    further = range(inside + h + 1, inside + max(1, (bottom - top) // (h + 1)) * (h + 1), h + 1)
    corners += [(corners[0][0], y) for y in further]
    places = [(x, y, x + w, y + h) for x, y in corners if 0 <= y <= height - h]
    if places:
        return places
    x, y = corners[0][0], max(0, min(above, height - h))
    return [(x, y, x + w, y + h)]


def _costs(
    candidates: Sequence[Rectangle], taken: Places, boxes: Places
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """How much each place hides, and the largest part of it that another label would hide."""
    places = np.array(candidates, np.int64)
    under = _shares(taken, places, of_places=True)
    hidden = _shares(boxes, places, of_places=False)
    hidden[hidden <= COVERED] = 0
    return LABEL_WEIGHT * under.sum(axis=1) + hidden.sum(axis=1), under.max(axis=1, initial=0)


def _shares(rectangles: Places, places: Places, *, of_places: bool) -> NDArray[np.float64]:
    """(places, rectangles): the share of a place that a rectangle covers, or of a rectangle that a place covers."""
    top_left = np.maximum(places[:, None, :2], rectangles[None, :, :2])
    bottom_right = np.minimum(places[:, None, 2:], rectangles[None, :, 2:])
    sides = np.maximum(bottom_right - top_left, 0)
    whole = places[:, None] if of_places else rectangles[None]
    whole_sides = whole[..., 2:] - whole[..., :2]
    return sides[..., 0] * sides[..., 1] / np.maximum(whole_sides[..., 0] * whole_sides[..., 1], 1)
