"""The WordTree: sibling groups, a softmax in each, probabilities along a path, and the walk down from the roots.

Conditional is P(node given parent), absolute is P(node). Arrays end in the axis of the nodes, NumPy and torch alike.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from array_api_compat import array_namespace
from numpy.typing import NDArray

from yolov2.boxes import Array
from yolov2.darknet.tree import read_tree

Indices = NDArray[np.int64]

FAR = 1e30  # logits are cut here, far from any real one, so that the difference of two is a number


class Level(NamedTuple):
    """The nodes of one depth below the roots, and their parents beside them."""

    nodes: Indices
    parents: Indices


class Bucket(NamedTuple):
    """All groups of one size: their nodes lie in `WordTree.order` from `start` to before `stop`."""

    size: int
    start: int
    stop: int


@dataclass(frozen=True, eq=False, slots=True)
class WordTree:
    """A tree of classes. A run of nodes with one parent is a group, whose members exclude each other.

    Raises ValueError if the parents make no tree: `darknet.tree.read_tree` refuses such a file by its line.
    Source: paper section 4, "Hierarchical classification"; Darknet `read_tree`.
    """

    names: tuple[str, ...]
    parents: Indices  # (nodes,) an earlier node, -1 for a root
    leaves: tuple[int, ...] | None = field(default=None, repr=False)  # what counts as a leaf; None: what has no child
    is_leaf: NDArray[np.bool_] = field(init=False, repr=False)  # (nodes,)
    groups: Indices = field(init=False, repr=False)  # (nodes,) the group of every node; group 0 are the roots
    offsets: Indices = field(init=False, repr=False)  # (groups,) first node of every group
    sizes: Indices = field(init=False, repr=False)  # (groups,) how many nodes it has
    children: Indices = field(init=False, repr=False)  # (nodes,) the group below every node, -1 if there is none
    depths: Indices = field(init=False, repr=False)  # (nodes,) 0 for a root
    spans: Indices = field(init=False, repr=False)  # (nodes, 2) the first and last place of each in a walk depth first
    levels: tuple[Level, ...] = field(init=False, repr=False)  # by depth, from 1: a parent comes before its children
    buckets: tuple[Bucket, ...] = field(init=False, repr=False)
    order: Indices = field(init=False, repr=False)  # (nodes,) the nodes bucket by bucket, first members first
    rank: Indices = field(init=False, repr=False)  # (nodes,) where in `order` every node is

    def __post_init__(self) -> None:
        parents = np.array(self.parents, np.int64)
        nodes = len(self.names)
        if parents.shape != (nodes,) or nodes == 0 or parents.min() < -1 or np.any(parents >= np.arange(nodes)):
            raise ValueError("WordTree: every name needs a parent, which comes before it or is -1")
        is_first = np.append(True, parents[1:] != parents[:-1])
        offsets = np.flatnonzero(is_first)
        if len(np.unique(parents[offsets])) < len(offsets):
            raise ValueError("WordTree: the children of a node must stand together")
        groups = np.cumsum(is_first) - 1
        sizes = np.diff(offsets, append=nodes)
        children = np.full(nodes, -1)
        children[parents[offsets[1:]]] = np.arange(1, len(offsets))
        depths = _depths(parents)
        buckets, order = _buckets(offsets, sizes)
        rank = np.empty(nodes, np.int64)
        rank[order] = np.arange(nodes)
        is_leaf = children < 0 if self.leaves is None else np.isin(np.arange(nodes), self.leaves)
        for name, array in {
            "parents": parents,
            "is_leaf": is_leaf,
            "groups": groups,
            "offsets": offsets,
            "sizes": sizes,
            "children": children,
            "depths": depths,
            "spans": _spans(parents, depths),
            "order": order,
            "rank": rank,
        }.items():
            array.flags.writeable = False
            object.__setattr__(self, name, array)
        object.__setattr__(self, "levels", _levels(parents, depths))
        object.__setattr__(self, "buckets", buckets)

    def __len__(self) -> int:
        return len(self.names)

    @classmethod
    def read(cls, path: str | Path) -> WordTree:
        """The tree of a Darknet .tree file. Raises TreeError."""
        names, parents = read_tree(Path(path))
        return cls(names, np.array(parents, np.int64))

    def path(self, node: int) -> tuple[int, ...]:
        """The nodes from a root down to this one."""
        path = [node]
        while (parent := int(self.parents[path[-1]])) >= 0:
            path.append(parent)
        return tuple(reversed(path))


def paths_of(nodes: Indices, tree: WordTree) -> Indices:
    """(N, levels) the nodes from a root down to each of these (N,), with -1 in front where a path is shorter."""
    steps = [nodes]
    for _ in tree.levels:
        steps.append(np.where(steps[-1] >= 0, tree.parents[steps[-1]], -1))
    return np.stack(steps[::-1], axis=1)


def change_leaves(tree: WordTree, names: Iterable[str]) -> WordTree:
    """The same tree, in which the nodes of these names count as leaves and no others.

    Source: Darknet `change_leaves`.
    """
    chosen = frozenset(names)
    return WordTree(tree.names, tree.parents, tuple(node for node, name in enumerate(tree.names) if name in chosen))


def softmax(logits: Array, *, axis: int = -1) -> Array:
    """exp(logits), scaled to sum to one along the axis; infinite logits give no NaN."""
    return _shares(array_namespace(logits).clip(logits, -FAR, FAR), axis)


def grouped_softmax(logits: Array, tree: WordTree) -> Array:
    """P(node given parent): a softmax inside every group; (..., nodes) -> (..., nodes).

    One step for all groups of one size: 43 of them for the 1,846 groups of YOLO9000.
    Source: paper section 4; Darknet `softmax_tree`.
    """
    xp = array_namespace(logits)
    # Nodes first, and in a bucket members before groups: so sums run along memory, many times as fast as along groups.
    nodes_first = xp.moveaxis(xp.clip(logits, -FAR, FAR), -1, 0)  # (nodes, ...)
    ordered = xp.take(xp.reshape(nodes_first, (len(tree), -1)), _beside(tree.order, logits), axis=0)
    parts: list[Array] = []
    for bucket in tree.buckets:
        part = ordered[bucket.start : bucket.stop]
        parts.append(xp.reshape(_shares(xp.reshape(part, (bucket.size, -1)), 0), part.shape))
    conditional = xp.take(xp.concat(parts, axis=0), _beside(tree.rank, logits), axis=0)
    return xp.moveaxis(xp.reshape(conditional, nodes_first.shape), 0, -1)


def walked_softmax(read: Callable[[Array, Array], Array], tree: WordTree, *, rows: Array) -> Array:
    """P(node given parent) in the groups that `top_prediction` can come to, 0 in all others; (N, nodes).

    A walk always goes to the best child: of the 1,846 groups of YOLO9000 it meets a dozen, and no other is worked out.
    read: rows (M, 1) and nodes (M, K) -> their logits (M, K). rows: (N,) of any float type, for library and device.
    """
    xp = array_namespace(rows)
    on = {"device": rows.device}
    count, last = rows.shape[0], len(tree) - 1
    offsets, sizes, children = (_beside(array, rows) for array in (tree.offsets, tree.sizes, tree.children))
    conditional = xp.zeros((count, len(tree)), dtype=rows.dtype, **on)
    walking = xp.arange(count, **on)
    groups = xp.zeros(count, dtype=xp.int64, **on)
    while walking.shape[0]:
        members = xp.arange(int(xp.max(sizes[groups])), **on)
        is_member = members < sizes[groups][:, None]  # (walking, largest of these groups)
        nodes = xp.clip(offsets[groups][:, None] + members, None, last)
        logits = xp.clip(read(walking[:, None], nodes), -FAR, FAR)
        shares = _shares(xp.where(is_member, logits, -xp.inf), -1)
        row, member = xp.nonzero(is_member)
        conditional[walking[row], nodes[row, member]] = shares[row, member]
        below = children[offsets[groups] + xp.argmax(xp.where(is_member, shares, -1.0), axis=1)]
        walking, groups = walking[below >= 0], below[below >= 0]
    return conditional


def absolute_probabilities(conditional: Array, tree: WordTree) -> Array:
    """P(node): the product of P(node given parent) along its path; (..., nodes) -> (..., nodes).

    Source: paper section 4, "Hierarchical classification"; Darknet `hierarchy_predictions`, which overwrites its input.
    """
    absolute = conditional + 0  # a copy, in NumPy and torch alike, that keeps the gradient
    for level in tree.levels:  # one step per depth below the roots, so a parent is final before its children
        absolute[..., _beside(level.nodes, absolute)] *= absolute[..., _beside(level.parents, absolute)]
    return absolute


def leaves_only(absolute: Array, tree: WordTree) -> Array:
    """The same probabilities with 0 for every node that is no leaf. Source: `hierarchy_predictions`, only_leaves."""
    xp = array_namespace(absolute)
    return xp.where(_beside(tree.is_leaf, absolute), absolute, xp.zeros_like(absolute))


def path_probability(conditional: Array, nodes: Array, tree: WordTree) -> Array:
    """P(node) of one node a row: (N, nodes) and (N,) -> (N,). Source: Darknet `get_hierarchy_probability`."""
    xp = array_namespace(conditional)
    parents = _beside(tree.parents, conditional)
    rows = xp.arange(conditional.shape[0], device=conditional.device)
    product = conditional[rows, nodes]
    for _ in range(len(tree.levels)):
        nodes = xp.where(nodes >= 0, parents[nodes], nodes)  # a root has parent -1, which stays
        product = xp.where(nodes >= 0, product * conditional[rows, nodes], product)
    return product


def spans_of(nodes: Array, tree: WordTree) -> Array:
    """(N, 2) spans of these nodes (N,): a node lies below another, or is it, where its span lies in the other's."""
    return _beside(tree.spans, nodes)[nodes]


