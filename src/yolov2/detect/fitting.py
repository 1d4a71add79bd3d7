"""Whether network, size, tree, map and names belong together: what Detector and Classifier check at their doors."""

from collections.abc import Sequence

from yolov2.errors import ModelError
from yolov2.hierarchy.wordtree import WordTree
from yolov2.network.layers import Region, Softmax, section_name
from yolov2.network.spec import Network


def sized(network: Network, size: int | tuple[int, int] | None) -> Network:
    """The network at one side, or at (height, width); None is its own size. Raises Mismatch if a layer does not fit."""
    if size is None:
        return network
    height, width = (size, size) if isinstance(size, int) else size
    return network.at_size(height, width)


def check_tree(network: Network, tree: WordTree | None, *, classes: int) -> None:
    """Raises ModelError if the head names a tree and there is none, or the other way round, or one of another size."""
    name, head = network.name or "network", network.head
    has_tree = isinstance(head, Region | Softmax) and head.tree is not None
    if has_tree != (tree is not None):
        section = f"[{section_name(head)}]"
        found = "no tree" if has_tree else "a tree"
        expected = f"a WordTree for its {section} with tree=" if has_tree else f"none, as its {section} has no tree="
        repair = "give tree=WordTree.read(FILE), or open the model" if has_tree else "leave the tree out"
        raise ModelError.at(name, found=found, expected=expected, repair=repair)
    if tree is not None and len(tree) != classes:
        found, expected = f"a tree of {len(tree):,} nodes", f"{classes:,}, as many as the network has classes"
        raise ModelError.at(name, found=found, expected=expected, repair="give the tree it was trained with")


def check_names(names: Sequence[str], *, classes: int, where: str) -> None:
    """Raises ModelError if there are names, and not one for every class of an answer."""
    if names and len(names) != classes:
        found, expected = f"{len(names):,} names", f"{classes:,}, one for each class"
        raise ModelError.at(where, found=found, expected=expected, repair="give all of them, or none")


def check_map(chosen: Sequence[int] | None, tree: WordTree | None) -> None:
    """Raises ValueError if a map names what is no node of the tree."""
    if chosen is not None and (tree is None or not all(0 <= node < len(tree) for node in chosen)):
        raise ValueError("map: found nodes without a tree that has them, expected nodes of the tree")
