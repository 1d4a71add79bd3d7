"""The loss of the region layer as named terms. Its gradient on the raw head is what Darknet sends back, sign turned.

Darknet knows no loss: it writes deltas, scale * (target - output). Half of scale * difference², summed, is a term here;
those of the classes are the cross-entropies that have such deltas. Source: paper section 2; `forward_region_layer` of
Darknet's GPU program, whose CPU program never sends the deltas back.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from yolov2.boxes import iou, xyxy_from_cxcywh
from yolov2.hierarchy.wordtree import WordTree
from yolov2.model.class_loss import TreeTables, flat_term, pull, tree_term
from yolov2.network.layers import Region
from yolov2.region.assign import Assignment, Extra, assign, boxes_in, expanded, is_class_only, is_ignored
from yolov2.region.decode import LARGEST_BOX, LARGEST_EXPONENT

PRIOR_UNTIL = 12_800  # pictures seen, this batch included, up to which every box is pulled to its anchor
PRIOR_SCALE = 0.01


@dataclass(frozen=True, eq=False, slots=True)
class RegionLoss:
    """Terms summed over a batch. All are tensors without dimensions but for `stats`."""

    box: Tensor
    object: Tensor
    no_object: Tensor
    classes: Tensor
    prior: Tensor
    cost: Tensor  # what Darknet prints as a batch's loss: the sum of the squared deltas
    stats: Tensor  # (7,) sums over truths: IoU, class probability, objectness, IoU above one half, boxes, labels; and
    # the objectness of all boxes of pictures with boxes

    @property
    def total(self) -> Tensor:
        """What is trained on."""
        return self.box + self.object + self.no_object + self.classes + self.prior


class Head:
    """A region layer ready to be trained: with its tree and map as tensors on one device.

    class_weights: (C,) how much a truth of each class counts, an ordinary one being 1.

    Raises ValueError for a head with a mask, and for a tree that does not belong to it.
    """

    def __init__(
        self,
        layer: Region,
        *,
        tree: WordTree | None = None,
        map: tuple[int, ...] | None = None,
        class_weights: Sequence[float] | None = None,
    ) -> None:
        if layer.coords != 4:
            raise ValueError(f"region loss: found coords={layer.coords}, expected 4; masks are not trained")
        if (layer.tree is None) != (tree is None):
            raise ValueError("region loss: found a tree or none, expected one for a head with tree=, and for no other")
        self.layer = layer
        self.tree = None if tree is None else TreeTables(tree)
        self.map = None if map is None else torch.tensor(map)
        self.class_weights = None if class_weights is None else torch.tensor(class_weights)

    def to(self, device: torch.device) -> Head:
        """The same head with its tables on this device."""
        if self.tree is not None:
            self.tree.to(device)
        self.map = None if self.map is None else self.map.to(device)
        self.class_weights = None if self.class_weights is None else self.class_weights.to(device)
        return self


@dataclass(frozen=True, eq=False, slots=True)
class Boxes:
    """What a raw head says of every anchor in every cell; N counts anchor by anchor, row by row."""

    claims: Tensor  # (B, N, 5 + C) raw
    answers: Tensor  # (B, N, 4) x and y inside the cell, logarithms of width and height over the anchor's
    objectness: Tensor  # (B, N)
    xyxy: Tensor  # (B, N, 4) in fractions of the network input, without gradient


@dataclass(frozen=True, slots=True)
class LossRule:
    """Where the loss may differ from Darknet's."""

    extra: Extra | None = None  # further anchors that answer for a truth
    smoothing: float = 0.0  # of a class's certainty, given to all classes alike; under softmax alone
    prior_until: int = PRIOR_UNTIL
    faithful: bool = False  # a truth on the right edge is put where Darknet puts it


DARKNET = LossRule()


