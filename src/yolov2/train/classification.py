"""What a classifier makes smaller in training: the cross-entropy of a picture's class, or of its path in a WordTree."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

import torch
import torch.nn.functional as F
from torch import Tensor

from yolov2.detect.fitting import check_tree
from yolov2.errors import TrainingError, printable
from yolov2.hierarchy.wordtree import WordTree
from yolov2.model.class_loss import TreeTables, path_deltas, path_losses
from yolov2.network.layers import Cost, Softmax
from yolov2.network.spec import Network
from yolov2.samples import UNKNOWN

SQUARED = ("sse", "masked", "smooth")  # costs that send truth - p back and show its square


class Classification:
    """Logits and classes (B,) in, the cross-entropy out. Of a picture of the class UNKNOWN nothing is learned.

    nodes: (classes,) the node of the tree that each class of the data is; without them the nodes are the classes.
    smoothing: the share of the certainty that goes to all classes alike, with a tree to all of a group. class_weights:
    how much a picture of each class counts. faithful: a `[cost]` after `[softmax]` counts as well, which doubles the
    gradient. Raises TrainingError for a network that is no classifier, or one that it can't train.
    Source: Darknet `forward_softmax_layer`, `forward_cost_layer`.
    """

    def __init__(
        self,
        network: Network,
        *,
        tree: WordTree | None = None,
        nodes: Sequence[int] | None = None,
        smoothing: float = 0.0,
        class_weights: Sequence[float] | None = None,
        faithful: bool = False,
    ) -> None:
        check_classifier(network)
        check_tree(network, tree, classes=network.num_classes)
        softmax = network.head if isinstance(network.head, Softmax) else Softmax()
        self.smoothing, self.temperature = smoothing, softmax.temperature
        self.tree = None if tree is None else TreeTables(tree)
        self.nodes = None if nodes is None else torch.tensor(nodes)
        self.class_weights = None if class_weights is None else torch.tensor(class_weights)
        self.has_softmax_loss, self.cost_scale = True, 0.0
        if faithful:
            self.cost_scale = _cost_scale(network)
            self.has_softmax_loss = not (softmax.noloss and self.cost_scale)

    def __call__(self, raw: Tensor, truths: Tensor, *, seen: int) -> dict[str, Tensor]:
        """Losses summed over the pictures of logits (B, C, 1, 1): `classes`, and `cost` where there is one."""
        del seen
        logits = raw.flatten(1).float() / self.temperature
        is_known = truths != UNKNOWN
        labels = torch.where(is_known, truths, 0)
        counts = is_known.to(logits.dtype)
        if self.class_weights is not None:
            counts = counts * self.class_weights[labels]
        targets = labels if self.nodes is None else self.nodes[labels]
        terms: dict[str, Tensor] = {}
        if self.has_softmax_loss:
            losses = (counts * self._losses(logits, targets, self.smoothing)).sum()
            # Darknet: backward_softmax_layer sends truth - p back as it is, whatever the temperature
            terms["classes"] = _shown(losses, pulling=self.temperature * losses)
        if self.cost_scale:
            losses = (counts * self._losses(logits, targets, 0.0)).sum()
            squares = (counts * self._deltas(logits.detach(), targets).square().sum(-1)).sum()
            # Darknet: forward_cost_layer shows the squares, backward_cost_layer sends the softmax's truth - p once more
            terms["cost"] = _shown(squares, pulling=self.cost_scale * self.temperature * losses)
        return terms

    def to(self, device: torch.device) -> Self:
        """The same with its tables on this device."""
        if self.tree is not None:
            self.tree.to(device)
        self.nodes = None if self.nodes is None else self.nodes.to(device)
        self.class_weights = None if self.class_weights is None else self.class_weights.to(device)
        return self

    def _losses(self, logits: Tensor, targets: Tensor, smoothing: float) -> Tensor:
        """(B,) cross-entropies."""
        if self.tree is not None:
            return path_losses(logits, targets, self.tree, smoothing=smoothing)
        return F.cross_entropy(logits, targets, reduction="none", label_smoothing=smoothing)

    def _deltas(self, logits: Tensor, targets: Tensor) -> Tensor:
        """(B, N) truth - p."""
        if self.tree is not None:
            return path_deltas(logits, targets, self.tree).flatten(1)
        return F.one_hot(targets, logits.shape[-1]) - logits.softmax(-1)


def nodes_of(names: Sequence[str], tree: WordTree) -> tuple[int, ...]:
    """The node of each class of a data set, by its name. Raises TrainingError for one that is none."""
    places = {name: node for node, name in reversed(list(enumerate(tree.names)))}
    for name in names:
        if name not in places:
            expected, repair = (
                f"one of the {len(tree):,} nodes of the tree",
                "rename it, or take another model",
            )
            raise TrainingError.at("classes", found=printable(name), expected=expected, repair=repair)
    return tuple(places[name] for name in names)


def check_classifier(network: Network) -> None:
    """Raises TrainingError for a network whose output is not one softmax over the classes of a picture."""
    name, shape, head = network.name or "network", network.raw_shape, network.head
    if network.region is not None:
        found, repair = "a detector", "give a data set with boxes, or another model, such as darknet19"
        raise TrainingError.at(name, found=found, expected="a classifier for pictures with a class", repair=repair)
    if (shape.height, shape.width) != (1, 1):
        found, repair = f"{shape.width} x {shape.height} answers at its end", "write [avgpool] before its end"
        raise TrainingError.at(name, found=found, expected="one, for the whole picture", repair=repair)
    if isinstance(head, Softmax) and head.groups != 1:
        found, repair = f"groups={head.groups} in [softmax]", "write groups=1"
        raise TrainingError.at(name, found=found, expected="one group, as a picture has one class", repair=repair)


def _cost_scale(network: Network) -> float:
    """How much the closing `[cost]` sections add to the gradient of the softmax; 0 without one."""
    scale = 0.0
    for layer in network.layers[network.head_index + 1 :]:
        assert isinstance(layer, Cost)
        if layer.kind not in SQUARED:
            found, repair = f"type={layer.kind} in [cost]", "remove [cost]: the softmax has a loss of its own"
            expected = f"one of {', '.join(SQUARED)}"
            raise TrainingError.at(network.name or "network", found=found, expected=expected, repair=repair)
        scale += layer.scale
    return scale


def _shown(value: Tensor, *, pulling: Tensor) -> Tensor:
    """This value, with the gradient of another."""
    return value.detach() + (pulling - pulling.detach())
