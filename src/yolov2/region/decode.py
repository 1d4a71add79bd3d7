"""From the raw head to boxes, objectness and class probabilities. Which of them count as found is region/select.py's.

`activate`, `read` and `decode` take every anchor of every cell; `candidates` only those that claim to be an object.
"""

from dataclasses import dataclass

from array_api_compat import array_namespace

from yolov2.boxes import Array
from yolov2.hierarchy.wordtree import WordTree, absolute_probabilities, grouped_softmax, softmax, walked_softmax
from yolov2.network.layers import Region
from yolov2.network.spec import Arithmetic

LARGEST_BOX = 1e18  # times the network input: a broken head's boxes stay numbers in pixels of any picture, too
LARGEST_EXPONENT = 80.0  # exp(88.8) leaves float32


@dataclass(frozen=True, eq=False, slots=True)
class Prediction:
    """What the head says of every anchor in every cell."""

    boxes: Array  # (B, A, H, W, 4) cxcywh, fractions of the network input
    objectness: Array  # (B, A, H, W); 1 for a head with a background class
    class_probs: Array  # (B, A, H, W, C); of a tree: P(node given parent)


@dataclass(frozen=True, eq=False, slots=True)
class Candidates:
    """The boxes of a batch that claim to be an object, by picture, then anchor, row and column (Darknet's order)."""

    pictures: Array  # (N,) int64, index into the batch
    boxes: Array  # (N, 4) cxcywh, fractions of the network input
    objectness: Array  # (N,)
    class_probs: Array  # (N, C)


def activate(raw: Array, head: Region, *, tree: WordTree | None = None, arithmetic: Arithmetic = "gpu") -> Array:
    """The output of Darknet's region layer, in the layout of `raw`: (B, A * (coords + 1 + C), H, W).

    Width and height stay as they are. Under the "cpu" arithmetic so do the numbers beyond the four of a box.
    Raises ValueError if the channels do not fit `head`, or a tree is missing or of another size.
    Source: Darknet `forward_region_layer`.
    """
    xp = array_namespace(raw)
    cells = xp.moveaxis(_by_anchor(raw, head, tree), 2, -1)  # (B, A, H, W, coords + 1 + C)
    mask = cells[..., 4 : head.coords]
    objectness, class_probs = _probabilities(cells[..., head.coords :], head, tree)
    parts = (
        sigmoid(cells[..., 0:2]),
        cells[..., 2:4],
        mask if arithmetic == "cpu" else sigmoid(mask),
        objectness,
        class_probs,
    )
    return xp.reshape(xp.moveaxis(xp.concat(parts, axis=-1), -1, 2), raw.shape)


def read(activated: Array, head: Region) -> Prediction:
    """Boxes, objectness and class probabilities that stand in the region layer's output, or in an average of several.

    Source: paper section 2, "Direct location prediction"; Darknet `get_region_box`, `get_region_detections`.
    """
    xp = array_namespace(activated)
    cells = xp.moveaxis(_by_anchor(activated, head, None), 2, -1)  # (B, A, H, W, coords + 1 + C)
    height, width = activated.shape[2:]
    on = {"dtype": activated.dtype, "device": activated.device}
    columns, rows = xp.meshgrid(xp.arange(width, **on), xp.arange(height, **on), indexing="xy")
    anchors = xp.asarray(head.anchors, **on)[:, None, None, :]  # (A, 1, 1, 2)
    boxes = _boxes(cells[..., :4], xp.stack((columns, rows), axis=-1), anchors, xp.asarray((width, height), **on))
    objectness = cells[..., head.coords]
    if head.background:
        objectness = xp.ones_like(objectness)
    return Prediction(boxes, objectness, cells[..., head.coords + 1 :])


def decode(raw: Array, head: Region, *, tree: WordTree | None = None, arithmetic: Arithmetic = "gpu") -> Prediction:
    """Boxes, objectness and class probabilities of every anchor in every cell; raw (B, A * (coords + 1 + C), H, W)."""
    return read(activate(raw, head, tree=tree, arithmetic=arithmetic), head)