def region_loss(raw: Tensor, truths: Tensor, head: Head, *, seen: int, rule: LossRule = DARKNET) -> RegionLoss:
    """The loss of raw heads (B, A * (5 + C), H, W) against truths (B, T, 5), which region/assign.py describes.

    seen: pictures seen in the whole training, this batch included. Nothing here waits for the device.
    """
    layer, grid_hw = head.layer, (raw.shape[2], raw.shape[3])
    boxes = _boxes(raw, layer)
    shapes = None if layer.bias_match else _shapes(boxes, layer, grid_hw)
    found = assign(truths, layer, grid_hw, predicted_wh=shapes, extra=rule.extra, faithful=rule.faithful)
    given, truths = truths, truths if rule.extra is None else expanded(truths, layer.num_anchors)
    if head.class_weights is not None:
        classes = torch.where(found.is_box, truths[..., 4], 0).long()
        found = replace(found, weights=found.weights * head.class_weights[classes])
    overlaps = _overlaps(boxes, truths, found, layer, grid_hw)

    box, box_cost = _box_term(boxes, truths, found, layer)
    prior, prior_cost = _prior_term(boxes, given, found, is_on=seen < rule.prior_until)
    chosen = _labelled(boxes, given, head)  # (B, N): where a label of the whole picture is put
    goal = overlaps.clone() if layer.rescore else torch.ones_like(overlaps)
    object_term, object_cost = _object_term(boxes, goal, found, layer)
    no_object, no_object_cost = _no_object_term(boxes, given, found, layer, grid_hw, chosen=chosen)
    classes, class_cost, probabilities = _class_terms(boxes, truths, found, head, rule, chosen=chosen)

    labels = is_class_only(given).any(1)
    objectness = boxes.objectness.detach()
    counted = found.is_box.to(objectness.dtype)
    stats = torch.stack(
        (
            overlaps.sum(),
            probabilities.sum(),
            (objectness.gather(1, found.slots) * counted).sum(),
            (overlaps > 0.5).sum(),
            counted.sum(),
            labels.sum(),
            torch.where(labels[:, None], 0.0, objectness).sum(),
        )
    )
    cost = box_cost + prior_cost + object_cost + no_object_cost + class_cost
    return RegionLoss(box, object_term, no_object, classes, prior, cost.detach(), stats)


