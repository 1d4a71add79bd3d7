"""Threshold and non-maximum suppression: which candidates count as found, and as what. The only NMS of the house.

It is greedy, for all pictures and classes at once, and the same on NumPy arrays and torch tensors, ties included.
"""

from dataclasses import dataclass
from typing import Literal, TypeAlias

from array_api_compat import array_namespace

from yolov2.boxes import Array, xyxy_from_cxcywh
from yolov2.hierarchy.wordtree import WordTree, path_probability, spans_of, top_prediction
from yolov2.region.decode import Candidates

Nms: TypeAlias = Literal["class", "objectness", "agnostic", "none"]

PAIRS_AT_ONCE = 1 << 17  # three milliseconds of work; beyond, rounds are quicker where boxes cover each other
LARGEST_SIDE = 1e18  # of a box in an overlap: the sum of two areas stays in float32


@dataclass(frozen=True, eq=False, slots=True)
class Selection:
    """What was found in a batch, by picture and then best first. A class of a box is a row of its own."""

    pictures: Array  # (N,) int64, index into the batch
    boxes: Array  # (N, 4) cxcywh, fractions of the network input
    objectness: Array  # (N,)
    class_ids: Array  # (N,) int64
    scores: Array  # (N,) objectness * class probability
    candidates: Array  # (N,) int64, which candidate the row came from


def select(found: Candidates, *, conf: float | Array, iou: float, nms: Nms = "class") -> Selection:
    """The classes of boxes whose score is above `conf` and that no better box covers by more than `iou`.

    conf: one number, or one a class (C,); infinity leaves a class out.
    nms: "class": every class by itself; a box keeps each class in which it wins. Darknet's `do_nms_sort`.
         "objectness": a box covered by one of higher objectness is gone, others keep all their classes: `do_nms_obj`.
         "agnostic": a box stands for its best class alone, and boxes of all classes compete.
         "none": all of them.
    Of equal scores the earlier candidate wins.
    """
    xp = array_namespace(found.boxes)
    scores = found.objectness[:, None] * found.class_probs  # (N, C)
    passes = scores > _like(conf, scores)
    if nms == "objectness":
        passes = passes & _is_uncovered(found, iou)[:, None]
    if nms == "agnostic":
        best = xp.argmax(xp.where(passes, scores, xp.zeros_like(scores)), axis=1)
        index = xp.nonzero(xp.any(passes, axis=1))[0]
        class_ids = best[index]
    else:
        index, class_ids = _nonzero(passes)
    return _select(found, index, class_ids, scores[index, class_ids], iou=iou, nms=nms)


def select_nodes(
    found: Candidates,
    tree: WordTree,
    *,
    conf: float | Array,
    iou: float,
    nms: Nms = "class",
    tree_threshold: float = 0.5,
    depth: int | None = None,
    faithful: bool = False,
) -> Selection:
    """The same for a head whose classes are a tree: every box has one class, the deepest node still likely enough.

    Its score is objectness * P(node), which has to be above `conf`.
    nms "class": boxes compete if one's node is the other's or lies above it: a dog and the canine it is are one.
    `faithful`: as Darknet has it, by its walk (see `top_prediction`), with the objectness alone as the score, and boxes
    that compete only if they stop at one and the same node.
    """
    xp = array_namespace(found.boxes)
    nodes = top_prediction(found.class_probs, tree, threshold=tree_threshold, depth=depth, faithful=faithful)
    scores = found.objectness  # Darknet: get_region_detections
    if not faithful:
        scores = scores * path_probability(found.class_probs, nodes, tree)
    limits = _like(conf, scores)
    passes = scores > (limits[nodes] if limits.ndim else limits)
    if nms == "objectness":
        passes = passes & _is_uncovered(found, iou)
    index = xp.nonzero(passes)[0]
    nodes = nodes[index]
    spans = None if faithful or nms != "class" else spans_of(nodes, tree)
    return _select(found, index, nodes, scores[index], iou=iou, nms=nms, spans=spans)


def suppress(
    boxes: Array, segments: Array, *, iou: float, spans: Array | None = None, pairs_at_once: int = PAIRS_AT_ONCE
) -> Array:
    """Positions of the boxes that stay, ascending. A box falls to one before it in its segment that covers it by > iou.

    boxes: (N, 4) cxcywh, best first; segments: (N,) int64, what competes with what, a class of a picture, say.
    spans: (N, 2) of the nodes of a WordTree; then boxes compete only where one's node lies above the other's or is it.
    Source: Darknet `do_nms_sort`, `box_iou`.
    """
    xp = array_namespace(boxes)
    order = xp.argsort(segments, stable=True)
    segments = xp.take(segments, order)
    columns = _columns(xp.take(boxes, order, axis=0))  # (5, N)
    if spans is not None:
        places = xp.astype(xp.take(spans, order, axis=0), columns.dtype)  # whole numbers below 2^24: exact in float32
        columns = xp.concat((columns, places.T))  # (7, N)
    staying: list[Array] = []
    while True:
        positions, firsts = _firsts(segments)
        earlier = positions - firsts  # (N,) how many of its segment come before
        if int(xp.sum(earlier)) <= pairs_at_once:
            break
        # Many boxes: a round in which the first of every segment stays, and all that it covers fall.
        covered = _covers(xp.take(columns, firsts, axis=1), columns, iou)
        staying.append(order[earlier == 0])
        left = xp.nonzero(~((earlier == 0) | covered))[0]
        order, segments, columns = xp.take(order, left), xp.take(segments, left), xp.take(columns, left, axis=1)
    staying.append(order[_greedy(columns, firsts, earlier, iou)])
    return xp.sort(xp.concat(staying))