def top_prediction(
    conditional: Array, tree: WordTree, *, threshold: float, depth: int | None = None, faithful: bool = False
) -> Array:
    """The deepest node still likely enough, a row: (N, nodes) -> (N,) int64.

    From the roots down, always to the best child, while P(node) > threshold and no deeper than `depth` (a root is 0).
    If no root passes, the best root is the answer.

    `faithful`: Darknet multiplies values that are products already, so that a node counts again for every step below
    it, and the walk ends earlier (four steps of 0.9: 0.349 instead of 0.656).
    Source: Darknet `hierarchy_top_prediction`.
    """
    xp = array_namespace(conditional)
    on = {"device": conditional.device}
    count, last = conditional.shape[0], conditional.shape[1] - 1
    offsets, sizes = _beside(tree.offsets, conditional), _beside(tree.sizes, conditional)
    children = _beside(tree.children, conditional)

    top = xp.zeros(count, dtype=xp.int64, **on)
    walking = xp.arange(count, **on)  # the rows that have not arrived
    groups = xp.zeros(count, dtype=xp.int64, **on)  # what they stand before
    absolute = reached = xp.ones(count, dtype=conditional.dtype, **on)  # P(the node above), and what the threshold sees
    for level in range(len(tree.levels) + 1):
        if walking.shape[0] == 0:
            break
        members = xp.arange(int(xp.max(sizes[groups])), **on)  # (largest of these groups,)
        nodes = xp.clip(offsets[groups][:, None] + members, None, last)  # (walking, members)
        values = xp.where(members < sizes[groups][:, None], conditional[walking[:, None], nodes], -1.0)
        best = xp.argmax(values, axis=1)
        probability = xp.max(values, axis=1)
        absolute = absolute * probability
        # Darknet: get_region_detections walks over absolute values, and hierarchy_top_prediction multiplies them again
        reached = reached * (absolute if faithful else probability)
        passes = reached > threshold
        node = offsets[groups] + best
        is_answer = passes if level > 0 else xp.ones_like(passes)
        top[walking[is_answer]] = node[is_answer]
        goes_on = passes & (children[node] >= 0)
        if depth is not None and level >= depth:
            break
        walking, groups = walking[goes_on], children[node][goes_on]
        absolute, reached = absolute[goes_on], reached[goes_on]
    return top