def _boxes(raw: Tensor, layer: Region) -> Boxes:
    batch, _, height, width = raw.shape
    anchors = layer.num_anchors
    cells = raw.float().reshape(batch, anchors, layer.entries, height * width).transpose(2, 3)  # (B, A, H * W, 5 + C)
    claims = cells.reshape(batch, anchors * height * width, layer.entries)
    answers = torch.cat((claims[..., :2].sigmoid(), claims[..., 2:4]), -1)
    if not layer.background:
        objectness = claims[..., 4].sigmoid()
    elif layer.softmax:
        objectness = claims[..., 4:].softmax(-1)[..., 0]
    else:
        objectness = claims[..., 4]
    places = torch.arange(height * width, device=raw.device)
    corners = torch.stack((places % width, places // width), -1).repeat(anchors, 1)  # (N, 2) as x, y
    priors = answers.new_tensor(layer.anchors).repeat_interleave(height * width, 0)  # (N, 2)
    xyxy = _xyxy(answers.detach(), corners, priors, (height, width))
    return Boxes(claims, answers, objectness, xyxy)


def _shapes(boxes: Boxes, layer: Region, grid_hw: tuple[int, int]) -> Tensor:
    """Predicted widths and heights in cells, (B, A, H * W, 2)."""
    sides = (boxes.xyxy[..., 2:] - boxes.xyxy[..., :2]) * boxes.xyxy.new_tensor(grid_hw[::-1])
    return sides.view(len(sides), layer.num_anchors, -1, 2)


def _overlaps(boxes: Boxes, truths: Tensor, found: Assignment, layer: Region, grid_hw: tuple[int, int]) -> Tensor:
    """By how much every truth (B, T) overlaps the box that answers for it."""
    answers = boxes.answers.detach().gather(1, found.slots[..., None].expand(-1, -1, 4))
    said = _xyxy(answers, found.corners, answers.new_tensor(layer.anchors)[found.anchors], grid_hw)
    return torch.where(found.is_box, iou(said, xyxy_from_cxcywh(truths[..., :4])), 0.0)


def _xyxy(answers: Tensor, corners: Tensor, anchors: Tensor, grid_hw: tuple[int, int]) -> Tensor:
    """Corners, in fractions of the network input, of boxes given by x, y inside a cell and logarithms over anchors."""
    grid_wh = answers.new_tensor(grid_hw[::-1])
    sides = answers[..., 2:].clamp_max(LARGEST_EXPONENT).exp() * anchors / grid_wh
    return xyxy_from_cxcywh(torch.cat(((answers[..., :2] + corners) / grid_wh, sides.clamp_max(LARGEST_BOX)), -1))


def _box_term(boxes: Boxes, truths: Tensor, found: Assignment, layer: Region) -> tuple[Tensor, Tensor]:
    """Where a truth lies: small ones count for more, by 2 - width * height. Source: Darknet `delta_region_box`."""
    answers = boxes.answers.gather(1, found.slots[..., None].expand(-1, -1, 4))
    scale = layer.coord_scale * (2 - truths[..., 2] * truths[..., 3])
    scale = torch.where(found.is_last, scale * found.weights, 0.0)[..., None]
    difference = found.targets - answers
    return (scale * difference.square()).sum() / 2, (scale * difference).square().sum()


def _prior_term(boxes: Boxes, truths: Tensor, found: Assignment, *, is_on: bool) -> tuple[Tensor, Tensor]:
    """In the beginning every other box is pulled to its anchor in the middle of its cell."""
    if not is_on:
        return boxes.answers.new_zeros(()), boxes.answers.new_zeros(())
    difference = boxes.answers.new_tensor((0.5, 0.5, 0, 0)) - boxes.answers
    is_free = ~_occupied(boxes, found) & ~is_class_only(truths).any(1)[:, None]
    difference = torch.where(is_free[..., None], difference, 0.0)
    return PRIOR_SCALE * difference.square().sum() / 2, (PRIOR_SCALE * difference).square().sum()


def _object_term(boxes: Boxes, goal: Tensor, found: Assignment, layer: Region) -> tuple[Tensor, Tensor]:
    """How sure the box of a truth is of itself: as much as it overlaps the truth, or wholly."""
    said = boxes.objectness.gather(1, found.slots)
    if layer.background:
        goal = torch.zeros_like(goal)
    delta, scale = torch.where(found.is_last, goal - said, 0.0), layer.object_scale * found.weights
    cost = (scale * delta).square().sum()
    if layer.background:
        values = boxes.claims[..., 4].gather(1, found.slots)
        return (scale * pull(values, delta)).sum(), cost
    return (scale * delta.square()).sum() / 2, cost


def _no_object_term(
    boxes: Boxes, truths: Tensor, found: Assignment, layer: Region, grid_hw: tuple[int, int], *, chosen: Tensor
) -> tuple[Tensor, Tensor]:
    """Every box that answers for no truth and overlaps none by more than `thresh` is to say that there is nothing."""
    corners = xyxy_from_cxcywh(truths[..., :4])
    overlaps = torch.where(boxes_in(truths)[:, None], iou(boxes.xyxy[:, :, None], corners[:, None]), 0.0)  # (B, N, T)
    is_free = (overlaps.amax(2) <= layer.thresh) & ~_occupied(boxes, found) & ~chosen & ~_maybe(truths, layer, grid_hw)
    goal = 1.0 if layer.background else 0.0
    delta = torch.where(is_free, goal - boxes.objectness, 0.0)
    cost = (layer.noobject_scale * delta).square().sum()
    if layer.background:
        return layer.noobject_scale * pull(boxes.claims[..., 4], delta).sum(), cost
    return layer.noobject_scale * delta.square().sum() / 2, cost


def _maybe(truths: Tensor, layer: Region, grid_hw: tuple[int, int]) -> Tensor:
    """Which boxes (B, N) are of a cell whose middle lies where there may be something."""
    height, width = grid_hw
    rows, columns = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    middles = torch.stack(((columns + 0.5) / width, (rows + 0.5) / height), -1).view(-1, 2).to(truths)  # (H * W, 2)
    corners = xyxy_from_cxcywh(truths[..., :4])[:, None]  # (B, 1, T, 4)
    inside = (middles[:, None] >= corners[..., :2]) & (middles[:, None] <= corners[..., 2:])
    return (inside.all(-1) & is_ignored(truths)[:, None]).any(2).repeat(1, layer.num_anchors)


def _class_terms(
    boxes: Boxes, truths: Tensor, found: Assignment, head: Head, rule: LossRule, *, chosen: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """The classes of all truths, and of the pictures labelled as a whole; (B, T) what they had said of these."""
    layer = head.layer
    rows = boxes.claims.gather(1, found.slots[..., None].expand(-1, -1, layer.entries))  # (B, T, 5 + C)
    classes = torch.where(found.is_box, truths[..., 4], 0).long()
    if head.map is not None:
        classes = head.map[classes]
    if head.tree is None:
        counts = found.is_last * found.weights
        term = flat_term(rows[..., 4:], classes, layer, counts=counts, shares=found.shares, smoothing=rule.smoothing)
        told = found.is_box if layer.softmax else found.is_first  # Darknet: a second class of a box is not averaged
        return term.loss, term.cost, torch.where(told, term.probabilities, 0.0)
    scale = layer.class_scale
    term = tree_term(rows[..., 5:], classes, head.tree, scale=scale, counts=found.weights, shares=found.shares)
    best = chosen.to(torch.uint8).argmax(1)  # (B,)
    labelled = boxes.claims.gather(1, best[:, None, None].expand(-1, 1, layer.entries))[..., 5:]  # (B, 1, C)
    is_labelled = is_class_only(truths).any(1)[:, None]
    counts = is_labelled.to(labelled.dtype)
    alone = tree_term(
        labelled, _label(truths)[:, None], head.tree, scale=scale, counts=counts, shares=is_labelled[..., None]
    )
    said = torch.cat(
        (torch.where(found.is_box, term.probabilities, 0.0), torch.where(is_labelled, alone.probabilities, 0.0)), 1
    )
    return term.loss + alone.loss, term.cost + alone.cost, said


def _labelled(boxes: Boxes, truths: Tensor, head: Head) -> Tensor:
    """Which box (B, N) a label of the whole picture is put on: the one surest of it, by objectness * P(label)."""
    batch, count = boxes.objectness.shape
    if head.tree is None:
        return torch.zeros((batch, count), dtype=torch.bool, device=truths.device)
    claims = boxes.claims.detach()[..., 5:]
    nodes = _label(truths)[:, None].expand(-1, count)
    best = (boxes.objectness.detach() * head.tree.path_probability(claims, nodes)).argmax(1)
    is_best = torch.arange(count, device=truths.device) == best[:, None]
    return is_best & is_class_only(truths).any(1)[:, None]


def _label(truths: Tensor) -> Tensor:
    """(B,) the first label of each picture as a whole; 0 where it has none. Darknet: such labels are not mapped."""
    is_label = is_class_only(truths)
    first = is_label.to(torch.uint8).argmax(1)
    classes = truths[..., 4].gather(1, first[:, None])[:, 0]
    return torch.where(is_label.any(1), classes, 0).long()


def _occupied(boxes: Boxes, found: Assignment) -> Tensor:
    """Which boxes (B, N) answer for a truth."""
    taken = torch.zeros_like(boxes.objectness, dtype=torch.int32)
    return taken.scatter_add(1, found.slots, found.is_box.to(torch.int32)) > 0
