"""Darknet .tree and .map files: nodes and their parents, nodes of classes. Their meaning is hierarchy/wordtree.py's."""

import re
from pathlib import Path
from typing import NamedTuple

from yolov2.darknet.sections import shown
from yolov2.darknet.text import read_text
from yolov2.errors import TreeError

WHOLE_NUMBER = re.compile(r"-?[0-9]{1,9}")


class Tree(NamedTuple):
    """The nodes of a .tree file in the order of its lines."""

    names: tuple[str, ...]
    parents: tuple[int, ...]  # index of the parent's node, which is an earlier one; -1 for a root


def read_tree(path: Path) -> Tree:
    """The nodes of a .tree file, each line `name parent`. Raises TreeError.

    Darknet takes any order of lines and is silently wrong for most: siblings must stand together, behind their parent.
    Source: Darknet `read_tree`.
    """
    names: list[str] = []
    parents: list[int] = []
    last_of: dict[int, int] = {}  # parent -> its latest child
    for node, line in enumerate(_read_lines(path, "a .tree file")):
        where = f"{path}:{node + 1}"
        name, parent = _node(line, where)
        if not -1 <= parent < node:
            raise _wrong_parent(node, parent, where)
        if last_of.get(parent, node - 1) != node - 1:
            raise _apart(name, last_of[parent], parent, where)
        last_of[parent] = node
        names.append(name)
        parents.append(parent)
    return Tree(tuple(names), tuple(parents))


def read_map(path: Path, *, nodes: int | None = None) -> tuple[int, ...]:
    """The node of every class of a .map file, a number a line; `nodes` is how many the tree has. Raises TreeError.

    Source: Darknet `read_map`.
    """
    numbers: list[int] = []
    for index, line in enumerate(_read_lines(path, "a .map file")):
        if not WHOLE_NUMBER.fullmatch(line) or int(line) < 0 or (nodes is not None and int(line) >= nodes):
            expected = "the number of a node, from 0" + ("" if nodes is None else f" to {nodes - 1}")
            found = shown(line) if line else "a blank line"
            raise TreeError.at(f"{path}:{index + 1}", found=found, expected=expected, repair="correct the line")
        numbers.append(int(line))
    return tuple(numbers)


def _node(line: str, where: str) -> tuple[str, int]:
    """The name and parent that one line gives."""
    words = line.split()
    if len(words) != 2:
        found = shown(line) if words else "a blank line"
        repair = f"write `{shown(words[0])} -1` if it is a root" if len(words) == 1 else "correct the line"
        raise TreeError.at(where, found=found, expected="a name and its parent", repair=repair)
    name, parent = words
    if not WHOLE_NUMBER.fullmatch(parent):
        expected = "the number of its node, or -1 for a root"
        raise TreeError.at(where, found=f"parent {shown(parent)}", expected=expected, repair="write a whole number")
    return name, int(parent)


def _wrong_parent(node: int, parent: int, where: str) -> TreeError:
    if node == 0:
        repair = "begin with the roots"
        return TreeError.at(where, found=f"parent {parent} on the first line", expected="a root, -1", repair=repair)
    expected = f"-1 or the number of an earlier node, 0 to {node - 1} (line 1 is node 0)"
    repair = "move the parent up, or correct the number"
    return TreeError.at(where, found=f"parent {parent}", expected=expected, repair=repair)


def _apart(name: str, sibling: int, parent: int, where: str) -> TreeError:
    found = f"{shown(name)} with parent {parent}, apart from its sibling on line {sibling + 1}"
    repair = "move it there, and renumber the parents below"
    return TreeError.at(where, found=found, expected="siblings on adjacent lines", repair=repair)


def _read_lines(path: Path, expected: str) -> list[str]:
    """The stripped lines of a text file without blank ones at its end."""
    return [line.strip() for line in read_text(path, expected=expected, refusal=TreeError).rstrip().split("\n")]