def _shares(logits: Array, axis: int) -> Array:
    xp = array_namespace(logits)
    powers = xp.exp(logits - xp.max(logits, axis=axis, keepdims=True))
    return powers / xp.sum(powers, axis=axis, keepdims=True)


def _beside(array: NDArray[Any], other: Array) -> Array:
    """The array as one of the other's library and device."""
    if isinstance(other, np.ndarray):
        return array
    return array_namespace(other).asarray(array.copy(), device=other.device)  # torch warns of read-only memory


def _depths(parents: Indices) -> Indices:
    """How many nodes are above each. The distance looked over doubles with every step: a long chain costs little."""
    depths, above = (parents >= 0).astype(np.int64), parents
    while np.any(above >= 0):
        depths = depths + np.where(above >= 0, depths[above], 0)
        above = np.where(above >= 0, above[above], -1)
    return depths


def _spans(parents: Indices, depths: Indices) -> Indices:
    """(nodes, 2) places in a walk depth first: a node's own, and that of the last node below it."""
    below = np.ones(len(parents), np.int64)  # nodes in the subtree of each, itself among them
    levels = _levels(parents, depths)
    for level in reversed(levels):
        np.add.at(below, level.parents, below[level.nodes])
    ahead = np.cumsum(below) - below  # siblings stand together, so the difference of two counts those between them
    first = np.zeros(len(parents), np.int64)
    roots = depths == 0
    first[roots] = np.cumsum(below[roots]) - below[roots]
    for level in levels:
        eldest = np.append(True, level.parents[1:] != level.parents[:-1])
        start = ahead[level.nodes][np.flatnonzero(eldest)[np.cumsum(eldest) - 1]]
        first[level.nodes] = first[level.parents] + 1 + ahead[level.nodes] - start
    return np.stack((first, first + below - 1), axis=1)


def _levels(parents: Indices, depths: Indices) -> tuple[Level, ...]:
    by_depth = np.argsort(depths, kind="stable")
    _, *below = np.split(by_depth, np.cumsum(np.bincount(depths))[:-1])
    return tuple(Level(nodes, parents[nodes]) for nodes in below)


def _buckets(offsets: Indices, sizes: Indices) -> tuple[tuple[Bucket, ...], Indices]:
    buckets: list[Bucket] = []
    order: list[Indices] = []
    start = 0
    for size in map(int, np.unique(sizes)):
        first: Indices = offsets[sizes == size]
        by_member: Indices = first + np.arange(size)[:, None]  # (size, groups)
        order.append(by_member.reshape(-1))
        buckets.append(Bucket(size, start, start + size * len(first)))
        start = buckets[-1].stop
    return tuple(buckets), np.concatenate(order)
