"""What classes are pulled to: one of them, several, or every node of a path down a WordTree; of boxes, and of pictures
as a whole.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from yolov2.hierarchy.wordtree import WordTree, paths_of
from yolov2.network.layers import Region


@dataclass(frozen=True, eq=False, slots=True)
class ClassTerm:
    """The loss of the classes of some boxes (B, T)."""

    loss: Tensor  # ()
    cost: Tensor  # (), the sum of Darknet's squared deltas
    probabilities: Tensor  # (B, T) P(class) of every truth; of a tree P(node)


class TreeTables:
    """A WordTree as tensors, for paths of many nodes at once. Rows of padding point one past the last node."""

    def __init__(self, tree: WordTree) -> None:
        nodes = len(tree)
        paths = torch.tensor(paths_of(np.arange(nodes), tree))  # (nodes, L), -1 before a root
        shift = (paths < 0).sum(1, keepdim=True)
        places = torch.arange(paths.shape[1]) + shift
        aligned = torch.cat((paths, torch.full_like(paths, -1)), 1).gather(1, places)  # -1 after the node itself
        self.paths = aligned  # (nodes, L) from a root down
        self.groups = torch.tensor(tree.groups)  # (nodes,)
        offsets, sizes = torch.tensor(tree.offsets), torch.tensor(tree.sizes)
        members = offsets[:, None] + torch.arange(int(sizes.max()))
        self.members = torch.where(members < (offsets + sizes)[:, None], members, nodes)  # (groups, S)

    def to(self, device: torch.device) -> TreeTables:
        """The same tables on this device."""
        for name, table in vars(self).items():
            setattr(self, name, table.to(device))
        return self

    def path_logits(self, logits: Tensor, nodes: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Along the paths of nodes (...) in logits (..., C): logits of their groups (..., L, S), which of these the
        path takes (..., L), and which levels there are (..., L)."""
        path = self.paths[nodes]
        is_real = path >= 0
        path = path.clamp_min(0)
        groups = self.groups[path]
        siblings = self.members[groups]  # (..., L, S)
        padded = torch.cat((logits, logits.new_full((*logits.shape[:-1], 1), -torch.inf)), -1)
        found = padded.gather(-1, siblings.flatten(-2)).view(siblings.shape)
        return found, path - self.members[groups][..., 0], is_real

    def path_probability(self, logits: Tensor, nodes: Tensor) -> Tensor:
        """P(node) of nodes (...) by logits (..., C)."""
        found, taken, is_real = self.path_logits(logits, nodes)
        steps = found.log_softmax(-1).gather(-1, taken[..., None])[..., 0]
        return torch.where(is_real, steps, 0.0).sum(-1).exp()


def flat_term(
    claims: Tensor, classes: Tensor, layer: Region, *, counts: Tensor, shares: Tensor, smoothing: float = 0.0
) -> ClassTerm:
    """Of a head without a tree; claims (B, T, 1 + C) are the objectness and the classes before any activation.

    counts: (B, T) how much each truth has a say. Under softmax a truth wants its class, less the share `smoothing` that
    goes to all alike; else boxes that share a slot (B, T, T) want all their classes.
    """
    logits = claims[..., 1:]
    wanted = torch.nn.functional.one_hot(classes, layer.classes).to(logits.dtype)
    if not layer.softmax:
        wanted = (shares.to(logits.dtype) @ wanted).clamp_max(1)
        probs = logits.sigmoid()
        losses = torch.nn.functional.binary_cross_entropy_with_logits(logits, wanted, reduction="none").sum(-1)
    elif layer.background:  # Darknet: the objectness takes part in the softmax, and learns from its own delta alone
        probs = claims.softmax(-1)[..., 1:]
        losses = pull(logits, wanted - probs).sum(-1)
    else:
        probs = logits.softmax(-1)
        wanted = wanted * (1 - smoothing) + smoothing / layer.classes
        losses = -(logits.log_softmax(-1) * wanted).sum(-1)
    deltas = (layer.class_scale * (wanted - probs)).detach()
    return ClassTerm(
        loss=layer.class_scale * (counts * losses).sum(),
        cost=(counts[..., None] * deltas).square().sum(),
        probabilities=probs.detach().gather(-1, classes[..., None])[..., 0],
    )


def tree_term(
    logits: Tensor, nodes: Tensor, tables: TreeTables, *, scale: float, counts: Tensor, shares: Tensor
) -> ClassTerm:
    """Of a head over a tree: every group on the path of a truth's node; none below it, none beside its path.

    counts: (B, T) how much each truth has a say. Of boxes that share a slot the last counts in the groups it passes.
    Source: paper section 4, "Hierarchical classification"; Darknet `delta_region_class`.
    """
    found, taken, is_real = tables.path_logits(logits, nodes)  # (B, T, L, S), (B, T, L), (B, T, L)
    groups = torch.where(is_real, tables.groups[tables.paths[nodes].clamp_min(0)], -1)  # (B, T, L)
    later = torch.ones(nodes.shape[1], nodes.shape[1], dtype=torch.bool, device=nodes.device).triu(1)
    meets = groups[:, :, None] == groups[:, None]  # (B, T, T, L): a path meets another where they are at one depth
    is_taken_over = (meets & (shares & later)[..., None]).any(2)
    weights = (is_real & ~is_taken_over) * counts[..., None] * scale  # (B, T, L)
    steps = found.log_softmax(-1).gather(-1, taken[..., None])[..., 0]
    probs = found.detach().softmax(-1)
    wanted = torch.nn.functional.one_hot(taken, found.shape[-1])
    return ClassTerm(
        loss=-(weights * torch.where(is_real, steps, 0.0)).sum(),
        cost=(weights[..., None] * (wanted - probs)).square().sum(),
        probabilities=torch.where(is_real, steps.detach(), 0.0).sum(-1).exp(),
    )


def path_losses(logits: Tensor, nodes: Tensor, tables: TreeTables, *, smoothing: float = 0.0) -> Tensor:
    """(B,) -log P(node) of nodes (B,) by logits (B, C): groups beside the path and below it have no say.

    smoothing: the share of the certainty that goes to all members of each group alike.
    Source: paper section 4, "Hierarchical classification"; Darknet `fill_hierarchy`, whose -1234 marks other groups.
    """
    found, taken, is_real = tables.path_logits(logits, nodes)  # (B, L, S), (B, L), (B, L)
    shares = found.log_softmax(-1)
    steps = shares.gather(-1, taken[..., None])[..., 0]
    if smoothing:
        is_member = torch.isfinite(found)
        mean = torch.where(is_member, shares, 0.0).sum(-1) / is_member.sum(-1)
        steps = (1 - smoothing) * steps + smoothing * mean
    return -torch.where(is_real, steps, 0.0).sum(-1)


def path_deltas(logits: Tensor, nodes: Tensor, tables: TreeTables) -> Tensor:
    """(B, L, S) truth - P(node given parent) in the groups on the paths of nodes (B,), 0 where there is no node."""
    found, taken, is_real = tables.path_logits(logits, nodes)
    wanted = torch.nn.functional.one_hot(taken, found.shape[-1])
    return torch.where(is_real[..., None], wanted - found.softmax(-1), 0.0)


def pull(values: Tensor, deltas: Tensor) -> Tensor:
    """Half the squared deltas, with the deltas themselves, sign turned, as the gradient on the values."""
    deltas = deltas.detach()
    toward = -deltas * values
    return (deltas.square() / 2 - toward).detach() + toward