def candidates(
    raw: Array, head: Region, *, threshold: float, tree: WordTree | None = None, is_walked: bool = False
) -> Candidates:
    """The boxes whose objectness is above the threshold, as `decode` has them; classes are worked out for these alone.

    With a background class every box is one. What is no number is none.
    is_walked: of a tree, only the groups are worked out that the walk to the best node can come to; the others have 0.
    """
    xp = array_namespace(raw)
    cells = _by_anchor(raw, head, tree)  # (B, A, coords + 1 + C, H, W)
    batch, anchors, entries, height, width = cells.shape
    claims = cells[:, :, head.coords]  # (B, A, H, W)
    objectness = xp.ones_like(claims) if head.background else sigmoid(claims)
    passes = (objectness > threshold) & ~xp.any(xp.isnan(cells[:, :, :4]), axis=2)
    index = xp.nonzero(xp.reshape(passes, (-1,)))[0]

    plane, cell = index // (height * width), index % (height * width)  # plane: picture and anchor
    planes = xp.reshape(cells, (batch * anchors, entries, height * width))
    on = {"dtype": cells.dtype, "device": cells.device}
    if tree is not None and is_walked:

        def logits(rows: Array, nodes: Array) -> Array:
            return planes[plane[rows], head.coords + 1 + nodes, cell[rows]]

        found = planes[plane, :4, cell]
        class_probs = walked_softmax(logits, tree, rows=found[:, 0])
    else:
        found = planes[plane, :, cell]  # (N, coords + 1 + C)
        class_probs = _probabilities(found[:, head.coords :], head, tree)[1]
    places = xp.concat((sigmoid(found[:, 0:2]), found[:, 2:4]), axis=-1)  # (N, 4)
    corners = xp.astype(xp.stack((cell % width, cell // width), axis=-1), cells.dtype)  # (N, 2) as x, y
    priors = xp.asarray(head.anchors, **on)[plane % anchors]  # (N, 2)
    return Candidates(
        pictures=plane // anchors,
        boxes=_boxes(places, corners, priors, xp.asarray((width, height), **on)),
        objectness=xp.reshape(objectness, (-1,))[index],
        class_probs=class_probs,
    )


def mapped(found: Candidates, tree: WordTree, nodes: Array) -> Candidates:
    """The same boxes with the classes of a .map file: P(node) of its nodes (M,) in place of P(node | parent).

    Source: Darknet `get_region_detections`, which reads 200 nodes whatever the map's length.
    """
    xp = array_namespace(found.boxes)
    absolute = absolute_probabilities(found.class_probs, tree)
    chosen = xp.take(absolute, xp.asarray(nodes, device=absolute.device), axis=1)
    return Candidates(found.pictures, found.boxes, found.objectness, chosen)


def sigmoid(x: Array) -> Array:
    """1 / (1 + exp(-x)), in a form that can't overflow."""
    return (array_namespace(x).tanh(x / 2) + 1) / 2


def _by_anchor(raw: Array, head: Region, tree: WordTree | None) -> Array:
    """The head as (B, A, coords + 1 + C, H, W), in float32 at least. Raises ValueError if it is not this head's."""
    xp = array_namespace(raw)
    if raw.ndim != 4 or raw.shape[1] != head.channels:
        expected = f"(B, {head.channels} = {head.num_anchors} * ({head.coords} + 1 + {head.classes}), H, W)"
        raise ValueError(f"raw head: found {tuple(raw.shape)}, expected {expected}")
    if tree is not None and len(tree) != head.classes:
        raise ValueError(f"tree: found {len(tree)} nodes, expected {head.classes}, a node a class")
    if xp.finfo(raw.dtype).bits < 32:  # half precision tells a cell from its neighbour no longer
        raw = xp.astype(raw, xp.float32)
    batch, _, height, width = raw.shape
    return xp.reshape(raw, (batch, head.num_anchors, head.entries, height, width))


def _boxes(places: Array, corners: Array, anchors: Array, grid_wh: Array) -> Array:
    """cxcywh of (sigmoid(tx), sigmoid(ty), tw, th) in cells with these corners (x, y); (..., 4) -> (..., 4)."""
    xp = array_namespace(places)
    centre = (places[..., 0:2] + corners) / grid_wh
    size = xp.exp(xp.clip(places[..., 2:4], None, LARGEST_EXPONENT)) * anchors / grid_wh
    size = xp.clip(size, None, LARGEST_BOX)
    return xp.concat((centre, size), axis=-1)


def _probabilities(claims: Array, head: Region, tree: WordTree | None) -> tuple[Array, Array]:
    """Objectness (..., 1) and class probabilities (..., C) from logits in that order (..., 1 + C)."""
    if head.tree is not None and tree is None:
        raise ValueError("raw head: the classes are nodes of a tree, which is not given")
    if head.background and head.softmax and tree is None:
        together = softmax(claims)  # Darknet: forward_region_layer lets "nothing here" compete with the classes
        return together[..., :1], together[..., 1:]
    objectness, logits = claims[..., :1], claims[..., 1:]
    if not head.background:
        objectness = sigmoid(objectness)
    if tree is not None:
        return objectness, grouped_softmax(logits, tree)
    return objectness, softmax(logits) if head.softmax else sigmoid(logits)