def _firsts(segments: Array) -> tuple[Array, Array]:
    """Every row's position, and that of the first row of its segment; both (N,), for sorted segments."""
    xp = array_namespace(segments)
    positions = xp.arange(segments.shape[0], device=segments.device)
    starts = xp.concat((xp.ones_like(segments[:1], dtype=xp.bool), segments[1:] != segments[:-1]))
    return positions, xp.take(xp.nonzero(starts)[0], xp.cumulative_sum(xp.astype(starts, xp.int64)) - 1)


def _greedy(columns: Array, firsts: Array, earlier: Array, iou: float) -> Array:
    """Which rows stay (N,), from all pairs of a segment at once; arguments as in `suppress`."""
    xp = array_namespace(columns)
    positions = xp.arange(firsts.shape[0], device=firsts.device)
    under = xp.repeat(positions, earlier)  # (pairs,) every row as often as rows of its segment come before it
    before = xp.cumulative_sum(earlier) - earlier  # (N,) pairs of the rows before this one
    over = xp.arange(under.shape[0], device=firsts.device) - xp.take(before - firsts, under)  # those rows in turn
    covers = xp.nonzero(_covers(xp.take(columns, over, axis=1), xp.take(columns, under, axis=1), iou))[0]
    over, under = xp.take(over, covers), xp.take(under, covers)
    stays = xp.ones_like(firsts, dtype=xp.bool)
    while True:  # a row falls if one that stays covers it; settled from the first row on, one link of a chain a step
        before, stays = stays, xp.ones_like(stays)
        stays[under[before[over]]] = False
        if bool(xp.all(stays == before)):
            return stays


def _is_uncovered(found: Candidates, iou: float) -> Array:
    """Which candidates (N,) stay where those of higher objectness take what they cover, whatever the class."""
    xp = array_namespace(found.boxes)
    best_first = xp.argsort(-found.objectness, stable=True)
    staying = suppress(found.boxes[best_first], found.pictures[best_first], iou=iou)
    is_uncovered = xp.zeros_like(best_first, dtype=xp.bool)
    is_uncovered[best_first[staying]] = True
    return is_uncovered


def _select(
    found: Candidates,
    index: Array,
    class_ids: Array,
    scores: Array,
    *,
    iou: float,
    nms: Nms,
    spans: Array | None = None,
) -> Selection:
    """Rows (candidate, class, score), in order of the candidates, best first and without what NMS takes."""
    xp = array_namespace(scores)
    best_first = xp.argsort(-scores, stable=True)
    index, class_ids, scores = index[best_first], class_ids[best_first], scores[best_first]
    pictures, boxes = found.pictures[index], found.boxes[index]
    spans = None if spans is None else spans[best_first]
    if nms in ("class", "agnostic"):
        is_by_class = nms == "class" and spans is None
        segments = pictures * found.class_probs.shape[1] + class_ids if is_by_class else pictures
        staying = suppress(boxes, segments, iou=iou, spans=spans)
        staying = staying[xp.argsort(pictures[staying], stable=True)]
    else:
        staying = xp.argsort(pictures, stable=True)
    index = index[staying]
    return Selection(
        pictures[staying], boxes[staying], found.objectness[index], class_ids[staying], scores[staying], index
    )


def _like(conf: float | Array, scores: Array) -> Array:
    return array_namespace(scores).asarray(conf, dtype=scores.dtype, device=scores.device)


def _nonzero(mask: Array) -> tuple[Array, Array]:
    """Rows and columns of what is true in (N, M), row by row; as `xp.nonzero`, but quicker."""
    xp = array_namespace(mask)
    flat = xp.nonzero(xp.reshape(mask, (-1,)))[0]
    return flat // mask.shape[1], flat % mask.shape[1]


def _columns(boxes: Array) -> Array:
    """Left, top, right, bottom and area, each a row of its own: (N, 4) cxcywh -> (5, N)."""
    xp = array_namespace(boxes)
    boxes = xp.clip(boxes, -LARGEST_SIDE, LARGEST_SIDE)
    corners = xyxy_from_cxcywh(boxes)
    area = boxes[:, 2] * boxes[:, 3]  # Darknet: box_union takes the area from the sides, not from the corners
    return xp.stack((*(corners[:, side] for side in range(4)), area))


def _covers(a: Array, b: Array, iou: float) -> Array:
    """Whether `a` takes `b`, pair by pair, as columns; a box that is no number covers nothing."""
    covers = _iou(a, b) > iou
    if a.shape[0] == 5:
        return covers
    return covers & (((a[5] <= b[5]) & (b[6] <= a[6])) | ((b[5] <= a[5]) & (a[6] <= b[6])))


def _iou(a: Array, b: Array) -> Array:
    """Intersection over union, pair by pair, of (5, N) `_columns`: `boxes.iou` where a coordinate lies in one piece."""
    xp = array_namespace(a)
    overlap_wh = xp.clip(xp.minimum(a[2:4], b[2:4]) - xp.maximum(a[0:2], b[0:2]), 0, None)
    overlap = overlap_wh[0] * overlap_wh[1]
    union = a[4] + b[4] - overlap
    return overlap / xp.clip(union, xp.finfo(union.dtype).smallest_normal, None)
